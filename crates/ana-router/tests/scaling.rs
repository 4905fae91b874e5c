//! Streams that change their number of shards while producers write: what was acknowledged is read once, by following
//! the lineage, in order per key; and no put fails.

#![expect(clippy::panic, reason = "a helper says what it met")]

use crate::common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ana_env::{runtime, time};
use ana_router::ops::{
    CreateStream, ListShards, PutRecords, ShardFilter, ShardFilterKind, ShardListPosition,
    StreamRef, UpdateShardCount, UpdateStreamMode, UpdateWarmThroughput,
};
use ana_router::{Limits, OnDemandConfig, Router};
use ana_types::{
    GroupId, HashRange, KinesisError, ScalingError, SequenceNumber, ShardIndex, ShardInfo,
    StreamMode, StreamStatus,
};
use common::{Cluster, active, describe, entry, eventually, read_all, scoped};
use tokio::sync::watch;

/// Between two looks at a status that is to change.
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn create(shards: Option<u32>) -> CreateStream {
    CreateStream {
        name: "s".to_owned(),
        shard_count: shards,
        ..CreateStream::default()
    }
}

async fn resize(router: &Router, target: u32) -> ana_router::Answer<(u32, u32)> {
    let request = UpdateShardCount {
        stream: StreamRef::by_name("s"),
        target,
    };
    let change = router.update_shard_count(request).await?;
    Ok((change.current, change.target))
}

/// All shards, page by page.
async fn list(router: &Router, filter: Option<ShardFilter>) -> Vec<ShardInfo> {
    let mut shards = Vec::new();
    let mut position: Option<ShardListPosition> = None;
    loop {
        let request = ListShards {
            stream: StreamRef::by_name("s"),
            filter: filter.clone().filter(|_| position.is_none()),
            position,
            max_results: Some(7),
            ..ListShards::default()
        };
        let page = router.list_shards(request).await.expect("a page");
        shards.extend(page.shards);
        match page.next {
            Some(next) => position = Some(next),
            None => return shards,
        }
    }
}

fn open(shards: &[ShardInfo]) -> Vec<HashRange> {
    let open = shards.iter().filter(|info| info.is_open());
    let mut ranges: Vec<HashRange> = open.map(|info| info.range).collect();
    ranges.sort_unstable();
    ranges
}

fn tile(shards: &[ShardInfo]) -> bool {
    let mut ranges: Vec<HashRange> = shards.iter().map(|info| info.range).collect();
    ranges.sort_unstable();
    let union = |union: HashRange, next: HashRange| union.merge(&next);
    let (first, rest) = ranges.split_first().expect("there are shards");
    rest.iter().copied().try_fold(*first, union) == Some(HashRange::FULL)
}

/// Every filter that names a moment gives shards that tile the hash space, whatever moment.
async fn every_moment_is_tiled(router: &Router) {
    let filter = |kind, timestamp_ms| ShardFilter {
        kind,
        timestamp_ms,
        shard_id: None,
    };
    for kind in [ShardFilterKind::AtTrimHorizon, ShardFilterKind::AtLatest] {
        assert!(
            tile(&list(router, Some(filter(kind, None))).await),
            "{kind}"
        );
    }
    let moments: BTreeSet<u64> = list(router, None)
        .await
        .iter()
        .map(|it| it.created_ms)
        .collect();
    for moment in moments {
        for at in [moment - 1, moment, moment + 1] {
            let filter = filter(ShardFilterKind::AtTimestamp, Some(at));
            assert!(tile(&list(router, Some(filter)).await), "at {at}");
        }
    }
}

/// What a writer was told: each text and its number.
type Acknowledged = Vec<(String, SequenceNumber)>;

/// Writes keys of its own, one round after the other, until it is told to stop. No record may fail.
async fn write(
    writer: usize,
    routers: Vec<Router>,
    per_round: usize,
    pause: Duration,
    mut stop: watch::Receiver<bool>,
) -> Acknowledged {
    let mut acknowledged = Vec::new();
    for round in 0_u64.. {
        if *stop.borrow_and_update() {
            break;
        }
        let texts: Vec<String> = (0..per_round)
            .map(|key| format!("{writer}-{key}/{round}"))
            .collect();
        let entries = texts.iter().map(|text| {
            let (key, _) = text.split_once('/').expect("our own text");
            entry(key, text)
        });
        let request = PutRecords {
            stream: StreamRef::by_name("s"),
            entries: entries.collect(),
        };
        let router = &routers[writer % routers.len()];
        let results = router
            .put_records(request)
            .await
            .expect("a put is delayed, not failed");
        for (text, result) in texts.into_iter().zip(results) {
            let placed = result.unwrap_or_else(|error| panic!("{text} failed: {error:?}"));
            acknowledged.push((text, placed.sequence));
        }
        time::sleep(pause).await;
    }
    acknowledged
}

