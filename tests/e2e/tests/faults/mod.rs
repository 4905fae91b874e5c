//! Faults switched on by `ana fault` on real nodes, seen by the unmodified SDK: each hits what it is meant for and
//! nothing else, loses nothing that was acknowledged, and ends by itself; a node that is not disposable takes none.

mod api;
mod clocks;
mod damage;
mod leaders;
mod links;
mod machines;
mod processes;
mod refused;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ana_e2e::cluster::{Cluster, GroupStatus, now, pause};
use ana_e2e::ledger::{Acknowledged, Ledger, Value};
use ana_e2e::verdict::read_all;
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata as _;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use serde::Deserialize;

pub(crate) const STREAM: &str = "orders";
pub(crate) const OTHER: &str = "other";
pub(crate) const SHARDS: i32 = 3;

/// `ana fault ls -o json`, as far as it is read here.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    faults: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) on_node: u64,
    pub(crate) id: String,
    pub(crate) lease_ms: u64,
}

pub(crate) fn faults(cluster: &Cluster) -> Result<Vec<Entry>> {
    let listed = cluster.ana_ok(&["fault", "ls", "-o", "json"])?;
    Ok(serde_json::from_str::<Listed>(&listed)?.faults)
}

/// Who leads a shard of the stream.
pub(crate) fn leader(cluster: &Cluster) -> Result<u64> {
    let status = cluster.status()?;
    let group = status
        .groups
        .iter()
        .find(|group| group.stream.as_deref() == Some(STREAM));
    group.and_then(|group| group.leader).context("a leader")
}

/// Switches a fault on, and says when it cannot have been on before.
pub(crate) fn add(cluster: &Cluster, words: &[&str]) -> Result<Instant> {
    let since = now();
    let words = [&["fault", "add"], words].concat();
    cluster.ana_ok(&words)?;
    Ok(since)
}

/// Waits until no fault is on any more, without doing anything about it.
pub(crate) async fn all_over(cluster: &Cluster, within: Duration) -> Result<()> {
    let started = now();
    while !faults(cluster)?.is_empty() {
        ensure!(started.elapsed() < within, "{:?}", faults(cluster)?);
        pause(100).await;
    }
    Ok(())
}

/// Until each shard has acknowledged a put sent after `since`.
pub(crate) async fn every_shard(
    ledger: &Ledger,
    since: Instant,
    within: Duration,
) -> Result<Duration> {
    let shards = usize::try_from(SHARDS)?;
    ledger.every_shard(shards, since, within).await
}

pub(crate) fn value(key: String) -> Value {
    Value { key, counter: 0 }
}

/// One PutRecord, entered in the ledger when it is acknowledged.
pub(crate) async fn put(
    client: Client,
    key: String,
    ledger: Arc<Ledger>,
) -> Result<(), Option<String>> {
    let (value, sent) = (value(key), now());
    let put = client.put_record().stream_name(STREAM);
    let put = put.partition_key(&value.key);
    let put = put.data(Blob::new(value.encode())).send().await;
    let put = put.map_err(|error| error.code().map(str::to_owned))?;
    let acknowledged = Acknowledged {
        shard: put.shard_id,
        sequence: put.sequence_number,
        sent,
        answered: now(),
    };
    ledger.acknowledge(value, acknowledged);
    Ok(())
}

/// A POST on a node's own port: status and body.
pub(crate) fn post(address: &str, path: &str, body: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
    let status = head.split(' ').nth(1).context("a status")?;
    Ok((status.parse()?, body.to_owned()))
}

/// Records of a size that fills a log.
const LARGE: usize = 900 * 1024;
/// Each of four such records, and one entry in the log.
const LARGE_PUTS: u64 = 11;
/// The SDK repeats a put whose fate it does not know, so that the stream may hold more than what it says was acknowledged:
/// these records are told from others by their sequence numbers.
pub(crate) type Large = BTreeSet<String>;

/// More than 32 MiB in one shard, and the mark that a leader makes after so much, where its log may be cut. That is an entry
/// with the time of then: what is done to clocks afterwards is not in it.
pub(crate) async fn fill_to_a_mark(cluster: &Cluster) -> Result<Large> {
    let before = large_group(cluster)?.last_index;
    let large = fill(cluster).await?;
    let since = now();
    while large_group(cluster)?.last_index <= before + LARGE_PUTS {
        ensure!(since.elapsed() < Duration::from_secs(10), "no mark");
        pause(50).await;
    }
    Ok(large)
}

/// Puts records; those that were acknowledged.
pub(crate) async fn fill(cluster: &Cluster) -> Result<Large> {
    let client = cluster.client(5);
    let mut large = Large::new();
    for _ in 0..LARGE_PUTS {
        let entry = PutRecordsRequestEntry::builder()
            .partition_key("large")
            .data(Blob::new(vec![7; LARGE]));
        let entry = entry.build()?;
        let put = client.put_records().stream_name(OTHER);
        let put = put.set_records(Some(vec![entry; 4])).send().await?;
        ensure!(put.failed_record_count == Some(0), "{put:?}");
        large.extend(put.records.into_iter().filter_map(|it| it.sequence_number));
    }
    ensure!(large.len() as u64 == 4 * LARGE_PUTS, "{large:?}");
    Ok(large)
}

/// Every large record is still read.
pub(crate) async fn all_there(cluster: &Cluster, large: &Large) -> Result<()> {
    let reads = read_all(&cluster.client(5), OTHER).await?;
    let read: Large = reads.into_iter().map(|it| it.sequence).collect();
    let missing: Vec<_> = large.difference(&read).collect();
    ensure!(missing.is_empty(), "not read: {missing:?}");
    Ok(())
}

fn large_group(cluster: &Cluster) -> Result<GroupStatus> {
    let groups = cluster.status()?.groups.into_iter();
    let mut large = groups.filter(|group| group.stream.as_deref() == Some(OTHER));
    large.next().context("a group")
}

/// Entries that were cut off the log of the stream with the large records.
pub(crate) fn cut(cluster: &Cluster) -> Result<u64> {
    Ok(large_group(cluster)?.purged_index())
}
