//! One reader of a shard by GetRecords, from the trim horizon to the tip, once or again and again.
//!
//! Must stay true: a pass counts as complete only when the shard was read from its oldest record to the tip (no
//! records, and 0 ms behind) or to the end of a closed shard. Data is not decoded: reading should cost the reader as
//! little as it can.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ana_env::time;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use crate::client::error::ClientError;
use crate::client::kinesis::StartAt;
use crate::client::{Client, Retry};
use crate::commands::Context;
use crate::histogram::Histogram;

const OPERATION: &str = "GetRecords";
/// After a throttle or a failed request: five calls a second are allowed for a shard.
const PAUSE: Duration = Duration::from_millis(200);

/// What is read, and until when.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) stream: String,
    /// Records of an answer at most.
    pub(super) limit: u32,
    /// No request begins from here on, by the monotonic clock.
    pub(super) until: Duration,
    /// From the beginning again when the tip is reached.
    pub(super) again: bool,
    /// What the keys of the records begin with that are counted one by one; none are without it.
    pub(super) key_begins: Option<Arc<str>>,
}

/// What all readers have read so far, for those who watch.
#[derive(Debug, Default)]
pub(super) struct ReadMeter {
    records: AtomicU64,
}

impl ReadMeter {
    /// Records read.
    pub(super) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }
}

/// What one reader has read, or all of them.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) records: u64,
    /// Data bytes, as they were put.
    pub(super) payload_bytes: u64,
    /// Requests without a good answer, throttles among them.
    pub(super) failed_requests: u64,
    /// Why the last of them failed.
    pub(super) last_failure: Option<String>,
    /// Of answers with records.
    pub(super) latency: Histogram,
    /// Complete passes.
    pub(super) passes: Passes,
}

/// The complete passes of a reader over its shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Passes {
    pub(super) count: u64,
    /// Fewest and most of the records that are counted one by one, in one pass.
    pub(super) fewest: u64,
    pub(super) most: u64,
}

impl Passes {
    fn add(&mut self, counted: u64) {
        if self.count == 0 {
            (self.fewest, self.most) = (counted, counted);
        }
        self.count += 1;
        self.fewest = self.fewest.min(counted);
        self.most = self.most.max(counted);
    }
}

/// What GetRecords tells, as far as it is looked at; nothing is copied unless it is escaped.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page<'a> {
    #[serde(borrow)]
    records: Vec<Record<'a>>,
    next_shard_iterator: Option<String>,
    #[serde(default)]
    millis_behind_latest: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
}

impl Page<'_> {
    fn is_tip(&self) -> bool {
        self.records.is_empty() && self.millis_behind_latest.unwrap_or(0) == 0
    }
}

/// A reader at work.
#[derive(Debug)]
pub(super) struct Reader {
    client: Client,
    plan: Plan,
    shard: String,
    meter: Arc<ReadMeter>,
    read: Read,
}

impl Reader {
    /// A reader with a connection of its own.
    pub(super) fn new(
        context: &Context,
        plan: &Plan,
        shard: &str,
        meter: &Arc<ReadMeter>,
    ) -> Reader {
        Reader {
            client: context.client().with_retry(Retry::never()),
            plan: plan.clone(),
            shard: shard.to_owned(),
            meter: Arc::clone(meter),
            read: Read::default(),
        }
    }

    /// Reads to the tip, or again and again until the time is over.
    ///
    /// # Errors
    /// What no other attempt will do better at.
    pub(super) async fn run(mut self) -> Result<Read, ClientError> {
        while let Some(counted) = self.pass().await? {
            self.read.passes.add(counted);
            if !self.plan.again {
                break;
            }
        }
        Ok(self.read)
    }

