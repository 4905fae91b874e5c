//! Sequence numbers: the 186-bit numbers that order records, and the positions inside them.
//!
//! Layout of version 2, in hex digits, most significant first (47 digits, 56 decimal digits):
//! ```text
//! 2 ccccccccc n pppppppppppppppp 00 ttttttttt ssssssss 2
//! | created_s | position         |  time_s    shard    version
//! |           low hex digit of   always 0
//! constant    the shard index
//! ```
//! Must stay true:
//! - Within a shard numbers grow strictly, because the position does.
//! - A child's numbers are greater than its parents', because its `created_s` is.
//! - [`SequenceNumber`] orders as the printed numbers do, so comparing needs no big integer.
//!
//! The only wide arithmetic needed is decimal to binary and back; three 64-bit limbs do that in thirty
//! lines (`wide.rs`), so no big-number crate is used.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::shard::ShardIndex;

mod wide;

use wide::Wide;

/// Records of one sub-batch are told apart by 16 bits of the position, so there are at most this many.
pub const MAX_RECORDS_PER_SUB_BATCH: u32 = 65_535;

/// Seconds must fit the 36-bit fields, and AWS refuses creation times from this second on.
const CREATED_S_END: u64 = 16_025_175_000;
const SECONDS_MAX: u64 = (1 << 36) - 1;
const ORDINAL_BITS: u32 = 16;
const LOG_INDEX_MAX: u64 = Position::END.0 >> ORDINAL_BITS;

/// Place of a record in its group's log: log index and ordinal within the entry, in 63 bits.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Position(pub u64);

impl Position {
    /// Before every record: log indices of records start at 1.
    pub const START: Position = Position(0);
    /// After every record; stands in the ending number of a closed shard.
    pub const END: Position = Position(0x7fff_ffff_ffff_ffff);

    /// The place of record `ordinal` of the entry at `log_index`.
    ///
    /// # Panics
    /// If `ordinal` needs more than 16 bits or `log_index` more than 47.
    pub fn new(log_index: u64, ordinal: u32) -> Position {
        assert!(
            ordinal <= MAX_RECORDS_PER_SUB_BATCH,
            "ordinal {ordinal} does not fit"
        );
        assert!(
            log_index <= LOG_INDEX_MAX,
            "log index {log_index} does not fit"
        );
        Position(log_index << ORDINAL_BITS | u64::from(ordinal))
    }

    /// The log index.
    pub fn log_index(self) -> u64 {
        self.0 >> ORDINAL_BITS
    }

    /// The ordinal within the entry.
    pub fn ordinal(self) -> u32 {
        u32::from(u16::from_be_bytes([
            self.0.to_be_bytes()[6],
            self.0.to_be_bytes()[7],
        ]))
    }

    /// The least position after this one. [`Position::END`] stays.
    #[must_use]
    pub fn next(self) -> Position {
        Position((self.0 + 1).min(Position::END.0))
    }
}

/// Why a text is not a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SequenceError {
    /// Not a decimal number, or outside every version's range.
    #[error("not a sequence number")]
    Unparsable,
    /// The creation time inside is beyond what AWS accepts.
    #[error("the creation time of the shard is too large")]
    CreatedTooLate,
    /// The counter inside needs 64 bits; only 63 are used.
    #[error("the sequence index is too high")]
    IndexTooHigh,
    /// The shard field is negative.
    #[error("the shard index is negative")]
    NegativeShard,
    /// The time inside lies after now.
    #[error("the time is in the future")]
    InFuture,
    /// A number of version 0 where another is needed. AWS answers 500 to these in GetShardIterator.
    #[error("a sequence number of version 0")]
    OldVersion,
    /// A number of another version.
    #[error("a sequence number of version {version}")]
    OtherVersion {
        /// The last hex digit.
        version: u8,
    },
}

/// A sequence number of version 2, taken apart.
///
/// Fields are in range (36-bit seconds, 63-bit position, 31-bit shard) when it comes from this module;
/// printing asserts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SequenceNumber {
    /// When the shard was created, Unix seconds.
    pub created_s: u64,
    /// The shard.
    pub shard: ShardIndex,
    /// Where the record is.
    pub position: Position,
    /// When the record arrived, Unix seconds.
    pub time_s: u64,
}

impl SequenceNumber {
    /// The first number of a shard: position 0, time = creation. No record bears it.
    pub fn start_of_shard(created_s: u64, shard: ShardIndex) -> SequenceNumber {
        SequenceNumber {
            created_s,
            shard,
            position: Position::START,
            time_s: created_s,
        }
    }

    /// The ending number of a shard closed at `closed_s`.
    pub fn end_of_shard(created_s: u64, shard: ShardIndex, closed_s: u64) -> SequenceNumber {
        SequenceNumber {
            created_s,
            shard,
            position: Position::END,
            time_s: closed_s,
        }
    }

