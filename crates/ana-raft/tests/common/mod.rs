//! A few replicas of one group in one process: real openraft, real log, memory disks, and a network
//! that is a function call through a hub which can cut links. Time is tokio's, so a paused runtime
//! makes it virtual.

// Each test file uses its own part of this.
#![allow(dead_code, reason = "shared by several test programs")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

pub(crate) mod hub;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ana_env::faults::{self, FaultPlan};
use ana_env::memory::{MemoryDisk, MemoryDiskOptions, SeededRng, TokioClock};
use ana_env::real::RealNet;
use ana_env::{Env, runtime, time};
use ana_log::LogConfig;
use ana_raft::group::DiskUse;
use ana_raft::open::Parts;
use ana_raft::succession::Losses;
use ana_raft::{
    CheckpointStore, Command, Departure, Group, MachineKind, MemoryCheckpoints, ProposeError,
    RaftNodeConfig, Reply, SubBatch, TrimTo,
};
use ana_state::shard::{AppendOutcome, ShardCommand, ShardOutcome, ShardSpec};
use ana_types::{GroupId, HashKey, HashRange, NodeId, Record, ShardIndex, Zone};
use async_trait::async_trait;
use bytes::Bytes;

use hub::{Hub, HubNetwork};

pub(crate) const GROUP: GroupId = GroupId(7);
/// 2026-01-01.
pub(crate) const EPOCH_MS: u64 = 1_767_225_600_000;
/// Long enough for anything that happens at all.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Runs a test inside the seeded scope.
pub(crate) async fn scoped(test: impl Future<Output = ()>) {
    runtime::scope(11, Box::pin(test)).await;
}

/// Checkpoints that a crash can freeze: what is saved after it never was.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestCheckpoints {
    pub(crate) memory: MemoryCheckpoints,
    frozen: Arc<AtomicBool>,
}

#[async_trait]
impl CheckpointStore for TestCheckpoints {
    async fn save(&self, group: GroupId, checkpoint: Bytes) -> io::Result<()> {
        if self.frozen.load(Ordering::Acquire) {
            return Ok(());
        }
        self.memory.save(group, checkpoint).await
    }
    async fn load(&self, group: GroupId) -> io::Result<Option<Bytes>> {
        self.memory.load(group).await
    }
    async fn remove(&self, group: GroupId) -> io::Result<()> {
        self.memory.remove(group).await
    }
}

/// One node: what survives it, and its replica while it runs.
pub(crate) struct Node {
    pub(crate) parts: Parts,
    pub(crate) plan: FaultPlan,
    pub(crate) disk: MemoryDisk,
    pub(crate) checkpoints: TestCheckpoints,
    pub(crate) group: Option<Group>,
    /// A replica that lost power and is being taken down.
    pub(crate) stopping: Option<runtime::JoinHandle<()>>,
}

/// All of them.
pub(crate) struct Cluster {
    pub(crate) hub: Hub,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
}

/// Settings for tests: small segments; points and checkpoints only when asked for.
pub(crate) fn config(node: NodeId) -> RaftNodeConfig {
    let mut config = RaftNodeConfig::new(node, Zone::new("a").unwrap(), "/data");
    config.point_bytes = u64::MAX;
    config.point_ms = u64::MAX / 4;
    config.checkpoint_bytes = u64::MAX;
    config.checkpoint_ms = u64::MAX / 4;
    config.log = LogConfig {
        segment_bytes: 64 * 1024,
        first_segment_bytes: 64 * 1024,
        reserve_bytes: 0,
        cache_bytes: 32 * 1024,
        ..config.log
    };
    config
}

impl Node {
    pub(crate) fn new(id: NodeId, change: impl Fn(&mut RaftNodeConfig)) -> Self {
        let disk = MemoryDisk::new(id.0, MemoryDiskOptions::default());
        let plan = FaultPlan::new();
        let env = Env {
            clock: Arc::new(TokioClock::new(EPOCH_MS)),
            disk: Arc::new(disk.clone()),
            net: Arc::new(RealNet),
            rng: Arc::new(SeededRng::new(id.0)),
        };
        let env = faults::wrap(&env, &plan);
        let mut config = config(id);
        change(&mut config);
        let checkpoints = TestCheckpoints::default();
        let parts = Parts {
            env,
            config: Arc::new(config),
            checkpoints: Arc::new(checkpoints.clone()),
            disk_use: DiskUse::default(),
            losses: Losses::default(),
        };
        Self {
            parts,
            plan,
            disk,
            checkpoints,
            group: None,
            stopping: None,
        }
    }

