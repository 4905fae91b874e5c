//! A small service that keeps every promise, and the history of what its clients see: the clean history that tests break.
//!
//! A script of bytes decides what happens next, so that a property test can make any history.

use ana_types::{HashKey, HashRange};

use crate::Sequence;
use crate::history::{
    Asked, At, Batch, Chain, ChainId, Client, Control, ControlAnswer, ControlCall, Existence,
    Expectation, Heal, History, IteratorUse, Leadership, Listing, Put, ReplicaDigest, Retention,
    Rules, Seen, Served, Shard, ShardSeen, Start, Subject, Value, Way,
};

/// When every history begins, Unix milliseconds.
pub(crate) const WALL_MS: u64 = 1_767_225_600_000;
/// How long records live.
pub(crate) const LIVES_MS: u64 = 3_600_000;
/// Producers, each with a key and a client of its own.
const PRODUCERS: usize = 4;
/// Consumers of the pushed chains.
const CONSUMER: u32 = 7;

/// One shard as the service has it.
#[derive(Debug)]
struct Stored {
    shard: Shard,
    parents: Vec<Shard>,
    range: HashRange,
    is_open: bool,
    log: Vec<Seen>,
}

/// A reader that polls one shard.
#[derive(Debug)]
struct Reader {
    stored: usize,
    chain: ChainId,
    next: usize,
    ended: bool,
}

/// The service and its history.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) history: History,
    us: u64,
    sequence: u64,
    shards: Vec<Stored>,
    counters: [u32; PRODUCERS],
    readers: Vec<Reader>,
    reader: Client,
}

impl Service {
    pub(crate) fn new() -> Service {
        let mut history = History::new(Rules {
            keys_in_order: true,
            one_leader_per_term: true,
            ..Rules::default()
        });
        history.retention(Retention {
            since_us: 0,
            lives_ms: LIVES_MS,
        });
        let reader = history.client("reader");
        let mut service = Service {
            history,
            us: 1_000_000,
            sequence: 1000,
            shards: Vec::new(),
            counters: [0; PRODUCERS],
            readers: Vec::new(),
            reader,
        };
        let created = service.control(ControlCall::Create { shards: 2 }, ControlAnswer::Ok);
        let subject = Subject::Stream("river".to_owned());
        service.history.existence(Existence::Made(subject, created));
        for range in HashRange::split_even(2) {
            service.add_shard(range, Vec::new());
        }
        service
    }

    /// A run with a bit of everything.
    pub(crate) fn usual() -> History {
        let mut service = Service::new();
        let script: Vec<u8> = (0..400_u32)
            .map(|step| step.wrapping_mul(97).to_le_bytes()[0])
            .collect();
        for (step, byte) in script.iter().enumerate() {
            if step == 200 {
                service.split();
            }
            service.step(*byte);
        }
        service.finish()
    }

    /// Puts alone, each read once at the end: for the cost of long histories.
    pub(crate) fn long(puts: usize) -> History {
        let mut service = Service::new();
        service.history.reserve_puts(puts);
        for put in 0..puts {
            service.put_acknowledged(put % PRODUCERS, put / 3);
            if put % 100 == 0 {
                service.read_all();
            }
        }
        service.finish()
    }

    pub(crate) fn step(&mut self, byte: u8) {
        let producer = usize::from(byte) % PRODUCERS;
        match byte >> 2 {
            0..32 => self.put_acknowledged(producer, usize::from(byte >> 3)),
            32..36 => self.put_unknown(producer, false),
            36..40 => self.put_unknown(producer, true),
            40..44 => self.put_refused(producer),
            44..48 => self.put_twice(producer),
            48..60 => self.read_all(),
            60 => self.open_reader(Start::Latest),
            61 => {
                let since_ms = self.at().wall_ms.saturating_sub(20);
                self.open_reader(Start::AtTimestamp(since_ms));
            }
            62 => self.list(),
            _ if self.shards.len() < 6 => self.split(),
            _ => self.list(),
        }
    }

    fn tick(&mut self) -> u64 {
        self.us += 1500;
        self.us
    }

    fn at(&mut self) -> At {
        let us = self.tick();
        At::new(us, WALL_MS + us / 1000)
    }

    fn add_shard(&mut self, range: HashRange, parents: Vec<Shard>) {
        let shard = self
            .history
            .shard(&format!("shardId-{:012}", self.shards.len()));
        self.shards.push(Stored {
            shard,
            parents,
            range,
            is_open: true,
            log: Vec::new(),
        });
        self.open_reader_of(self.shards.len() - 1, Start::TrimHorizon);
        self.list();
    }

    fn fresh(&mut self, producer: usize) -> (Put, Value) {
        let sent = self.at();
        let counter = self.counters[producer];
        self.counters[producer] += 1;
        let name = format!("p{producer}");
        let value = Value::new(self.history.producer(&name), counter);
        let key = self.history.key(&name);
        let client = self.history.client(&name);
        let node = self.history.node("node-1");
        (Put::new(value, key, sent).by(client).through(node), value)
    }

