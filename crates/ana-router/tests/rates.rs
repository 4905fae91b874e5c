//! Rates of the control plane: one counter for the whole cluster, whichever node is asked; and the rate of new
//! iterators, which belongs to a shard.

#![expect(clippy::panic, reason = "a helper says what it met")]

use crate::common;

use std::time::Duration;

use ana_env::time;
use ana_router::ops::{
    CreateStream, IteratorKind, ListShards, ListStreams, ListTags, SplitShard, StreamRef,
};
use ana_router::{Answer, Limits};
use ana_types::{GroupId, KinesisError, LimitKind, ShardIndex};
use common::{Cluster, active, eventually, iterator, put_all, read_all, scoped};

/// Longer than it takes any bucket to be full again.
const FULL: Duration = Duration::from_millis(1100);

fn is_account_rate<T>(answer: &Answer<T>, name: &str) -> bool {
    matches!(
        answer,
        Err(KinesisError::LimitExceeded(LimitKind::AccountRate { operation, .. })) if operation == name
    )
}

/// Calls through the three nodes in turn, for a while: how many were admitted, and how many a counter of the given rate
/// lets through in the time it took.
async fn admitted(
    cluster: &Cluster,
    name: &str,
    per_s: u64,
    mut call: impl AsyncFnMut(&ana_router::Router) -> Option<bool>,
) -> (u64, u64) {
    let began = time::now();
    let mut admitted = 0;
    for round in 0..per_s * 4 {
        let router = cluster.router(1 + round % 3);
        let outcome = call(router).await;
        admitted +=
            u64::from(outcome.unwrap_or_else(|| panic!("{name}: neither done nor limited")));
    }
    let took_ms = time::now().saturating_duration_since(began).as_millis();
    let refilled = u64::try_from(took_ms).expect("short") * per_s / 1000;
    (admitted, per_s + refilled + 1)
}

