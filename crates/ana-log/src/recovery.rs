//! Opening a log: from the files of a directory to a state and a tail, or to a verdict.
//!
//! ```text
//! list -> headers -> chain -> scan the newest -> cut -> make durable
//! ```
//! Must stay true:
//! - bytes are cut only behind the last valid frame of the newest segment, and only if they were
//!   never synced; any other contradiction is a verdict, and then no byte is changed;
//! - what is found is made durable before it is shown: a process may have died between its write
//!   and its sync, and what it wrote is then only in the page cache.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ana_env::{Disk, File, Open};
use bytes::Bytes;

use crate::codec::narrow_at;
use crate::frame::{Encoder, Record};
use crate::index::{SegmentIndex, Summary};
use crate::scan::{Ending, Scan, scan};
use crate::segment::{
    Base, FileName, Header, Previous, RESERVE_NAME, SET_ASIDE_PREFIX, Sealed, SegmentFile, Spare,
    classify,
};
use crate::state::{Active, Shared};
use crate::writer::{Tail, begin};
use crate::{Health, LogError, snapshot};

/// Zeros are written in pieces of this size.
const WIPE_BYTES: u64 = 1 << 20;

/// A segment whose header was read.
struct Found {
    file: Arc<SegmentFile>,
    handle: Arc<dyn File>,
    header: Header,
    frames_at: u64,
}

/// The files of a log's directory, sorted out.
#[derive(Default)]
struct Files {
    segments: Vec<u64>,
    spares: Vec<(String, u64)>,
    snapshots: Vec<u64>,
    reserve_bytes: Option<u64>,
    unfinished: Vec<String>,
}

/// Fills the state of `shared` from its directory. No tail: the log is corrupt.
pub(crate) async fn recover(shared: &Shared) -> Result<Option<Tail>, LogError> {
    let files = prepare(shared)
        .await
        .map_err(LogError::io("preparing the directory"))?;
    let snapshot = snapshot::verify_newest(shared, &files.snapshots).await?;
    adopt_spares(shared, &files)
        .await
        .map_err(LogError::io("opening spare segments"))?;

    let tail = if files.segments.is_empty() {
        if !files.snapshots.is_empty() {
            shared.corrupt("there is a snapshot but no segment".into());
            return Ok(None);
        }
        let begun = begin(shared, 1, Base::default(), None, (0, 0)).await;
        let tail = begun.map_err(LogError::io("beginning the first segment"))?;
        shared.state().active = Some(tail.activate());
        Some(tail)
    } else {
        recover_segments(shared, &files.segments).await?
    };
    if let Err(what) = snapshot {
        shared.corrupt(what);
    }
    Ok(tail)
}

/// Creates the directory if need be, lists it, and removes what earlier writes left unfinished.
async fn prepare(shared: &Shared) -> io::Result<Files> {
    let dir = &shared.dir;
    let mut missing = Vec::new();
    for ancestor in dir.ancestors().filter(|path| !path.as_os_str().is_empty()) {
        match shared.disk.list(ancestor).await {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(ancestor),
            Err(error) => return Err(error),
        }
    }
    shared.disk.create_dir_all(dir).await?;
    missing.push(dir);
    let parents = missing.iter().filter_map(|path| path.parent());
    for parent in parents.filter(|path| !path.as_os_str().is_empty()) {
        shared.disk.sync_dir(parent).await?;
    }

    let mut files = Files::default();
    for entry in shared.disk.list(dir).await? {
        match classify(&entry.name) {
            FileName::Segment(id) => files.segments.push(id),
            FileName::Spare(number) => {
                let mut state = shared.state();
                state.spare_number = state.spare_number.max(number);
                files.spares.push((entry.name, entry.len));
            }
            FileName::Reserve => files.reserve_bytes = Some(entry.len),
            FileName::Snapshot(index) => files.snapshots.push(index),
            FileName::Unfinished => files.unfinished.push(entry.name),
            FileName::SetAside | FileName::Unknown => {}
        }
    }
    for name in &files.unfinished {
        shared.disk.remove_file(&dir.join(name)).await?;
    }
    shared.state().reserve_held = files
        .reserve_bytes
        .is_some_and(|bytes| bytes >= shared.config.reserve_bytes);
    if files.reserve_bytes.is_some() && shared.config.reserve_bytes == 0 {
        shared.disk.remove_file(&dir.join(RESERVE_NAME)).await?;
    }
    // A rename may have been seen by the process before but not have become durable.
    shared.disk.sync_dir(dir).await?;
    Ok(files)
}

async fn adopt_spares(shared: &Shared, files: &Files) -> io::Result<()> {
    for (name, bytes) in &files.spares {
        let path = shared.dir.join(name);
        let held = shared.state().spares.len();
        let smallest = shared
            .config
            .first_segment_bytes
            .min(shared.config.segment_bytes);
        if held < shared.config.spare_segments && *bytes >= smallest {
            let file = shared.disk.open(&path, Open::WRITE).await?;
            let bytes = *bytes;
            shared.state().spares.push(Spare { path, file, bytes });
        } else {
            shared.disk.remove_file(&path).await?;
        }
    }
    Ok(())
}

