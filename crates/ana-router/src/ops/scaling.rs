//! The number of shards and the capacity of a stream.

use ana_types::{StreamMode, StreamName};

use super::StreamRef;

/// Brings a provisioned stream to another number of equal shards.
#[derive(Debug, Clone, Default)]
pub struct UpdateShardCount {
    /// Which one.
    pub stream: StreamRef,
    /// Shards wanted.
    pub target: u32,
}

/// What UpdateShardCount tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardCountChange {
    /// Name.
    pub name: StreamName,
    /// Full ARN.
    pub arn: String,
    /// Open shards before.
    pub current: u32,
    /// Open shards in the end.
    pub target: u32,
}

/// Changes who decides about the number of shards.
#[derive(Debug, Clone)]
pub struct UpdateStreamMode {
    /// Which one.
    pub stream: StreamRef,
    /// The mode wanted.
    pub mode: StreamMode,
    /// Warm throughput from then on, MiB/s; only for a switch to on-demand.
    pub warm_throughput_mibps: Option<u32>,
}

/// Gives an on-demand stream capacity before its load asks for it.
#[derive(Debug, Clone, Default)]
pub struct UpdateWarmThroughput {
    /// Which one.
    pub stream: StreamRef,
    /// MiB/s; 0 takes it away.
    pub mibps: u32,
}

/// What UpdateStreamWarmThroughput tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmThroughputChange {
    /// Name.
    pub name: StreamName,
    /// Full ARN.
    pub arn: String,
    /// MiB/s asked for.
    pub target_mibps: u32,
    /// MiB/s there are.
    pub current_mibps: u32,
}

/// Warm throughput of a stream that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmThroughput {
    /// MiB/s asked for.
    pub target_mibps: u32,
    /// MiB/s there are.
    pub current_mibps: u32,
}