async fn prepared(limits: Limits) -> Cluster {
    let cluster = Cluster::start(3, limits).await;
    for name in ["orders", "clicks"] {
        let create = CreateStream {
            name: name.to_owned(),
            shard_count: Some(2),
            ..CreateStream::default()
        };
        cluster
            .router(1)
            .create_stream(create)
            .await
            .expect("created");
        active(cluster.router(1), name).await;
    }
    time::sleep(FULL).await;
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_one_counter_for_the_cluster() {
    scoped(async {
        let cluster = prepared(Limits::Aws).await;
        let summary = async |router: &ana_router::Router| {
            let answer = router.describe_summary(StreamRef::by_name("orders")).await;
            let limited = is_account_rate(&answer, "DescribeStreamSummary");
            (answer.is_ok() || limited).then_some(!limited)
        };
        let (done, most) = admitted(&cluster, "summary", 20, summary).await;
        assert!((20..=most).contains(&done), "{done} of at most {most}");

        let list = async |router: &ana_router::Router| {
            let answer = router.list_streams(ListStreams::default()).await;
            let limited = is_account_rate(&answer, "ListStreams");
            (answer.is_ok() || limited).then_some(!limited)
        };
        let (done, most) = admitted(&cluster, "list", 5, list).await;
        assert!((5..=most).contains(&done), "{done} of at most {most}");

        // A refused call has done nothing, and the rate comes back.
        let limits = async |router: &ana_router::Router| {
            let answer = router.describe_limits().await;
            let limited = is_account_rate(&answer, "DescribeLimits");
            (answer.is_ok() || limited).then_some(!limited)
        };
        let (done, most) = admitted(&cluster, "limits", 1, limits).await;
        assert!((1..=most).contains(&done), "{done} of at most {most}");
        time::sleep(FULL).await;
        cluster
            .router(2)
            .describe_limits()
            .await
            .expect("a second later");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_has_its_own_and_operations_do_not_share() {
    scoped(async {
        let cluster = prepared(Limits::Aws).await;
        for name in ["orders", "clicks"] {
            let tags = async |router: &ana_router::Router| {
                let request = ListTags {
                    stream: StreamRef::by_name(name),
                    ..ListTags::default()
                };
                let answer = router.list_tags(request).await;
                let limited = matches!(
                    &answer,
                    Err(KinesisError::LimitExceeded(LimitKind::StreamRate { operation, stream, per_s: 5 }))
                        if operation == "ListTagsForStream" && stream.as_str() == name
                );
                (answer.is_ok() || limited).then_some(!limited)
            };
            let (done, most) = admitted(&cluster, name, 5, tags).await;
            assert!((5..=most).contains(&done), "{name}: {done} of at most {most}");
        }
        // Refusals of the operation itself are counted like any call, and found behind the rate.
        let split = async |router: &ana_router::Router| {
            let request = SplitShard {
                stream: StreamRef::by_name("orders"),
                shard_id: "shardId-000000000077".to_owned(),
                new_starting_hash_key: "7".to_owned(),
            };
            match router.split_shard(request).await {
                Err(KinesisError::ShardNotFound { .. }) => Some(true),
                Err(KinesisError::LimitExceeded(_)) => Some(false),
                Err(_) | Ok(()) => None,
            }
        };
        let (done, most) = admitted(&cluster, "split", 5, split).await;
        assert!((5..=most).contains(&done), "{done} of at most {most}");
        // 1,000 a second is out of the way of anybody.
        for round in 0..60 {
            let request = ListShards {
                stream: StreamRef::by_name("orders"),
                ..ListShards::default()
            };
            cluster.router(1 + round % 3).list_shards(request).await.expect("far below");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn iterators_are_counted_for_each_open_shard() {
    scoped(async {
        let cluster = prepared(Limits::Aws).await;
        // Those whose position is known without asking the shard's leader are counted too.
        for (shard, kind) in [(0, IteratorKind::TrimHorizon), (1, IteratorKind::Latest)] {
            let get = async |router: &ana_router::Router| {
                let answer = iterator(router, "orders", ShardIndex(shard), kind).await;
                let limited = matches!(
                    &answer,
                    Err(KinesisError::Throughput { shard: of, stream })
                        if of.0 == shard && stream.as_str() == "orders"
                );
                (answer.is_ok() || limited).then_some(!limited)
            };
            let (done, most) = admitted(&cluster, "iterators", 5, get).await;
            assert!(
                (5..=most).contains(&done),
                "{kind}: {done} of at most {most}"
            );
        }
        // Another stream's shard with the same number is another shard.
        iterator(
            cluster.router(1),
            "clicks",
            ShardIndex(0),
            IteratorKind::Latest,
        )
        .await
        .expect("it has its own rate");

        // Closed shards are not counted: who catches up walks through them.
        let split = SplitShard {
            stream: StreamRef::by_name("clicks"),
            shard_id: ShardIndex(0).to_string(),
            new_starting_hash_key: "7".to_owned(),
        };
        cluster.router(1).split_shard(split).await.expect("split");
        eventually("the parent is closed", async || {
            let view = active(cluster.router(1), "clicks").await;
            (view.shards.len() == 4).then_some(())
        })
        .await;
        for round in 0..20 {
            let router = cluster.router(1 + round % 3);
            iterator(router, "clicks", ShardIndex(0), IteratorKind::TrimHorizon)
                .await
                .expect("closed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_limits_off_nothing_is_counted() {
    scoped(async {
        let cluster = prepared(Limits::Off).await;
        for round in 0..30 {
            let router = cluster.router(1 + round % 3);
            router.describe_limits().await.expect("no limit");
            router
                .list_streams(ListStreams::default())
                .await
                .expect("no limit");
            iterator(router, "orders", ShardIndex(0), IteratorKind::TrimHorizon)
                .await
                .expect("no limit");
        }
    })
    .await;
}

/// The counter dies with the leader of the metadata; calls go on, and are counted by the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_leader_counts_on() {
    scoped(async {
        let mut cluster = prepared(Limits::Aws).await;
        let leader = cluster.leader(GroupId::METADATA).await;
        cluster.kill(leader).await;
        let router = cluster.any().clone();
        eventually("another leader answers", async || {
            router
                .list_streams(ListStreams::default())
                .await
                .ok()
                .map(|_| ())
        })
        .await;
        let next = eventually("another leader", async || {
            let status = router.status().await;
            let group = status.groups.iter().find(|it| it.id == GroupId::METADATA)?;
            group.leader.filter(|it| *it != leader)
        })
        .await;
        time::sleep(FULL).await;
        let began = time::now();
        let mut done = 0_u64;
        for _ in 0..40 {
            let answer = router.list_streams(ListStreams::default()).await;
            let limited = is_account_rate(&answer, "ListStreams");
            assert!(answer.is_ok() || limited, "{answer:?}");
            done += u64::from(!limited);
        }
        let took_ms = time::now().saturating_duration_since(began).as_millis();
        let most = 6 + u64::try_from(took_ms).expect("short") * 5 / 1000;
        assert!(
            (5..=most).contains(&done),
            "{done} of at most {most}; leader {next}"
        );
        put_all(&router, "orders", vec![common::entry("k", "v")]).await;
        let read = [0, 1].map(ShardIndex);
        let mut seen = 0;
        for shard in read {
            seen += read_all(&router, "orders", shard).await.0.len();
        }
        assert_eq!(seen, 1);
    })
    .await;
}
