//! Where things lie in one segment: by log index, by key, by time.
//!
//! The index of the active segment grows in memory; at the seal it is written as the footer of the
//! segment, and from then on only its summary stays in memory (it is also kept, durable, in the
//! header of the following segment) and the rest is read when it is needed.
//!
//! Must stay true: `slots` are consecutive from `first`; the ranges of a key are in order of index.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::codec::{Put, Take, narrow};
use crate::frame::{put_mark, take_mark};
use crate::{EntryId, Mark};

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Position of its frame in the segment.
    pub(crate) at: u32,
    /// Bytes of its frame.
    pub(crate) len: u32,
    pub(crate) term: u64,
    pub(crate) node: u64,
}

/// One range of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeySlot {
    /// Index of the entry.
    pub(crate) index: u64,
    /// Position of the range (not of the frame) in the segment.
    pub(crate) at: u32,
    /// Checksum of the range.
    pub(crate) sum: u32,
    pub(crate) mark: Mark,
}

/// Bytes of a slot, and of a range of a key, in a footer.
const SLOT_BYTES: u64 = 24;
const KEY_SLOT_BYTES: u64 = 40;
const FOOTER_FIXED_BYTES: u64 = 24;

/// The index of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentIndex {
    /// Index of the first slot; where the next entry goes if there is none.
    pub(crate) first: u64,
    pub(crate) slots: Vec<Slot>,
    pub(crate) keys: BTreeMap<u32, Vec<KeySlot>>,
    /// Of earlier segments only entries below this index live on: this one truncated the rest.
    pub(crate) cut_before: u64,
    /// Largest time stamp, milliseconds; 0 without marks. Not lowered by a truncation.
    pub(crate) max_time_ms: u64,
}

impl SegmentIndex {
    pub(crate) fn new(first: u64) -> Self {
        Self {
            first,
            slots: Vec::new(),
            keys: BTreeMap::new(),
            cut_before: u64::MAX,
            max_time_ms: 0,
        }
    }

    /// Index behind the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    pub(crate) fn slot(&self, index: u64) -> Option<&Slot> {
        let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.slots.get(place)
    }

    pub(crate) fn id(&self, index: u64) -> Option<EntryId> {
        self.slot(index).map(|slot| EntryId {
            term: slot.term,
            node: slot.node,
            index,
        })
    }

    /// Notes the entry that follows; `body_at` is the position of its payload.
    pub(crate) fn push(
        &mut self,
        id: EntryId,
        (at, len): (u32, u32),
        body_at: u32,
        marks: impl IntoIterator<Item = (Mark, u32)>,
    ) {
        if self.slots.is_empty() {
            self.first = id.index;
        }
        assert_eq!(id.index, self.end(), "entries of a segment are consecutive");
        self.slots.push(Slot {
            at,
            len,
            term: id.term,
            node: id.node,
        });
        for (mark, sum) in marks {
            self.max_time_ms = self.max_time_ms.max(mark.time_ms);
            self.keys.entry(mark.key).or_default().push(KeySlot {
                index: id.index,
                at: body_at + mark.offset,
                sum,
                mark,
            });
        }
    }

    /// Forgets entries from `end` on, here and in the segments before.
    pub(crate) fn truncate(&mut self, end: u64) {
        if end < self.first || self.slots.is_empty() {
            self.cut_before = self.cut_before.min(end);
        }
        let kept = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.slots.truncate(kept);
        if self.slots.is_empty() {
            self.first = self.first.min(end);
        }
        for slots in self.keys.values_mut() {
            let kept = slots.partition_point(|slot| slot.index < end);
            slots.truncate(kept);
        }
        self.keys.retain(|_, slots| !slots.is_empty());
    }

    /// Entries up to `index` are purged. Only when that leaves nothing are they forgotten here:
    /// the next entry may then stand at a distance.
    pub(crate) fn purge(&mut self, index: u64) {
        if index.saturating_add(1) >= self.end() {
            self.slots.clear();
            self.keys.clear();
            self.first = index + 1;
        }
    }

    /// Ranges of `key` in entries `from..end`.
    pub(crate) fn key_slots(&self, key: u32, from: u64, end: u64) -> &[KeySlot] {
        let slots = self.keys.get(&key).map_or(&[][..], Vec::as_slice);
        let start = slots.partition_point(|slot| slot.index < from);
        let stop = slots.partition_point(|slot| slot.index < end);
        slots.get(start..stop).unwrap_or(&[])
    }

    /// Bytes of the footer this index would make, payload only, if it also held `more_slots`
    /// entries with `more_ranges` ranges.
    pub(crate) fn footer_bytes(&self, more_slots: usize, more_ranges: usize) -> u64 {
        let ranges: usize = self.keys.values().map(Vec::len).sum();
        FOOTER_FIXED_BYTES
            + SLOT_BYTES * (self.slots.len() + more_slots) as u64
            + KEY_SLOT_BYTES * (ranges + more_ranges) as u64
    }

    pub(crate) fn encode(&self) -> Bytes {
        let ranges: usize = self.keys.values().map(Vec::len).sum();
        let mut out = Vec::with_capacity(usize::try_from(self.footer_bytes(0, 0)).unwrap_or(0));
        out.put_64(self.first);
        out.put_64(self.cut_before);
        out.put_32(narrow(self.slots.len()));
        out.put_32(narrow(ranges));
        for slot in &self.slots {
            out.put_32(slot.at);
            out.put_32(slot.len);
            out.put_64(slot.term);
            out.put_64(slot.node);
        }
        for slot in self.keys.values().flatten() {
            out.put_64(slot.index);
            out.put_32(slot.at);
            put_mark(&mut out, &slot.mark, slot.sum);
        }
        out.into()
    }

    /// `None` if the bytes are not an index.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Take(bytes);
        let mut index = Self::new(fields.u64()?);
        index.cut_before = fields.u64()?;
        let slots = fields.u32()?;
        let ranges = fields.u32()?;
        for _ in 0..slots {
            index.slots.push(Slot {
                at: fields.u32()?,
                len: fields.u32()?,
                term: fields.u64()?,
                node: fields.u64()?,
            });
        }
        for _ in 0..ranges {
            let (place, at) = (fields.u64()?, fields.u32()?);
            let (mark, sum) = take_mark(&mut fields)?;
            let range = KeySlot {
                index: place,
                at,
                sum,
                mark,
            };
            index.max_time_ms = index.max_time_ms.max(mark.time_ms);
            index.keys.entry(mark.key).or_default().push(range);
        }
        let in_order = |slots: &Vec<KeySlot>| slots.is_sorted_by_key(|slot| slot.index);
        (fields.is_empty() && index.keys.values().all(in_order)).then_some(index)
    }

    /// About how much memory it takes, bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let ranges: usize = self.keys.values().map(Vec::len).sum();
        self.slots.len() * size_of::<Slot>() + ranges * size_of::<KeySlot>() + 256
    }

    pub(crate) fn key_summaries(&self) -> Vec<KeySummary> {
        let summary = |(key, slots): (&u32, &Vec<KeySlot>)| {
            Some(KeySummary {
                key: *key,
                first: slots.first()?.index,
                last: slots.last()?.index,
                max_time_ms: slots.iter().map(|slot| slot.mark.time_ms).max()?,
            })
        };
        self.keys.iter().filter_map(summary).collect()
    }
}

