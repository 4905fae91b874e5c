//! What a data group is told and what it answers.
//!
//! Commands and outcomes travel in log entries and between nodes (postcard): variants and fields
//! are part of the format, so new ones are added at the end.

use ana_types::{HashRange, Position, SequenceNumber, ShardIndex};
use serde::{Deserialize, Serialize};

/// The header of one sub-batch of a data entry: the records of one shard that lie together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendHeader {
    /// The shard the records are for. At most one header of an entry names a shard.
    pub shard: ShardIndex,
    /// How many records; 1 ..= [`ana_types::MAX_RECORDS_PER_SUB_BATCH`].
    pub count: u32,
    /// Length of the sub-batch body.
    pub bytes: u32,
    /// When the leader took the records, in milliseconds since the epoch; never goes back in a
    /// group.
    pub time_ms: u64,
}

/// What became of one sub-batch. Only `Accepted` may be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppendOutcome {
    /// The records are part of the shard.
    Accepted {
        /// The shard.
        shard: ShardIndex,
        /// Position of the first record; the others follow with ordinals one apart.
        first: Position,
        /// Creation second of the shard, as sequence numbers carry it.
        created_s: u64,
        /// Arrival time of all records of the sub-batch, in milliseconds.
        time_ms: u64,
    },
    /// The shard is closed: the records belong to its children now.
    Closed {
        /// The shard.
        shard: ShardIndex,
    },
    /// The group has no such shard: not opened yet, or expired.
    Unknown {
        /// The shard.
        shard: ShardIndex,
    },
    /// The entry breaks a rule of the batcher. No client causes this.
    Refused {
        /// The shard.
        shard: ShardIndex,
        /// Which rule.
        why: AppendRefusal,
    },
}

/// A rule of data entries that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AppendRefusal {
    /// Two headers of the entry name the same shard; neither counts.
    #[error("two sub-batches of one entry are for the same shard")]
    DuplicateShard,
    /// A sub-batch has no records, or more than a position has ordinals for.
    #[error("a sub-batch has no records or too many")]
    Count,
    /// The time is before that of an earlier record of the shard.
    #[error("the arrival time goes back")]
    TimeWentBack,
    /// The log index is not larger than those applied before.
    #[error("the log index was applied before")]
    StaleIndex,
}

/// A shard to open, as the metadata decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardSpec {
    /// Its index in the stream.
    pub shard: ShardIndex,
    /// Its hash keys.
    pub range: HashRange,
    /// Creation time for time filters, in milliseconds.
    pub created_ms: u64,
    /// Creation second for sequence numbers.
    pub created_s: u64,
}

/// A shard that follows others. Its creation time comes from their closing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildSpec {
    /// Its index in the stream.
    pub shard: ShardIndex,
    /// One parent after a split; two after a merge, the shard that was merged first.
    pub parents: Vec<ShardIndex>,
    /// Its hash keys.
    pub range: HashRange,
}

/// Where and when a shard ended. The answer to a closing, and what a reader learns at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedAt {
    /// The shard.
    pub shard: ShardIndex,
    /// Log index of the closing command.
    pub index: u64,
    /// Time of closing in milliseconds; not before the last arrival.
    pub time_ms: u64,
    /// Every record of the shard lies strictly before this position.
    pub end: Position,
    /// The ending sequence number, larger than that of every record of the shard.
    pub ending: SequenceNumber,
    /// The shards that go on from here.
    pub children: Vec<ChildSpec>,
}

/// What a data group is told to do with its shards. All are idempotent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShardCommand {
    /// Open shards: of a new stream, or children whose parents are closed in another group.
    Open {
        /// The shards.
        shards: Vec<ShardSpec>,
    },
    /// Close shards whose children are opened by a later command or in another group.
    Close {
        /// The parents in this group.
        shards: Vec<ShardIndex>,
        /// Time of closing in milliseconds; raised to the last arrival where that is later.
        time_ms: u64,
        /// All children of the reshard, for readers at the end of a parent.
        children: Vec<ChildSpec>,
    },
    /// Close the parents and open the children in one entry: both are of this group.
    CloseAndOpen {
        /// All parents of the reshard.
        shards: Vec<ShardIndex>,
        /// Time of closing in milliseconds; raised to the last arrival where that is later.
        time_ms: u64,
        /// All children of the reshard. They are created as [`child_created`] says.
        children: Vec<ChildSpec>,
    },
    /// Forget closed shards whose records are all past retention. Open ones stay.
    Expire {
        /// The shards; unknown ones are passed over.
        shards: Vec<ShardIndex>,
    },
}

/// The answer to a [`ShardCommand`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShardOutcome {
    /// To `Open`: the shards are open, or were once.
    Opened,
    /// To `Close` and `CloseAndOpen`: the closing of each shard named, in that order. A shard that
    /// was closed before answers with its first closing.
    Closed(Vec<ClosedAt>),
    /// To `Expire`.
    Expired,
    /// Nothing was changed.
    Refused {
        /// The reason.
        why: ShardRefusal,
    },
}

/// Why a [`ShardCommand`] changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ShardRefusal {
    /// A shard to close was never opened here, or has expired.
    #[error("{0} is not in this group")]
    Unknown(ShardIndex),
    /// A shard to open exists with other facts.
    #[error("{0} exists and differs")]
    Conflict(ShardIndex),
    /// A shard to open was here and has expired.
    #[error("{0} has expired here")]
    Expired(ShardIndex),
    /// A shard to open shares hash keys with an open one.
    #[error("{0} overlaps an open shard")]
    Overlap(ShardIndex),
    /// The same shard is named twice.
    #[error("{0} is named twice")]
    Repeated(ShardIndex),
    /// No shard is named.
    #[error("no shard is named")]
    Empty,
    /// More shards would be open than a group may hold.
    #[error("the group would hold too many open shards")]
    Full,
    /// The log index is not larger than those applied before.
    #[error("the log index was applied before")]
    StaleIndex,
}

/// When children are created whose parents were closed: (milliseconds, second in their sequence
/// numbers). The metadata and the data group use this one rule, so they agree.
///
/// The second is larger than that of every parent, so every number of a child is larger than every
/// number of its parents, the ending ones included.
///
/// `parents` gives (creation second, time of closing in milliseconds) of each.
#[must_use]
pub fn child_created(parents: impl IntoIterator<Item = (u64, u64)>) -> (u64, u64) {
    parents.into_iter().fold(
        (0, 0),
        |(created_ms, created_s), (parent_created_s, closed_ms)| {
            (
                created_ms.max(closed_ms),
                created_s.max(closed_ms / 1000).max(parent_created_s + 1),
            )
        },
    )
}
