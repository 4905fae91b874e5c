//! Faults of disks and links, under load: what was acknowledged survives each of them.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is part of the result"
)]

use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, Status, create_stream, now, pause};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::Producers;
use ana_e2e::replicas::{assert_identical, get};
use ana_e2e::verdict::{judge, read_all, told};
use anyhow::{Context, Result, ensure};

use super::{SHARDS, STREAM, add, all_over, every_shard, faults, put};

/// Two nodes that do not hear each other: the third still writes to every shard, and all is well afterwards.
async fn cut_link(cluster: &mut Cluster, ledger: &Ledger) -> Result<()> {
    const LEASE: Duration = Duration::from_secs(5);
    let apis: Vec<String> = cluster
        .status()?
        .nodes
        .into_iter()
        .map(|it| it.api)
        .collect();
    let since = add(
        cluster,
        &[
            "link.cut", "--from", "1", "--to", "2", "--both", "--for", "5s",
        ],
    )?;
    let cut = now();
    // What a node says of another.
    let state = |at: usize, of: u64| -> Result<String> {
        let seen: Status = get(&apis[at - 1], "/_ana/status")?;
        let node = seen.nodes.into_iter().find(|node| node.id == of);
        Ok(node.context("a known node")?.state)
    };
    let seen = [state(1, 2)?, state(2, 1)?, state(3, 1)?, state(3, 2)?];
    ensure!(
        seen == ["unreachable", "unreachable", "up", "up"],
        "the link is not cut: {seen:?}"
    );
    ensure!(
        since.elapsed() < LEASE,
        "that took too long to mean anything"
    );
    let gap = every_shard(ledger, cut, LEASE).await?;
    all_over(cluster, Duration::from_secs(8)).await?;
    let over = now();
    cluster.wait_healthy(Duration::from_secs(15)).await?;
    println!(
        "cut link: all shards acknowledge {gap:?} into it, healthy {:?} after it",
        over.elapsed()
    );
    Ok(())
}

/// The time one put takes.
async fn put_time(cluster: &Cluster, number: u32, ledger: &Arc<Ledger>) -> Result<Duration> {
    let sent = now();
    let key = format!("timed-{number}");
    let put = put(cluster.client(1), key, Arc::clone(ledger)).await;
    ensure!(put.is_ok(), "{put:?}");
    Ok(sent.elapsed())
}

/// A leader's slow disk alone stops nobody; with two of three slow, every put waits for one of them.
async fn slow_disks(cluster: &Cluster, ledger: &Arc<Ledger>) -> Result<()> {
    const DELAY: Duration = Duration::from_millis(150);
    let slow = ["disk.slow", "--delay", "150ms", "--for", "5s"];
    let leader = [&slow[..], &["--on", "leader of orders/0"]].concat();
    add(cluster, &leader)?;
    let slow_since = now();
    let on = faults(cluster)?;
    ensure!(on.len() == 1, "on the leader alone: {on:?}");
    let gap = every_shard(ledger, slow_since, Duration::from_secs(3)).await?;
    let other = if on[0].on_node == 1 { "2" } else { "1" };
    let second = [&slow[..], &["--node", other, "--id", "second"]].concat();
    add(cluster, &second)?;
    let slowed = put_time(cluster, 0, ledger).await?;
    ensure!(
        slowed >= DELAY,
        "a majority without a slow disk? {slowed:?}"
    );
    all_over(cluster, Duration::from_secs(8)).await?;
    let mut number = 1;
    let healed = loop {
        let took = put_time(cluster, number, ledger).await?;
        if took < DELAY {
            break took;
        }
        ensure!(number < 50, "still slow: {took:?}");
        number += 1;
    };
    println!(
        "slow disks: all shards acknowledge after {gap:?} with one, a put takes {slowed:?} with two and {healed:?} \
         without"
    );
    Ok(())
}

/// A leader whose disk cannot sync ends; the shards go on elsewhere, and it comes back with what it has.
async fn failed_sync(cluster: &mut Cluster, ledger: &Ledger) -> Result<()> {
    let since = add(
        cluster,
        &[
            "disk.fsync_error",
            "--on",
            "leader of orders/0",
            "--id",
            "sync",
        ],
    )?;
    let node = loop {
        let status = cluster.status()?;
        if let Some(ended) = status.nodes.iter().find(|node| node.state == "down") {
            break ended.id;
        }
        ensure!(
            since.elapsed() < Duration::from_secs(15),
            "the node goes on with a disk that cannot sync"
        );
        pause(50).await;
    };
    let ended = since.elapsed();
    let gap = every_shard(ledger, now(), Duration::from_secs(5)).await?;
    cluster.ana_ok(&["node", "start", &node.to_string()])?;
    cluster.wait_healthy(Duration::from_secs(20)).await?;
    let left = faults(cluster)?;
    ensure!(left.is_empty(), "it went with the process: {left:?}");
    println!(
        "failed sync: node {node} ended after {ended:?}, all shards acknowledge {gap:?} later"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disks_and_links_fail_and_nothing_acknowledged_is_lost() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    create_stream(&cluster.client(3), STREAM, SHARDS).await?;
    let ledger = Arc::new(Ledger::default());
    let producers = Producers::at_each_node(&cluster, STREAM, &ledger)?;
    slow_disks(&cluster, &ledger).await.context("slow disks")?;
    cut_link(&mut cluster, &ledger).await.context("cut link")?;
    failed_sync(&mut cluster, &ledger)
        .await
        .context("failed sync")?;
    for each in producers {
        each.stop().await?;
    }
    assert_identical(&cluster).await?;
    let reads = read_all(&cluster.client(5), STREAM).await?;
    let verdict = judge(&ledger.entries(), &reads);
    println!("disks and links: {}", told(&verdict));
    ensure!(verdict.figures.acknowledged > 500, "{verdict}");
    ensure!(verdict.is_clean(), "{verdict}");
    cluster.stop().await
}
