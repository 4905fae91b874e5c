//! Upkeep of the directory: purged segments go, spare ones come, and fullness is noticed early.
//!
//! The keeper is a task of its own, so that creating and removing files never stands in the way of
//! a write. Must stay true: a segment is recycled only when no reader holds it; its purge is
//! durable before it goes; the log is full as soon as the *next* segment can not be had, while the
//! active one still has room for votes and purges.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ana_env::{Open, time};

use crate::codec::round_up;
use crate::segment::{RESERVE_NAME, SegmentFile, Spare, spare_name};
use crate::state::{Shared, Stage, State};
use crate::{Health, group_commit};

/// Each segment is this many times as large as the one before, up to the size in the settings.
const GROWTH: u64 = 4;
/// Disk use must fall this far below the limit before a full log heals, permille.
const HEAL_PERMILLE: u16 = 10;

/// Works until the log is closed.
pub(crate) async fn keep(shared: Arc<Shared>) {
    loop {
        let (stage, full) = {
            let state = shared.state();
            (state.stage, state.pressure.any())
        };
        if stage == Stage::Closed {
            // The last purge may have come just before.
            return dispose(&shared).await;
        }
        let upkeep = shared.upkeep.notified();
        if full {
            // Looked at again in either case.
            let looked = time::timeout(shared.config.space_check, upkeep).await;
            tracing::trace!(asked = looked.is_ok(), "a full log looks for room");
        } else {
            upkeep.await;
        }
        step(&shared).await;
    }
}

/// Whether the writer should wake the keeper.
pub(crate) fn wanted(state: &State, shared: &Shared) -> bool {
    let due = shared.clock.elapsed() >= state.space_checked + shared.config.space_check;
    due || needs_spare(state)
}

fn needs_spare(state: &State) -> bool {
    let half_used = |active: &crate::state::Active| active.used * 2 > active.size;
    state.spares.is_empty() && state.active.as_ref().is_some_and(half_used)
}

/// Everything that is to be done now, once.
pub(crate) async fn step(shared: &Shared) {
    dispose(shared).await;
    if shared.state().verdict != Health::Ok {
        return;
    }
    check_space(shared).await;
    ensure_spare(shared).await;
    ensure_reserve(shared).await;
}

/// Recycles or removes segments whose purge is durable.
async fn dispose(shared: &Shared) {
    let (files, waiters) = {
        let mut state = shared.state();
        // Nothing is removed from a corrupt log: a person may want to look at it.
        let files = match state.verdict {
            Health::Ok => std::mem::take(&mut state.disposals),
            _ => Vec::new(),
        };
        (files, std::mem::take(&mut state.disposed))
    };
    let mut recycled = Vec::new();
    let mut changed = false;
    for file in files {
        shared.indexes.remove(file.id);
        let result = match recycle(shared, &file, recycled.len()).await {
            Ok(Some(spare)) => {
                recycled.push(spare);
                Ok(())
            }
            Ok(None) => shared.disk.remove_file(&file.path).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => changed = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %file.path.display(), %error, "a purged segment stays until the next start");
            }
        }
    }
    if changed && let Err(error) = shared.disk.sync_dir(&shared.dir).await {
        // The purge itself is durable in the log; the files are found and removed at the next start.
        tracing::warn!(dir = %shared.dir.display(), %error, "the removal of segments was not synced");
    }
    shared.state().spares.extend(recycled);
    for done in waiters {
        group_commit::tell(done, Ok(()));
    }
}

/// Makes a spare of a segment, if one is wanted and nobody reads it.
async fn recycle(
    shared: &Shared,
    segment: &Arc<SegmentFile>,
    more: usize,
) -> io::Result<Option<Spare>> {
    let (wanted, number) = {
        let mut state = shared.state();
        state.spare_number += 1;
        let wanted = state.spares.len() + more < shared.config.spare_segments;
        (wanted, state.spare_number)
    };
    // Nobody can begin to read it: it is in no list any more. So the count can only fall.
    if !wanted || Arc::strong_count(segment) > 1 {
        return Ok(None);
    }
    let file = shared.disk.open(&segment.path, Open::WRITE).await?;
    let bytes = file.len().await?;
    if bytes < shared.config.segment_bytes {
        return Ok(None);
    }
    let path = shared.dir.join(spare_name(number));
    shared.disk.rename(&segment.path, &path).await?;
    Ok(Some(Spare { path, file, bytes }))
}

