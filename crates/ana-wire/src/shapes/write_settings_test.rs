//! What AWS's clients read of consumers, subscriptions, settings and capacity.

use std::collections::{BTreeMap, BTreeSet};

use ana_types::{
    CommitmentStatus, ConsumerStatus, HashKey, HashRange, Position, SequenceNumber, ShardIndex,
    ShardLevelMetric, StoredRecord,
};
use bytes::Bytes;
use expect_test::{Expect, expect};
use serde_json::Value as Json;

use super::*;
use crate::cbor::samples::answer_as_json;
use crate::encode_response;
use crate::format::Format;
use crate::json::JsonWriter;

fn check(response: &Response, expect: &Expect) {
    let body = encode_response(Format::Json, response);
    let json: Json = serde_json::from_slice(&body).expect("an answer is JSON");
    let in_cbor = answer_as_json(&encode_response(Format::Cbor, response));
    assert_eq!(in_cbor, json, "CBOR says the same");
    check_body(body, expect);
}

fn check_event(event: &SubscribeToShardEvent, expect: &Expect) {
    let mut out = JsonWriter::new();
    event.write(&mut out);
    check_body(out.into_bytes(), expect);
}

fn check_body(body: Vec<u8>, expect: &Expect) {
    let json: Json = serde_json::from_slice(&body).expect("an answer is JSON");
    assert!(json.is_object());
    expect.assert_eq(&String::from_utf8(body).expect("UTF-8"));
}

fn consumer(status: ConsumerStatus) -> ConsumerFacts {
    ConsumerFacts {
        name: "app".to_owned(),
        arn: "arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/app:1459799926"
            .to_owned(),
        status,
        created_ms: 1_459_799_926_480,
    }
}

fn stream_arn() -> String {
    "arn:aws:kinesis:us-east-1:000000000000:stream/clicks".to_owned()
}

