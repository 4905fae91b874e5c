//! What the runner's own load wrote, and what reading everything back showed.

use serde::{Deserialize, Serialize};

/// Counts of the runner's load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadCounts {
    /// The stream.
    pub stream: String,
    /// Whether the run created it.
    pub stream_created: bool,
    /// Records acknowledged.
    pub acked: u64,
    /// Records given up without an acknowledgement. They may be there or not.
    pub unacked: u64,
    /// Record attempts that ended without a clear answer, and were repeated.
    pub retried: u64,
    /// Record attempts that were throttled.
    pub throttled: u64,
    /// What reading everything back showed; absent when it did not come to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<LoadAudit>,
}

/// What reading everything back showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadAudit {
    /// Records of the run that were read, copies included.
    pub read: u64,
    /// Acknowledged records that are not there.
    pub lost: u64,
    /// Copies that a repeated attempt of the client explains.
    pub duplicated_by_retries: u64,
    /// Copies that nothing explains.
    pub duplicated_unexplained: u64,
    /// Sequence numbers that were given twice, or that do not rise within a shard.
    pub sequences_reused: u64,
    /// Keys with at least two acknowledged records: order says something about them alone.
    pub keys: u64,
    /// Those of them whose records stand in the order in which they were put.
    pub keys_in_order: u64,
}

/// Replicas that were compared, byte by byte of their logs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Replicas that were compared.
    pub replicas: u64,
    /// Those of them that hold the same as the others of their group.
    pub identical: u64,
    /// Groups that were compared.
    pub groups: u64,
    /// Entries that each group's comparison covered, together.
    pub entries: u64,
}
