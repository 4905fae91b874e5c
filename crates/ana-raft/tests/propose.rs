//! Appends, commands and barriers of a running group: what is promised, and what is said when it
//! cannot be kept.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use crate::common;

use std::collections::BTreeSet;
use std::time::Duration;

use ana_env::{runtime, time};
use ana_raft::{Command, Group, ProposeError, SubBatch, TrimTo, UnknownWhy};
use ana_state::shard::{AppendOutcome, AppendRefusal, ShardCommand};
use ana_types::record::codec;
use ana_types::{NodeId, Position, ShardIndex};
use common::{Cluster, open_shards, point, put, put_many, record, scoped, sub};

/// Everything of one shard in the log of a replica: position, stamp, key.
async fn read_all(group: &Group, shard: u32) -> Vec<(Position, u64, String)> {
    let read = group
        .log()
        .read_key(shard, 0, u64::MAX, usize::MAX)
        .await
        .unwrap();
    let mut found = Vec::new();
    for batch in read.batches {
        for (ordinal, record) in (0..).zip(codec::decode(batch.body)) {
            let key = String::from_utf8(record.unwrap().partition_key.to_vec()).unwrap();
            found.push((Position::new(batch.index, ordinal), batch.mark.time_ms, key));
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn many_appends_become_few_entries_and_each_is_told_its_own_positions() {
    scoped(async {
        let cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        open_shards(&leader, &[1, 2]).await;
        let before = leader.status().last_index.unwrap();
        let appends = (0..200u32).map(|n| {
            let leader = leader.clone();
            runtime::spawn(async move {
                let keys = [format!("{n}-a"), format!("{n}-b")];
                let subs = vec![
                    sub(n % 3, &[&keys[0], &keys[1]]),
                    sub((n + 1) % 3, &[&keys[0]]),
                ];
                (n, leader.append(subs).await.unwrap())
            })
        });
        let mut promised = Vec::new();
        for append in appends.collect::<Vec<_>>() {
            let (n, outcomes) = append.await.unwrap();
            for (outcome, keys) in outcomes.iter().zip([&["a", "b"][..], &["a"][..]]) {
                let AppendOutcome::Accepted {
                    shard,
                    first,
                    time_ms,
                    ..
                } = outcome
                else {
                    panic!("{outcome:?}");
                };
                for (key, offset) in keys.iter().zip(0..) {
                    let position = Position(first.0 + offset);
                    promised.push((shard.0, position, *time_ms, format!("{n}-{key}")));
                }
            }
        }
        cluster.settle().await;
        for group in cluster.groups() {
            let mut held = Vec::new();
            for shard in 0..3 {
                let all = read_all(&group, shard).await;
                held.extend(
                    all.into_iter()
                        .map(|(at, time_ms, key)| (shard, at, time_ms, key)),
                );
            }
            held.sort();
            promised.sort();
            assert_eq!(held, promised);
        }
        let entries = leader.status().last_index.unwrap() - before;
        assert!(entries < 40, "{entries} entries for 200 appends");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sub_batch_that_cannot_be_is_refused_without_an_entry() {
    scoped(async {
        let cluster = Cluster::new(1).await;
        let leader = cluster.leader().await;
        let before = leader.status().last_index;
        let empty = SubBatch {
            shard: ShardIndex(0),
            records: Vec::new(),
        };
        let refused = AppendOutcome::Refused {
            shard: ShardIndex(0),
            why: AppendRefusal::Count,
        };
        assert_eq!(leader.append(vec![empty]).await, Ok(vec![refused]));
        let many = SubBatch {
            shard: ShardIndex(0),
            records: vec![record("k", 0); 65_536],
        };
        assert_eq!(leader.append(vec![many]).await, Ok(vec![refused]));
        assert_eq!(leader.append(Vec::new()).await, Ok(Vec::new()));
        let most = SubBatch {
            shard: ShardIndex(0),
            records: vec![record("k", 0); 65_535],
        };
        let accepted = leader.append(vec![most]).await.unwrap();
        assert!(matches!(accepted[..], [AppendOutcome::Accepted { .. }]));
        assert_eq!(leader.status().last_index, before.map(|index| index + 1));
        let unknown = leader.append(vec![sub(9, &["k"])]).await;
        assert_eq!(
            unknown,
            Ok(vec![AppendOutcome::Unknown {
                shard: ShardIndex(9)
            }])
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn stamps_never_go_back_though_clocks_do() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        for round in 0..4 {
            let leader = cluster.leader().await;
            let id = *leader.raft().unwrap().node_id();
            put_many(&leader, 5).await;
            cluster.nodes[&NodeId(id)]
                .plan
                .set_clock_offset_ms(-60_000 * (round + 1));
            put_many(&leader, 5).await;
            point(&leader).await;
            // The next leader's clock may be anywhere.
            let next = cluster.ids_but(NodeId(id))[0];
            leader.transfer_leader(next).await.unwrap();
        }
        cluster.settle().await;
        let all = read_all(&cluster.leader().await, 0).await;
        assert_eq!(all.len(), 40);
        assert!(all.is_sorted_by_key(|(_, time_ms, _)| *time_ms), "{all:?}");
        let points = cluster.leader().await.points();
        assert!(points.is_sorted_by_key(|point| point.time_ms), "{points:?}");
        for id in cluster.ids_but(NodeId(0)) {
            let hub = cluster.hub.clone();
            cluster.nodes.get_mut(&id).unwrap().stop(&hub).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_follower_says_who_leads_and_proposes_nothing() {
    scoped(async {
        let cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        let id = NodeId(*leader.raft().unwrap().node_id());
        let follower = cluster.group(cluster.ids_but(id)[0]);
        let not_leader = ProposeError::NotLeader { leader: Some(id) };
        assert_eq!(put(follower, "k").await, Err(not_leader.clone()));
        assert_eq!(follower.read_barrier().await, Err(not_leader.clone()));
        let expire = Command::Shard(ShardCommand::Expire { shards: Vec::new() });
        assert_eq!(follower.command(expire).await, Err(not_leader.clone()));
        assert_eq!(follower.mark_point().await, Err(not_leader.clone()));
        assert_eq!(
            follower.trim_to_point(TrimTo::Index(5)).await,
            Err(not_leader)
        );
        cluster.settle().await;
        assert_eq!(read_all(&leader, 0).await, []);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_every_wait_ends_and_what_was_handed_over_is_unknown() {
    scoped(async {
        let cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        let id = NodeId(*leader.raft().unwrap().node_id());
        put(&leader, "before").await.unwrap();
        cluster.hub.isolate(id, &cluster.ids_but(id));
        let begun = time::now();
        let appends: Vec<_> = (0..30)
            .map(|n| {
                let leader = leader.clone();
                runtime::spawn(async move {
                    time::sleep(Duration::from_millis(n * 5)).await;
                    put(&leader, &format!("cut-{n}")).await
                })
            })
            .collect();
        let mut unknown = BTreeSet::new();
        for (n, append) in appends.into_iter().enumerate() {
            match append.await.unwrap() {
                Err(ProposeError::Unknown { .. }) => {
                    unknown.insert(format!("cut-{n}"));
                }
                Err(ProposeError::Overloaded | ProposeError::NotLeader { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(!unknown.is_empty());
        assert!(
            begun.elapsed() < Duration::from_secs(6),
            "{:?}",
            begun.elapsed()
        );
        let barrier = leader.read_barrier().await;
        assert!(barrier.is_err(), "{barrier:?}");
        assert!(
            begun.elapsed() < Duration::from_secs(12),
            "{:?}",
            begun.elapsed()
        );

        cluster.hub.heal();
        let next = cluster.leader().await;
        put(&next, "after").await.unwrap();
        cluster.settle().await;
        // Only what was said to be unknown may have come about.
        for (_, _, key) in read_all(&next, 0).await {
            assert!(
                unknown.contains(&key) || key == "before" || key == "after",
                "{key}"
            );
        }
        // The slots are free again.
        put_many(&cluster.leader().await, 20).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_replaced_gives_no_barrier() {
    scoped(async {
        for round in 0..5 {
            let mut cluster = Cluster::new(3).await;
            let old = cluster.leader().await;
            let id = NodeId(*old.raft().unwrap().node_id());
            let others = cluster.ids_but(id);
            // One has not heard from the leader for long, and would vote for anybody. The other
            // keeps the leader's lease alive, and then loses its memory of it.
            let (forgetful, estranged) = (others[round % 2], others[(round + 1) % 2]);
            cluster.hub.isolate(id, &[estranged]);
            time::sleep(Duration::from_secs(4)).await;
            assert!(old.read_barrier().await.is_ok());
            let hub = cluster.hub.clone();
            cluster.nodes.get_mut(&forgetful).unwrap().crash(&hub).await;
            hub.isolate(id, &others);
            cluster.restart(forgetful).await;
            let watched = async {
                loop {
                    let index = old.read_barrier().await;
                    let ahead = others.iter().any(|&other| {
                        let group = cluster.group(other);
                        group.is_leader() && group.applied() > old.applied()
                    });
                    assert!(!(ahead && index.is_ok()), "a stale read: {index:?}");
                    if ahead {
                        return;
                    }
                    time::sleep(Duration::from_millis(5)).await;
                }
            };
            time::timeout(common::SOON, watched)
                .await
                .expect("another takes over");
            let stopping: Vec<_> = cluster.nodes.values_mut().collect();
            for node in stopping {
                node.stop(&hub).await;
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn too_many_waiting_bytes_are_refused_and_given_back() {
    scoped(async {
        let cluster = Cluster::with(3, |config| config.queued_bytes_max = 10_000).await;
        let leader = cluster.leader().await;
        let large = vec![SubBatch {
            shard: ShardIndex(0),
            records: vec![record("k", 20_000)],
        }];
        assert_eq!(leader.append(large).await, Err(ProposeError::Overloaded));
        let appends: Vec<_> = (0..40)
            .map(|_| {
                let leader = leader.clone();
                let subs = vec![SubBatch {
                    shard: ShardIndex(0),
                    records: vec![record("k", 1000)],
                }];
                runtime::spawn(async move { leader.append(subs).await })
            })
            .collect();
        let mut refused = 0;
        for append in appends {
            match append.await.unwrap() {
                Ok(_) => {}
                Err(ProposeError::Overloaded) => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(refused, 31, "nine of 1007 bytes fit into 10,000");
        assert_eq!(leader.status().queued_bytes, 0);
        put_many(&leader, 5).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_restarted_replica_keeps_out_of_elections_for_one_timeout() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        assert!(leader.votes_allowed(), "a new group elects at once");
        let id = NodeId(*leader.raft().unwrap().node_id());
        let victim = cluster.ids_but(id)[0];
        put_many(&leader, 3).await;
        let hub = cluster.hub.clone();
        cluster.nodes.get_mut(&victim).unwrap().crash(&hub).await;
        let group = cluster.restart(victim).await;
        assert!(!group.votes_allowed());
        let silence = group_silence(&cluster, victim);
        time::sleep(silence - Duration::from_millis(100)).await;
        assert!(!group.votes_allowed());
        time::sleep(Duration::from_millis(200)).await;
        assert!(group.votes_allowed());
        // All of them at once: somebody leads again soon after the silence.
        for node in cluster.nodes.values_mut() {
            node.crash(&hub).await;
        }
        for id in cluster.ids_but(NodeId(0)) {
            cluster.restart(id).await;
        }
        put_many(&cluster.leader().await, 3).await;
        cluster.settle().await;
    })
    .await;
}

fn group_silence(cluster: &Cluster, id: NodeId) -> Duration {
    cluster.nodes[&id].parts.config.silence()
}

#[tokio::test(start_paused = true)]
async fn a_closed_group_answers_stopped() {
    scoped(async {
        let mut cluster = Cluster::new(1).await;
        let leader = cluster.leader().await;
        let waiting = runtime::spawn({
            let leader = leader.clone();
            async move { put(&leader, "k").await }
        });
        let hub = cluster.hub.clone();
        cluster.nodes.get_mut(&NodeId(1)).unwrap().stop(&hub).await;
        match waiting.await.unwrap() {
            Ok(_)
            | Err(
                ProposeError::Stopped
                | ProposeError::Unknown {
                    why: UnknownWhy::Stopped,
                },
            ) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(put(&leader, "k").await, Err(ProposeError::Stopped));
        assert_eq!(leader.read_barrier().await, Err(ProposeError::Stopped));
        assert!(!leader.is_leader());
    })
    .await;
}
