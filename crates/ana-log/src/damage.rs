//! Damage on purpose to the files of a log that nobody has open: what a bad disk or a power cut leaves.
//!
//! Must stay true: [`places`] names only bytes whose change has to be noticed as far as the disk tells, never padding
//! or what an older generation left behind (a log that is open may have been cut further in memory: [`Place::index`]);
//! [`tear`] changes no byte that was ever confirmed: a disk that keeps its promises does not either.

use std::io;
use std::path::{Path, PathBuf};

use ana_env::{Disk, Open, Rng};

use crate::codec::narrow_at;
use crate::frame::{Encoder, Record};
use crate::scan::{Ending, Framed, frames, scan};
use crate::segment::{FileName, Header, classify, segment_name, snapshot_name};
use crate::{EntryId, LogEntry};

/// A kind of bytes that a log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Entries, those of closed segments where there are any.
    Entries,
    /// Votes.
    Vote,
    /// The snapshot.
    Snapshot,
}

/// Some bytes of a file under one checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Position of the first.
    pub at: u64,
    /// How many.
    pub len: u64,
    /// Index of the entry whose bytes they are, if they are one's.
    pub index: Option<u64>,
}

/// One segment of a log, read.
struct Segment {
    path: PathBuf,
    header_len: u64,
    frames: Vec<Framed>,
}

/// Where damage to a part of the log in `dir` can be done.
///
/// # Errors
/// When the directory or a file cannot be read.
pub async fn places(disk: &dyn Disk, dir: &Path, part: Part) -> io::Result<Vec<Place>> {
    if part == Part::Snapshot {
        return snapshots(disk, dir).await;
    }
    let segments = segments(disk, dir).await?;
    Ok(match part {
        Part::Entries => entries(&segments),
        Part::Vote | Part::Snapshot => segments.last().map(votes).unwrap_or_default(),
    })
}

/// Turns one bit of a place over; says which byte of the file, and which bit of it.
///
/// # Errors
/// When the file cannot be read or written.
pub async fn flip(disk: &dyn Disk, place: &Place, rng: &dyn Rng) -> io::Result<(u64, u32)> {
    let at = place.at + rng.next_u64() % place.len.max(1);
    let bit = u32::try_from(rng.next_u64() % 8).unwrap_or(0);
    let file = disk.open(&place.path, Open::WRITE).await?;
    let byte = file.read_at(at, 1).await?;
    let flipped: Vec<u8> = byte.iter().map(|byte| byte ^ (1 << bit)).collect();
    file.write_sync_at(at, vec![flipped.into()]).await?;
    Ok((at, bit))
}

/// Leaves behind the end of a log the first `bytes` of a write of twice as many that was cut short before anybody
/// was told of it. Answers where; none when the log has no such end, or no room behind it.
///
/// # Errors
/// When a file cannot be read or written.
pub async fn tear(
    disk: &dyn Disk,
    dir: &Path,
    bytes: usize,
    rng: &dyn Rng,
) -> io::Result<Option<Place>> {
    let Some(id) = segment_ids(disk, dir).await?.pop() else {
        return Ok(None);
    };
    let path = dir.join(segment_name(id));
    let file = disk.open(&path, Open::WRITE).await?;
    let Some((header, frames_at)) = Header::read(&*file).await? else {
        return Ok(None);
    };
    let read = scan(&*file, header.generation, frames_at, header.base.clone()).await?;
    if read.footer.is_some() || read.ending != Ending::Clean {
        return Ok(None);
    }
    let mut payload = vec![0; bytes.saturating_mul(2)];
    rng.fill(&mut payload);
    let last = read.base.last;
    let entry = LogEntry {
        id: last.map_or(FIRST, |last| EntryId {
            index: last.index + 1,
            ..last
        }),
        kind: 0,
        marks: Vec::new().into(),
        payload: payload.into(),
    };
    // As the writer would have: nothing says that it was synced.
    let mut encoder = Encoder::new(header.generation, narrow_at(read.end), narrow_at(read.end));
    encoder.push(&Record::Entry(entry));
    let (_, pieces) = encoder.finish();
    let written: Vec<u8> = pieces.iter().flatten().copied().take(bytes).collect();
    let len = u64::try_from(written.len()).unwrap_or(u64::MAX);
    if read.end.saturating_add(len) > file.len().await? {
        return Ok(None);
    }
    file.write_sync_at(read.end, vec![written.into()]).await?;
    Ok(Some(Place {
        path,
        at: read.end,
        len,
        index: None,
    }))
}

