//! `DescribeStream`: the stream and one page of its shards.

use std::collections::BTreeSet;

use ana_types::ShardLevelMetric;

use crate::shapes::StreamTarget;
use crate::shapes::common::{Shard, StreamFacts};
use crate::shapes::monitoring::write_monitoring_and_encryption;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `DescribeStream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeStreamInput {
    /// The stream to describe.
    pub stream: StreamTarget,
    /// 1 to 10,000; the service never returns more than 100.
    pub limit: Option<u32>,
    /// The page starts after this shard id, as the client wrote it.
    pub exclusive_start_shard_id: Option<String>,
}

/// Answer of `DescribeStream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeStreamOutput {
    /// What the stream is.
    pub stream: StreamFacts,
    /// How long records are kept, hours.
    pub retention_hours: u32,
    /// Metrics that are switched on shard by shard.
    pub shard_level_metrics: BTreeSet<ShardLevelMetric>,
    /// The key that the client named, when the stream is encrypted.
    pub encryption_key: Option<String>,
    /// One page, ascending by shard id.
    pub shards: Vec<Shard>,
    /// True when a further page exists.
    pub has_more_shards: bool,
}

impl DescribeStreamInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            limit: fields.count("Limit"),
            exclusive_start_shard_id: fields.text("ExclusiveStartShardId"),
        }
    }
}

impl DescribeStreamOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("StreamDescription").open_structure();
        self.stream.write_members(out);
        out.member("RetentionPeriodHours")
            .integer(self.retention_hours.into());
        write_monitoring_and_encryption(
            out,
            &self.shard_level_metrics,
            self.encryption_key.as_deref(),
        );
        out.member("Shards").open_list();
        for shard in &self.shards {
            shard.write(out);
        }
        out.close_list();
        out.member("HasMoreShards").boolean(self.has_more_shards);
        out.close_structure();
        out.close_structure();
    }
}