    pub(crate) async fn open(&mut self, hub: &Hub) -> Group {
        self.open_as(hub, MachineKind::Shards).await
    }

    pub(crate) async fn open_as(&mut self, hub: &Hub, kind: MachineKind) -> Group {
        let id = self.parts.config.node;
        let network = HubNetwork::new(hub.clone(), id);
        let group = Group::open(self.parts.clone(), GROUP, kind, network)
            .await
            .unwrap();
        hub.join(id, group.clone());
        self.group = Some(group.clone());
        group
    }

    pub(crate) fn group(&self) -> &Group {
        self.group.as_ref().expect("the node runs")
    }

    /// Stops cleanly.
    pub(crate) async fn stop(&mut self, hub: &Hub) {
        hub.leave(self.parts.config.node);
        if let Some(group) = self.group.take() {
            group.stop().await;
        }
    }

    /// The group moves away from here; what the replica had promised stays.
    pub(crate) async fn leave(&mut self, hub: &Hub) -> Departure {
        hub.leave(self.parts.config.node);
        let group = self.group.take().expect("the node runs");
        let departure = group.leave().await.unwrap();
        self.checkpoints.memory.clear();
        departure
    }

    /// Loses power: what was not synced is gone or torn, and no last checkpoint is written.
    pub(crate) async fn crash(&mut self, hub: &Hub) {
        self.disk.crash();
        self.freeze();
        self.stop(hub).await;
        self.thaw();
    }

    /// Checkpoints of a replica that lost power are never written.
    pub(crate) fn freeze(&self) {
        self.checkpoints.frozen.store(true, Ordering::Release);
    }

    pub(crate) fn thaw(&self) {
        self.checkpoints.frozen.store(false, Ordering::Release);
    }
}

impl Cluster {
    pub(crate) async fn new(size: u64) -> Self {
        Self::with(size, |_| {}).await
    }

    /// `size` replicas, founded, with a leader and one open shard.
    pub(crate) async fn with(size: u64, change: impl Fn(&mut RaftNodeConfig)) -> Self {
        let hub = Hub::default();
        let mut nodes = BTreeMap::new();
        for id in (1..=size).map(NodeId) {
            nodes.insert(id, Node::new(id, &change));
        }
        let mut cluster = Self { hub, nodes };
        for node in cluster.nodes.values_mut() {
            node.open(&cluster.hub).await;
        }
        let voters: BTreeSet<NodeId> = cluster.nodes.keys().copied().collect();
        cluster.group(NodeId(1)).initialize(voters).await.unwrap();
        cluster.leader().await;
        open_shards(&cluster.leader().await, &[0]).await;
        cluster
    }

    pub(crate) fn group(&self, id: NodeId) -> &Group {
        self.nodes[&id].group()
    }

    pub(crate) fn groups(&self) -> Vec<Group> {
        self.nodes
            .values()
            .filter_map(|node| node.group.clone())
            .collect()
    }

    /// A leader that has applied an entry of its own term, waited for.
    pub(crate) async fn leader(&self) -> Group {
        let found = time::timeout(SOON, async {
            loop {
                for group in self.groups() {
                    if group.is_leader() && group.read_barrier().await.is_ok() {
                        return group;
                    }
                }
                time::sleep(Duration::from_millis(20)).await;
            }
        });
        let statuses = || -> Vec<_> { self.groups().iter().map(Group::status).collect() };
        found
            .await
            .unwrap_or_else(|_late| panic!("no leader within the time: {:#?}", statuses()))
    }

    pub(crate) fn ids_but(&self, not: NodeId) -> Vec<NodeId> {
        self.nodes.keys().copied().filter(|&id| id != not).collect()
    }