const FIRST: EntryId = EntryId {
    term: 0,
    node: 0,
    index: 0,
};

/// Ids of the segments in `dir`, ascending.
async fn segment_ids(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<u64>> {
    let entries = disk.list(dir).await?;
    let ids = entries
        .iter()
        .filter_map(|entry| match classify(&entry.name) {
            FileName::Segment(id) => Some(id),
            _ => None,
        });
    let mut ids: Vec<u64> = ids.collect();
    ids.sort_unstable();
    Ok(ids)
}

/// The segments of `dir` that verify, ascending.
async fn segments(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for id in segment_ids(disk, dir).await? {
        let path = dir.join(segment_name(id));
        let file = disk.open(&path, Open::READ).await?;
        let Some((header, frames_at)) = Header::read(&*file).await? else {
            continue;
        };
        segments.push(Segment {
            path,
            header_len: u64::try_from(header.encode().len()).unwrap_or(u64::MAX),
            frames: frames(&*file, header.generation, frames_at).await?,
        });
    }
    Ok(segments)
}

/// Frames of which a later one says that they were synced: damage to others looks like a write cut short.
fn vouched(segment: &Segment) -> impl Iterator<Item = &Framed> {
    let synced = segment.frames.last().map_or(0, |last| last.synced);
    let sealed = matches!(
        segment.frames.last(),
        Some(Framed {
            record: Record::Footer(_),
            ..
        })
    );
    segment
        .frames
        .iter()
        .filter(move |frame| sealed || frame.at + frame.len <= synced)
}

fn place(segment: &Segment, frame: &Framed) -> Place {
    let index = match &frame.record {
        Record::Entry(entry) => Some(entry.id.index),
        _ => None,
    };
    Place {
        path: segment.path.clone(),
        at: frame.at,
        len: frame.len,
        index,
    }
}

/// Entries that live on: neither truncated nor purged.
fn entries(segments: &[Segment]) -> Vec<Place> {
    let mut alive: Vec<(usize, Place)> = Vec::new();
    for (number, segment) in segments.iter().enumerate() {
        for frame in vouched(segment) {
            match &frame.record {
                Record::Entry(_) => alive.push((number, place(segment, frame))),
                Record::Truncate(keep) => {
                    let kept = keep.map(|keep| keep.index);
                    alive.retain(|(_, place)| place.index <= kept);
                }
                Record::Purge(id) => alive.retain(|(_, place)| place.index > Some(id.index)),
                _ => {}
            }
        }
    }
    let newest = segments.len().saturating_sub(1);
    if alive.iter().any(|(number, _)| *number < newest) {
        alive.retain(|(number, _)| *number < newest);
    }
    alive.into_iter().map(|(_, place)| place).collect()
}

/// The votes of the newest segment: frames, and the one in its header.
fn votes(segment: &Segment) -> Vec<Place> {
    let frames = vouched(segment).filter(|frame| matches!(frame.record, Record::Vote(_)));
    let mut places: Vec<Place> = frames.map(|frame| place(segment, frame)).collect();
    if places.is_empty() {
        places.push(Place {
            path: segment.path.clone(),
            at: 0,
            len: segment.header_len,
            index: None,
        });
    }
    places
}

async fn snapshots(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<Place>> {
    let entries = disk.list(dir).await?;
    let indexes = entries
        .iter()
        .filter_map(|entry| match classify(&entry.name) {
            FileName::Snapshot(index) => Some((index, entry.len)),
            _ => None,
        });
    let newest = indexes.max();
    let place = newest.map(|(index, len)| Place {
        path: dir.join(snapshot_name(index)),
        at: 0,
        len,
        index: None,
    });
    Ok(place.into_iter().collect())
}
