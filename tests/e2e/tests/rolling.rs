//! A rolling restart under load: nodes are stopped in order, one after the other, and started again. Nothing
//! acknowledged is lost, and because a node hands its leaderships over before it ends, no shard stops taking records
//! for as long as an election lasts.

use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, now};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::assert_identical;
use ana_e2e::verdict::{judge, read_all, told};
use anyhow::{Result, ensure};

const STREAM: &str = "rolling";
const SHARDS: i32 = 4;
/// Shorter than the silence after which followers begin an election: longer means that one was waited for.
const GAP_MAX: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_waits_for_no_election() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    create_stream(&cluster.client(3), STREAM, SHARDS).await?;
    let ledger = Arc::new(Ledger::default());
    let load = Load::usual(&cluster.endpoint, STREAM);
    let producers = Producers::start(&load, &ledger);
    let mut gaps = Vec::new();
    for node in cluster.status()?.nodes.iter().map(|node| node.id) {
        let since = now();
        cluster.ana_ok(&["node", "stop", &node.to_string()])?;
        let stopped = since.elapsed();
        cluster.ana_ok(&["node", "start", &node.to_string()])?;
        cluster.wait_healthy(Duration::from_secs(20)).await?;
        let gap = ledger.longest_gap_since(since);
        println!(
            "rolling restart: node {node} stopped in {stopped:?}, longest gap of a shard {gap:?}"
        );
        gaps.push(gap);
    }
    producers.stop().await?;
    assert_identical(&cluster).await?;
    let reads = read_all(&cluster.client(5), STREAM).await?;
    let verdict = judge(&ledger.entries(), &reads);
    println!("rolling restart: {} | gaps {gaps:?}", told(&verdict));
    ensure!(verdict.is_clean(), "{verdict}");
    ensure!(
        gaps.iter().all(|gap| *gap < GAP_MAX),
        "a shard took nothing for {GAP_MAX:?} or longer: {gaps:?}"
    );
    cluster.stop().await
}
