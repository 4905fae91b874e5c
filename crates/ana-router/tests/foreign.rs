//! Nothing that names one stream opens another: names and ARNs that disagree, ARNs of others, and iterators that are
//! shown together with another stream.

use crate::common;

use std::collections::BTreeMap;

use ana_router::ops::{
    AddTags, CreateStream, DeleteStream, DescribeStream, GetIterator, IteratorKind, ListShards,
    ListTags, MergeShards, PutRecord, PutRecords, ReadRequest, RemoveTags, SetRetention,
    SplitShard, StreamRef,
};
use ana_router::{Answer, Limits, Router};
use ana_types::{KinesisError, ShardIndex};
use common::{Cluster, active, entry, iterator, put_all, read_all, scoped};

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/theirs";

async fn make(router: &Router, name: &str) {
    let create = CreateStream {
        name: name.to_owned(),
        shard_count: Some(1),
        ..CreateStream::default()
    };
    router.create_stream(create).await.expect("created");
    active(router, name).await;
}

/// Every operation that can name a stream both ways, asked for `stream`.
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn all(router: &Router, stream: &StreamRef) -> Vec<(&'static str, Answer<()>)> {
    let stream = || stream.clone();
    let shard_id = || "shardId-000000000000".to_owned();
    let put = PutRecord {
        stream: stream(),
        entry: entry("k", "stray"),
        ordering: None,
    };
    let puts = PutRecords {
        stream: stream(),
        entries: vec![entry("k", "stray")],
    };
    let get = GetIterator {
        stream: stream(),
        shard_id: shard_id(),
        kind: IteratorKind::TrimHorizon,
        sequence: None,
        timestamp_ms: None,
    };
    let split = SplitShard {
        stream: stream(),
        shard_id: shard_id(),
        new_starting_hash_key: "7".to_owned(),
    };
    let merge = MergeShards {
        stream: stream(),
        shard_id: shard_id(),
        adjacent_shard_id: "shardId-000000000001".to_owned(),
    };
    let retention = SetRetention {
        stream: stream(),
        hours: 48,
        increase: true,
    };
    let tags = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    let tags = AddTags {
        stream: stream(),
        tags,
    };
    let untag = RemoveTags {
        stream: stream(),
        keys: vec!["k".to_owned()],
    };
    let list_tags = ListTags {
        stream: stream(),
        ..ListTags::default()
    };
    let describe = DescribeStream {
        stream: stream(),
        ..DescribeStream::default()
    };
    let shards = ListShards {
        stream: stream(),
        ..ListShards::default()
    };
    let delete = DeleteStream {
        stream: stream(),
        ..DeleteStream::default()
    };
    vec![
        ("PutRecord", router.put_record(put).await.map(drop)),
        ("PutRecords", router.put_records(puts).await.map(drop)),
        ("GetShardIterator", router.get_iterator(get).await.map(drop)),
        ("SplitShard", router.split_shard(split).await),
        ("MergeShards", router.merge_shards(merge).await),
        ("SetRetention", router.set_retention(retention).await),
        ("AddTags", router.add_tags(tags).await),
        ("RemoveTags", router.remove_tags(untag).await),
        ("ListTags", router.list_tags(list_tags).await.map(drop)),
        (
            "DescribeStream",
            router.describe_stream(describe).await.map(drop),
        ),
        (
            "DescribeSummary",
            router.describe_summary(stream()).await.map(drop),
        ),
        ("ListShards", router.list_shards(shards).await.map(drop)),
        ("DeleteStream", router.delete_stream(delete).await),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_disagree_and_arns_of_others() {
    scoped(async {
        let cluster = Cluster::start(1, Limits::Off).await;
        let router = cluster.router(1);
        make(router, "ours").await;
        make(router, "theirs").await;
        let foreign = [
            (Some("ours"), ARN.to_owned()),
            (Some("other"), ARN.to_owned()),
            (None, ARN.replace("us-east-1", "eu-west-1")),
            (None, ARN.replace("000000000000", "000000000001")),
            (None, ARN.replace("kinesis", "sqs")),
            (None, format!("{ARN}/consumer/app:1")),
            (None, ARN.replace("stream/theirs", "theirs")),
            (Some("theirs"), ARN.replace("000000000000", "000000000001")),
            (None, "theirs".to_owned()),
        ];
        for (name, arn) in foreign {
            let stream = StreamRef {
                name: name.map(str::to_owned),
                arn: Some(arn),
            };
            for (operation, answer) in all(router, &stream).await {
                let refused = matches!(
                    answer,
                    Err(KinesisError::NameAndArnDiffer { .. } | KinesisError::ArnNotFound { .. })
                );
                assert!(refused, "{operation} of {stream:?}: {answer:?}");
            }
        }
        for name in ["ours", "theirs"] {
            assert_eq!(active(router, name).await.retention_hours, 24);
            assert!(read_all(router, name, ShardIndex(0)).await.0.is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn iterators_of_another_stream() {
    scoped(async {
        let cluster = Cluster::start(1, Limits::Off).await;
        let router = cluster.router(1);
        make(router, "ours").await;
        make(router, "theirs").await;
        put_all(router, "theirs", vec![entry("k", "secret")]).await;
        let at = iterator(router, "theirs", ShardIndex(0), IteratorKind::TrimHorizon).await;
        let at = at.expect("an iterator");
        let read = async |shard: u32, arn: Option<&str>| {
            let request = ReadRequest {
                stream: at.stream,
                shard: ShardIndex(shard),
                position: at.position,
                limit: None,
                arn: arn.map(str::to_owned),
            };
            router.read(request).await
        };
        for arn in [None, Some(ARN)] {
            assert_eq!(
                read(0, arn).await.expect("read").records.len(),
                1,
                "{arn:?}"
            );
        }
        for arn in [
            &*ARN.replace("theirs", "ours"),
            &ARN.replace("theirs", "nobodys"),
            &ARN.replace("us-east-1", "eu-west-1"),
            &ARN.replace("000000000000", "000000000001"),
            &format!("{ARN}/consumer/app:1"),
            "theirs",
            "",
        ] {
            let answer = read(0, Some(arn)).await;
            let other = KinesisError::IteratorOfOtherStream {
                arn: arn.to_owned(),
            };
            assert_eq!(answer.map(|it| it.records), Err(other), "{arn}");
        }
        let answer = read(1, None).await.map(|it| it.records);
        assert!(
            matches!(answer, Err(KinesisError::ShardDoesNotExist { .. })),
            "{answer:?}"
        );
    })
    .await;
}
