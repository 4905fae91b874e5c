//! A node that was wiped: its replicas neither vote nor lead nor deny what they confirmed, until the others have taken
//! them back.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions};
use ana_env::{Disk, Open, time};
use ana_raft::{Departure, Group, GroupHealth, MachineKind, rebuild};
use ana_types::{GroupId, NodeId};

use crate::common::{self, GROUP, eventually, open_shards, put, put_many, scoped};
use crate::repair::{Node, env_on, introduce, leader, node, node_on};

/// Many times what an election takes here, at a fifth and two of the usual times.
const ELECTIONS: Duration = Duration::from_secs(6);

/// A node whose directory holds nothing but the mark of a wipe.
async fn wiped(id: NodeId) -> Node {
    let disk = MemoryDisk::new(id.0 + 100, MemoryDiskOptions::default());
    let dir = Path::new("/data");
    disk.create_dir_all(dir).await.unwrap();
    disk.sync_dir(Path::new("/")).await.unwrap();
    rebuild::mark(&disk, dir).await.unwrap();
    assert!(rebuild::wipe(&disk, dir, &[]).await.unwrap());
    // The marks are what must survive whatever comes.
    disk.crash();
    node_on(id, disk).await
}

async fn open(node: &Node) -> Group {
    node.groups.open(GROUP, MachineKind::Shards).await.unwrap()
}

fn is_lost(group: &Group) -> bool {
    matches!(group.health(), GroupHealth::Corrupt { what } if what.contains("wiped"))
}

/// The leader, then the one that is wiped after it alone has confirmed the leader's last entries, then the one that
/// lacks them; and the last of those entries.
async fn three() -> (BTreeMap<NodeId, Node>, [NodeId; 3], u64) {
    let ids = [NodeId(1), NodeId(2), NodeId(3)];
    let mut nodes = BTreeMap::new();
    for id in ids {
        nodes.insert(id, node(id).await);
    }
    introduce(&nodes);
    for node in nodes.values() {
        open(node).await;
    }
    let founder = nodes[&ids[0]].groups.get(GROUP).unwrap();
    founder.initialize(BTreeSet::from(ids)).await.unwrap();
    let (first, group) = leader(&nodes).await;
    group.read_barrier().await.unwrap();
    open_shards(&group, &[0]).await;
    put_many(&group, 20).await;
    let [behind, victim]: [NodeId; 2] = ids
        .into_iter()
        .filter(|id| *id != first)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    nodes[&behind].groups.close(GROUP).await;
    let last = put_many(&group, 20).await;
    let confirmed = nodes[&victim].groups.get(GROUP).unwrap();
    confirmed.wait_applied(last, common::SOON).await.unwrap();
    (nodes, [first, victim, behind], last)
}

#[tokio::test]
async fn a_wiped_replica_does_not_vote_before_it_is_taken_back() {
    scoped(async {
        let (mut nodes, [first, victim, behind], last) = three().await;
        nodes[&victim].shutdown().await;
        nodes.insert(victim, wiped(victim).await);
        introduce(&nodes);
        let empty = open(&nodes[&victim]).await;
        assert!(is_lost(&empty) && !empty.votes_allowed() && empty.raft().is_none());
        assert!(nodes[&victim].groups.is_rebuilt().await.unwrap());

        // The only one that still has the last entries is gone for a while. The other two are a majority, and one of
        // them confirmed those entries: electing each other would lose them.
        nodes[&first].groups.close(GROUP).await;
        let short = open(&nodes[&behind]).await;
        let begun = time::now();
        while begun.elapsed() < ELECTIONS {
            assert!(!short.is_leader() && !empty.is_leader(), "entries are lost");
            time::sleep(Duration::from_millis(50)).await;
        }
        // Nor does founding the group anew help, or starting once more.
        empty
            .initialize(BTreeSet::from([victim]))
            .await
            .unwrap_err();
        nodes[&victim].groups.close(GROUP).await;
        assert!(is_lost(&open(&nodes[&victim]).await));

        open(&nodes[&first]).await;
        let (_, group) = leader(&nodes).await;
        assert!(group.read_barrier().await.unwrap() >= last);
        let others: Vec<_> = [first, behind].into();
        let repaired = time::timeout(Duration::from_secs(60), async {
            while let Err(error) = nodes[&victim].groups.repair(GROUP, &others).await {
                tracing::info!(%error, "again");
            }
        });
        repaired.await.expect("repaired within the time");

        let again = nodes[&victim].groups.get(GROUP).unwrap();
        assert_eq!(again.health(), GroupHealth::Ok);
        let (holder, group) = leader(&nodes).await;
        let last = put(&group, "after").await.unwrap();
        again.wait_applied(last, common::SOON).await.unwrap();
        assert_eq!(common::state(&again), common::state(&group));
        assert_eq!(common::held(&again).await.0, 0, "every entry is here again");

        // What was repaired is not lost at the next start, though the node is still under its mark.
        nodes[&victim].groups.close(GROUP).await;
        let again = open(&nodes[&victim]).await;
        assert_eq!(again.health(), GroupHealth::Ok);
        eventually(|| again.votes_allowed(), "it votes").await;
        let gone = [first, behind, victim]
            .into_iter()
            .find(|id| *id != holder && *id != victim);
        nodes[&gone.unwrap()].groups.close(GROUP).await;
        put(&leader(&nodes).await.1, "two are enough")
            .await
            .unwrap();

        // Under the mark a replica that is missing was lost; without it, it is new.
        let groups = &nodes[&victim].groups;
        let unknown = groups.open(GroupId(8), MachineKind::Shards).await.unwrap();
        assert!(is_lost(&unknown));
        groups.end_rebuild().await.unwrap();
        assert!(!groups.is_rebuilt().await.unwrap());
        let new = groups.open(GroupId(9), MachineKind::Shards).await.unwrap();
        assert_eq!(new.health(), GroupHealth::Ok);

        for node in nodes.values() {
            node.shutdown().await;
        }
    })
    .await;
}

