//! Disks that are full, fail or lie: what a replica refuses, and when it ends.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use crate::common;

use std::sync::atomic::Ordering;

use ana_raft::{Command, GroupHealth, ProposeError, TrimTo};
use ana_state::shard::ShardCommand;
use ana_types::NodeId;
use common::{Cluster, point, put, put_many, scoped};

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_records_first_and_entries_later() {
    scoped(async {
        let cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        let id = NodeId(*leader.raft().unwrap().node_id());
        let used = |permille| {
            cluster.nodes[&id]
                .parts
                .disk_use
                .store(permille, Ordering::Relaxed);
        };
        let expire = || Command::Shard(ShardCommand::Expire { shards: Vec::new() });
        used(920);
        assert_eq!(put(&leader, "k").await, Err(ProposeError::DiskFull));
        assert_eq!(leader.status().health, GroupHealth::Full);
        assert!(leader.admits_entries());
        assert!(
            leader.command(expire()).await.is_ok(),
            "what makes room still passes"
        );
        used(970);
        assert_eq!(leader.command(expire()).await, Err(ProposeError::DiskFull));
        assert!(!leader.admits_entries());
        let cut = {
            used(920);
            let cut = point(&leader).await;
            used(970);
            cut
        };
        assert_eq!(
            leader.trim_to_point(TrimTo::Index(cut)).await,
            Ok(Some(cut))
        );
        used(500);
        put(&leader, "k").await.unwrap();

        // A follower without room lags and comes back.
        let late = cluster.ids_but(id)[0];
        cluster.nodes[&late]
            .parts
            .disk_use
            .store(970, Ordering::Relaxed);
        let last = put_many(&leader, 10).await;
        assert!(cluster.group(late).applied() < last);
        cluster.nodes[&late]
            .parts
            .disk_use
            .store(500, Ordering::Relaxed);
        cluster.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_stops_the_replica_and_the_others_go_on() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        let id = NodeId(*leader.raft().unwrap().node_id());
        put_many(&leader, 5).await;
        cluster.nodes[&id].disk.fail_next_sync(1);
        let answer = put(&leader, "lost").await;
        assert!(
            matches!(answer, Err(ProposeError::Unknown { .. }) | Ok(_)),
            "it may be on the others: {answer:?}"
        );
        common::eventually(
            || matches!(leader.health(), GroupHealth::Failed { .. }),
            "the replica says so",
        )
        .await;
        assert!(!leader.is_leader());
        assert_eq!(put(&leader, "k").await, Err(ProposeError::Stopped));
        let others = cluster.ids_but(id);
        let led = || others.iter().any(|other| cluster.group(*other).is_leader());
        common::eventually(led, "another leads").await;
        let hub = cluster.hub.clone();
        cluster.nodes.get_mut(&id).unwrap().crash(&hub).await;
        put_many(&cluster.leader().await, 5).await;
        cluster.restart(id).await;
        cluster.settle().await;
    })
    .await;
}

/// Damages a piece of a segment of a stopped node: the oldest, or the one last written.
async fn damage(node: &common::Node, newest: bool) {
    let dir = node.parts.config.group_dir(common::GROUP);
    let files = node.parts.env.disk.list(&dir).await.unwrap();
    let mut segments: Vec<_> = files
        .into_iter()
        .filter(|file| file.name.starts_with("segment-"))
        .collect();
    assert!(segments.len() > 2, "{segments:?}");
    let segment = if newest {
        segments.pop().unwrap()
    } else {
        segments.swap_remove(0)
    };
    // More than the gap between two ranges of records.
    for offset in 8_000..8_300 {
        node.disk
            .flip_bit(&dir.join(&segment.name), offset)
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_log_keeps_the_replica_from_running() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        let id = NodeId(*leader.raft().unwrap().node_id());
        let victim = cluster.ids_but(id)[0];
        put_many(&leader, 1000).await;
        cluster.settle().await;
        let hub = cluster.hub.clone();
        let node = cluster.nodes.get_mut(&victim).unwrap();
        node.stop(&hub).await;
        damage(node, true).await;
        let group = cluster.restart(victim).await;
        assert!(
            matches!(group.health(), GroupHealth::Corrupt { .. }),
            "{:?}",
            group.health()
        );
        assert!(group.raft().is_none());
        assert!(!group.votes_allowed());
        assert_eq!(put(&group, "k").await, Err(ProposeError::Stopped));
        put(&leader, "the others go on").await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn damage_found_by_a_reader_ends_a_running_leader() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        let victim = NodeId(*leader.raft().unwrap().node_id());
        put_many(&leader, 1000).await;
        cluster.settle().await;
        damage(&cluster.nodes[&victim], false).await;
        let read = leader.log().read_key(0, 0, u64::MAX, usize::MAX).await;
        assert!(read.is_err(), "the damage is met");
        assert!(
            matches!(leader.health(), GroupHealth::Corrupt { .. }),
            "{:?}",
            leader.health()
        );
        assert!(!leader.is_leader());
        assert!(!leader.votes_allowed());
        assert_eq!(put(&leader, "k").await, Err(ProposeError::Stopped));
        let others = cluster.ids_but(victim);
        let led = || others.iter().any(|other| cluster.group(*other).is_leader());
        common::eventually(led, "another leads").await;
        let hub = cluster.hub.clone();
        cluster.nodes.get_mut(&victim).unwrap().stop(&hub).await;
        cluster.nodes.remove(&victim);
        put_many(&cluster.leader().await, 5).await;
    })
    .await;
}
