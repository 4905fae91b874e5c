//! A log on a disk in memory, with time that passes only when everybody waits.

#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod image;
pub(crate) mod model;
pub(crate) mod trip;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions, TokioClock};
use ana_env::{Disk, runtime};
use ana_log::{EntryId, Log, LogConfig, LogEntry, LogError, Mark};
use bytes::Bytes;
use tokio::sync::oneshot;

pub(crate) const DIR: &str = "/data/groups/7";

/// Runs a test in a scope of its own, with virtual time.
pub(crate) fn run<F: Future>(seed: u64, test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(runtime::scope(seed, test))
}

/// Small segments, so that a few entries fill several.
pub(crate) fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 32 << 10,
        first_segment_bytes: 16 << 10,
        cache_bytes: 4 << 10,
        index_cache_bytes: 4 << 10,
        reserve_bytes: 16 << 10,
        batch_bytes_max: 16 << 10,
        ..LogConfig::default()
    }
}

pub(crate) fn memory(seed: u64) -> MemoryDisk {
    let options = MemoryDiskOptions {
        capacity_bytes: 64 << 20,
        sync_min: Duration::from_micros(100),
        sync_max: Duration::from_millis(1),
        ..MemoryDiskOptions::default()
    };
    MemoryDisk::new(seed, options)
}

pub(crate) async fn try_open(disk: &dyn AsDisk, config: LogConfig) -> Result<Log, LogError> {
    let clock = Arc::new(TokioClock::new(1_700_000_000_000));
    Log::open(disk.as_disk(), clock, Path::new(DIR), config).await
}

pub(crate) async fn open(disk: &dyn AsDisk) -> Log {
    try_open(disk, small()).await.expect("the log opens")
}

/// A disk in one of the shapes tests hold it in.
pub(crate) trait AsDisk {
    fn as_disk(&self) -> Arc<dyn Disk>;
}

impl AsDisk for MemoryDisk {
    fn as_disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }
}

impl AsDisk for Arc<dyn Disk> {
    fn as_disk(&self) -> Arc<dyn Disk> {
        Arc::clone(self)
    }
}

pub(crate) fn id(term: u64, index: u64) -> EntryId {
    EntryId {
        term,
        node: 1,
        index,
    }
}

/// An entry without marks whose payload follows from its id.
pub(crate) fn entry(term: u64, index: u64, len: usize) -> LogEntry {
    let seed = term.wrapping_mul(31).wrapping_add(index);
    let byte = |at: u64| u8::try_from((seed * 7 + at) % 251).expect("less than 251");
    LogEntry {
        id: id(term, index),
        kind: u8::try_from(index % 5).expect("less than 5"),
        marks: Arc::from([]),
        payload: (0..len as u64).map(byte).collect::<Vec<_>>().into(),
    }
}

/// An entry whose payload is cut into one range for each (key, time), equally long.
pub(crate) fn marked(term: u64, index: u64, len: usize, keys: &[(u32, u64)]) -> LogEntry {
    let mut entry = entry(term, index, len);
    let each = u32::try_from(len / keys.len().max(1)).expect("small");
    let mark = |(at, (key, time_ms)): (usize, &(u32, u64))| Mark {
        key: *key,
        count: 1,
        offset: each * u32::try_from(at).expect("small"),
        len: each,
        time_ms: *time_ms,
    };
    entry.marks = keys.iter().enumerate().map(mark).collect();
    entry
}

/// Appends and waits until it is durable.
pub(crate) async fn append(log: &Log, entries: Vec<LogEntry>) -> Result<(), LogError> {
    append_later(log, entries)?
        .await
        .expect("answered")
        .map_err(|source| LogError::Io {
            operation: "append",
            source,
        })
}

/// Appends; the receiver is told when it is durable.
pub(crate) fn append_later(
    log: &Log,
    entries: Vec<LogEntry>,
) -> Result<oneshot::Receiver<std::io::Result<()>>, LogError> {
    let (done, wait) = oneshot::channel();
    let done = Mutex::new(Some(done));
    let tell = move |result| {
        let done = done
            .lock()
            .expect("not poisoned")
            .take()
            .expect("called once");
        drop(done.send(result));
    };
    log.append(entries, Box::new(tell))?;
    Ok(wait)
}

/// Everything the log holds.
pub(crate) async fn all(log: &Log) -> Vec<LogEntry> {
    let mut entries: Vec<LogEntry> = Vec::new();
    loop {
        let next = entries.last().map_or(0, |entry| entry.id.index + 1);
        let more = log.read(next..u64::MAX, 10_000).await.expect("readable");
        if more.is_empty() {
            return entries;
        }
        entries.extend(more);
    }
}

pub(crate) fn vote(number: u64) -> Bytes {
    Bytes::from(format!("vote {number}"))
}
