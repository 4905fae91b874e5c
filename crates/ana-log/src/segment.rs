//! Segment files: their names, their headers, and how one comes to be.
//!
//! A header says who the segment is (id, generation), what held when it began (vote, purged, last,
//! committed), and describes its predecessor completely (footer, summary). So the newest segment
//! and the headers of the others are enough to open a log, and a missing file is noticed.
//!
//! Must stay true:
//! - a segment appears under its own name only with its header synced, and nothing is written to it
//!   before its directory entry is synced;
//! - its predecessor was sealed, and that synced, before;
//! - ids grow by one, and a generation is never used twice.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ana_env::{Disk, File, Open};
use ana_types::planted::{self, Bug};
use bytes::Bytes;
use crc32c::crc32c;

use crate::EntryId;
use crate::codec::{Put, Take, narrow, round_up};
use crate::index::Summary;

const MAGIC: &[u8; 8] = b"ANALOG1\n";
/// Bytes before the variable part: magic and length.
const PREFIX_BYTES: usize = 12;
/// Frames begin at a multiple of this, so that no frame shares a page with the header.
const HEADER_ALIGN: u64 = 4096;
const HEADER_BYTES_MAX: u32 = 16 << 20;
/// A vote must fit into a header.
pub(crate) const VOTE_BYTES_MAX: usize = 4096;

/// The segment before, as a header describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Previous {
    pub(crate) generation: u64,
    pub(crate) summary: Summary,
}

/// What held when the segment began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) purged: Option<EntryId>,
    pub(crate) last: Option<EntryId>,
    pub(crate) committed: Option<EntryId>,
    pub(crate) vote: Option<Bytes>,
}

/// The header of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u64,
    pub(crate) generation: u64,
    pub(crate) base: Base,
    /// `None`: the log begins here, and whatever came before was discarded.
    pub(crate) previous: Option<Previous>,
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.put_raw(MAGIC);
        out.put_32(0);
        out.put_64(self.id);
        out.put_64(self.generation);
        out.put_maybe_id(self.base.purged);
        out.put_maybe_id(self.base.last);
        out.put_maybe_id(self.base.committed);
        let vote = self.base.vote.as_deref();
        out.put_8(u8::from(vote.is_some()));
        let vote = vote.unwrap_or_default();
        out.put_32(narrow(vote.len()));
        out.put_raw(vote);
        out.put_8(u8::from(self.previous.is_some()));
        if let Some(previous) = &self.previous {
            out.put_64(previous.generation);
            previous.summary.encode(&mut out);
        }
        let len = narrow(out.len() + 4);
        out.splice(8..12, len.to_le_bytes());
        let sum = crc32c(&out);
        out.put_32(sum);
        out
    }

    /// `None` if the bytes are not a header, whole and undamaged.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
        if crc32c(body).to_le_bytes() != sum {
            return None;
        }
        let mut fields = Take(body.get(PREFIX_BYTES..)?);
        let (id, generation) = (fields.u64()?, fields.u64()?);
        let mut base = Base {
            purged: fields.maybe_id()?,
            last: fields.maybe_id()?,
            committed: fields.maybe_id()?,
            vote: None,
        };
        let voted = fields.u8()? == 1;
        let vote_len = fields.u32()? as usize;
        let vote = fields.raw(vote_len)?;
        base.vote = voted.then(|| Bytes::copy_from_slice(vote));
        let previous = match fields.u8()? {
            0 => None,
            _ => Some(Previous {
                generation: fields.u64()?,
                summary: Summary::decode(&mut fields)?,
            }),
        };
        fields.is_empty().then_some(Self {
            id,
            generation,
            base,
            previous,
        })
    }

    /// Position of the first frame behind a header of `len` bytes.
    pub(crate) fn frames_at(len: usize) -> u64 {
        round_up(len as u64, HEADER_ALIGN)
    }

    /// Reads the header of a file and the position of its first frame. `Ok(None)` if there is none
    /// or it is damaged.
    pub(crate) async fn read(file: &dyn File) -> io::Result<Option<(Self, u64)>> {
        let file_len = file.len().await?;
        if file_len < PREFIX_BYTES as u64 {
            return Ok(None);
        }
        let start = usize::try_from(file_len.min(HEADER_ALIGN)).unwrap_or(PREFIX_BYTES);
        let mut bytes = file.read_at(0, start).await?;
        let mut prefix = Take(&bytes);
        let magic = prefix.raw(MAGIC.len());
        let len = prefix.u32().unwrap_or(0);
        let fits = u64::from(len) <= file_len && len <= HEADER_BYTES_MAX;
        if magic != Some(MAGIC) || !fits || (len as usize) < PREFIX_BYTES {
            return Ok(None);
        }
        let len = len as usize;
        if len > bytes.len() {
            bytes = file.read_at(0, len).await?;
        }
        let header = Self::decode(&bytes[..len]);
        Ok(header.map(|header| (header, Self::frames_at(len))))
    }
}

