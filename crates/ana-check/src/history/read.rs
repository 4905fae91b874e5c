//! What was read: chains of one reader and shard, and the last read of everything.

use super::{At, Client, Producer, Shard, Value};
use crate::sequence::Sequence;

/// A record as it was read. 40 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seen {
    sequence: Sequence,
    value: Value,
    /// Arrival time in the upper 48 bits, the part in the lower 16.
    arrival_and_part: u64,
}

const NOBODY: Value = Value::new(Producer(u32::MAX), u32::MAX);
const PART_BITS: u32 = 16;
const PART_MASK: u64 = (1 << PART_BITS) - 1;

impl Seen {
    /// A record. `value` is `None` when its data is not what any producer of this history makes; `arrival_ms` is
    /// `ApproximateArrivalTimestamp`, 0 when the answer had none.
    pub fn new(sequence: Sequence, value: Option<Value>, arrival_ms: u64) -> Seen {
        Seen {
            sequence,
            value: value.unwrap_or(NOBODY),
            arrival_and_part: arrival_ms << PART_BITS,
        }
    }

    /// It is this part of an aggregated record, counted from 0: all parts have one sequence number.
    #[must_use]
    pub fn part(mut self, part: u16) -> Seen {
        self.arrival_and_part = (self.arrival_and_part & !PART_MASK) | u64::from(part);
        self
    }

    /// Its sequence number.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Its value; `None` if nobody's.
    pub fn value(&self) -> Option<Value> {
        (self.value != NOBODY).then_some(self.value)
    }

    /// When it arrived, Unix milliseconds.
    pub fn arrival_ms(&self) -> u64 {
        self.arrival_and_part >> PART_BITS
    }

    /// Its place in a shard: sequence number, and part.
    pub fn place(&self) -> (Sequence, u64) {
        (self.sequence, self.arrival_and_part & PART_MASK)
    }
}

/// Where a chain begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// TRIM_HORIZON.
    TrimHorizon,
    /// LATEST.
    Latest,
    /// AT_TIMESTAMP, Unix milliseconds.
    AtTimestamp(u64),
    /// AT_SEQUENCE_NUMBER.
    At(Sequence),
    /// AFTER_SEQUENCE_NUMBER.
    After(Sequence),
}

/// How a chain's records came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// GetRecords.
    Polled,
    /// One session of SubscribeToShard of this consumer (numbered by whoever writes the history).
    Pushed {
        /// The registered consumer.
        consumer: u32,
    },
}

/// One answer of GetRecords, or one event of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// When it was asked for; of an event: when it came.
    pub asked: At,
    /// When it came.
    pub answered_us: u64,
    /// MillisBehindLatest, if it was told.
    pub behind_ms: Option<u64>,
    /// An event's ContinuationSequenceNumber.
    pub continuation: Option<Sequence>,
    /// The shard's end: no further iterator, or child shards.
    pub is_end: bool,
}

impl Batch {
    /// When it came.
    pub(crate) fn answered(&self) -> At {
        let took_ms = self.answered_us.saturating_sub(self.asked.us) / 1000;
        let wall_ms = self.asked.wall_ms.saturating_add(took_ms);
        At::new(self.answered_us, wall_ms)
    }
}

/// A chain that a history holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainId(pub(super) usize);

/// One reader's records of one shard in the order in which they came.
///
/// A chain may go on over a new iterator if that begins after (or at) the last record it had, or, while it has none, at
/// the trim horizon; any other new iterator is a new chain. Each session of SubscribeToShard is a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub(crate) shard: Shard,
    pub(crate) client: Client,
    pub(crate) start: Start,
    pub(crate) way: Way,
    pub(crate) began: At,
    pub(crate) seen: Vec<Seen>,
    /// Each with how many records of `seen` there were before it.
    pub(crate) batches: Vec<(usize, Batch)>,
}

impl Chain {
    /// A chain whose iterator (or subscription) is asked for at `began`.
    pub fn new(shard: Shard, client: Client, start: Start, way: Way, began: At) -> Chain {
        Chain {
            shard,
            client,
            start,
            way,
            began,
            seen: Vec::new(),
            batches: Vec::new(),
        }
    }

    /// An answer and its records.
    pub fn answered(&mut self, batch: Batch, records: impl IntoIterator<Item = Seen>) {
        self.batches.push((self.seen.len(), batch));
        self.seen.extend(records);
    }

    /// Its records so far.
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// Its answers so far.
    pub fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter().map(|(_, batch)| batch)
    }
}

/// The last read of one shard, from the trim horizon.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FinalRead {
    pub(crate) seen: Vec<Seen>,
    pub(crate) began: At,
    pub(crate) ended: Option<At>,
    pub(crate) is_complete: bool,
}

impl FinalRead {
    /// When it began: what expired before may be gone.
    pub fn begin(&mut self, began: At) {
        self.began = began;
    }

    /// When it ended, if it took long: what expired until then may be gone.
    pub fn end(&mut self, ended: At) {
        self.ended = Some(ended);
    }

    /// Records, in the order in which they came.
    pub fn extend(&mut self, records: impl IntoIterator<Item = Seen>) {
        self.seen.extend(records);
    }

    /// It came to the shard's end or tip: what it does not have, the shard does not have.
    pub fn complete(&mut self) {
        self.is_complete = true;
    }

    /// Its records.
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// Whether it came to the end.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// An iterator that was used, and whether it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IteratorUse {
    /// The shard it was made for.
    pub shard: Shard,
    /// When the answer that held it came.
    pub issued_us: u64,
    /// When it was used.
    pub used_us: u64,
    /// When that was answered.
    pub answered_us: u64,
    /// Whether records were served; `false` for ExpiredIteratorException.
    pub was_served: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_40_bytes_and_keeps_what_it_was_given() {
        assert!(size_of::<Seen>() <= 40, "{}", size_of::<Seen>());
        let value = Value::new(Producer(3), 9);
        let seen = Seen::new(Sequence::from(7), Some(value), 1_767_225_600_123).part(65_535);
        assert_eq!(seen.value(), Some(value));
        assert_eq!(seen.arrival_ms(), 1_767_225_600_123);
        assert_eq!(seen.place(), (Sequence::from(7), 65_535));
        assert_eq!(Seen::new(Sequence::NONE, None, 0).value(), None);
    }
}
