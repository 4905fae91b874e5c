//! What is known of a stream and its shards: status, mode, shard life.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash_key::HashRange;
use crate::names::GroupId;
use crate::sequence::{Position, SequenceNumber};
use crate::shard::ShardIndex;

/// Where a stream is in its life. Prints as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StreamStatus {
    /// Created, its shards are not ready.
    Creating,
    /// In service.
    Active,
    /// In service while a control operation is under way.
    Updating,
    /// On its way out.
    Deleting,
}

impl StreamStatus {
    /// The wire's word.
    pub fn as_str(self) -> &'static str {
        match self {
            StreamStatus::Creating => "CREATING",
            StreamStatus::Active => "ACTIVE",
            StreamStatus::Updating => "UPDATING",
            StreamStatus::Deleting => "DELETING",
        }
    }
}

impl fmt::Display for StreamStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How the number of shards is decided. Prints as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StreamMode {
    /// By the user.
    Provisioned,
    /// By the service.
    OnDemand,
}

impl StreamMode {
    /// The wire's word.
    pub fn as_str(self) -> &'static str {
        match self {
            StreamMode::Provisioned => "PROVISIONED",
            StreamMode::OnDemand => "ON_DEMAND",
        }
    }
}

impl fmt::Display for StreamMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One shard as the metadata machine knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardInfo {
    /// Its number in the stream.
    pub shard: ShardIndex,
    /// The shard it was split from, or the first of the two it was merged from.
    pub parent: Option<ShardIndex>,
    /// The second of the two it was merged from.
    pub adjacent_parent: Option<ShardIndex>,
    /// The hash keys it takes or took.
    pub range: HashRange,
    /// The group that stores it, for its whole life.
    pub group: GroupId,
    /// When it was opened, Unix milliseconds; what time filters compare with.
    pub created_ms: u64,
    /// The creation time inside its sequence numbers, Unix seconds. Later than the parents' own by at
    /// least one, so that a child's numbers are greater than its parents'.
    pub created_s: u64,
    /// `None` while the shard is open.
    pub closed: Option<ShardClosed>,
}

impl ShardInfo {
    /// Whether the shard takes records.
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// The first number of the shard's range; no record bears it.
    pub fn starting_sequence(&self) -> SequenceNumber {
        SequenceNumber::start_of_shard(self.created_s, self.shard)
    }
}

/// The end of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardClosed {
    /// When it was closed, Unix milliseconds.
    pub closed_ms: u64,
    /// The number listings show as its end; greater than that of every record in it.
    pub ending: SequenceNumber,
    /// The first position after its last record.
    pub end_position: Position,
}