    fn store(&mut self, value: Value, pick: usize) -> (Shard, Sequence) {
        self.sequence += 10;
        let sequence = Sequence::from(self.sequence);
        let arrival = self.at().wall_ms;
        let mut open: Vec<&mut Stored> = self.shards.iter_mut().filter(|it| it.is_open).collect();
        let count = open.len();
        let stored = &mut open[pick % count];
        stored.log.push(Seen::new(sequence, Some(value), arrival));
        (stored.shard, sequence)
    }

    fn put_acknowledged(&mut self, producer: usize, pick: usize) {
        let (put, value) = self.fresh(producer);
        let (shard, sequence) = self.store(value, pick);
        let answered = self.tick();
        let put = put.acknowledged(shard, sequence, answered);
        self.history.put(if pick.is_multiple_of(2) {
            put.in_batch()
        } else {
            put
        });
    }

    fn put_unknown(&mut self, producer: usize, is_stored: bool) {
        let (put, value) = self.fresh(producer);
        if is_stored {
            self.store(value, 0);
        }
        self.history.put(put);
    }

    fn put_refused(&mut self, producer: usize) {
        let (put, _) = self.fresh(producer);
        let answered = self.tick();
        let put = put.refused(answered);
        let is_one_of_many = self.us.is_multiple_of(2000);
        self.history
            .put(if is_one_of_many { put.in_batch() } else { put });
    }

    fn put_twice(&mut self, producer: usize) {
        let (put, value) = self.fresh(producer);
        self.store(value, 0);
        let (shard, sequence) = self.store(value, 1);
        let answered = self.tick();
        self.history
            .put(put.acknowledged(shard, sequence, answered).unanswered(1));
    }

    fn open_reader(&mut self, start: Start) {
        for stored in 0..self.shards.len() {
            self.open_reader_of(stored, start);
        }
    }

    fn open_reader_of(&mut self, stored: usize, start: Start) {
        let began = self.at();
        let log = &self.shards[stored].log;
        let next = match start {
            Start::TrimHorizon => 0,
            Start::AtTimestamp(ms) => log.partition_point(|seen| seen.arrival_ms() < ms),
            Start::Latest | Start::At(_) | Start::After(_) => log.len(),
        };
        let shard = self.shards[stored].shard;
        let chain =
            self.history
                .open_chain(Chain::new(shard, self.reader, start, Way::Polled, began));
        self.readers.push(Reader {
            stored,
            chain,
            next,
            ended: false,
        });
    }

    fn read_all(&mut self) {
        for number in 0..self.readers.len() {
            self.read(number, 3);
        }
    }

    fn read(&mut self, number: usize, limit: usize) {
        let asked = self.at();
        let answered_us = self.tick();
        let reader = &mut self.readers[number];
        let stored = &self.shards[reader.stored];
        let upto = stored.log.len().min(reader.next + limit);
        let at_tip = upto == stored.log.len();
        if reader.ended {
            return;
        }
        reader.ended = at_tip && !stored.is_open;
        let batch = Batch {
            asked,
            answered_us,
            behind_ms: Some(if at_tip { 0 } else { 5 }),
            continuation: None,
            is_end: reader.ended,
        };
        let records = stored.log[reader.next..upto].iter().copied();
        self.history
            .chain_mut(reader.chain)
            .answered(batch, records);
        reader.next = upto;
    }

    fn list(&mut self) {
        let asked = self.at();
        let answered_us = self.tick();
        let shards = self.shards.iter().map(|stored| ShardSeen {
            shard: stored.shard,
            parents: stored.parents.clone(),
            range: stored.range,
            is_open: stored.is_open,
        });
        let shards: Vec<ShardSeen> = shards.collect();
        let covers = shards
            .iter()
            .filter(|it| it.is_open)
            .map(|it| it.range.end.0 / 2 - it.range.start.0 / 2);
        // While the shards are being added there is no whole listing yet.
        if covers.sum::<u128>() < u128::MAX / 2 - 10 {
            return;
        }
        let open = (0..)
            .zip(&shards)
            .filter(|(_, it)| it.is_open)
            .map(|(number, _)| number);
        self.control_at(
            ControlCall::List,
            ControlAnswer::Open(open.collect()),
            (asked.us, answered_us),
        );
        self.history.listing(Listing {
            asked,
            answered_us,
            shards,
        });
    }

    pub(crate) fn split(&mut self) {
        let Some(parent) = self.shards.iter().position(|stored| stored.is_open) else {
            return;
        };
        let range = self.shards[parent].range;
        let middle = range.start.0 + (range.end.0 - range.start.0) / 2;
        let number = u32::try_from(parent).expect("few shards");
        self.control(ControlCall::Split { shard: number }, ControlAnswer::Ok);
        self.shards[parent].is_open = false;
        let shard = self.shards[parent].shard;
        let end = HashKey(middle);
        let start = HashKey(middle + 1);
        self.add_shard(HashRange { end, ..range }, vec![shard]);
        self.add_shard(HashRange { start, ..range }, vec![shard]);
    }

