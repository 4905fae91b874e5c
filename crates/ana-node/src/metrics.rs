//! What one node counts of the requests it answered, in the words of CloudWatch: `GET /_ana/metrics`.
//!
//! ```text
//!   service ── each answer ──> Metrics (counts) ── scrape ──> OpenMetrics text, read by Prometheus
//! ```
//! Must stay true:
//! - counting never fails and never waits: one short lock, no await under it;
//! - memory is bounded ([`STREAMS_MAX`], [`SHARDS_MAX`], [`CONSUMERS_MAX`]); what no longer exists is dropped at a scrape;
//! - a shard is shown only in those metrics that EnableEnhancedMonitoring switched on for its stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_raft::GroupStatus;
use ana_router::ops::Monitored;
use ana_types::{ConsumerName, ShardIndex, StreamName};
use ana_wire::{Fault, Operation};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

mod counts;
mod show;
#[cfg(test)]
mod metrics_test;

pub(crate) use self::counts::bytes_of;
use self::counts::{ConsumerCounts, ShardCounts, StreamCounts};
pub use self::counts::{PutOutcome, ReadOutcome};
use self::show::Scrape;

/// Streams counted at the same time.
const STREAMS_MAX: usize = 10_000;
/// Shards counted at the same time, over all streams.
const SHARDS_MAX: usize = 100_000;
/// Consumers counted at the same time, over all streams.
const CONSUMERS_MAX: usize = 10_000;

/// Upper bounds of the latency buckets, seconds.
const LATENCY_BUCKETS_S: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// The `Content-Type` of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counts of one node. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    answers: Family<AnswerLabels, Counter>,
    latency: Family<OperationLabels, Histogram, fn() -> Histogram>,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    operation: &'static str,
    /// `ok`, or AWS's name of the error.
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

/// What is counted by stream.
#[derive(Debug, Clone, Default)]
struct Counts {
    streams: BTreeMap<StreamName, StreamCounts>,
    shards: usize,
    consumers: usize,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            answers: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS_S)),
            counts: Arc::default(),
        }
    }
}

impl Metrics {
    /// One operation was answered.
    pub fn answered(&self, operation: Operation, refusal: Option<&Fault>, after: Duration) {
        let operation = operation.name();
        let result = refusal.map_or("ok", |fault| fault.kind.name());
        self.answers
            .get_or_create(&AnswerLabels { operation, result })
            .inc();
        self.latency
            .get_or_create(&OperationLabels { operation })
            .observe(after.as_secs_f64());
    }

    /// A PutRecord was judged by its shard.
    pub fn put_record(&self, stream: &StreamName, outcome: PutOutcome) {
        self.with_stream(stream, |counts, room| counts.put_record(outcome, room));
    }

    /// A PutRecords was judged record by record.
    pub fn put_records(&self, stream: &StreamName, outcomes: impl Iterator<Item = PutOutcome>) {
        self.with_stream(stream, |counts, room| counts.put_records(outcomes, room));
    }

    /// A GetRecords was answered or throttled.
    pub fn get_records(&self, stream: &StreamName, shard: ShardIndex, outcome: ReadOutcome) {
        self.with_stream(stream, |counts, room| {
            counts.get_records(shard, outcome, room);
        });
    }

    /// A subscription began, or was refused because of its rate.
    pub fn subscribed(&self, stream: &StreamName, consumer: &ConsumerName, accepted: bool) {
        self.with_stream(stream, |counts, room| {
            counts.subscribed(consumer, accepted, room);
        });
    }

    /// An event was pushed.
    pub fn pushed(
        &self,
        stream: &StreamName,
        consumer: &ConsumerName,
        shard: ShardIndex,
        event: ReadOutcome,
    ) {
        self.with_stream(stream, |counts, room| {
            counts.pushed(consumer, shard, event, room);
        });
    }

    /// The text for Prometheus. `existing` are the streams that there are, `replicas` those of this node.
    pub fn render(
        &self,
        existing: BTreeMap<StreamName, Monitored>,
        replicas: Vec<GroupStatus>,
    ) -> String {
        let mut registry = Registry::with_prefix("ana");
        registry.register(
            "answers",
            "Requests answered, by operation and result",
            self.answers.clone(),
        );
        registry.register_with_unit(
            "operation",
            "Time from the whole request to the answer; of SubscribeToShard to its beginning",
            Unit::Seconds,
            self.latency.clone(),
        );
        let counts = {
            let mut counts = self.lock();
            counts.keep(&existing);
            counts.streams.clone()
        };
        registry.register_collector(Box::new(Scrape {
            counts,
            existing,
            replicas,
        }));
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing to a String does not fail");
        text
    }

    fn with_stream(
        &self,
        stream: &StreamName,
        count: impl FnOnce(&mut StreamCounts, &mut Room<'_>),
    ) {
        let mut counts = self.lock();
        let Counts {
            streams,
            shards,
            consumers,
        } = &mut *counts;
        if !streams.contains_key(stream) {
            if streams.len() >= STREAMS_MAX {
                return;
            }
            streams.insert(stream.clone(), StreamCounts::default());
        }
        let entry = streams.get_mut(stream).expect("there, or just inserted");
        count(entry, &mut Room { shards, consumers });
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Drops what no longer exists.
    fn keep(&mut self, existing: &BTreeMap<StreamName, Monitored>) {
        self.streams.retain(|name, counts| {
            let Some(there) = existing.get(name) else {
                return false;
            };
            counts
                .shards
                .retain(|shard, _| there.shards.contains(shard));
            counts
                .consumers
                .retain(|name, _| there.consumers.contains(name));
            true
        });
        self.shards = self.streams.values().map(|it| it.shards.len()).sum();
        self.consumers = self.streams.values().map(|it| it.consumers.len()).sum();
    }
}

/// Places left for shards and consumers, over all streams.
#[derive(Debug)]
struct Room<'a> {
    shards: &'a mut usize,
    consumers: &'a mut usize,
}

impl Room<'_> {
    fn shard<'c>(
        &mut self,
        shards: &'c mut BTreeMap<ShardIndex, ShardCounts>,
        shard: ShardIndex,
    ) -> Option<&'c mut ShardCounts> {
        place(shards, &shard, self.shards, SHARDS_MAX)
    }

    fn consumer<'c>(
        &mut self,
        consumers: &'c mut BTreeMap<ConsumerName, ConsumerCounts>,
        consumer: &ConsumerName,
    ) -> Option<&'c mut ConsumerCounts> {
        place(consumers, consumer, self.consumers, CONSUMERS_MAX)
    }
}

/// The counts of `key`, made when there is room.
fn place<'c, K: Ord + Clone, V: Default>(
    counts: &'c mut BTreeMap<K, V>,
    key: &K,
    taken: &mut usize,
    taken_max: usize,
) -> Option<&'c mut V> {
    if !counts.contains_key(key) {
        if *taken >= taken_max {
            return None;
        }
        *taken += 1;
        counts.insert(key.clone(), V::default());
    }
    counts.get_mut(key)
}
