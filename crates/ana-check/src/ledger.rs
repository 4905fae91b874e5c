//! The ledger of an application's own traffic: what nodes noted of acknowledged puts and of what they gave to readers,
//! beside the log as it was read back. From it follow two verdicts that are kept apart: of the cluster, as a [`History`]
//! for [`crate::check()`], and of the application's consumers.
//!
//! A node that dies takes with it what it noted since it was last asked, and a full ring forgets its oldest notes. Such
//! times are holes.
//!
//! Must stay true:
//! - nobody is accused because of a note that is missing: what a hole can explain is counted as not judged;
//! - moments of different nodes are compared only by their bounds on the clock of whoever collected them;
//! - positions are those inside sequence numbers, which grow within a shard.
//!
//! [`History`]: crate::History

mod cluster;
mod consumers;
mod cursor;
mod lineage;
mod ranges;

use std::collections::BTreeMap;
use std::ops::Range;

pub use self::cluster::history;
pub use self::consumers::{Consumer, Pause, consumers};
use crate::sequence::Sequence;

/// After every record: a shard that was read out was read up to here.
pub const END: u64 = 0x7fff_ffff_ffff_ffff;

/// What was noted of one stream. A stream that was deleted and made again has two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamLedger {
    /// Puts that were noted.
    pub puts: Vec<NotedPut>,
    /// What readers were given.
    pub deliveries: Vec<Delivery>,
    /// The stream as it was read back after everything, shard by shard; `None` when that was not done.
    pub log: Option<BTreeMap<String, ShardLog>>,
    /// One of so many acknowledged puts was noted.
    pub one_in: u64,
    /// When notes may be missing: from and to, microseconds of the collector.
    pub holes: Vec<(u64, u64)>,
    /// Since when every node noted.
    pub all_on_us: u64,
    /// When the last fault was taken away.
    pub healed_us: Option<u64>,
    /// When the last notes were taken from every node.
    pub ended_us: u64,
    /// Until when readers were looked at; the reading back began after it.
    pub reads_end_us: u64,
}

/// A put, or the attempt of one whose outcome no answer told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedPut {
    /// Where it was said to lie; `None` when it may have been written or not.
    pub place: Option<(String, Sequence)>,
    /// The hash key that chose its shard: puts of one hash key have an order.
    pub hash_key: u128,
    /// A hash of partition key and data.
    pub content: u64,
    /// The earliest moment at which its request can have arrived.
    pub arrived_us: u64,
    /// The latest moment at which it can have been answered; `u64::MAX` when that is not known.
    pub answered_us: u64,
    /// The node that was asked.
    pub node: u64,
}

/// A shard as it was read back. Whoever puts goes on meanwhile, so that it need not be read to its tip.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShardLog {
    /// Its records, in order.
    pub records: Vec<Stored>,
    /// It was read to its tip: what was acknowledged before is in it.
    pub is_read_out: bool,
}

/// A record of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its sequence number.
    pub sequence: Sequence,
    /// A hash of partition key and data, as nodes make it.
    pub content: u64,
    /// When it arrived, Unix milliseconds.
    pub arrival_ms: u64,
}

/// One answer of GetRecords, or one event of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Who reads, as far as nodes know it: a registered consumer, or whose credentials they are.
    pub reader: String,
    /// How it reads.
    pub way: Way,
    /// The shard.
    pub shard: String,
    /// The iterator type with which it began here; `None` when it went on from the answer before.
    pub begins: Option<String>,
    /// The first position that was to be read.
    pub from: u64,
    /// Where it goes on; [`END`] when the shard has no more.
    pub next: u64,
    /// Records in it.
    pub count: u64,
    /// How far it was behind, milliseconds.
    pub behind_ms: u64,
    /// When it was asked for, or of an event when it was made.
    pub asked_us: u64,
    /// When it was answered.
    pub answered_us: u64,
}

/// How a reader reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It asks.
    Polled {
        /// The connection.
        connection: String,
        /// The iterator it used, hashed.
        iterator: u64,
        /// The iterator it was handed, hashed; `None` at the end of a shard.
        next_iterator: Option<u64>,
    },
    /// It is pushed to.
    Pushed {
        /// The session of SubscribeToShard.
        session: u64,
    },
}

/// Records of a shard that are known, ascending.
#[derive(Debug, Default)]
struct Known {
    positions: Vec<u64>,
    sequences: Vec<Sequence>,
}

impl Known {
    fn of(mut sequences: Vec<Sequence>) -> Known {
        sequences.retain(|sequence| sequence.counter().is_some());
        sequences.sort_unstable();
        sequences.dedup();
        let positions = sequences.iter().filter_map(|sequence| sequence.counter());
        Known {
            positions: positions.collect(),
            sequences,
        }
    }

    /// Those in a range of positions.
    fn inside(&self, range: &Range<u64>) -> &[Sequence] {
        let place = |position| self.positions.partition_point(|at| *at < position);
        let (from, to) = (place(range.start), place(range.end));
        self.sequences.get(from..to.max(from)).unwrap_or_default()
    }
}

impl StreamLedger {
    /// Records that are known, by shard: those noted and those read back.
    fn known(&self) -> BTreeMap<&str, Known> {
        let mut known: BTreeMap<&str, Vec<Sequence>> = BTreeMap::new();
        let noted = self.puts.iter().filter_map(|put| put.place.as_ref());
        for (shard, sequence) in noted {
            known.entry(shard).or_default().push(*sequence);
        }
        for (shard, log) in self.log.iter().flatten() {
            let sequences = log.records.iter().map(|each| each.sequence);
            known.entry(shard).or_default().extend(sequences);
        }
        let known = known.into_iter();
        known
            .map(|(shard, sequences)| (shard, Known::of(sequences)))
            .collect()
    }

    /// Noted acknowledged puts that the log can speak of; all when there is no log.
    pub fn covered(&self) -> impl Iterator<Item = &NotedPut> {
        let puts = self.puts.iter();
        puts.filter(|put| put.place.is_some() && self.covers(put))
    }

    /// Whether the log can say of a put that it is not there: one that was acknowledged while it was read may lie behind
    /// its end.
    fn covers(&self, put: &NotedPut) -> bool {
        let (Some((shard, sequence)), Some(logs)) = (&put.place, &self.log) else {
            return true;
        };
        logs.get(shard).is_some_and(|log| {
            let last = log.records.last().map(|last| last.sequence);
            let is_before = log.is_read_out && put.answered_us < self.reads_end_us;
            is_before || last.is_some_and(|last| *sequence <= last)
        })
    }

    /// Whether every attempt to put something is in it since every node notes: only then can a copy be blamed on anybody.
    pub fn has_every_put(&self) -> bool {
        self.one_in == 1 && !self.has_hole(self.all_on_us, self.ended_us)
    }

    /// Whether it can say of anything that it is a copy: it has every put, and some of them arrived after all that was
    /// under way when nodes began to note.
    pub fn knows_copies(&self) -> bool {
        let mut puts = self.puts.iter();
        self.has_every_put() && puts.any(|put| put.arrived_us >= self.all_on_us)
    }

    /// Whether notes may be missing in this time.
    fn has_hole(&self, from_us: u64, to_us: u64) -> bool {
        let mut holes = self.holes.iter();
        holes.any(|(begin, end)| *begin <= to_us && from_us <= *end)
    }
}

#[cfg(test)]
mod cluster_test;
#[cfg(test)]
mod consumers_test;
#[cfg(test)]
mod fixture;
