//! The frame: the unit in which everything is written, checked and recovered.
//!
//! ```text
//! head (56 bytes) | marks (28 bytes each) | payload | zeros to a multiple of 8
//! ```
//! The layout is in `format.md`. Must stay true:
//! - the checksum of the head begins with the segment's generation and the frame's own position,
//!   so that a frame of a recycled file, or one written to the wrong place, is never valid;
//! - head and payload have checksums of their own, so that a damaged entry can still be named;
//! - each mark carries the checksum of its range, so that a range can be read and verified alone.

use bytes::{Bytes, BytesMut};
use crc32c::{crc32c, crc32c_append, crc32c_combine};

use crate::codec::{Put, Take, narrow, round_up};
use crate::{EntryId, LogEntry, Mark};

/// Bytes of a head without marks.
pub(crate) const HEAD_BYTES: usize = 56;
/// Bytes of one mark on disk.
pub(crate) const MARK_BYTES: usize = 28;
/// Frames begin at multiples of this.
pub(crate) const FRAME_ALIGN: u64 = 8;
/// Marks in one entry.
pub(crate) const MARKS_MAX: usize = 1 << 16;
/// Payload of one frame, bytes: an eighth of the largest segment.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 128 << 20;
/// Payloads up to this size are copied next to their head: cheaper than one more io vector.
const COPY_BYTES_MAX: usize = 2048;

/// What a frame says. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Entry = 1,
    Vote = 2,
    Truncate = 3,
    Purge = 4,
    Committed = 5,
    Footer = 6,
    Settled = 7,
}

impl FrameKind {
    fn from_byte(byte: u8) -> Option<Self> {
        [
            Self::Entry,
            Self::Vote,
            Self::Truncate,
            Self::Purge,
            Self::Committed,
            Self::Footer,
            Self::Settled,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// A frame to be written.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    Entry(LogEntry),
    Vote(Bytes),
    /// Keep entries up to this one, or none.
    Truncate(Option<EntryId>),
    Purge(EntryId),
    Committed(Option<EntryId>),
    Footer(Bytes),
    /// Nothing but its own head, which says up to where the segment was synced.
    Settled,
}

const NO_ID: EntryId = EntryId {
    term: 0,
    node: 0,
    index: 0,
};

/// The parts of a record as the frame stores them.
struct Parts<'a> {
    kind: FrameKind,
    /// Kind of the entry; for an optional value 1 if it is there.
    detail: u8,
    id: EntryId,
    marks: &'a [Mark],
    payload: &'a [u8],
}

impl Record {
    fn parts(&self) -> Parts<'_> {
        let parts = |kind, detail, id, payload| Parts {
            kind,
            detail,
            id,
            marks: &[],
            payload,
        };
        match self {
            Self::Entry(entry) => Parts {
                marks: &entry.marks,
                ..parts(FrameKind::Entry, entry.kind, entry.id, &entry.payload)
            },
            Self::Vote(vote) => parts(FrameKind::Vote, 0, NO_ID, vote),
            Self::Truncate(keep) => parts(
                FrameKind::Truncate,
                u8::from(keep.is_some()),
                keep.unwrap_or(NO_ID),
                &[],
            ),
            Self::Purge(id) => parts(FrameKind::Purge, 1, *id, &[]),
            Self::Committed(id) => parts(
                FrameKind::Committed,
                u8::from(id.is_some()),
                id.unwrap_or(NO_ID),
                &[],
            ),
            Self::Footer(index) => parts(FrameKind::Footer, 0, NO_ID, index),
            Self::Settled => parts(FrameKind::Settled, 0, NO_ID, &[]),
        }
    }

    /// Bytes of the frame on disk.
    pub(crate) fn frame_bytes(&self) -> u64 {
        let parts = self.parts();
        frame_bytes(parts.marks.len(), parts.payload.len())
    }

    fn shared_payload(&self) -> Option<&Bytes> {
        match self {
            Self::Entry(entry) => Some(&entry.payload),
            Self::Vote(bytes) | Self::Footer(bytes) => Some(bytes),
            Self::Truncate(_) | Self::Purge(_) | Self::Committed(_) | Self::Settled => None,
        }
    }
}

/// Bytes of a frame with that many marks and that payload.
pub(crate) fn frame_bytes(marks: usize, payload: usize) -> u64 {
    round_up(
        (HEAD_BYTES + marks * MARK_BYTES + payload) as u64,
        FRAME_ALIGN,
    )
}

/// Whether the format has room for this entry, and its marks lie inside of its payload.
pub(crate) fn fits(entry: &LogEntry) -> bool {
    let inside =
        |mark: &Mark| u64::from(mark.offset) + u64::from(mark.len) <= entry.payload.len() as u64;
    entry.payload.len() <= PAYLOAD_BYTES_MAX
        && entry.marks.len() <= MARKS_MAX
        && entry.marks.iter().all(inside)
}