async fn recover_segments(shared: &Shared, ids: &[u64]) -> Result<Option<Tail>, LogError> {
    let reading = LogError::io;
    let mut found = Vec::new();
    for id in ids {
        let read = read_header(shared, *id)
            .await
            .map_err(reading("reading a header"))?;
        match read {
            Some(segment) => found.push(segment),
            None => {
                shared.corrupt(format!("segment {id:x}: the header does not verify"));
            }
        }
    }
    // A repair began anew there; what is older is still to be set aside.
    let anew = found
        .iter()
        .rposition(|segment| segment.header.previous.is_none());
    let older: Vec<Found> = found.drain(..anew.unwrap_or(0)).collect();
    let Some(newest) = found.last() else {
        return Ok(None);
    };
    let scanned = scan(
        &*newest.handle,
        newest.header.generation,
        newest.frames_at,
        newest.header.base.clone(),
    );
    let scanned = scanned
        .await
        .map_err(reading("reading the newest segment"))?;
    if let Ending::Damaged { what } = scanned.ending {
        let id = newest.file.id;
        shared.corrupt(format!("segment {id:x} at {}: {what}", scanned.end));
    }
    link(shared, &found, &scanned);
    let healthy = shared.state().verdict == Health::Ok;
    if !healthy {
        show(shared, &found, &scanned);
        show_newest(shared, newest, scanned);
        return Ok(None);
    }
    set_aside(shared, older)
        .await
        .map_err(reading("setting old files aside"))?;
    show(shared, &found, &scanned);
    let newest = found.pop().expect("there is a newest segment");
    let tail = resume(shared, newest, scanned).await;
    tail.map(Some)
        .map_err(reading("making the end of the log durable"))
}

async fn read_header(shared: &Shared, id: u64) -> io::Result<Option<Found>> {
    let path = shared.dir.join(crate::segment::segment_name(id));
    let handle = shared.disk.open(&path, Open::WRITE).await?;
    let read = Header::read(&*handle).await?;
    let Some((header, frames_at)) = read.filter(|(header, _)| header.id == id) else {
        return Ok(None);
    };
    let generation = header.generation;
    let file = Arc::new(SegmentFile {
        id,
        generation,
        path,
    });
    Ok(Some(Found {
        file,
        handle,
        header,
        frames_at,
    }))
}

/// Where the unbroken chain that ends at the newest segment begins.
fn chain_start(found: &[Found]) -> usize {
    let follows = |pair: &[Found]| match pair {
        [before, after] => {
            before.file.id + 1 == after.file.id
                && after
                    .header
                    .previous
                    .as_ref()
                    .is_some_and(|previous| previous.generation == before.header.generation)
        }
        _ => false,
    };
    let broken = found.windows(2).rposition(|pair| !follows(pair));
    broken.map_or(0, |before| before + 1)
}

/// Index behind the last entry before the segment at `start` that lives on, given what it and the
/// later ones truncated.
fn live_end_before(found: &[Found], start: usize, newest: &SegmentIndex) -> u64 {
    let base = found[start]
        .header
        .base
        .last
        .map_or(0, |last| last.index + 1);
    let summaries = found[start + 1..].iter().filter_map(|segment| {
        segment
            .header
            .previous
            .as_ref()
            .map(|previous| previous.summary.cut_before)
    });
    summaries.chain([newest.cut_before]).fold(base, u64::min)
}

/// Checks that every segment that is needed is there.
fn link(shared: &Shared, found: &[Found], newest: &Scan) {
    let start = chain_start(found);
    let first_needed = newest.base.purged.map_or(0, |id| id.index + 1);
    let begins_anew = found[start].header.previous.is_none();
    if !begins_anew && live_end_before(found, start, &newest.index) > first_needed {
        let id = found[start].file.id;
        shared.corrupt(format!("the segment before {id:x} is missing"));
    }
}

/// Brings into the state what the segments hold.
fn show(shared: &Shared, found: &[Found], newest: &Scan) {
    let start = chain_start(found);
    let mut state = shared.state();
    state.purged = newest.base.purged;
    state.last = newest.base.last;
    state.committed = newest.base.committed;
    let healthy = state.verdict == Health::Ok;
    state.vote = if healthy {
        newest.base.vote.clone()
    } else {
        newest.newest_vote.clone()
    };
    state
        .disposals
        .extend(found[..start].iter().map(|old| Arc::clone(&old.file)));
    for pair in found[start..].windows(2) {
        let [segment, after] = pair else { continue };
        let Some(previous) = &after.header.previous else {
            continue;
        };
        push_sealed(&mut state.sealed, &segment.file, previous.summary.clone());
    }
    let sealed = &mut state.sealed;
    for earlier in sealed.iter_mut() {
        earlier.end = earlier.end.min(newest.index.cut_before);
    }
    let purged_first = newest.base.purged.map(|id| id.index + 1);
    let oldest = sealed
        .iter()
        .map(|sealed| (sealed.summary.first, sealed.end));
    let oldest = oldest.chain([(newest.index.first, newest.index.end())]);
    let oldest = oldest
        .filter(|(first, end)| first < end)
        .map(|(first, _)| first);
    let first = purged_first.or_else(|| oldest.min()).unwrap_or(0);
    if let Some(id) = newest.base.purged {
        state.purge_index(id.index);
    }
    state.recovered(first);
}

