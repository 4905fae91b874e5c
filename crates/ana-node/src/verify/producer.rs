//! One producer of a verification: writes batches, settles each record, keeps its book.
//!
//! Must stay true: a record of a key is sent only after the previous record of that key was
//! acknowledged or given up. Hence a batch never holds a key twice, and the next batch waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ana_check::Sequence;
use ana_env::time;
use tokio::sync::watch;

use super::ledger::Ledger;
use super::payload::Payload;

use crate::client::error::ClientError;
use crate::client::kinesis::{PutEntry, PutResult};
use crate::client::{Client, Retry};
use crate::histogram::Histogram;

/// A batch that is not settled after this long is given up: its open records stay unacknowledged.
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// After the end of the run has been called, an open batch gets this long to settle.
const SETTLE_AFTER_STOP: Duration = Duration::from_secs(10);

/// What all producers of a run write together.
#[derive(Debug, Default)]
pub struct Meter {
    counts: Mutex<Counts>,
}

/// Counts of a run so far.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Record attempts answered with a throttle: certainly not written.
    pub throttled: u64,
    /// Record attempts that ended without an answer.
    pub unsure: u64,
    /// Records given up without an acknowledgement.
    pub given_up: u64,
    /// From first attempt to acknowledgement, per record.
    pub latency: Histogram,
    /// Longest time without an acknowledgement on a shard that had one before and after.
    pub gap_max: Duration,
    last_per_shard: BTreeMap<String, Duration>,
}

impl Meter {
    /// A copy of the counts.
    pub fn counts(&self) -> Counts {
        self.with(|counts| counts.clone())
    }

    /// Records acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.with(|counts| counts.acknowledged)
    }

    fn with<R>(&self, change: impl FnOnce(&mut Counts) -> R) -> R {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn acknowledged_one(&self, shard: &str, now: Duration, latency: Duration) {
        self.with(|counts| {
            counts.acknowledged += 1;
            counts.latency.record(latency);
            if let Some(last) = counts.last_per_shard.get_mut(shard) {
                counts.gap_max = counts.gap_max.max(now.saturating_sub(*last));
                *last = now;
            } else {
                counts.last_per_shard.insert(shard.to_owned(), now);
            }
        });
    }
}

/// The plan of one producer.
#[derive(Debug)]
pub struct Plan {
    /// The stream.
    pub stream: String,
    /// Identity of the run.
    pub run: String,
    /// Which producer this is.
    pub producer: u32,
    /// Partition keys it uses.
    pub keys: u64,
    /// Records per request; at most `keys`.
    pub batch: u64,
    /// Data bytes per record at least.
    pub record_bytes: usize,
    /// A batch begins at most this often; zero for as fast as it goes.
    pub interval: Duration,
    /// Ends after this many records.
    pub records_max: Option<u64>,
}

impl Plan {
    /// The key of a counter: neighbours have different keys.
    pub fn key(&self, counter: u64) -> String {
        format!("{}-p{}-k{}", self.run, self.producer, counter % self.keys)
    }
}

/// A producer at work.
#[derive(Debug)]
pub struct Producer {
    client: Client,
    plan: Plan,
    meter: Arc<Meter>,
    stop: watch::Receiver<bool>,
    ledger: Ledger,
}

impl Producer {
    /// A producer with a connection of its own. It makes every attempt itself, so that it can book
    /// it.
    pub fn new(
        client: Client,
        plan: Plan,
        meter: Arc<Meter>,
        stop: watch::Receiver<bool>,
    ) -> Producer {
        let client = client.with_retry(Retry::never());
        Producer {
            client,
            plan,
            meter,
            stop,
            ledger: Ledger::default(),
        }
    }

    /// Writes until told to stop or the quota is reached; gives back its book.
    ///
    /// # Errors
    /// An answer that no retry can mend, such as an unknown stream.
    pub async fn run(mut self) -> Result<Ledger, ClientError> {
        let mut left = self.plan.records_max.unwrap_or(u64::MAX);
        let mut pace = (!self.plan.interval.is_zero()).then(|| time::interval(self.plan.interval));
        while left > 0 && !*self.stop.borrow() {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            let size = self.plan.batch.min(left);
            left -= size;
            let batch: Vec<u64> = (0..size).map(|_| self.ledger.open_next()).collect();
            self.settle(batch).await?;
        }
        Ok(self.ledger)
    }

    async fn settle(&mut self, mut open: Vec<u64>) -> Result<(), ClientError> {
        let clock = Arc::clone(&self.client.env().clock);
        let began = clock.elapsed();
        let mut stopped_at = None;
        let mut pause = Duration::from_millis(20);
        loop {
            let entries: Vec<PutEntry> = open.iter().map(|counter| self.entry(*counter)).collect();
            match self.client.put_records(&self.plan.stream, &entries).await {
                Ok(answer) => open = self.book(open, &answer.value.records, began)?,
                Err(error) if error.is_worth_a_retry() => self.book_failure(&open, &error),
                Err(error) => return Err(error),
            }
            if open.is_empty() {
                return Ok(());
            }
            let now = clock.elapsed();
            if *self.stop.borrow() {
                stopped_at.get_or_insert(now);
            }
            let stopped_for = stopped_at.map_or(Duration::ZERO, |at| now.saturating_sub(at));
            if now.saturating_sub(began) > SETTLE_MAX || stopped_for > SETTLE_AFTER_STOP {
                let given_up = u64::try_from(open.len()).unwrap_or(u64::MAX);
                self.meter.with(|counts| counts.given_up += given_up);
                return Ok(());
            }
            let spread = self.client.env().rng.next_u64() % 20;
            time::sleep(pause + Duration::from_millis(spread)).await;
            pause = (pause * 2).min(Duration::from_millis(300));
        }
    }

    fn entry(&self, counter: u64) -> PutEntry {
        let payload = Payload {
            run: self.plan.run.clone(),
            producer: self.plan.producer,
            counter,
        };
        PutEntry::new(
            self.plan.key(counter),
            &payload.encode(self.plan.record_bytes),
        )
    }

    /// Books an answer; gives back the counters that are still open.
    fn book(
        &mut self,
        sent: Vec<u64>,
        results: &[PutResult],
        began: Duration,
    ) -> Result<Vec<u64>, ClientError> {
        let now = self.client.env().clock.elapsed();
        let mut open = Vec::new();
        for (counter, result) in sent.into_iter().zip(results) {
            let PutResult {
                sequence_number,
                shard_id,
                error_code,
                ..
            } = result;
            if let (Some(number), Some(shard)) = (sequence_number, shard_id) {
                let at: Sequence = number.parse().map_err(|_bad| ClientError::Unreadable {
                    operation: "PutRecords",
                    why: format!("sequence number {number}"),
                })?;
                self.ledger.acknowledge(counter, at);
                self.meter
                    .acknowledged_one(shard, now, now.saturating_sub(began));
                continue;
            }
            open.push(counter);
            if error_code.as_deref() == Some("ProvisionedThroughputExceededException") {
                self.meter.with(|counts| counts.throttled += 1);
            } else {
                self.ledger.unsure(counter);
                self.meter.with(|counts| counts.unsure += 1);
            }
        }
        Ok(open)
    }

    fn book_failure(&mut self, sent: &[u64], error: &ClientError) {
        let records = u64::try_from(sent.len()).unwrap_or(u64::MAX);
        if !error.may_have_happened() {
            self.meter.with(|counts| counts.throttled += records);
            return;
        }
        for counter in sent {
            self.ledger.unsure(*counter);
        }
        self.meter.with(|counts| counts.unsure += records);
    }
}
