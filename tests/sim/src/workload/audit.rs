//! After all faults and all work: do the replicas agree, and what does the stream hold?

use std::time::Duration;

use ana_check::history::ReplicaDigest;
use ana_env::time::sleep;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::reader::records;
use super::{Phase, STREAM, Shared, listing, monitor};
use crate::http::{Answer, aws, get};
use crate::oracle::now;
use crate::world::{api, now_ms};

/// Replicas have caught up, and each shard is read to its end, within this many milliseconds.
const SETTLE_MS: u64 = 30_000;
/// Blocks of committed entries that every replica is asked for again.
const BLOCKS_MAX: usize = 24;

/// Reads everything and asks every replica.
pub async fn audit(shared: Shared) -> turmoil::Result {
    shared.wait(Phase::Audit).await;
    let mut dice = shared.dice(60);
    compare_replicas(&shared).await;
    ask_again(&shared).await;
    read_everything(&shared, &mut dice).await;
    if !shared.oracle().gets_on() {
        tell_statuses(&shared).await;
    }
    Ok(())
}

/// What every node says of itself, for whoever looks into a stuck run.
async fn tell_statuses(shared: &Shared) {
    for node in 0..shared.plan.nodes {
        match get(&api(node), "/_ana/status").await {
            Ok(status) => tracing::warn!(node = node + 1, %status, "stuck"),
            Err(error) => tracing::warn!(node = node + 1, %error, "stuck, and no status"),
        }
    }
}

async fn read_everything(shared: &Shared, dice: &mut ChaCha8Rng) {
    let since = now_ms();
    let shards = loop {
        if let Some(shards) = listing(shared, dice).await {
            break shards;
        }
        if now_ms() > since + SETTLE_MS {
            shared.stuck("the shards cannot be listed after the faults".to_owned());
            return;
        }
        sleep(Duration::from_millis(50)).await;
    };
    let began = now();
    for shard in &shards {
        read_whole(shared, dice, &shard.id).await;
    }
    shared.oracle().history.everything_was_read(began);
}

async fn read_whole(shared: &Shared, dice: &mut ChaCha8Rng, shard: &str) {
    let since = now();
    let named = shared.oracle().history.shard(shard);
    shared.oracle().history.final_read(named).begin(since);
    let mut iterator = None;
    loop {
        if now_ms() > since.wall_ms + SETTLE_MS {
            shared.stuck(format!(
                "{shard} cannot be read to its end after the faults"
            ));
            return;
        }
        let host = shared.any_node(dice);
        let Some(position) = &iterator else {
            let request = json!({"StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
            match aws(&host, "GetShardIterator", &request).await {
                Answer::Ok(answer) => {
                    iterator = answer["ShardIterator"].as_str().map(str::to_owned);
                }
                // Listed a moment ago, expired since: it held nothing any more.
                Answer::Refused(_, kind, _) if kind == "ResourceNotFoundException" => break,
                Answer::Refused(..) | Answer::Unknown(_) => sleep(Duration::from_millis(50)).await,
            }
            continue;
        };
        match aws(&host, "GetRecords", &json!({"ShardIterator": position})).await {
            Answer::Ok(answer) => {
                let mut oracle = shared.oracle();
                let new = records(&mut oracle, &answer);
                let caught_up = new.is_empty() && answer["MillisBehindLatest"] == 0;
                oracle.history.final_read(named).extend(new);
                iterator = answer["NextShardIterator"].as_str().map(str::to_owned);
                if caught_up || iterator.is_none() {
                    break;
                }
            }
            // Expired since the iterator was given: what it held is told by what was read before.
            Answer::Refused(_, kind, _) if kind == "ResourceNotFoundException" => break,
            Answer::Refused(..) | Answer::Unknown(_) => sleep(Duration::from_millis(50)).await,
        }
    }
    let mut oracle = shared.oracle();
    let read = oracle.history.final_read(named);
    read.end(now());
    read.complete();
    let what = format!("{shard} is read to its end after the faults");
    oracle.came_about(what, since, SETTLE_MS);
}

/// Waits until every replica of every group has the same committed log, and notes their digests.
async fn compare_replicas(shared: &Shared) {
    let since = now();
    loop {
        let replicas = replicas(shared).await;
        // Entries that a replica has not applied may be those of a leader that was deposed.
        let is_settled =
            |(replica, is_applied): &(ReplicaDigest, bool)| *is_applied && replica.is_whole();
        let agreed = replicas
            .as_ref()
            .is_some_and(|all| all.iter().all(is_settled));
        if agreed || now_ms() > since.wall_ms + SETTLE_MS {
            if agreed {
                let what = "replicas have caught up after the faults".to_owned();
                shared.oracle().came_about(what, since, SETTLE_MS);
            } else {
                shared.stuck(format!(
                    "replicas have not caught up {SETTLE_MS} ms after the faults: {replicas:?}"
                ));
            }
            let mut oracle = shared.oracle();
            for (replica, _) in replicas.unwrap_or_default() {
                oracle.history.replica(replica);
            }
            return;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

fn is_voter(group: &serde_json::Value, node: usize) -> bool {
    let mut voters = group["voters"].as_array().into_iter().flatten();
    voters.any(|id| id.as_u64() == u64::try_from(node + 1).ok())
}

/// What every replica of every group says of what is committed, and whether it has applied all of it.
async fn replicas(shared: &Shared) -> Option<Vec<(ReplicaDigest, bool)>> {
    let status = get(&api(0), "/_ana/status").await.ok()?;
    monitor::note(shared, &status);
    let mut found = Vec::new();
    for group in status["groups"].as_array()? {
        let (id, upto) = (group["id"].as_u64()?, group["commit_index"].as_u64()?);
        let range = (id, monitor::first_kept(group), upto);
        for node in 0..shared.plan.nodes {
            match monitor::digest(shared, node, range).await {
                Ok(Some(told)) => found.push(told),
                // A replica that is not open yet: a node whose metadata are repaired opens the others after that.
                Ok(None) if is_voter(group, node) => return None,
                // No replica of this group here.
                Ok(None) => {}
                Err(_) => return None,
            }
        }
    }
    Some(found)
}

/// Asks every replica once more for what it, or another, had committed while the faults went on.
async fn ask_again(shared: &Shared) {
    let blocks = shared.oracle().history.prefix_ranges();
    for range in blocks.into_iter().rev().take(BLOCKS_MAX) {
        for node in 0..shared.plan.nodes {
            if let Ok(Some((prefix, true))) = monitor::digest(shared, node, range).await {
                shared.oracle().history.prefix(prefix);
            }
        }
    }
}
