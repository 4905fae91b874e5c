//! Reading entries by index.
//!
//! A read finds out under the lock where the next piece lies (cache, active segment, sealed
//! segment), and reads it without the lock. Must stay true:
//! - everything that comes from the disk is verified, every time;
//! - a reader holds the `SegmentFile` of what it reads, so that the file is not recycled under it;
//! - an answer never mixes entries from before and after a truncation.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use ana_env::{File, Open};
use bytes::Bytes;

use crate::frame::{FrameKind, Head, Record};
use crate::index::{SegmentIndex, Slot};
use crate::index_cache::Loaded;
use crate::segment::{Sealed, SegmentFile};
use crate::state::{Shared, State};
use crate::{EntryId, LogEntry, LogError};

/// Bytes between two wanted pieces that are read along rather than asked for separately.
const GAP_BYTES_MAX: u32 = 32 << 10;
/// Bytes read at once, unless one piece alone is larger.
const RUN_BYTES_MAX: u32 = 4 << 20;

/// Where an entry lies.
pub(crate) enum Place {
    Nowhere,
    Cache,
    Active,
    Sealed(Sealed),
}

impl State {
    /// Where entry `index` lies. An error: it should be there, but is in no segment.
    pub(crate) fn place(&self, index: u64) -> Result<Place, String> {
        if index < self.first || index >= self.end() || !self.has_entries() {
            return Ok(Place::Nowhere);
        }
        if index >= self.cached_from() {
            return Ok(Place::Cache);
        }
        let active = self.active.as_ref();
        if active.is_some_and(|active| active.index.slot(index).is_some()) {
            return Ok(Place::Active);
        }
        let sealed = self.sealed_at(index).cloned();
        sealed
            .map(Place::Sealed)
            .ok_or_else(|| format!("no segment holds entry {index}"))
    }
}

/// A segment open for reading, and kept from being recycled.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) segment: Arc<SegmentFile>,
    pub(crate) file: Arc<dyn File>,
}

impl Source {
    pub(crate) fn active(state: &State) -> Option<Self> {
        state.active.as_ref().map(|active| Self {
            segment: Arc::clone(&active.segment),
            file: Arc::clone(&active.file),
        })
    }
}

/// A piece of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) at: u32,
    pub(crate) len: u32,
}

/// Slots in memory or freshly loaded, that are to be read.
struct Found {
    source: Source,
    slots: Vec<(u64, Slot)>,
}

/// Takes from `index` what may be read at once: at least one, then up to `bytes_max`.
fn select(index: &SegmentIndex, from: u64, end: u64, bytes_max: usize) -> Vec<(u64, Slot)> {
    let mut bytes = 0_usize;
    let mut slots = Vec::new();
    for place in from..end {
        let Some(slot) = index.slot(place) else { break };
        bytes = bytes.saturating_add(slot.len as usize);
        if bytes > bytes_max && !slots.is_empty() {
            break;
        }
        slots.push((place, *slot));
    }
    slots
}

/// See [`crate::Log::read`].
pub(crate) async fn read(
    shared: &Shared,
    range: Range<u64>,
    max_bytes: usize,
) -> Result<Vec<LogEntry>, LogError> {
    let mut out: Vec<LogEntry> = Vec::new();
    let mut bytes = 0;
    let mut next = range.start;
    let truncations = shared.state().truncations;
    while next < range.end && (out.is_empty() || bytes < max_bytes) {
        let room = max_bytes.saturating_sub(bytes);
        let step = {
            let state = shared.state();
            let moved = next < state.first || state.truncations != truncations;
            if moved && !out.is_empty() {
                break;
            }
            next = next.max(state.first);
            // All of it was purged; a place behind the range must not be looked for in it.
            if next >= range.end {
                break;
            }
            step(&state, next, range.end, room)
        };
        let got = match step.map_err(|what| shared.corrupt(what))? {
            Step::Done => break,
            Step::Cached(entries) => entries,
            Step::Slots(found) => read_slots(shared, &found).await?,
            Step::Load(sealed) => {
                let Some(found) = from_sealed(shared, &sealed, next..range.end, room).await? else {
                    continue;
                };
                read_slots(shared, &found).await?
            }
        };
        let mut took = 0;
        for entry in got {
            let over = bytes + entry.payload.len() > max_bytes;
            if over && !out.is_empty() {
                return Ok(out);
            }
            bytes += entry.payload.len();
            next = entry.id.index + 1;
            out.push(entry);
            took += 1;
        }
        if took == 0 {
            break;
        }
    }
    Ok(out)
}

