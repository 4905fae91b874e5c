//! The bytes of one file: as seen now, as durable, and the operations between the two.
//!
//! Bytes are kept in pages shared between the pictures; a page that was never written is zeros and takes no
//! memory, so that preallocated files are cheap.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::MemoryDiskOptions;
use super::crash::Lottery;

const PAGE_BYTES: usize = 4096;
const PAGE_BYTES_U64: u64 = 4096;

type Page = Arc<[u8; PAGE_BYTES]>;

/// The bytes of a file at one moment. Equal if length and bytes are.
#[derive(Clone, Default)]
pub struct FileImage {
    len: u64,
    pages: BTreeMap<u64, Page>,
}

impl FileImage {
    /// Bytes in the file.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes from `offset` on, exactly `len`, or `UnexpectedEof`.
    pub fn read(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        if end_of(offset, len)? > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; len];
        for piece in pieces(offset, len) {
            if let Some(page) = self.pages.get(&piece.page) {
                bytes[piece.at..piece.at + piece.len]
                    .copy_from_slice(&page[piece.start..piece.start + piece.len]);
            }
        }
        Ok(bytes.into())
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let end = end_of(offset, data.len()).expect("checked when the operation was made");
        for piece in pieces(offset, data.len()) {
            let page = self
                .pages
                .entry(piece.page)
                .or_insert_with(|| Arc::new([0; PAGE_BYTES]));
            Arc::make_mut(page)[piece.start..piece.start + piece.len]
                .copy_from_slice(&data[piece.at..piece.at + piece.len]);
        }
        self.len = self.len.max(end);
    }

    fn extend(&mut self, len: u64) {
        self.len = self.len.max(len);
    }

    fn set_len(&mut self, len: u64) {
        if len < self.len {
            let last = len / PAGE_BYTES_U64;
            let kept = usize::try_from(len % PAGE_BYTES_U64).expect("less than a page");
            let mut cut = self.pages.split_off(&last);
            if let Some(mut page) = cut.remove(&last).filter(|_| kept > 0) {
                Arc::make_mut(&mut page)[kept..].fill(0);
                self.pages.insert(last, page);
            }
        }
        self.len = len;
    }

    fn high_bytes(&self) -> u64 {
        self.pages
            .last_key_value()
            .map_or(0, |(page, _)| (page + 1) * PAGE_BYTES_U64)
    }

    fn written_pages(&self) -> impl Iterator<Item = (&u64, &Page)> {
        self.pages
            .iter()
            .filter(|(_, page)| page.iter().any(|b| *b != 0))
    }
}

impl PartialEq for FileImage {
    fn eq(&self, other: &FileImage) -> bool {
        self.len == other.len && self.written_pages().eq(other.written_pages())
    }
}

impl Eq for FileImage {}

impl fmt::Debug for FileImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileImage")
            .field("len", &self.len)
            .field("pages", &self.pages.len())
            .finish()
    }
}

/// One file with its past.
#[derive(Debug, Default)]
pub(super) struct Content {
    now: FileImage,
    durable: FileImage,
    /// In the order made; the numbers grow.
    pending: Vec<(u64, FileOp)>,
    /// Bytes reserved from the beginning.
    reserved: u64,
}

#[derive(Debug)]
pub(super) enum FileOp {
    Write { offset: u64, data: Bytes },
    Extend { len: u64 },
    Truncate { len: u64 },
}

impl Content {
    pub(super) fn now(&self) -> &FileImage {
        &self.now
    }

    pub(super) fn durable(&self) -> &FileImage {
        &self.durable
    }

    pub(super) fn len(&self) -> u64 {
        self.now.len
    }

    pub(super) fn read(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        self.now.read(offset, len)
    }

    /// Room the file takes. A hole below a written page counts as written.
    pub(super) fn used_bytes(&self) -> u64 {
        self.reserved.max(self.now.high_bytes())
    }

