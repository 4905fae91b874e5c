//! The operations over three nodes, each asked of another node than the one before.

use crate::common;

use std::collections::{BTreeMap, BTreeSet};

use ana_router::Limits;
use ana_router::ops::{
    AddTags, CreateStream, DeleteStream, GetIterator, IteratorKind, ListShards, ListStreams,
    ListTags, MergeShards, PutRecord, RemoveTags, SetRetention, ShardFilter, ShardFilterKind,
    SplitShard, StreamRef,
};
use ana_types::{KinesisError, ShardIndex, StreamMode};
use common::{
    Cluster, active, describe, entry, eventually, iterator, put_all, read, read_all, scoped,
};

fn create(name: &str, shards: u32) -> CreateStream {
    CreateStream {
        name: name.to_owned(),
        shard_count: Some(shards),
        ..CreateStream::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_live_and_die() {
    scoped(async {
        let cluster = Cluster::start(3, Limits::Aws).await;
        let (a, b, c) = (cluster.router(1), cluster.router(2), cluster.router(3));
        let missing = describe(a, "orders").await;
        assert!(matches!(missing, Err(KinesisError::StreamNotFound { .. })));
        a.create_stream(create("orders", 3)).await.expect("created");
        let again = b.create_stream(create("orders", 3)).await;
        assert!(matches!(again, Err(KinesisError::StreamExists { .. })));
        let view = active(c, "orders").await;
        assert_eq!(view.shards.len(), 3);
        assert_eq!(
            (view.mode, view.retention_hours),
            (StreamMode::Provisioned, 24)
        );
        assert_eq!(
            view.arn,
            "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
        );

        b.create_stream(CreateStream {
            name: "auto".to_owned(),
            ..CreateStream::default()
        })
        .await
        .expect("created");
        assert_eq!(active(a, "auto").await.mode, StreamMode::OnDemand);
        let listed = c
            .list_streams(ListStreams {
                limit: Some(1),
                ..ListStreams::default()
            })
            .await;
        let listed = listed.expect("a list");
        assert_eq!(
            (listed.streams[0].name.as_str(), listed.has_more),
            ("auto", true)
        );

        settings(&cluster).await;
        let stream = StreamRef::by_name("orders");
        let position = iterator(a, "orders", ShardIndex(0), IteratorKind::TrimHorizon).await;
        let position = position.expect("an iterator");
        let delete = DeleteStream {
            stream,
            ..DeleteStream::default()
        };
        b.delete_stream(delete).await.expect("deleted");
        eventually("the stream is gone", async || {
            matches!(
                describe(c, "orders").await,
                Err(KinesisError::StreamNotFound { .. })
            )
            .then_some(())
        })
        .await;
        a.create_stream(create("orders", 1))
            .await
            .expect("the name is free");
        active(b, "orders").await;
        put_all(c, "orders", vec![entry("k", "new")]).await;
        let old = read(a, position).await;
        assert!(
            matches!(old, Err(KinesisError::ShardDoesNotExist { .. })),
            "{old:?}"
        );
        assert_eq!(read_all(b, "orders", ShardIndex(0)).await.0[0].1, "new");
    })
    .await;
}

/// Tags, retention, limits and the summary of a stream of three shards.
async fn settings(cluster: &Cluster) {
    let (a, b, c) = (cluster.router(1), cluster.router(2), cluster.router(3));
    let stream = StreamRef::by_name("orders");
    let tags = BTreeMap::from([
        ("k".to_owned(), "v".to_owned()),
        ("l".to_owned(), String::new()),
    ]);
    a.add_tags(AddTags {
        stream: stream.clone(),
        tags,
    })
    .await
    .expect("tags");
    let keys = vec!["l".to_owned(), "unknown".to_owned()];
    b.remove_tags(RemoveTags {
        stream: stream.clone(),
        keys,
    })
    .await
    .expect("removed");
    let page = c
        .list_tags(ListTags {
            stream: stream.clone(),
            ..ListTags::default()
        })
        .await;
    assert_eq!(page.expect("tags").tags, [("k".to_owned(), "v".to_owned())]);

    let longer = SetRetention {
        stream: stream.clone(),
        hours: 48,
        increase: true,
    };
    a.set_retention(longer).await.expect("longer");
    assert_eq!(active(b, "orders").await.retention_hours, 48);
    let limits = c.describe_limits().await.expect("limits");
    assert_eq!((limits.open_shards, limits.on_demand_streams), (3, 1));
    let summary = a.describe_summary(stream.clone()).await.expect("a summary");
    assert_eq!((summary.open_shards, summary.max_record_kib), (3, 1024));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_go_in_and_come_out() {
    scoped(async {
        let cluster = Cluster::start(3, Limits::Off).await;
        cluster
            .router(1)
            .create_stream(create("s", 3))
            .await
            .expect("created");
        active(cluster.router(2), "s").await;
        let mut acknowledged = BTreeMap::new();
        for round in 0..9_u64 {
            let entries: Vec<_> = (0..100)
                .map(|i| entry(&format!("key-{i}"), &format!("{round}/{i}")))
                .collect();
            let texts: Vec<_> = (0..100).map(|i| format!("{round}/{i}")).collect();
            let placed = put_all(cluster.router(1 + round % 3), "s", entries).await;
            for ((shard, sequence), text) in placed.into_iter().zip(texts) {
                assert!(
                    acknowledged.insert((shard, sequence), text).is_none(),
                    "no number twice"
                );
            }
        }
        for reader in 1..=3 {
            let mut seen = BTreeMap::new();
            for shard in (0..3).map(ShardIndex) {
                let (records, last) = read_all(cluster.router(reader), "s", shard).await;
                assert!(records.windows(2).all(|it| it[0].0 < it[1].0), "in order");
                assert_eq!(last.millis_behind, 0);
                assert!(
                    last.next.is_some() && last.children.is_empty(),
                    "an open shard goes on"
                );
                seen.extend(
                    records
                        .into_iter()
                        .map(|(sequence, text)| ((shard, sequence), text)),
                );
            }
            assert_eq!(seen, acknowledged, "read through node {reader}");
        }
        positions(&cluster).await;
        single_records(&cluster).await;
    })
    .await;
}

/// The five kinds of iterators, on a shard with records.
async fn positions(cluster: &Cluster) {
    let (shard, router) = (ShardIndex(1), cluster.router(2));
    let (records, _) = read_all(router, "s", shard).await;
    let sought = &records[records.len() / 2];
    let ask = |kind, sequence: Option<String>, timestamp_ms| {
        let stream = StreamRef::by_name("s");
        let shard_id = shard.to_string();
        router.get_iterator(GetIterator {
            stream,
            shard_id,
            kind,
            sequence,
            timestamp_ms,
        })
    };
    let text = Some(sought.0.to_string());
    let at = ask(IteratorKind::AtSequenceNumber, text.clone(), None)
        .await
        .expect("at");
    assert_eq!(
        read(router, at).await.expect("read").records[0].sequence,
        sought.0
    );
    let after = ask(IteratorKind::AfterSequenceNumber, text, None)
        .await
        .expect("after");
    assert!(read(router, after).await.expect("read").records[0].sequence > sought.0);
    let by_time = ask(
        IteratorKind::AtTimestamp,
        None,
        Some(sought.0.time_s * 1000),
    )
    .await;
    let by_time = read(router, by_time.expect("time")).await.expect("read");
    assert!(
        by_time.records[0].sequence <= sought.0,
        "nothing of that second is passed over"
    );
    let latest = ask(IteratorKind::Latest, None, None).await.expect("latest");
    assert!(read(router, latest).await.expect("read").records.is_empty());
    let mut entries = Vec::new();
    for i in 0..30 {
        entries.push(entry(&format!("late-{i}"), "late"));
    }
    let placed = put_all(cluster.router(3), "s", entries).await;
    let expected = placed.iter().filter(|it| it.0 == shard).count();
    assert_eq!(
        read(router, latest).await.expect("read").records.len(),
        expected
    );
    let unknown = iterator(router, "s", ShardIndex(9), IteratorKind::Latest).await;
    assert!(
        matches!(unknown, Err(KinesisError::ShardDoesNotExist { .. })),
        "{unknown:?}"
    );
}

/// What PutRecord refuses, and that it says where the record went.
async fn single_records(cluster: &Cluster) {
    let router = cluster.router(1);
    let put = |key: &str, explicit: Option<&str>, size: usize, ordering: Option<&str>| {
        let mut entry = entry(key, &"x".repeat(size));
        entry.explicit_hash_key = explicit.map(str::to_owned);
        let stream = StreamRef::by_name("s");
        router.put_record(PutRecord {
            stream,
            entry,
            ordering: ordering.map(str::to_owned),
        })
    };
    let max = u128::MAX.to_string();
    let first = put("k", Some(&max), 1, None).await.expect("placed");
    assert_eq!(first.shard, ShardIndex(2));
    let next = put("k", Some(&max), 1, Some(&first.sequence.to_string()))
        .await
        .expect("placed");
    assert!(next.sequence > first.sequence);
    let too_large = put(
        "k",
        Some("340282366920938463463374607431768211456"),
        1,
        None,
    )
    .await;
    assert!(matches!(
        too_large,
        Err(KinesisError::InvalidExplicitHashKey { .. })
    ));
    let ordering = put("k", None, 1, Some("5")).await;
    assert!(
        matches!(ordering, Err(KinesisError::InvalidOrdering { .. })),
        "{ordering:?}"
    );
    put("k", None, (1 << 20) - 1, None)
        .await
        .expect("1 MiB with its key");
    let big = put("k", None, 1 << 20, None).await;
    assert!(
        matches!(big, Err(KinesisError::RecordTooLarge { .. })),
        "{big:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_split_and_merge_under_fire() {
    scoped(async {
        let cluster = Cluster::start(3, Limits::Off).await;
        cluster
            .router(1)
            .create_stream(create("s", 2))
            .await
            .expect("created");
        active(cluster.router(1), "s").await;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let writers: Vec<_> = (1..=3)
            .map(|node| {
                let router = cluster.router(node).clone();
                let stopped = stopped.clone();
                ana_env::runtime::spawn(async move { write_until(&router, node, &stopped).await })
            })
            .collect();

        let stream = StreamRef::by_name("s");
        let shard_id = ShardIndex(0).to_string();
        let new_starting_hash_key = (1_u128 << 126).to_string();
        let split = SplitShard {
            stream: stream.clone(),
            shard_id,
            new_starting_hash_key,
        };
        cluster.router(2).split_shard(split).await.expect("begun");
        assert_eq!(active(cluster.router(3), "s").await.shards.len(), 4);
        // Shard 3 (the upper child) and shard 1 lie next to each other, in different groups.
        let (a, b) = (ShardIndex(3).to_string(), ShardIndex(1).to_string());
        let merge = MergeShards {
            stream: stream.clone(),
            shard_id: a,
            adjacent_shard_id: b,
        };
        cluster.router(3).merge_shards(merge).await.expect("begun");
        let view = active(cluster.router(1), "s").await;
        assert_eq!(view.shards.len(), 5);
        ana_env::time::sleep(std::time::Duration::from_millis(300)).await;
        stop.send_replace(true);
        let mut acknowledged = BTreeSet::new();
        for writer in writers {
            acknowledged.extend(writer.await.expect("the writer ends"));
        }
        check_lineage(&cluster, &acknowledged).await;

        let filter = ShardFilter {
            kind: ShardFilterKind::AtLatest,
            shard_id: None,
            timestamp_ms: None,
        };
        let list = ListShards {
            stream,
            filter: Some(filter),
            ..ListShards::default()
        };
        let open = cluster
            .router(2)
            .list_shards(list)
            .await
            .expect("a list")
            .shards;
        assert_eq!(open.iter().map(|it| it.shard.0).collect::<Vec<_>>(), [2, 4]);
    })
    .await;
}

/// Puts numbered records for many keys, every one acknowledged; answers what was.
async fn write_until(
    router: &ana_router::Router,
    node: u64,
    stopped: &tokio::sync::watch::Receiver<bool>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut round = 0;
    while !*stopped.borrow() {
        let texts: Vec<_> = (0..20).map(|i| format!("{node}-{i}/{round}")).collect();
        let entries = (0..20)
            .zip(&texts)
            .map(|(i, text)| entry(&format!("{node}-{i}"), text));
        put_all(router, "s", entries.collect()).await;
        acknowledged.extend(texts);
        round += 1;
    }
    assert!(round > 3, "the writer got somewhere");
    acknowledged
}

/// Reads parents before children: every record once, each key in order, every end with children.
async fn check_lineage(cluster: &Cluster, acknowledged: &BTreeSet<String>) {
    let mut seen = Vec::new();
    for (shard, children) in [(0, &[2, 3][..]), (1, &[4]), (2, &[]), (3, &[4]), (4, &[])] {
        let (records, last) = read_all(cluster.router(1), "s", ShardIndex(shard)).await;
        let told: Vec<_> = last.children.iter().map(|it| it.shard.0).collect();
        assert_eq!(told, children, "children of shard {shard}");
        assert_eq!(
            last.next.is_none(),
            !children.is_empty(),
            "shard {shard} ends with its children"
        );
        seen.extend(records.into_iter().map(|(_, text)| text));
        let latest = iterator(
            cluster.router(2),
            "s",
            ShardIndex(shard),
            IteratorKind::Latest,
        )
        .await;
        let answer = read(cluster.router(2), latest.expect("latest"))
            .await
            .expect("read");
        assert_eq!(
            answer.next.is_none(),
            !children.is_empty(),
            "LATEST on a closed shard ends at once"
        );
    }
    let mut last_round: BTreeMap<&str, i64> = BTreeMap::new();
    for text in &seen {
        let (key, round) = text.split_once('/').expect("our own text");
        let round: i64 = round.parse().expect("a number");
        let before = last_round.insert(key, round).unwrap_or(-1);
        assert_eq!(
            before + 1,
            round,
            "key {key} in order, nothing lost, nothing twice"
        );
    }
    let unique: BTreeSet<String> = seen.into_iter().collect();
    assert_eq!(&unique, acknowledged);
}

fn now_ms() -> u64 {
    ana_env::Env::real().clock.now_ms()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_past_its_retention_is_not_served_and_leaves_the_disk() {
    scoped(async {
        // 24 hours of 100 ms.
        let cluster = Cluster::start_with(3, Limits::Off, 100).await;
        let router = cluster.router(1);
        router.create_stream(create("s", 1)).await.expect("created");
        active(router, "s").await;
        let old = (0..50).map(|i| entry("k", &format!("old {i}"))).collect();
        put_all(router, "s", old).await;
        assert_eq!(read_all(router, "s", ShardIndex(0)).await.0.len(), 50);
        let shard_id = ShardIndex(0).to_string();
        let new_starting_hash_key = (1_u128 << 127).to_string();
        let stream = StreamRef::by_name("s");
        let split = SplitShard {
            stream: stream.clone(),
            shard_id,
            new_starting_hash_key,
        };
        router.split_shard(split).await.expect("begun");
        active(router, "s").await;
        eventually("the records are past their retention", async || {
            let at = iterator(router, "s", ShardIndex(0), IteratorKind::TrimHorizon)
                .await
                .ok()?;
            let answer = read(router, at).await.ok()?;
            assert!(
                answer.next.is_none(),
                "the end of the parent is told all the same"
            );
            // 2,400 ms by the leader's clock, and the way back to us.
            let too_old = now_ms().saturating_sub(2_400 + 600);
            assert!(
                answer.records.iter().all(|it| it.arrival_ms >= too_old),
                "too old"
            );
            answer.records.is_empty().then_some(())
        })
        .await;
        eventually("the closed shard is forgotten", async || {
            let list = ListShards {
                stream: stream.clone(),
                ..ListShards::default()
            };
            let shards = router.list_shards(list).await.expect("a list").shards;
            let gone = iterator(router, "s", ShardIndex(0), IteratorKind::TrimHorizon).await;
            (shards.len() == 2 && matches!(gone, Err(KinesisError::ShardDoesNotExist { .. })))
                .then_some(())
        })
        .await;
        eventually("every replica's log is cut", async || {
            put_all(router, "s", vec![entry("k", "new")]).await;
            let status = router.status().await;
            let group = status.groups.iter().find(|it| it.stream.is_some())?;
            (group.replicas.len() == 3 && group.replicas.iter().all(|it| it.purged_index > 5))
                .then_some(())
        })
        .await;
        put_all(router, "s", vec![entry("k", "newest")]).await;
        let mut texts = Vec::new();
        for shard in [1, 2] {
            texts.extend(
                read_all(router, "s", ShardIndex(shard))
                    .await
                    .0
                    .into_iter()
                    .map(|it| it.1),
            );
        }
        assert_eq!(texts.last().map(String::as_str), Some("newest"));
    })
    .await;
}
