//! The answer to any request but `SubscribeToShard`, whose answer is a stream of events.

use crate::shapes::{
    DescribeAccountSettingsOutput, DescribeLimitsOutput, DescribeStreamConsumerOutput,
    DescribeStreamOutput, DescribeStreamSummaryOutput, DisableEnhancedMonitoringOutput,
    EnableEnhancedMonitoringOutput, GetRecordsOutput, GetResourcePolicyOutput,
    GetShardIteratorOutput, ListShardsOutput, ListStreamConsumersOutput, ListStreamsOutput,
    ListTagsForResourceOutput, ListTagsForStreamOutput, PutRecordOutput, PutRecordsOutput,
    RegisterStreamConsumerOutput, UpdateAccountSettingsOutput, UpdateShardCountOutput,
    UpdateStreamWarmThroughputOutput,
};
use crate::writer::Writer;

/// The answer to a request. `Empty` is the answer of every operation without output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the operation of its name")]
pub enum Response {
    Empty,
    DescribeStream(DescribeStreamOutput),
    DescribeStreamSummary(DescribeStreamSummaryOutput),
    DescribeLimits(DescribeLimitsOutput),
    ListStreams(ListStreamsOutput),
    ListShards(ListShardsOutput),
    PutRecord(PutRecordOutput),
    PutRecords(PutRecordsOutput),
    GetShardIterator(GetShardIteratorOutput),
    GetRecords(GetRecordsOutput),
    UpdateShardCount(UpdateShardCountOutput),
    UpdateStreamWarmThroughput(UpdateStreamWarmThroughputOutput),
    RegisterStreamConsumer(RegisterStreamConsumerOutput),
    DescribeStreamConsumer(DescribeStreamConsumerOutput),
    ListStreamConsumers(ListStreamConsumersOutput),
    ListTagsForStream(ListTagsForStreamOutput),
    ListTagsForResource(ListTagsForResourceOutput),
    EnableEnhancedMonitoring(EnableEnhancedMonitoringOutput),
    DisableEnhancedMonitoring(DisableEnhancedMonitoringOutput),
    GetResourcePolicy(GetResourcePolicyOutput),
    DescribeAccountSettings(DescribeAccountSettingsOutput),
    UpdateAccountSettings(UpdateAccountSettingsOutput),
}

impl Response {
    /// Writes the answer; an operation without output writes nothing at all.
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        match self {
            Self::Empty => {}
            Self::DescribeStream(output) => output.write(out),
            Self::DescribeStreamSummary(output) => output.write(out),
            Self::DescribeLimits(output) => output.write(out),
            Self::ListStreams(output) => output.write(out),
            Self::ListShards(output) => output.write(out),
            Self::PutRecord(output) => output.write(out),
            Self::PutRecords(output) => output.write(out),
            Self::GetShardIterator(output) => output.write(out),
            Self::GetRecords(output) => output.write(out),
            Self::UpdateShardCount(output) => output.write(out),
            Self::UpdateStreamWarmThroughput(output) => output.write(out),
            Self::RegisterStreamConsumer(output) => output.write(out),
            Self::DescribeStreamConsumer(output) => output.write(out),
            Self::ListStreamConsumers(output) => output.write(out),
            Self::ListTagsForStream(output) => output.write(out),
            Self::ListTagsForResource(output) => output.write(out),
            Self::EnableEnhancedMonitoring(output) => output.write(out),
            Self::DisableEnhancedMonitoring(output) => output.write(out),
            Self::GetResourcePolicy(output) => output.write(out),
            Self::DescribeAccountSettings(output) => output.write(out),
            Self::UpdateAccountSettings(output) => output.write(out),
        }
    }
}
