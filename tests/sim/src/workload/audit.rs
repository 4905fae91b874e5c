//! After all faults and all work: do the replicas agree, and what does the stream hold?

use std::time::Duration;

use ana_env::time::sleep;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::reader::records;
use super::{Phase, STREAM, Shared, listing, monitor};
use crate::http::{Answer, aws, get};
use crate::oracle::{ReplicaSeen, Seen};
use crate::world::{api, now_ms};

/// Replicas have caught up, and each shard is read to its end, within this many milliseconds.
const SETTLE_MS: u64 = 30_000;

/// Reads everything and asks every replica.
pub async fn audit(shared: Shared) -> turmoil::Result {
    shared.wait(Phase::Audit).await;
    let mut dice = shared.dice(60);
    compare_replicas(&shared).await;
    read_everything(&shared, &mut dice).await;
    if !shared.oracle().stuck.is_empty() {
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
    shared.oracle().read_ms = now_ms();
    for shard in &shards {
        read_whole(shared, dice, &shard.id).await;
    }
    shared.oracle().shards = shards;
}

async fn read_whole(shared: &Shared, dice: &mut ChaCha8Rng, shard: &str) {
    let since = now_ms();
    let mut iterator = None;
    let mut all: Vec<Seen> = Vec::new();
    loop {
        if now_ms() > since + SETTLE_MS {
            shared.stuck(format!(
                "{shard} cannot be read to its end after the faults"
            ));
            shared.oracle().unread.insert(shard.to_owned());
            break;
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
        if let Answer::Ok(answer) =
            aws(&host, "GetRecords", &json!({"ShardIterator": position})).await
        {
            let new = records(shard, &answer);
            let caught_up = new.is_empty() && answer["MillisBehindLatest"] == 0;
            all.extend(new);
            iterator = answer["NextShardIterator"].as_str().map(str::to_owned);
            if caught_up || iterator.is_none() {
                break;
            }
        } else {
            sleep(Duration::from_millis(50)).await;
        }
    }
    shared.oracle().finally.extend(all);
}

/// Waits until every replica of every group has the same committed log, and notes their digests.
async fn compare_replicas(shared: &Shared) {
    let since = now_ms();
    loop {
        let replicas = replicas(shared).await;
        let agreed = replicas
            .as_ref()
            .is_some_and(|replicas| replicas.iter().all(ReplicaSeen::is_whole));
        if agreed || now_ms() > since + SETTLE_MS {
            if !agreed {
                shared.stuck(format!(
                    "replicas have not caught up {SETTLE_MS} ms after the faults: {replicas:?}"
                ));
            }
            shared.oracle().replicas = replicas.unwrap_or_default();
            return;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn replicas(shared: &Shared) -> Option<Vec<ReplicaSeen>> {
    let status = get(&api(0), "/_ana/status").await.ok()?;
    monitor::note(shared, &status);
    let mut found = Vec::new();
    for group in status["groups"].as_array()? {
        let (id, upto) = (group["id"].as_u64()?, group["commit_index"].as_u64()?);
        let purged = group["replicas"].as_array().into_iter().flatten();
        let from = purged
            .filter_map(|replica| replica["purged_index"].as_u64())
            .max()
            .filter(|purged| *purged > 0) // 0 says that nothing was purged yet.
            .map_or(0, |purged| purged + 1);
        for node in 0..shared.plan.nodes {
            let path = format!("/_ana/digest?group={id}&from={from}&upto={upto}");
            match get(&api(node), &path).await {
                Ok(digest) => found.push(ReplicaSeen {
                    node: node + 1,
                    group: id,
                    from: digest["from"].as_u64()?,
                    upto: digest["upto"].as_u64()?,
                    entries: digest["entries"].as_u64()?,
                    digest: digest["digest"].as_str()?.to_owned(),
                }),
                // No replica of this group here.
                Err(error) if format!("{error:#}").contains("HTTP 404") => {}
                Err(_) => return None,
            }
        }
    }
    Some(found)
}
