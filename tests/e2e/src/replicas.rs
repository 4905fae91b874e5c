//! Are the replicas of a group the same, entry for entry? Asked of each node for its own log.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::cluster::{Cluster, Status, now, pause};

/// What a node answers about its own log of one group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Digest {
    pub group: u64,
    pub from: u64,
    pub upto: u64,
    pub entries: u64,
    pub digest: String,
}

/// Waits until all live replicas of every group have applied the same last index, then compares their logs.
/// Returns how many groups and entries were compared.
pub async fn assert_identical(cluster: &Cluster) -> Result<(usize, u64)> {
    let started = now();
    let mut compared = 0;
    let status = loop {
        let status = cluster.status()?;
        if let Some(entries) = compare(&status)? {
            compared += entries;
            break status;
        }
        ensure!(
            started.elapsed() < Duration::from_secs(30),
            "replicas still differ: {status:#?}"
        );
        pause(200).await;
    };
    Ok((status.groups.len(), compared))
}

/// `Some(entries)` if all replicas of all groups agree, `None` if one is still behind; an error if contents differ.
fn compare(status: &Status) -> Result<Option<u64>> {
    let mut total = 0;
    for group in &status.groups {
        let (from, upto) = (group.purged_index() + 1, group.commit_index);
        let mut digests = Vec::new();
        for node in status.nodes.iter().filter(|node| node.state == "up") {
            let path = format!("/_ana/digest?group={}&from={from}&upto={upto}", group.id);
            match get::<Digest>(&node.api, &path) {
                Ok(digest) => digests.push((node.id, digest)),
                Err(problem) => {
                    let absent = format!("{problem:#}").contains("404");
                    ensure!(absent, "node {} group {}: {problem:#}", node.id, group.id);
                }
            }
        }
        let Some((_, first)) = digests.first().cloned() else {
            return Ok(None);
        };
        if digests.iter().any(|(_, each)| {
            (each.from, each.upto, each.entries) != (first.from, first.upto, first.entries)
        }) {
            return Ok(None);
        }
        for (node, each) in &digests {
            ensure!(
                each.digest == first.digest,
                "group {}: node {node} holds other entries than node {}: {digests:#?}",
                group.id,
                digests[0].0
            );
        }
        total += first.entries;
    }
    Ok(Some(total))
}

/// A GET on a node's own port, answered with JSON.
pub fn get<T: for<'a> Deserialize<'a>>(address: &str, path: &str) -> Result<T> {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.contains(" 200 "), "{path}: {status} {body}");
    serde_json::from_str(body).with_context(|| format!("{path}: {body}"))
}
