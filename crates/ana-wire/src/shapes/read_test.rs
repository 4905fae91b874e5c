//! What each operation's members become: one body per operation, and the value it must be read as.

use std::collections::{BTreeMap, BTreeSet};

use ana_types::{CommitmentStatus, EncryptionType, IteratorKind, ShardLevelMetric, StreamMode};
use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::*;
use crate::cbor::samples::{Style, request as in_cbor};
use crate::decode_request;
use crate::format::Format;
use crate::model::Model;

const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks";
const CONSUMER_ARN: &str =
    "arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/app:1795309323";

/// The body means this request. A `StreamId` beside it changes nothing.
#[expect(
    clippy::needless_pass_by_value,
    reason = "every caller makes the value on the spot"
)]
fn check(body: &Json, wanted: Request) {
    let operation = wanted.operation();
    for stream_id in [Json::Null, json!("abcdefghij0123456789-xyz")] {
        let mut body = body.clone();
        body["StreamId"] = stream_id;
        let request = decode_request(operation, Format::Json, body.to_string().as_bytes());
        assert_eq!(request.as_ref(), Ok(&wanted), "{body}");
        let in_cbor = in_cbor(&body, Model::get().input(operation), Style::PLAIN);
        let request = decode_request(operation, Format::Cbor, &in_cbor);
        assert_eq!(request.as_ref(), Ok(&wanted), "{body} in CBOR");
    }
}

fn by_name() -> StreamTarget {
    StreamTarget {
        name: Some("clicks".to_owned()),
        arn: None,
    }
}

fn by_arn() -> StreamTarget {
    StreamTarget {
        name: None,
        arn: Some(STREAM_ARN.to_owned()),
    }
}

fn tags() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("team".to_owned(), "web".to_owned()),
        ("empty".to_owned(), String::new()),
    ])
}

#[test]
fn consumers() {
    check(
        &json!({"StreamARN": STREAM_ARN, "ConsumerName": "app", "Tags": {"team": "web", "empty": ""}}),
        Request::RegisterStreamConsumer(RegisterStreamConsumerInput {
            stream_arn: STREAM_ARN.to_owned(),
            consumer_name: "app".to_owned(),
            tags: tags(),
        }),
    );
    check(
        &json!({"StreamARN": STREAM_ARN, "ConsumerName": "app"}),
        Request::DeregisterStreamConsumer(DeregisterStreamConsumerInput {
            consumer: ConsumerTarget {
                stream_arn: Some(STREAM_ARN.to_owned()),
                consumer_name: Some("app".to_owned()),
                consumer_arn: None,
            },
        }),
    );
    check(
        &json!({"ConsumerARN": CONSUMER_ARN}),
        Request::DescribeStreamConsumer(DescribeStreamConsumerInput {
            consumer: ConsumerTarget {
                consumer_arn: Some(CONSUMER_ARN.to_owned()),
                ..ConsumerTarget::default()
            },
        }),
    );
    check(
        &json!({"StreamARN": STREAM_ARN, "NextToken": "t", "MaxResults": 7, "StreamCreationTimestamp": 1.5}),
        Request::ListStreamConsumers(ListStreamConsumersInput {
            stream_arn: STREAM_ARN.to_owned(),
            next_token: Some("t".to_owned()),
            max_results: Some(7),
            stream_creation_ms: Some(1500),
        }),
    );
}

#[test]
fn subscriptions() {
    let subscribe = |kind, sequence_number: Option<&str>, timestamp_ms, dry_run| {
        Request::SubscribeToShard(SubscribeToShardInput {
            consumer_arn: CONSUMER_ARN.to_owned(),
            shard_id: "shardId-000000000003".to_owned(),
            kind,
            sequence_number: sequence_number.map(ToOwned::to_owned),
            timestamp_ms,
            dry_run,
        })
    };
    for (position, wanted) in [
        (
            json!({"Type": "LATEST"}),
            subscribe(IteratorKind::Latest, None, None, true),
        ),
        (
            json!({"Type": "TRIM_HORIZON"}),
            subscribe(IteratorKind::TrimHorizon, None, None, true),
        ),
        (
            json!({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": "7"}),
            subscribe(IteratorKind::AtSequenceNumber, Some("7"), None, true),
        ),
        (
            json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "0"}),
            subscribe(IteratorKind::AfterSequenceNumber, Some("0"), None, true),
        ),
        (
            json!({"Type": "AT_TIMESTAMP", "Timestamp": 1_795_309_323.456}),
            subscribe(
                IteratorKind::AtTimestamp,
                None,
                Some(1_795_309_323_456),
                true,
            ),
        ),
    ] {
        check(
            &json!({"ConsumerARN": CONSUMER_ARN, "ShardId": "shardId-000000000003", "StartingPosition": position, "DryRun": true}),
            wanted,
        );
    }
    check(
        &json!({"ConsumerARN": CONSUMER_ARN, "ShardId": "shardId-000000000003", "StartingPosition": {"Type": "LATEST"}}),
        subscribe(IteratorKind::Latest, None, None, false),
    );
}

