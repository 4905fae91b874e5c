//! Leaders that are moved, kept out of a zone, and taken from a slow disk; a leader whose disk is full.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is part of the result"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ana_e2e::cluster::{Cluster, client, create_stream, now, pause};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::assert_identical;
use ana_e2e::verdict::{judge, read_all, told};
use anyhow::{Context, Result, ensure};

use super::{SHARDS, STREAM, add, every_shard, put};

/// Who leads each group.
fn leaders(cluster: &Cluster) -> Result<BTreeMap<u64, Option<u64>>> {
    let groups = cluster.status()?.groups;
    Ok(groups.iter().map(|it| (it.id, it.leader)).collect())
}

/// Whether every group of records is led by whom it was before; that of the metadata is led by whoever came last.
fn as_before(seen: &BTreeMap<u64, Option<u64>>, before: &BTreeMap<u64, Option<u64>>) -> bool {
    let of_records = |it: &BTreeMap<u64, Option<u64>>| {
        it.range(1..).map(|(id, at)| (*id, *at)).collect::<Vec<_>>()
    };
    of_records(seen) == of_records(before)
}

/// The first group of the stream.
fn group(cluster: &Cluster) -> Result<u64> {
    let groups = cluster.status()?.groups;
    let ours = groups
        .iter()
        .find(|it| it.stream.as_deref() == Some(STREAM));
    Ok(ours.context("a group")?.id)
}

/// Waits until something holds of the leaders, and says when it did.
async fn until(
    cluster: &Cluster,
    within: Duration,
    holds: impl Fn(&BTreeMap<u64, Option<u64>>) -> bool,
) -> Result<Instant> {
    let since = now();
    loop {
        let seen = leaders(cluster)?;
        if holds(&seen) {
            return Ok(now());
        }
        ensure!(since.elapsed() < within, "not within {within:?}: {seen:?}");
        pause(50).await;
    }
}

/// A leader stays where it was put, though the cluster would have it elsewhere.
async fn moved(cluster: &Cluster) -> Result<()> {
    let group = group(cluster)?;
    let from = leaders(cluster)?[&group].context("a leader")?;
    let to = if from == 1 { 2 } else { 1 };
    let words = [&group.to_string(), "--to", &to.to_string(), "--for", "12s"].map(str::to_owned);
    let words: Vec<&str> = ["leader", "move"]
        .into_iter()
        .chain(words.iter().map(String::as_str))
        .collect();
    let begun = now();
    cluster.ana_ok(&words)?;
    // The balancer looks every two seconds, and acts at the second look.
    while begun.elapsed() < Duration::from_secs(10) {
        let leader = leaders(cluster)?[&group];
        ensure!(leader == Some(to), "it did not stay: {leader:?}");
        pause(200).await;
    }
    let back = until(cluster, Duration::from_secs(20), |seen| {
        seen[&group] == Some(from)
    })
    .await?;
    ensure!(back - begun >= Duration::from_secs(12), "too early");
    let wrong = cluster.ana(&["leader", "move", &group.to_string(), "--to", "9"])?;
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    ensure!(said.contains("node 9 does not vote"), "{said}");
    println!(
        "moved: group {group} stays at node {to}, and is back after {:?}",
        back - begun
    );
    Ok(())
}

/// No group is led from the zone until its lease is over, and then as before.
async fn shifted(cluster: &Cluster, ledger: &Ledger) -> Result<()> {
    let before = leaders(cluster)?;
    let node = before[&group(cluster)?].context("a leader")?;
    let nodes = cluster.status()?.nodes;
    let zone = nodes.iter().find(|it| it.id == node);
    let zone = zone.context("a node")?.zone.clone();
    let begun = now();
    cluster.ana_ok(&["zone", "shift", &zone, "--for", "12s"])?;
    let is_out = |seen: &BTreeMap<u64, Option<u64>>| {
        seen.values()
            .all(|leader| leader.is_some_and(|it| it != node))
    };
    let out = until(cluster, Duration::from_secs(5), is_out).await?;
    while begun.elapsed() < Duration::from_secs(11) {
        ensure!(is_out(&leaders(cluster)?), "they came back");
        pause(200).await;
    }
    let gap = ledger.longest_gap_since(begun);
    let back = until(cluster, Duration::from_secs(30), |seen| {
        as_before(seen, &before)
    })
    .await?;
    println!(
        "shifted: zone {zone} leads nothing after {:?}, as before after {:?}; no shard waited longer than {gap:?}",
        out - begun,
        back - begun
    );
    ensure!(gap < Duration::from_secs(2), "{gap:?}");

    cluster.ana_ok(&["zone", "shift", &zone, "--for", "10m"])?;
    until(cluster, Duration::from_secs(5), is_out).await?;
    cluster.ana_ok(&["zone", "shift", &zone, "--end"])?;
    until(cluster, Duration::from_secs(30), |seen| {
        as_before(seen, &before)
    })
    .await?;
    Ok(())
}

