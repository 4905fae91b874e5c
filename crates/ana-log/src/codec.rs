//! Little-endian fields: the alphabet of every byte this crate puts on disk.

use crate::EntryId;

/// Appends fields to a buffer.
pub(crate) trait Put {
    fn put_raw(&mut self, bytes: &[u8]);

    fn put_8(&mut self, value: u8) {
        self.put_raw(&[value]);
    }
    fn put_32(&mut self, value: u32) {
        self.put_raw(&value.to_le_bytes());
    }
    fn put_64(&mut self, value: u64) {
        self.put_raw(&value.to_le_bytes());
    }
    fn put_id(&mut self, id: EntryId) {
        self.put_64(id.term);
        self.put_64(id.node);
        self.put_64(id.index);
    }
    fn put_maybe_id(&mut self, id: Option<EntryId>) {
        self.put_8(u8::from(id.is_some()));
        if let Some(id) = id {
            self.put_id(id);
        }
    }
}

impl Put for Vec<u8> {
    fn put_raw(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Put for bytes::BytesMut {
    fn put_raw(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Takes fields from a buffer; `None` once it is too short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    pub(crate) fn raw(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.raw(N)?.try_into().ok()
    }
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    pub(crate) fn id(&mut self) -> Option<EntryId> {
        Some(EntryId {
            term: self.u64()?,
            node: self.u64()?,
            index: self.u64()?,
        })
    }
    /// An id that may be absent; the outer `None` means too short or malformed.
    #[expect(clippy::option_option, reason = "absent and malformed are different")]
    pub(crate) fn maybe_id(&mut self) -> Option<Option<EntryId>> {
        match self.u8()? {
            0 => Some(None),
            1 => self.id().map(Some),
            _ => None,
        }
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A length that the format stores in 32 bits; checked where it entered the log.
pub(crate) fn narrow(value: usize) -> u32 {
    u32::try_from(value).expect("lengths are checked against the format when they enter the log")
}

/// A position inside a segment, which is never as large as 4 GiB.
pub(crate) fn narrow_at(at: u64) -> u32 {
    u32::try_from(at).expect("segments are smaller than 4 GiB")
}

/// `value` rounded up to a multiple of `unit`.
pub(crate) fn round_up(value: u64, unit: u64) -> u64 {
    value.div_ceil(unit) * unit
}
