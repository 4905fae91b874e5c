//! Splits, merges and new shard counts one after another, while nodes are killed, stand still, are cut off and have slow
//! disks. The lineage stays exact, and every record is where it was acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ana_check::Anomaly;
use ana_e2e::cluster::{Cluster, now, pause, rounds, wait_active};
use ana_e2e::verdict::told;
use ana_types::HashKey;
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{ScalingType, Shard};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;

use super::{HEALED_WITHIN, Listed, NODES, STREAM, Scene, list};

/// Open shards: at least and at most so many.
const OPEN: std::ops::RangeInclusive<usize> = 2..=8;
/// One reshard, through all that goes wrong meanwhile.
const RESHARD_WITHIN: Duration = Duration::from_secs(60);
/// How long each fault is held, milliseconds.
const HELD_MS: std::ops::Range<u64> = 300..2000;

fn open(listed: &Listed) -> Result<Vec<(u128, u128, &Shard)>> {
    let mut open = Vec::new();
    for shard in &listed.shards {
        let numbers = shard.sequence_number_range.as_ref();
        if numbers.is_some_and(|it| it.ending_sequence_number.is_none()) {
            let range = shard.hash_key_range.as_ref().context("a range")?;
            let (start, end) = (&range.starting_hash_key, &range.ending_hash_key);
            open.push((start.parse()?, end.parse()?, shard));
        }
    }
    open.sort_by_key(|(start, ..)| *start);
    Ok(open)
}

/// Asks for some change of the shards. Whether it was accepted.
async fn ask(client: &Client, dice: &mut StdRng, listed: &Listed) -> Result<bool> {
    let open = open(listed)?;
    let choice = match open.len() {
        few if few <= *OPEN.start() => 0,
        many if many >= *OPEN.end() => 1,
        _ => dice.random_range(0..3),
    };
    let at = dice.random_range(0..open.len());
    Ok(match choice {
        0 => {
            let (start, end, shard) = open[at];
            let middle = start + (end - start) / 2 + 1;
            let split = client.split_shard().stream_name(STREAM);
            let split = split.shard_to_split(&shard.shard_id);
            let split = split.new_starting_hash_key(middle.to_string());
            split.send().await.is_ok()
        }
        1 => {
            let at = at.min(open.len() - 2);
            let merge = client.merge_shards().stream_name(STREAM);
            let merge = merge.shard_to_merge(&open[at].2.shard_id);
            let merge = merge.adjacent_shard_to_merge(&open[at + 1].2.shard_id);
            merge.send().await.is_ok()
        }
        _ => {
            let count = dice.random_range(OPEN);
            let least = open.len().div_ceil(2);
            let update = client.update_shard_count().stream_name(STREAM);
            let update = update.scaling_type(ScalingType::UniformScaling);
            let target = i32::try_from(count.clamp(least, open.len() * 2))?;
            update.target_shard_count(target).send().await.is_ok()
        }
    })
}

/// Changes the shards until `wanted` changes are through; every listing on the way.
async fn reshard(client: Client, wanted: u32, done: Arc<AtomicU32>) -> Result<Vec<Listed>> {
    let mut dice = StdRng::seed_from_u64(20_261_130);
    let mut listings = Vec::new();
    while done.load(Ordering::Relaxed) < wanted {
        let since = now();
        let listed = loop {
            match list(&client).await {
                Ok(listed) => break listed,
                Err(error) => ensure!(since.elapsed() < RESHARD_WITHIN, "{error:#}"),
            }
            pause(50).await;
        };
        let accepted = ask(&client, &mut dice, &listed).await?;
        wait_active(&client, STREAM).await?;
        if accepted {
            done.fetch_add(1, Ordering::Relaxed);
        }
        listings.push(listed);
        pause(20).await;
    }
    Ok(listings)
}

/// One fault somewhere, and its end.
async fn fault(cluster: &mut Cluster, dice: &mut StdRng) -> Result<&'static str> {
    let node = NODES[dice.random_range(0..NODES.len())].to_string();
    let held_ms = dice.random_range(HELD_MS);
    let lease = format!("{held_ms}ms");
    let what = match dice.random_range(0..4) {
        0 => {
            cluster.ana_ok(&["node", "kill", &node])?;
            pause(held_ms).await;
            cluster.ana_ok(&["node", "start", &node])?;
            "killed"
        }
        1 => {
            cluster.ana_ok(&["node", "pause", &node, "--for", &lease])?;
            pause(held_ms).await;
            "paused"
        }
        2 => {
            for other in NODES.map(|it| it.to_string()) {
                if other != node {
                    let words = ["fault", "add", "link.cut", "--both", "--for", &lease];
                    let link = ["--from", &node, "--to", &other];
                    cluster.ana_ok(&[&words[..], &link].concat())?;
                }
            }
            pause(held_ms).await;
            "cut off"
        }
        _ => {
            let slow = ["fault", "add", "disk.slow", "--delay", "40ms", "--node"];
            cluster.ana_ok(&[&slow[..], &[&node, "--for", &lease]].concat())?;
            pause(held_ms).await;
            "slow"
        }
    };
    cluster.wait_healthy(Duration::from_secs(30)).await?;
    Ok(what)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_are_split_and_merged_through_everything() -> Result<()> {
    let wanted = rounds("ANA_RESHARD_ROUNDS", 10);
    let mut scene = Scene::start(20_261_131).await?;
    let done = Arc::new(AtomicU32::new(0));
    let client = scene.cluster.client(3);
    let mut work = JoinSet::new();
    work.spawn(reshard(client, wanted, Arc::clone(&done)));
    let mut faults = std::collections::BTreeMap::<&str, u32>::new();
    let listed = loop {
        if let Some(ended) = work.try_join_next() {
            break ended??;
        }
        let fault = fault(&mut scene.cluster, &mut scene.dice).await;
        let what = fault.with_context(|| format!("after {faults:?}"))?;
        *faults.entry(what).or_default() += 1;
    };
    let healed = now();
    let last = list(&scene.cluster.client(5)).await?;
    // After many splits a shard may be so narrow that none of the keys falls into it.
    let entries = scene.ledger.entries();
    let keys: BTreeSet<&str> = entries
        .acknowledged
        .keys()
        .map(|it| it.key.as_str())
        .collect();
    let hashes: Vec<u128> = keys
        .into_iter()
        .map(|it| HashKey::of_partition_key(it).0)
        .collect();
    let open: Vec<_> = open(&last)?
        .into_iter()
        .filter(|(start, end, _)| hashes.iter().any(|hash| (*start..=*end).contains(hash)))
        .map(|it| it.2.shard_id.clone())
        .collect();
    ensure!(!open.is_empty(), "no shard has a key");
    loop {
        let first = scene.ledger.resumed_after(healed);
        if open.iter().all(|shard| first.contains_key(shard)) {
            break;
        }
        ensure!(healed.elapsed() < HEALED_WITHIN, "{open:?}: {first:?}");
        pause(20).await;
    }
    let (equal, verdict) = scene.judge(&[], listed).await?;
    println!(
        "reshards: {wanted} through, {} shards in the end, {} listings looked at, faults {faults:?}, {} | {equal}",
        last.shards.len(),
        verdict.of(Anomaly::ReshardOrder).looked_at,
        told(&verdict),
    );
    ensure!(verdict.is_clean(), "{verdict}");
    Ok(())
}