    pub(super) fn write(&mut self, op: u64, offset: u64, data: Bytes) {
        self.now.write(offset, &data);
        self.pending.push((op, FileOp::Write { offset, data }));
    }

    pub(super) fn allocate(&mut self, op: u64, len: u64) {
        self.reserved = self.reserved.max(len);
        if len > self.now.len {
            self.now.extend(len);
            self.pending.push((op, FileOp::Extend { len }));
        }
    }

    pub(super) fn truncate(&mut self, op: u64, len: u64) {
        self.reserved = self.reserved.min(len);
        self.now.set_len(len);
        self.pending.push((op, FileOp::Truncate { len }));
    }

    pub(super) fn flip(&mut self, offset: u64, bit: u8) -> io::Result<()> {
        for image in [&mut self.now, &mut self.durable] {
            // A byte that only exists in the page cache is flipped there alone.
            if let Ok(byte) = image.read(offset, 1) {
                image.write(offset, &[byte[0] ^ bit]);
            }
        }
        self.now.read(offset, 1).map(drop)
    }

    /// A sync that began when `covered` was the next operation's number has succeeded.
    pub(super) fn sync(&mut self, covered: u64) {
        for op in self.take_pending(covered) {
            self.durable.apply(&op);
        }
    }

    /// The same sync has failed: the system has dropped what it could not write and will not try again.
    pub(super) fn sync_failed(
        &mut self,
        covered: u64,
        lottery: &mut Lottery,
        options: &MemoryDiskOptions,
    ) {
        for op in self.take_pending(covered) {
            self.durable.apply_in_part(&op, lottery, options);
        }
    }

    pub(super) fn crash(&mut self, lottery: &mut Lottery, options: &MemoryDiskOptions) {
        self.sync_failed(u64::MAX, lottery, options);
        self.now = self.durable.clone();
        self.reserved = self.reserved.min(self.now.len);
    }

    fn take_pending(&mut self, covered: u64) -> Vec<FileOp> {
        let count = self.pending.partition_point(|(op, _)| *op < covered);
        self.pending.drain(..count).map(|(_, op)| op).collect()
    }
}

impl FileImage {
    fn apply(&mut self, op: &FileOp) {
        match op {
            FileOp::Write { offset, data } => self.write(*offset, data),
            FileOp::Extend { len } => self.extend(*len),
            FileOp::Truncate { len } => self.set_len(*len),
        }
    }

    fn apply_in_part(&mut self, op: &FileOp, lottery: &mut Lottery, options: &MemoryDiskOptions) {
        match op {
            FileOp::Write { offset, data } => {
                let survivors = lottery.write_survivors(*offset, data.len(), options);
                for range in &survivors.ranges {
                    let at = u64::try_from(range.start).expect("a length fits in 64 bits");
                    self.write(offset + at, &data[range.clone()]);
                }
                if survivors.length {
                    self.extend(end_of(*offset, data.len()).expect("checked when it was made"));
                }
            }
            FileOp::Extend { .. } | FileOp::Truncate { .. } => {
                if lottery.coin() {
                    self.apply(op);
                }
            }
        }
    }
}

/// `offset + len`, or an error where files end.
pub(super) fn end_of(offset: u64, len: usize) -> io::Result<u64> {
    u64::try_from(len)
        .ok()
        .and_then(|len| offset.checked_add(len))
        .ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}

/// A part of a range that lies in one page.
struct Piece {
    page: u64,
    /// First byte within the page.
    start: usize,
    /// First byte within the range.
    at: usize,
    len: usize,
}

fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut page = offset / PAGE_BYTES_U64;
    let mut start = usize::try_from(offset % PAGE_BYTES_U64).expect("less than a page");
    let mut at = 0;
    std::iter::from_fn(move || {
        if at == len {
            return None;
        }
        let piece = Piece {
            page,
            start,
            at,
            len: (PAGE_BYTES - start).min(len - at),
        };
        page += 1;
        start = 0;
        at += piece.len;
        Some(piece)
    })
}
