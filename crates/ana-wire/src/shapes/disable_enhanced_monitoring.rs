//! `DisableEnhancedMonitoring`: switches shard-level metrics off.

use std::collections::BTreeSet;

use ana_types::ShardLevelMetric;

use crate::shapes::StreamTarget;
use crate::shapes::monitoring::{metrics_of, write_change};
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `DisableEnhancedMonitoring`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisableEnhancedMonitoringInput {
    /// The stream to change.
    pub stream: StreamTarget,
    /// `ShardLevelMetrics`; `ALL` has become every metric.
    pub shard_level_metrics: BTreeSet<ShardLevelMetric>,
}

/// Answer of `DisableEnhancedMonitoring`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisableEnhancedMonitoringOutput {
    /// The stream's name.
    pub stream_name: String,
    /// The stream's ARN.
    pub stream_arn: String,
    /// What was on before.
    pub current_shard_level_metrics: BTreeSet<ShardLevelMetric>,
    /// What is on once the stream is ACTIVE again.
    pub desired_shard_level_metrics: BTreeSet<ShardLevelMetric>,
}

impl DisableEnhancedMonitoringInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            shard_level_metrics: metrics_of(&fields.texts("ShardLevelMetrics")),
        }
    }
}

impl DisableEnhancedMonitoringOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("StreamName").text(&self.stream_name);
        write_change(
            out,
            &self.current_shard_level_metrics,
            &self.desired_shard_level_metrics,
        );
        out.member("StreamARN").text(&self.stream_arn);
        out.close_structure();
    }
}
