//! Bits that turn over and writes that are cut short, one node after another: each is noticed, the node repairs itself
//! from the others, nothing acknowledged is lost.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is part of the result"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, now, pause};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::assert_identical;
use ana_e2e::verdict::{judge, read_all, told};
use anyhow::{Context, Result, ensure};

use super::{OTHER, SHARDS, STREAM, add, all_there, cut, every_shard, fill, fill_to_a_mark};

/// How often a node's log says something.
fn said(folder: &Path, node: u64, what: &str) -> Result<usize> {
    let path = folder.join(format!("logs/node-{node}.log"));
    let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(String::from_utf8_lossy(&text).matches(what).count())
}

/// Waits until every replica can be read and all are the same. Reading is what finds damage that nobody has met yet.
async fn whole(cluster: &mut Cluster) -> Result<Duration> {
    let since = now();
    loop {
        let compared = match cluster.wait_healthy(Duration::from_secs(60)).await {
            Ok(_) => assert_identical(cluster).await.map(drop),
            Err(sick) => Err(sick),
        };
        match compared {
            Ok(()) => return Ok(since.elapsed()),
            Err(still) => ensure!(since.elapsed() < Duration::from_secs(90), "{still:#}"),
        }
        pause(200).await;
    }
}

/// Cuts the log of the large stream, so that there are snapshots.
async fn make_snapshots(cluster: &Cluster) -> Result<()> {
    for node in ["1", "2", "3"] {
        let ahead = ["clock.jump", "--offset", "27h", "--node", node];
        add(cluster, &ahead)?;
    }
    let since = now();
    while cut(cluster)? == 0 {
        ensure!(since.elapsed() < Duration::from_secs(30), "no log is cut");
        pause(200).await;
    }
    cluster.ana_ok(&["fault", "stop", "--all"]).map(drop)
}

/// One bit of one kind of file of one node.
async fn flip(
    cluster: &mut Cluster,
    folder: &Path,
    (node, file): (u64, &str),
    seed: u64,
) -> Result<()> {
    const REPAIR: &str = "repair begins";
    let before = said(folder, node, REPAIR)?;
    let (id, seed) = (node.to_string(), seed.to_string());
    let flip = ["node", "flip-bit", &id, "--file", file, "--seed", &seed];
    let done = cluster.ana(&flip)?;
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.status.success(), "{told}");
    let took = whole(cluster).await?;
    let repairs = said(folder, node, REPAIR)? - before;
    // What only makes starts fast is thrown away and made anew, without a word to the others.
    ensure!(
        (repairs > 0) == (file != "checkpoint"),
        "{repairs} repairs: {told}"
    );
    let told = told.lines().next().unwrap_or_default();
    println!("flipped: {told}; {repairs} repairs, whole after {took:?}");
    Ok(())
}

/// A write that was under way when the power went, on one node after another.
async fn tear(cluster: &mut Cluster, folder: &Path) -> Result<()> {
    const CUT: &str = "a torn write is cut off";
    for node in 1..=3 {
        let before = said(folder, node, CUT)?;
        let id = node.to_string();
        cluster.ana_ok(&["node", "tear-tail", &id, "--bytes", "700"])?;
        whole(cluster).await?;
        ensure!(said(folder, node, CUT)? > before, "node {node} met nothing");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_of_every_kind_is_noticed_and_repaired() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    create_stream(&cluster.client(3), STREAM, SHARDS).await?;
    create_stream(&cluster.client(3), OTHER, 1).await?;
    let ledger = Arc::new(Ledger::default());
    let load = Load {
        producers: 2,
        ..Load::usual(&cluster.endpoint, STREAM)
    };
    // Before anything is promised: what is a day old goes, and what stands for it is a snapshot.
    fill_to_a_mark(&cluster).await?;
    make_snapshots(&cluster).await?;
    let producers = Producers::start(&load, &ledger);
    let large = fill(&cluster).await?;
    let files = ["log", "vote", "checkpoint"];
    for (seed, file) in (1..).zip(files.iter().cycle().take(6)) {
        let node = 1 + seed % 3;
        flip(&mut cluster, folder.path(), (node, file), seed)
            .await
            .with_context(|| format!("{file} of node {node}, seed {seed}"))?;
        every_shard(&ledger, now(), Duration::from_secs(10)).await?;
    }
    all_there(&cluster, &large).await.context("flipped")?;
    for (node, seed) in [(2, 7), (3, 8)] {
        flip(&mut cluster, folder.path(), (node, "snapshot"), seed)
            .await
            .with_context(|| format!("snapshot of node {node}"))?;
    }
    tear(&mut cluster, folder.path())
        .await
        .context("torn tails")?;
    producers.stop().await?;
    whole(&mut cluster).await?;
    let reads = read_all(&cluster.client(5), STREAM).await?;
    let verdict = judge(&ledger.entries(), &reads);
    println!("damage: {}", told(&verdict));
    ensure!(verdict.is_clean(), "{verdict}");
    cluster.stop().await
}