enum Step {
    Done,
    Cached(Vec<LogEntry>),
    Slots(Found),
    Load(Sealed),
}

fn step(state: &State, next: u64, end: u64, bytes_max: usize) -> Result<Step, String> {
    Ok(match state.place(next)? {
        Place::Nowhere => Step::Done,
        Place::Cache => {
            let mut bytes = 0_usize;
            let within = state.cached(next).take_while(|entry| {
                let first = bytes == 0;
                bytes = bytes.saturating_add(entry.payload.len().max(1));
                entry.id.index < end && (first || bytes <= bytes_max)
            });
            Step::Cached(within.cloned().collect())
        }
        Place::Active => {
            let source = Source::active(state).ok_or("there is no active segment")?;
            let index = state.active.as_ref().map(|active| &active.index);
            let end = end.min(state.cached_from());
            let slots = index.map(|index| select(index, next, end, bytes_max));
            Step::Slots(Found {
                source,
                slots: slots.unwrap_or_default(),
            })
        }
        Place::Sealed(sealed) => Step::Load(sealed),
    })
}

/// Finds slots in a sealed segment. `None`: it was purged meanwhile.
async fn from_sealed(
    shared: &Shared,
    sealed: &Sealed,
    range: Range<u64>,
    bytes_max: usize,
) -> Result<Option<Found>, LogError> {
    let Some(loaded) = load(shared, sealed).await? else {
        return Ok(None);
    };
    let end = range.end.min(sealed.end);
    let slots = select(&loaded.index, range.start, end, bytes_max);
    if slots.is_empty() {
        let what = format!("the footer of segment {:x} lacks entries", sealed.file.id);
        return Err(shared.corrupt(what));
    }
    let source = Source {
        segment: Arc::clone(&sealed.file),
        file: Arc::clone(&loaded.file),
    };
    Ok(Some(Found { source, slots }))
}

/// The index of a sealed segment. `None`: it was purged meanwhile.
pub(crate) async fn load(
    shared: &Shared,
    sealed: &Sealed,
) -> Result<Option<Arc<Loaded>>, LogError> {
    let segment = &sealed.file;
    if let Some(loaded) = shared.indexes.get(segment.id) {
        return Ok(Some(loaded));
    }
    let file = match shared.disk.open(&segment.path, Open::READ).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let gone = shared.state().first >= sealed.end;
            let what = || format!("segment {:x} has disappeared", segment.id);
            return if gone {
                Ok(None)
            } else {
                Err(shared.corrupt(what()))
            };
        }
        Err(source) => {
            return Err(LogError::Io {
                operation: "opening a segment",
                source,
            });
        }
    };
    let summary = &sealed.summary;
    let piece = Piece {
        at: summary.footer_at,
        len: summary.footer_len,
    };
    let source = Source {
        segment: Arc::clone(segment),
        file: Arc::clone(&file),
    };
    let bytes = read_run(shared, &source, piece).await?;
    let index = Head::parse(&bytes, segment.generation, piece.at)
        .filter(|head| head.kind == FrameKind::Footer)
        .and_then(|head| match head.record(head.payload(&bytes)?)? {
            Record::Footer(payload) => SegmentIndex::decode(&payload),
            _ => None,
        });
    let Some(index) = index else {
        let what = format!("segment {:x}: the footer does not verify", segment.id);
        return Err(shared.corrupt(what));
    };
    let loaded = Arc::new(Loaded { file, index });
    // Not kept if it went meanwhile: nobody would ever remove it from the cache.
    if shared.state().first < sealed.end {
        shared.indexes.put(segment.id, Arc::clone(&loaded));
    }
    Ok(Some(loaded))
}

