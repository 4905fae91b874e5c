//! Requests as boto3 sends them (`json.dumps` spacing), one per operation; the time with a fraction is
//! the JavaScript SDK's.

use crate::operation::Operation;

/// Operation and body.
pub(crate) const SAMPLES: &[(Operation, &str)] = &[
    (
        Operation::CreateStream,
        r#"{"StreamName": "clicks", "ShardCount": 3, "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "Tags": {"team": "web", "empty": ""}, "MaxRecordSizeInKiB": 2048}"#,
    ),
    (
        Operation::DeleteStream,
        r#"{"StreamName": "clicks", "EnforceConsumerDeletion": true}"#,
    ),
    (
        Operation::DescribeStream,
        r#"{"StreamName": "clicks", "Limit": 10, "ExclusiveStartShardId": "shardId-000000000000"}"#,
    ),
    (
        Operation::DescribeStreamSummary,
        r#"{"StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"}"#,
    ),
    (Operation::DescribeLimits, "{}"),
    (
        Operation::ListStreams,
        r#"{"Limit": 5, "ExclusiveStartStreamName": "a"}"#,
    ),
    (
        Operation::ListShards,
        r#"{"StreamName": "clicks", "MaxResults": 7, "ShardFilter": {"Type": "AT_TIMESTAMP", "Timestamp": 1795309323}}"#,
    ),
    (
        Operation::PutRecord,
        r#"{"StreamName": "clicks", "Data": "aGVsbG8=", "PartitionKey": "user-1", "ExplicitHashKey": "0", "SequenceNumberForOrdering": "49590338271490256608559692538361571095921575989136588898"}"#,
    ),
    (
        Operation::PutRecords,
        r#"{"Records": [{"Data": "aGVsbG8=", "PartitionKey": "user-1"}, {"Data": "", "PartitionKey": "\u00fcser \ud83d\ude00", "ExplicitHashKey": "340282366920938463463374607431768211455"}], "StreamName": "clicks"}"#,
    ),
    (
        Operation::GetShardIterator,
        r#"{"StreamName": "clicks", "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1795309323.456}"#,
    ),
    (
        Operation::GetRecords,
        r#"{"ShardIterator": "AAAA", "Limit": 100}"#,
    ),
    (
        Operation::SplitShard,
        r#"{"StreamName": "clicks", "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "100"}"#,
    ),
    (
        Operation::MergeShards,
        r#"{"StreamName": "clicks", "ShardToMerge": "shardId-000000000000", "AdjacentShardToMerge": "shardId-000000000001"}"#,
    ),
    (
        Operation::IncreaseStreamRetentionPeriod,
        r#"{"StreamName": "clicks", "RetentionPeriodHours": 48}"#,
    ),
    (
        Operation::DecreaseStreamRetentionPeriod,
        r#"{"StreamName": "clicks", "RetentionPeriodHours": 24}"#,
    ),
    (
        Operation::AddTagsToStream,
        r#"{"StreamName": "clicks", "Tags": {"team": "web"}}"#,
    ),
    (
        Operation::RemoveTagsFromStream,
        r#"{"StreamName": "clicks", "TagKeys": ["team", "x"]}"#,
    ),
    (
        Operation::ListTagsForStream,
        r#"{"StreamName": "clicks", "ExclusiveStartTagKey": "a", "Limit": 50}"#,
    ),
    (
        Operation::SubscribeToShard,
        r#"{"ConsumerARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/app:1795309323", "ShardId": "shardId-000000000000", "StartingPosition": {"Type": "AT_TIMESTAMP", "Timestamp": 1795309323.456}}"#,
    ),
    (
        Operation::UpdateShardCount,
        r#"{"StreamName": "clicks", "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"}"#,
    ),
    (
        Operation::UpdateStreamMode,
        r#"{"StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "WarmThroughputMiBps": 10}"#,
    ),
    (
        Operation::UpdateStreamWarmThroughput,
        r#"{"StreamName": "clicks", "WarmThroughputMiBps": 0}"#,
    ),
    (
        Operation::UpdateMaxRecordSize,
        r#"{"StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks", "MaxRecordSizeInKiB": 10240}"#,
    ),
    (
        Operation::RegisterStreamConsumer,
        r#"{"StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks", "ConsumerName": "app", "Tags": {"team": "web"}}"#,
    ),
    (
        Operation::DeregisterStreamConsumer,
        r#"{"StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks", "ConsumerName": "app"}"#,
    ),
    (
        Operation::DescribeStreamConsumer,
        r#"{"ConsumerARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/app:1795309323"}"#,
    ),
    (
        Operation::ListStreamConsumers,
        r#"{"StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks", "NextToken": "t", "MaxResults": 7, "StreamCreationTimestamp": 1795309323}"#,
    ),
    (
        Operation::TagResource,
        r#"{"ResourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks", "Tags": {"team": "web", "empty": ""}}"#,
    ),
    (
        Operation::UntagResource,
        r#"{"ResourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/app:1795309323", "TagKeys": ["team", "x"]}"#,
    ),
    (
        Operation::ListTagsForResource,
        r#"{"ResourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"}"#,
    ),
    (
        Operation::EnableEnhancedMonitoring,
        r#"{"StreamName": "clicks", "ShardLevelMetrics": ["OutgoingBytes", "IncomingBytes"]}"#,
    ),
    (
        Operation::DisableEnhancedMonitoring,
        r#"{"StreamName": "clicks", "ShardLevelMetrics": ["ALL"]}"#,
    ),
    (
        Operation::StartStreamEncryption,
        r#"{"StreamName": "clicks", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}"#,
    ),
    (
        Operation::StopStreamEncryption,
        r#"{"StreamName": "clicks", "EncryptionType": "NONE", "KeyId": "alias/aws/kinesis"}"#,
    ),
    (
        Operation::PutResourcePolicy,
        r#"{"ResourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks", "Policy": "{\"Version\": \"2012-10-17\"}"}"#,
    ),
    (
        Operation::GetResourcePolicy,
        r#"{"ResourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"}"#,
    ),
    (
        Operation::DeleteResourcePolicy,
        r#"{"ResourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"}"#,
    ),
    (Operation::DescribeAccountSettings, "{}"),
    (
        Operation::UpdateAccountSettings,
        r#"{"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}}"#,
    ),
];
