//! The log in memory: what it holds for its readers, and what waits for its writer.
//!
//! Two views meet here. The *logical* log (`first`, `last`, `purged`, the cache) changes the moment
//! a caller appends, truncates or purges. The *index* (sealed segments and the active one) follows
//! when the writer has made it durable. `indexed_end` says up to where the index is right.
//!
//! Must stay true:
//! - the cache is consecutive, ends at `last`, and begins at or below `indexed_end`: whatever is not
//!   yet in the index is in the cache;
//! - the queue is in the order in which the logical log was changed.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::{Clock, Disk, File};
use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use crate::frame::{fits, frame_bytes};
use crate::index::SegmentIndex;
use crate::index_cache::IndexCache;
use crate::log::AppendDone;
use crate::segment::{Sealed, SegmentFile, Spare};
use crate::sync_times::Stopwatch;
use crate::{EntryId, Health, LogConfig, LogEntry, LogError, SegmentInfo};

/// Appends up to this size still pass while the log is full: blank entries of a new leader,
/// changes of membership, and the commands that trim. Bytes of frames.
const SMALL_APPEND_BYTES: u64 = 8 << 10;
/// Part of a segment that small appends leave to votes and purges.
const CONTROL_PART: u64 = 16;

/// What all parts of one log share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dir: PathBuf,
    pub(crate) config: LogConfig,
    state: Mutex<State>,
    pub(crate) indexes: IndexCache,
    /// The writer has something to do.
    pub(crate) work: Notify,
    /// The keeper has something to do.
    pub(crate) upkeep: Notify,
    /// The log has turned out to be corrupt, or has failed.
    pub(crate) unsound: Notify,
    /// Held while files are allocated, so that the room one frees is not taken by another.
    pub(crate) allocation: tokio::sync::Mutex<()>,
    /// Held while a snapshot is written or read.
    pub(crate) snapshots: tokio::sync::Mutex<()>,
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: PathBuf,
        config: LogConfig,
    ) -> Self {
        Self {
            disk,
            clock,
            dir,
            indexes: IndexCache::new(config.index_cache_bytes),
            config,
            state: Mutex::new(State::new()),
            work: Notify::new(),
            upkeep: Notify::new(),
            unsound: Notify::new(),
            allocation: tokio::sync::Mutex::new(()),
            snapshots: tokio::sync::Mutex::new(()),
        }
    }

    /// The state, for a few lines. Never across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that the log is not sound, to those who wait for it as well.
    pub(crate) fn judge(&self, state: &mut State, verdict: Health) {
        state.verdict = verdict;
        self.unsound.notify_waiters();
    }

    /// Notes damage found in bytes that were once synced, and answers it as an error.
    pub(crate) fn corrupt(&self, what: String) -> LogError {
        let mut state = self.state();
        if state.verdict == Health::Ok {
            tracing::error!(dir = %self.dir.display(), %what, "the log is corrupt");
            self.judge(&mut state, Health::Corrupt { what: what.clone() });
        }
        LogError::Corrupt { what }
    }
}

/// Told when a control write is durable.
pub(crate) type Done = oneshot::Sender<Result<(), LogError>>;

/// Something that waits for the writer.
pub(crate) enum Write {
    Append {
        entries: Vec<LogEntry>,
        /// Stamp of the last of them.
        stamp: u64,
        done: AppendDone,
    },
    Vote(Bytes, Done),
    Truncate(Option<EntryId>, Done),
    Purge(EntryId, Done),
}

impl std::fmt::Debug for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Append { entries, .. } => write!(f, "Append({})", entries.len()),
            Self::Vote(..) => f.write_str("Vote"),
            Self::Truncate(keep, _) => write!(f, "Truncate({keep:?})"),
            Self::Purge(id, _) => write!(f, "Purge({id})"),
        }
    }
}

