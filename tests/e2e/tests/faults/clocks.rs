//! Clocks that jump and drift while leaders move between them: arrival times never go back, and nothing is dropped
//! early.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is part of the result"
)]

use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, now, pause};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::assert_identical;
use ana_e2e::verdict::{judge, read_all, told};
use anyhow::{Context, Result, ensure};

use super::{OTHER, SHARDS, STREAM, add, all_there, cut, fill_to_a_mark, leader};

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
    create_stream(&cluster.client(3), OTHER, 1).await?;
    let ledger = Arc::new(Ledger::default());
    let load = Load {
        producers: 2,
        pause_ms: 5,
        ..Load::usual(&cluster.endpoint, STREAM)
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
    let reads = read_all(&cluster.client(5), STREAM).await?;
    let verdict = judge(&ledger.entries(), &reads);
    let (first, last) = (
        reads.iter().map(|it| it.arrived_ms).min(),
        reads.iter().map(|it| it.arrived_ms).max(),
    );
    let span_ms = last.unwrap_or(0) - first.unwrap_or(0);
    println!(
        "clocks: {}, arrived within {span_ms} ms by the stream's time",
        told(&verdict)
    );
    ensure!(verdict.is_clean(), "{verdict}");
    ensure!(
        span_ms >= 3_590_000,
        "no clock was an hour ahead: {span_ms} ms"
    );
    nothing_is_dropped_early(&cluster).await?;
    cluster.stop().await
}

/// Records are kept for a day. One clock that is past it drops nothing; when all are, the same records go.
async fn nothing_is_dropped_early(cluster: &Cluster) -> Result<()> {
    let large = fill_to_a_mark(cluster).await?;
    all_there(cluster, &large).await.context("filled")?;
    let status = cluster.status()?;
    let group = status
        .groups
        .iter()
        .find(|group| group.stream.as_deref() == Some(OTHER));
    let leader = group.and_then(|group| group.leader).context("a leader")?;
    let ahead = ["clock.jump", "--offset", "27h", "--for", "60s"];
    add(
        cluster,
        &[&ahead[..], &["--node", &leader.to_string()]].concat(),
    )?;
    let since = now();
    // Leaders look every five seconds for what may go.
    while since.elapsed() < Duration::from_secs(12) {
        ensure!(cut(cluster)? == 0, "one clock was enough");
        pause(500).await;
    }
    cluster.ana_ok(&["fault", "stop", "--all"])?;
    all_there(cluster, &large).await.context("dropped early")?;
    for node in ["1", "2", "3"] {
        add(cluster, &[&ahead[..], &["--node", node]].concat())?;
    }
    let since = now();
    while cut(cluster)? == 0 {
        ensure!(
            since.elapsed() < Duration::from_secs(30),
            "nothing was ever due: the wait before proves nothing"
        );
        pause(200).await;
    }
    println!(
        "clocks: one a day ahead drops nothing, all of them do after {:?}",
        since.elapsed()
    );
    cluster.ana_ok(&["fault", "stop", "--all"]).map(drop)
}
