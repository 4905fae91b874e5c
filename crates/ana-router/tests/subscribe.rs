//! Subscriptions to shards, as clients see them: order, going on, taking over, the end of a shard, and nodes that die.

use crate::common;
use crate::fanout;
use crate::subscribe_flow::now_ms;

use std::time::Duration;

use ana_env::time;
use ana_router::Limits;
use ana_router::ops::{
    CreateStream, DeleteStream, IteratorKind, MergeShards, SplitShard, StreamRef, Subscribe,
};
use ana_types::{
    ConsumerError, KinesisError, NodeId, SequenceNumber, ShardIndex, SubscriptionError,
};
use common::{Cluster, SubscriptionTimes, active, describe, entry, eventually, put_all, scoped};
use fanout::{
    Reader, deregister, from, go_on, latest, register, register_only, texts, with_stream,
};

const SHARD: ShardIndex = ShardIndex(0);
/// A second call takes over at once, and nothing else is in the way.
const AT_ONCE: SubscriptionTimes = SubscriptionTimes {
    life: Duration::from_secs(300),
    takeover_after: Duration::ZERO,
};
const HOUR_MS: u64 = 3_600_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_once_and_in_order_across_reconnects() {
    scoped(async {
        let cluster = Cluster::start_as(3, Limits::Off, HOUR_MS, AT_ONCE).await;
        let arn = with_stream(&cluster, 1).await;
        let producer = cluster.router(1).clone();
        let putting = ana_env::runtime::spawn(async move {
            for batch in 0..60 {
                let entries = (0..10).map(|i| entry("k", &format!("{}", batch * 10 + i)));
                put_all(&producer, "s", entries.collect()).await;
            }
        });
        let mut seen: Vec<(SequenceNumber, String)> = Vec::new();
        let mut start = from(&arn, IteratorKind::TrimHorizon);
        // Each session is dropped after a few events, and the next one begins at another node.
        for session in 0_u64.. {
            let router = cluster.router(session % 3 + 1);
            let mut reader =
                Reader::new(router.subscribe(start.clone()).await.expect("subscribed"));
            for _ in 0..4 {
                let event = reader.event().await;
                seen.extend(event.texts);
                start = go_on(&arn, IteratorKind::AfterSequenceNumber, event.continuation);
            }
            if seen.len() >= 600 {
                break;
            }
            assert!(session < 600, "{} records", seen.len());
        }
        putting.await.expect("all acknowledged");
        let expected: Vec<_> = (0..600).map(|i| format!("{i}")).collect();
        assert_eq!(texts(&seen), expected);
        assert!(seen.is_sorted_by(|a, b| a.0 < b.0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn one_subscription_per_consumer_and_shard() {
    scoped(async {
        let times = SubscriptionTimes {
            takeover_after: Duration::from_millis(2_500),
            ..SubscriptionTimes::default()
        };
        let cluster = Cluster::start_as(3, Limits::Aws, HOUR_MS, times).await;
        let arn = with_stream(&cluster, 1).await;
        let other = register(&cluster, "other").await;
        let trim = || from(&arn, IteratorKind::TrimHorizon);
        let began = time::now();
        let mut first = Reader::new(
            cluster
                .router(1)
                .subscribe(trim())
                .await
                .expect("the first"),
        );
        let refused = [
            cluster.router(2).subscribe(trim()).await.err(),
            cluster.router(3).subscribe(trim()).await.err(),
        ];
        assert!(
            matches!(
                refused,
                [
                    Some(KinesisError::Subscription(
                        SubscriptionError::TooSoon { .. }
                    )),
                    Some(KinesisError::Subscription(
                        SubscriptionError::TooOften { .. }
                    )),
                ]
            ),
            "{refused:?}"
        );
        let theirs = from(&other, IteratorKind::TrimHorizon);
        let _theirs = cluster
            .router(2)
            .subscribe(theirs)
            .await
            .expect("another consumer");
        put_all(cluster.router(3), "s", vec![entry("k", "0")]).await;
        assert_eq!(
            first.until(1).await,
            ["0"],
            "the refused have not disturbed it"
        );

        let second = eventually("the second takes over", async || {
            match cluster.router(2).subscribe(trim()).await {
                Ok(second) => Some(second),
                Err(KinesisError::Subscription(_)) => None,
                Err(other) => panic!("{other}"),
            }
        })
        .await;
        assert!(
            began.elapsed() >= times.takeover_after,
            "{:?}",
            began.elapsed()
        );
        let taken = time::now();
        let end = first.error().await;
        assert!(
            matches!(
                end,
                KinesisError::Subscription(SubscriptionError::TakenOver { .. })
            ),
            "{end}"
        );
        assert!(
            taken.elapsed() < Duration::from_secs(3),
            "{:?}",
            taken.elapsed()
        );
        let mut second = Reader::new(second);
        put_all(cluster.router(3), "s", vec![entry("k", "1")]).await;
        assert_eq!(second.until(2).await, ["0", "1"]);

        // On the same node the earlier one hears of it at once.
        let third = eventually("the third takes over", async || {
            cluster.router(2).subscribe(trim()).await.ok()
        })
        .await;
        let taken = time::now();
        second.error().await;
        assert!(
            taken.elapsed() < Duration::from_millis(500),
            "{:?}",
            taken.elapsed()
        );
        drop(third);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn a_shard_ends_with_its_children() {
    scoped(async {
        let cluster = Cluster::start_as(3, Limits::Off, HOUR_MS, AT_ONCE).await;
        let arn = with_stream(&cluster, 1).await;
        let router = cluster.router(2);
        let mut parent = Reader::new(
            router
                .subscribe(from(&arn, IteratorKind::TrimHorizon))
                .await
                .expect("subscribed"),
        );
        put_all(
            router,
            "s",
            (0..20).map(|i| entry("k", &format!("{i}"))).collect(),
        )
        .await;
        router
            .split_shard(SplitShard {
                stream: StreamRef::by_name("s"),
                shard_id: SHARD.to_string(),
                new_starting_hash_key: (u128::MAX / 2 + 1).to_string(),
            })
            .await
            .expect("split");
        let (seen, last) = parent.read_to_end().await;
        let listed = describe(router, "s").await.expect("described").shards;
        assert_eq!(
            listed.len(),
            3,
            "children are told of when listings show them"
        );
        assert_eq!(seen.len(), 20);
        let children: Vec<_> = last
            .children
            .iter()
            .map(|it| (it.shard, it.parents.clone()))
            .collect();
        assert_eq!(
            children,
            [(ShardIndex(1), vec![SHARD]), (ShardIndex(2), vec![SHARD])]
        );
        assert_eq!(last.millis_behind, 0);
        assert!(
            parent
                .subscription
                .next()
                .await
                .expect("no error")
                .is_none()
        );
        active(router, "s").await;

        // From the tip of a closed shard the end is all there is.
        let mut tip = Reader::new(router.subscribe(latest(&arn)).await.expect("subscribed"));
        let (seen, last) = tip.read_to_end().await;
        assert!(seen.is_empty() && last.children.len() == 2);

        let mut parents = Vec::new();
        for shard in [ShardIndex(1), ShardIndex(2)] {
            let start = Subscribe {
                shard_id: shard.to_string(),
                ..from(&arn, IteratorKind::TrimHorizon)
            };
            parents.push(Reader::new(
                router.subscribe(start).await.expect("subscribed"),
            ));
        }
        put_all(
            router,
            "s",
            (0..20).map(|i| entry(&format!("{i}"), "x")).collect(),
        )
        .await;
        router
            .merge_shards(MergeShards {
                stream: StreamRef::by_name("s"),
                shard_id: ShardIndex(1).to_string(),
                adjacent_shard_id: ShardIndex(2).to_string(),
            })
            .await
            .expect("merged");
        let mut count = 0;
        for parent in &mut parents {
            let (seen, last) = parent.read_to_end().await;
            count += seen.len();
            let child = last.children.first().expect("a child");
            assert_eq!(last.children.len(), 1);
            assert_eq!(child.shard, ShardIndex(3));
            assert_eq!(child.parents, [ShardIndex(1), ShardIndex(2)]);
        }
        assert_eq!(count, 20);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_leader_is_not_seen_and_leases_survive_it() {
    scoped(async {
        let times = SubscriptionTimes {
            takeover_after: Duration::from_secs(3),
            ..SubscriptionTimes::default()
        };
        let mut cluster = Cluster::start_as(3, Limits::Off, HOUR_MS, times).await;
        let arn = with_stream(&cluster, 1).await;
        let group = active(cluster.router(1), "s").await.shards[0].group;
        let leader = cluster.leader(group).await;
        let mut others = (1..=3).filter(|id| NodeId(*id) != leader);
        let (near, far) = (others.next().expect("one"), others.next().expect("two"));
        let start = from(&arn, IteratorKind::TrimHorizon);
        let subscribed = cluster.router(near).subscribe(start.clone()).await;
        let mut reader = Reader::new(subscribed.expect("subscribed"));
        put_all(cluster.router(near), "s", vec![entry("k", "before")]).await;
        assert_eq!(reader.until(1).await, ["before"]);
        cluster.kill(leader).await;
        // A put whose outcome is not known is not in here: each is tried until it is acknowledged, under one name.
        for i in 0..20 {
            eventually("puts go on", async || {
                let put = ana_router::ops::PutRecord {
                    stream: StreamRef::by_name("s"),
                    entry: entry("k", &format!("{i}")),
                    ordering: None,
                };
                cluster.router(far).put_record(put).await.ok()
            })
            .await;
        }
        reader.until_text("19").await;
        let mut seen = reader.seen_texts();
        seen.dedup();
        let expected: Vec<_> = std::iter::once("before".to_owned())
            .chain((0..20).map(|i| format!("{i}")))
            .collect();
        assert_eq!(seen, expected);

        // The new leader knows the session by its renewals: the next one takes over, and the old one hears it.
        let second = eventually("another node takes over", async || {
            cluster.router(far).subscribe(start.clone()).await.ok()
        })
        .await;
        let end = reader.error().await;
        assert!(
            matches!(
                end,
                KinesisError::Subscription(SubscriptionError::TakenOver { .. })
            ),
            "{end}"
        );
        drop(second);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_replica_reads_near_by_and_goes_elsewhere_when_that_dies() {
    scoped(async {
        let mut cluster = Cluster::start_as(3, Limits::Off, HOUR_MS, AT_ONCE).await;
        let arn = with_stream(&cluster, 1).await;
        cluster.join(NodeId(4), "z1").await;
        let start = from(&arn, IteratorKind::TrimHorizon);
        let mut reader = Reader::new(
            cluster
                .router(4)
                .subscribe(start)
                .await
                .expect("subscribed"),
        );
        put_all(cluster.router(2), "s", vec![entry("k", "0")]).await;
        assert_eq!(reader.until(1).await, ["0"]);
        cluster.kill(NodeId(1)).await;
        let died = time::now();
        eventually("puts go on", async || {
            let put = ana_router::ops::PutRecord {
                stream: StreamRef::by_name("s"),
                entry: entry("k", "1"),
                ordering: None,
            };
            cluster.router(2).put_record(put).await.ok()
        })
        .await;
        reader.until_text("1").await;
        assert!(
            died.elapsed() < Duration::from_secs(8),
            "{:?}",
            died.elapsed()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_ends_it_and_nothing_else_does() {
    scoped(async {
        let mut cluster = Cluster::start_as(3, Limits::Off, HOUR_MS, AT_ONCE).await;
        let arn = with_stream(&cluster, 1).await;
        let other = register(&cluster, "other").await;
        let near = cluster.router(1).clone();
        let trim = |arn| from(arn, IteratorKind::TrimHorizon);
        let mut reader = Reader::new(near.subscribe(trim(&arn)).await.expect("subscribed"));
        let mut others = Reader::new(near.subscribe(trim(&other)).await.expect("subscribed"));
        // Without a majority nothing can be known, and so nothing is said to be gone.
        for id in [2, 3] {
            cluster.kill(NodeId(id)).await;
        }
        time::sleep(Duration::from_secs(3)).await;
        reader.event().await;
        for id in [2, 3] {
            cluster.restart(NodeId(id)).await;
        }
        eventually("the consumer is deregistered", async || {
            deregister(&cluster, "c").await.then_some(())
        })
        .await;
        let end = reader.error().await;
        let gone = ConsumerError::ArnNotFound { arn: arn.clone() };
        assert_eq!(end, KinesisError::Consumer(gone));
        let again = near.subscribe(trim(&arn)).await.err();
        assert!(
            matches!(again, Some(KinesisError::Consumer(_))),
            "{again:?}"
        );

        others.event().await;
        let delete = DeleteStream {
            stream: StreamRef::by_name("s"),
            enforce_consumer_deletion: true,
        };
        near.delete_stream(delete).await.expect("deleted");
        let end = others.error().await;
        let is_not_found = matches!(
            end,
            KinesisError::StreamNotFound { .. }
                | KinesisError::Consumer(ConsumerError::ArnNotFound { .. })
        );
        assert!(is_not_found, "{end}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_events_tell_numbers_to_go_on_from() {
    scoped(async {
        let cluster = Cluster::start_as(3, Limits::Off, HOUR_MS, AT_ONCE).await;
        let arn = with_stream(&cluster, 2).await;
        let router = cluster.router(1);
        let mut reader = Reader::new(router.subscribe(latest(&arn)).await.expect("subscribed"));
        let began = time::now();
        let mut last = reader.event().await.continuation.expect("a number");
        assert!(
            began.elapsed() < Duration::from_millis(900),
            "the first is not waited for"
        );
        for _ in 0..2 {
            let event = reader.event().await;
            assert!(event.texts.is_empty() && event.millis_behind == 0);
            let told = event.continuation.expect("a number");
            assert!(told > last, "{told} after {last}");
            last = told;
        }
        let took = began.elapsed();
        let expected = Duration::from_millis(1_900)..Duration::from_secs(4);
        assert!(expected.contains(&took), "two more events in {took:?}");
        drop(reader);

        let to = |shard: u32| {
            let key = if shard == 0 { 0 } else { u128::MAX };
            let mut entry = entry("k", "after");
            entry.explicit_hash_key = Some(key.to_string());
            entry
        };
        put_all(router, "s", vec![to(1), to(0), to(1)]).await;
        for kind in [
            IteratorKind::AtSequenceNumber,
            IteratorKind::AfterSequenceNumber,
        ] {
            let start = go_on(&arn, kind, Some(last));
            let mut reader = Reader::new(router.subscribe(start).await.expect("subscribed"));
            assert_eq!(reader.until(1).await, ["after"], "{kind:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn what_cannot_be_subscribed_to() {
    scoped(async {
        let cluster = Cluster::start_as(1, Limits::Off, HOUR_MS, AT_ONCE).await;
        let arn = with_stream(&cluster, 1).await;
        let router = cluster.router(1);
        let young = register_only(&cluster, "young").await;
        let trim = |arn: &str| from(arn, IteratorKind::TrimHorizon);
        let with = |kind, sequence: Option<&str>, timestamp_ms| Subscribe {
            kind,
            sequence: sequence.map(str::to_owned),
            timestamp_ms,
            ..trim(&arn)
        };
        let in_shard = |shard_id: &str| Subscribe {
            shard_id: shard_id.to_owned(),
            ..trim(&arn)
        };
        let (stem, second) = arn.rsplit_once(':').expect("an ARN");
        let earlier = format!("{stem}:{}", second.parse::<u64>().expect("seconds") - 1);
        let foreign = arn.replace("000000000000", "000000000001");
        assert_ne!(foreign, arn);
        let far = now_ms() + 1_000_000;
        let table = [
            ("no ARN", trim("x"), "no consumer here"),
            ("another registration", trim(&earlier), "no consumer here"),
            ("another account", trim(&foreign), "no consumer here"),
            ("CREATING", trim(&young), "is CREATING, not ACTIVE"),
            ("no shard id", in_shard("shardId-x"), "shardId-x"),
            (
                "no such shard",
                in_shard("shardId-000000000009"),
                "shardId-000000000009",
            ),
            (
                "no number",
                with(IteratorKind::AtSequenceNumber, None, None),
                "",
            ),
            (
                "a number too many",
                with(IteratorKind::Latest, Some("1"), None),
                "",
            ),
            (
                "a bad number",
                with(IteratorKind::AfterSequenceNumber, Some("x"), None),
                "",
            ),
            ("no time", with(IteratorKind::AtTimestamp, None, None), ""),
            (
                "the future",
                with(IteratorKind::AtTimestamp, None, Some(far)),
                "",
            ),
        ];
        for (what, request, says) in table {
            let error = router.subscribe(request).await.err();
            let text = error.as_ref().map(ToString::to_string).unwrap_or_default();
            let is_unavailable = matches!(error, Some(KinesisError::Unavailable { .. }));
            assert!(
                error.is_some() && !is_unavailable && text.contains(says),
                "{what}: {text}"
            );
        }
        put_all(router, "s", vec![entry("k", "0")]).await;
        let at = with(IteratorKind::AtTimestamp, None, Some(1));
        let mut reader = Reader::new(router.subscribe(at).await.expect("long ago is the horizon"));
        assert_eq!(reader.until(1).await, ["0"]);
        let create = CreateStream {
            name: "s".to_owned(),
            ..CreateStream::default()
        };
        router.create_stream(create).await.expect_err("it exists");
    })
    .await;
}
