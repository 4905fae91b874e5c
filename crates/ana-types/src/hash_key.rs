//! Hash keys and ranges of them: how a record finds its shard.
//!
//! Must stay true: the open shards of a stream tile `0..=2^128-1` without gap or overlap. Ranges here are
//! inclusive at both ends, as on the wire, so the full range is representable in 128 bits.

use std::fmt;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// A point of the 128-bit hash space.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct HashKey(pub u128);

impl HashKey {
    /// The smallest key.
    pub const MIN: HashKey = HashKey(0);
    /// The greatest key, 340282366920938463463374607431768211455.
    pub const MAX: HashKey = HashKey(u128::MAX);

    /// The key of a partition key: MD5 of its UTF-8 bytes, read as a big-endian integer.
    pub fn of_partition_key(partition_key: &str) -> HashKey {
        HashKey(u128::from_be_bytes(
            Md5::digest(partition_key.as_bytes()).into(),
        ))
    }

    /// Reads the wire's form: decimal digits, no sign, no leading zero, at most `2^128 - 1`.
    pub fn parse_decimal(text: &str) -> Option<HashKey> {
        let canonical = text == "0" || !text.starts_with('0');
        if text.is_empty() || !canonical || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        text.parse().ok().map(HashKey)
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The keys from `start` to `end`, both included. `start <= end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HashRange {
    /// First key of the range.
    pub start: HashKey,
    /// Last key of the range.
    pub end: HashKey,
}

impl HashRange {
    /// Every key.
    pub const FULL: HashRange = HashRange {
        start: HashKey::MIN,
        end: HashKey::MAX,
    };

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: HashKey) -> bool {
        self.start <= key && key <= self.end
    }

    /// The full range cut into `count` parts as CreateStream does: width `floor(2^128 / count)`, the last
    /// part takes the rest.
    ///
    /// # Panics
    /// If `count` is 0.
    pub fn split_even(count: u32) -> Vec<HashRange> {
        assert!(count > 0, "a stream has at least one shard");
        if count == 1 {
            return vec![HashRange::FULL];
        }
        // floor(2^128 / n) without 2^128 itself, which does not fit.
        let parts = u128::from(count);
        let carry = u128::from(u128::MAX % parts == parts - 1);
        let width = u128::MAX / parts + carry;
        (0..parts)
            .map(|i| HashRange {
                start: HashKey(i * width),
                end: if i + 1 == parts {
                    HashKey::MAX
                } else {
                    HashKey((i + 1) * width - 1)
                },
            })
            .collect()
    }

    /// Whether SplitShard accepts `new_start`: greater than `start + 1` and less than `end`.
    pub fn may_split_at(&self, new_start: HashKey) -> bool {
        new_start
            .0
            .checked_sub(1)
            .is_some_and(|below| below > self.start.0)
            && new_start < self.end
    }

    /// The two halves `[start, new_start - 1]` and `[new_start, end]`, or `None` where SplitShard refuses.
    pub fn split_at(&self, new_start: HashKey) -> Option<(HashRange, HashRange)> {
        self.may_split_at(new_start).then(|| {
            (
                HashRange {
                    start: self.start,
                    end: HashKey(new_start.0 - 1),
                },
                HashRange {
                    start: new_start,
                    end: self.end,
                },
            )
        })
    }

    /// Whether `next` starts right after this range ends. The order matters, as in MergeShards.
    pub fn is_followed_by(&self, next: &HashRange) -> bool {
        self.end.0.checked_add(1) == Some(next.start.0)
    }

    /// The union with the range that follows, or `None` if `next` does not follow.
    pub fn merge(&self, next: &HashRange) -> Option<HashRange> {
        self.is_followed_by(next).then_some(HashRange {
            start: self.start,
            end: next.end,
        })
    }
}
