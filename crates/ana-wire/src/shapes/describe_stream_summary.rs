//! `DescribeStreamSummary`: the stream without its shards. Never carries `StreamId`.

use std::collections::BTreeSet;

use ana_types::ShardLevelMetric;

use crate::shapes::common::StreamFacts;
use crate::shapes::monitoring::write_monitoring_and_encryption;
use crate::shapes::{StreamTarget, WarmThroughput};
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `DescribeStreamSummary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeStreamSummaryInput {
    /// The stream to describe.
    pub stream: StreamTarget,
}

/// Answer of `DescribeStreamSummary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeStreamSummaryOutput {
    /// What the stream is.
    pub stream: StreamFacts,
    /// How long records are kept, hours.
    pub retention_hours: u32,
    /// Metrics that are switched on shard by shard.
    pub shard_level_metrics: BTreeSet<ShardLevelMetric>,
    /// The key that the client named, when the stream is encrypted.
    pub encryption_key: Option<String>,
    /// Shards that take writes.
    pub open_shard_count: u32,
    /// Registered fan-out consumers.
    pub consumer_count: u32,
    /// Largest record the stream takes, KiB.
    pub max_record_kib: u32,
    /// Of on-demand streams that were given one.
    pub warm_throughput: Option<WarmThroughput>,
}

impl DescribeStreamSummaryInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
        }
    }
}

impl DescribeStreamSummaryOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("StreamDescriptionSummary").open_structure();
        self.stream.write_members(out);
        out.member("RetentionPeriodHours")
            .integer(self.retention_hours.into());
        write_monitoring_and_encryption(
            out,
            &self.shard_level_metrics,
            self.encryption_key.as_deref(),
        );
        out.member("OpenShardCount")
            .integer(self.open_shard_count.into());
        out.member("ConsumerCount")
            .integer(self.consumer_count.into());
        if let Some(warm_throughput) = self.warm_throughput {
            out.member("WarmThroughput");
            warm_throughput.write(out);
        }
        out.member("MaxRecordSizeInKiB")
            .integer(self.max_record_kib.into());
        out.close_structure();
        out.close_structure();
    }
}
