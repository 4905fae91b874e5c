//! Nodes that are paused, restarted and wiped: writers go on, nothing acknowledged is lost, and a wiped node comes
//! back whole under its own id.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is part of the result"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ana_e2e::cluster::{Cluster, create_stream, now, pause};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::Producers;
use ana_e2e::replicas::assert_identical;
use ana_e2e::verdict::{judge, read_all, told};
use anyhow::{Context, Result, ensure};

use super::{SHARDS, STREAM, every_shard, leader};

fn state(cluster: &Cluster, id: u64) -> Result<String> {
    let status = cluster.status()?;
    let node = status.nodes.into_iter().find(|node| node.id == id);
    Ok(node.context("a known node")?.state)
}

/// A leader that stands still is replaced; when it goes on, by itself, it does not think that it still leads.
async fn paused(cluster: &mut Cluster, ledger: &Ledger) -> Result<()> {
    const LEASE: Duration = Duration::from_secs(6);
    let node = leader(cluster)?;
    let since = now();
    cluster.ana_ok(&["node", "pause", &node.to_string(), "--for", "6s"])?;
    let still = now();
    ensure!(state(cluster, node)? == "paused");
    let gap = every_shard(ledger, still, LEASE).await?;
    while state(cluster, node)? == "paused" {
        ensure!(since.elapsed() < LEASE * 2, "it does not go on by itself");
        pause(50).await;
    }
    ensure!(since.elapsed() >= LEASE, "its lease was not over");
    cluster.wait_healthy(Duration::from_secs(20)).await?;
    println!(
        "paused: all shards acknowledge {gap:?} into the pause of node {node}, healthy after {:?}",
        since.elapsed()
    );
    Ok(())
}

async fn restarted(cluster: &mut Cluster, ledger: &Ledger) -> Result<()> {
    let node = leader(cluster)?;
    let since = now();
    cluster.ana_ok(&["node", "restart", &node.to_string()])?;
    let up = since.elapsed();
    every_shard(ledger, now(), Duration::from_secs(10)).await?;
    cluster.wait_healthy(Duration::from_secs(20)).await?;
    println!(
        "restarted: node {node} answers after {up:?}, no shard waited longer than {:?}",
        ledger.longest_gap_since(since)
    );
    Ok(())
}

fn is_rebuilding(folder: &Path, node: u64) -> Result<bool> {
    Ok(folder.join(format!("node-{node}/rebuild")).try_exists()?)
}

/// A node loses its disk. It comes back under its id, and only when it is whole may another one lose its own.
async fn wiped(
    cluster: &mut Cluster,
    ledger: &Ledger,
    folder: &Path,
    node: u64,
) -> Result<Instant> {
    let since = now();
    cluster.ana_ok(&["node", "wipe", &node.to_string()])?;
    let up = since.elapsed();
    every_shard(ledger, now(), Duration::from_secs(10)).await?;
    while is_rebuilding(folder, node)? {
        ensure!(
            since.elapsed() < Duration::from_secs(60),
            "node {node} is not rebuilt: {:?}",
            cluster.status()
        );
        pause(50).await;
    }
    let rebuilt = since.elapsed();
    cluster.wait_healthy(Duration::from_secs(20)).await?;
    let gap = ledger.longest_gap_since(since);
    println!(
        "wiped: node {node} answers after {up:?}, is rebuilt after {rebuilt:?}, no shard waited longer than {gap:?}"
    );
    Ok(since)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_paused_restarted_and_wiped_and_nothing_acknowledged_is_lost() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    create_stream(&cluster.client(3), STREAM, SHARDS).await?;
    let ledger = Arc::new(Ledger::default());
    let producers = Producers::at_each_node(&cluster, STREAM, &ledger)?;
    every_shard(&ledger, now(), Duration::from_secs(10)).await?;
    paused(&mut cluster, &ledger).await.context("paused")?;
    restarted(&mut cluster, &ledger)
        .await
        .context("restarted")?;

    cluster.ana_ok(&["node", "stop", "3"])?;
    let refused = cluster.ana(&["node", "wipe", "2"])?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(
        !refused.status.success() && said.contains("node 3 does not run"),
        "{said}"
    );
    cluster.ana_ok(&["node", "start", "3"])?;
    cluster.wait_healthy(Duration::from_secs(20)).await?;
    // Every record is by then on a disk that was wiped: it was copied, or it is lost.
    for node in [leader(&cluster)?, 1, 2, 3] {
        wiped(&mut cluster, &ledger, folder.path(), node)
            .await
            .with_context(|| format!("wiped {node}"))?;
    }
    for each in producers {
        each.stop().await?;
    }
    assert_identical(&cluster).await?;
    let reads = read_all(&cluster.client(5), STREAM).await?;
    let verdict = judge(&ledger.entries(), &reads);
    println!("processes: {}", told(&verdict));
    ensure!(verdict.is_clean(), "{verdict}");
    cluster.stop().await
}
