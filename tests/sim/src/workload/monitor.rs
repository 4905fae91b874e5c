//! Asks the nodes, all through the faults, who leads which group in which term, and what they have committed of it.

use std::time::Duration;

use ana_check::At;
use ana_check::history::ReplicaDigest;
use ana_env::time::sleep;
use anyhow::{Context as _, Result};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::Value as Json;

use super::{Phase, Shared};
use crate::counters;
use crate::http::get;
use crate::oracle::now;
use crate::world::api;

/// Entries of a block whose digest is asked for again and again, of any replica.
const BLOCK: u64 = 16;

/// Watches until the faults are over.
pub async fn watch(shared: Shared) -> turmoil::Result {
    shared.wait(Phase::Faults).await;
    let mut dice = shared.dice(50);
    while shared.phase() < Phase::Healing {
        if let Ok(status) = get(&shared.any_node(&mut dice), "/_ana/status").await {
            note(&shared, &status);
            for _ in 0..2 {
                committed(&shared, &mut dice, &status).await;
            }
        }
        sleep(Duration::from_millis(150)).await;
    }
    shared.end_work();
    Ok(())
}

/// Enters every election of a status in the oracle.
pub fn note(shared: &Shared, status: &Json) {
    for group in status["groups"].as_array().into_iter().flatten() {
        if let (Some(id), Some(term), Some(leader)) = (
            group["id"].as_u64(),
            group["term"].as_u64(),
            group["leader"].as_u64(),
        ) {
            shared.oracle().elected(id, term, leader);
        }
        let mut replicas = group["replicas"].as_array().into_iter().flatten();
        if replicas.any(|replica| replica["resting"] == true) {
            counters::saw("a replica rested");
        }
    }
}

/// Asks some replica of some group for some block that is committed.
async fn committed(shared: &Shared, dice: &mut ChaCha8Rng, status: &Json) -> Option<()> {
    let groups = status["groups"].as_array()?;
    let group = groups.get(dice.random_range(0..groups.len().max(1)))?;
    let (id, upto) = (group["id"].as_u64()?, group["commit_index"].as_u64()?);
    let from = first_kept(group).div_ceil(BLOCK);
    let blocks = ((upto + 1) / BLOCK).checked_sub(from)?;
    let block = from + dice.random_range(0..blocks.max(1));
    let node = dice.random_range(0..shared.plan.nodes);
    let range = (id, block * BLOCK, (block + 1) * BLOCK - 1);
    let (prefix, is_committed) = digest(shared, node, range).await.ok()??;
    // What this replica has not applied may still be replaced.
    if is_committed {
        shared.oracle().history.prefix(prefix);
    }
    Some(())
}

/// The first entry of a group that no replica has purged.
pub fn first_kept(group: &Json) -> u64 {
    let purged = group["replicas"].as_array().into_iter().flatten();
    purged
        .filter_map(|replica| replica["purged_index"].as_u64())
        .max()
        .filter(|purged| *purged > 0) // 0 says that nothing was purged yet.
        .map_or(0, |purged| purged + 1)
}

/// What one node says of a range of a group's log, and whether it has applied all of it; `None` if it has no replica.
///
/// # Errors
/// Without an answer.
pub async fn digest(
    shared: &Shared,
    node: usize,
    (group, from, upto): (u64, u64, u64),
) -> Result<Option<(ReplicaDigest, bool)>> {
    let at = now();
    let path = format!("/_ana/digest?group={group}&from={from}&upto={upto}");
    let digest = match get(&api(node), &path).await {
        Ok(digest) => digest,
        Err(error) if format!("{error:#}").contains("HTTP 404") => return Ok(None),
        Err(error) => return Err(error),
    };
    told(shared, node, &digest, (group, at))
        .map(Some)
        .context("a digest without its members")
}

fn told(
    shared: &Shared,
    node: usize,
    digest: &Json,
    (group, at): (u64, At),
) -> Option<(ReplicaDigest, bool)> {
    let upto = digest["upto"].as_u64()?;
    let told = ReplicaDigest {
        node: shared.oracle().history.node(&format!("node-{}", node + 1)),
        group,
        from: digest["from"].as_u64()?,
        upto,
        entries: digest["entries"].as_u64()?,
        digest: digest["digest"].as_str()?.to_owned(),
        at,
    };
    Some((told, digest["applied_index"].as_u64()? >= upto))
}