/// What is known of a key in a sealed segment without reading its footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeySummary {
    pub(crate) key: u32,
    /// Entries with its first and last range, as of the seal: a later truncation is not seen here.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) max_time_ms: u64,
}

/// What is known of a sealed segment without reading its footer. Everything as of the seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) first: u64,
    /// Index behind the last entry.
    pub(crate) end: u64,
    pub(crate) cut_before: u64,
    pub(crate) footer_at: u32,
    pub(crate) footer_len: u32,
    pub(crate) max_time_ms: u64,
    /// In order of key.
    pub(crate) keys: Vec<KeySummary>,
}

impl Summary {
    pub(crate) fn of(index: &SegmentIndex, footer_at: u32, footer_len: u32) -> Self {
        Self {
            first: index.first,
            end: index.end(),
            cut_before: index.cut_before,
            footer_at,
            footer_len,
            max_time_ms: index.max_time_ms,
            keys: index.key_summaries(),
        }
    }

    pub(crate) fn key(&self, key: u32) -> Option<&KeySummary> {
        let place = self.keys.binary_search_by_key(&key, |summary| summary.key);
        place.ok().and_then(|place| self.keys.get(place))
    }

    /// Bytes used in the segment.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.footer_at) + u64::from(self.footer_len)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_64(self.first);
        out.put_64(self.end);
        out.put_64(self.cut_before);
        out.put_32(self.footer_at);
        out.put_32(self.footer_len);
        out.put_64(self.max_time_ms);
        out.put_32(narrow(self.keys.len()));
        for key in &self.keys {
            out.put_32(key.key);
            out.put_64(key.first);
            out.put_64(key.last);
            out.put_64(key.max_time_ms);
        }
    }

    pub(crate) fn decode(fields: &mut Take<'_>) -> Option<Self> {
        let mut summary = Self {
            first: fields.u64()?,
            end: fields.u64()?,
            cut_before: fields.u64()?,
            footer_at: fields.u32()?,
            footer_len: fields.u32()?,
            max_time_ms: fields.u64()?,
            keys: Vec::new(),
        };
        for _ in 0..fields.u32()? {
            summary.keys.push(KeySummary {
                key: fields.u32()?,
                first: fields.u64()?,
                last: fields.u64()?,
                max_time_ms: fields.u64()?,
            });
        }
        Some(summary)
    }
}

#[cfg(test)]
mod index_test;
