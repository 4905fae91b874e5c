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
    /// How far the node had applied before it read its log: entries beyond may still be replaced.
    pub applied_index: u64,
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
            each.applied_index < upto
                || (each.from, each.upto, each.entries) != (first.from, first.upto, first.entries)
        }) {
            return Ok(None);
        }
        for (node, each) in &digests {
            ensure!(
                each.digest == first.digest,
                "group {}: node {node} holds other entries than node {}: {digests:#?}\n{}\n{status:#?}",
                group.id,
                digests[0].0,
                differences(status, (group.id, from, upto), (digests[0].0, *node))?
            );
        }
        total += first.entries;
    }
    Ok(Some(total))
}

/// Differing entries that are named.
const DIFFERENCES_MAX: usize = 16;

/// Which entries two nodes hold differently, found by halving; asked again from the start, so that a difference that
/// was healed in the meantime shows as none.
fn differences(
    status: &Status,
    (group, from, upto): (u64, u64, u64),
    (a, b): (u64, u64),
) -> Result<String> {
    let api = |id| {
        let node = status.nodes.iter().find(|node| node.id == id);
        node.map(|node| node.api.clone()).context("a known node")
    };
    let (a_api, b_api) = (api(a)?, api(b)?);
    let mut open = vec![(from, upto)];
    let mut found = Vec::new();
    while let Some((from, upto)) = open.pop() {
        let path = format!("/_ana/digest?group={group}&from={from}&upto={upto}");
        let (one, other) = (get::<Digest>(&a_api, &path)?, get::<Digest>(&b_api, &path)?);
        if one.digest == other.digest {
            continue;
        }
        if from == upto {
            found.push(format!(
                "  entry {from}: node {a} {one:?}, node {b} {other:?}"
            ));
            if found.len() >= DIFFERENCES_MAX {
                break;
            }
            continue;
        }
        let middle = from + (upto - from) / 2;
        open.push((middle + 1, upto));
        open.push((from, middle));
    }
    Ok(format!(
        "{} differing entries (at most {DIFFERENCES_MAX} are named)\n{}",
        found.len(),
        found.join("\n")
    ))
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