/// An entry in the cache. Stamps grow with every entry ever appended, so that an entry written in
/// place of a truncated one is told apart from it.
#[derive(Debug)]
struct Cached {
    stamp: u64,
    entry: LogEntry,
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) segment: Arc<SegmentFile>,
    pub(crate) file: Arc<dyn File>,
    pub(crate) index: SegmentIndex,
    /// Position behind the last frame.
    pub(crate) used: u64,
    /// Bytes allocated.
    pub(crate) size: u64,
}

/// Reasons why the log counts as full. Any one is enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent reasons, each set and cleared alone"
)]
pub(crate) struct Pressure {
    /// The file system is used beyond the limit of the settings.
    pub(crate) disk_over: bool,
    /// No room for the next segment.
    pub(crate) no_spare: bool,
    /// No room for the reserve.
    pub(crate) no_reserve: bool,
    /// The writer waits for room.
    pub(crate) writer_waits: bool,
}

impl Pressure {
    pub(crate) fn any(self) -> bool {
        self != Self::default()
    }
}

/// Where a log is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    /// Takes no more writes; those that wait are still carried out.
    Closing,
    Closed,
}

#[derive(Debug)]
pub(crate) struct State {
    /// `Ok`, `Corrupt` or `Failed`; fullness is in `pressure`.
    pub(crate) verdict: Health,
    pub(crate) pressure: Pressure,
    pub(crate) stage: Stage,
    pub(crate) stopwatch: Stopwatch,

    pub(crate) purged: Option<EntryId>,
    pub(crate) last: Option<EntryId>,
    /// Index of the first entry held, if there is one.
    pub(crate) first: u64,
    pub(crate) vote: Option<Bytes>,
    pub(crate) committed: Option<EntryId>,
    /// Whether `committed` differs from what was last written.
    pub(crate) committed_changed: bool,
    /// Grows with every truncation; a read in several steps notices one in between.
    pub(crate) truncations: u64,

    cache: VecDeque<Cached>,
    cache_bytes: usize,
    last_stamp: u64,
    indexed_end: u64,

    /// Oldest first; their `end`s never decrease.
    pub(crate) sealed: VecDeque<Sealed>,
    pub(crate) active: Option<Active>,

    pub(crate) queue: VecDeque<Write>,
    pub(crate) queued_bytes: u64,
    pub(crate) repair: Option<Done>,

    pub(crate) spares: Vec<Spare>,
    pub(crate) spare_number: u64,
    /// Whether the reserve file is there.
    pub(crate) reserve_held: bool,
    /// When the room on the disk was looked at, in time since start.
    pub(crate) space_checked: Duration,
    /// Segments no longer needed, for the keeper.
    pub(crate) disposals: Vec<Arc<SegmentFile>>,
    pub(crate) disposed: Vec<Done>,
}

impl State {
    /// An empty log without files.
    pub(crate) fn new() -> Self {
        Self {
            verdict: Health::Ok,
            pressure: Pressure::default(),
            stage: Stage::Open,
            stopwatch: Stopwatch::default(),
            purged: None,
            last: None,
            first: 0,
            vote: None,
            committed: None,
            committed_changed: false,
            truncations: 0,
            cache: VecDeque::new(),
            cache_bytes: 0,
            last_stamp: 0,
            indexed_end: 0,
            sealed: VecDeque::new(),
            active: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
            repair: None,
            spares: Vec::new(),
            spare_number: 0,
            reserve_held: false,
            space_checked: Duration::ZERO,
            disposals: Vec::new(),
            disposed: Vec::new(),
        }
    }

    /// An empty log again, with the vote; what belongs to the directory stays.
    pub(crate) fn begin_anew(&mut self, vote: Option<Bytes>, active: Active) {
        let old = std::mem::replace(self, Self::new());
        *self = Self {
            vote,
            active: Some(active),
            stage: old.stage,
            pressure: old.pressure,
            last_stamp: old.last_stamp,
            truncations: old.truncations + 1,
            spares: old.spares,
            spare_number: old.spare_number,
            reserve_held: old.reserve_held,
            space_checked: old.space_checked,
            disposed: old.disposed,
            ..Self::new()
        };
    }