/// A leader whose disk is slow while those of its followers are quick gives its groups away, and gets them back when
/// the disk has been well for a while.
async fn slow_disk(cluster: &Cluster, ledger: &Ledger) -> Result<()> {
    let before = leaders(cluster)?;
    let node = before[&group(cluster)?].context("a leader")?;
    let id = node.to_string();
    let slow = [
        "disk.slow",
        "--fsync",
        "200ms",
        "--node",
        &id,
        "--for",
        "20s",
    ];
    let since = add(cluster, &slow)?;
    let gone = until(cluster, Duration::from_secs(5), |seen| {
        seen.values().all(|leader| *leader != Some(node))
    })
    .await?;
    let lasts = Duration::from_secs(10);
    while gone.elapsed() < lasts {
        let seen = leaders(cluster)?;
        ensure!(
            seen.values().all(|it| *it != Some(node)),
            "to and fro: {seen:?}"
        );
        pause(200).await;
    }
    cluster.ana_ok(&["fault", "stop", "--all"])?;
    let healed = now();
    let back = until(cluster, Duration::from_secs(40), |seen| {
        as_before(seen, &before)
    })
    .await?;
    println!(
        "slow disk: node {node} leads nothing after {:?}, as before {:?} after it is well; no shard waited longer than {:?}",
        gone - since,
        back - healed,
        ledger.longest_gap_since(since)
    );
    ensure!(back - healed >= Duration::from_secs(8), "trusted too early");
    Ok(())
}

/// A leader without room refuses cleanly or is replaced; the shards of others do not notice; it goes on by itself.
async fn full_disk(cluster: &Cluster, ledger: &Arc<Ledger>) -> Result<()> {
    let status = cluster.status()?;
    let node = leaders(cluster)?[&group(cluster)?].context("a leader")?;
    let pid = |status: &ana_e2e::cluster::Status| {
        let node = status.nodes.iter().find(|it| it.id == node);
        node.and_then(|it| it.pid)
    };
    let id = node.to_string();
    add(cluster, &["disk.full", "--node", &id, "--id", "full"])?;
    // Through a node that has room, so that only the leaders matter.
    let other = status
        .nodes
        .iter()
        .find(|it| it.id != node)
        .context("a node")?;
    let client = client(&format!("http://{}", other.api), 1);
    let (begun, mut refused, mut number) = (now(), BTreeMap::new(), 0);
    while begun.elapsed() < Duration::from_secs(6) {
        let key = format!("full-{number}");
        number += 1;
        if let Err(code) = put(client.clone(), key, Arc::clone(ledger)).await {
            *refused
                .entry(code.unwrap_or_else(|| "no answer".to_owned()))
                .or_insert(0) += 1;
        }
    }
    let codes: BTreeSet<&str> = refused.keys().map(String::as_str).collect();
    let clean = BTreeSet::from([
        "InternalFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "KMSThrottlingException",
    ]);
    ensure!(codes.is_subset(&clean), "{refused:?}");
    let unhurt = ledger.resumed_after(begun).len();
    ensure!(unhurt >= 2, "only {unhurt} shards took records");
    cluster.ana_ok(&["fault", "stop", "full"])?;
    let healed = now();
    let gap = every_shard(ledger, healed, Duration::from_secs(5)).await?;
    ensure!(pid(&cluster.status()?) == pid(&status), "it was restarted");
    println!(
        "full disk: {number} puts, refused {refused:?}, {unhurt} of {SHARDS} shards took records; all do {gap:?} after there is room"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_go_where_they_should_and_stay_away_from_where_they_should_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    create_stream(&cluster.client(3), STREAM, SHARDS).await?;
    let ledger = Arc::new(Ledger::default());
    let load = Load {
        producers: 2,
        ..Load::usual(&cluster.endpoint, STREAM)
    };
    let producers = Producers::start(&load, &ledger);
    every_shard(&ledger, now(), Duration::from_secs(10)).await?;
    moved(&cluster).await.context("moved")?;
    shifted(&cluster, &ledger).await.context("shifted")?;
    slow_disk(&cluster, &ledger).await.context("slow disk")?;
    full_disk(&cluster, &ledger).await.context("full disk")?;
    producers.stop().await?;
    cluster.wait_healthy(Duration::from_secs(30)).await?;
    assert_identical(&cluster).await?;
    let reads = read_all(&cluster.client(5), STREAM).await?;
    let verdict = judge(&ledger.entries(), &reads);
    println!("leaders: {}", told(&verdict));
    ensure!(verdict.is_clean(), "{verdict}");
    cluster.stop().await
}