    /// Reads a decimal number of version 2.
    ///
    /// The low shard digit and the zero byte of the layout carry nothing of their own and are not compared
    /// with what they should be (AWS does not either).
    pub fn parse(text: &str) -> Result<SequenceNumber, SequenceError> {
        SequenceNumber::parse_any(text)?.to_v2()
    }

    /// Reads a decimal number of any version AWS ever used.
    pub fn parse_any(text: &str) -> Result<AnySequence, SequenceError> {
        AnySequence::parse(text)
    }

    fn wide(&self) -> Wide {
        assert!(
            self.created_s <= SECONDS_MAX
                && self.time_s <= SECONDS_MAX
                && self.shard <= ShardIndex::MAX
                && self.position <= Position::END,
            "the fields of a sequence number are in range"
        );
        let mut value = Wide::default();
        value.put(184, 2);
        value.put(148, self.created_s);
        value.put(144, u64::from(self.shard.0 & 0xf));
        value.put(80, self.position.0);
        value.put(36, self.time_s);
        value.put(4, u64::from(self.shard.0));
        value.put(0, 2);
        value
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.wide().to_decimal().as_str())
    }
}

impl FromStr for SequenceNumber {
    type Err = SequenceError;

    fn from_str(text: &str) -> Result<SequenceNumber, SequenceError> {
        SequenceNumber::parse(text)
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &SequenceNumber) -> Ordering {
        // Field by field in the order of the layout: the same as comparing the numbers.
        let key =
            |s: &SequenceNumber| (s.created_s, s.shard.0 & 0xf, s.position, s.time_s, s.shard);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &SequenceNumber) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A sequence number of any version, as far as the checks of the API look into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnySequence {
    /// 0, 1 or 2.
    pub version: u8,
    /// When the shard was created, Unix seconds.
    pub created_s: u64,
    /// The shard field, signed as AWS reads it.
    pub shard: i32,
    /// When the record arrived, Unix seconds; version 0 has none.
    pub time_s: Option<u64>,
    /// The counter; version 2 only.
    pub position: Option<Position>,
}

impl AnySequence {
    fn parse(text: &str) -> Result<AnySequence, SequenceError> {
        let mut value = Wide::from_decimal(text).ok_or(SequenceError::Unparsable)?;
        let pow_124 = Wide::power_of_two(124);
        if value < pow_124 {
            value.put(124, 1);
        }
        if value < Wide::power_of_two(129) {
            return Ok(AnySequence {
                version: 0,
                created_s: value.get(88, 36),
                shard: i32::from(u16::try_from(value.get(0, 16)).expect("16 bits")),
                time_s: None,
                position: None,
            });
        }
        // 2^185 < value < 1.5 * 2^185, that is: the leading hex digit is 2.
        if value.get(184, 8) != 2 || value == Wide::power_of_two(185) {
            return Err(SequenceError::Unparsable);
        }
        let version = u8::try_from(value.get(0, 4)).expect("4 bits");
        let created_s = value.get(148, 36);
        let shard = u32::try_from(value.get(4, 32))
            .expect("32 bits")
            .cast_signed();
        let (time_s, position) = match version {
            1 => (value.get(100, 36), None),
            2 => (value.get(36, 36), Some(Position(value.get(80, 64)))),
            _ => return Err(SequenceError::OtherVersion { version }),
        };
        if created_s >= CREATED_S_END {
            return Err(SequenceError::CreatedTooLate);
        }
        if position.is_some_and(|p| p > Position::END) {
            return Err(SequenceError::IndexTooHigh);
        }
        Ok(AnySequence {
            version,
            created_s,
            shard,
            time_s: Some(time_s),
            position,
        })
    }

    /// The number as one of version 2.
    pub fn to_v2(self) -> Result<SequenceNumber, SequenceError> {
        let (Some(position), Some(time_s)) = (self.position, self.time_s) else {
            return Err(match self.version {
                0 => SequenceError::OldVersion,
                version => SequenceError::OtherVersion { version },
            });
        };
        let shard = u32::try_from(self.shard).map_err(|_negative| SequenceError::NegativeShard)?;
        Ok(SequenceNumber {
            created_s: self.created_s,
            shard: ShardIndex(shard),
            position,
            time_s,
        })
    }

    /// Reads a `SequenceNumberForOrdering` by the rules of PutRecord: version 1 or 2, of any shard or
    /// stream, not from the future. `now_ms` is Unix milliseconds.
    pub fn parse_for_ordering(text: &str, now_ms: u64) -> Result<AnySequence, SequenceError> {
        let sequence = AnySequence::parse(text)?;
        match sequence.time_s {
            None => Err(SequenceError::OldVersion),
            Some(time_s) if time_s.saturating_mul(1000) > now_ms => Err(SequenceError::InFuture),
            Some(_) => Ok(sequence),
        }
    }
}

#[cfg(test)]
mod sequence_test;
