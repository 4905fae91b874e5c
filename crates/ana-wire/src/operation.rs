//! The names of all operations of the service model, and which of them are offered.
//!
//! A name that is not here is unknown to AWS; a name that is here but not offered is answered with a
//! clear refusal. Must stay true: one variant per operation of `model/kinesis.json` (a test says so).

/// What comes before the dot in `X-Amz-Target`.
pub const TARGET_PREFIX: &str = "Kinesis_20131202";

/// An operation of the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the operation of its name")]
pub enum Operation {
    AcknowledgeDeadLetterQueueRecords,
    AcknowledgeQueueRecords,
    AddTagsToStream,
    CreateChannel,
    CreateQueue,
    CreateStream,
    DecreaseStreamRetentionPeriod,
    DeleteChannel,
    DeleteQueue,
    DeleteResourcePolicy,
    DeleteStream,
    DeregisterStreamConsumer,
    DescribeAccountSettings,
    DescribeChannel,
    DescribeLimits,
    DescribeQueue,
    DescribeStream,
    DescribeStreamConsumer,
    DescribeStreamSummary,
    DisableEnhancedMonitoring,
    EnableEnhancedMonitoring,
    GetRecords,
    GetResourcePolicy,
    GetShardIterator,
    IncreaseStreamRetentionPeriod,
    ListChannels,
    ListQueues,
    ListShards,
    ListStreamConsumers,
    ListStreams,
    ListTagsForResource,
    ListTagsForStream,
    MergeShards,
    PutRecord,
    PutRecords,
    PutResourcePolicy,
    ReceiveDeadLetterQueueRecords,
    ReceiveQueueRecords,
    RegisterStreamConsumer,
    RemoveTagsFromStream,
    RestoreDeadLetterQueueRecords,
    SplitShard,
    StartStreamEncryption,
    StopStreamEncryption,
    SubscribeToShard,
    TagResource,
    UntagResource,
    UpdateAccountSettings,
    UpdateChannel,
    UpdateDeadLetterQueueRecordsVisibility,
    UpdateMaxRecordSize,
    UpdateQueue,
    UpdateQueueRecordsVisibility,
    UpdateShardCount,
    UpdateStreamMode,
    UpdateStreamRecordDistributionStrategy,
    UpdateStreamWarmThroughput,
}

impl Operation {
    /// Every operation, in the order of the names.
    pub const ALL: [Self; 57] = [
        Self::AcknowledgeDeadLetterQueueRecords,
        Self::AcknowledgeQueueRecords,
        Self::AddTagsToStream,
        Self::CreateChannel,
        Self::CreateQueue,
        Self::CreateStream,
        Self::DecreaseStreamRetentionPeriod,
        Self::DeleteChannel,
        Self::DeleteQueue,
        Self::DeleteResourcePolicy,
        Self::DeleteStream,
        Self::DeregisterStreamConsumer,
        Self::DescribeAccountSettings,
        Self::DescribeChannel,
        Self::DescribeLimits,
        Self::DescribeQueue,
        Self::DescribeStream,
        Self::DescribeStreamConsumer,
        Self::DescribeStreamSummary,
        Self::DisableEnhancedMonitoring,
        Self::EnableEnhancedMonitoring,
        Self::GetRecords,
        Self::GetResourcePolicy,
        Self::GetShardIterator,
        Self::IncreaseStreamRetentionPeriod,
        Self::ListChannels,
        Self::ListQueues,
        Self::ListShards,
        Self::ListStreamConsumers,
        Self::ListStreams,
        Self::ListTagsForResource,
        Self::ListTagsForStream,
        Self::MergeShards,
        Self::PutRecord,
        Self::PutRecords,
        Self::PutResourcePolicy,
        Self::ReceiveDeadLetterQueueRecords,
        Self::ReceiveQueueRecords,
        Self::RegisterStreamConsumer,
        Self::RemoveTagsFromStream,
        Self::RestoreDeadLetterQueueRecords,
        Self::SplitShard,
        Self::StartStreamEncryption,
        Self::StopStreamEncryption,
        Self::SubscribeToShard,
        Self::TagResource,
        Self::UntagResource,
        Self::UpdateAccountSettings,
        Self::UpdateChannel,
        Self::UpdateDeadLetterQueueRecordsVisibility,
        Self::UpdateMaxRecordSize,
        Self::UpdateQueue,
        Self::UpdateQueueRecordsVisibility,
        Self::UpdateShardCount,
        Self::UpdateStreamMode,
        Self::UpdateStreamRecordDistributionStrategy,
        Self::UpdateStreamWarmThroughput,
    ];

