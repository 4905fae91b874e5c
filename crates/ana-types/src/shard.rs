//! Shard ids: `shardId-000000000000` on the wire, a small number inside.
//!
//! Indices are handed out in order within a stream and never reused there.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a shard within its stream, `0..=2147483647`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ShardIndex(pub u32);

impl ShardIndex {
    /// The greatest index the 32-bit signed field of a sequence number can hold.
    pub const MAX: ShardIndex = ShardIndex(0x7fff_ffff);

    /// Reads a shard id as tolerantly as AWS: the text after the first `-`, or the whole text if there is
    /// none, as a decimal integer; the prefix is ignored. `None` if that is no integer or greater than
    /// [`ShardIndex::MAX`].
    pub fn parse_lenient(text: &str) -> Option<ShardIndex> {
        let digits = text.split_once('-').map_or(text, |(_, after)| after);
        // `u32::from_str` alone would accept a leading `+`.
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let index = digits.trim_start_matches('0');
        let index = if index.is_empty() && !digits.is_empty() {
            "0"
        } else {
            index
        };
        index
            .parse()
            .ok()
            .map(ShardIndex)
            .filter(|i| *i <= ShardIndex::MAX)
    }

    /// The next index of the stream, or `None` when all are used up.
    pub fn next(self) -> Option<ShardIndex> {
        (self < ShardIndex::MAX).then_some(ShardIndex(self.0.wrapping_add(1)))
    }

    /// The id AWS prints for the signed shard field of a sequence number, also for negative ones
    /// (`shardId--02147483648`).
    pub fn text_of_signed(field: i32) -> String {
        format!("shardId-{field:012}")
    }
}

impl fmt::Display for ShardIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As `{:012}` would, but without a call for each zero: one is printed for every record that was put.
        let mut text = *b"shardId-000000000000";
        let mut number = itoa::Buffer::new();
        let number = number.format(self.0).as_bytes();
        let begin = text.len() - number.len();
        text[begin..].copy_from_slice(number);
        f.write_str(str::from_utf8(&text).expect("ASCII"))
    }
}