    pub(crate) async fn restart(&mut self, id: NodeId) -> Group {
        let node = self.nodes.get_mut(&id).unwrap();
        node.open(&self.hub).await
    }

    /// Waits until all running replicas have applied the leader's last entry, then compares them.
    pub(crate) async fn settle(&self) {
        let leader = self.leader().await;
        let last = leader.read_barrier().await.unwrap();
        for group in self.groups() {
            let waited = group.wait_applied(last, SOON).await;
            assert!(waited.is_ok(), "{waited:?}: {:?}", group.status());
        }
        for group in self.groups() {
            let (ours, theirs) = (state(&group), state(&leader));
            assert_eq!(ours, theirs, "{:?} differs", group.status());
        }
    }
}

/// The machine and the points of a replica: what must be equal everywhere.
pub(crate) fn state(group: &Group) -> (Vec<u8>, Vec<ana_raft::PointInfo>) {
    (group.shards(|shards| shards.encode()), group.points())
}

pub(crate) fn shard_spec(shard: u32) -> ShardSpec {
    let width = u128::MAX / 64;
    let start = u128::from(shard) * width;
    ShardSpec {
        shard: ShardIndex(shard),
        range: HashRange {
            start: HashKey(start),
            end: HashKey(start + width - 1),
        },
        created_ms: EPOCH_MS,
        created_s: EPOCH_MS / 1000,
    }
}

pub(crate) async fn open_shards(leader: &Group, shards: &[u32]) {
    let shards = shards.iter().map(|&shard| shard_spec(shard)).collect();
    let reply = leader
        .command(Command::Shard(ShardCommand::Open { shards }))
        .await
        .unwrap();
    assert_eq!(reply, Reply::Shard(ShardOutcome::Opened));
}

pub(crate) fn record(key: &str, size: usize) -> Record {
    Record {
        partition_key: Bytes::from(key.to_owned()),
        data: Bytes::from(vec![b'x'; size]),
        encrypted: false,
    }
}

pub(crate) fn sub(shard: u32, keys: &[&str]) -> SubBatch {
    SubBatch {
        shard: ShardIndex(shard),
        records: keys.iter().map(|key| record(key, 100)).collect(),
    }
}

/// Appends one record to shard 0.
pub(crate) async fn put(group: &Group, key: &str) -> Result<u64, ProposeError> {
    let outcomes = group.append(vec![sub(0, &[key])]).await?;
    match outcomes.as_slice() {
        [AppendOutcome::Accepted { first, .. }] => Ok(first.log_index()),
        other => panic!("{other:?}"),
    }
}

/// Appends `count` records, one entry each; the index of the last.
pub(crate) async fn put_many(group: &Group, count: usize) -> u64 {
    let mut last = 0;
    for n in 0..count {
        last = put(group, &format!("key-{n}")).await.unwrap();
    }
    last
}

/// Marks a point and returns its index.
pub(crate) async fn point(group: &Group) -> u64 {
    group.mark_point().await.unwrap();
    group.points().last().expect("a point is kept").index
}

/// Cuts to exactly this point.
pub(crate) async fn trim(group: &Group, index: u64) {
    assert_eq!(
        group.trim_to_point(TrimTo::Index(index)).await,
        Ok(Some(index))
    );
}

/// Waits until the log of a replica begins after `index`.
pub(crate) async fn purged(group: &Group, index: u64) {
    let cut = || {
        group
            .log()
            .bounds()
            .purged
            .is_some_and(|id| id.index >= index)
    };
    eventually(cut, &format!("{:?} is cut to {index}", group.status())).await;
}

/// Waits until something holds.
pub(crate) async fn eventually(holds: impl Fn() -> bool, what: &str) {
    let waited = time::timeout(SOON, async {
        while !holds() {
            time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "not within the time: {what}");
}

/// First and last index in the log of a replica that is not cut off.
pub(crate) async fn held(group: &Group) -> (u64, u64) {
    let last = group.log().bounds().last.unwrap().index;
    let first = group.log().read(0..last + 1, 1).await.unwrap()[0].id.index;
    (first, last)
}
