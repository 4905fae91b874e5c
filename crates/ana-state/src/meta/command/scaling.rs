//! Commands about the number of shards and the capacity of streams.

use ana_types::{ShardIndex, StreamKey, StreamMode, StreamName};
use serde::{Deserialize, Serialize};

/// What is asked about capacity. New variants go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScalingCommand {
    /// UpdateShardCount.
    SetShardCount {
        /// The stream.
        stream: StreamName,
        /// Shards wanted.
        target: u32,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// UpdateStreamMode.
    SetMode {
        /// The stream.
        stream: StreamName,
        /// The mode wanted.
        mode: StreamMode,
        /// MiB/s, only for a switch to on-demand.
        warm_throughput_mibps: Option<u32>,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// UpdateStreamWarmThroughput.
    SetWarmThroughput {
        /// The stream.
        stream: StreamName,
        /// MiB/s; 0 takes it away.
        mibps: u32,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// From the scaler: an on-demand stream splits a shard in its middle of its own accord. Does
    /// nothing when the stream is not one that may.
    SplitOwn {
        /// The stream.
        key: StreamKey,
        /// The shard.
        shard: ShardIndex,
    },
    /// From the scaler: an on-demand stream merges two shards of its own accord. Does nothing when
    /// the stream is not one that may.
    MergeOwn {
        /// The stream.
        key: StreamKey,
        /// The lower one.
        a: ShardIndex,
        /// The one that follows.
        b: ShardIndex,
    },
}
