//! A request of any operation that is offered.

use crate::operation::Operation;
use crate::shapes::{
    AddTagsToStreamInput, CreateStreamInput, DecreaseStreamRetentionPeriodInput,
    DeleteResourcePolicyInput, DeleteStreamInput, DeregisterStreamConsumerInput,
    DescribeAccountSettingsInput, DescribeLimitsInput, DescribeStreamConsumerInput,
    DescribeStreamInput, DescribeStreamSummaryInput, DisableEnhancedMonitoringInput,
    EnableEnhancedMonitoringInput, GetRecordsInput, GetResourcePolicyInput, GetShardIteratorInput,
    IncreaseStreamRetentionPeriodInput, ListShardsInput, ListStreamConsumersInput,
    ListStreamsInput, ListTagsForResourceInput, ListTagsForStreamInput, MergeShardsInput,
    PutRecordInput, PutRecordsInput, PutResourcePolicyInput, RegisterStreamConsumerInput,
    RemoveTagsFromStreamInput, SplitShardInput, StartStreamEncryptionInput,
    StopStreamEncryptionInput, SubscribeToShardInput, TagResourceInput, UntagResourceInput,
    UpdateAccountSettingsInput, UpdateMaxRecordSizeInput, UpdateShardCountInput,
    UpdateStreamModeInput, UpdateStreamWarmThroughputInput,
};
use crate::tree::Fields;

/// A decoded and checked request of an operation that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the operation of its name")]
pub enum Request {
    CreateStream(CreateStreamInput),
    DeleteStream(DeleteStreamInput),
    DescribeStream(DescribeStreamInput),
    DescribeStreamSummary(DescribeStreamSummaryInput),
    DescribeLimits(DescribeLimitsInput),
    ListStreams(ListStreamsInput),
    ListShards(ListShardsInput),
    PutRecord(PutRecordInput),
    PutRecords(PutRecordsInput),
    GetShardIterator(GetShardIteratorInput),
    GetRecords(GetRecordsInput),
    SubscribeToShard(SubscribeToShardInput),
    SplitShard(SplitShardInput),
    MergeShards(MergeShardsInput),
    UpdateShardCount(UpdateShardCountInput),
    UpdateStreamMode(UpdateStreamModeInput),
    UpdateStreamWarmThroughput(UpdateStreamWarmThroughputInput),
    UpdateMaxRecordSize(UpdateMaxRecordSizeInput),
    IncreaseStreamRetentionPeriod(IncreaseStreamRetentionPeriodInput),
    DecreaseStreamRetentionPeriod(DecreaseStreamRetentionPeriodInput),
    RegisterStreamConsumer(RegisterStreamConsumerInput),
    DeregisterStreamConsumer(DeregisterStreamConsumerInput),
    DescribeStreamConsumer(DescribeStreamConsumerInput),
    ListStreamConsumers(ListStreamConsumersInput),
    AddTagsToStream(AddTagsToStreamInput),
    RemoveTagsFromStream(RemoveTagsFromStreamInput),
    ListTagsForStream(ListTagsForStreamInput),
    TagResource(TagResourceInput),
    UntagResource(UntagResourceInput),
    ListTagsForResource(ListTagsForResourceInput),
    EnableEnhancedMonitoring(EnableEnhancedMonitoringInput),
    DisableEnhancedMonitoring(DisableEnhancedMonitoringInput),
    StartStreamEncryption(StartStreamEncryptionInput),
    StopStreamEncryption(StopStreamEncryptionInput),
    PutResourcePolicy(PutResourcePolicyInput),
    GetResourcePolicy(GetResourcePolicyInput),
    DeleteResourcePolicy(DeleteResourcePolicyInput),
    DescribeAccountSettings(DescribeAccountSettingsInput),
    UpdateAccountSettings(UpdateAccountSettingsInput),
}

