//! The writer: one task that owns the end of the log.
//!
//! ```text
//! queue -> Batch -> (roll) -> write_sync_at -> index -> callbacks
//! ```
//! Must stay true:
//! - one write at a time; a callback runs only after the `fdatasync` that covers it;
//! - after any failed write or sync, other than for want of room, nothing is written any more:
//!   nobody knows what such a write left on the disk;
//! - a write that found no room is repeated in the same place, whole, until it succeeds.

use std::io;
use std::sync::Arc;

use ana_env::{File, time};
use ana_types::planted::{self, Bug};

use crate::codec::{narrow_at, round_up};
use crate::frame::{Encoder, Record, Written, frame_bytes};
use crate::group_commit::{Batch, Frames, tell};
use crate::index::{SegmentIndex, Summary};
use crate::index_cache::Loaded;
use crate::segment::{Base, Header, Previous, Sealed, SegmentFile, Spare, new_generation};
use crate::state::{Active, Done, Shared, Stage};
use crate::{Health, LogError, retention};

/// The end of the log: where the next frame goes.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) segment: Arc<SegmentFile>,
    pub(crate) file: Arc<dyn File>,
    /// Position of the first frame, and of the next.
    pub(crate) frames_at: u32,
    pub(crate) at: u32,
    /// Everything before this position is synced.
    pub(crate) synced: u32,
    /// Bytes allocated.
    pub(crate) size: u64,
    /// What holds after all that was written.
    pub(crate) base: Base,
    /// Whether there are frames that no later frame vouches for.
    pub(crate) unsettled: bool,
}

/// Room a committed note or a settled mark takes.
fn note_bytes() -> u64 {
    frame_bytes(0, 0)
}

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    /// `None` while the log is corrupt from the start.
    pub(crate) tail: Option<Tail>,
}

enum Step {
    Commit(Batch),
    Settle,
    Repair(Done),
    Stop,
}

impl Writer {
    /// Works until the log is closed.
    pub(crate) async fn run(mut self) {
        loop {
            match self.next().await {
                Step::Commit(batch) => self.commit(batch).await,
                Step::Settle => self.settle(false).await,
                Step::Repair(done) => {
                    let result = self.repair().await;
                    tell(done, result);
                }
                Step::Stop => break,
            }
        }
        self.settle(true).await;
        self.shared.state().stage = Stage::Closed;
        self.shared.upkeep.notify_one();
    }

    async fn next(&mut self) -> Step {
        loop {
            let restless = {
                let mut state = self.shared.state();
                if let Some(done) = state.repair.take() {
                    return Step::Repair(done);
                }
                if let Some(batch) = Batch::gather(&mut state, self.shared.config.batch_bytes_max) {
                    return Step::Commit(batch);
                }
                if state.stage != Stage::Open {
                    return Step::Stop;
                }
                let unsettled = self.tail.as_ref().is_some_and(|tail| tail.unsettled);
                state.verdict == Health::Ok && (unsettled || state.committed_changed)
            };
            let work = self.shared.work.notified();
            if !restless {
                work.await;
            } else if time::timeout(self.shared.config.settle_after, work)
                .await
                .is_err()
            {
                return Step::Settle;
            }
        }
    }

