//! What producers were promised: every record acknowledged with its place, and every record whose fate is unknown.
//!
//! A record's value is unique in the test: `key counter`. A failed or timed-out put is *unknown*: it may appear in
//! the stream or not, and nothing is claimed about it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::cluster::pause;

/// One acknowledged record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    pub shard: String,
    pub sequence: String,
    /// When the put was sent and when its answer came.
    pub sent: Instant,
    pub answered: Instant,
}

/// The value of a record: which key, and which number in that key's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    pub key: String,
    pub counter: u64,
}

impl Value {
    /// As the bytes that are put.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        format!("{} {}", self.key, self.counter).into_bytes()
    }

    /// From the bytes that were read; `None` if no producer of ours wrote them.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Value> {
        let (key, counter) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
        Some(Value {
            key: key.to_owned(),
            counter: counter.parse().ok()?,
        })
    }
}

/// Filled by producers while they run, read by the verdict afterwards.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Mutex<Entries>,
}

/// The ledger's content.
#[derive(Debug, Default, Clone)]
pub struct Entries {
    pub acknowledged: BTreeMap<Value, Acknowledged>,
    pub unknown: BTreeMap<Value, Instant>,
}

impl Ledger {
    /// Notes one acknowledged record.
    pub fn acknowledge(&self, value: Value, acknowledged: Acknowledged) {
        self.lock().acknowledged.insert(value, acknowledged);
    }

    /// Notes a record whose put failed or timed out.
    pub fn unknown(&self, value: Value, sent: Instant) {
        self.lock().unknown.insert(value, sent);
    }

    /// How many records were acknowledged so far.
    pub fn count(&self) -> usize {
        self.lock().acknowledged.len()
    }

    /// A copy of everything.
    pub fn entries(&self) -> Entries {
        self.lock().clone()
    }

    /// Waits until each of so many shards has acknowledged a put sent after `since`, and answers how long the last one took.
    ///
    /// # Errors
    /// When that takes longer than `within`.
    pub async fn every_shard(
        &self,
        shards: usize,
        since: Instant,
        within: Duration,
    ) -> Result<Duration> {
        loop {
            let first = self.resumed_after(since);
            if first.len() == shards {
                return Ok(first.into_values().max().unwrap_or_default());
            }
            ensure!(
                since.elapsed() < within,
                "of {shards} shards only {first:?} acknowledge"
            );
            pause(10).await;
        }
    }

    /// For each shard, how long after `fault` the first put was acknowledged that was *sent* after it.
    pub fn resumed_after(&self, fault: Instant) -> BTreeMap<String, Duration> {
        let mut first: BTreeMap<String, Duration> = BTreeMap::new();
        for each in self
            .lock()
            .acknowledged
            .values()
            .filter(|each| each.sent >= fault)
        {
            let gap = each.answered.duration_since(fault);
            first
                .entry(each.shard.clone())
                .and_modify(|least| *least = gap.min(*least))
                .or_insert(gap);
        }
        first
    }

    /// The longest time between two acknowledgements of one shard, from `since` until now.
    pub fn longest_gap_since(&self, since: Instant) -> Duration {
        let until = crate::cluster::now();
        let mut answers: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
        for each in self.lock().acknowledged.values() {
            let of_shard = answers.entry(each.shard.clone()).or_default();
            if each.answered >= since {
                of_shard.push(each.answered);
            }
        }
        answers
            .into_values()
            .map(|mut of_shard| {
                of_shard.sort_unstable();
                let from = std::iter::once(since).chain(of_shard.iter().copied());
                let upto = of_shard.iter().copied().chain(std::iter::once(until));
                from.zip(upto)
                    .map(|(a, b)| b.saturating_duration_since(a))
                    .max()
                    .unwrap_or_default()
            })
            .max()
            .unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
