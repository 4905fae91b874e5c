//! A leader that stands still for longer than its lease, and goes on: by then others lead, and it must not answer from
//! what it remembers.

use std::time::Duration;

use ana_check::Anomaly;
use ana_e2e::cluster::{now, pause, rounds};
use ana_e2e::verdict::{percentiles_ms, told};
use anyhow::{Context, Result, ensure};
use rand::RngExt as _;

use super::{HEALED_WITHIN, STREAM, Scene};

/// Writing goes on elsewhere within this.
const AROUND_WITHIN: Duration = Duration::from_secs(3);
/// The lease is 300 ms: each pause is longer.
const PAUSED_MS: std::ops::Range<u64> = 700..2000;

async fn round(scene: &mut Scene) -> Result<Duration> {
    let status = scene.cluster.status()?;
    let ours: Vec<_> = status
        .groups
        .iter()
        .filter(|it| it.stream.as_deref() == Some(STREAM))
        .collect();
    let group = ours[scene.dice.random_range(0..ours.len())];
    let node = group.leader.context("a leader")?.to_string();
    let lasts_ms = scene.dice.random_range(PAUSED_MS);
    let since = now();
    let lease = format!("{lasts_ms}ms");
    scene
        .cluster
        .ana_ok(&["node", "pause", &node, "--for", &lease])?;
    let around = scene.resumed(since, AROUND_WITHIN).await?;
    while since.elapsed() < Duration::from_millis(lasts_ms) {
        pause(10).await;
    }
    let on = now();
    scene.resumed(on, HEALED_WITHIN).await?;
    scene.cluster.wait_healthy(HEALED_WITHIN).await?;
    Ok(around)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stood_still_answers_nothing_old() -> Result<()> {
    let rounds = rounds("ANA_PAUSE_ROUNDS", 5);
    let mut scene = Scene::start(20_261_129).await?;
    let readers = scene.read().await?;
    let mut around = Vec::new();
    for number in 0..rounds {
        let took = round(&mut scene).await;
        let took = took.with_context(|| format!("round {number}"))?;
        println!("paused leaders: round {number}, written around it after {took:?}");
        around.push(took);
    }
    let polled = readers.stop().await?;
    let (equal, verdict) = scene.judge(&polled, Vec::new()).await?;
    let (p50, p99, max) = percentiles_ms(&around);
    let tips = verdict.of(Anomaly::StaleRead).looked_at;
    println!(
        "paused leaders: {rounds} rounds, {} | {tips} answers at the tip, stale {} | ms until all shards were written \
         around it p50 {p50} p99 {p99} max {max} | {equal}",
        told(&verdict),
        verdict.found(Anomaly::StaleRead),
    );
    ensure!(verdict.is_clean(), "{verdict}");
    ensure!(
        tips > 100,
        "too few answers at the tip to mean anything: {tips}"
    );
    Ok(())
}
