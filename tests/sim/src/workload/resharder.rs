//! Splits and merges at random while faults go on, and registers and deregisters a consumer; after the faults the last
//! reshard must end.

use std::time::Duration;

use ana_check::history::ControlCall;
use ana_env::time::sleep;
use ana_types::{AccountId, Region, StreamName};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{Phase, STREAM, Shared, listing, status};
use crate::http::{Answer, aws};
use crate::oracle::{ShardSeen, now, number};

/// An open shard set is kept below this.
const OPEN_MAX: usize = 6;
/// After the faults the stream is ACTIVE within this many milliseconds.
const ACTIVE_MS: u64 = 20_000;
/// The consumer that comes and goes.
const CONSUMER: &str = "fisher";
/// Who asks, in the history.
const CLIENT: &str = "resharder";

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
        consumer(&shared, &mut dice).await;
    }
    let since = now();
    while status(&shared, &mut dice).await.as_deref() != Some("ACTIVE") {
        if now().wall_ms > since.wall_ms + ACTIVE_MS {
            shared.stuck(format!(
                "the stream is not ACTIVE {ACTIVE_MS} ms after the faults"
            ));
            shared.end_work();
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    let what = "the stream is ACTIVE after the faults".to_owned();
    shared.oracle().came_about(what, since, ACTIVE_MS);
    shared.end_work();
    Ok(())
}

/// Registers, looks at or deregisters the one consumer.
async fn consumer(shared: &Shared, dice: &mut ChaCha8Rng) {
    let consumer = CONSUMER.to_owned();
    let (operation, call) = match dice.random_range(0..4) {
        0 => ("RegisterStreamConsumer", ControlCall::Register { consumer }),
        1 => (
            "DeregisterStreamConsumer",
            ControlCall::Deregister { consumer },
        ),
        _ => (
            "DescribeStreamConsumer",
            ControlCall::DescribeConsumer { consumer },
        ),
    };
    let arn = ana_types::stream_arn(
        &Region::default(),
        &AccountId::default(),
        &StreamName::new(STREAM).expect("a good name"),
    );
    let request = json!({"StreamARN": arn, "ConsumerName": CONSUMER});
    let asked = now();
    let answer = aws(&shared.any_node(dice), operation, &request).await;
    shared.oracle().controlled(CLIENT, asked, call, &answer);
}

async fn one(shared: &Shared, dice: &mut ChaCha8Rng, shards: &[ShardSeen]) {
    let mut open: Vec<&ShardSeen> = shards.iter().filter(|shard| shard.open).collect();
    open.sort_by_key(|shard| shard.start);
    let Some(last) = open.len().checked_sub(1) else {
        return;
    };
    let split = open.len() < 2 || (open.len() < OPEN_MAX && dice.random_bool(0.6));
    let (operation, call, request) = if split {
        let shard = open[dice.random_range(0..=last)];
        let middle = shard.start + (shard.end - shard.start) / 2;
        (
            "SplitShard",
            ControlCall::Split {
                shard: number(&shard.id),
            },
            json!({"StreamName": STREAM, "ShardToSplit": shard.id, "NewStartingHashKey": middle.to_string()}),
        )
    } else {
        let left = dice.random_range(0..last);
        (
            "MergeShards",
            ControlCall::Merge {
                shard: number(&open[left].id),
                adjacent: number(&open[left + 1].id),
            },
            json!({"StreamName": STREAM, "ShardToMerge": open[left].id, "AdjacentShardToMerge": open[left + 1].id}),
        )
    };
    let asked = now();
    let answer = aws(&shared.any_node(dice), operation, &request).await;
    let mut oracle = shared.oracle();
    oracle.controlled(CLIENT, asked, call, &answer);
    if let Answer::Ok(_) = answer {
        oracle.reshards += 1;
    }
}
