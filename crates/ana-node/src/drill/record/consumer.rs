//! How one of the runner's own consumers fared.

use serde::{Deserialize, Serialize};

/// One consumer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerRow {
    /// `polling-1`, `fan-out-1`.
    pub name: String,
    /// Records it was given.
    pub records: u64,
    /// Records it was given twice.
    pub duplicates: u64,
    /// Records it was not given although later ones of their shard were.
    pub skipped: u64,
    /// Times it got a new iterator, or subscribed anew, because the old one was refused or ended.
    pub renewed: u64,
    /// Times without a good answer that were a second longer than its usual pause, the longest first.
    pub gaps: Vec<PollGap>,
    /// The furthest it was behind the newest record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_max_ms: Option<u64>,
    /// How long after the healing it had caught up; absent when it did not, or was never behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up_after_ms: Option<u64>,
}

/// A time without a good answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollGap {
    /// The shard.
    pub shard: String,
    /// When it began.
    pub at_ms: i64,
    /// How long it was.
    pub length_ms: u64,
}
