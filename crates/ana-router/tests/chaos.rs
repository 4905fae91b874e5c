//! Splits and merges while leaders die: every acknowledged record is there once and in order, and every reshard ends.

use crate::common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ana_env::{runtime, time};
use ana_router::ops::{CreateStream, MergeShards, PutRecords, SplitShard, StreamRef};
use ana_router::{Limits, Router};
use ana_types::{GroupId, HashKey, SequenceNumber, ShardInfo};
use common::{Cluster, active, describe, entry, eventually, read_all, scoped};
use tokio::sync::watch;

const KEYS: u64 = 16;

/// What one writer was told.
#[derive(Debug, Default)]
struct Ledger {
    acknowledged: BTreeMap<String, SequenceNumber>,
    in_doubt: u64,
}

/// Puts unique records through whatever router it is given, never the same one twice.
async fn write(writer: u64, routers: watch::Receiver<Option<Router>>) -> Ledger {
    let mut ledger = Ledger::default();
    for round in 0_u64.. {
        let Some(router) = routers.borrow().clone() else {
            break;
        };
        let texts: Vec<_> = (0..KEYS)
            .map(|key| format!("{writer}-{key}/{round}"))
            .collect();
        let entries = (0..KEYS).zip(&texts);
        let entries = entries
            .map(|(key, text)| entry(&format!("{writer}-{key}"), text))
            .collect();
        let request = PutRecords {
            stream: StreamRef::by_name("s"),
            entries,
        };
        match router.put_records(request).await {
            Ok(results) => {
                for (text, result) in texts.into_iter().zip(results) {
                    match result {
                        Ok(placed) => drop(ledger.acknowledged.insert(text, placed.sequence)),
                        Err(_) => ledger.in_doubt += 1,
                    }
                }
            }
            Err(_) => ledger.in_doubt += KEYS,
        }
        time::sleep(Duration::from_millis(5)).await;
    }
    ledger
}

/// Begins a split of the widest shard, or a merge of the first two neighbours.
async fn begin_reshard(router: &Router, split: bool) {
    let stream = StreamRef::by_name("s");
    let mut open: Vec<ShardInfo> = active(router, "s").await.shards;
    open.retain(ShardInfo::is_open);
    open.sort_by_key(|it| it.range.start);
    let begun = if split {
        let widest = open
            .iter()
            .max_by_key(|it| it.range.end.0 - it.range.start.0)
            .expect("open");
        let middle = widest.range.start.0 + (widest.range.end.0 - widest.range.start.0) / 2;
        let new_starting_hash_key = HashKey(middle).to_string();
        let shard_id = widest.shard.to_string();
        router
            .split_shard(SplitShard {
                stream,
                shard_id,
                new_starting_hash_key,
            })
            .await
    } else {
        let (shard_id, adjacent_shard_id) = (open[0].shard.to_string(), open[1].shard.to_string());
        router
            .merge_shards(MergeShards {
                stream,
                shard_id,
                adjacent_shard_id,
            })
            .await
    };
    begun.expect("a reshard begins");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reshards_end_and_nothing_acknowledged_is_lost() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        let create = CreateStream {
            name: "s".to_owned(),
            shard_count: Some(2),
            ..CreateStream::default()
        };
        cluster.any().create_stream(create).await.expect("created");
        active(cluster.any(), "s").await;
        let (routers, current) = watch::channel(Some(cluster.any().clone()));
        let writers: Vec<_> = (0..3)
            .map(|writer| runtime::spawn(write(writer, current.clone())))
            .collect();
        // The steps of a reshard lie at 200 ms and shortly after: before, between and behind them.
        for (round, pause_ms) in [0, 150, 205, 230].into_iter().enumerate() {
            begin_reshard(cluster.any(), round % 2 == 0).await;
            let group = if round % 2 == 0 {
                GroupId::METADATA
            } else {
                GroupId(1)
            };
            let victim = cluster.leader(group).await;
            time::sleep(Duration::from_millis(pause_ms)).await;
            let survivor = cluster.other_than(victim).clone();
            routers.send_replace(Some(survivor));
            cluster.kill(victim).await;
            active(cluster.any(), "s").await;
            cluster.restart(victim).await;
            eventually(
                "every group has three replicas that are level",
                async || {
                    let status = cluster.any().status().await;
                    let level = status.groups.iter().all(|it| {
                        it.replicas.len() == 3 && it.replicas.iter().all(|it| it.lag < 50)
                    });
                    level.then_some(())
                },
            )
            .await;
        }
        routers.send_replace(None);
        let mut ledger = Ledger::default();
        for writer in writers {
            let one = writer.await.expect("the writer ends");
            ledger.acknowledged.extend(one.acknowledged);
            ledger.in_doubt += one.in_doubt;
        }
        check(&cluster, &ledger).await;
    })
    .await;
}

async fn check(cluster: &Cluster, ledger: &Ledger) {
    let shards = describe(cluster.any(), "s")
        .await
        .expect("described")
        .shards;
    let mut seen: BTreeMap<String, SequenceNumber> = BTreeMap::new();
    for info in &shards {
        let (records, last) = read_all(cluster.any(), "s", info.shard).await;
        assert_eq!(
            last.next.is_none(),
            !info.is_open(),
            "{} ends when closed",
            info.shard
        );
        for (sequence, text) in records {
            assert_eq!(
                seen.insert(text.clone(), sequence),
                None,
                "{text} is there twice"
            );
        }
    }
    let numbers: BTreeSet<_> = seen.values().collect();
    assert_eq!(numbers.len(), seen.len(), "no number twice");
    for (text, sequence) in &ledger.acknowledged {
        assert_eq!(seen.get(text), Some(sequence), "{text} was acknowledged");
    }
    let mut by_key: BTreeMap<&str, Vec<(SequenceNumber, u64)>> = BTreeMap::new();
    for (text, sequence) in &seen {
        let (key, round) = text.split_once('/').expect("our own text");
        by_key
            .entry(key)
            .or_default()
            .push((*sequence, round.parse().expect("a number")));
    }
    for (key, mut records) in by_key {
        records.sort_unstable();
        assert!(
            records.windows(2).all(|it| it[0].1 < it[1].1),
            "key {key} is in order"
        );
    }
    let (sure, doubt) = (ledger.acknowledged.len(), ledger.in_doubt);
    assert!(
        sure > 200,
        "the writers got somewhere: {sure} acknowledged, {doubt} in doubt"
    );
}
