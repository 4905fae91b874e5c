//! Writes so many records before something is measured, so that there is something to read.
//!
//! Must stay true: in the end every record was acknowledged, or it is an error. An attempt without an answer may have
//! written as well, so the records of such attempts are told: they may be there twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ana_env::{runtime, time};
use futures::future::try_join_all;

use super::load::broken_off;
use super::progress;
use super::requests::entry;
use crate::client::Client;
use crate::client::error::ClientError;
use crate::client::kinesis::PutEntry;
use crate::commands::Context;
use crate::error::CliError;

/// Requests under way at the same time.
const IN_FLIGHT: u32 = 4;
/// Records of a request at most.
const RECORDS_MAX: u64 = 500;
/// Data bytes of a request at most: 5 MiB is allowed for data and keys.
const BYTES_MAX: u64 = 4 << 20;
/// Refused records are sent again after this long.
const PAUSE: Duration = Duration::from_millis(200);
/// A request whose records are still refused after this long ends it.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filled {
    /// What the keys of these records begin with, and those of no others.
    pub(super) key_begins: Arc<str>,
    /// Records acknowledged.
    pub(super) records: u64,
    /// Records of attempts that ended without an answer: so many may be there twice.
    pub(super) unsure: u64,
}

/// Writes `records` records into an ACTIVE stream.
pub(super) async fn fill(
    context: &Context,
    stream: &str,
    records: u64,
    record_bytes: u32,
    quiet: bool,
) -> Result<Filled, CliError> {
    let key_begins: Arc<str> = format!("{:08x}-", context.env.rng.next_u64() >> 32).into();
    let left = Arc::new(AtomicU64::new(records));
    let tasks = (0..IN_FLIGHT).map(|_| {
        let filler = Filler {
            client: context.client(),
            stream: stream.to_owned(),
            record_bytes,
            key_begins: Arc::clone(&key_begins),
            left: Arc::clone(&left),
        };
        runtime::spawn(filler.run())
    });
    let ended = tasks.collect::<Vec<_>>().into_iter().map(async |task| {
        let unsure = task.await.map_err(broken_off)?;
        unsure.map_err(|error| context.explain(error))
    });
    let line = || {
        let left = left.load(Ordering::Relaxed);
        format!("filling {stream}: {left} of {records} records to go")
    };
    let unsure = progress::told(quiet, line, try_join_all(ended)).await?;
    Ok(Filled {
        key_begins,
        records,
        unsure: unsure.iter().sum(),
    })
}

#[derive(Debug)]
struct Filler {
    client: Client,
    stream: String,
    record_bytes: u32,
    key_begins: Arc<str>,
    /// Records that nobody has taken upon himself yet.
    left: Arc<AtomicU64>,
}

impl Filler {
    /// Writes until nothing is left; gives back how many records are unsure.
    async fn run(self) -> Result<u64, ClientError> {
        let batch = batch(self.record_bytes);
        let mut unsure = 0;
        loop {
            let take = |left: u64| (left > 0).then(|| left.saturating_sub(batch));
            let before = self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
            let Ok(before) = before else {
                return Ok(unsure);
            };
            let records = (0..before.min(batch))
                .map(|_| entry(&self.client, self.record_bytes, &self.key_begins))
                .collect();
            unsure += self.settle(records).await?;
        }
    }

    /// Sends records until each is acknowledged.
    async fn settle(&self, mut records: Vec<PutEntry>) -> Result<u64, ClientError> {
        let clock = &self.client.env().clock;
        let began = clock.elapsed();
        let mut unsure = 0;
        loop {
            let answer = self.client.put_records(&self.stream, &records).await?;
            let sent = u64::try_from(records.len()).unwrap_or(u64::MAX);
            unsure += u64::from(answer.unsure) * sent;
            let results = answer.value.records;
            let why = results.iter().find_map(|result| result.error_code.clone());
            let refused = records.into_iter().zip(&results);
            records = refused
                .filter(|(_, result)| result.error_code.is_some())
                .map(|(record, _)| record)
                .collect();
            if records.is_empty() {
                return Ok(unsure);
            }
            if clock.elapsed().saturating_sub(began) > SETTLE_MAX {
                return Err(ClientError::NoAnswer {
                    operation: "PutRecords",
                    why: format!(
                        "{} records are still refused after {} s: {}",
                        records.len(),
                        SETTLE_MAX.as_secs(),
                        why.unwrap_or_default()
                    ),
                    sent: false,
                });
            }
            time::sleep(PAUSE).await;
        }
    }
}

/// Records of one request.
fn batch(record_bytes: u32) -> u64 {
    (BYTES_MAX / u64::from(record_bytes.max(1))).clamp(1, RECORDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::batch;

    #[test]
    fn requests_stay_within_what_is_allowed() {
        for (record_bytes, expected) in [
            (0, 500),
            (1024, 500),
            (8_388, 500),
            (8_389, 499),
            (1_000_000, 4),
        ] {
            assert_eq!(batch(record_bytes), expected, "{record_bytes}");
        }
    }
}