    pub(crate) fn health(&self) -> Health {
        match &self.verdict {
            Health::Ok if self.pressure.any() => Health::Full,
            verdict => verdict.clone(),
        }
    }

    /// Why nothing may be written, if so.
    pub(crate) fn refusal(&self) -> Option<LogError> {
        match &self.verdict {
            Health::Corrupt { what } => Some(LogError::Corrupt { what: what.clone() }),
            Health::Failed { why } => Some(LogError::Failed { why: why.clone() }),
            Health::Ok | Health::Full if self.stage != Stage::Open => Some(LogError::Closed),
            Health::Ok | Health::Full => None,
        }
    }

    /// Index behind the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.last.map_or(0, |id| id.index.saturating_add(1))
    }

    pub(crate) fn has_entries(&self) -> bool {
        let purged_end = self.purged.map_or(0, |id| id.index.saturating_add(1));
        self.last.is_some() && self.end() > purged_end
    }

    /// Queues entries and makes them readable.
    pub(crate) fn append(
        &mut self,
        entries: Vec<LogEntry>,
        done: AppendDone,
        queue_max: usize,
    ) -> Result<(), LogError> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let mut expected = self.last.map(|id| id.index + 1);
        let mut bytes = 0;
        for entry in &entries {
            let got = entry.id.index;
            if let Some(expected) = expected.filter(|expected| *expected != got) {
                return Err(LogError::NotConsecutive { expected, got });
            }
            if !fits(entry) {
                return Err(LogError::Unfit { index: got });
            }
            expected = Some(got + 1);
            bytes += frame_bytes(entry.marks.len(), entry.payload.len());
        }
        if self.pressure.any() && !self.passes_when_full(bytes) {
            return Err(LogError::Full);
        }
        if self.queue.len() >= queue_max {
            return Err(LogError::Busy);
        }
        if let Some(first) = entries.first().filter(|_| !self.has_entries()) {
            self.first = first.id.index;
            self.indexed_end = self.indexed_end.max(self.first);
        }
        for entry in &entries {
            self.last_stamp += 1;
            self.last = Some(entry.id);
            self.cache_bytes += entry.payload.len();
            self.cache.push_back(Cached {
                stamp: self.last_stamp,
                entry: entry.clone(),
            });
        }
        self.queued_bytes += bytes;
        self.queue.push_back(Write::Append {
            entries,
            stamp: self.last_stamp,
            done,
        });
        Ok(())
    }

    fn passes_when_full(&self, bytes: u64) -> bool {
        let Some(active) = &self.active else {
            return false;
        };
        let room = active.size.saturating_sub(active.used);
        let spare = self.spares.iter().map(|spare| spare.bytes).max();
        let needed = self.queued_bytes + bytes + active.size / CONTROL_PART;
        bytes <= SMALL_APPEND_BYTES
            && needed <= room.max(spare.unwrap_or(0))
            && !self.pressure.writer_waits
    }

    /// Queues a truncation after `keep`, which is in the log, or of everything not purged.
    pub(crate) fn truncate(&mut self, keep: Option<EntryId>, done: Done) {
        let end = keep.map_or(self.first, |id| id.index + 1);
        while self.cache.back().is_some_and(|c| c.entry.id.index >= end) {
            let dropped = self.cache.pop_back();
            self.cache_bytes -= dropped.map_or(0, |cached| cached.entry.payload.len());
        }
        self.indexed_end = self.indexed_end.min(end);
        self.last = keep.or(self.purged);
        self.truncations += 1;
        self.queue.push_back(Write::Truncate(self.last, done));
    }

    /// Queues a purge up to `id`.
    pub(crate) fn purge(&mut self, id: EntryId, done: Done) {
        let first = id.index + 1;
        if self.end() <= first {
            self.last = Some(id);
        }
        self.purged = Some(id);
        self.first = first;
        self.indexed_end = self.indexed_end.max(first);
        while self.cache.front().is_some_and(|c| c.entry.id.index < first) {
            self.evict_one();
        }
        self.queue.push_back(Write::Purge(id, done));
    }

    /// The writer has indexed all entries up to `stamp`: those may leave the cache.
    pub(crate) fn indexed(&mut self, stamp: u64, cache_bytes_max: usize) {
        let indexed = self.cache.partition_point(|cached| cached.stamp <= stamp);
        if let Some(last) = indexed.checked_sub(1).and_then(|at| self.cache.get(at)) {
            self.indexed_end = self.indexed_end.max(last.entry.id.index + 1);
        }
        while self.cache_bytes > cache_bytes_max
            && self
                .cache
                .front()
                .is_some_and(|c| c.entry.id.index < self.indexed_end)
        {
            self.evict_one();
        }
    }

    fn evict_one(&mut self) {
        let dropped = self.cache.pop_front();
        self.cache_bytes -= dropped.map_or(0, |cached| cached.entry.payload.len());
    }

    /// Takes over what recovery found; nothing is cached.
    pub(crate) fn recovered(&mut self, first: u64) {
        self.first = first;
        self.indexed_end = self.end().max(first);
    }

    /// Index of the first cached entry; `end()` if there is none.
    pub(crate) fn cached_from(&self) -> u64 {
        self.cache
            .front()
            .map_or(self.end(), |cached| cached.entry.id.index)
    }

    /// Cached entries from `index` on.
    pub(crate) fn cached(&self, index: u64) -> impl DoubleEndedIterator<Item = &LogEntry> {
        let skip = index.saturating_sub(self.cached_from());
        let skip = usize::try_from(skip)
            .unwrap_or(usize::MAX)
            .min(self.cache.len());
        self.cache.range(skip..).map(|cached| &cached.entry)
    }

    /// The sealed segment that holds `index`, if one does.
    pub(crate) fn sealed_at(&self, index: u64) -> Option<&Sealed> {
        let place = self.sealed.partition_point(|sealed| sealed.end <= index);
        self.sealed
            .get(place)
            .filter(|sealed| sealed.summary.first <= index)
    }

    /// Applies a truncation from `end` on to the index.
    pub(crate) fn truncate_index(&mut self, end: u64) {
        for sealed in &mut self.sealed {
            sealed.end = sealed.end.min(end);
        }
        if let Some(active) = &mut self.active {
            active.index.truncate(end);
        }
    }

    /// Applies a purge to the index, and hands segments that hold nothing any more to the keeper.
    pub(crate) fn purge_index(&mut self, index: u64) {
        if let Some(active) = &mut self.active {
            active.index.purge(index);
        }
        while let Some(sealed) = self
            .sealed
            .pop_front_if(|s| s.end <= index.saturating_add(1))
        {
            self.disposals.push(sealed.file);
        }
    }

    pub(crate) fn segments(&self) -> Vec<SegmentInfo> {
        let sealed = self.sealed.iter().map(|sealed| SegmentInfo {
            first_index: sealed.summary.first.min(sealed.end),
            last_index: sealed.end.saturating_sub(1),
            bytes: sealed.summary.bytes(),
            max_time_ms: sealed.summary.max_time_ms,
            sealed: true,
        });
        let active = self.active.iter().map(|active| SegmentInfo {
            first_index: active.index.first,
            last_index: active.index.end().saturating_sub(1),
            bytes: active.used,
            max_time_ms: active.index.max_time_ms,
            sealed: false,
        });
        sealed.chain(active).collect()
    }

    /// The committed id, never beyond the last entry.
    pub(crate) fn committed(&self) -> Option<EntryId> {
        match (self.committed, self.last) {
            (Some(committed), Some(last)) if committed.index > last.index => Some(last),
            (committed, last) => committed.filter(|_| last.is_some()),
        }
    }
}
