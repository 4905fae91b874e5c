//! A restart re-applies only what the checkpoint lacks; without one, or with one that is stale,
//! damaged or not of this log, the same state is rebuilt from snapshot and log.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use crate::common;

use std::path::PathBuf;
use std::time::Duration;

use ana_env::time;
use ana_raft::{CheckpointStore, Group, GroupHealth};
use ana_types::NodeId;
use bytes::Bytes;
use common::{Cluster, GROUP, SOON, point, purged, put_many, scoped, state, trim};

const VICTIM: NodeId = NodeId(1);

/// One node, trimmed once, with a checkpoint in the middle of what is left.
struct Scene {
    cluster: Cluster,
    checkpoint: Bytes,
    before: (Vec<u8>, Vec<ana_raft::PointInfo>),
    applied: u64,
    /// Bytes that were applied before the checkpoint, and after it.
    work: (u64, u64),
    cut: u64,
}

impl Scene {
    async fn new() -> Self {
        let mut cluster = Cluster::with(1, |config| config.checkpoint_ms = 500).await;
        let leader = cluster.leader().await;
        put_many(&leader, 30).await;
        let cut = point(&leader).await;
        let work_of_point = leader.work_bytes();
        put_many(&leader, 20).await;
        trim(&leader, cut).await;
        purged(&leader, cut).await;
        time::sleep(Duration::from_secs(3)).await;
        let work_of_checkpoint = leader.work_bytes();
        let store = cluster.nodes[&VICTIM].checkpoints.clone();
        let checkpoint = store
            .load(GROUP)
            .await
            .unwrap()
            .expect("it was time for one");
        put_many(&leader, 10).await;
        let work = (
            work_of_checkpoint - work_of_point,
            leader.work_bytes() - work_of_checkpoint,
        );
        let (before, applied) = (state(&leader), leader.applied());
        let hub = cluster.hub.clone();
        cluster.nodes.get_mut(&VICTIM).unwrap().crash(&hub).await;
        store.save(GROUP, checkpoint.clone()).await.unwrap();
        Self {
            cluster,
            checkpoint,
            before,
            applied,
            work,
            cut,
        }
    }

    /// Starts again and waits until everything is applied again.
    async fn restart(&mut self) -> Group {
        let group = self.cluster.restart(VICTIM).await;
        group.wait_applied(self.applied, SOON).await.unwrap();
        assert_eq!(state(&group), self.before);
        assert_eq!(
            group.log().bounds().purged.map(|id| id.index),
            Some(self.cut)
        );
        group
    }

    async fn set_checkpoint(&self, checkpoint: Option<Bytes>) {
        let store = &self.cluster.nodes[&VICTIM].checkpoints;
        match checkpoint {
            Some(bytes) => store.save(GROUP, bytes).await.unwrap(),
            None => store.remove(GROUP).await.unwrap(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_checkpoint_only_the_tail_is_applied_again() {
    scoped(async {
        let mut scene = Scene::new().await;
        let group = scene.restart().await;
        assert_eq!(group.work_bytes(), scene.work.1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_checkpoint_the_state_comes_from_snapshot_and_log() {
    scoped(async {
        let mut scene = Scene::new().await;
        scene.set_checkpoint(None).await;
        let group = scene.restart().await;
        assert_eq!(group.work_bytes(), scene.work.0 + scene.work.1);
    })
    .await;
}

/// It must not end the process again and again: peers can repair it.
#[tokio::test(start_paused = true)]
async fn with_neither_checkpoint_nor_snapshot_the_replica_is_damaged() {
    scoped(async {
        let mut scene = Scene::new().await;
        let lose_snapshot = |node: &common::Node| {
            let image = node.disk.snapshot();
            let is_snapshot = |path: &&PathBuf| path.to_string_lossy().contains("snapshot-");
            let path = image.keys().find(is_snapshot).expect("there is one");
            node.disk.lose(path).unwrap();
        };
        lose_snapshot(&scene.cluster.nodes[&VICTIM]);
        let group = scene.cluster.restart(VICTIM).await;
        group.wait_applied(scene.applied, SOON).await.unwrap();
        assert_eq!(group.health(), GroupHealth::Ok, "the checkpoint is enough");

        let hub = scene.cluster.hub.clone();
        let node = scene.cluster.nodes.get_mut(&VICTIM).unwrap();
        node.crash(&hub).await;
        lose_snapshot(node);
        scene.set_checkpoint(None).await;
        let group = scene.cluster.restart(VICTIM).await;
        assert!(
            matches!(group.health(), GroupHealth::Corrupt { .. }),
            "{:?}",
            group.health()
        );
        assert!(!group.votes_allowed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_checkpoint_is_dropped() {
    scoped(async {
        let mut scene = Scene::new().await;
        let mut damaged = scene.checkpoint.to_vec();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        scene.set_checkpoint(Some(Bytes::from(damaged))).await;
        let group = scene.restart().await;
        assert_eq!(group.work_bytes(), scene.work.0 + scene.work.1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_checkpoint_before_the_snapshot_gives_way_to_it() {
    scoped(async {
        let mut cluster = Cluster::with(1, |config| config.checkpoint_ms = 500).await;
        let leader = cluster.leader().await;
        put_many(&leader, 10).await;
        time::sleep(Duration::from_secs(3)).await;
        let store = cluster.nodes[&VICTIM].checkpoints.clone();
        let stale = store
            .load(GROUP)
            .await
            .unwrap()
            .expect("it was time for one");
        put_many(&leader, 10).await;
        let cut = point(&leader).await;
        put_many(&leader, 10).await;
        trim(&leader, cut).await;
        purged(&leader, cut).await;
        let (before, applied) = (state(&leader), leader.applied());
        let hub = cluster.hub.clone();
        cluster.nodes.get_mut(&VICTIM).unwrap().crash(&hub).await;
        store.save(GROUP, stale).await.unwrap();
        let group = cluster.restart(VICTIM).await;
        group.wait_applied(applied, SOON).await.unwrap();
        assert_eq!(state(&group), before);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_ahead_of_the_log_does_not_cost_the_records() {
    scoped(async {
        let mut cluster = Cluster::with(3, |config| config.checkpoint_ms = 500).await;
        let leader = cluster.leader().await;
        let leader_id = NodeId(*leader.raft().unwrap().node_id());
        put_many(&leader, 10).await;
        cluster.settle().await;
        let late = cluster.ids_but(leader_id)[0];
        let hub = cluster.hub.clone();
        cluster.nodes.get_mut(&late).unwrap().crash(&hub).await;
        put_many(&leader, 10).await;
        time::sleep(Duration::from_secs(3)).await;
        // As if it had applied what its own log then lost.
        let ahead = cluster.nodes[&leader_id]
            .checkpoints
            .load(GROUP)
            .await
            .unwrap()
            .unwrap();
        cluster.nodes[&late]
            .checkpoints
            .save(GROUP, ahead)
            .await
            .unwrap();
        let group = cluster.restart(late).await;
        cluster.settle().await;
        assert_eq!(
            group.log().bounds().purged,
            None,
            "the log was not cut to close a gap"
        );
        assert_eq!(common::held(&group).await.0, 0);
    })
    .await;
}
