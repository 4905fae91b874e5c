//! A stream of the user's, read back after everything.
//!
//! The application may put and read all the while, so the reading ends where the last record lies that was noted when it
//! began, and at the tip where that is not found.
//!
//! Must stay true: a log that was not read so far is no log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ana_check::Sequence;
use ana_check::ledger::{ShardLog, Stored};
use ana_env::time;
use ana_router::ledger::content_hash;

use super::notes::name_of_shard;
use crate::client::error::ClientError;
use crate::drill::cluster::Cluster;
use crate::reading::{self, Follower, From, Until};

/// How long the reading of one stream may take.
const READ_MAX: Duration = Duration::from_secs(300);
/// It begins so long before the run, in case a clock is off.
const BEFORE_MS: u64 = 120_000;
/// Records of a stream that are kept of what is read: 40 bytes each.
const RECORDS_MAX: usize = 10_000_000;

/// The log of a stream by the names of its shards, from shortly before `since_ms` to the records in `upto`, or to its tip.
///
/// # Errors
/// In words, when it cannot be read to its end.
pub async fn read_back(
    cluster: &Cluster,
    stream: &str,
    since_ms: u64,
    upto: &BTreeMap<String, Sequence>,
) -> Result<BTreeMap<String, ShardLog>, String> {
    let reading = Box::pin(read_all(cluster, stream, since_ms, upto));
    match time::timeout(READ_MAX, reading).await {
        Ok(Ok(Some(log))) => Ok(log),
        Ok(Ok(None)) => Err(format!(
            "{stream} has more than {RECORDS_MAX} records since the drill began: it was not read back"
        )),
        Ok(Err(error)) => Err(format!("{stream} cannot be read back: {error}")),
        Err(_elapsed) => {
            let secs = READ_MAX.as_secs();
            Err(format!("{stream} was not read back within {secs} s"))
        }
    }
}

async fn read_all(
    cluster: &Cluster,
    stream: &str,
    since_ms: u64,
    upto: &BTreeMap<String, Sequence>,
) -> Result<Option<BTreeMap<String, ShardLog>>, ClientError> {
    let client = Arc::new(reading::patient(cluster.client()));
    let from = From::TimeMs(since_ms.saturating_sub(BEFORE_MS));
    let mut follower = Follower::start(Arc::clone(&client), stream, &from, Until::Tip).await?;
    let mut log: BTreeMap<String, ShardLog> = BTreeMap::new();
    let mut records = 0;
    while !reached(&log, upto) {
        let Some(batch) = follower.next().await else {
            // A shard in which nothing was found was read as well.
            for shard in upto.keys() {
                log.entry(shard.clone()).or_default();
            }
            for shard in log.values_mut() {
                shard.is_read_out = true;
            }
            break;
        };
        let batch = batch?;
        records += batch.records.len();
        if records > RECORDS_MAX {
            return Ok(None);
        }
        let shard = log.entry(name_of_shard(stream, &batch.shard)).or_default();
        shard
            .records
            .extend(batch.records.iter().map(|record| Stored {
                sequence: Sequence::read(&record.sequence_number),
                content: content_hash(
                    record.partition_key.as_bytes(),
                    &record.bytes().unwrap_or_default(),
                ),
                arrival_ms: record.arrival_ms(),
            }));
    }
    Ok(Some(log))
}

/// Whether every shard was read as far as is needed.
fn reached(log: &BTreeMap<String, ShardLog>, upto: &BTreeMap<String, Sequence>) -> bool {
    let is_reached = |(shard, sequence): (&String, &Sequence)| {
        let last = log.get(shard).and_then(|log| log.records.last());
        last.is_some_and(|last| *sequence <= last.sequence)
    };
    !upto.is_empty() && upto.iter().all(is_reached)
}
