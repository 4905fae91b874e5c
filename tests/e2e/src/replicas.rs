//! Are the replicas of a group the same, entry for entry, and does what they have committed stay? Asked of each node for
//! its own log, judged by `ana-check` (A10 to A12).

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ana_check::history::ReplicaDigest;
use ana_check::{Anomaly, At, History};
use anyhow::{Context, Result, bail, ensure};
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

impl Digest {
    fn told(&self, history: &mut History, node: u64, at: At) -> ReplicaDigest {
        ReplicaDigest {
            node: history.node(&format!("node {node}")),
            group: self.group,
            from: self.from,
            upto: self.upto,
            entries: self.entries,
            digest: self.digest.clone(),
            at,
        }
    }
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
        judge(status, group.id, &digests)?;
        total += first.entries;
    }
    Ok(Some(total))
}

fn judge(status: &Status, group: u64, digests: &[(u64, Digest)]) -> Result<()> {
    let mut history = History::default();
    for (node, digest) in digests {
        let told = digest.told(&mut history, *node, At::default());
        history.replica(told);
    }
    let verdict = ana_check::check(&history);
    let one = digests.first().context("some digests")?;
    let Some(other) = digests.iter().find(|other| other.1.digest != one.1.digest) else {
        ensure!(verdict.is_clean(), "group {group}: {verdict}");
        return Ok(());
    };
    bail!(
        "{}\n{}\n{status:#?}",
        verdict.of(Anomaly::ReplicaDivergence),
        differences(status, (group, one.1.from, one.1.upto), (one.0, other.0))?
    )
}

/// Entries of a block that replicas are asked for again and again.
const BLOCK: u64 = 500;
/// Blocks of each group that are kept in mind, the newest: a digest reads what it is about.
const BLOCKS_MAX: u64 = 4;

/// What replicas said that they had committed, over time.
#[derive(Debug, Default)]
pub struct Prefixes {
    history: History,
}

impl Prefixes {
    /// Asks every node that is up for the newest whole blocks of every group, and for those it was asked for before.
    pub fn note(&mut self, cluster: &Cluster) -> Result<()> {
        let status = cluster.status()?;
        let known = self.history.prefix_ranges();
        for group in &status.groups {
            let (first, end) = (group.purged_index() / BLOCK + 1, group.commit_index / BLOCK);
            let newest = end.saturating_sub(BLOCKS_MAX).max(first)..end;
            let newest = newest.map(|block| (block * BLOCK, (block + 1) * BLOCK - 1));
            let before = known
                .range((group.id, first * BLOCK, 0)..=(group.id, u64::MAX, u64::MAX))
                .rev()
                .take(usize::try_from(BLOCKS_MAX)?)
                .map(|(_, from, upto)| (*from, *upto));
            let ranges: BTreeSet<(u64, u64)> = newest.chain(before).collect();
            for (from, upto) in ranges {
                for node in status.nodes.iter().filter(|node| node.state == "up") {
                    self.ask(node.id, &node.api, (group.id, from, upto));
                }
            }
        }
        Ok(())
    }

    /// A node that does not answer says nothing; nor does one about what it has not applied.
    fn ask(&mut self, node: u64, api: &str, (group, from, upto): (u64, u64, u64)) {
        let path = format!("/_ana/digest?group={group}&from={from}&upto={upto}");
        let digest = get::<Digest>(api, &path).ok();
        if let Some(digest) = digest.filter(|it| it.applied_index >= upto) {
            let asked = u64::try_from(self.history.prefixes().len()).unwrap_or(u64::MAX);
            let told = digest.told(&mut self.history, node, At::new(asked, 0));
            self.history.prefix(told);
        }
    }

    /// Fails if something that was committed has changed, or was committed twice; says how much was compared.
    pub fn judge(&self) -> Result<String> {
        let verdict = ana_check::check(&self.history);
        ensure!(verdict.is_clean(), "{verdict}");
        let looked = |anomaly| verdict.of(anomaly).looked_at;
        Ok(format!(
            "committed blocks asked again {}, compared with another replica {}",
            looked(Anomaly::CommittedTruncation),
            looked(Anomaly::SplitBrain)
        ))
    }
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
