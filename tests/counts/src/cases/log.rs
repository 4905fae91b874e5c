//! The log: an entry written, and read back by shard. The disk is memory, so what is counted is ours.

use std::path::Path;
use std::sync::Arc;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions, TokioClock};
use ana_env::{Disk, runtime};
use ana_log::{EntryId, Log, LogConfig, LogEntry, Mark};
use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::Case;
use crate::measured;

/// Payload of a large entry, bytes.
const LARGE_BYTES: u32 = 512 << 10;
/// Payload of a small entry, bytes.
const SMALL_BYTES: u32 = 1100;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "log-append-small",
        units: 1,
        unit: "entry of 1 KiB, durable",
        at_most: 29_000,
        run: || append(SMALL_BYTES),
    },
    Case {
        name: "log-append-large",
        units: 512,
        unit: "KiB of an entry of 512, durable",
        at_most: 5500,
        run: || append(LARGE_BYTES),
    },
    Case {
        name: "log-read",
        units: 512,
        unit: "KiB of entries of 1 KiB, by shard, from the disk",
        at_most: 1900,
        run: read,
    },
];

/// Time passes only when everybody waits.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

fn inside<F: Future>(runtime: &Runtime, work: F) -> F::Output {
    runtime.block_on(runtime::scope(7, work))
}

async fn open() -> Log {
    let disk = MemoryDisk::new(1, MemoryDiskOptions::default());
    let dir = Path::new("/data");
    disk.create_dir_all(dir).await.expect("made");
    let config = LogConfig {
        // What is read comes from the disk.
        cache_bytes: 0,
        ..LogConfig::default()
    };
    let clock = Arc::new(TokioClock::new(1_767_225_600_000));
    Log::open(Arc::new(disk), clock, dir, config)
        .await
        .expect("a new log")
}

fn entry(index: u64, bytes: u32) -> LogEntry {
    LogEntry {
        id: EntryId {
            term: 1,
            node: 1,
            index,
        },
        kind: 1,
        marks: Arc::new([Mark {
            key: 3,
            count: 1,
            offset: 0,
            len: bytes,
            time_ms: 1_767_225_601_000,
        }]),
        payload: Bytes::from(vec![b'x'; usize::try_from(bytes).expect("fits")]),
    }
}

/// Appends and waits until it is durable.
async fn append_to(log: &Log, entries: Vec<LogEntry>) {
    let (done, durable) = oneshot::channel();
    let done = Box::new(|synced: std::io::Result<()>| drop(done.send(synced)));
    log.append(entries, done).expect("there is room");
    durable.await.expect("an answer").expect("synced");
}

fn append(bytes: u32) {
    let runtime = runtime();
    let log = inside(&runtime, async {
        let log = open().await;
        append_to(&log, vec![entry(1, bytes)]).await;
        log
    });
    let next = vec![entry(2, bytes)];
    measured(|| inside(&runtime, append_to(&log, next)));
    inside(&runtime, log.shutdown());
}

fn read() {
    let count = u64::from(LARGE_BYTES / SMALL_BYTES);
    let runtime = runtime();
    let log = inside(&runtime, async {
        let log = open().await;
        let entries = (1..=count).map(|index| entry(index, SMALL_BYTES)).collect();
        append_to(&log, entries).await;
        log
    });
    let read = measured(|| {
        let whole = usize::try_from(LARGE_BYTES).expect("fits");
        inside(&runtime, log.read_key(3, 1, count, whole)).expect("read")
    });
    assert_eq!(read.batches.len() as u64, count, "all of it");
    inside(&runtime, log.shutdown());
}
