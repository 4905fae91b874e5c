//! 1,000 subscriptions to full shards whose readers never read: what they cost, what an honest consumer and producers
//! notice, and that the node cuts them off.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use ana_e2e::cluster::{now, pause};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::verdict::{judge, percentiles_ms};
use anyhow::{Result, ensure};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

use super::honest::{Consumer, delays};
use super::subscribers::{Subscription, subscribe};
use super::{
    MEMORY_MAX_KIB, SHARDS, STREAM, SUBSCRIPTIONS, Scene, each_kib, ensure_reused, wait_for_files,
};

/// What each shard holds before the crowd comes: more than the kernels' buffers and two events together.
const FILL_RECORDS: usize = 40;
const FILL_RECORD_BYTES: usize = 100 << 10;
/// How long producers and the honest consumer are watched, without the crowd and with it.
const WATCHED: Duration = Duration::from_secs(6);
/// With the crowd there producers get at least one part of so many done of what they did before. They share two cores
/// with all that this test does, so that an unlucky run differs by much from the next.
const SLOWDOWN_MAX: usize = 2;
/// From put to push, slowest but one in a hundred, with the crowd there.
const PUSH_P99_MAX_MS: u128 = 250;
/// All have come to a standstill within this.
const STALL_WITHIN: Duration = Duration::from_secs(30);
/// The gateway cuts a reader off that has not read for 60 s, and looks every 15 s.
const CUT_WITHIN: Duration = Duration::from_secs(60 + 15 + 10);
/// Files that come and go by themselves: segments, peers, clients of this test, the HTTP/2 connections of the crowd.
const FILES_SLACK: usize = 32;

/// Puts some MiB into each shard, by explicit hash keys.
async fn fill(scene: &Scene) -> Result<()> {
    let body = vec![b'x'; FILL_RECORD_BYTES];
    let shards = u128::try_from(SHARDS)?;
    for shard in 0..shards {
        let middle = (u128::MAX / shards) * shard + u128::MAX / shards / 2;
        let entries = (0..FILL_RECORDS).map(|_| {
            PutRecordsRequestEntry::builder()
                .partition_key("fill")
                .explicit_hash_key(middle.to_string())
                .data(Blob::new(body.clone()))
                .build()
                .expect("key and data are set")
        });
        let put = scene.client.put_records().stream_name(STREAM);
        let answer = put.set_records(Some(entries.collect())).send().await?;
        ensure!(answer.failed_record_count == Some(0), "{answer:?}");
    }
    Ok(())
}

/// Waits until `is_so` is true of all, and tells how long that took.
async fn wait_for_all(
    crowd: &mut [Subscription],
    within: Duration,
    what: &str,
    mut is_so: impl FnMut(&mut Subscription, &mut std::task::Context<'_>) -> bool,
) -> Result<Duration> {
    let started = now();
    loop {
        let count = poll_fn(|cx| {
            Poll::Ready(
                crowd
                    .iter_mut()
                    .filter_map(|it| is_so(it, cx).then_some(()))
                    .count(),
            )
        });
        let count = count.await;
        if count == crowd.len() {
            return Ok(started.elapsed());
        }
        ensure!(
            started.elapsed() < within,
            "{count} of {} are {what}",
            crowd.len()
        );
        pause(100).await;
    }
}

/// Lets producers work for a while; when that was, and how many records were acknowledged.
async fn watch(ledger: &Ledger) -> ((Instant, Instant), usize) {
    let (from, before) = (now(), ledger.count());
    while from.elapsed() < WATCHED {
        pause(20).await;
    }
    ((from, now()), ledger.count() - before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_readers_that_never_read_are_bounded_and_hurt_nobody() -> Result<()> {
    let mut scene = Scene::start("TRIM_HORIZON").await?;
    let node = scene.node;
    fill(&scene).await?;
    let consumer = Consumer::start(&scene.client, &scene.honest_arn, &scene.shards).await?;
    let ledger = Arc::new(Ledger::default());
    let load = Load {
        pause_ms: 5,
        ..Load::usual(&format!("http://{}", scene.address), STREAM)
    };
    let producers = Producers::start(&load, &ledger);
    let (quiet_time, quiet) = watch(&ledger).await;
    let (files, alone) = (node.open_files()?, node.memory()?);
    node.forget_peak()?;

    let began = now();
    let mut crowd = subscribe(scene.address, &scene.crowd).await?;
    wait_for_all(&mut crowd, STALL_WITHIN, "stalled", |it, _| it.is_stalled()).await?;
    let (came_in, stalled) = (began.elapsed(), node.memory()?);
    let (crowded_time, crowded) = watch(&ledger).await;
    let cut_in = wait_for_all(&mut crowd, CUT_WITHIN, "cut off", Subscription::is_cut).await?;
    wait_for_files(node, files + FILES_SLACK, CUT_WITHIN).await?;
    let (cut, peak) = (node.memory()?, node.memory()?.peak_kib);
    drop(crowd);

    let mut crowd = subscribe(scene.address, &scene.crowd).await?;
    wait_for_all(&mut crowd, STALL_WITHIN, "stalled", |it, _| it.is_stalled()).await?;
    let again = node.memory()?;
    drop(crowd);

    producers.stop().await?;
    let received = consumer.finish(&ledger).await?;
    let entries = ledger.entries();
    let push_ms = |time| percentiles_ms(&delays(&entries, &received, time));
    let (before_ms, during_ms) = (push_ms(quiet_time), push_ms(crowded_time));
    let reads: Vec<_> = received.iter().map(|(read, _)| read.clone()).collect();
    let verdict = judge(&entries, &reads);
    println!(
        "crowd, never reading: alone {} MiB, with {SUBSCRIPTIONS} stalled {} MiB, peak {} MiB ({} KiB each), cut off \
         {} MiB, a second time {} MiB | stalled in {came_in:?}, all cut off {cut_in:?} after that | records in {WATCHED:?}: {crowded}, before \
         {quiet} | put to push ms p50, p99, max {during_ms:?}, before {before_ms:?} | {} read of {} acknowledged",
        alone.now_kib / 1024,
        stalled.now_kib / 1024,
        peak / 1024,
        each_kib(alone.now_kib, peak, SUBSCRIPTIONS),
        cut.now_kib / 1024,
        again.now_kib / 1024,
        verdict.figures.read,
        verdict.figures.acknowledged,
    );
    ensure_reused(peak, again.now_kib)?;
    ensure!(peak < MEMORY_MAX_KIB, "a peak of {peak} KiB");
    ensure!(
        crowded * SLOWDOWN_MAX >= quiet,
        "producers got {crowded} done, {quiet} before"
    );
    ensure!(
        during_ms.1 < PUSH_P99_MAX_MS,
        "put to push took {during_ms:?} ms"
    );
    ensure!(verdict.is_clean(), "{verdict}");
    scene.cluster.stop().await
}