    fn control(&mut self, call: ControlCall, answer: ControlAnswer) -> Asked {
        let (asked, answered) = (self.tick(), self.tick());
        self.control_at(call, answer, (asked, answered))
    }

    fn control_at(
        &mut self,
        call: ControlCall,
        answer: ControlAnswer,
        (asked_us, answered_us): (u64, u64),
    ) -> Asked {
        let when = Asked {
            asked_us,
            answered_us,
        };
        let client = self.history.client("admin");
        self.history.control(Control {
            stream: "river".to_owned(),
            client,
            call,
            answer,
            when,
        });
        when
    }

    /// Healing, the last reads, and what replicas and leaders say.
    pub(crate) fn finish(mut self) -> History {
        let healed = self.tick();
        let open = self.shards.iter().filter(|stored| stored.is_open).count();
        for pick in 0..open {
            self.put_acknowledged(0, pick);
        }
        self.history.healed(Heal {
            at_us: healed,
            bound_us: 10_000_000,
            every_shard_is_written: true,
        });
        self.history.expect(Expectation {
            what: "the reader goes on".to_owned(),
            since_us: healed,
            bound_us: 10_000_000,
            met_us: Some(healed + 1),
        });
        self.list();
        self.read_all();
        self.pushed();
        self.cluster();
        self.names();
        let began = self.at();
        for stored in &self.shards {
            let read = self.history.final_read(stored.shard);
            read.begin(began);
            read.extend(stored.log.iter().copied());
            read.complete();
        }
        self.history.everything_was_read(began);
        self.history
    }

    /// Two sessions of one consumer, the second where the first ended; two horizons and two iterators.
    fn pushed(&mut self) {
        let log = self.shards[1].log.clone();
        let shard = self.shards[1].shard;
        let half = log.len() / 2;
        let mut start = Start::TrimHorizon;
        for part in [&log[..half], &log[half..]] {
            let began = self.at();
            let way = Way::Pushed { consumer: CONSUMER };
            let chain = Chain::new(shard, self.reader, start, way, began);
            let chain = self.history.open_chain(chain);
            for records in part.chunks(5) {
                let asked = self.at();
                let last = records.last().map(Seen::sequence);
                start = last.map_or(start, Start::After);
                let batch = Batch {
                    asked,
                    answered_us: asked.us,
                    behind_ms: Some(0),
                    continuation: last,
                    is_end: false,
                };
                let chain = self.history.chain_mut(chain);
                chain.answered(batch, records.iter().copied());
            }
        }
        self.open_reader(Start::TrimHorizon);
        self.read_all();
        let (issued_us, used_us) = (self.tick(), self.us + 400_000_000);
        for (used_us, was_served) in [(issued_us + 1, true), (used_us, false)] {
            self.history.iterator_used(IteratorUse {
                shard,
                issued_us,
                used_us,
                answered_us: used_us + 1,
                was_served,
            });
        }
    }

    fn cluster(&mut self) {
        let nodes = ["node-1", "node-2", "node-3"].map(|name| self.history.node(name));
        for (term, leader) in [(1, nodes[0]), (2, nodes[1])] {
            let by = Leadership {
                group: 1,
                term,
                leader,
            };
            self.history.leader(by);
            for _ in 0..3 {
                let (asked_us, answered_us) = (self.tick(), self.tick());
                self.history.served(Served {
                    by,
                    asked_us,
                    answered_us,
                });
            }
        }
        for round in 0..2 {
            for node in nodes {
                let prefix = |from, upto, at| ReplicaDigest {
                    node,
                    group: 1,
                    from,
                    upto,
                    entries: upto + 1 - from,
                    digest: format!("digest of {from}..={upto}"),
                    at,
                };
                let at = self.at();
                self.history.prefix(prefix(1, 100, at));
                let at = self.at();
                if round == 0 {
                    self.history.replica(prefix(1, 150, at));
                }
            }
        }
    }

    /// A consumer that is made, seen, deleted and made again.
    fn names(&mut self) {
        let consumer = || "c".to_owned();
        let subject = || Subject::Consumer {
            stream: "river".to_owned(),
            consumer: consumer(),
        };
        for _ in 0..2 {
            let register = ControlCall::Register {
                consumer: consumer(),
            };
            let made = self.control(register, ControlAnswer::Ok);
            self.history.existence(Existence::Made(subject(), made));
            let describe = ControlCall::DescribeConsumer {
                consumer: consumer(),
            };
            let there = self.control(describe.clone(), ControlAnswer::Ok);
            self.history.existence(Existence::There(subject(), there));
            let deregister = ControlCall::Deregister {
                consumer: consumer(),
            };
            self.control(deregister, ControlAnswer::Ok);
            self.us += 6_000_000;
            let gone = self.control(describe, ControlAnswer::NotFound);
            self.history.existence(Existence::Gone(subject(), gone));
            self.us += 6_000_000;
        }
    }
}
