//! What producers and consumers of the load write down together: the history for the checker, the measurements, and
//! the lookout for missed records.
//!
//! Must stay true: a record's acknowledgement and a batch that was read are each written down at once, under one lock, so
//! that the lookout never sees half of one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_check::history::{Batch, Chain, ChainId, IteratorUse, Put, Rules, Start, Way};
use ana_check::{At, Client, History, Seen, Sequence, Value};
use ana_drill::quantity::Span;
use ana_env::Env;

use super::judge::KeyOrder;
use super::lookout::Lookout;
use super::meter::Meter;
use super::record::{ConsumerRow, PollGap};
use crate::aggregation;
use crate::client::kinesis::Record;
use crate::verify::payload::Payload;

/// A time without a good answer that is told by name is so much longer than the usual pause.
const GAP_TOLD: Span = Span::from_secs(1);
/// Gaps that are told of each consumer.
const GAPS_MAX: usize = 20;

/// The clock of a run: counts from the start of its load.
#[derive(Debug, Clone)]
pub struct Watch {
    env: Env,
    began: Duration,
}

impl Watch {
    /// A watch that starts now.
    pub fn start(env: Env) -> Watch {
        let began = env.clock.elapsed();
        Watch { env, began }
    }

    /// The time since its start.
    pub fn now(&self) -> Span {
        let passed = self.env.clock.elapsed().saturating_sub(self.began);
        Span::from_micros(u64::try_from(passed.as_micros()).unwrap_or(u64::MAX))
    }

    /// The same with the time of day, as histories have it.
    pub fn at(&self) -> At {
        At::new(self.now().micros(), self.env.clock.now_ms())
    }
}

/// Everything that is written down. Cheap to clone: all clones are one.
#[derive(Debug, Clone)]
pub struct Book {
    watch: Watch,
    run: Arc<str>,
    inner: Arc<Mutex<Inner>>,
}

/// What is behind the lock.
#[derive(Debug)]
pub struct Inner {
    /// For the checker.
    pub history: History,
    /// Measurements.
    pub meter: Meter,
    /// Missed records.
    pub lookout: Lookout,
    /// The consumers, by number.
    pub consumers: Vec<ConsumerRow>,
    /// Counts of the puts.
    pub puts: Puts,
    /// Order of the acknowledged records of each key.
    pub keys: KeyOrder,
}

/// Counts of the puts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Puts {
    /// Records given up without an acknowledgement.
    pub unacked: u64,
    /// Attempts without a clear answer.
    pub retried: u64,
    /// Attempts that were throttled.
    pub throttled: u64,
}

/// A record whose fate is settled.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Its producer.
    pub producer: u32,
    /// Its number there.
    pub counter: u32,
    /// Its key.
    pub key: String,
    /// When the first attempt was sent.
    pub first_sent: Span,
    /// When the attempt was sent that settled it.
    pub sent: At,
    /// Attempts that may have written a copy although no answer said so.
    pub unanswered: u32,
    /// Where it lies, if it was acknowledged: shard and sequence number.
    pub place: Option<(String, Sequence)>,
}

/// One answer to a consumer.
#[derive(Debug)]
pub struct Got<'a> {
    /// Which consumer.
    pub consumer: usize,
    /// Which shard.
    pub shard: &'a str,
    /// The chain of its records.
    pub chain: ChainId,
    /// When it was asked for.
    pub asked: At,
    /// Its records.
    pub records: &'a [Record],
    /// How far behind it said to be.
    pub behind_ms: u64,
    /// Whether the shard has no more.
    pub is_end: bool,
    /// The usual pause between two answers.
    pub pause: Span,
}

