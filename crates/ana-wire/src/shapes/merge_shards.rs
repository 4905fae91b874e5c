//! `MergeShards`: no output.

use crate::shapes::StreamTarget;
use crate::tree::Fields;

/// Request of `MergeShards`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeShardsInput {
    /// The stream to reshard.
    pub stream: StreamTarget,
    /// The shard with the lower range, as the client wrote it.
    pub shard_to_merge: String,
    /// The shard with the range right above it.
    pub adjacent_shard_to_merge: String,
}

impl MergeShardsInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            shard_to_merge: fields.required_text("ShardToMerge"),
            adjacent_shard_to_merge: fields.required_text("AdjacentShardToMerge"),
        }
    }
}
