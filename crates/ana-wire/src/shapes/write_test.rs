//! What AWS's clients read: members, forms of values, and what is left out.

use std::collections::BTreeSet;

use ana_types::{
    HashKey, HashRange, Position, SequenceNumber, ShardIndex, ShardLevelMetric, StoredRecord,
    StreamMode, StreamStatus,
};
use bytes::Bytes;
use expect_test::{Expect, expect};
use serde_json::Value as Json;

use super::{
    ChildShard, DescribeLimitsOutput, DescribeStreamOutput, DescribeStreamSummaryOutput,
    GetRecordsOutput, GetShardIteratorOutput, ListShardsOutput, ListStreamsOutput,
    ListTagsForStreamOutput, PutRecordOutput, PutRecordsOutput, PutRecordsResultEntry, Response,
    Shard, StreamFacts, WarmThroughput,
};
use crate::cbor::samples::answer_as_json;
use crate::encode_response;
use crate::fault::Fault;
use crate::format::Format;

fn check(response: &Response, expect: &Expect) {
    let body = encode_response(Format::Json, response);
    let json: Json = serde_json::from_slice(&body).expect("an answer is JSON");
    assert!(json.is_object());
    let in_cbor = answer_as_json(&encode_response(Format::Cbor, response));
    assert_eq!(in_cbor, json, "CBOR says the same");
    expect.assert_eq(&String::from_utf8(body).expect("UTF-8"));
}

fn sequence(position: u64) -> SequenceNumber {
    SequenceNumber {
        created_s: 1_542_776_258,
        shard: ShardIndex(6),
        position: Position(position),
        time_s: 1_545_084_650,
    }
}

fn facts() -> StreamFacts {
    StreamFacts {
        name: "clicks".to_owned(),
        arn: "arn:aws:kinesis:us-east-1:000000000000:stream/clicks".to_owned(),
        status: StreamStatus::Active,
        mode: StreamMode::OnDemand,
        created_ms: 1_459_799_926_480,
    }
}

fn shard(parent: Option<u32>, ending: Option<u64>) -> Shard {
    Shard {
        shard: ShardIndex(6),
        parent: parent.map(ShardIndex),
        adjacent_parent: parent.map(|parent| ShardIndex(parent + 1)),
        range: HashRange {
            start: HashKey(0),
            end: HashKey::MAX,
        },
        starting: sequence(0),
        ending: ending.map(sequence),
    }
}

fn metrics() -> BTreeSet<ShardLevelMetric> {
    BTreeSet::from([
        ShardLevelMetric::OutgoingBytes,
        ShardLevelMetric::IncomingBytes,
    ])
}

const WARM: WarmThroughput = WarmThroughput {
    target_mibps: 100,
    current_mibps: 4,
};

#[test]
fn puts() {
    let put = PutRecordOutput {
        shard: ShardIndex(6),
        sequence: sequence(1_734_642_199),
        encrypted: false,
    };
    check(
        &Response::PutRecord(put),
        &expect![[
            r#"{"ShardId":"shardId-000000000006","SequenceNumber":"49590338271490256608559692538361571095921575989136588898"}"#
        ]],
    );
    let entry = PutRecordsResultEntry {
        shard: put.shard,
        sequence: put.sequence,
    };
    check(
        &Response::PutRecords(PutRecordsOutput {
            records: vec![Ok(entry), Err(Fault::internal())],
            encrypted: false,
        }),
        &expect![[
            r#"{"FailedRecordCount":1,"Records":[{"ShardId":"shardId-000000000006","SequenceNumber":"49590338271490256608559692538361571095921575989136588898"},{"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."}]}"#
        ]],
    );
    check(
        &Response::PutRecords(PutRecordsOutput {
            records: vec![Ok(entry)],
            encrypted: true,
        }),
        &expect![[
            r#"{"FailedRecordCount":0,"Records":[{"ShardId":"shardId-000000000006","SequenceNumber":"49590338271490256608559692538361571095921575989136588898"}],"EncryptionType":"KMS"}"#
        ]],
    );
    let put = PutRecordOutput {
        encrypted: true,
        ..put
    };
    check(
        &Response::PutRecord(put),
        &expect![[
            r#"{"ShardId":"shardId-000000000006","SequenceNumber":"49590338271490256608559692538361571095921575989136588898","EncryptionType":"KMS"}"#
        ]],
    );
    assert!(encode_response(Format::Json, &Response::Empty).is_empty());
}

