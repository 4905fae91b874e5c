//! Reading a segment from its first frame to its last, and judging what comes behind.
//!
//! The judgement: bytes that do not verify are a *torn tail* if they can not have been synced, and
//! *damage* if they must have been. Every frame says up to where its segment was synced when the
//! frame was written. So the rest of the file is searched for frames of the same generation: one
//! that says "synced up to here or beyond" proves damage. Frames of the write that was torn say
//! less than that, because the write began before the hole.
//!
//! Danger: damage to the very last write, noticed before a later frame vouched for it, looks like a
//! torn tail. The writer therefore leaves a mark as soon as it is idle (`Writer::settle`).

use std::io;

use ana_env::File;
use ana_types::planted::{self, Bug};
use bytes::Bytes;

use crate::codec::{narrow, narrow_at};
use crate::frame::{FRAME_ALIGN, HEAD_BYTES, Head, Record, Written, tag};
use crate::index::SegmentIndex;
use crate::segment::Base;

/// Bytes read at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// What lies behind the last valid frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// No frame of this segment.
    Clean,
    /// Parts of a write that was torn; the last one ends here.
    Torn { rubbish_end: u64 },
    /// Something that was synced is not what it was.
    Damaged { what: &'static str },
}

/// A segment, read.
#[derive(Debug)]
pub(crate) struct Scan {
    /// What holds behind the last valid frame.
    pub(crate) base: Base,
    pub(crate) index: SegmentIndex,
    /// Position behind the last valid frame.
    pub(crate) end: u64,
    /// How far the segment was synced when the last valid frame was written.
    pub(crate) synced: u64,
    /// Place of the footer, if the segment is sealed.
    pub(crate) footer: Option<Written>,
    pub(crate) ending: Ending,
    /// The newest vote found, even behind damage.
    pub(crate) newest_vote: Option<Bytes>,
}

/// Reads the segment of `generation` whose frames begin at `frames_at`, where `base` held.
pub(crate) async fn scan(
    file: &dyn File,
    generation: u64,
    frames_at: u64,
    base: Base,
) -> io::Result<Scan> {
    let mut window = Window {
        file,
        len: file.len().await?,
        start: 0,
        bytes: Bytes::new(),
    };
    let next = base.last.map_or(0, |last| last.index + 1);
    let mut scan = Scan {
        newest_vote: base.vote.clone(),
        base,
        index: SegmentIndex::new(next),
        end: frames_at,
        synced: frames_at,
        footer: None,
        ending: Ending::Clean,
    };
    while let Some((head, payload)) = read_frame(&mut window, generation, scan.end).await? {
        let Some(record) = head.record(payload) else {
            scan.ending = Ending::Damaged {
                what: "a frame makes no sense",
            };
            break;
        };
        if let Err(what) = scan.base.apply(&record) {
            scan.ending = Ending::Damaged { what };
            break;
        }
        let written = Written {
            at: narrow_at(scan.end),
            len: narrow_at(head.frame_bytes()),
            mark_sums: head.marks.iter().map(|(_, sum)| *sum).collect(),
        };
        scan.index.apply(&record, &written);
        scan.end += head.frame_bytes();
        scan.synced = u64::from(head.synced);
        if let Record::Footer(_) = record {
            scan.footer = Some(written);
            break;
        }
    }
    scan.newest_vote = scan.base.vote.clone();
    if scan.footer.is_none() {
        look_behind(&mut window, generation, &mut scan).await?;
    }
    Ok(scan)
}

/// The frame at `at`, if one is there and whole.
async fn read_frame(
    window: &mut Window<'_>,
    generation: u64,
    at: u64,
) -> io::Result<Option<(Head, Bytes)>> {
    let Some(head) = read_head(window, generation, at).await? else {
        return Ok(None);
    };
    let len = usize::try_from(head.frame_bytes()).unwrap_or(usize::MAX);
    let Some(frame) = window.get(at, len).await? else {
        return Ok(None);
    };
    Ok(head.payload(&frame).map(|payload| (head, payload)))
}

async fn read_head(window: &mut Window<'_>, generation: u64, at: u64) -> io::Result<Option<Head>> {
    let Some(start) = window.get(at, HEAD_BYTES).await? else {
        return Ok(None);
    };
    let Some(extent) = Head::extent(&start, generation) else {
        return Ok(None);
    };
    let Some(bytes) = window.get(at, extent).await? else {
        return Ok(None);
    };
    let Ok(at) = u32::try_from(at) else {
        return Ok(None);
    };
    Ok(Head::parse(&bytes, generation, at))
}

/// Searches the rest of the file for frames of this segment.
async fn look_behind(window: &mut Window<'_>, generation: u64, scan: &mut Scan) -> io::Result<()> {
    let tag = tag(generation).to_le_bytes();
    let mut at = scan.end;
    while at < window.len {
        let len = usize::try_from(window.len - at)
            .unwrap_or(WINDOW_BYTES)
            .min(WINDOW_BYTES);
        let Some(chunk) = window.get(at, len).await? else {
            break;
        };
        let step = usize::try_from(FRAME_ALIGN).unwrap_or(8);
        let found = chunk.chunks(step).position(|word| word.starts_with(&tag));
        let Some(found) = found else {
            at += u64::from(narrow(len.next_multiple_of(step)));
            continue;
        };
        at += (found * step) as u64;
        if let Some(head) = read_head(window, generation, at).await? {
            note_behind(window, generation, at, &head, scan).await?;
        }
        at += FRAME_ALIGN;
    }
    Ok(())
}

async fn note_behind(
    window: &mut Window<'_>,
    generation: u64,
    at: u64,
    head: &Head,
    scan: &mut Scan,
) -> io::Result<()> {
    if u64::from(head.synced) > scan.end && !planted::is(Bug::MiddleIsTail) {
        scan.ending = Ending::Damaged {
            what: "bytes that were synced do not verify",
        };
    } else if scan.ending == Ending::Clean || matches!(scan.ending, Ending::Torn { .. }) {
        let rubbish_end = at + head.frame_bytes();
        scan.ending = Ending::Torn { rubbish_end };
    }
    if let Some((head, payload)) = read_frame(window, generation, at).await?
        && let Some(Record::Vote(vote)) = head.record(payload)
    {
        scan.newest_vote = Some(vote);
    }
    Ok(())
}

/// The part of a file that is looked at.
struct Window<'a> {
    file: &'a dyn File,
    len: u64,
    start: u64,
    bytes: Bytes,
}

impl Window<'_> {
    /// `len` bytes from `at`; `None` if the file is too short.
    async fn get(&mut self, at: u64, len: usize) -> io::Result<Option<Bytes>> {
        let end = at.saturating_add(len as u64);
        if end > self.len {
            return Ok(None);
        }
        let held = self.start..self.start + self.bytes.len() as u64;
        if at < held.start || end > held.end {
            let most = usize::try_from(self.len - at).unwrap_or(usize::MAX);
            let wanted = len.max(WINDOW_BYTES).min(most);
            self.bytes = self.file.read_at(at, wanted).await?;
            self.start = at;
        }
        let offset = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        Ok(Some(self.bytes.slice(offset..offset + len)))
    }
}
