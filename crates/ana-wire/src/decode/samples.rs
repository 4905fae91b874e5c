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
];
