//! Five times as much as a cluster can take: it still does nearly what it can, says no at once to the rest, stays within
//! its memory, and is itself again as soon as it is over.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is part of the result"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, now, pause};
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::SdkError;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

use tokio::task::JoinSet;

use super::{SHARDS, STREAM};

const MEASURED: Duration = Duration::from_secs(5);
/// Goodput with five times the work, percent of that with as much as can be done.
const GOODPUT_MIN_PERCENT: u64 = 80;
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// Resident memory of a node at its peak, KiB.
const PEAK_MAX_KIB: u64 = 700 << 10;
/// What one shard takes in a second by AWS's limits.
const SHARD_RECORDS_PER_S: usize = 1000;

/// How one kind of work went.
#[derive(Debug, Default)]
struct Counts {
    acknowledged: AtomicU64,
    throttled: AtomicU64,
    /// Answers that are neither, and no answers.
    failed: AtomicU64,
}

/// Work of one kind: so many tasks, each with so many records at a time of such a size, and how long it waits between.
#[derive(Debug, Clone, Copy)]
struct Work {
    tasks: usize,
    records: usize,
    bytes: usize,
    pause_ms: u64,
}

async fn put(client: &Client, work: Work, task: usize, counts: &Counts) {
    let entries = (0..work.records).map(|number| {
        PutRecordsRequestEntry::builder()
            .partition_key(format!("{task}-{number}"))
            .data(Blob::new(vec![b'x'; work.bytes]))
            .build()
            .expect("key and data are set")
    });
    let request = client.put_records().stream_name(STREAM);
    let request = request.set_records(Some(entries.collect())).send();
    let (good, throttled, failed) = match request.await {
        Ok(answer) => {
            let good = answer.records.iter().filter(|it| it.shard_id.is_some());
            let slow = "ProvisionedThroughputExceededException";
            let codes = answer.records.iter().filter_map(|it| it.error_code());
            let throttled = codes.filter(|it| *it == slow).count();
            let good = good.count();
            (good, throttled, work.records - good - throttled)
        }
        Err(SdkError::ServiceError(error))
            if error.err().is_provisioned_throughput_exceeded_exception() =>
        {
            (0, work.records, 0)
        }
        Err(_) => (0, 0, work.records),
    };
    for (counter, count) in [
        (&counts.acknowledged, good),
        (&counts.throttled, throttled),
        (&counts.failed, failed),
    ] {
        counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Does it for a while; records a second that were acknowledged, and the counts of the whole.
async fn run(client: &Client, work: Work) -> Result<(u64, Arc<Counts>)> {
    let (stop, counts) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(Counts::default()),
    );
    let mut tasks = JoinSet::new();
    for task in 0..work.tasks {
        let (client, stop, counts) = (client.clone(), Arc::clone(&stop), Arc::clone(&counts));
        tasks.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                put(&client, work, task, &counts).await;
                pause(work.pause_ms).await;
            }
        });
    }
    // The bursts that buckets allow at first are not counted.
    let warm = now();
    while warm.elapsed() < Duration::from_secs(2) {
        pause(10).await;
    }
    let (since, before) = (now(), counts.acknowledged.load(Ordering::Relaxed));
    while since.elapsed() < MEASURED {
        pause(10).await;
    }
    let done = counts.acknowledged.load(Ordering::Relaxed) - before;
    let per_s = done * 1000 / u64::try_from(since.elapsed().as_millis())?;
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Ok((per_s, counts))
}

/// The largest resident memory that any node ever had, KiB.
fn peak_kib(cluster: &Cluster) -> Result<u64> {
    let mut peak = 0;
    for node in cluster.status()?.nodes {
        let pid = node.pid.context("a node that runs")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
        let kib = line.context("VmHWM")?.trim().trim_end_matches(" kB");
        peak = peak.max(kib.trim().parse()?);
    }
    Ok(peak)
}

/// From now until a request of everyday size is taken whole.
async fn back(client: &Client) -> Result<Duration> {
    let since = now();
    let everyday = Work {
        tasks: 1,
        records: 30,
        bytes: 100,
        pause_ms: 0,
    };
    loop {
        let counts = Counts::default();
        put(client, everyday, 0, &counts).await;
        if counts.acknowledged.load(Ordering::Relaxed) == 30 {
            return Ok(since.elapsed());
        }
        ensure!(
            since.elapsed() < BACK_WITHIN,
            "not itself again: {counts:?}"
        );
        pause(20).await;
    }
}

async fn overloaded(flags: &[&str], usual: Work, much: Work) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), flags).await?;
    let client = cluster.client(1);
    create_stream(&client, STREAM, i32::try_from(SHARDS)?).await?;
    let (peak, _) = run(&client, usual).await?;
    let (goodput, counts) = run(&client, much).await?;
    let back = back(&client).await?;
    let kib = peak_kib(&cluster)?;
    println!(
        "overload {flags:?}: {goodput} records/s acknowledged, {peak} at most without ({} %), throttled {}, failed {}, \
         itself again after {back:?}, {} MiB at most",
        goodput * 100 / peak.max(1),
        counts.throttled.load(Ordering::Relaxed),
        counts.failed.load(Ordering::Relaxed),
        kib / 1024,
    );
    ensure!(
        goodput * 100 >= peak * GOODPUT_MIN_PERCENT,
        "{goodput} records/s of {peak}"
    );
    ensure!(counts.failed.load(Ordering::Relaxed) == 0, "{counts:?}");
    ensure!(kib < PEAK_MAX_KIB, "{kib} KiB");
    if flags.is_empty() {
        let limit = u64::try_from(SHARDS * SHARD_RECORDS_PER_S)?;
        ensure!(
            peak <= limit * 11 / 10,
            "{peak} records/s in spite of limits"
        );
        ensure!(counts.throttled.load(Ordering::Relaxed) > 0, "{counts:?}");
    }
    cluster.stop().await
}

/// By AWS's limits: a shard takes 1,000 records a second, and says so to the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_times_the_limit_is_throttled_at_once() -> Result<()> {
    let usual = Work {
        tasks: 3,
        records: 100,
        bytes: 100,
        pause_ms: 90,
    };
    let much = Work { tasks: 15, ..usual };
    overloaded(&[], usual, much).await
}

/// By what the machine can do: forty requests at a time where eight are enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_times_the_work_is_done_no_slower() -> Result<()> {
    let usual = Work {
        tasks: 8,
        records: 200,
        bytes: 1000,
        pause_ms: 0,
    };
    let much = Work { tasks: 40, ..usual };
    overloaded(&["--limits", "off"], usual, much).await
}