/// Reads a stretch of a segment. A file that is too short is damage.
pub(crate) async fn read_run(
    shared: &Shared,
    source: &Source,
    run: Piece,
) -> Result<Bytes, LogError> {
    let result = source
        .file
        .read_at(u64::from(run.at), run.len as usize)
        .await;
    match result {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            let id = source.segment.id;
            Err(shared.corrupt(format!("segment {id:x} ends before {}", run.at + run.len)))
        }
        Err(source) => Err(LogError::Io {
            operation: "reading a segment",
            source,
        }),
    }
}

/// Joins neighbouring pieces into stretches that are read at once: each with the number of pieces.
pub(crate) fn runs(pieces: impl IntoIterator<Item = Piece>) -> Vec<(Piece, usize)> {
    let mut runs: Vec<(Piece, usize)> = Vec::new();
    for piece in pieces {
        let end = piece.at + piece.len;
        match runs.last_mut() {
            Some((run, count))
                if piece.at >= run.at + run.len
                    && piece.at - (run.at + run.len) <= GAP_BYTES_MAX
                    && end - run.at <= RUN_BYTES_MAX =>
            {
                run.len = end - run.at;
                *count += 1;
            }
            _ => runs.push((piece, 1)),
        }
    }
    runs
}

async fn read_slots(shared: &Shared, found: &Found) -> Result<Vec<LogEntry>, LogError> {
    let pieces = found.slots.iter().map(|(_, slot)| Piece {
        at: slot.at,
        len: slot.len,
    });
    let mut entries = Vec::with_capacity(found.slots.len());
    let mut slots = found.slots.iter();
    for (run, count) in runs(pieces) {
        let bytes = read_run(shared, &found.source, run).await?;
        for (index, slot) in slots.by_ref().take(count) {
            let start = (slot.at - run.at) as usize;
            let frame = bytes.slice(start..start + slot.len as usize);
            let segment = &found.source.segment;
            let Some(entry) = entry_in(&frame, segment.generation, *index, slot) else {
                let id = segment.id;
                let what = format!(
                    "segment {id:x} at {}: entry {index} does not verify",
                    slot.at
                );
                return Err(shared.corrupt(what));
            };
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn entry_in(frame: &Bytes, generation: u64, index: u64, slot: &Slot) -> Option<LogEntry> {
    let head = Head::parse(frame, generation, slot.at)?;
    let expected = EntryId {
        term: slot.term,
        node: slot.node,
        index,
    };
    let right = head.kind == FrameKind::Entry && head.id == expected;
    let payload = head.payload(frame)?;
    right.then(|| head.entry(payload))
}

/// See [`crate::Log::entry_id`].
pub(crate) async fn entry_id(shared: &Shared, index: u64) -> Result<Option<EntryId>, LogError> {
    loop {
        let found = {
            let state = shared.state();
            state.place(index).map(|place| match place {
                Place::Nowhere => Ok(None),
                Place::Cache => Ok(state.cached(index).next().map(|entry| entry.id)),
                Place::Active => Ok(state
                    .active
                    .as_ref()
                    .and_then(|active| active.index.id(index))),
                Place::Sealed(sealed) => Err(sealed),
            })
        };
        match found.map_err(|what| shared.corrupt(what))? {
            Ok(id) => return Ok(id),
            Err(sealed) => {
                // Otherwise it was purged meanwhile: look again.
                if let Some(loaded) = load(shared, &sealed).await? {
                    return Ok(loaded.index.id(index));
                }
            }
        }
    }
}