#[test]
fn capacity() {
    check(
        &json!({"StreamName": "clicks", "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"}),
        Request::UpdateShardCount(UpdateShardCountInput {
            stream: by_name(),
            target_shard_count: 4,
        }),
    );
    for (name, mode) in [
        ("ON_DEMAND", StreamMode::OnDemand),
        ("PROVISIONED", StreamMode::Provisioned),
    ] {
        check(
            &json!({"StreamARN": STREAM_ARN, "StreamModeDetails": {"StreamMode": name}, "WarmThroughputMiBps": 10}),
            Request::UpdateStreamMode(UpdateStreamModeInput {
                stream_arn: STREAM_ARN.to_owned(),
                mode,
                warm_throughput_mibps: Some(10),
            }),
        );
    }
    check(
        &json!({"StreamARN": STREAM_ARN, "WarmThroughputMiBps": 0}),
        Request::UpdateStreamWarmThroughput(UpdateStreamWarmThroughputInput {
            stream: by_arn(),
            warm_throughput_mibps: 0,
        }),
    );
    check(
        &json!({"StreamARN": STREAM_ARN, "MaxRecordSizeInKiB": 10240}),
        Request::UpdateMaxRecordSize(UpdateMaxRecordSizeInput {
            stream: by_arn(),
            max_record_kib: 10_240,
        }),
    );
    // The operation knows no StreamName: it is skipped like any unknown member.
    check(
        &json!({"StreamName": "clicks", "MaxRecordSizeInKiB": 1024}),
        Request::UpdateMaxRecordSize(UpdateMaxRecordSizeInput {
            stream: StreamTarget::default(),
            max_record_kib: 1024,
        }),
    );
    check(
        &json!({"StreamName": "clicks", "WarmThroughputMiBps": 7, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "RecordDistributionStrategy": "AUTO"}),
        Request::CreateStream(CreateStreamInput {
            stream_name: "clicks".to_owned(),
            shard_count: None,
            mode: Some(StreamMode::OnDemand),
            tags: BTreeMap::new(),
            warm_throughput_mibps: Some(7),
            max_record_kib: None,
            record_distribution: Some("AUTO".to_owned()),
        }),
    );
    for (name, status) in [
        ("ENABLED", CommitmentStatus::Enabled),
        ("DISABLED", CommitmentStatus::Disabled),
    ] {
        check(
            &json!({"MinimumThroughputBillingCommitment": {"Status": name}}),
            Request::UpdateAccountSettings(UpdateAccountSettingsInput {
                minimum_throughput_billing_commitment: status,
            }),
        );
    }
    check(
        &json!({}),
        Request::DescribeAccountSettings(DescribeAccountSettingsInput {}),
    );
}