#[test]
fn consumers() {
    check(
        &Response::RegisterStreamConsumer(RegisterStreamConsumerOutput {
            consumer: consumer(ConsumerStatus::Creating),
        }),
        &expect![[
            r#"{"Consumer":{"ConsumerName":"app","ConsumerARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/app:1459799926","ConsumerStatus":"CREATING","ConsumerCreationTimestamp":1459799926.48}}"#
        ]],
    );
    check(
        &Response::DescribeStreamConsumer(DescribeStreamConsumerOutput {
            consumer: consumer(ConsumerStatus::Active),
            stream_arn: stream_arn(),
        }),
        &expect![[
            r#"{"ConsumerDescription":{"ConsumerName":"app","ConsumerARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/app:1459799926","ConsumerStatus":"ACTIVE","ConsumerCreationTimestamp":1459799926.48,"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks"}}"#
        ]],
    );
    check(
        &Response::ListStreamConsumers(ListStreamConsumersOutput {
            consumers: vec![consumer(ConsumerStatus::Deleting)],
            next_token: Some("t".to_owned()),
        }),
        &expect![[
            r#"{"Consumers":[{"ConsumerName":"app","ConsumerARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/app:1459799926","ConsumerStatus":"DELETING","ConsumerCreationTimestamp":1459799926.48}],"NextToken":"t"}"#
        ]],
    );
    check(
        &Response::ListStreamConsumers(ListStreamConsumersOutput {
            consumers: vec![],
            next_token: None,
        }),
        &expect![[r#"{"Consumers":[]}"#]],
    );
}

#[test]
fn events() {
    let sequence = SequenceNumber {
        created_s: 1_542_776_258,
        shard: ShardIndex(6),
        position: Position(1_734_642_199),
        time_s: 1_545_084_650,
    };
    let record = |encrypted| StoredRecord {
        sequence,
        arrival_ms: 1_545_084_650_987,
        partition_key: Bytes::from_static(b"user-1"),
        data: Bytes::from_static(b"hello"),
        encrypted,
    };
    check_event(
        &SubscribeToShardEvent {
            records: vec![record(false), record(true)],
            continuation: Some(sequence),
            millis_behind_latest: 7,
            child_shards: vec![],
        },
        &expect![[
            r#"{"Records":[{"SequenceNumber":"49590338271490256608559692538361571095921575989136588898","ApproximateArrivalTimestamp":1545084650.987,"Data":"aGVsbG8=","PartitionKey":"user-1"},{"SequenceNumber":"49590338271490256608559692538361571095921575989136588898","ApproximateArrivalTimestamp":1545084650.987,"Data":"aGVsbG8=","PartitionKey":"user-1","EncryptionType":"KMS"}],"ContinuationSequenceNumber":"49590338271490256608559692538361571095921575989136588898","MillisBehindLatest":7}"#
        ]],
    );
    check_event(
        &SubscribeToShardEvent {
            records: vec![],
            continuation: Some(sequence),
            millis_behind_latest: 0,
            child_shards: vec![],
        },
        &expect![[
            r#"{"Records":[],"ContinuationSequenceNumber":"49590338271490256608559692538361571095921575989136588898","MillisBehindLatest":0}"#
        ]],
    );
    check_event(
        &SubscribeToShardEvent {
            records: vec![],
            continuation: None,
            millis_behind_latest: 0,
            child_shards: vec![ChildShard {
                shard: ShardIndex(7),
                parents: vec![ShardIndex(6)],
                range: HashRange {
                    start: HashKey(3),
                    end: HashKey(9),
                },
            }],
        },
        &expect![[
            r#"{"Records":[],"MillisBehindLatest":0,"ChildShards":[{"ShardId":"shardId-000000000007","ParentShards":["shardId-000000000006"],"HashKeyRange":{"StartingHashKey":"3","EndingHashKey":"9"}}]}"#
        ]],
    );
}

#[test]
fn capacity() {
    check(
        &Response::UpdateShardCount(UpdateShardCountOutput {
            stream_name: "clicks".to_owned(),
            stream_arn: stream_arn(),
            current_shard_count: 2,
            target_shard_count: 4,
        }),
        &expect![[
            r#"{"StreamName":"clicks","CurrentShardCount":2,"TargetShardCount":4,"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks"}"#
        ]],
    );
    check(
        &Response::UpdateStreamWarmThroughput(UpdateStreamWarmThroughputOutput {
            stream_name: "clicks".to_owned(),
            stream_arn: stream_arn(),
            warm_throughput: WarmThroughput {
                target_mibps: 100,
                current_mibps: 4,
            },
        }),
        &expect![[
            r#"{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks","StreamName":"clicks","WarmThroughput":{"TargetMiBps":100,"CurrentMiBps":4}}"#
        ]],
    );
    let bound = MinimumThroughputBillingCommitment {
        status: CommitmentStatus::EnabledUntilEarliestAllowedEnd,
        started_at_ms: Some(1_459_799_926_000),
        ended_at_ms: None,
        earliest_allowed_end_at_ms: Some(1_459_886_326_000),
    };
    check(
        &Response::UpdateAccountSettings(UpdateAccountSettingsOutput {
            minimum_throughput_billing_commitment: bound,
        }),
        &expect![[
            r#"{"MinimumThroughputBillingCommitment":{"Status":"ENABLED_UNTIL_EARLIEST_ALLOWED_END","StartedAt":1459799926,"EarliestAllowedEndAt":1459886326}}"#
        ]],
    );
    check(
        &Response::DescribeAccountSettings(DescribeAccountSettingsOutput {
            minimum_throughput_billing_commitment: MinimumThroughputBillingCommitment {
                status: CommitmentStatus::Disabled,
                started_at_ms: None,
                ended_at_ms: Some(1_459_886_326_500),
                earliest_allowed_end_at_ms: None,
            },
        }),
        &expect![[
            r#"{"MinimumThroughputBillingCommitment":{"Status":"DISABLED","EndedAt":1459886326.5}}"#
        ]],
    );
}

#[test]
fn monitoring() {
    check(
        &Response::EnableEnhancedMonitoring(EnableEnhancedMonitoringOutput {
            stream_name: "clicks".to_owned(),
            stream_arn: stream_arn(),
            current_shard_level_metrics: BTreeSet::new(),
            desired_shard_level_metrics: BTreeSet::from(ShardLevelMetric::ALL),
        }),
        &expect![[
            r#"{"StreamName":"clicks","CurrentShardLevelMetrics":[],"DesiredShardLevelMetrics":["IncomingBytes","IncomingRecords","OutgoingBytes","OutgoingRecords","WriteProvisionedThroughputExceeded","ReadProvisionedThroughputExceeded","IteratorAgeMilliseconds"],"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks"}"#
        ]],
    );
    check(
        &Response::DisableEnhancedMonitoring(DisableEnhancedMonitoringOutput {
            stream_name: "clicks".to_owned(),
            stream_arn: stream_arn(),
            current_shard_level_metrics: BTreeSet::from([
                ShardLevelMetric::OutgoingBytes,
                ShardLevelMetric::IncomingBytes,
            ]),
            desired_shard_level_metrics: BTreeSet::from([ShardLevelMetric::OutgoingBytes]),
        }),
        &expect![[
            r#"{"StreamName":"clicks","CurrentShardLevelMetrics":["IncomingBytes","OutgoingBytes"],"DesiredShardLevelMetrics":["OutgoingBytes"],"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks"}"#
        ]],
    );
}

#[test]
fn resources() {
    check(
        &Response::ListTagsForResource(ListTagsForResourceOutput {
            tags: BTreeMap::from([
                ("b".to_owned(), "1".to_owned()),
                ("a".to_owned(), String::new()),
            ]),
        }),
        &expect![[r#"{"Tags":[{"Key":"a","Value":""},{"Key":"b","Value":"1"}]}"#]],
    );
    check(
        &Response::GetResourcePolicy(GetResourcePolicyOutput {
            policy: r#"{"Version": "2012-10-17"}"#.to_owned(),
        }),
        &expect![[r#"{"Policy":"{\"Version\": \"2012-10-17\"}"}"#]],
    );
}
