//! The reading after everything: the whole stream through the API, its shards, and every replica's own account of its
//! log. All of it goes into the history.
//!
//! Must stay true: a replica that cannot be compared is told as such, never passed over; every wait is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ana_check::history::{Listing, ReplicaDigest, ShardSeen};
use ana_drill::quantity::Span;
use ana_env::time;
use ana_types::{HashKey, HashRange};
use futures::future::join_all;
use serde::Deserialize;

use super::book::Book;
use super::cluster::Cluster;
use super::record::Compared;
use super::snapshot::{Census, Snapshot};
use crate::admin::document::{GroupEntry, NodeEntry};
use crate::client::error::ClientError;
use crate::client::kinesis::Shard;
use crate::reading::{self, Follower, From, Until};

/// How long the whole reading may take.
const READ_MAX: Duration = Duration::from_secs(300);
/// How long replicas may take to hold the same.
const EQUAL_MAX: Span = Span::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// A stream that was there before is read from this long before the run, in case a clock is off.
const BEFORE_MS: u64 = 120_000;
const META_GROUP: u64 = 0;

/// Reads the whole stream into the history; `since_ms` is when the run began, if the stream was there before.
///
/// # Errors
/// When it cannot be read to its end.
pub async fn read_back(
    cluster: &Cluster,
    stream: &str,
    since_ms: Option<u64>,
    book: &Book,
) -> Result<(), String> {
    let reading = Box::pin(read_all(cluster, stream, since_ms, book));
    match time::timeout(READ_MAX, reading).await {
        Ok(read) => read.map_err(|error| format!("{stream} cannot be read back: {error}")),
        Err(_elapsed) => {
            let secs = READ_MAX.as_secs();
            Err(format!("{stream} was not read back within {secs} s"))
        }
    }
}

async fn read_all(
    cluster: &Cluster,
    stream: &str,
    since_ms: Option<u64>,
    book: &Book,
) -> Result<(), ClientError> {
    let client = Arc::new(reading::patient(cluster.client()));
    let from = match since_ms {
        Some(ms) => From::TimeMs(ms.saturating_sub(BEFORE_MS)),
        None => From::Horizon,
    };
    let began = book.watch().at();
    let mut follower = Follower::start(Arc::clone(&client), stream, &from, Until::Tip).await?;
    while let Some(batch) = follower.next().await {
        let batch = batch?;
        book.with(|inner| {
            let seen = book.seen(&mut inner.history, &batch.records);
            let shard = inner.history.shard(&batch.shard);
            let read = inner.history.final_read(shard);
            read.begin(began);
            read.extend(seen);
        });
    }
    let shards = list(cluster, stream, book).await?;
    book.with(|inner| {
        for shard in shards {
            let shard = inner.history.shard(&shard.shard_id);
            let read = inner.history.final_read(shard);
            read.begin(began);
            read.complete();
        }
    });
    Ok(())
}

/// Writes a listing of the stream's shards into the history.
///
/// # Errors
/// When they cannot be listed.
pub async fn list(cluster: &Cluster, stream: &str, book: &Book) -> Result<Vec<Shard>, ClientError> {
    let asked = book.watch().at();
    let client = reading::patient(cluster.client());
    let shards = Box::pin(client.list_shards(stream, None)).await?;
    let answered_us = book.watch().now().micros();
    book.with(|inner| {
        let seen = shards.iter().filter_map(|shard| {
            let key = |text: &str| HashKey::parse_decimal(text);
            let range = HashRange {
                start: key(&shard.hash_key_range.starting_hash_key)?,
                end: key(&shard.hash_key_range.ending_hash_key)?,
            };
            let parents = shard.parents();
            let parents = parents.iter().map(|id| inner.history.shard(id)).collect();
            Some(ShardSeen {
                shard: inner.history.shard(&shard.shard_id),
                parents,
                range,
                is_open: shard.is_open(),
            })
        });
        let shards = seen.collect();
        inner.history.listing(Listing {
            asked,
            answered_us,
            shards,
        });
    });
    Ok(shards)
}

/// What a node answers about its own log of one group.
#[derive(Debug, Clone, Deserialize)]
struct Digest {
    entries: u64,
    digest: String,
    applied_index: u64,
}

/// Replicas that were compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Counts.
    pub compared: Compared,
    /// Replicas that could not be compared, or hold something else; why, each in words.
    pub wrong: Vec<String>,
}

/// Compares the replicas of the metadata and of these streams (of all where none is given), and writes their accounts
/// into the history.
///
/// # Errors
/// When the cluster does not answer.
pub async fn compare(
    cluster: &Cluster,
    streams: &BTreeSet<String>,
    book: &Book,
) -> Result<Comparison, String> {
    let mut comparison = Comparison::default();
    let seen = cluster.look(Census::default()).await;
    let seen = seen.map_err(|error| error.to_string())?;
    let ours = |group: &&GroupEntry| {
        let stream = group.stream.as_ref();
        let named = stream.is_some_and(|stream| streams.is_empty() || streams.contains(stream));
        group.id == META_GROUP || named
    };
    let groups: Vec<(u64, u64)> = seen
        .status
        .groups
        .iter()
        .filter(ours)
        .map(|group| (group.id, group.commit_index))
        .collect();
    let deadline = book.watch().now().plus(EQUAL_MAX);
    for (group, upto) in groups {
        Box::pin(compare_group(
            cluster,
            (group, upto),
            deadline,
            book,
            &mut comparison,
        ))
        .await;
    }
    Ok(comparison)
}

