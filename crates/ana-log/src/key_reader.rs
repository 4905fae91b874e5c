//! Reading by key and by time: only the ranges of one key, found through the indexes.
//!
//! The same rules hold as in `reader.rs`. A range has a checksum of its own, so the rest of its
//! entry need not be read to verify it.

use std::sync::Arc;

use crate::frame::range_is_intact;
use crate::index::{KeySlot, KeySummary};
use crate::reader::{Piece, Place, Source, load, read_run, runs};
use crate::segment::Sealed;
use crate::state::{Shared, State};
use crate::{KeyBatch, KeyRead, LogEntry, LogError, Mark};

/// A search through the log for ranges of a key, upwards from `next` to before `stop`.
struct Scan {
    key: u32,
    /// Older ranges are passed over.
    time_ms: u64,
    next: u64,
    stop: u64,
    /// Bytes still wanted.
    room: usize,
    /// Whether one entry is wanted whatever its size.
    must: bool,
}

/// What the entries at `next` are found in, and where to go on behind it.
enum Chunk {
    /// Nothing of the key.
    Skip(u64),
    Memory(Vec<KeyBatch>, u64),
    Disk(Source, Vec<KeySlot>, u64),
    Load(Sealed),
}

impl Scan {
    /// Brings the limits up to date. `false`: there is nothing left to look at.
    fn confine(&mut self, state: &State) -> bool {
        self.stop = self.stop.min(state.end());
        self.next = self.next.max(state.first);
        self.next < self.stop
    }

    fn chunk(&self, state: &State) -> Result<Chunk, String> {
        Ok(match state.place(self.next)? {
            Place::Nowhere => Chunk::Skip(self.stop),
            Place::Cache => {
                let (batches, next) = self.choose_cached(state);
                Chunk::Memory(batches, next)
            }
            Place::Active => {
                let active = state.active.as_ref().ok_or("there is no active segment")?;
                let source = Source::active(state).ok_or("there is no active segment")?;
                let end = self.stop.min(active.index.end()).min(state.cached_from());
                let (slots, next) =
                    self.choose(active.index.key_slots(self.key, self.next, end), end);
                Chunk::Disk(source, slots, next)
            }
            Place::Sealed(sealed) => {
                let young = |summary: &&KeySummary| {
                    summary.last >= self.next && summary.max_time_ms >= self.time_ms
                };
                match sealed.summary.key(self.key).filter(young) {
                    Some(_) => Chunk::Load(sealed),
                    None => Chunk::Skip(sealed.end),
                }
            }
        })
    }

    /// Loads the index of a sealed segment and looks into it. `None`: it was purged meanwhile.
    async fn chunk_of(&self, shared: &Shared, sealed: &Sealed) -> Result<Option<Chunk>, LogError> {
        let Some(loaded) = load(shared, sealed).await? else {
            return Ok(None);
        };
        let source = Source {
            segment: Arc::clone(&sealed.file),
            file: Arc::clone(&loaded.file),
        };
        let end = self.stop.min(sealed.end);
        let (slots, next) = self.choose(loaded.index.key_slots(self.key, self.next, end), end);
        Ok(Some(Chunk::Disk(source, slots, next)))
    }

    /// Whether ranges of `len` bytes more, after `taken`, are still wanted.
    fn wants(&self, taken: usize, len: usize) -> bool {
        taken.saturating_add(len) <= self.room || (self.must && taken == 0)
    }

    /// Takes what is wanted of `slots`, which are all up to `end`, by whole entries.
    fn choose(&self, slots: &[KeySlot], end: u64) -> (Vec<KeySlot>, u64) {
        let mut taken = 0;
        let mut chosen = Vec::new();
        for entry in slots.chunk_by(|a, b| a.index == b.index) {
            let young = entry
                .iter()
                .filter(|slot| slot.mark.time_ms >= self.time_ms);
            let len = young
                .clone()
                .map(|slot| slot.mark.len as usize)
                .sum::<usize>();
            if !self.wants(taken, len) {
                return (chosen, entry.first().map_or(end, |slot| slot.index));
            }
            chosen.extend(young);
            taken += len;
        }
        (chosen, end)
    }

    fn choose_cached(&self, state: &State) -> (Vec<KeyBatch>, u64) {
        let mut taken = 0;
        let mut chosen = Vec::new();
        for entry in state.cached(self.next) {
            if entry.id.index >= self.stop {
                break;
            }
            let young = |batch: &KeyBatch| batch.mark.time_ms >= self.time_ms;
            let ranges: Vec<KeyBatch> = ranges_of(entry, self.key).filter(young).collect();
            let len = ranges.iter().map(|batch| batch.body.len()).sum();
            if !ranges.is_empty() && !self.wants(taken, len) {
                return (chosen, entry.id.index);
            }
            chosen.extend(ranges);
            taken += len;
        }
        (chosen, self.stop)
    }
}

/// Ranges of a key in one entry in memory.
fn ranges_of(entry: &LogEntry, key: u32) -> impl DoubleEndedIterator<Item = KeyBatch> {
    let of_key = entry.marks.iter().filter(move |mark| mark.key == key);
    of_key.map(|mark| {
        let start = mark.offset as usize;
        KeyBatch {
            index: entry.id.index,
            mark: *mark,
            body: entry.payload.slice(start..start + mark.len as usize),
        }
    })
}

