//! Points: when a leader marks them, and the metadata log that trims itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use crate::common;

use std::collections::BTreeSet;
use std::time::Duration;

use ana_env::time;
use ana_raft::{Command, MachineKind, Reply, TrimTo};
use ana_state::meta::MetaCommand;
use ana_state::shard::AppendOutcome;
use ana_types::NodeId;
use common::hub::Hub;
use common::{Cluster, Node, eventually, purged, put, put_many, scoped};

#[tokio::test(start_paused = true)]
async fn a_leader_marks_points_by_bytes_and_by_time() {
    scoped(async {
        let cluster = Cluster::with(3, |config| {
            config.point_bytes = 3_000;
            config.point_ms = 20_000;
        })
        .await;
        let leader = cluster.leader().await;
        time::sleep(Duration::from_secs(25)).await;
        let quiet = leader.points().len();
        time::sleep(Duration::from_secs(100)).await;
        assert_eq!(
            leader.points().len(),
            quiet,
            "nothing came, nothing to mark"
        );
        put_many(&leader, 100).await;
        time::sleep(Duration::from_secs(2)).await;
        assert!(leader.points().len() > quiet, "after enough bytes");
        let busy = leader.points().len();
        put(&leader, "one").await.unwrap();
        time::sleep(Duration::from_secs(5)).await;
        assert_eq!(leader.points().len(), busy);
        time::sleep(Duration::from_secs(20)).await;
        assert_eq!(leader.points().len(), busy + 1, "after enough time");

        // By time: everything at or before the point is at most as old as it says.
        let newest = *leader.points().last().unwrap();
        let older = TrimTo::BeforeMs(newest.time_ms - 1);
        let cut = leader
            .trim_to_point(older)
            .await
            .unwrap()
            .expect("an older point");
        assert!(cut < newest.index);
        let cut = leader.trim_to_point(TrimTo::BeforeMs(newest.time_ms)).await;
        assert_eq!(cut, Ok(Some(newest.index)));
        cluster.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_metadata_log_trims_itself_and_restarts_from_what_is_left() {
    scoped(async {
        let hub = Hub::default();
        let mut node = Node::new(NodeId(1), |config| config.point_bytes = 500);
        let group = node.open_as(&hub, MachineKind::Meta).await;
        group.initialize(BTreeSet::from([NodeId(1)])).await.unwrap();
        eventually(|| group.is_leader(), "a leader").await;
        for limit in 1..400 {
            let command = Command::Meta(MetaCommand::SetShardLimit { limit });
            let reply = group.command(command).await.unwrap();
            assert!(matches!(reply, Reply::Meta(Ok(_))), "{reply:?}");
            time::sleep(Duration::from_millis(50)).await;
        }
        purged(&group, 100).await;
        let before = group.meta(|meta| meta.encode());
        node.crash(&hub).await;
        node.checkpoints.memory.clear();
        let group = node.open_as(&hub, MachineKind::Meta).await;
        eventually(|| group.is_leader(), "a leader").await;
        group.read_barrier().await.unwrap();
        assert_eq!(group.meta(|meta| meta.encode()), before);
        assert_eq!(group.meta(|meta| meta.shard_limit()), 399);
        // Records have no place here.
        let refused = group.append(vec![common::sub(0, &["k"])]).await.unwrap();
        assert!(matches!(refused[..], [AppendOutcome::Unknown { .. }]));
        node.stop(&hub).await;
    })
    .await;
}