#[test]
fn monitoring_and_encryption() {
    let some = BTreeSet::from([
        ShardLevelMetric::IncomingBytes,
        ShardLevelMetric::IteratorAgeMilliseconds,
    ]);
    for (names, shard_level_metrics) in [
        (
            json!(["IteratorAgeMilliseconds", "IncomingBytes", "IncomingBytes"]),
            some,
        ),
        (
            json!(["IncomingBytes", "ALL"]),
            BTreeSet::from(ShardLevelMetric::ALL),
        ),
    ] {
        let body = json!({"StreamName": "clicks", "ShardLevelMetrics": names});
        check(
            &body,
            Request::EnableEnhancedMonitoring(EnableEnhancedMonitoringInput {
                stream: by_name(),
                shard_level_metrics: shard_level_metrics.clone(),
            }),
        );
        check(
            &body,
            Request::DisableEnhancedMonitoring(DisableEnhancedMonitoringInput {
                stream: by_name(),
                shard_level_metrics,
            }),
        );
    }
    for (name, encryption_type) in [("KMS", EncryptionType::Kms), ("NONE", EncryptionType::None)] {
        let body = json!({"StreamARN": STREAM_ARN, "EncryptionType": name, "KeyId": "alias/k"});
        check(
            &body,
            Request::StartStreamEncryption(StartStreamEncryptionInput {
                stream: by_arn(),
                encryption_type,
                key_id: "alias/k".to_owned(),
            }),
        );
        check(
            &body,
            Request::StopStreamEncryption(StopStreamEncryptionInput {
                stream: by_arn(),
                encryption_type,
                key_id: "alias/k".to_owned(),
            }),
        );
    }
}

#[test]
fn resources() {
    let resource_arn = || CONSUMER_ARN.to_owned();
    check(
        &json!({"ResourceARN": CONSUMER_ARN, "Tags": {"team": "web", "empty": ""}}),
        Request::TagResource(TagResourceInput {
            resource_arn: resource_arn(),
            tags: tags(),
        }),
    );
    check(
        &json!({"ResourceARN": CONSUMER_ARN, "TagKeys": ["team", "x"]}),
        Request::UntagResource(UntagResourceInput {
            resource_arn: resource_arn(),
            tag_keys: vec!["team".to_owned(), "x".to_owned()],
        }),
    );
    check(
        &json!({"ResourceARN": CONSUMER_ARN}),
        Request::ListTagsForResource(ListTagsForResourceInput {
            resource_arn: resource_arn(),
        }),
    );
    check(
        &json!({"ResourceARN": CONSUMER_ARN, "Policy": "{\"a\": 1}"}),
        Request::PutResourcePolicy(PutResourcePolicyInput {
            resource_arn: resource_arn(),
            policy: "{\"a\": 1}".to_owned(),
        }),
    );
    check(
        &json!({"ResourceARN": CONSUMER_ARN}),
        Request::GetResourcePolicy(GetResourcePolicyInput {
            resource_arn: resource_arn(),
        }),
    );
    check(
        &json!({"ResourceARN": CONSUMER_ARN}),
        Request::DeleteResourcePolicy(DeleteResourcePolicyInput {
            resource_arn: resource_arn(),
        }),
    );
}

/// Both ways in read it (see `fast`): a member it does not know makes the short way give up.
#[test]
fn dry_runs_of_the_data_operations() {
    for (given, dry_run) in [
        (json!(true), true),
        (json!(false), false),
        (Json::Null, false),
    ] {
        for other in [Json::Null, json!([])] {
            check(
                &json!({"StreamName": "clicks", "Data": "aGVsbG8=", "PartitionKey": "k", "DryRun": given, "Other": other}),
                Request::PutRecord(PutRecordInput {
                    stream: by_name(),
                    data: Bytes::from_static(b"hello"),
                    partition_key: "k".to_owned(),
                    explicit_hash_key: None,
                    sequence_number_for_ordering: None,
                    dry_run,
                }),
            );
            check(
                &json!({"StreamName": "clicks", "Records": [{"Data": "", "PartitionKey": "k", "ExplicitHashKey": "7"}], "DryRun": given, "Other": other}),
                Request::PutRecords(PutRecordsInput {
                    stream: by_name(),
                    records: vec![PutRecordsEntry {
                        data: Bytes::new(),
                        partition_key: "k".to_owned(),
                        explicit_hash_key: Some("7".to_owned()),
                    }],
                    dry_run,
                }),
            );
        }
        check(
            &json!({"ShardIterator": "AAAA", "DryRun": given}),
            Request::GetRecords(GetRecordsInput {
                shard_iterator: "AAAA".to_owned(),
                limit: None,
                stream_arn: None,
                dry_run,
            }),
        );
        check(
            &json!({"StreamName": "clicks", "ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST", "DryRun": given}),
            Request::GetShardIterator(GetShardIteratorInput {
                stream: by_name(),
                shard_id: "shardId-000000000000".to_owned(),
                kind: IteratorKind::Latest,
                starting_sequence_number: None,
                timestamp_ms: None,
                dry_run,
            }),
        );
    }
}
