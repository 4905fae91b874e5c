//! What can go wrong with the number of shards and the capacity of a stream.

use serde::{Deserialize, Serialize};

use crate::names::StreamName;

/// Errors of UpdateShardCount, UpdateStreamMode, warm throughput. It travels between nodes: new variants go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ScalingError {
    /// TargetShardCount outside half to double of the open shards, or beyond what a stream may have.
    #[error(
        "target {target} for stream {stream} with {current} shards, {least} to {greatest} are allowed"
    )]
    TargetOutOfRange {
        /// The stream.
        stream: StreamName,
        /// Shards asked for.
        target: u32,
        /// Open shards now.
        current: u32,
        /// Least target.
        least: u32,
        /// Greatest target.
        greatest: u32,
    },
    /// More of an operation in 24 hours than allowed.
    #[error("more than {limit} {operation} of stream {stream} in 24 hours")]
    PerDay {
        /// Name of the operation.
        operation: String,
        /// The stream.
        stream: StreamName,
        /// Times allowed in 24 hours.
        limit: u32,
    },
    /// Warm throughput of a provisioned stream.
    #[error("stream {stream} is not on-demand")]
    OnDemandOnly {
        /// Name of the operation.
        operation: String,
        /// The stream.
        stream: StreamName,
    },
    /// Warm throughput without the account's commitment.
    #[error("warm throughput needs the account's minimum throughput billing commitment")]
    CommitmentNeeded,
    /// Warm throughput beyond what a stream can have.
    #[error("a warm throughput of {mibps} MiB/s is asked for, {limit} are allowed")]
    WarmThroughputTooHigh {
        /// MiB/s asked for.
        mibps: u32,
        /// Greatest value allowed.
        limit: u32,
    },
    /// UpdateStreamMode with a warm throughput that does not switch the stream to on-demand.
    #[error(
        "warm throughput is given with a change of mode that does not make stream {stream} on-demand"
    )]
    WarmThroughputNotTaken {
        /// The stream.
        stream: StreamName,
    },
}