/// Where a written frame lies, and the checksums of its marks.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) at: u32,
    pub(crate) len: u32,
    pub(crate) mark_sums: Vec<u32>,
}

impl Written {
    /// Position of the payload, given the number of marks.
    pub(crate) fn body_at(&self, marks: usize) -> u32 {
        self.at + narrow(HEAD_BYTES + marks * MARK_BYTES)
    }
}

/// Lays frames one behind the other, sharing large payloads instead of copying them.
#[derive(Debug)]
pub(crate) struct Encoder {
    generation: u64,
    at: u32,
    synced: u32,
    arena: BytesMut,
    pieces: Vec<Bytes>,
}

impl Encoder {
    /// Frames from `at` on, in a segment that is synced up to `synced`.
    pub(crate) fn new(generation: u64, at: u32, synced: u32) -> Self {
        Self {
            generation,
            at,
            synced,
            arena: BytesMut::new(),
            pieces: Vec::new(),
        }
    }

    /// Makes room for what will be copied of these frames, in one piece.
    pub(crate) fn reserve(&mut self, records: &[Record]) {
        let copied = |record: &Record| {
            let parts = record.parts();
            match parts.payload.len() {
                shared if shared > COPY_BYTES_MAX => frame_bytes(parts.marks.len(), 0),
                copied => frame_bytes(parts.marks.len(), copied),
            }
        };
        let bytes: u64 = records.iter().map(copied).sum();
        self.arena.reserve(usize::try_from(bytes).unwrap_or(0));
    }

    pub(crate) fn push(&mut self, record: &Record) -> Written {
        let parts = record.parts();
        let (payload_sum, mark_sums) = checksums(parts.payload, parts.marks);
        let mut head = Vec::with_capacity(HEAD_BYTES + parts.marks.len() * MARK_BYTES);
        head.put_32(tag(self.generation));
        head.put_32(0);
        head.put_32(narrow(parts.payload.len()));
        head.put_32(payload_sum);
        head.put_8(parts.kind as u8);
        head.put_8(parts.detail);
        head.put_raw(&[0, 0]);
        head.put_32(narrow(parts.marks.len()));
        head.put_32(self.synced);
        head.put_32(0);
        head.put_id(parts.id);
        for (mark, sum) in parts.marks.iter().zip(&mark_sums) {
            put_mark(&mut head, mark, *sum);
        }
        let sum = head_sum(self.generation, self.at, &head);
        head.splice(4..8, sum.to_le_bytes());
        self.arena.extend_from_slice(&head);

        match record.shared_payload() {
            Some(payload) if payload.len() > COPY_BYTES_MAX => {
                self.pieces.push(self.arena.split().freeze());
                self.pieces.push(payload.clone());
            }
            _ => self.arena.extend_from_slice(parts.payload),
        }
        let len = narrow(head.len() + parts.payload.len());
        let padded = len.next_multiple_of(8);
        self.arena
            .extend_from_slice(&[0; 8][..(padded - len) as usize]);
        let written = Written {
            at: self.at,
            len: padded,
            mark_sums,
        };
        self.at += padded;
        written
    }

    /// Where the next frame would begin, and all the bytes.
    pub(crate) fn finish(mut self) -> (u32, Vec<Bytes>) {
        if !self.arena.is_empty() {
            self.pieces.push(self.arena.split().freeze());
        }
        (self.at, self.pieces)
    }
}

pub(crate) fn put_mark(out: &mut Vec<u8>, mark: &Mark, sum: u32) {
    out.put_32(mark.key);
    out.put_32(mark.count);
    out.put_32(mark.offset);
    out.put_32(mark.len);
    out.put_64(mark.time_ms);
    out.put_32(sum);
}

pub(crate) fn take_mark(from: &mut Take<'_>) -> Option<(Mark, u32)> {
    let mark = Mark {
        key: from.u32()?,
        count: from.u32()?,
        offset: from.u32()?,
        len: from.u32()?,
        time_ms: from.u64()?,
    };
    Some((mark, from.u32()?))
}

