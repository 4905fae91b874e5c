//! `SplitShard`: no output.

use crate::shapes::StreamTarget;
use crate::tree::Fields;

/// Request of `SplitShard`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitShardInput {
    /// The stream to reshard.
    pub stream: StreamTarget,
    /// The shard to split, as the client wrote it.
    pub shard_to_split: String,
    /// Decimal, at most 39 digits: the first key of the upper child.
    pub new_starting_hash_key: String,
}

impl SplitShardInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            shard_to_split: fields.required_text("ShardToSplit"),
            new_starting_hash_key: fields.required_text("NewStartingHashKey"),
        }
    }
}
