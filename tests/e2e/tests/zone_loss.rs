//! One zone dead: reads and writes go on, on every shard. Two dead: nothing is acknowledged, and the error is a clear
//! 503 within five seconds. Zones back: everything goes on without help within five seconds.

use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, now};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::assert_identical;
use ana_e2e::verdict::{judge, read_all, told};
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::primitives::Blob;

const STREAM: &str = "zones";
const SHARDS: usize = 6;
const ANSWER_MAX: Duration = Duration::from_secs(5);

async fn every_shard_acknowledges(ledger: &Ledger, within: Duration) -> Result<Duration> {
    ledger.every_shard(SHARDS, now(), within).await
}

/// With a majority gone: puts and gets fail with 503 in time, and nothing is acknowledged.
async fn refused_clearly(cluster: &Cluster) -> Result<()> {
    let client = cluster.client(1);
    for key in 0..6 {
        let asked = now();
        let answer = client
            .put_record()
            .stream_name(STREAM)
            .partition_key(format!("lost-{key}"))
            .data(Blob::new("p9-k9 0"))
            .send()
            .await;
        let error = answer
            .err()
            .context("a put was acknowledged without a majority")?;
        ensure!(
            asked.elapsed() < ANSWER_MAX,
            "the refusal took {:?}",
            asked.elapsed()
        );
        let status = error
            .raw_response()
            .map(|response| response.status().as_u16());
        ensure!(status == Some(503), "not a clear 503: {status:?} {error:?}");
        ensure!(
            format!("{error:?}").contains("ServiceUnavailable"),
            "{error:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zones_die_and_come_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    create_stream(&cluster.client(3), STREAM, i32::try_from(SHARDS)?).await?;
    let ledger = Arc::new(Ledger::default());
    let load = Load {
        producers: 3,
        keys_per_producer: 20,
        ..Load::usual(&cluster.endpoint, STREAM)
    };
    let producers = Producers::start(&load, &ledger);
    every_shard_acknowledges(&ledger, Duration::from_secs(10)).await?;

    for zone in ["a", "b", "c"] {
        cluster.ana_ok(&["zone", "kill", zone])?;
        let gap = every_shard_acknowledges(&ledger, Duration::from_secs(5))
            .await
            .with_context(|| format!("zone {zone} dead"))?;
        let read = read_all(&cluster.client(5), STREAM).await?.len();
        cluster.ana_ok(&["zone", "start", zone])?;
        let healthy = cluster.wait_healthy(Duration::from_secs(10)).await?;
        println!(
            "zone {zone} dead: all {SHARDS} shards acknowledged again after {} ms, {read} records readable; healthy {} ms after its return",
            gap.as_millis(),
            healthy.as_millis()
        );
    }

    producers.stop().await?;
    cluster.ana_ok(&["zone", "kill", "a"])?;
    cluster.ana_ok(&["zone", "kill", "b"])?;
    refused_clearly(&cluster).await?;
    cluster.ana_ok(&["zone", "start", "a"])?;
    cluster.ana_ok(&["zone", "start", "b"])?;
    let producers = Producers::start(
        &Load {
            prefix: "again",
            ..load
        },
        &ledger,
    );
    let back = every_shard_acknowledges(&ledger, Duration::from_secs(5))
        .await
        .context("zones a and b are back")?;
    println!(
        "two zones back: all shards acknowledge after {} ms",
        back.as_millis()
    );
    producers.stop().await?;

    cluster.wait_healthy(Duration::from_secs(10)).await?;
    assert_identical(&cluster).await?;
    let reads = read_all(&cluster.client(5), STREAM).await?;
    // The refused puts may yet have been stored (their fate is unknown to the client); they are nobody's key.
    let reads: Vec<_> = reads
        .into_iter()
        .filter(|read| read.value.as_ref().is_none_or(|value| value.key != "p9-k9"))
        .collect();
    let verdict = judge(&ledger.entries(), &reads);
    println!("zone loss: {}", told(&verdict));
    ensure!(verdict.is_clean(), "{verdict}");
    cluster.stop().await
}
