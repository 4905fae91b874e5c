//! Clocks that jump and drift while leaders move between them: arrival times never go back.

use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, now, pause};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::assert_identical;
use ana_e2e::verdict::{judge, read_all};
use anyhow::{Context, Result, ensure};

use super::{SHARDS, STREAM, add};

/// Who leads a shard of the stream.
fn leader(cluster: &Cluster) -> Result<u64> {
    let status = cluster.status()?;
    let group = status
        .groups
        .iter()
        .find(|group| group.stream.as_deref() == Some(STREAM));
    group.and_then(|group| group.leader).context("a leader")
}

/// Puts are acknowledged after `since` by every shard.
async fn everybody_writes(ledger: &Ledger, within: Duration) -> Result<()> {
    let since = now();
    while ledger.resumed_after(since).len() < usize::try_from(SHARDS)? {
        ensure!(
            since.elapsed() < within,
            "{:?}",
            ledger.resumed_after(since)
        );
        pause(20).await;
    }
    Ok(())
}

/// Gives the leaders of one node away and back, so that the next entries are stamped by another clock.
async fn move_leaders(cluster: &mut Cluster, ledger: &Ledger, from: u64) -> Result<()> {
    cluster.ana_ok(&["node", "stop", &from.to_string()])?;
    everybody_writes(ledger, Duration::from_secs(10)).await?;
    cluster.ana_ok(&["node", "start", &from.to_string()])?;
    cluster.wait_healthy(Duration::from_secs(20)).await?;
    everybody_writes(ledger, Duration::from_secs(10)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_jump_and_drift_and_arrival_times_never_go_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    create_stream(&cluster.client(3), STREAM, SHARDS).await?;
    let ledger = Arc::new(Ledger::default());
    let load = Load {
        endpoint: cluster.endpoint.clone(),
        stream: STREAM.to_owned(),
        producers: 2,
        keys_per_producer: 12,
        pause_ms: 5,
        prefix: "p",
    };
    let producers = Producers::start(&load, &ledger);
    everybody_writes(&ledger, Duration::from_secs(10)).await?;

    for (by, drift) in [("1h", "+10%"), ("-1h", "-10%")] {
        let wrong = leader(&cluster)?;
        let node = wrong.to_string();
        add(&cluster, &["clock.jump", "--offset", by, "--node", &node])?;
        everybody_writes(&ledger, Duration::from_secs(5)).await?;
        move_leaders(&mut cluster, &ledger, wrong).await?;
        cluster.ana_ok(&["fault", "stop", "--all"])?;
        for node in ["1", "2"] {
            add(&cluster, &["clock.drift", "--drift", drift, "--node", node])?;
        }
        let begun = now();
        while begun.elapsed() < Duration::from_secs(3) {
            everybody_writes(&ledger, Duration::from_secs(5)).await?;
        }
        let drifting = leader(&cluster)?;
        move_leaders(&mut cluster, &ledger, drifting).await?;
        cluster.ana_ok(&["fault", "stop", "--all"])?;
        everybody_writes(&ledger, Duration::from_secs(5)).await?;
    }
    producers.stop().await?;
    assert_identical(&cluster).await?;
    let entries = ledger.entries();
    let reads = read_all(&cluster.client(5), STREAM).await?;
    let verdict = judge(&entries, &reads);
    let (first, last) = (
        reads.iter().map(|it| it.arrived_ms).min(),
        reads.iter().map(|it| it.arrived_ms).max(),
    );
    let span_ms = last.unwrap_or(0) - first.unwrap_or(0);
    println!(
        "clocks: acknowledged {} lost {} arrived within {span_ms} ms by the stream's time",
        verdict.acknowledged,
        verdict.lost.len()
    );
    ensure!(verdict.is_clean(), "{verdict:#?}");
    ensure!(
        span_ms >= 3_590_000,
        "no clock was an hour ahead: {span_ms} ms"
    );
    cluster.stop().await
}