    /// From the oldest record to the tip; `None` when the time was over before. Gives back how many records there
    /// were of those that are counted one by one.
    async fn pass(&mut self) -> Result<Option<u64>, ClientError> {
        let Some(mut iterator) = self.horizon().await? else {
            return Ok(None);
        };
        let mut counted = 0;
        loop {
            let input = json!({ "ShardIterator": iterator, "Limit": self.plan.limit });
            let body = Bytes::from(input.to_string());
            let began = self.client.env().clock.elapsed();
            if began >= self.plan.until {
                return Ok(None);
            }
            let answer = self.client.call_encoded(OPERATION, body).await;
            let took = self.client.env().clock.elapsed().saturating_sub(began);
            let Some(answer) = self.or_pause(answer).await? else {
                continue;
            };
            let page = serde_json::from_slice::<Page<'_>>(&answer.value);
            let page = page.map_err(|error| ClientError::Unreadable {
                operation: OPERATION,
                why: error.to_string(),
            })?;
            counted += self.count(&page, took);
            let is_tip = page.is_tip();
            match page.next_shard_iterator {
                Some(next) if !is_tip => iterator = next,
                // The tip, or the end of a closed shard.
                Some(_) | None => return Ok(Some(counted)),
            }
        }
    }

    /// An iterator at the oldest record; `None` when the time is over.
    async fn horizon(&mut self) -> Result<Option<String>, ClientError> {
        while self.client.env().clock.elapsed() < self.plan.until {
            let (stream, shard) = (&self.plan.stream, &self.shard);
            let asked = self.client.shard_iterator(stream, shard, &StartAt::Horizon);
            let asked = asked.await;
            if let Some(iterator) = self.or_pause(asked).await? {
                return Ok(Some(iterator));
            }
        }
        Ok(None)
    }

    /// A good answer; `None` after a pause when asking again may help.
    async fn or_pause<T>(
        &mut self,
        answer: Result<T, ClientError>,
    ) -> Result<Option<T>, ClientError> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_worth_a_retry() => {
                self.read.failed_requests += 1;
                self.read.last_failure = Some(error.to_string());
                time::sleep(PAUSE).await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Counts an answer; gives back how many of its records are counted one by one.
    fn count(&mut self, page: &Page<'_>, took: Duration) -> u64 {
        if page.records.is_empty() {
            return 0;
        }
        let size = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let bytes: usize = page.records.iter().map(|it| decoded(&it.data)).sum();
        let records = size(page.records.len());
        self.read.latency.record(took);
        self.read.records += records;
        self.read.payload_bytes += size(bytes);
        self.meter.records.fetch_add(records, Ordering::Relaxed);
        let Some(begins) = &self.plan.key_begins else {
            return 0;
        };
        let keys = page.records.iter().map(|record| &record.partition_key);
        size(keys.filter(|key| key.starts_with(&**begins)).count())
    }
}

/// How long base64 is when it is decoded.
fn decoded(base64: &str) -> usize {
    let digits = base64.trim_end_matches('=').len();
    digits * 3 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_measured_without_decoding_it() {
        for bytes in 0..100 {
            let text = base64_simd::STANDARD.encode_to_string(vec![7; bytes]);
            assert_eq!(decoded(&text), bytes);
        }
    }

    #[test]
    fn the_tip_is_no_records_and_nothing_behind() {
        let record = r#"{"Data":"YQ==","PartitionKey":"k","SequenceNumber":"1"}"#;
        // A slash may be escaped, and is then no part of the text as it came.
        let escaped = r#"{"Data":"\/w==","PartitionKey":"k"}"#;
        for (text, records, tip) in [
            (
                r#"{"Records":[],"MillisBehindLatest":0,"NextShardIterator":"n"}"#.to_owned(),
                0,
                true,
            ),
            (
                r#"{"Records":[],"MillisBehindLatest":7,"NextShardIterator":"n"}"#.to_owned(),
                0,
                false,
            ),
            // Some servers do not tell how far behind one is.
            (
                r#"{"Records":[],"NextShardIterator":"n"}"#.to_owned(),
                0,
                true,
            ),
            (
                format!(r#"{{"Records":[{record},{escaped}],"MillisBehindLatest":0}}"#),
                2,
                false,
            ),
        ] {
            let page: Page<'_> = serde_json::from_str(&text).expect("readable");
            assert_eq!(
                (page.records.len(), page.is_tip()),
                (records, tip),
                "{text}"
            );
            assert!(page.records.iter().all(|it| decoded(&it.data) == 1));
        }
    }

    #[test]
    fn passes_remember_the_fewest_and_the_most() {
        let mut passes = Passes::default();
        for counted in [5, 3, 9] {
            passes.add(counted);
        }
        let expected = Passes {
            count: 3,
            fewest: 3,
            most: 9,
        };
        assert_eq!(passes, expected);
    }
}
