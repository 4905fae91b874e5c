//! What clients and replicas know of one stream's run, and how it is written down.
//!
//! A history is of one life of one stream: what was put, read, listed and seen of it. (A stream that was deleted and
//! made again has two; operations on streams and consumers may be in either.) Names are given once and are small numbers
//! from then on, because a long run has millions of records.
//!
//! Must stay true:
//! - Order of writing down does not matter, except inside a chain and inside a read: their records are in the order in
//!   which they came.
//! - Times of one history come from one monotonic clock; the wall clock is what that client's machine said.

use std::collections::BTreeMap;

mod put;
mod read;
mod cluster;
mod control;

pub use cluster::{
    Expectation, Heal, Leadership, Listing, ReplicaDigest, Retention, Served, ShardSeen,
};
pub use control::{Asked, Control, ControlAnswer, ControlCall, Existence, Subject};
pub use put::{Outcome, Put};
pub use read::{Batch, Chain, ChainId, FinalRead, IteratorUse, Seen, Start, Way};

/// A moment: microseconds of the history's monotonic clock, and what the client's wall clock said (Unix milliseconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct At {
    /// Microseconds since the history began.
    pub us: u64,
    /// Unix milliseconds.
    pub wall_ms: u64,
}

impl At {
    /// A moment.
    pub const fn new(us: u64, wall_ms: u64) -> At {
        At { us, wall_ms }
    }
}

macro_rules! small_names {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// Its place in the order in which names were given.
            pub fn index(self) -> usize {
                usize::try_from(self.0).unwrap_or(usize::MAX)
            }
        }
    )*};
}

small_names! {
    /// A shard of the stream.
    Shard,
    /// A partition key.
    Key,
    /// Who numbers records: its counters are used once.
    Producer,
    /// Who asks, one request after another: its requests have an order.
    Client,
    /// A node of the cluster.
    Node,
}

/// The value of a record, unique in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    /// Who made it.
    pub producer: Producer,
    /// Which of that producer's.
    pub counter: u32,
}

impl Value {
    /// A value.
    pub const fn new(producer: Producer, counter: u32) -> Value {
        Value { producer, counter }
    }
}

/// Names by number and numbers by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    by_name: BTreeMap<String, u32>,
    by_number: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = u32::try_from(self.by_number.len())
            .expect("four thousand million names do not fit in memory");
        self.by_name.insert(name.to_owned(), number);
        self.by_number.push(name.to_owned());
        number
    }

    pub(crate) fn name(&self, number: u32) -> &str {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        self.by_number.get(index).map_or("?", String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }
}

/// What must be known to judge, and is no observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Each key has one client, which waits for the answer to a put before its next put with that key: the counters of a
    /// key's acknowledged records are in the order they were put.
    pub keys_in_order: bool,
    /// A term has at most one leader. Not so with openraft, which numbers elections by term and node.
    pub one_leader_per_term: bool,
    /// A record this close to the end of its retention may be there or not, milliseconds.
    pub horizon_slack_ms: u64,
    /// How long an iterator lives, and how much later it may still be taken, milliseconds.
    pub iterator_ms: u64,
    /// Slack for the life of an iterator, milliseconds.
    pub iterator_slack_ms: u64,
    /// A node may answer questions about streams, shards and consumers from what it knew this long ago, milliseconds.
    pub metadata_lag_ms: u64,
    /// When a second subscription takes over, the first may still get events for this long, milliseconds.
    pub takeover_ms: u64,
    /// Bound of the search for an order of control-plane operations, steps.
    pub control_steps_max: u64,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            keys_in_order: false,
            one_leader_per_term: false,
            horizon_slack_ms: 2000,
            iterator_ms: 300_000,
            iterator_slack_ms: 5000,
            metadata_lag_ms: 5000,
            takeover_ms: 5000,
            control_steps_max: 1_000_000,
        }
    }
}

/// What clients and replicas know of one stream's run.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// What must be known to judge.
    pub rules: Rules,
    pub(crate) shards: Names,
    pub(crate) keys: Names,
    pub(crate) producers: Names,
    pub(crate) clients: Names,
    pub(crate) nodes: Names,
    pub(crate) puts: Vec<Put>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) iterators: Vec<IteratorUse>,
    pub(crate) finals: BTreeMap<Shard, FinalRead>,
    pub(crate) read_everything: Option<At>,
    pub(crate) listings: Vec<Listing>,
    pub(crate) replicas: Vec<ReplicaDigest>,
    pub(crate) prefixes: Vec<ReplicaDigest>,
    pub(crate) leaders: Vec<Leadership>,
    pub(crate) served: Vec<Served>,
    pub(crate) retention: Vec<Retention>,
    pub(crate) heals: Vec<Heal>,
    pub(crate) expectations: Vec<Expectation>,
    pub(crate) sentinels: Vec<String>,
    pub(crate) control: Vec<Control>,
    pub(crate) existence: Vec<Existence>,
}

impl History {
    /// An empty history.
    pub fn new(rules: Rules) -> History {
        History {
            rules,
            ..History::default()
        }
    }

    /// Room for so many puts, so that a long history does not grow by doubling.
    pub fn reserve_puts(&mut self, puts: usize) {
        self.puts.reserve_exact(puts);
    }

