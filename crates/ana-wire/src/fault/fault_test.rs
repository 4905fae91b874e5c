//! Texts and types of faults.

use ana_types::{
    AccountId, HashKey, IteratorKind, KinesisError, LimitKind, ProvisionedOperation, Region,
    ShardFilterKind, ShardIndex, StreamName, StreamStatus,
};
use expect_test::{Expect, expect};

use super::{Fault, FaultKind};
use crate::operation::Operation;

fn stream() -> StreamName {
    StreamName::new("clicks").expect("a legal name")
}

fn fault_of(error: &KinesisError) -> Fault {
    Fault::from((error, &AccountId::default(), &Region::default()))
}

fn check(error: &KinesisError, expect: &Expect) {
    let fault = fault_of(error);
    let text = fault.message.as_deref().unwrap_or_default();
    expect.assert_eq(&format!("{} {}: {text}", fault.http(), fault.kind.name()));
}

#[test]
fn bodies_have_the_form_of_their_type() {
    let table = [
        (
            Fault::not_an_object(),
            r#"{"__type":"SerializationException"}"#,
        ),
        (
            Fault::serialization("a \"b\""),
            r#"{"__type":"SerializationException","Message":"a \"b\""}"#,
        ),
        (
            Fault::validation("v"),
            r#"{"__type":"ValidationException","message":"v"}"#,
        ),
        (
            Fault::unknown_operation(),
            r#"{"__type":"UnknownOperationException"}"#,
        ),
        (
            Fault::internal(),
            r#"{"__type":"InternalFailure","message":"Internal service failure."}"#,
        ),
    ];
    for (fault, body) in table {
        assert_eq!(String::from_utf8(fault.body()).expect("UTF-8"), body);
    }
    let refused = Fault::not_offered(Operation::UpdateShardCount);
    assert_eq!(refused.kind, FaultKind::UnknownOperation);
    assert!(
        refused
            .message
            .is_some_and(|text| text.contains("UpdateShardCount"))
    );
}

#[test]
fn our_own_reasons_stay_inside() {
    let why = || "node 3 at 10.0.0.7".to_owned();
    for (error, http) in [
        (KinesisError::Unavailable { why: why() }, 503),
        (KinesisError::OutcomeUnknown { why: why() }, 500),
        (KinesisError::Internal { why: why() }, 500),
    ] {
        let fault = fault_of(&error);
        assert_eq!(fault.http(), http);
        let body = String::from_utf8(fault.body()).expect("UTF-8");
        assert!(!body.contains("10.0.0.7"), "{body}");
    }
}