#[test]
fn reads() {
    let record = StoredRecord {
        sequence: sequence(1_734_642_199),
        arrival_ms: 1_545_084_650_987,
        partition_key: Bytes::from("üser\n"),
        data: Bytes::from_static(b"hello"),
        encrypted: false,
    };
    check(
        &Response::GetRecords(GetRecordsOutput {
            records: vec![record],
            next_shard_iterator: Some("AAAA".to_owned()),
            millis_behind_latest: 0,
            child_shards: vec![],
        }),
        &expect![[
            r#"{"Records":[{"SequenceNumber":"49590338271490256608559692538361571095921575989136588898","ApproximateArrivalTimestamp":1545084650.987,"Data":"aGVsbG8=","PartitionKey":"üser\n"}],"NextShardIterator":"AAAA","MillisBehindLatest":0}"#
        ]],
    );
    check(
        &Response::GetRecords(GetRecordsOutput {
            records: vec![],
            next_shard_iterator: None,
            millis_behind_latest: 7,
            child_shards: vec![ChildShard {
                shard: ShardIndex(2),
                parents: vec![ShardIndex(0), ShardIndex(1)],
                range: HashRange {
                    start: HashKey(3),
                    end: HashKey(9),
                },
            }],
        }),
        &expect![[
            r#"{"Records":[],"MillisBehindLatest":7,"ChildShards":[{"ShardId":"shardId-000000000002","ParentShards":["shardId-000000000000","shardId-000000000001"],"HashKeyRange":{"StartingHashKey":"3","EndingHashKey":"9"}}]}"#
        ]],
    );
    check(
        &Response::GetShardIterator(GetShardIteratorOutput {
            shard_iterator: "AB/+=".to_owned(),
        }),
        &expect![[r#"{"ShardIterator":"AB/+="}"#]],
    );
}

#[test]
fn descriptions() {
    check(
        &Response::DescribeStream(DescribeStreamOutput {
            stream: facts(),
            retention_hours: 24,
            shard_level_metrics: BTreeSet::new(),
            encryption_key: None,
            shards: vec![shard(None, None)],
            has_more_shards: false,
        }),
        &expect![[
            r#"{"StreamDescription":{"StreamName":"clicks","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"StreamCreationTimestamp":1459799926.48,"RetentionPeriodHours":24,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE","Shards":[{"ShardId":"shardId-000000000006","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"340282366920938463463374607431768211455"},"SequenceNumberRange":{"StartingSequenceNumber":"49590338271490256608557595484619406898237394112821067874"}}],"HasMoreShards":false}}"#
        ]],
    );
    check(
        &Response::DescribeStreamSummary(DescribeStreamSummaryOutput {
            stream: facts(),
            retention_hours: 24,
            shard_level_metrics: BTreeSet::new(),
            encryption_key: None,
            open_shard_count: 4,
            consumer_count: 0,
            max_record_kib: 1024,
            warm_throughput: None,
        }),
        &expect![[
            r#"{"StreamDescriptionSummary":{"StreamName":"clicks","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"StreamCreationTimestamp":1459799926.48,"RetentionPeriodHours":24,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE","OpenShardCount":4,"ConsumerCount":0,"MaxRecordSizeInKiB":1024}}"#
        ]],
    );
    check(
        &Response::DescribeStreamSummary(DescribeStreamSummaryOutput {
            stream: facts(),
            retention_hours: 24,
            shard_level_metrics: metrics(),
            encryption_key: Some("alias/k".to_owned()),
            open_shard_count: 4,
            consumer_count: 2,
            max_record_kib: 1024,
            warm_throughput: Some(WARM),
        }),
        &expect![[
            r#"{"StreamDescriptionSummary":{"StreamName":"clicks","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"StreamCreationTimestamp":1459799926.48,"RetentionPeriodHours":24,"EnhancedMonitoring":[{"ShardLevelMetrics":["IncomingBytes","OutgoingBytes"]}],"EncryptionType":"KMS","KeyId":"alias/k","OpenShardCount":4,"ConsumerCount":2,"WarmThroughput":{"TargetMiBps":100,"CurrentMiBps":4},"MaxRecordSizeInKiB":1024}}"#
        ]],
    );
    check(
        &Response::DescribeStream(DescribeStreamOutput {
            stream: facts(),
            retention_hours: 24,
            shard_level_metrics: metrics(),
            encryption_key: Some("alias/k".to_owned()),
            shards: vec![],
            has_more_shards: false,
        }),
        &expect![[
            r#"{"StreamDescription":{"StreamName":"clicks","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"StreamCreationTimestamp":1459799926.48,"RetentionPeriodHours":24,"EnhancedMonitoring":[{"ShardLevelMetrics":["IncomingBytes","OutgoingBytes"]}],"EncryptionType":"KMS","KeyId":"alias/k","Shards":[],"HasMoreShards":false}}"#
        ]],
    );
    check(
        &Response::DescribeLimits(DescribeLimitsOutput {
            shard_limit: 20_000,
            open_shard_count: 1,
            on_demand_stream_count: 0,
            on_demand_stream_count_limit: 50,
        }),
        &expect![[
            r#"{"ShardLimit":20000,"OpenShardCount":1,"OnDemandStreamCount":0,"OnDemandStreamCountLimit":50}"#
        ]],
    );
}

#[test]
fn lists() {
    check(
        &Response::ListStreams(ListStreamsOutput {
            streams: vec![facts()],
            has_more_streams: true,
            next_token: Some("t".to_owned()),
        }),
        &expect![[
            r#"{"StreamNames":["clicks"],"HasMoreStreams":true,"NextToken":"t","StreamSummaries":[{"StreamName":"clicks","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"StreamCreationTimestamp":1459799926.48}]}"#
        ]],
    );
    check(
        &Response::ListShards(ListShardsOutput {
            shards: vec![shard(Some(2), Some(0x7fff_ffff_ffff_ffff))],
            next_token: None,
        }),
        &expect![[
            r#"{"Shards":[{"ShardId":"shardId-000000000006","ParentShardId":"shardId-000000000002","AdjacentParentShardId":"shardId-000000000003","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"340282366920938463463374607431768211455"},"SequenceNumberRange":{"StartingSequenceNumber":"49590338271490256608557595484619406898237394112821067874","EndingSequenceNumber":"49590338271501406981156860796188965831554103664399351906"}}]}"#
        ]],
    );
    check(
        &Response::ListTagsForStream(ListTagsForStreamOutput {
            tags: vec![("a".to_owned(), String::new())],
            has_more_tags: false,
        }),
        &expect![[r#"{"Tags":[{"Key":"a","Value":""}],"HasMoreTags":false}"#]],
    );
}