/// See [`crate::Log::read_key`].
pub(crate) async fn read_key(
    shared: &Shared,
    key: u32,
    from: u64,
    upto: u64,
    max_bytes: usize,
) -> Result<KeyRead, LogError> {
    let mut batches: Vec<KeyBatch> = Vec::new();
    let mut scan = Scan {
        key,
        time_ms: 0,
        next: from,
        stop: upto.saturating_add(1),
        room: max_bytes,
        must: true,
    };
    let truncations = shared.state().truncations;
    loop {
        let chunk = {
            let state = shared.state();
            if !batches.is_empty() && state.truncations != truncations {
                break;
            }
            if !scan.confine(&state) {
                break;
            }
            scan.chunk(&state)
        };
        let chunk = match chunk.map_err(|what| shared.corrupt(what))? {
            Chunk::Load(sealed) => match scan.chunk_of(shared, &sealed).await? {
                Some(chunk) => chunk,
                None => continue,
            },
            chunk => chunk,
        };
        let (found, next) = match chunk {
            Chunk::Disk(source, slots, next) => (read_ranges(shared, &source, &slots).await?, next),
            Chunk::Memory(found, next) => (found, next),
            Chunk::Skip(next) => (Vec::new(), next),
            Chunk::Load(_) => continue,
        };
        let stuck = next == scan.next;
        scan.next = next;
        let taken: usize = found.iter().map(|batch| batch.body.len()).sum();
        scan.room = scan.room.saturating_sub(taken);
        scan.must &= found.is_empty();
        batches.extend(found);
        if stuck || (scan.room == 0 && !scan.must) {
            break;
        }
    }
    Ok(KeyRead {
        batches,
        next_index: scan.next.max(from),
    })
}

/// Reads and verifies ranges of one segment.
async fn read_ranges(
    shared: &Shared,
    source: &Source,
    slots: &[KeySlot],
) -> Result<Vec<KeyBatch>, LogError> {
    let pieces = slots.iter().map(|slot| Piece {
        at: slot.at,
        len: slot.mark.len,
    });
    let mut batches = Vec::with_capacity(slots.len());
    let mut remaining = slots.iter();
    for (run, count) in runs(pieces) {
        let bytes = read_run(shared, source, run).await?;
        for slot in remaining.by_ref().take(count) {
            let start = (slot.at - run.at) as usize;
            let body = bytes.slice(start..start + slot.mark.len as usize);
            if !range_is_intact(&body, slot.sum) {
                let (id, index) = (source.segment.id, slot.index);
                let what = format!(
                    "segment {id:x} at {}: entry {index} does not verify",
                    slot.at
                );
                return Err(shared.corrupt(what));
            }
            batches.push(KeyBatch {
                index: slot.index,
                mark: slot.mark,
                body,
            });
        }
    }
    Ok(batches)
}

/// First mark of `key` up to `upto` that is not older than `time_ms`, and its entry's index.
pub(crate) async fn find_first(
    shared: &Shared,
    key: u32,
    time_ms: u64,
    upto: u64,
) -> Result<Option<(u64, Mark)>, LogError> {
    let mut scan = Scan {
        key,
        time_ms,
        next: 0,
        stop: upto.saturating_add(1),
        room: 0,
        must: true,
    };
    loop {
        let chunk = {
            let state = shared.state();
            if !scan.confine(&state) {
                return Ok(None);
            }
            scan.chunk(&state)
        };
        let chunk = match chunk.map_err(|what| shared.corrupt(what))? {
            Chunk::Load(sealed) => scan.chunk_of(shared, &sealed).await?,
            chunk => Some(chunk),
        };
        let (found, next) = match chunk {
            Some(Chunk::Memory(found, next)) => {
                (found.first().map(|batch| (batch.index, batch.mark)), next)
            }
            Some(Chunk::Disk(_, slots, next)) => {
                (slots.first().map(|slot| (slot.index, slot.mark)), next)
            }
            Some(Chunk::Skip(next)) => (None, next),
            Some(Chunk::Load(_)) | None => continue,
        };
        if found.is_some() {
            return Ok(found);
        }
        scan.next = next;
    }
}

/// Last mark of `key` up to `upto`, and its entry's index.
pub(crate) async fn find_last(
    shared: &Shared,
    key: u32,
    upto: u64,
) -> Result<Option<(u64, Mark)>, LogError> {
    let mut stop = upto.saturating_add(1);
    loop {
        let sealed = {
            let state = shared.state();
            stop = stop.min(state.end());
            if stop <= state.first {
                return Ok(None);
            }
            if let Some(found) = last_in_memory(&state, key, stop) {
                return Ok(Some(found));
            }
            stop = stop.min(state.cached_from());
            let holds = |sealed: &&Sealed| {
                let summary = sealed.summary.key(key);
                summary.is_some_and(|summary| summary.first < stop.min(sealed.end))
            };
            state.sealed.iter().rev().find(holds).cloned()
        };
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        if let Some(loaded) = load(shared, &sealed).await? {
            let first = shared.state().first;
            let slots = loaded.index.key_slots(key, first, stop.min(sealed.end));
            if let Some(slot) = slots.last() {
                return Ok(Some((slot.index, slot.mark)));
            }
        }
        stop = stop.min(sealed.summary.first);
    }
}

/// The last mark before `stop` in the cache or in the index of the active segment.
fn last_in_memory(state: &State, key: u32, stop: u64) -> Option<(u64, Mark)> {
    let cached = state.cached(state.cached_from()).rev();
    let mut cached = cached.filter(|entry| entry.id.index < stop);
    let newest = cached.find_map(|entry| ranges_of(entry, key).next_back());
    if let Some(batch) = newest {
        return Some((batch.index, batch.mark));
    }
    let active = state.active.as_ref()?;
    let end = stop.min(state.cached_from());
    let slots = active.index.key_slots(key, state.first, end);
    slots.last().map(|slot| (slot.index, slot.mark))
}
