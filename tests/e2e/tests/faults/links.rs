//! Links between real nodes that are slow, lossy, thin or break: writers wait, and lose nothing.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is part of the result"
)]

use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, now};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::assert_identical;
use ana_e2e::verdict::{judge, read_all, told};
use anyhow::{Context, Result, ensure};

use super::{OTHER, SHARDS, STREAM, add, all_over, faults, put};

/// The same fault on every link.
fn add_everywhere(cluster: &Cluster, words: &[&str]) -> Result<()> {
    for (number, (from, to)) in [("1", "2"), ("1", "3"), ("2", "3")].into_iter().enumerate() {
        let id = format!("link-{number}");
        let link = ["--from", from, "--to", to, "--both", "--id", &id];
        add(cluster, &[words, &link].concat())?;
    }
    Ok(())
}

/// The quickest of some puts: what a put takes when nothing comes in between.
async fn put_time(cluster: &Cluster, name: &str, ledger: &Arc<Ledger>) -> Result<Duration> {
    let client = cluster.client(3);
    let mut best = Duration::MAX;
    for number in 0..8 {
        let sent = now();
        let key = format!("{name}-{number}");
        let put = put(client.clone(), key, Arc::clone(ledger)).await;
        ensure!(put.is_ok(), "{put:?}");
        best = best.min(sent.elapsed());
    }
    Ok(best)
}

/// An entry has to go to a follower and its answer to come back, so a put waits for twice the delay.
async fn slow(cluster: &mut Cluster, ledger: &Arc<Ledger>) -> Result<()> {
    const DELAY: Duration = Duration::from_millis(60);
    let before = put_time(cluster, "before", ledger).await?;
    ensure!(before < DELAY, "slow without a fault: {before:?}");
    add_everywhere(
        cluster,
        &["link.delay", "--delay", "60ms", "--jitter", "5ms"],
    )?;
    let slowed = put_time(cluster, "slow", ledger).await?;
    ensure!(slowed >= DELAY * 2, "{slowed:?}");
    let listed = faults(cluster)?;
    ensure!(listed.len() == 6, "each link at both ends: {listed:?}");
    cluster.ana_ok(&["fault", "stop", "--all"])?;
    let healed = put_time(cluster, "healed", ledger).await?;
    ensure!(healed < DELAY, "slow afterwards: {healed:?}");
    println!(
        "slow links: a put takes {before:?} before, {slowed:?} with 60 ms each way, {healed:?} after"
    );
    Ok(())
}

/// Producers get on while pieces are lost and connections break, and the faults end by themselves.
async fn lossy(cluster: &mut Cluster, ledger: &Arc<Ledger>) -> Result<()> {
    add_everywhere(cluster, &["link.loss", "--percent", "3", "--for", "6s"])?;
    let losing = now();
    let lost = progress(ledger, Duration::from_secs(6)).await?;
    all_over(cluster, Duration::from_secs(8)).await?;
    cluster.wait_healthy(Duration::from_secs(20)).await?;
    println!(
        "lossy links: {lost} acknowledged, healthy after {:?}",
        losing.elapsed()
    );

    add_everywhere(cluster, &["link.reset", "--every", "1s", "--for", "6s"])?;
    let breaking = now();
    let reset = progress(ledger, Duration::from_secs(6)).await?;
    all_over(cluster, Duration::from_secs(8)).await?;
    cluster.wait_healthy(Duration::from_secs(20)).await?;
    println!(
        "reset links: {reset} acknowledged, healthy after {:?}",
        breaking.elapsed()
    );
    Ok(())
}

/// How many puts are acknowledged meanwhile; some have to be.
async fn progress(ledger: &Ledger, within: Duration) -> Result<usize> {
    let (since, before) = (now(), ledger.entries().acknowledged.len());
    while since.elapsed() < within {
        ana_e2e::cluster::pause(100).await;
    }
    let got = ledger.entries().acknowledged.len().saturating_sub(before);
    ensure!(got > 0, "nobody could write for {within:?}");
    Ok(got)
}

/// What is written goes by the link twice, once to each follower: it takes as long as the link says.
async fn thin(cluster: &Cluster, ledger: &Arc<Ledger>) -> Result<()> {
    add_everywhere(cluster, &["link.thin", "--rate", "256KiB/s"])?;
    let sent = now();
    let client = cluster.client(10);
    let bytes = 512 * 1024;
    // Not in the ledger: a value of this size is not what it writes.
    let put = client.put_record().stream_name(OTHER);
    let put = put.partition_key("large").data(vec![7; bytes].into());
    let put = put.send().await;
    let took = sent.elapsed();
    cluster.ana_ok(&["fault", "stop", "--all"])?;
    put.context("a large record")?;
    ensure!(
        took >= Duration::from_secs(2),
        "512 KiB by 256 KiB/s in {took:?}"
    );
    println!("thin links: 512 KiB by 256 KiB/s in {took:?}");
    put_time(cluster, "thick", ledger).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_slow_lossy_thin_and_break_and_nothing_acknowledged_is_lost() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    for stream in [STREAM, OTHER] {
        create_stream(&cluster.client(3), stream, SHARDS).await?;
    }
    let ledger = Arc::new(Ledger::default());
    slow(&mut cluster, &ledger).await.context("slow")?;
    thin(&cluster, &ledger).await.context("thin")?;
    let load = Load {
        producers: 2,
        ..Load::usual(&cluster.endpoint, STREAM)
    };
    let producers = Producers::start(&load, &ledger);
    lossy(&mut cluster, &ledger).await.context("lossy")?;
    producers.stop().await?;
    assert_identical(&cluster).await?;
    let reads = read_all(&cluster.client(5), STREAM).await?;
    let verdict = judge(&ledger.entries(), &reads);
    println!("links: {}", told(&verdict));
    ensure!(verdict.is_clean(), "{verdict}");
    cluster.stop().await
}