/// A replica that was taken out of the members, and whose node dies before it is back, is still closed to elections.
#[tokio::test]
async fn a_rebuild_that_is_cut_off_goes_on_where_it_stopped() {
    scoped(async {
        let (mut nodes, [first, victim, behind], _) = three().await;
        open(&nodes[&behind]).await;
        nodes[&victim].shutdown().await;
        nodes.insert(victim, wiped(victim).await);
        introduce(&nodes);
        open(&nodes[&victim]).await;
        let others: Vec<_> = [first, behind].into();
        // Dropped at every step it may be at: each time it goes on from what is on the disk.
        let mut cut_off = 0_u64;
        loop {
            let within = Duration::from_millis(5 + 10 * cut_off);
            let repair = nodes[&victim].groups.repair(GROUP, &others);
            if let Ok(Ok(())) = time::timeout(within, repair).await {
                break;
            }
            cut_off += 1;
            assert!(cut_off < 300, "it never ends");
            let old = &nodes[&victim];
            old.disk.crash();
            let disk = old.disk.clone();
            old.shutdown().await;
            disk.crash();
            nodes.insert(victim, node_on(victim, disk).await);
            introduce(&nodes);
            let group = open(&nodes[&victim]).await;
            let is_member = matches!(group.health(), GroupHealth::Ok);
            assert!(is_member || !group.votes_allowed());
            assert!(is_member || is_lost(&group) || group.health() == GroupHealth::Rejoining);
        }
        assert!(cut_off > 0, "never cut off: this proved nothing");
        let (_, group) = leader(&nodes).await;
        let last = put(&group, "after").await.unwrap();
        let again = nodes[&victim].groups.get(GROUP).unwrap();
        again.wait_applied(last, common::SOON).await.unwrap();
        assert_eq!(common::state(&again), common::state(&group));
        for node in nodes.values() {
            node.shutdown().await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_wipe_that_is_cut_off_is_finished_before_anything_is_opened() {
    scoped(async {
        let disk = MemoryDisk::new(1, MemoryDiskOptions::default());
        let dir = Path::new("/data");
        let group = dir.join("groups/7");
        disk.create_dir_all(&group).await.unwrap();
        for name in [
            "groups/7/segment-1",
            "groups/7/segment-2",
            "ana.lock",
            "other",
        ] {
            let file = disk.open(&dir.join(name), Open::CREATE).await.unwrap();
            file.write_sync_at(0, vec!["x".into()]).await.unwrap();
        }
        // One that has left, one that was back again and had promised more since.
        let (left, back) = (dir.join("groups/8"), dir.join("groups/9"));
        for path in [left.join("left"), back.join("left"), back.join("segment-1")] {
            disk.create_dir_all(path.parent().unwrap()).await.unwrap();
            let file = disk.open(&path, Open::CREATE).await.unwrap();
            file.write_sync_at(0, vec!["x".into()]).await.unwrap();
        }
        let groups = dir.join("groups");
        for path in [&group, &left, &back, &groups, dir, Path::new("/")] {
            disk.sync_dir(path).await.unwrap();
        }
        assert!(
            !rebuild::wipe(&disk, dir, &["ana.lock"]).await.unwrap(),
            "no mark, no wipe"
        );
        rebuild::mark(&disk, dir).await.unwrap();
        // Half of it, then the power goes: a log without its newest segment would be shorter, and look sound.
        disk.remove_file(&group.join("segment-2")).await.unwrap();
        disk.sync_dir(&group).await.unwrap();
        disk.crash();
        let env = env_on(NodeId(1), &disk);
        let peers = ana_raft::Peers::new(env.clone(), NodeId(1));
        let checkpoints = std::sync::Arc::new(ana_raft::MemoryCheckpoints::new());
        let started = ana_raft::Groups::start(env, common::config(NodeId(1)), checkpoints, peers);
        let refused = started.await.expect_err("half a wipe").to_string();
        assert!(refused.contains("not finished"), "{refused}");

        assert!(rebuild::wipe(&disk, dir, &["ana.lock"]).await.unwrap());
        disk.crash();
        let left: Vec<PathBuf> = disk.snapshot_durable().into_keys().collect();
        assert_eq!(
            left,
            [
                dir.join("ana.lock"),
                dir.join("groups/8/left"),
                dir.join("rebuild")
            ]
        );
        assert!(
            !rebuild::wipe(&disk, dir, &[]).await.unwrap(),
            "once is enough"
        );
    })
    .await;
}

/// Wipes a node as it is and starts it again.
async fn wipe(nodes: &mut BTreeMap<NodeId, Node>, victim: NodeId) {
    let disk = nodes[&victim].disk.clone();
    nodes[&victim].shutdown().await;
    let dir = Path::new("/data");
    rebuild::mark(&disk, dir).await.unwrap();
    assert!(rebuild::wipe(&disk, dir, &[]).await.unwrap());
    disk.crash();
    nodes.insert(victim, node_on(victim, disk).await);
    introduce(nodes);
}

#[tokio::test]
async fn what_was_promised_by_replicas_that_had_moved_away_outlasts_a_wipe() {
    scoped(async {
        let (mut nodes, [first, victim, behind], last) = three().await;
        let left = nodes[&victim].groups.leave(GROUP, MachineKind::Shards);
        assert_eq!(left.await.unwrap(), Departure::Clean);
        wipe(&mut nodes, victim).await;
        // Everything that the node is to have is whole: it has nothing. Then the group comes back.
        nodes[&victim].groups.end_rebuild().await.unwrap();
        assert!(!nodes[&victim].groups.has_replica(GROUP).await.unwrap());
        let back = open(&nodes[&victim]).await;
        assert_eq!(back.health(), GroupHealth::Ok);
        nodes[&first].groups.close(GROUP).await;
        let short = open(&nodes[&behind]).await;
        let begun = time::now();
        while begun.elapsed() < ELECTIONS {
            assert!(!short.is_leader() && !back.is_leader(), "entries are lost");
            time::sleep(Duration::from_millis(50)).await;
        }
        open(&nodes[&first]).await;
        let (_, group) = leader(&nodes).await;
        assert!(group.read_barrier().await.unwrap() >= last);
        eventually(|| back.votes_allowed(), "it has what it had").await;
        for node in nodes.values() {
            node.shutdown().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_moves_away_before_it_is_rebuilt_must_not_come_back() {
    scoped(async {
        let (mut nodes, [first, victim, behind], _) = three().await;
        open(&nodes[&behind]).await;
        wipe(&mut nodes, victim).await;
        let leave = async |nodes: &BTreeMap<NodeId, Node>, group| {
            let groups = &nodes[&victim].groups;
            groups.leave(group, MachineKind::Shards).await.unwrap()
        };
        // Never opened since: nobody can say any more what it had promised.
        let never = GroupId(8);
        assert_eq!(leave(&nodes, never).await, Departure::Unknown);
        // Taken out of the members, and placed elsewhere before it was back among them.
        let (_, group) = leader(&nodes).await;
        group.place(&BTreeSet::from([first, behind]));
        nodes[&behind]
            .groups
            .get(GROUP)
            .unwrap()
            .place(&BTreeSet::from([first, behind]));
        let lost = open(&nodes[&victim]).await;
        assert!(is_lost(&lost));
        let groups = nodes[&victim].groups.clone();
        let repair = time::timeout(ELECTIONS, groups.repair(GROUP, &[first, behind])).await;
        assert!(!matches!(repair, Ok(Ok(()))), "it is placed elsewhere");
        let begun = groups.get(GROUP).unwrap();
        assert_eq!(begun.health(), GroupHealth::Rejoining);
        assert_eq!(leave(&nodes, GROUP).await, Departure::Unknown);

        // It stays so when the rebuild is over, and through a cut of the power.
        groups.end_rebuild().await.unwrap();
        let disk = nodes[&victim].disk.clone();
        nodes[&victim].shutdown().await;
        disk.crash();
        nodes.insert(victim, node_on(victim, disk).await);
        introduce(&nodes);
        for group in [never, GROUP] {
            assert_eq!(leave(&nodes, group).await, Departure::Unknown);
        }
        assert!(!open(&nodes[&victim]).await.votes_allowed());
        // Without the mark one that is missing was never here.
        assert_eq!(leave(&nodes, GroupId(9)).await, Departure::Clean);
        for node in nodes.values() {
            node.shutdown().await;
        }
    })
    .await;
}