    async fn commit(&mut self, batch: Batch) {
        loop {
            let refused = self.shared.state().verdict != Health::Ok;
            let result = if refused {
                Ok(None)
            } else {
                self.try_commit(&batch.frames).await.map(Some)
            };
            match result {
                Ok(Some(written)) => return self.committed(batch, &written),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    if self.wait_for_room().await {
                        continue;
                    }
                }
                Err(error) => self.fail("writing a batch", &error),
            }
            let mut state = self.shared.state();
            state.queued_bytes = state.queued_bytes.saturating_sub(batch.frames.entry_bytes);
            drop(state);
            let shared = Arc::clone(&self.shared);
            let refusal = move || shared.state().refusal().unwrap_or(LogError::Closed);
            return batch.fail(refusal);
        }
    }

    /// Writes and syncs a batch. It may be called again after an error for want of room.
    async fn try_commit(&mut self, frames: &Frames) -> io::Result<Vec<Written>> {
        self.make_room(frames).await?;
        let (changed, committed) = {
            let state = self.shared.state();
            (state.committed_changed, state.committed)
        };
        let tail = self.tail.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut encoder = Encoder::new(tail.segment.generation, tail.at, tail.synced);
        let written = frames.encode(&mut encoder);
        if changed {
            encoder.push(&Record::Committed(committed));
        }
        let (end, pieces) = encoder.finish();
        self.shared.state().stopwatch.begin();
        let reached = if planted::is(Bug::AckBeforeSync) {
            tail.file.write_at(u64::from(tail.at), pieces).await
        } else {
            tail.file.write_sync_at(u64::from(tail.at), pieces).await
        };
        self.shared.state().stopwatch.end();
        reached?;
        for record in &frames.records {
            tail.base
                .apply(record)
                .expect("what is queued was checked to follow what is held");
        }
        tail.at = end;
        tail.synced = end;
        tail.unsettled = true;
        if changed {
            self.noted_committed(committed);
        }
        Ok(written)
    }

    fn noted_committed(&mut self, committed: Option<crate::EntryId>) {
        if let Some(tail) = &mut self.tail {
            tail.base.committed = committed;
        }
        let mut state = self.shared.state();
        if state.committed == committed {
            state.committed_changed = false;
        }
    }

    /// Brings a durable batch into the index, then tells those who wait.
    fn committed(&mut self, batch: Batch, written: &[Written]) {
        let used = self.tail.as_ref().map_or(0, |tail| u64::from(tail.at));
        let wants_keeper = {
            let mut state = self.shared.state();
            for (record, written) in batch.frames.records.iter().zip(written) {
                match record {
                    Record::Truncate(keep) => {
                        state.truncate_index(keep.map_or(0, |id| id.index + 1));
                    }
                    Record::Purge(id) => state.purge_index(id.index),
                    Record::Vote(vote) => state.vote = Some(vote.clone()),
                    record => {
                        let active = state.active.as_mut().expect("there is a tail to write to");
                        active.index.apply(record, written);
                    }
                }
            }
            state.queued_bytes = state.queued_bytes.saturating_sub(batch.frames.entry_bytes);
            state.pressure.writer_waits = false;
            if let Some(active) = &mut state.active {
                active.used = used;
            }
            if let Some(stamp) = batch.frames.stamp {
                state.indexed(stamp, self.shared.config.cache_bytes);
            }
            retention::wanted(&state, &self.shared)
        };
        let purges = batch.succeed();
        let purged = !purges.is_empty();
        if purged {
            self.shared.state().disposed.extend(purges);
        }
        if purged || wants_keeper {
            self.shared.upkeep.notify_one();
        }
    }

    /// Sees to it that the batch, a note and the footer fit behind the tail.
    async fn make_room(&mut self, frames: &Frames) -> io::Result<()> {
        let (slots, ranges) = frames.index_growth();
        let footer = {
            let state = self.shared.state();
            let index = state.active.as_ref().map(|active| &active.index);
            index.map_or(0, |index| index.footer_bytes(slots, ranges))
        };
        let footer = frame_bytes(0, usize::try_from(footer).unwrap_or(usize::MAX / 2));
        let needed = frames.bytes + 2 * note_bytes() + footer;
        let tail = self.tail.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let end = u64::from(tail.at) + needed;
        if end <= tail.size {
            return Ok(());
        }
        if tail.at > tail.frames_at {
            return self.roll(needed).await;
        }
        // Nothing is in it yet: rather than leave an empty segment behind, let this one grow.
        let size = round_up(end, 4096);
        tail.file.allocate(size).await?;
        tail.size = size;
        if let Some(active) = &mut self.shared.state().active {
            active.size = size;
        }
        Ok(())
    }

    /// Seals the active segment and begins the next, with room for `needed` bytes of frames.
    async fn roll(&mut self, needed: u64) -> io::Result<()> {
        let tail = self.tail.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let index = {
            let state = self.shared.state();
            let active = state
                .active
                .as_ref()
                .expect("the tail is in the active segment");
            active.index.clone()
        };
        let mut encoder = Encoder::new(tail.segment.generation, tail.at, tail.synced);
        let footer = encoder.push(&Record::Footer(index.encode()));
        let (_, pieces) = encoder.finish();
        tail.file.write_sync_at(u64::from(tail.at), pieces).await?;

        let summary = Summary::of(&index, footer.at, footer.len);
        let previous = Previous {
            generation: tail.segment.generation,
            summary: summary.clone(),
        };
        let id = tail.segment.id + 1;
        let base = tail.base.clone();
        let grown = tail.size;
        let next = begin(&self.shared, id, base, Some(previous), (grown, needed)).await?;
        let old = self.tail.replace(next).expect("it was there above");
        let loaded = Loaded {
            file: old.file,
            index,
        };
        self.shared.indexes.put(old.segment.id, Arc::new(loaded));
        let mut state = self.shared.state();
        state.sealed.push_back(Sealed {
            file: old.segment,
            end: summary.end,
            summary: Arc::new(summary),
        });
        state.active = self.tail.as_ref().map(Tail::activate);
        Ok(())
    }

    /// Notes how far the segment is synced (and committed), so that damage found later in what is
    /// now the last batch is known to be damage. Not worth a sync, unless it is the last word.
    async fn settle(&mut self, sync: bool) {
        let (verdict, changed, committed) = {
            let state = self.shared.state();
            (
                state.verdict.clone(),
                state.committed_changed,
                state.committed,
            )
        };
        let Some(tail) = self.tail.as_mut().filter(|_| verdict == Health::Ok) else {
            return;
        };
        let note = if changed {
            Record::Committed(committed)
        } else {
            Record::Settled
        };
        let fits = u64::from(tail.at) + note_bytes() <= tail.size;
        if !fits || !(tail.unsettled || changed) {
            tail.unsettled = false;
            self.noted_committed(committed);
            return;
        }
        let mut encoder = Encoder::new(tail.segment.generation, tail.at, tail.synced);
        encoder.push(&note);
        let (end, pieces) = encoder.finish();
        let at = u64::from(tail.at);
        let result = if sync {
            tail.file.write_sync_at(at, pieces).await
        } else {
            tail.file.write_at(at, pieces).await
        };
        match result {
            Ok(()) => {
                tail.at = end;
                if sync {
                    tail.synced = end;
                }
            }
            // The next write goes to the same place.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            Err(error) => return self.fail("noting the end of the log", &error),
        }
        tail.unsettled = false;
        self.noted_committed(committed);
    }

    /// Waits a while for room. `false` if the log is to be closed instead.
    async fn wait_for_room(&self) -> bool {
        let stage = {
            let mut state = self.shared.state();
            if !state.pressure.writer_waits {
                tracing::warn!(dir = %self.shared.dir.display(), "no room on the disk: writes wait");
            }
            state.pressure.writer_waits = true;
            state.stage
        };
        self.shared.upkeep.notify_one();
        if stage == Stage::Open {
            time::sleep(self.shared.config.space_check).await;
        }
        stage == Stage::Open
    }

    fn fail(&mut self, operation: &str, error: &io::Error) {
        let why = format!("{operation}: {error}");
        tracing::error!(dir = %self.shared.dir.display(), %why, "the log can not be written any more");
        self.shared
            .judge(&mut self.shared.state(), Health::Failed { why });
    }
}

