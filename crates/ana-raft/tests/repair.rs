//! Repair of a damaged replica, over the real transport: out of the members, empty, learner, voter.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use crate::common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions, SeededRng, TokioClock};
use ana_env::net::Net;
use ana_env::real::RealNet;
use ana_env::{Env, time};
use ana_raft::{
    CallError, CallHandler, Group, GroupHealth, Groups, MachineKind, MemoryCheckpoints, PeerServer,
    Peers, RaftNodeConfig, RemoteFault,
};
use ana_types::NodeId;
use async_trait::async_trait;
use bytes::Bytes;
use common::{EPOCH_MS, GROUP, config, eventually, open_shards, put, put_many, scoped};

/// A router that knows no calls.
#[derive(Debug)]
struct NoCalls;

#[async_trait]
impl CallHandler for NoCalls {
    async fn call(&self, _kind: u32, _body: Bytes) -> Result<Bytes, CallError> {
        Err(CallError::Remote(RemoteFault::UnknownKind))
    }
}

pub(crate) struct Node {
    pub(crate) disk: MemoryDisk,
    pub(crate) checkpoints: Arc<MemoryCheckpoints>,
    pub(crate) groups: Groups,
    pub(crate) peers: Peers,
    pub(crate) server: PeerServer,
}

impl Node {
    pub(crate) async fn shutdown(&self) {
        self.server.shutdown().await;
        self.groups.shutdown().await;
        self.peers.shutdown().await;
    }
}

pub(crate) async fn node(id: NodeId) -> Node {
    node_on(id, MemoryDisk::new(id.0, MemoryDiskOptions::default())).await
}

/// A machine with this disk and a real network.
pub(crate) fn env_on(id: NodeId, disk: &MemoryDisk) -> Env {
    Env {
        clock: Arc::new(TokioClock::new(EPOCH_MS)),
        disk: Arc::new(disk.clone()),
        net: Arc::new(RealNet),
        rng: Arc::new(SeededRng::new(id.0)),
    }
}

pub(crate) async fn node_on(id: NodeId, disk: MemoryDisk) -> Node {
    node_with(id, disk, |_| {}).await
}

pub(crate) async fn node_with(
    id: NodeId,
    disk: MemoryDisk,
    change: impl Fn(&mut RaftNodeConfig),
) -> Node {
    start(id, disk, Arc::default(), change).await
}

/// A node on what an earlier one has left.
async fn start(
    id: NodeId,
    disk: MemoryDisk,
    checkpoints: Arc<MemoryCheckpoints>,
    change: impl Fn(&mut RaftNodeConfig),
) -> Node {
    let env = env_on(id, &disk);
    let peers = Peers::new(env.clone(), id);
    let mut settings = config(id);
    change(&mut settings);
    let stays = Arc::clone(&checkpoints);
    let groups = Groups::start(env, settings, checkpoints, peers.clone())
        .await
        .unwrap();
    let listener = RealNet.listen("127.0.0.1:0").await.unwrap();
    let server = groups.serve_peer(listener, Arc::new(NoCalls));
    Node {
        disk,
        checkpoints: stays,
        groups,
        peers,
        server,
    }
}

/// Tells every node where every other is.
pub(crate) fn introduce(nodes: &BTreeMap<NodeId, Node>) {
    for node in nodes.values() {
        for (&id, other) in nodes {
            node.peers.set(id, other.server.local_addr());
        }
    }
}

pub(crate) async fn leader(nodes: &BTreeMap<NodeId, Node>) -> (NodeId, Group) {
    let led = || {
        nodes.iter().find_map(|(&id, node)| {
            node.groups
                .get(GROUP)
                .filter(Group::is_leader)
                .map(|group| (id, group))
        })
    };
    eventually(|| led().is_some(), "a leader").await;
    led().expect("just seen")
}

const IDS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// Three nodes with some records; their leader, and the last entry.
async fn three_with_records() -> (BTreeMap<NodeId, Node>, NodeId, u64) {
    let mut nodes = BTreeMap::new();
    for id in IDS {
        nodes.insert(id, node(id).await);
    }
    introduce(&nodes);
    for node in nodes.values() {
        node.groups.open(GROUP, MachineKind::Shards).await.unwrap();
    }
    let founder = nodes[&IDS[0]].groups.get(GROUP).unwrap();
    founder.initialize(BTreeSet::from(IDS)).await.unwrap();
    let (id, first) = leader(&nodes).await;
    first.read_barrier().await.unwrap();
    open_shards(&first, &[0]).await;
    let mut last = 0;
    // A start looks through the newest segment: damage in the first one is found by those who read.
    while first.log().segments().len() < 2 {
        last = put_many(&first, 900).await;
    }
    (nodes, id, last)
}

/// Damages a replica in the middle of its log, and has it find out while it reads.
pub(crate) async fn damage(victim: &Node) -> Group {
    let group = victim.groups.get(GROUP).unwrap();
    let segment = victim.groups.config().group_dir(GROUP);
    let segment = segment.join("segment-0000000000000001");
    for offset in 8_000..8_300 {
        victim.disk.flip_bit(&segment, offset).unwrap();
    }
    let read = group.log().read_key(0, 0, u64::MAX, usize::MAX);
    assert!(read.await.is_err());
    assert!(matches!(group.health(), GroupHealth::Corrupt { .. }));
    group
}