    /// The shard of this id.
    pub fn shard(&mut self, id: &str) -> Shard {
        Shard(self.shards.number(id))
    }

    /// The partition key of this text.
    pub fn key(&mut self, text: &str) -> Key {
        Key(self.keys.number(text))
    }

    /// The producer of this name.
    pub fn producer(&mut self, name: &str) -> Producer {
        Producer(self.producers.number(name))
    }

    /// The producer of this name, if it ever made anything: for values that were read.
    pub fn known_producer(&self, name: &str) -> Option<Producer> {
        self.producers.by_name.get(name).copied().map(Producer)
    }

    /// The client of this name.
    pub fn client(&mut self, name: &str) -> Client {
        Client(self.clients.number(name))
    }

    /// The node of this name.
    pub fn node(&mut self, name: &str) -> Node {
        Node(self.nodes.number(name))
    }

    /// The id of a shard.
    pub fn shard_name(&self, shard: Shard) -> &str {
        self.shards.name(shard.0)
    }

    /// The name of a node.
    pub fn node_name(&self, node: Node) -> &str {
        self.nodes.name(node.0)
    }

    /// The text of a partition key.
    pub fn key_text(&self, key: Key) -> &str {
        self.keys.name(key.0)
    }

    /// A value for people.
    pub fn value_text(&self, value: Value) -> String {
        let producer = self.producers.name(value.producer.0);
        format!("{producer} {}", value.counter)
    }

    /// Notes a put whose fate is settled: acknowledged, refused, or without an answer.
    pub fn put(&mut self, put: Put) {
        self.puts.push(put);
    }

    /// All puts so far.
    pub fn puts(&self) -> &[Put] {
        &self.puts
    }

    /// Begins a chain of reads; [`History::chain_mut`] goes on with it.
    pub fn open_chain(&mut self, chain: Chain) -> ChainId {
        self.chains.push(chain);
        ChainId(self.chains.len() - 1)
    }

    /// A chain that was begun.
    ///
    /// # Panics
    /// If the id is another history's.
    pub fn chain_mut(&mut self, id: ChainId) -> &mut Chain {
        self.chains
            .get_mut(id.0)
            .expect("an id that this history gave")
    }

    /// All chains so far.
    pub fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// Notes what became of an iterator that was used.
    pub fn iterator_used(&mut self, used: IteratorUse) {
        self.iterators.push(used);
    }

    /// The last read of a shard from the trim horizon, after everything; its records are added as they come. A shard has
    /// one.
    pub fn final_read(&mut self, shard: Shard) -> &mut FinalRead {
        self.finals.entry(shard).or_default()
    }

    /// The last listing was read wholly: a shard without a final read holds nothing any more. `began` is when the last
    /// reads began.
    pub fn everything_was_read(&mut self, began: At) {
        self.read_everything = Some(began);
    }

    /// The final reads so far.
    pub fn final_reads(&self) -> impl Iterator<Item = (Shard, &FinalRead)> {
        self.finals.iter().map(|(shard, read)| (*shard, read))
    }

    /// Notes a listing of the stream's shards.
    pub fn listing(&mut self, listing: Listing) {
        self.listings.push(listing);
    }

    /// The latest listing, by when it was asked for.
    pub fn last_listing(&self) -> Option<&Listing> {
        self.listings.iter().max_by_key(|listing| listing.asked.us)
    }

    /// What a replica holds after everything: all replicas of a group are asked for the same range.
    pub fn replica(&mut self, digest: ReplicaDigest) {
        self.replicas.push(digest);
    }

    /// What a replica has committed of a range, asked while the run goes on: never changes again.
    pub fn prefix(&mut self, digest: ReplicaDigest) {
        self.prefixes.push(digest);
    }

    /// Somebody saw this leader elected.
    pub fn leader(&mut self, leadership: Leadership) {
        self.leaders.push(leadership);
    }

    /// A leader carried something out as leader (it acknowledged, or it read under its lease).
    pub fn served(&mut self, served: Served) {
        self.served.push(served);
    }

    /// From this moment on records live so long.
    pub fn retention(&mut self, retention: Retention) {
        self.retention.push(retention);
    }

    /// All faults were lifted.
    pub fn healed(&mut self, heal: Heal) {
        self.heals.push(heal);
    }

    /// Something had to come about within a bound.
    pub fn expect(&mut self, expectation: Expectation) {
        self.expectations.push(expectation);
    }

    /// Something had to come about and did not.
    pub fn stuck(&mut self, what: impl Into<String>) {
        self.expectations.push(Expectation {
            what: what.into(),
            since_us: 0,
            bound_us: 0,
            met_us: None,
        });
    }

    /// What was expected and did not come about in time.
    pub fn stuck_so_far(&self) -> impl Iterator<Item = &Expectation> {
        self.expectations.iter().filter(|it| !it.is_met())
    }

    /// An answer held an empty iterator, a zero timestamp or the like where something had to stand.
    pub fn sentinel(&mut self, what: impl Into<String>) {
        self.sentinels.push(what.into());
    }

    /// Notes an operation on streams, shards or consumers and its answer.
    pub fn control(&mut self, control: Control) {
        self.control.push(control);
    }

    /// Notes that a stream or consumer was made, was deleted, or was seen.
    pub fn existence(&mut self, existence: Existence) {
        self.existence.push(existence);
    }
}