/// Who a segment is. Readers hold it while they read: a file whose `Arc` others hold is removed,
/// not recycled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    pub(crate) id: u64,
    pub(crate) generation: u64,
    pub(crate) path: PathBuf,
}

/// A complete segment.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) file: Arc<SegmentFile>,
    pub(crate) summary: Arc<Summary>,
    /// Index behind the last entry that lives on: later segments may have truncated some.
    pub(crate) end: u64,
}

/// What a file in the directory of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileName {
    Segment(u64),
    Spare(u64),
    Reserve,
    Snapshot(u64),
    /// Left behind by a write that was not finished.
    Unfinished,
    SetAside,
    Unknown,
}

pub(crate) const RESERVE_NAME: &str = "reserve";
const SEGMENT_PREFIX: &str = "segment-";
const SPARE_PREFIX: &str = "spare-";
const SNAPSHOT_PREFIX: &str = "snapshot-";
pub(crate) const SET_ASIDE_PREFIX: &str = "corrupt-";
pub(crate) const UNFINISHED_SUFFIX: &str = ".unfinished";

pub(crate) fn segment_name(id: u64) -> String {
    format!("{SEGMENT_PREFIX}{id:016x}")
}

pub(crate) fn spare_name(number: u64) -> String {
    format!("{SPARE_PREFIX}{number:016x}")
}

pub(crate) fn snapshot_name(index: u64) -> String {
    format!("{SNAPSHOT_PREFIX}{index:020}")
}

pub(crate) fn classify(name: &str) -> FileName {
    let number = |prefix| {
        let digits: &str = name.strip_prefix(prefix)?;
        let digits = (digits.len() == 16).then_some(digits)?;
        u64::from_str_radix(digits, 16).ok()
    };
    if let Some(id) = number(SEGMENT_PREFIX) {
        return FileName::Segment(id);
    }
    if let Some(number) = number(SPARE_PREFIX) {
        return FileName::Spare(number);
    }
    let snapshot = name
        .strip_prefix(SNAPSHOT_PREFIX)
        .filter(|at| at.len() == 20);
    if let Some(index) = snapshot.and_then(|index| index.parse().ok()) {
        return FileName::Snapshot(index);
    }
    match name {
        RESERVE_NAME => FileName::Reserve,
        _ if name.ends_with(UNFINISHED_SUFFIX) => FileName::Unfinished,
        _ if name.starts_with(SET_ASIDE_PREFIX) => FileName::SetAside,
        _ => FileName::Unknown,
    }
}

/// An allocated file that is not a segment yet.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) bytes: u64,
}

impl Spare {
    /// Allocates a file. Nothing is left behind when there is no room.
    pub(crate) async fn create(disk: &dyn Disk, path: PathBuf, bytes: u64) -> io::Result<Self> {
        let file = disk.open(&path, Open::CREATE).await?;
        if let Err(error) = file.allocate(bytes).await {
            if let Err(left) = disk.remove_file(&path).await {
                tracing::warn!(?path, %left, "an unfinished file could not be removed");
            }
            return Err(error);
        }
        file.sync().await?;
        Ok(Self { path, file, bytes })
    }

    /// Turns the spare into the segment of `header`; durable on return. Answers the position of
    /// the first frame.
    pub(crate) async fn become_segment(
        &self,
        disk: &dyn Disk,
        dir: &Path,
        header: &Header,
    ) -> io::Result<(Arc<SegmentFile>, u64)> {
        let bytes = header.encode();
        let frames_at = Header::frames_at(bytes.len());
        self.file.write_sync_at(0, vec![bytes.into()]).await?;
        let path = dir.join(segment_name(header.id));
        disk.rename(&self.path, &path).await?;
        if !planted::is(Bug::DirectoryNotSynced) {
            disk.sync_dir(dir).await?;
        }
        let file = SegmentFile {
            id: header.id,
            generation: header.generation,
            path,
        };
        Ok((Arc::new(file), frames_at))
    }
}

/// A generation for a new segment: unpredictable to those who only send records, so that bytes of
/// a record can not pass for a frame of a later segment in a recycled file.
pub(crate) fn new_generation(before: u64, now_ms: u64) -> u64 {
    let mixed = (before ^ now_ms).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (before >> 29);
    let generation = mixed ^ ana_env::runtime::random_u64();
    // The low half begins every frame, and zeros are what an unwritten file holds.
    if generation.trailing_zeros() >= 32 {
        generation | 1
    } else {
        generation
    }
}

#[cfg(test)]
mod segment_test;
