//! 1,000 idle subscriptions and 10,000 idle connections: what they cost, and what an honest client notices.

use std::time::Duration;

use ana_e2e::cluster::{now, pause};
use ana_e2e::verdict::percentiles_ms;
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::ShardIteratorType;

use super::subscribers::{Readers, subscribe};
use super::{
    MEMORY_MAX_KIB, STREAM, SUBSCRIPTIONS, Scene, each_kib, ensure_reused, process, strangers,
    wait_for_files,
};

/// The number of the promise.
const CONNECTIONS: usize = 10_000;
/// Files of this process, and of a node, besides the idle connections.
const OTHER_FILES: usize = 1_000;
/// An idle subscription is told so every second.
const EVENTS_WITHIN: Duration = Duration::from_secs(15);
/// Calls of the honest client whose times are taken.
const CALLS: u32 = 100;
/// An honest client's slowest call but one: three fsyncs and the crowd's own idle events share two cores with it.
const CALL_P99_MAX_MS: u128 = 250;
/// Closed sockets are noticed at once; this is for a slow machine.
const GONE_WITHIN: Duration = Duration::from_secs(15);
/// Files that come and go by themselves: segments, peers, clients of this test.
const FILES_SLACK: usize = 32;

/// As many idle connections as this process and the node may have, where so many files may be open.
fn connections(limit: usize) -> usize {
    // A node gives three quarters of its files to clients.
    CONNECTIONS.min((limit / 4 * 3).saturating_sub(OTHER_FILES))
}

/// Puts and gets in turn; the times that each kind of call took.
async fn honest_calls(client: &Client) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut puts, mut gets) = (Vec::new(), Vec::new());
    for number in 0..CALLS {
        let data = format!("honest {number}");
        let started = now();
        let put = client.put_record().stream_name(STREAM).partition_key(&data);
        let put = put.data(Blob::new(data.clone())).send().await?;
        puts.push(started.elapsed());
        let iterator = client
            .get_shard_iterator()
            .stream_name(STREAM)
            .shard_id(put.shard_id);
        let iterator = iterator
            .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
            .starting_sequence_number(put.sequence_number)
            .send()
            .await?
            .shard_iterator
            .context("an iterator")?;
        let started = now();
        let got = client.get_records().shard_iterator(iterator).send().await?;
        gets.push(started.elapsed());
        let first = got.records.first().context("the record is there")?;
        ensure!(first.data.as_ref() == data.as_bytes(), "{first:?}");
    }
    Ok((puts, gets))
}

/// Waits until each subscription has been pushed `more` events.
async fn more_events(readers: &mut Readers, more: u64) -> Result<()> {
    let (started, wanted) = (now(), readers.fewest()? + more);
    loop {
        let fewest = readers.fewest()?;
        if fewest >= wanted {
            return Ok(());
        }
        ensure!(
            started.elapsed() < EVENTS_WITHIN,
            "{fewest} of {wanted} events"
        );
        pause(50).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn a_thousand_idle_subscriptions_and_ten_thousand_idle_connections_fit() -> Result<()> {
    let limit = process::raise_open_files()?;
    let connections = connections(limit);
    if connections < CONNECTIONS {
        println!(
            "crowd: only {limit} files may be open: {connections} idle connections, not {CONNECTIONS}"
        );
    }
    let mut scene = Scene::start("LATEST").await?;
    let node = scene.node;
    let quiet = honest_calls(&scene.client).await?;
    let (files, alone) = (node.open_files()?, node.memory()?);

    let subscriptions = subscribe(scene.address, &scene.crowd).await?;
    let on_http1 = subscriptions.iter().filter(|it| it.is_http1()).count();
    let mut readers = Readers::start(subscriptions);
    more_events(&mut readers, 3).await?;
    let subscribed = node.memory()?;

    let idle = strangers::open(scene.address, connections).await?;
    let full = node.memory()?;
    more_events(&mut readers, 1).await?;
    let (puts, gets) = honest_calls(&scene.client).await?;
    more_events(&mut readers, 3).await?;
    let (open, peak) = (node.open_files()?, node.memory()?.peak_kib);
    let still = strangers::count_open(&idle);

    drop(idle);
    readers.stop().await;
    wait_for_files(node, files + FILES_SLACK, GONE_WITHIN).await?;
    let after = node.memory()?;

    let readers = Readers::start(subscribe(scene.address, &scene.crowd).await?);
    let idle = strangers::open(scene.address, connections).await?;
    let again = node.memory()?;
    readers.stop().await;
    drop(idle);

    let ms = |times: &[Duration]| {
        let (p50, p99, _) = percentiles_ms(times);
        (p50, p99)
    };
    println!(
        "crowd, idle: alone {} MiB, with {SUBSCRIPTIONS} subscriptions {} MiB ({} KiB each), with {connections} \
         connections {} MiB ({} KiB each), peak {} MiB, afterwards {} MiB, a second time {} MiB | open files {files}, {open} | put ms p50, \
         p99 {:?}, before {:?} | get ms {:?}, before {:?}",
        alone.now_kib / 1024,
        subscribed.now_kib / 1024,
        each_kib(alone.now_kib, subscribed.now_kib, SUBSCRIPTIONS),
        full.now_kib / 1024,
        each_kib(subscribed.now_kib, full.now_kib, connections),
        peak / 1024,
        after.now_kib / 1024,
        again.now_kib / 1024,
        ms(&puts),
        ms(&quiet.0),
        ms(&gets),
        ms(&quiet.1),
    );
    ensure_reused(peak, again.now_kib)?;
    ensure!(peak < MEMORY_MAX_KIB, "a peak of {peak} KiB");
    ensure!(
        still == connections,
        "{still} of {connections} connections are open"
    );
    ensure!(
        open >= files + connections + on_http1,
        "{open} open files are too few to hold them all"
    );
    for times in [&puts, &gets] {
        ensure!(
            ms(times).1 < CALL_P99_MAX_MS,
            "the honest client waited {:?} ms",
            ms(times)
        );
    }
    scene.cluster.stop().await
}
