//! `UpdateShardCount`: uniform scaling to a number of shards.

use crate::shapes::StreamTarget;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `UpdateShardCount`. `ScalingType` has one legal value, so that nothing is left of it here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateShardCountInput {
    /// The stream to change.
    pub stream: StreamTarget,
    /// At least 1.
    pub target_shard_count: u32,
}

/// Answer of `UpdateShardCount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateShardCountOutput {
    /// The stream's name.
    pub stream_name: String,
    /// The stream's ARN.
    pub stream_arn: String,
    /// Open shards before.
    pub current_shard_count: u32,
    /// Open shards once the stream is ACTIVE again.
    pub target_shard_count: u32,
}

impl UpdateShardCountInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            target_shard_count: fields.required_count("TargetShardCount"),
        }
    }
}

impl UpdateShardCountOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("StreamName").text(&self.stream_name);
        out.member("CurrentShardCount")
            .integer(self.current_shard_count.into());
        out.member("TargetShardCount")
            .integer(self.target_shard_count.into());
        out.member("StreamARN").text(&self.stream_arn);
        out.close_structure();
    }
}