/// Each frame begins with these bytes of its generation: a cheap first test when searching.
pub(crate) fn tag(generation: u64) -> u32 {
    let [a, b, c, d, ..] = generation.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn head_sum(generation: u64, at: u32, head: &[u8]) -> u32 {
    let mut seed = [0; 12];
    seed[..8].copy_from_slice(&generation.to_le_bytes());
    seed[8..].copy_from_slice(&at.to_le_bytes());
    crc32c_append(crc32c(&seed), &head[8..])
}

/// From here on it is cheaper to combine two checksums than to read the bytes of the second again.
const COMBINE_BYTES_MIN: usize = 64 * 1024;

/// Checksum of the whole payload and of each mark's range, reading each byte of a long range once where the marks are in
/// order and do not overlap (as they are in a batch).
fn checksums(payload: &[u8], marks: &[Mark]) -> (u32, Vec<u32>) {
    let range = |mark: &Mark| mark.offset as usize..(mark.offset + mark.len) as usize;
    let sums: Vec<u32> = marks.iter().map(|m| crc32c(&payload[range(m)])).collect();
    let mut whole = 0;
    let mut done = 0;
    for (mark, sum) in marks.iter().zip(&sums) {
        let range = range(mark);
        if range.start < done {
            return (crc32c(payload), sums);
        }
        whole = crc32c_append(whole, &payload[done..range.start]);
        whole = match range.len() {
            _ if range.start == 0 => *sum,
            len if len < COMBINE_BYTES_MIN => crc32c_append(whole, &payload[range.clone()]),
            len => crc32c_combine(whole, *sum, len),
        };
        done = range.end;
    }
    (crc32c_append(whole, &payload[done..]), sums)
}

/// A head whose checksum is right.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) kind: FrameKind,
    pub(crate) detail: u8,
    pub(crate) id: EntryId,
    pub(crate) synced: u32,
    pub(crate) marks: Vec<(Mark, u32)>,
    payload_len: u32,
    payload_sum: u32,
}

impl Head {
    /// How many bytes to look at to verify the head that begins with these `HEAD_BYTES`; `None` if
    /// it can not be one of this generation.
    pub(crate) fn extent(start: &[u8], generation: u64) -> Option<usize> {
        let mut fields = Take(start);
        if fields.u32()? != tag(generation) {
            return None;
        }
        fields.u32()?;
        let payload_len = fields.u32()? as usize;
        fields.raw(8)?;
        let marks = fields.u32()? as usize;
        (payload_len <= PAYLOAD_BYTES_MAX && marks <= MARKS_MAX)
            .then_some(HEAD_BYTES + marks * MARK_BYTES)
    }

    /// Verifies a head with its marks; `bytes` may go on behind it.
    pub(crate) fn parse(bytes: &[u8], generation: u64, at: u32) -> Option<Self> {
        let extent = Self::extent(bytes, generation)?;
        let bytes = bytes.get(..extent)?;
        let mut fields = Take(bytes);
        fields.u32()?;
        if fields.u32()? != head_sum(generation, at, bytes) {
            return None;
        }
        let payload_len = fields.u32()?;
        let payload_sum = fields.u32()?;
        let kind = FrameKind::from_byte(fields.u8()?)?;
        let detail = fields.u8()?;
        fields.raw(2)?;
        let mark_count = fields.u32()?;
        let synced = fields.u32()?;
        fields.u32()?;
        let id = fields.id()?;
        let marks = (0..mark_count)
            .map(|_| take_mark(&mut fields))
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            kind,
            detail,
            id,
            synced,
            marks,
            payload_len,
            payload_sum,
        })
    }

    /// Bytes before the payload.
    pub(crate) fn head_bytes(&self) -> usize {
        HEAD_BYTES + self.marks.len() * MARK_BYTES
    }

    /// Bytes of the whole frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        frame_bytes(self.marks.len(), self.payload_len as usize)
    }

    /// The payload, a slice of `frame` (which begins with this head), if its checksum is right.
    pub(crate) fn payload(&self, frame: &Bytes) -> Option<Bytes> {
        let start = self.head_bytes();
        let end = start + self.payload_len as usize;
        let payload = (end <= frame.len()).then(|| frame.slice(start..end))?;
        (crc32c(&payload) == self.payload_sum).then_some(payload)
    }

    /// The entry this frame holds, given its verified payload.
    pub(crate) fn entry(&self, payload: Bytes) -> LogEntry {
        LogEntry {
            id: self.id,
            kind: self.detail,
            marks: self.marks.iter().map(|(mark, _)| *mark).collect(),
            payload,
        }
    }

    /// The record this frame holds, given its verified payload; `None` if its fields contradict
    /// each other.
    pub(crate) fn record(&self, payload: Bytes) -> Option<Record> {
        let present = match self.detail {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        };
        Some(match self.kind {
            FrameKind::Entry => {
                let entry = self.entry(payload);
                return fits(&entry).then_some(Record::Entry(entry));
            }
            FrameKind::Vote => Record::Vote(payload),
            FrameKind::Truncate => Record::Truncate(present?.then_some(self.id)),
            FrameKind::Purge => Record::Purge(self.id),
            FrameKind::Committed => Record::Committed(present?.then_some(self.id)),
            FrameKind::Footer => Record::Footer(payload),
            FrameKind::Settled => Record::Settled,
        })
    }
}

/// Whether a range read alone is the one that was written.
pub(crate) fn range_is_intact(range: &[u8], sum: u32) -> bool {
    crc32c(range) == sum
}

#[cfg(test)]
mod frame_test;
