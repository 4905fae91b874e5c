//! The log as its users see it.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ana_env::runtime::Tasks;
use ana_env::{Clock, Disk};
use ana_types::planted::{self, Bug};
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::segment::VOTE_BYTES_MAX;
use crate::state::{Done, Shared, Stage, State, Write};
use crate::sync_times::SyncTimes;
use crate::writer::Writer;
use crate::{
    EntryId, Health, LogConfig, LogEntry, LogError, Mark, key_reader, reader, recovery, retention,
    snapshot,
};

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
///
/// Dropping it without [`Log::shutdown`] is like a kill of the process: what was reported durable
/// is, and the rest may or may not be.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    tasks: Tasks,
}

impl Log {
    /// Opens or creates the log in `dir` and recovers it. Damage is not an error here: see
    /// [`Log::health`]. Must be called inside of `ana_env::runtime::scope`.
    pub async fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: &Path,
        config: LogConfig,
    ) -> Result<Self, LogError> {
        let shared = Arc::new(Shared::new(disk, clock, dir.to_owned(), config.confined()));
        let tail = recovery::recover(&shared).await?;
        retention::step(&shared).await;
        let writer = Writer {
            shared: Arc::clone(&shared),
            tail,
        };
        let tasks = Tasks::new();
        let started = tasks.spawn(writer.run()).is_some()
            && tasks.spawn(retention::keep(Arc::clone(&shared))).is_some();
        assert!(started, "a new set of tasks takes tasks");
        Ok(Self { shared, tasks })
    }

    /// Appends entries. They are readable when this returns; `done` is called after `fdatasync`.
    ///
    /// When this answers an error, `done` is dropped uncalled and nothing was appended. Indices
    /// must follow the last entry; the first append to an empty log may begin anywhere. While the
    /// log is full, appends whose frames are no larger than 8 KiB together still pass as long as
    /// the reserve lasts.
    pub fn append(&self, entries: Vec<LogEntry>, done: AppendDone) -> Result<(), LogError> {
        let queue_max = self.shared.config.queue_max;
        self.shared.state().append(entries, done, queue_max)?;
        self.shared.work.notify_one();
        Ok(())
    }

    /// Saves a vote of at most 4 KiB; durable on return.
    pub async fn save_vote(&self, vote: Bytes) -> Result<(), LogError> {
        if vote.len() > VOTE_BYTES_MAX {
            return Err(LogError::Unfit { index: 0 });
        }
        if planted::is(Bug::VoteNotDurable) {
            let (done, _nobody_waits) = oneshot::channel();
            self.shared.state().queue.push_back(Write::Vote(vote, done));
            return Ok(());
        }
        self.queue(|state, done| state.queue.push_back(Write::Vote(vote, done)))
            .await
    }

    /// The last vote saved.
    pub fn vote(&self) -> Option<Bytes> {
        self.shared.state().vote.clone()
    }

    /// Notes how far the log is committed; not synced, written with whatever comes next.
    #[expect(
        clippy::unused_async,
        reason = "a note may come to need the disk; callers await it"
    )]
    pub async fn save_committed(&self, id: Option<EntryId>) -> Result<(), LogError> {
        let first_change = {
            let mut state = self.shared.state();
            if let Some(refusal) = state.refusal() {
                return Err(refusal);
            }
            let changed = state.committed != id;
            state.committed = id;
            let first = changed && !state.committed_changed;
            state.committed_changed |= changed;
            first
        };
        if first_change {
            self.shared.work.notify_one();
        }
        Ok(())
    }

    /// The last note of `save_committed` that survived, never beyond the last entry.
    pub fn committed(&self) -> Option<EntryId> {
        self.shared.state().committed()
    }

    /// Removes all entries after `keep` (all that were not purged when `None`); durable on return.
    pub async fn truncate_after(&self, keep: Option<u64>) -> Result<(), LogError> {
        let bounds = self.bounds();
        let purged = bounds.purged.map(|id| id.index);
        let keep = keep.filter(|keep| purged.is_none_or(|purged| *keep > purged));
        let nothing_after = match keep {
            Some(keep) => bounds.last.is_none_or(|last| last.index <= keep),
            None => bounds.last == bounds.purged,
        };
        if nothing_after {
            let refusal = self.shared.state().refusal();
            return refusal.map_or(Ok(()), Err);
        }
        // `None` also for an index below the first entry of a log that was never purged.
        let kept = match keep {
            Some(index) => reader::entry_id(&self.shared, index).await?,
            None => None,
        };
        self.queue(|state, done| state.truncate(kept, done)).await
    }

    /// Removes all entries up to `id`, which may lie beyond the last; durable on return.
    pub async fn purge_upto(&self, id: EntryId) -> Result<(), LogError> {
        let done = self
            .bounds()
            .purged
            .is_some_and(|purged| purged.index >= id.index);
        if done {
            let refusal = self.shared.state().refusal();
            return refusal.map_or(Ok(()), Err);
        }
        self.queue(|state, done| state.purge(id, done)).await
    }

    /// Queues a control write, in order with everything else, and waits until it is durable.
    async fn queue(&self, change: impl FnOnce(&mut State, Done)) -> Result<(), LogError> {
        let (done, wait) = oneshot::channel();
        {
            let mut state = self.shared.state();
            if let Some(refusal) = state.refusal() {
                return Err(refusal);
            }
            change(&mut state, done);
        }
        self.shared.work.notify_one();
        // The writer went away without an answer only if the log was dropped.
        wait.await.unwrap_or(Err(LogError::Closed))
    }

    /// Entries of `range` in order, beginning with the first one held; at least one if there is
    /// one, and no more once `max_bytes` of payload are reached.
    pub async fn read(
        &self,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Result<Vec<LogEntry>, LogError> {
        reader::read(&self.shared, range, max_bytes).await
    }

    /// Identity of the entry at `index`; `None` if it is purged or not yet there.
    pub async fn entry_id(&self, index: u64) -> Result<Option<EntryId>, LogError> {
        reader::entry_id(&self.shared, index).await
    }

    /// First and last.
    pub fn bounds(&self) -> LogBounds {
        let state = self.shared.state();
        LogBounds {
            purged: state.purged,
            last: state.last,
        }
    }

    /// Ranges of `key` in entries `from_index..=upto_index`, at least one entry's if there is one,
    /// and no more once `max_bytes` are reached.
    pub async fn read_key(
        &self,
        key: u32,
        from_index: u64,
        upto_index: u64,
        max_bytes: usize,
    ) -> Result<KeyRead, LogError> {
        key_reader::read_key(&self.shared, key, from_index, upto_index, max_bytes).await
    }

    /// Index of the first entry, up to `upto_index`, with a mark of `key` not older than `time_ms`.
    pub async fn seek_time(
        &self,
        key: u32,
        time_ms: u64,
        upto_index: u64,
    ) -> Result<Option<u64>, LogError> {
        let found = key_reader::find_first(&self.shared, key, time_ms, upto_index).await?;
        Ok(found.map(|(index, _)| index))
    }

    /// First mark of `key` in the log, up to `upto_index`, and its entry's index.
    pub async fn first_of_key(
        &self,
        key: u32,
        upto_index: u64,
    ) -> Result<Option<(u64, Mark)>, LogError> {
        key_reader::find_first(&self.shared, key, 0, upto_index).await
    }

    /// Last mark of `key` in the log, up to `upto_index`, and its entry's index.
    pub async fn last_of_key(
        &self,
        key: u32,
        upto_index: u64,
    ) -> Result<Option<(u64, Mark)>, LogError> {
        key_reader::find_last(&self.shared, key, upto_index).await
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.shared.state().segments()
    }

    /// Bytes used by all segments.
    pub fn bytes(&self) -> u64 {
        self.segments().iter().map(|segment| segment.bytes).sum()
    }

    /// How long syncs take.
    pub fn sync_times(&self) -> SyncTimes {
        self.shared.state().stopwatch.times()
    }

    /// Replaces the snapshot; durable on return.
    pub async fn save_snapshot(&self, index: u64, data: Bytes) -> Result<(), LogError> {
        snapshot::save(&self.shared, index, data).await
    }

    /// The snapshot saved last, with its index.
    pub async fn load_snapshot(&self) -> Result<Option<(u64, Bytes)>, LogError> {
        snapshot::load(&self.shared).await
    }

    /// Whether the log may be written.
    pub fn health(&self) -> Health {
        self.shared.state().health()
    }

    /// Waits until the log is corrupt or has failed.
    pub async fn until_unsound(&self) -> Health {
        loop {
            let told = self.shared.unsound.notified();
            match self.health() {
                Health::Ok | Health::Full => told.await,
                unsound => return unsound,
            }
        }
    }

    /// Says that the log is damaged, by what its user knows and it does not itself.
    pub fn declare_corrupt(&self, what: String) {
        let told = self.shared.corrupt(what);
        tracing::debug!(%told, "damage that the user of the log has noticed");
    }

    /// After corruption: sets the files aside and starts empty, with the vote if it was readable
    /// and the snapshot if it verifies.
    pub async fn repair_discard(&self) -> Result<(), LogError> {
        let (done, wait) = oneshot::channel();
        {
            let mut state = self.shared.state();
            match state.stage {
                Stage::Open => state.repair = Some(done),
                Stage::Closing | Stage::Closed => return Err(LogError::Closed),
            }
        }
        self.shared.work.notify_one();
        wait.await.unwrap_or(Err(LogError::Closed))
    }

    /// Writes what waits, notes the clean end, and stops the tasks. Later writes answer `Closed`.
    pub async fn shutdown(&self) {
        {
            let mut state = self.shared.state();
            if state.stage == Stage::Open {
                state.stage = Stage::Closing;
            }
        }
        self.shared.work.notify_one();
        self.tasks.join().await;
    }
}