#[tokio::test]
async fn a_repair_that_was_cut_off_goes_on_after_a_restart() {
    scoped(async {
        let (mut nodes, led_by, last) = three_with_records().await;
        let id = IDS.into_iter().find(|it| *it != led_by).unwrap();
        let others: Vec<_> = IDS.into_iter().filter(|other| *other != id).collect();
        let leads = nodes[&led_by].groups.get(GROUP).unwrap();
        let victim = &nodes[&id];
        let group = victim.groups.get(GROUP).unwrap();
        group.wait_applied(last, common::SOON).await.unwrap();
        drop(group);
        // With a checkpoint a start does not read what was applied.
        victim.groups.close(GROUP).await;
        let kind = MachineKind::Shards;
        victim.groups.open(GROUP, kind).await.unwrap();
        drop(damage(victim).await);
        // Its process ends when the leader has taken it out, before it hears of that.
        let evicted = std::future::poll_fn(|_| match leads.status().voters.contains(&id) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        });
        tokio::select! {
            biased;
            () = evicted => {}
            repaired = victim.groups.repair(GROUP, &others) => panic!("too fast: {repaired:?}"),
        }
        let victim = nodes.remove(&id).unwrap();
        victim.shutdown().await;
        let (disk, checkpoints) = (victim.disk.clone(), Arc::clone(&victim.checkpoints));
        nodes.insert(id, start(id, disk, checkpoints, |_| {}).await);
        introduce(&nodes);
        let again = &nodes[&id].groups;
        let group = again.open(GROUP, MachineKind::Shards).await.unwrap();
        assert!(matches!(group.health(), GroupHealth::Corrupt { .. }));
        drop(group);
        again.repair(GROUP, &others).await.unwrap();
        let group = again.get(GROUP).unwrap();
        assert_eq!(group.health(), GroupHealth::Ok);
        assert_eq!(group.status().voters, IDS);
        group.wait_applied(last, common::SOON).await.unwrap();
        assert_eq!(common::state(&group), common::state(&leads));
        // And once more: the repair is over.
        drop(group);
        again.close(GROUP).await;
        let group = again.open(GROUP, MachineKind::Shards).await.unwrap();
        assert_eq!(group.health(), GroupHealth::Ok);
        for node in nodes.values() {
            node.shutdown().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_damaged_replica_is_evicted_emptied_and_becomes_a_voter_again() {
    scoped(async {
        let ids = IDS;
        // The leader itself is damaged.
        let (nodes, id, mut last) = three_with_records().await;
        let victim = &nodes[&id];
        drop(damage(victim).await);
        let others: Vec<_> = ids.into_iter().filter(|&other| other != id).collect();

        let repaired = time::timeout(Duration::from_secs(60), async {
            while let Err(error) = victim.groups.repair(GROUP, &others).await {
                tracing::info!(%error, "again");
            }
        });
        repaired.await.expect("repaired within the time");

        let group = victim.groups.get(GROUP).unwrap();
        assert_eq!(group.health(), GroupHealth::Ok);
        assert_eq!(group.status().voters, ids);
        let (other, second) = leader(&nodes).await;
        second.read_barrier().await.unwrap();
        last = last.max(put(&second, "after").await.unwrap());
        group.wait_applied(last, common::SOON).await.unwrap();
        assert_eq!(common::state(&group), common::state(&second));
        assert_eq!(
            common::held(&group).await.0,
            0,
            "every record is here again"
        );

        // It counts again: with it alone, and without one of the others, there is a leader.
        eventually(|| group.votes_allowed(), "it votes").await;
        let gone = others.into_iter().find(|&node| node != other).unwrap();
        nodes[&gone].groups.close(GROUP).await;
        put(&leader(&nodes).await.1, "two are enough")
            .await
            .unwrap();

        for node in nodes.values() {
            node.shutdown().await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_first_power_cut_does_not_take_the_directories() {
    scoped(async {
        let disk = MemoryDisk::new(1, MemoryDiskOptions::default());
        let env = env_on(NodeId(1), &disk);
        let mut settings = config(NodeId(1));
        settings.data_dir = "/new/deep/data".into();
        let peers = Peers::new(env.clone(), NodeId(1));
        let checkpoints = Arc::new(MemoryCheckpoints::new());
        let groups = Groups::start(env, settings, checkpoints, peers)
            .await
            .unwrap();
        let group = groups.open(GROUP, MachineKind::Shards).await.unwrap();
        group.initialize(BTreeSet::from([NodeId(1)])).await.unwrap();
        eventually(|| group.is_leader(), "a leader").await;
        let durable: Vec<_> = disk.snapshot_durable().into_keys().collect();
        let log = groups.config().group_dir(GROUP);
        assert!(
            durable.iter().any(|path| path.starts_with(&log)),
            "{durable:?}"
        );
        groups.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_group_leaves_no_file() {
    scoped(async {
        let node = node(NodeId(1)).await;
        let group = node.groups.open(GROUP, MachineKind::Shards).await.unwrap();
        group.initialize(BTreeSet::from([NodeId(1)])).await.unwrap();
        eventually(|| group.is_leader(), "a leader").await;
        group.read_barrier().await.unwrap();
        open_shards(&group, &[0]).await;
        put_many(&group, 10).await;
        node.groups.delete(GROUP).await.unwrap();
        assert!(node.groups.get(GROUP).is_none());
        assert!(put(&group, "k").await.is_err());
        let dir = node.groups.config().groups_dir();
        let left: Vec<_> = node
            .disk
            .snapshot_durable()
            .into_keys()
            .filter(|path| path.starts_with(&dir))
            .collect();
        assert_eq!(left, Vec::<std::path::PathBuf>::new());
        node.groups.delete(GROUP).await.unwrap();
        // The number is free only because this is a test; a new group would get a new one.
        let again = node.groups.open(GROUP, MachineKind::Shards).await.unwrap();
        assert_eq!(again.status().last_index, None);
        node.shutdown().await;
    })
    .await;
}