impl Request {
    /// The request of `operation` out of fields that have passed every check; `None` when the
    /// operation is not offered.
    #[expect(
        clippy::too_many_lines,
        reason = "one line per operation; apart they would say less"
    )]
    pub(crate) fn from_fields(operation: Operation, fields: Fields<'_>) -> Option<Self> {
        use Operation as O;
        Some(match operation {
            O::CreateStream => Self::CreateStream(CreateStreamInput::from_fields(fields)),
            O::DeleteStream => Self::DeleteStream(DeleteStreamInput::from_fields(fields)),
            O::DescribeStream => Self::DescribeStream(DescribeStreamInput::from_fields(fields)),
            O::DescribeStreamSummary => {
                Self::DescribeStreamSummary(DescribeStreamSummaryInput::from_fields(fields))
            }
            O::DescribeLimits => Self::DescribeLimits(DescribeLimitsInput {}),
            O::ListStreams => Self::ListStreams(ListStreamsInput::from_fields(fields)),
            O::ListShards => Self::ListShards(ListShardsInput::from_fields(fields)),
            O::PutRecord => Self::PutRecord(PutRecordInput::from_fields(fields)),
            O::PutRecords => Self::PutRecords(PutRecordsInput::from_fields(fields)),
            O::GetShardIterator => {
                Self::GetShardIterator(GetShardIteratorInput::from_fields(fields))
            }
            O::GetRecords => Self::GetRecords(GetRecordsInput::from_fields(fields)),
            O::SubscribeToShard => {
                Self::SubscribeToShard(SubscribeToShardInput::from_fields(fields))
            }
            O::SplitShard => Self::SplitShard(SplitShardInput::from_fields(fields)),
            O::MergeShards => Self::MergeShards(MergeShardsInput::from_fields(fields)),
            O::UpdateShardCount => {
                Self::UpdateShardCount(UpdateShardCountInput::from_fields(fields))
            }
            O::UpdateStreamMode => {
                Self::UpdateStreamMode(UpdateStreamModeInput::from_fields(fields))
            }
            O::UpdateStreamWarmThroughput => Self::UpdateStreamWarmThroughput(
                UpdateStreamWarmThroughputInput::from_fields(fields),
            ),
            O::UpdateMaxRecordSize => {
                Self::UpdateMaxRecordSize(UpdateMaxRecordSizeInput::from_fields(fields))
            }
            O::IncreaseStreamRetentionPeriod => Self::IncreaseStreamRetentionPeriod(
                IncreaseStreamRetentionPeriodInput::from_fields(fields),
            ),
            O::DecreaseStreamRetentionPeriod => Self::DecreaseStreamRetentionPeriod(
                DecreaseStreamRetentionPeriodInput::from_fields(fields),
            ),
            O::RegisterStreamConsumer => {
                Self::RegisterStreamConsumer(RegisterStreamConsumerInput::from_fields(fields))
            }
            O::DeregisterStreamConsumer => {
                Self::DeregisterStreamConsumer(DeregisterStreamConsumerInput::from_fields(fields))
            }
            O::DescribeStreamConsumer => {
                Self::DescribeStreamConsumer(DescribeStreamConsumerInput::from_fields(fields))
            }
            O::ListStreamConsumers => {
                Self::ListStreamConsumers(ListStreamConsumersInput::from_fields(fields))
            }
            O::AddTagsToStream => Self::AddTagsToStream(AddTagsToStreamInput::from_fields(fields)),
            O::RemoveTagsFromStream => {
                Self::RemoveTagsFromStream(RemoveTagsFromStreamInput::from_fields(fields))
            }
            O::ListTagsForStream => {
                Self::ListTagsForStream(ListTagsForStreamInput::from_fields(fields))
            }
            O::TagResource => Self::TagResource(TagResourceInput::from_fields(fields)),
            O::UntagResource => Self::UntagResource(UntagResourceInput::from_fields(fields)),
            O::ListTagsForResource => {
                Self::ListTagsForResource(ListTagsForResourceInput::from_fields(fields))
            }
            O::EnableEnhancedMonitoring => {
                Self::EnableEnhancedMonitoring(EnableEnhancedMonitoringInput::from_fields(fields))
            }
            O::DisableEnhancedMonitoring => {
                Self::DisableEnhancedMonitoring(DisableEnhancedMonitoringInput::from_fields(fields))
            }
            O::StartStreamEncryption => {
                Self::StartStreamEncryption(StartStreamEncryptionInput::from_fields(fields))
            }
            O::StopStreamEncryption => {
                Self::StopStreamEncryption(StopStreamEncryptionInput::from_fields(fields))
            }
            O::PutResourcePolicy => {
                Self::PutResourcePolicy(PutResourcePolicyInput::from_fields(fields))
            }
            O::GetResourcePolicy => {
                Self::GetResourcePolicy(GetResourcePolicyInput::from_fields(fields))
            }
            O::DeleteResourcePolicy => {
                Self::DeleteResourcePolicy(DeleteResourcePolicyInput::from_fields(fields))
            }
            O::DescribeAccountSettings => {
                Self::DescribeAccountSettings(DescribeAccountSettingsInput {})
            }
            O::UpdateAccountSettings => {
                Self::UpdateAccountSettings(UpdateAccountSettingsInput::from_fields(fields))
            }
            _ => return None,
        })
    }

    /// The operation this is a request of.
    pub fn operation(&self) -> Operation {
        match self {
            Self::CreateStream(_) => Operation::CreateStream,
            Self::DeleteStream(_) => Operation::DeleteStream,
            Self::DescribeStream(_) => Operation::DescribeStream,
            Self::DescribeStreamSummary(_) => Operation::DescribeStreamSummary,
            Self::DescribeLimits(_) => Operation::DescribeLimits,
            Self::ListStreams(_) => Operation::ListStreams,
            Self::ListShards(_) => Operation::ListShards,
            Self::PutRecord(_) => Operation::PutRecord,
            Self::PutRecords(_) => Operation::PutRecords,
            Self::GetShardIterator(_) => Operation::GetShardIterator,
            Self::GetRecords(_) => Operation::GetRecords,
            Self::SubscribeToShard(_) => Operation::SubscribeToShard,
            Self::SplitShard(_) => Operation::SplitShard,
            Self::MergeShards(_) => Operation::MergeShards,
            Self::UpdateShardCount(_) => Operation::UpdateShardCount,
            Self::UpdateStreamMode(_) => Operation::UpdateStreamMode,
            Self::UpdateStreamWarmThroughput(_) => Operation::UpdateStreamWarmThroughput,
            Self::UpdateMaxRecordSize(_) => Operation::UpdateMaxRecordSize,
            Self::IncreaseStreamRetentionPeriod(_) => Operation::IncreaseStreamRetentionPeriod,
            Self::DecreaseStreamRetentionPeriod(_) => Operation::DecreaseStreamRetentionPeriod,
            Self::RegisterStreamConsumer(_) => Operation::RegisterStreamConsumer,
            Self::DeregisterStreamConsumer(_) => Operation::DeregisterStreamConsumer,
            Self::DescribeStreamConsumer(_) => Operation::DescribeStreamConsumer,
            Self::ListStreamConsumers(_) => Operation::ListStreamConsumers,
            Self::AddTagsToStream(_) => Operation::AddTagsToStream,
            Self::RemoveTagsFromStream(_) => Operation::RemoveTagsFromStream,
            Self::ListTagsForStream(_) => Operation::ListTagsForStream,
            Self::TagResource(_) => Operation::TagResource,
            Self::UntagResource(_) => Operation::UntagResource,
            Self::ListTagsForResource(_) => Operation::ListTagsForResource,
            Self::EnableEnhancedMonitoring(_) => Operation::EnableEnhancedMonitoring,
            Self::DisableEnhancedMonitoring(_) => Operation::DisableEnhancedMonitoring,
            Self::StartStreamEncryption(_) => Operation::StartStreamEncryption,
            Self::StopStreamEncryption(_) => Operation::StopStreamEncryption,
            Self::PutResourcePolicy(_) => Operation::PutResourcePolicy,
            Self::GetResourcePolicy(_) => Operation::GetResourcePolicy,
            Self::DeleteResourcePolicy(_) => Operation::DeleteResourcePolicy,
            Self::DescribeAccountSettings(_) => Operation::DescribeAccountSettings,
            Self::UpdateAccountSettings(_) => Operation::UpdateAccountSettings,
        }
    }

    /// True when the client only wants to know whether it would succeed.
    pub fn is_dry_run(&self) -> bool {
        match self {
            Self::PutRecord(input) => input.dry_run,
            Self::PutRecords(input) => input.dry_run,
            Self::GetShardIterator(input) => input.dry_run,
            Self::GetRecords(input) => input.dry_run,
            Self::SubscribeToShard(input) => input.dry_run,
            _ => false,
        }
    }
}
