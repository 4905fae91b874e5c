//! Splits and merges at random while faults go on; after the faults the last one must end.

use std::time::Duration;

use ana_env::time::sleep;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{Phase, STREAM, Shared, listing, status};
use crate::http::{Answer, aws};
use crate::oracle::ShardSeen;
use crate::world::now_ms;

/// An open shard set is kept below this.
const OPEN_MAX: usize = 6;
/// After the faults the stream is ACTIVE within this many milliseconds.
const ACTIVE_MS: u64 = 20_000;

/// Reshards until the faults are over, then waits for ACTIVE.
pub async fn reshard(shared: Shared) -> turmoil::Result {
    shared.wait(Phase::Faults).await;
    let mut dice = shared.dice(40);
    while shared.phase() < Phase::Healing {
        sleep(Duration::from_millis(dice.random_range(300..2500))).await;
        if shared.plan.reshard
            && let Some(shards) = listing(&shared, &mut dice).await
        {
            one(&shared, &mut dice, &shards).await;
        }
    }
    let since = now_ms();
    while status(&shared, &mut dice).await.as_deref() != Some("ACTIVE") {
        if now_ms() > since + ACTIVE_MS {
            shared.stuck(format!(
                "the stream is not ACTIVE {ACTIVE_MS} ms after the faults"
            ));
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    shared.end_work();
    Ok(())
}

async fn one(shared: &Shared, dice: &mut ChaCha8Rng, shards: &[ShardSeen]) {
    let mut open: Vec<&ShardSeen> = shards.iter().filter(|shard| shard.open).collect();
    open.sort_by_key(|shard| shard.start);
    let Some(last) = open.len().checked_sub(1) else {
        return;
    };
    let split = open.len() < 2 || (open.len() < OPEN_MAX && dice.random_bool(0.6));
    let (operation, request) = if split {
        let shard = open[dice.random_range(0..=last)];
        let middle = shard.start + (shard.end - shard.start) / 2;
        (
            "SplitShard",
            json!({"StreamName": STREAM, "ShardToSplit": shard.id, "NewStartingHashKey": middle.to_string()}),
        )
    } else {
        let left = dice.random_range(0..last);
        (
            "MergeShards",
            json!({"StreamName": STREAM, "ShardToMerge": open[left].id, "AdjacentShardToMerge": open[left + 1].id}),
        )
    };
    if let Answer::Ok(_) = aws(&shared.any_node(dice), operation, &request).await {
        shared.oracle().reshards += 1;
    }
}