/// Lets what is whole of the newest segment be read although nothing may be written.
fn show_newest(shared: &Shared, newest: &Found, scanned: Scan) {
    shared.state().active = Some(Active {
        segment: Arc::clone(&newest.file),
        file: Arc::clone(&newest.handle),
        index: scanned.index,
        used: scanned.end,
        size: scanned.end,
    });
}

fn push_sealed(sealed: &mut VecDeque<Sealed>, file: &Arc<SegmentFile>, summary: Summary) {
    for earlier in sealed.iter_mut() {
        earlier.end = earlier.end.min(summary.cut_before);
    }
    sealed.push_back(Sealed {
        file: Arc::clone(file),
        end: summary.end,
        summary: Arc::new(summary),
    });
}

/// Moves the files of segments that a repair left behind.
async fn set_aside(shared: &Shared, older: Vec<Found>) -> io::Result<()> {
    for segment in &older {
        move_aside(&*shared.disk, &shared.dir, &segment.file.path).await?;
    }
    if !older.is_empty() {
        shared.disk.sync_dir(&shared.dir).await?;
    }
    Ok(())
}

/// Gives a file the name of one that is kept only to be looked at by people.
pub(crate) async fn move_aside(disk: &dyn Disk, dir: &Path, path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside: PathBuf = dir.join(format!("{SET_ASIDE_PREFIX}{name}"));
    disk.rename(path, &aside).await
}

/// Cuts a torn tail, makes what is left durable, and answers where to go on.
async fn resume(shared: &Shared, newest: Found, scanned: Scan) -> io::Result<Tail> {
    let file = &newest.handle;
    if let Ending::Torn { rubbish_end } = scanned.ending {
        let id = newest.file.id;
        tracing::warn!(dir = %shared.dir.display(), segment = id, at = scanned.end, "a torn write is cut off");
        let end = rubbish_end.min(file.len().await?);
        wipe(&**file, scanned.end, end).await?;
    }
    // A sync alone would not do: if the process before met a failed sync, the page cache holds the
    // bytes of its last write but believes that the disk has them too.
    write_again(&**file, scanned.synced.min(scanned.end), scanned.end).await?;
    let size = file.len().await?;
    if let Some(footer) = scanned.footer {
        let summary = Summary::of(&scanned.index, footer.at, footer.len);
        let previous = Previous {
            generation: newest.header.generation,
            summary: summary.clone(),
        };
        let id = newest.file.id + 1;
        let tail = begin(shared, id, scanned.base, Some(previous), (size, 0)).await?;
        let mut state = shared.state();
        push_sealed(&mut state.sealed, &newest.file, summary);
        state.active = Some(tail.activate());
        if let Some(id) = state.purged {
            state.purge_index(id.index);
        }
        return Ok(tail);
    }
    let mut tail = Tail {
        segment: newest.file,
        file: newest.handle,
        frames_at: narrow_at(newest.frames_at),
        at: narrow_at(scanned.end),
        synced: narrow_at(scanned.end),
        size,
        base: scanned.base,
        unsettled: false,
    };
    settle(&mut tail).await?;
    let mut active = tail.activate();
    active.index = scanned.index;
    shared.state().active = Some(active);
    Ok(tail)
}

/// Writes bytes that are there already, and syncs them.
async fn write_again(file: &dyn File, from: u64, end: u64) -> io::Result<()> {
    let len = usize::try_from(end - from).map_err(io::Error::other)?;
    let bytes = file.read_at(from, len).await?;
    file.write_sync_at(from, vec![bytes]).await
}

/// Vouches for all that was found: damage to it is damage from now on.
async fn settle(tail: &mut Tail) -> io::Result<()> {
    let mut mark = Encoder::new(tail.segment.generation, tail.at, tail.synced);
    mark.push(&Record::Settled);
    let (end, bytes) = mark.finish();
    if tail.at > tail.frames_at && u64::from(end) <= tail.size {
        tail.file.write_at(u64::from(tail.at), bytes).await?;
        tail.at = end;
    }
    Ok(())
}

async fn wipe(file: &dyn File, from: u64, end: u64) -> io::Result<()> {
    let mut at = from;
    while at < end {
        let len = (end - at).min(WIPE_BYTES);
        let zeros = Bytes::from(vec![0; usize::try_from(len).unwrap_or(0)]);
        file.write_at(at, vec![zeros]).await?;
        at += len;
    }
    file.sync().await
}