#[test]
fn streams_and_shards() {
    check(
        &KinesisError::StreamNotFound { stream: stream() },
        &expect![[
            r#"400 ResourceNotFoundException: Stream clicks under account 000000000000 not found."#
        ]],
    );
    check(
        &KinesisError::StreamExists { stream: stream() },
        &expect![[
            r#"400 ResourceInUseException: Stream clicks under account 000000000000 already exists."#
        ]],
    );
    check(
        &KinesisError::StreamNotActive {
            stream: stream(),
            status: StreamStatus::Updating,
        },
        &expect![[
            r#"400 ResourceInUseException: Stream clicks under account 000000000000 not ACTIVE, instead in state UPDATING"#
        ]],
    );
    check(
        &KinesisError::ShardIdUnparsable {
            given: "shardId-x".to_owned(),
            stream: stream(),
        },
        &expect![[
            r#"400 ResourceNotFoundException: Could not find shard shardId-x in stream clicks under account 000000000000."#
        ]],
    );
    check(
        &KinesisError::ShardNotFound {
            shard: ShardIndex(5),
            stream: stream(),
        },
        &expect![[
            r#"400 ResourceNotFoundException: Could not find shard shardId-000000000005 in stream clicks under account 000000000000."#
        ]],
    );
    check(
        &KinesisError::ShardDoesNotExist {
            shard: ShardIndex(5),
            stream: stream(),
        },
        &expect![[
            r#"400 ResourceNotFoundException: Shard shardId-000000000005 in stream clicks under account 000000000000 does not exist"#
        ]],
    );
    check(
        &KinesisError::NeitherNameNorArn,
        &expect![[r#"400 InvalidArgumentException: Neither streamArn or streamName was provided"#]],
    );
}

#[test]
fn resharding() {
    check(
        &KinesisError::SplitKeyOutOfRange {
            key: HashKey(2),
            shard: ShardIndex(0),
            stream: stream(),
            start: HashKey(1),
            end: HashKey(9),
        },
        &expect![[
            r#"400 InvalidArgumentException: NewStartingHashKey 2 used in SplitShard() on shard shardId-000000000000 in stream clicks under account 000000000000 is not both greater than one plus the shard's StartingHashKey 1 and less than the shard's EndingHashKey 9."#
        ]],
    );
    check(
        &KinesisError::NotAdjacent {
            a: ShardIndex(1),
            b: ShardIndex(0),
            stream: stream(),
        },
        &expect![[
            r#"400 InvalidArgumentException: Shards shardId-000000000001 and shardId-000000000000 in stream clicks under account 000000000000 are not an adjacent pair of shards eligible for merging"#
        ]],
    );
    check(
        &KinesisError::ProvisionedOnly {
            operation: ProvisionedOperation::SplitShard,
            stream: stream(),
        },
        &expect![[
            r#"400 ValidationException: SplitShard is only supported for data streams with the provisioned capacity mode. Stream clicks under account 000000000000 is in the on-demand capacity mode."#
        ]],
    );
    check(
        &KinesisError::ShardLimitExceeded {
            current: 1,
            limit: 2,
            additional: 3,
        },
        &expect![[
            r#"400 LimitExceededException: This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count for the account: 1. Limit: 2. Number of additional shards that would have resulted from this request: 3. Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits."#
        ]],
    );
}

#[test]
fn rates_retention_and_tags() {
    check(
        &KinesisError::Throughput {
            shard: ShardIndex(1),
            stream: stream(),
        },
        &expect![[
            r#"400 ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000001 in stream clicks under account 000000000000."#
        ]],
    );
    let limit = LimitKind::AccountRate {
        operation: "CreateStream".to_owned(),
        per_s: 5,
    };
    check(
        &KinesisError::LimitExceeded(limit),
        &expect![[
            r#"400 LimitExceededException: Rate exceeded for CreateStream under account 000000000000."#
        ]],
    );
    check(
        &KinesisError::RetentionTooShort { requested: 23 },
        &expect![[
            r#"400 InvalidArgumentException: Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."#
        ]],
    );
    check(
        &KinesisError::RetentionNotLonger {
            stream: stream(),
            requested: 24,
            existing: 48,
        },
        &expect![[
            r#"400 InvalidArgumentException: Requested retention period (24 hours) for stream clicks can not be shorter than existing retention period (48 hours). Use DecreaseRetentionPeriod API."#
        ]],
    );
    check(
        &KinesisError::TagsInvalidCharacters,
        &expect![[
            r#"400 InvalidArgumentException: Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @."#
        ]],
    );
    check(
        &KinesisError::TagsIllegalCharacters {
            stream: stream(),
            removing: true,
        },
        &expect![[
            r#"400 InvalidArgumentException: Failed to remove tags from stream clicks under account 000000000000 because some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."#
        ]],
    );
    check(
        &KinesisError::InvalidExplicitHashKey {
            value: "9".to_owned(),
        },
        &expect![[
            r#"400 InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 9"#
        ]],
    );
    check(
        &KinesisError::InvalidOrdering {
            value: "9".to_owned(),
            stream: stream(),
        },
        &expect![[
            r#"400 InvalidArgumentException: ExclusiveMinimumSequenceNumber 9 used in PutRecord on stream clicks under account 000000000000 is invalid."#
        ]],
    );
}

#[test]
fn iterators_and_tokens() {
    check(
        &KinesisError::ExpiredIterator {
            created_ms: 1_421_889_722_000,
            now_ms: 1_421_890_023_000,
        },
        &expect![[
            r#"400 ExpiredIteratorException: Iterator expired. The iterator was created at time Thu Jan 22 01:22:02 UTC 2015 while right now it is Thu Jan 22 01:27:03 UTC 2015 which is further in the future than the tolerated delay of 300000 milliseconds."#
        ]],
    );
    check(
        &KinesisError::IteratorNeedsSequence {
            kind: IteratorKind::Latest,
            given: true,
        },
        &expect![[
            r#"400 InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified LATEST and also a StartingSequenceNumber."#
        ]],
    );
    check(
        &KinesisError::TimestampInFuture {
            timestamp_ms: 2,
            now_ms: 1,
        },
        &expect![[
            r#"400 InvalidArgumentException: The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: 2, currentTimestampInMillis: 1"#
        ]],
    );
    check(
        &KinesisError::SequenceWrongShard {
            encoded: 3,
            used: ShardIndex(4),
        },
        &expect![[
            r#"400 InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId-000000000003, while it was used in a call to a shard with shardId-000000000004"#
        ]],
    );
    check(
        &KinesisError::SequenceNotOfStream {
            value: "7".to_owned(),
            shard: ShardIndex(4),
            stream: stream(),
        },
        &expect![[
            r#"400 InvalidArgumentException: StartingSequenceNumber 7 used in GetShardIterator on shard shardId-000000000004 in stream clicks under account 000000000000 is invalid because it did not come from this stream."#
        ]],
    );
    check(
        &KinesisError::SequenceVersionZero,
        &expect![[r#"500 InternalFailure: Internal service failure."#]],
    );
    check(
        &KinesisError::ExpiredToken,
        &expect![[r#"400 ExpiredNextTokenException: The NextToken has expired."#]],
    );
    check(
        &KinesisError::FilterNeedsTimestamp {
            filter: ShardFilterKind::AtTimestamp,
        },
        &expect![[
            r#"400 InvalidArgumentException: ShardFilter of type AT_TIMESTAMP needs a Timestamp."#
        ]],
    );
}