async fn check_space(shared: &Shared) {
    let space = match shared.disk.space(&shared.dir).await {
        Ok(space) => space,
        Err(error) => {
            tracing::warn!(dir = %shared.dir.display(), %error, "the room on the disk is unknown");
            return;
        }
    };
    let permille = space.fullness_permille();
    let limit = shared.config.full_at_permille;
    let now = shared.clock.elapsed();
    let mut state = shared.state();
    state.space_checked = now;
    let was_over = state.pressure.disk_over;
    let over = if was_over {
        permille + HEAL_PERMILLE >= limit
    } else {
        permille >= limit
    };
    if over != was_over {
        tracing::warn!(dir = %shared.dir.display(), permille, over, "disk use passed its limit");
    }
    state.pressure.disk_over = over && limit < 1000;
}

async fn ensure_spare(shared: &Shared) {
    let _one_at_a_time = shared.allocation.lock().await;
    let (needed, number, size) = {
        let mut state = shared.state();
        state.spare_number += 1;
        let size = state.active.as_ref().map_or(0, |active| active.size);
        (needs_spare(&state), state.spare_number, size)
    };
    if !needed {
        shared.state().pressure.no_spare = false;
        return;
    }
    let path = shared.dir.join(spare_name(number));
    let created = Spare::create(&*shared.disk, path, next_size(shared, size)).await;
    let mut state = shared.state();
    match created {
        Ok(spare) => {
            state.pressure.no_spare = false;
            state.spares.push(spare);
        }
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            if !state.pressure.no_spare {
                tracing::warn!(dir = %shared.dir.display(), "no room for the next segment");
            }
            state.pressure.no_spare = true;
        }
        Err(error) => {
            tracing::warn!(dir = %shared.dir.display(), %error, "no spare segment could be made");
        }
    }
}

async fn ensure_reserve(shared: &Shared) {
    let missing = !shared.state().reserve_held;
    if !missing || shared.config.reserve_bytes == 0 {
        return;
    }
    let _one_at_a_time = shared.allocation.lock().await;
    let path = shared.dir.join(RESERVE_NAME);
    let created = Spare::create(&*shared.disk, path, shared.config.reserve_bytes).await;
    let mut state = shared.state();
    match created {
        Ok(_) => {
            state.reserve_held = true;
            state.pressure.no_reserve = false;
        }
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            state.pressure.no_reserve = true;
        }
        Err(error) => {
            tracing::warn!(dir = %shared.dir.display(), %error, "the reserve could not be made");
        }
    }
}

/// Gives the reserve back to the disk, for something that can not wait. `false` if there was none.
/// The caller holds `allocation`.
pub(crate) async fn release_reserve(shared: &Shared) -> io::Result<bool> {
    if !shared.state().reserve_held {
        return Ok(false);
    }
    let path: &Path = &shared.dir.join(RESERVE_NAME);
    shared.disk.remove_file(path).await?;
    let mut state = shared.state();
    state.reserve_held = false;
    state.pressure.no_reserve = true;
    tracing::warn!(dir = %shared.dir.display(), "no room on the disk: the reserve is used");
    Ok(true)
}

fn next_size(shared: &Shared, before: u64) -> u64 {
    let config = &shared.config;
    let smallest = config.first_segment_bytes.min(config.segment_bytes);
    before
        .saturating_mul(GROWTH)
        .clamp(smallest, config.segment_bytes)
}

/// A file for the next segment, of at least `needed` bytes, where the one before had `before`.
pub(crate) async fn take_spare(shared: &Shared, before: u64, needed: u64) -> io::Result<Spare> {
    let _one_at_a_time = shared.allocation.lock().await;
    let number = {
        let mut state = shared.state();
        let fitting = state.spares.iter().position(|spare| spare.bytes >= needed);
        if let Some(at) = fitting {
            return Ok(state.spares.swap_remove(at));
        }
        state.spare_number += 1;
        state.spare_number
    };
    let path = shared.dir.join(spare_name(number));
    let smallest = round_up(needed, 4096);
    let wished = next_size(shared, before).max(smallest);
    let mut result = Spare::create(&*shared.disk, path.clone(), wished).await;
    if full(&result) && wished > smallest {
        result = Spare::create(&*shared.disk, path.clone(), smallest).await;
    }
    if full(&result) && release_reserve(shared).await? {
        result = Spare::create(&*shared.disk, path, smallest).await;
    }
    result
}

fn full<T>(result: &io::Result<T>) -> bool {
    result
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::StorageFull)
}
