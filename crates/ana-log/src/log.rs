//! The log as its users see it.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ana_env::{Clock, Disk};
use bytes::Bytes;

use crate::{EntryId, Health, LogConfig, LogEntry, LogError, Mark};

/// Called once, on the writer's task, when appended entries are durable (or can not become so).
pub type AppendDone = Box<dyn FnOnce(io::Result<()>) + Send>;

/// First and last of what a log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogBounds {
    /// The last entry that was purged; entries up to it are gone.
    pub purged: Option<EntryId>,
    /// The last entry; the purged one when there is none after it.
    pub last: Option<EntryId>,
}

/// A range of one entry that belongs to the key asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBatch {
    /// Index of the entry it is part of.
    pub index: u64,
    /// The mark that names it.
    pub mark: Mark,
    /// Its bytes.
    pub body: Bytes,
}

/// Answer of [`Log::read_key`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRead {
    /// In order of index, then of offset. All ranges of one entry come together.
    pub batches: Vec<KeyBatch>,
    /// Where to read on: everything of the key below this index was returned.
    pub next_index: u64,
}

/// One segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// First entry in it (equal to `last_index` + 1 when it has none).
    pub first_index: u64,
    /// Last entry in it.
    pub last_index: u64,
    /// Bytes used.
    pub bytes: u64,
    /// Largest time stamp of a mark in it, unix milliseconds.
    pub max_time_ms: u64,
    /// Whether it is complete.
    pub sealed: bool,
}

/// The log of one group, in its own directory. All methods take `&self`; calls that change the log
/// are expected from one caller at a time and take effect in the order of the calls.
#[derive(Debug)]
pub struct Log {}

// The shape only, until the engine below it lands: every call answers Closed.
#[expect(clippy::unused_async, reason = "the shape only")]
impl Log {
    /// Opens or creates the log in `dir` and recovers it. Damage is not an error here: see
    /// [`Log::health`].
    pub async fn open(
        _disk: Arc<dyn Disk>,
        _clock: Arc<dyn Clock>,
        _dir: &Path,
        _config: LogConfig,
    ) -> Result<Self, LogError> {
        Err(LogError::Closed)
    }
    /// Appends entries. They are readable when this returns; `done` is called after `fdatasync`.
    /// When this answers an error, `done` is dropped uncalled and nothing was appended.
    pub fn append(&self, _entries: Vec<LogEntry>, _done: AppendDone) -> Result<(), LogError> {
        Err(LogError::Closed)
    }
    /// Saves a vote; durable on return.
    pub async fn save_vote(&self, _vote: Bytes) -> Result<(), LogError> {
        Err(LogError::Closed)
    }
    /// The last vote saved.
    pub fn vote(&self) -> Option<Bytes> {
        None
    }
    /// Notes how far the log is committed; not synced, written with whatever comes next.
    pub async fn save_committed(&self, _id: Option<EntryId>) -> Result<(), LogError> {
        Err(LogError::Closed)
    }
    /// The last note of `save_committed` that survived, never beyond the last entry.
    pub fn committed(&self) -> Option<EntryId> {
        None
    }
    /// Removes all entries after `keep` (all that were not purged when `None`); durable on return.
    pub async fn truncate_after(&self, _keep: Option<u64>) -> Result<(), LogError> {
        Err(LogError::Closed)
    }
    /// Removes all entries up to `id`, which may lie beyond the last; durable on return.
    pub async fn purge_upto(&self, _id: EntryId) -> Result<(), LogError> {
        Err(LogError::Closed)
    }
    /// Entries of `range` in order, beginning with the first one held; at least one if there is
    /// one, and no more once `max_bytes` of payload are reached.
    pub async fn read(
        &self,
        _range: Range<u64>,
        _max_bytes: usize,
    ) -> Result<Vec<LogEntry>, LogError> {
        Err(LogError::Closed)
    }
    /// Identity of the entry at `index`; `None` if it is purged or not yet there.
    pub async fn entry_id(&self, _index: u64) -> Result<Option<EntryId>, LogError> {
        Err(LogError::Closed)
    }
    /// First and last.
    pub fn bounds(&self) -> LogBounds {
        LogBounds::default()
    }
    /// Ranges of `key` in entries `from_index..=upto_index`, at least one entry's if there is one.
    pub async fn read_key(
        &self,
        _key: u32,
        _from_index: u64,
        _upto_index: u64,
        _max_bytes: usize,
    ) -> Result<KeyRead, LogError> {
        Err(LogError::Closed)
    }
    /// Index of the first entry, up to `upto_index`, with a mark of `key` not older than `time_ms`.
    pub async fn seek_time(
        &self,
        _key: u32,
        _time_ms: u64,
        _upto_index: u64,
    ) -> Result<Option<u64>, LogError> {
        Err(LogError::Closed)
    }
    /// First mark of `key` in the log, up to `upto_index`, and its entry's index.
    pub async fn first_of_key(
        &self,
        _key: u32,
        _upto_index: u64,
    ) -> Result<Option<(u64, Mark)>, LogError> {
        Err(LogError::Closed)
    }
    /// Last mark of `key` in the log, up to `upto_index`, and its entry's index.
    pub async fn last_of_key(
        &self,
        _key: u32,
        _upto_index: u64,
    ) -> Result<Option<(u64, Mark)>, LogError> {
        Err(LogError::Closed)
    }
    /// The segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        Vec::new()
    }
    /// Bytes used by all segments.
    pub fn bytes(&self) -> u64 {
        0
    }
    /// Replaces the snapshot; durable on return.
    pub async fn save_snapshot(&self, _index: u64, _data: Bytes) -> Result<(), LogError> {
        Err(LogError::Closed)
    }
    /// The snapshot saved last, with its index.
    pub async fn load_snapshot(&self) -> Result<Option<(u64, Bytes)>, LogError> {
        Err(LogError::Closed)
    }
    /// Whether the log may be written.
    pub fn health(&self) -> Health {
        Health::Ok
    }
    /// After corruption: sets the files aside and starts empty, with the vote if it was readable.
    pub async fn repair_discard(&self) -> Result<(), LogError> {
        Err(LogError::Closed)
    }
    /// Writes what waits, notes the clean end, and stops the writer. Later writes answer `Closed`.
    pub async fn shutdown(&self) {}
}