/// Asks the voters of a group until all of them have applied what was committed, then compares.
async fn compare_group(
    cluster: &Cluster,
    (id, upto): (u64, u64),
    deadline: Span,
    book: &Book,
    comparison: &mut Comparison,
) {
    loop {
        let seen = cluster.look(Census::default()).await.ok();
        let late = book.watch().now() >= deadline;
        let group = seen.as_ref().and_then(|seen| {
            let mut groups = seen.status.groups.iter();
            groups.find(|group| group.id == id)
        });
        let (Some(seen), Some(group)) = (&seen, group) else {
            if late {
                let what = format!("group {id}: nobody told of it");
                comparison.wrong.push(what);
                return;
            }
            time::sleep(LOOK_EVERY).await;
            continue;
        };
        let from = group.replicas.iter().map(|replica| replica.purged_index);
        let range = (from.max().unwrap_or(0) + 1, upto);
        let asked = ask(cluster, seen, group, range).await;
        let behind: Vec<String> = asked
            .iter()
            .filter_map(|(node, answer)| behind(answer, range).map(|why| (node, why)))
            .map(|(node, why)| format!("{}: node {node} {why}", name(group)))
            .collect();
        if behind.is_empty() || late {
            note(group, range, asked, book, comparison);
            comparison.wrong.extend(behind);
            return;
        }
        time::sleep(LOOK_EVERY).await;
    }
}

fn name(group: &GroupEntry) -> String {
    match &group.stream {
        Some(stream) => format!("{stream}/{}", group.shards.join(", ")),
        None => "the metadata".to_owned(),
    }
}

async fn ask(
    cluster: &Cluster,
    seen: &Snapshot,
    group: &GroupEntry,
    (from, upto): (u64, u64),
) -> BTreeMap<u64, Result<Digest, String>> {
    let voters: BTreeSet<u64> = group.voters.iter().copied().collect();
    let path = format!("/_ana/digest?group={}&from={from}&upto={upto}", group.id);
    let nodes: BTreeMap<u64, &NodeEntry> = seen
        .status
        .nodes
        .iter()
        .map(|node| (node.id, node))
        .collect();
    let asked = voters.into_iter().map(|id| {
        let (path, node) = (path.clone(), nodes.get(&id).copied());
        async move {
            let Some(node) = node else {
                return (id, Err("is not known".to_owned()));
            };
            let answer = cluster.digest(node, &path).await;
            let answer = answer.map_err(|error| format!("does not answer: {error}"));
            let digest = answer.and_then(|value| {
                serde_json::from_value(value).map_err(|error| format!("is unreadable: {error}"))
            });
            (id, digest)
        }
    });
    join_all(asked).await.into_iter().collect()
}

/// Why a replica cannot be compared yet.
fn behind(answer: &Result<Digest, String>, (from, upto): (u64, u64)) -> Option<String> {
    match answer {
        Err(why) => Some(why.clone()),
        Ok(digest) if digest.applied_index < upto => Some(format!(
            "has applied {} of {upto} entries",
            digest.applied_index
        )),
        Ok(digest) if digest.entries < (upto + 1).saturating_sub(from) => Some(format!(
            "holds {} of the entries {from} to {upto}",
            digest.entries
        )),
        Ok(_) => None,
    }
}

fn note(
    group: &GroupEntry,
    (from, upto): (u64, u64),
    asked: BTreeMap<u64, Result<Digest, String>>,
    book: &Book,
    comparison: &mut Comparison,
) {
    let held: BTreeMap<u64, Digest> = asked
        .into_iter()
        .filter_map(|(node, answer)| Some((node, answer.ok()?)))
        .collect();
    // What most hold is what the others should; of equally many, what the first node holds.
    let mut votes: BTreeMap<&str, u64> = BTreeMap::new();
    for digest in held.values() {
        *votes.entry(&digest.digest).or_default() += 1;
    }
    let most = votes.values().copied().max().unwrap_or(0);
    let right = held
        .values()
        .find(|digest| votes.get(digest.digest.as_str()) == Some(&most));
    let right = right.map(|digest| digest.digest.clone());
    for (node, digest) in &held {
        comparison.compared.replicas += 1;
        if Some(&digest.digest) == right.as_ref() {
            comparison.compared.identical += 1;
        } else {
            let what = format!("{}: node {node} holds something else", name(group));
            comparison.wrong.push(what);
        }
    }
    if held.is_empty() {
        return;
    }
    comparison.compared.groups += 1;
    comparison.compared.entries += (upto + 1).saturating_sub(from);
    let at = book.watch().at();
    book.with(|inner| {
        for (node, digest) in held {
            let replica = ReplicaDigest {
                node: inner.history.node(&format!("node-{node}")),
                group: group.id,
                from,
                upto,
                entries: digest.entries,
                digest: digest.digest,
                at,
            };
            inner.history.replica(replica);
        }
    });
}