impl Tail {
    /// The same segment, as the readers know it: nothing in it yet.
    pub(crate) fn activate(&self) -> Active {
        let next = self.base.last.map_or(0, |last| last.index + 1);
        Active {
            segment: Arc::clone(&self.segment),
            file: Arc::clone(&self.file),
            index: SegmentIndex::new(next),
            used: u64::from(self.at),
            size: self.size,
        }
    }
}

/// Begins the segment `id`: in a spare file if there is one, in a new one otherwise. `room` says
/// how large the segment before was, and how many bytes of frames the new one must take at least.
pub(crate) async fn begin(
    shared: &Shared,
    id: u64,
    base: Base,
    previous: Option<Previous>,
    room: (u64, u64),
) -> io::Result<Tail> {
    let before = previous.as_ref().map_or(id, |previous| previous.generation);
    let header = Header {
        id,
        generation: new_generation(before, shared.clock.now_ms()),
        base,
        previous,
    };
    let frames_at = Header::frames_at(header.encode().len());
    let spare = retention::take_spare(shared, room.0, frames_at + room.1).await?;
    let begun = spare
        .become_segment(&*shared.disk, &shared.dir, &header)
        .await;
    let (segment, frames_at) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            // Still under its old name if the header could not be written; the name is not used
            // otherwise, because the log has failed.
            shared.state().spares.push(spare);
            return Err(error);
        }
    };
    let Spare { file, bytes, .. } = spare;
    Ok(Tail {
        segment,
        file,
        frames_at: narrow_at(frames_at),
        at: narrow_at(frames_at),
        synced: narrow_at(frames_at),
        size: bytes,
        base: header.base,
        unsettled: false,
    })
}
