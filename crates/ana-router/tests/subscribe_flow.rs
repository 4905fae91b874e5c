//! How events flow: their size, their pace, their age, the end of a session, and readers that do not read.

use crate::common;
use crate::fanout;

use std::time::Duration;

use ana_env::time;
use ana_router::Limits;
use ana_router::ops::{IteratorKind, StreamRef};
use ana_types::{NodeId, ShardIndex};
use common::{Cluster, SubscriptionTimes, active, entry, eventually, put_all, read_all, scoped};
use fanout::{Reader, from, go_on, latest, register, with_stream};

const SHARD: ShardIndex = ShardIndex(0);
/// A second call takes over at once, and nothing else is in the way.
const AT_ONCE: SubscriptionTimes = SubscriptionTimes {
    life: Duration::from_secs(300),
    takeover_after: Duration::ZERO,
};
const HOUR_MS: u64 = 3_600_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn millis_behind_is_the_age_of_the_last_record_until_the_tip_is_reached() {
    scoped(async {
        let cluster = Cluster::start_as(3, Limits::Off, HOUR_MS, AT_ONCE).await;
        let arn = with_stream(&cluster, 1).await;
        let router = cluster.router(1);
        let small = "x".repeat(100);
        for _ in 0..6 {
            put_all(router, "s", (0..400).map(|_| entry("k", &small)).collect()).await;
        }
        time::sleep(Duration::from_millis(100)).await;
        let start = from(&arn, IteratorKind::TrimHorizon);
        let mut reader = Reader::new(router.subscribe(start).await.expect("subscribed"));
        let mut counts = Vec::new();
        while counts.iter().sum::<usize>() < 2400 {
            let before_ms = now_ms();
            let event = reader.event().await;
            let after_ms = now_ms();
            counts.push(event.texts.len());
            let arrival_ms = event.arrivals_ms.last().copied().expect("a backlog");
            if counts.iter().sum::<usize>() < 2400 {
                let ages = before_ms - arrival_ms..=after_ms - arrival_ms;
                assert!(
                    ages.contains(&event.millis_behind),
                    "{} in {ages:?}",
                    event.millis_behind
                );
            } else {
                assert_eq!(event.millis_behind, 0);
            }
        }
        assert_eq!(
            counts,
            [1000, 1000, 400],
            "events are bounded by their records"
        );

        let big = "x".repeat(100 << 10);
        put_all(router, "s", (0..5).map(|_| entry("k", &big)).collect()).await;
        let start = go_on(&arn, IteratorKind::AfterSequenceNumber, reader.last);
        let mut reader = Reader::new(router.subscribe(start).await.expect("subscribed"));
        let mut counts = Vec::new();
        while counts.iter().sum::<usize>() < 5 {
            counts.push(reader.event().await.texts.len());
        }
        assert_eq!(counts, [2, 2, 1], "and by their bytes");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_mib_a_second_for_each_consumer_alone() {
    scoped(Box::pin(async {
        let cluster = Cluster::start_as(1, Limits::Aws, HOUR_MS, AT_ONCE).await;
        let arn = with_stream(&cluster, 1).await;
        let other = register(&cluster, "other").await;
        let router = cluster.router(1);
        let chunk = "x".repeat(256 << 10);
        let mut put = 0;
        eventually("five MiB are put", async || {
            let request = ana_router::ops::PutRecord {
                stream: StreamRef::by_name("s"),
                entry: entry("k", &chunk),
                ordering: None,
            };
            put += usize::from(router.put_record(request).await.is_ok());
            (put == 20).then_some(())
        })
        .await;
        let read = async |arn: &str| {
            let start = from(arn, IteratorKind::TrimHorizon);
            let mut reader = Reader::new(router.subscribe(start).await.expect("subscribed"));
            let began = time::now();
            reader.until(20).await;
            began.elapsed()
        };
        let (one, two) = futures::join!(read(&arn), read(&other));
        for took in [one, two] {
            // Two at once, the third on credit, and half a second for each of the others.
            let expected = Duration::from_millis(950)..Duration::from_millis(2_400);
            assert!(expected.contains(&took), "five MiB in {one:?} and {two:?}");
        }
        assert_eq!(
            read_all(router, "s", SHARD).await.0.len(),
            20,
            "GetRecords has its own"
        );
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_has_an_end_and_the_next_goes_on() {
    scoped(async {
        let times = SubscriptionTimes {
            life: Duration::from_millis(1_500),
            takeover_after: Duration::from_millis(1_000),
        };
        let cluster = Cluster::start_as(1, Limits::Off, HOUR_MS, times).await;
        let arn = with_stream(&cluster, 1).await;
        let router = cluster.router(1);
        let began = time::now();
        let start = from(&arn, IteratorKind::TrimHorizon);
        let mut reader = Reader::new(router.subscribe(start).await.expect("subscribed"));
        put_all(router, "s", vec![entry("k", "0")]).await;
        let mut events = 0;
        while let Some(_event) = reader.next().await {
            events += 1;
            assert!(events < 100, "it has no end");
        }
        let took = began.elapsed();
        assert!(
            took >= times.life && took < Duration::from_secs(4),
            "{took:?}"
        );
        assert!(events >= 2, "{events} events");
        assert!(reader.next().await.is_none(), "the end is the end");
        put_all(router, "s", vec![entry("k", "1")]).await;
        let start = go_on(&arn, IteratorKind::AfterSequenceNumber, reader.last);
        let mut next = Reader::new(router.subscribe(start).await.expect("it may begin at once"));
        assert_eq!(next.until(1).await, ["1"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_older_than_the_retention_is_not_given() {
    scoped(async {
        // A day of retention lasts 1.2 seconds.
        let cluster = Cluster::start_as(1, Limits::Off, 50, AT_ONCE).await;
        let arn = with_stream(&cluster, 1).await;
        let router = cluster.router(1);
        put_all(router, "s", vec![entry("k", "old")]).await;
        let start = from(&arn, IteratorKind::TrimHorizon);
        let mut early = Reader::new(router.subscribe(start.clone()).await.expect("subscribed"));
        time::sleep(Duration::from_millis(1_500)).await;
        put_all(router, "s", vec![entry("k", "new")]).await;
        early.until_text("new").await;
        assert_eq!(early.seen_texts(), ["new"], "it was not read in time");
        let mut late = Reader::new(router.subscribe(start).await.expect("subscribed"));
        late.until_text("new").await;
        assert_eq!(late.seen_texts(), ["new"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stop_reading_cost_the_others_nothing() {
    scoped(Box::pin(async {
        let cluster = Cluster::start_as(3, Limits::Off, HOUR_MS, AT_ONCE).await;
        let arn = with_stream(&cluster, 1).await;
        let router = cluster.router(1);
        let mut stopped = Vec::new();
        for i in 0..19 {
            let arn = register(&cluster, &format!("stopped-{i}")).await;
            let start = from(&arn, IteratorKind::TrimHorizon);
            let mut reader = Reader::new(router.subscribe(start).await.expect("subscribed"));
            reader.event().await;
            stopped.push(reader);
        }
        let start = from(&arn, IteratorKind::TrimHorizon);
        let mut reader = Reader::new(router.subscribe(start).await.expect("subscribed"));
        let chunk = "x".repeat(64 << 10);
        let began = time::now();
        for _ in 0..20 {
            put_all(router, "s", (0..10).map(|_| entry("k", &chunk)).collect()).await;
        }
        reader.until(200).await;
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(read_all(router, "s", SHARD).await.0.len(), 200);
        // And they have lost nothing by it; a call that is given up loses nothing either.
        let late = stopped.first_mut().expect("one of them");
        while late.seen.len() < 200 {
            let hasty = time::timeout(Duration::from_micros(300), Box::pin(late.next())).await;
            if hasty.is_err() {
                late.next().await.expect("it goes on");
            }
        }
        assert_eq!(late.seen.len(), 200);
        assert!(late.seen.is_sorted_by(|a, b| a.0 < b.0), "nothing twice");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_pushed_in_milliseconds() {
    scoped(async {
        let cluster = Cluster::start_as(3, Limits::Off, HOUR_MS, AT_ONCE).await;
        let arn = with_stream(&cluster, 1).await;
        let group = active(cluster.router(1), "s").await.shards[0].group;
        let leader = cluster.leader(group).await;
        let follower = (1..=3).find(|id| NodeId(*id) != leader).expect("one");
        for (what, node) in [
            ("the leader's node", leader.0),
            ("a follower's node", follower),
        ] {
            let router = cluster.router(node);
            let mut reader = Reader::new(router.subscribe(latest(&arn)).await.expect("subscribed"));
            reader.event().await;
            let mut took = Vec::new();
            for i in 0..200 {
                let text = format!("{what} {i}");
                let began = time::now();
                // Not waited for: a push may come before the answer to the put.
                let (_, ()) = futures::join!(
                    put_all(router, "s", vec![entry("k", &text)]),
                    reader.until_text(&text),
                );
                took.push(began.elapsed());
                time::sleep(Duration::from_millis(3)).await;
            }
            took.sort();
            let (p50, p99) = (took[100], took[198]);
            println!(
                "put to push at {what}: p50 {p50:?}, p99 {p99:?}, max {:?}",
                took[199]
            );
            // A follower that heard of a commit with the next heartbeat only would need 75 ms on the average.
            assert!(p50 < Duration::from_millis(40), "{what}: {p50:?}");
        }
    })
    .await;
}

pub(crate) fn now_ms() -> u64 {
    ana_env::Env::real().clock.now_ms()
}