/// Writers on all nodes, and what ends them.
fn start_writers(
    cluster: &Cluster,
    writers: usize,
    per_round: usize,
    pause: Duration,
) -> (watch::Sender<bool>, Vec<runtime::JoinHandle<Acknowledged>>) {
    let (stop, stopped) = watch::channel(false);
    let routers: Vec<Router> = (1..=3).map(|node| cluster.router(node).clone()).collect();
    let writers = (0..writers)
        .map(|writer| {
            let (routers, stopped) = (routers.clone(), stopped.clone());
            runtime::spawn(write(writer, routers, per_round, pause, stopped))
        })
        .collect();
    (stop, writers)
}

/// Reads every shard to its end, parents before children, and compares with what was acknowledged.
async fn check(router: &Router, acknowledged: &Acknowledged) {
    let shards: BTreeMap<ShardIndex, ShardInfo> = list(router, None)
        .await
        .into_iter()
        .map(|it| (it.shard, it))
        .collect();
    let mut told: BTreeMap<ShardIndex, BTreeSet<ShardIndex>> = BTreeMap::new();
    let mut seen: BTreeMap<String, SequenceNumber> = BTreeMap::new();
    let mut last_of_key: BTreeMap<String, u64> = BTreeMap::new();
    // Indexes ascend, so parents come before their children: the order of a reader that follows the lineage.
    for info in shards.values() {
        let (records, end) = read_all(router, "s", info.shard).await;
        assert_eq!(
            end.next.is_none(),
            !info.is_open(),
            "{} ends when closed",
            info.shard
        );
        for child in &end.children {
            told.entry(child.shard)
                .or_default()
                .extend(child.parents.iter().copied());
        }
        for (sequence, text) in records {
            let (key, round) = text.split_once('/').expect("our own text");
            let round: u64 = round.parse().expect("a number");
            let before = last_of_key.insert(key.to_owned(), round);
            assert!(
                before.is_none_or(|before| before < round),
                "{key} is in order"
            );
            assert_eq!(
                seen.insert(text.clone(), sequence),
                None,
                "{text} is there twice"
            );
        }
    }
    for info in shards.values() {
        let parents = [info.parent, info.adjacent_parent].into_iter().flatten();
        let parents: BTreeSet<ShardIndex> = parents.collect();
        let said = told.remove(&info.shard).unwrap_or_default();
        assert_eq!(said, parents, "the ends of its parents name {}", info.shard);
    }
    assert_eq!(seen.len(), acknowledged.len(), "nothing else is there");
    for (text, sequence) in acknowledged {
        assert_eq!(seen.get(text), Some(sequence), "{text} was acknowledged");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shard_counts_change_while_producers_write() {
    scoped(async {
        let cluster = Cluster::start(3, Limits::Off).await;
        cluster
            .any()
            .create_stream(create(Some(1)))
            .await
            .expect("created");
        active(cluster.any(), "s").await;
        let (stop, writers) = start_writers(&cluster, 3, 16, Duration::from_millis(2));
        let mut current = 1;
        for (turn, target) in [2, 4, 3, 6, 3, 1].into_iter().enumerate() {
            let router = cluster.router(1 + u64::try_from(turn % 3).expect("small"));
            assert_eq!(resize(router, target).await, Ok((current, target)));
            let updating = describe(router, "s").await.expect("described").status;
            assert_eq!(updating, StreamStatus::Updating);
            let refused = resize(router, current).await;
            assert!(
                matches!(refused, Err(KinesisError::StreamNotActive { .. })),
                "{refused:?}"
            );
            active(router, "s").await;
            let ranges = open(&list(router, None).await);
            for (range, even) in ranges.iter().zip(HashRange::split_even(target)) {
                assert!(
                    range.start.0.abs_diff(even.start.0) < 16,
                    "{range:?} for {even:?}"
                );
            }
            assert_eq!(ranges.len(), usize::try_from(target).expect("small"));
            current = target;
        }
        // The same number changes nothing.
        assert_eq!(resize(cluster.any(), 1).await, Ok((1, 1)));
        assert_eq!(
            describe(cluster.any(), "s")
                .await
                .expect("described")
                .status,
            StreamStatus::Active
        );
        stop.send_replace(true);
        let mut acknowledged = Acknowledged::new();
        for writer in writers {
            acknowledged.extend(writer.await.expect("the writer ends"));
        }
        assert!(
            acknowledged.len() > 1000,
            "only {} records",
            acknowledged.len()
        );
        check(cluster.any(), &acknowledged).await;
        every_moment_is_tiled(cluster.any()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resize_survives_its_driver() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        cluster
            .any()
            .create_stream(create(Some(16)))
            .await
            .expect("created");
        active(cluster.any(), "s").await;
        let driver = cluster.leader(GroupId::METADATA).await;
        let survivor = cluster.other_than(driver).clone();
        assert_eq!(resize(&survivor, 31).await, Ok((16, 31)));
        eventually("some steps are done", async || {
            (list(&survivor, None).await.len() > 20).then_some(())
        })
        .await;
        cluster.kill(driver).await;
        active(&survivor, "s").await;
        let shards = list(&survivor, None).await;
        assert_eq!(open(&shards), HashRange::split_even(31));
        every_moment_is_tiled(&survivor).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_on_demand_stream_follows_its_load() {
    scoped(async {
        let on_demand = OnDemandConfig {
            look_every: Duration::from_millis(100),
            split_after: Duration::from_secs(1),
            merge_after: Duration::from_secs(3),
            mibps_max: 16,
        };
        let cluster = Cluster::start_on_demand(3, Limits::Off, on_demand).await;
        cluster
            .any()
            .create_stream(create(None))
            .await
            .expect("created");
        assert_eq!(active(cluster.any(), "s").await.mode, StreamMode::OnDemand);
        // Three writers, 100 records each 30 ms at most: well above 500 a second for each of four shards.
        let (stop, writers) = start_writers(&cluster, 3, 100, Duration::from_millis(20));
        let open_shards = async || open(&list(cluster.router(2), None).await).len();
        eventually("every shard is split", async || {
            assert_eq!(
                describe(cluster.any(), "s").await.ok()?.status,
                StreamStatus::Active,
                "nobody is refused because of it"
            );
            (open_shards().await >= 8).then_some(())
        })
        .await;
        stop.send_replace(true);
        let mut acknowledged = Acknowledged::new();
        for writer in writers {
            acknowledged.extend(writer.await.expect("the writer ends"));
        }
        eventually("what it grew by is merged", async || {
            (open_shards().await == 4).then_some(())
        })
        .await;
        time::sleep(LOOK_EVERY).await;
        check(cluster.any(), &acknowledged).await;
        every_moment_is_tiled(cluster.any()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modes_are_switched_and_their_rules_hold() {
    scoped(async {
        let cluster = Cluster::start(3, Limits::Off).await;
        let (a, b) = (cluster.router(1), cluster.router(2));
        a.create_stream(create(Some(3))).await.expect("created");
        let view = active(b, "s").await;
        let switch = |mode| UpdateStreamMode {
            stream: StreamRef {
                name: None,
                arn: Some(view.arn.clone()),
            },
            mode,
            warm_throughput_mibps: None,
        };
        b.update_stream_mode(switch(StreamMode::OnDemand))
            .await
            .expect("switched");
        assert_eq!(
            describe(a, "s").await.expect("described").status,
            StreamStatus::Updating
        );
        let view = active(a, "s").await;
        assert_eq!((view.mode, view.shards.len()), (StreamMode::OnDemand, 3));
        let refused = resize(b, 6).await;
        assert!(
            matches!(refused, Err(KinesisError::ProvisionedOnly { .. })),
            "{refused:?}"
        );
        let warm = UpdateWarmThroughput {
            stream: StreamRef::by_name("s"),
            mibps: 10,
        };
        let refused = a.update_warm_throughput(warm).await;
        assert_eq!(refused, Err(ScalingError::CommitmentNeeded.into()));
        a.update_stream_mode(switch(StreamMode::Provisioned))
            .await
            .expect("switched back");
        active(b, "s").await;
        let third = b.update_stream_mode(switch(StreamMode::OnDemand)).await;
        assert!(
            matches!(
                third,
                Err(KinesisError::Scaling(ScalingError::PerDay { .. }))
            ),
            "{third:?}"
        );
        assert_eq!(resize(b, 6).await, Ok((3, 6)));
        active(b, "s").await;
    })
    .await;
}