    /// The operation of a bare name such as `PutRecord`.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .binary_search_by_key(&name, |operation| operation.name())
            .ok()
            .map(|at| Self::ALL[at])
    }

    /// The operation of an `X-Amz-Target` header such as `Kinesis_20131202.PutRecord`.
    pub fn of_target(target: &str) -> Option<Self> {
        let (service, name) = target.split_once('.')?;
        if service == TARGET_PREFIX {
            Self::of_name(name)
        } else {
            None
        }
    }

    /// The bare name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AcknowledgeDeadLetterQueueRecords => "AcknowledgeDeadLetterQueueRecords",
            Self::AcknowledgeQueueRecords => "AcknowledgeQueueRecords",
            Self::AddTagsToStream => "AddTagsToStream",
            Self::CreateChannel => "CreateChannel",
            Self::CreateQueue => "CreateQueue",
            Self::CreateStream => "CreateStream",
            Self::DecreaseStreamRetentionPeriod => "DecreaseStreamRetentionPeriod",
            Self::DeleteChannel => "DeleteChannel",
            Self::DeleteQueue => "DeleteQueue",
            Self::DeleteResourcePolicy => "DeleteResourcePolicy",
            Self::DeleteStream => "DeleteStream",
            Self::DeregisterStreamConsumer => "DeregisterStreamConsumer",
            Self::DescribeAccountSettings => "DescribeAccountSettings",
            Self::DescribeChannel => "DescribeChannel",
            Self::DescribeLimits => "DescribeLimits",
            Self::DescribeQueue => "DescribeQueue",
            Self::DescribeStream => "DescribeStream",
            Self::DescribeStreamConsumer => "DescribeStreamConsumer",
            Self::DescribeStreamSummary => "DescribeStreamSummary",
            Self::DisableEnhancedMonitoring => "DisableEnhancedMonitoring",
            Self::EnableEnhancedMonitoring => "EnableEnhancedMonitoring",
            Self::GetRecords => "GetRecords",
            Self::GetResourcePolicy => "GetResourcePolicy",
            Self::GetShardIterator => "GetShardIterator",
            Self::IncreaseStreamRetentionPeriod => "IncreaseStreamRetentionPeriod",
            Self::ListChannels => "ListChannels",
            Self::ListQueues => "ListQueues",
            Self::ListShards => "ListShards",
            Self::ListStreamConsumers => "ListStreamConsumers",
            Self::ListStreams => "ListStreams",
            Self::ListTagsForResource => "ListTagsForResource",
            Self::ListTagsForStream => "ListTagsForStream",
            Self::MergeShards => "MergeShards",
            Self::PutRecord => "PutRecord",
            Self::PutRecords => "PutRecords",
            Self::PutResourcePolicy => "PutResourcePolicy",
            Self::ReceiveDeadLetterQueueRecords => "ReceiveDeadLetterQueueRecords",
            Self::ReceiveQueueRecords => "ReceiveQueueRecords",
            Self::RegisterStreamConsumer => "RegisterStreamConsumer",
            Self::RemoveTagsFromStream => "RemoveTagsFromStream",
            Self::RestoreDeadLetterQueueRecords => "RestoreDeadLetterQueueRecords",
            Self::SplitShard => "SplitShard",
            Self::StartStreamEncryption => "StartStreamEncryption",
            Self::StopStreamEncryption => "StopStreamEncryption",
            Self::SubscribeToShard => "SubscribeToShard",
            Self::TagResource => "TagResource",
            Self::UntagResource => "UntagResource",
            Self::UpdateAccountSettings => "UpdateAccountSettings",
            Self::UpdateChannel => "UpdateChannel",
            Self::UpdateDeadLetterQueueRecordsVisibility => {
                "UpdateDeadLetterQueueRecordsVisibility"
            }
            Self::UpdateMaxRecordSize => "UpdateMaxRecordSize",
            Self::UpdateQueue => "UpdateQueue",
            Self::UpdateQueueRecordsVisibility => "UpdateQueueRecordsVisibility",
            Self::UpdateShardCount => "UpdateShardCount",
            Self::UpdateStreamMode => "UpdateStreamMode",
            Self::UpdateStreamRecordDistributionStrategy => {
                "UpdateStreamRecordDistributionStrategy"
            }
            Self::UpdateStreamWarmThroughput => "UpdateStreamWarmThroughput",
        }
    }

    /// True for the operations that this version answers: all but those on queues, channels and record
    /// distribution, which AWS added in November 2026.
    pub fn is_offered(self) -> bool {
        !matches!(
            self,
            Self::AcknowledgeDeadLetterQueueRecords
                | Self::AcknowledgeQueueRecords
                | Self::CreateChannel
                | Self::CreateQueue
                | Self::DeleteChannel
                | Self::DeleteQueue
                | Self::DescribeChannel
                | Self::DescribeQueue
                | Self::ListChannels
                | Self::ListQueues
                | Self::ReceiveDeadLetterQueueRecords
                | Self::ReceiveQueueRecords
                | Self::RestoreDeadLetterQueueRecords
                | Self::UpdateChannel
                | Self::UpdateDeadLetterQueueRecordsVisibility
                | Self::UpdateQueue
                | Self::UpdateQueueRecordsVisibility
                | Self::UpdateStreamRecordDistributionStrategy
        )
    }
}
