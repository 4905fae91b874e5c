//! Faults switched on by `ana fault` on real nodes, seen by the unmodified SDK: each hits what it is meant for and
//! nothing else, loses nothing that was acknowledged, and ends by itself; a node that is not disposable takes none.

mod api;
mod clocks;
mod links;
mod machines;
mod refused;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ana_e2e::cluster::{Cluster, now, pause};
use ana_e2e::ledger::{Acknowledged, Ledger, Value};
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata as _;
use aws_sdk_kinesis::primitives::Blob;
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