impl Book {
    /// An empty book of the run that signs its records with `run`.
    pub fn new(watch: Watch, run: &str) -> Book {
        let rules = Rules {
            keys_in_order: true,
            ..Rules::default()
        };
        let inner = Inner {
            history: History::new(rules),
            meter: Meter::default(),
            lookout: Lookout::default(),
            consumers: Vec::new(),
            puts: Puts::default(),
            keys: KeyOrder::default(),
        };
        Book {
            watch,
            run: run.into(),
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// The clock.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// What signs the records.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Looks into the book, or writes into it.
    pub fn with<R>(&self, change: impl FnOnce(&mut Inner) -> R) -> R {
        change(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A record is acknowledged, or given up.
    pub fn settled(&self, settled: Settled) {
        let now = self.watch.now();
        self.with(|inner| {
            let Inner {
                history,
                meter,
                lookout,
                puts,
                keys,
                ..
            } = inner;
            let producer = history.producer(&producer_name(settled.producer));
            let client = history.client(&producer_name(settled.producer));
            let key = history.key(&settled.key);
            let value = Value::new(producer, settled.counter);
            let mut put = Put::new(value, key, settled.sent).by(client).in_batch();
            match settled.place {
                Some((shard, sequence)) => {
                    put = put.acknowledged(history.shard(&shard), sequence, now.micros());
                    meter.acknowledged(now, &shard, now.less(settled.first_sent));
                    lookout.acknowledged(&shard, sequence);
                    keys.acknowledged(&settled.key, sequence);
                }
                None => {
                    puts.unacked += 1;
                    if settled.unanswered == 0 {
                        put = put.refused(now.micros());
                    }
                }
            }
            history.put(put.unanswered(settled.unanswered));
        });
    }

    /// A consumer is there.
    pub fn consumer(&self, name: &str) -> usize {
        self.with(|inner| {
            inner.consumers.push(ConsumerRow {
                name: name.to_owned(),
                ..ConsumerRow::default()
            });
            inner.consumers.len() - 1
        })
    }

    /// A consumer begins to read a shard.
    pub fn begin_reading(&self, consumer: usize, shard: &str, start: Start) -> ChainId {
        let at = self.watch.at();
        self.with(|inner| {
            let client = inner.client(consumer);
            let seen = inner.history.shard(shard);
            inner.meter.reading(self.watch.now(), consumer, shard);
            let chain = Chain::new(seen, client, start, Way::Polled, at);
            inner.history.open_chain(chain)
        })
    }

    /// A consumer goes on in a shard from a place that its chain does not lead to.
    pub fn new_chain(&self, consumer: usize, shard: &str, start: Start) -> ChainId {
        let at = self.watch.at();
        self.with(|inner| {
            let client = inner.client(consumer);
            let seen = inner.history.shard(shard);
            let chain = Chain::new(seen, client, start, Way::Polled, at);
            inner.history.open_chain(chain)
        })
    }

    /// A consumer has read a shard to its end, or reads no more.
    pub fn end_reading(&self, consumer: usize, shard: &str) {
        self.with(|inner| inner.meter.read_out(consumer, shard));
    }

    /// A consumer was answered well.
    pub fn got(&self, got: &Got<'_>) {
        let now = self.watch.now();
        self.with(|inner| {
            let seen = self.seen(&mut inner.history, got.records);
            let took = now.less(Span::from_micros(got.asked.us));
            let behind = Span::from_millis(got.behind_ms);
            let place = (got.consumer, got.shard);
            let gap = inner.meter.got(now, place, took, behind);
            let batch = Batch {
                asked: got.asked,
                answered_us: now.micros(),
                behind_ms: Some(got.behind_ms),
                continuation: None,
                is_end: got.is_end,
            };
            let last = inner.history.chain_mut(got.chain).seen().last().copied();
            let again = seen
                .iter()
                .filter(|each| last.is_some_and(|last| each.place() <= last.place()));
            let again = u64::try_from(again.count()).unwrap_or(u64::MAX);
            let ours = u64::try_from(seen.len()).unwrap_or(u64::MAX);
            if let Some(last) = got.records.last() {
                let read_to = Sequence::read(&last.sequence_number);
                let places = seen.iter().map(Seen::sequence);
                inner.lookout.read(got.shard, places, read_to);
            }
            inner.history.chain_mut(got.chain).answered(batch, seen);
            if let Some(row) = inner.consumers.get_mut(got.consumer) {
                row.records += ours;
                row.duplicates += again;
                if gap >= got.pause.plus(GAP_TOLD) {
                    note_gap(row, got.shard, now, gap);
                }
            }
        });
    }

    /// A consumer was not answered well.
    pub fn get_failed(&self) {
        let now = self.watch.now();
        self.with(|inner| inner.meter.get_failed(now));
    }

    /// A consumer's iterator was refused as expired.
    pub fn iterator_expired(&self, consumer: usize, shard: &str, (issued, used): (Span, Span)) {
        let now = self.watch.now();
        self.with(|inner| {
            let used = IteratorUse {
                shard: inner.history.shard(shard),
                issued_us: issued.micros(),
                used_us: used.micros(),
                answered_us: now.micros(),
                was_served: false,
            };
            inner.history.iterator_used(used);
            if let Some(row) = inner.consumers.get_mut(consumer) {
                row.renewed += 1;
            }
        });
    }

    /// The records of this run as the history has them. Others, of the user or of earlier runs, are not its business.
    pub fn seen(&self, history: &mut History, records: &[Record]) -> Vec<Seen> {
        let mut seen = Vec::new();
        for record in records {
            let at = Sequence::read(&record.sequence_number);
            let arrival = record.arrival_ms();
            let data = record.bytes();
            let parts = data.as_deref().and_then(aggregation::open);
            let Some(parts) = parts else {
                if self.is_ours(&record.partition_key) {
                    let value = data.as_deref().and_then(|data| self.value(history, data));
                    seen.push(Seen::new(at, value, arrival));
                }
                continue;
            };
            for (number, part) in (0..).zip(parts) {
                if self.is_ours(&part.partition_key) {
                    let value = self.value(history, &part.data);
                    seen.push(Seen::new(at, value, arrival).part(number));
                }
            }
        }
        seen
    }

    /// Whether a record with this key was put by this run, whatever its data say.
    fn is_ours(&self, key: &str) -> bool {
        let rest = key.strip_prefix(&*self.run);
        rest.is_some_and(|rest| rest.starts_with("-k"))
    }

    fn value(&self, history: &History, data: &[u8]) -> Option<Value> {
        let payload = Payload::decode(data).filter(|payload| *payload.run == *self.run)?;
        let producer = history.known_producer(&producer_name(payload.producer))?;
        Some(Value::new(producer, u32::try_from(payload.counter).ok()?))
    }
}

impl Inner {
    fn client(&mut self, consumer: usize) -> Client {
        let name = self.consumers.get(consumer).map(|row| row.name.clone());
        self.history.client(&name.unwrap_or_default())
    }
}

/// The name of a producer in a history.
pub fn producer_name(producer: u32) -> String {
    format!("producer-{producer}")
}

fn note_gap(row: &mut ConsumerRow, shard: &str, now: Span, gap: Span) {
    let began = now.less(gap).micros() / 1000;
    row.gaps.push(PollGap {
        shard: shard.to_owned(),
        at_ms: i64::try_from(began).unwrap_or(i64::MAX),
        length_ms: gap.micros() / 1000,
    });
    row.gaps.sort_by_key(|gap| std::cmp::Reverse(gap.length_ms));
    row.gaps.truncate(GAPS_MAX);
}
