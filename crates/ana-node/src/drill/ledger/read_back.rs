//! A stream of the user's, read back after everything.
//!
//! Must stay true: a log that was not read to its end is no log: it would call records lost that are there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ana_check::Sequence;
use ana_check::ledger::Stored;
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

/// The log of a stream by the names of its shards, from shortly before `since_ms` to its tip.
///
/// # Errors
/// In words, when it cannot be read to its end.
pub async fn read_back(
    cluster: &Cluster,
    stream: &str,
    since_ms: u64,
) -> Result<BTreeMap<String, Vec<Stored>>, String> {
    let reading = Box::pin(read_all(cluster, stream, since_ms));
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
) -> Result<Option<BTreeMap<String, Vec<Stored>>>, ClientError> {
    let client = Arc::new(reading::patient(cluster.client()));
    let from = From::TimeMs(since_ms.saturating_sub(BEFORE_MS));
    let mut follower = Follower::start(Arc::clone(&client), stream, &from, Until::Tip).await?;
    let mut log: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
    let mut records = 0;
    while let Some(batch) = follower.next().await {
        let batch = batch?;
        records += batch.records.len();
        if records > RECORDS_MAX {
            return Ok(None);
        }
        let shard = log.entry(name_of_shard(stream, &batch.shard)).or_default();
        shard.extend(batch.records.iter().map(|record| Stored {
            sequence: Sequence::read(&record.sequence_number),
            content: content_hash(
                record.partition_key.as_bytes(),
                &record.bytes().unwrap_or_default(),
            ),
            arrival_ms: record.arrival_ms(),
        }));
    }
    // A shard without records was read as well.
    for shard in Box::pin(client.list_shards(stream, None)).await? {
        log.entry(name_of_shard(stream, &shard.shard_id))
            .or_default();
    }
    Ok(Some(log))
}
