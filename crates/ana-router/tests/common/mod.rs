//! Three nodes in one process: real groups, real connections on loopback, disks in memory.
//!
//! A node is stopped as by a power cut: its disk loses what was not synced before anything is told to end.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions};
use ana_env::net::Listener;
use ana_env::{Disk, Env, runtime, time};
use ana_log::damage::{self, Part};
use ana_raft::{Groups, MemoryCheckpoints, PeerServer, Peers, RaftNodeConfig, TrimTo};
use ana_router::ops::{
    DescribeStream, GetIterator, IteratorKind, IteratorPosition, PutEntry, PutRecords, ReadAnswer,
    ReadRequest, StreamRef, StreamView,
};
use ana_router::{Answer, Limits, Member, OnDemandConfig, Router, RouterConfig};
use ana_types::{
    AccountId, GroupId, KinesisError, NodeId, Region, SequenceNumber, ShardIndex, StreamStatus,
    Zone,
};
use bytes::Bytes;

/// Longer than anything here may take, so that a hang fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// One node that runs.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) router: Router,
    groups: Groups,
    peers: Peers,
    server: PeerServer,
}

/// All nodes, running or not.
#[derive(Debug)]
pub(crate) struct Cluster {
    members: Vec<Member>,
    /// Those that came later.
    added: Vec<Member>,
    limits: Limits,
    retention_hour_ms: u64,
    subscriptions: SubscriptionTimes,
    on_demand: OnDemandConfig,
    disks: BTreeMap<NodeId, MemoryDisk>,
    /// How often a node has lost its disk.
    lost_disks: BTreeMap<NodeId, u64>,
    nodes: BTreeMap<NodeId, Node>,
}

/// Times of subscriptions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SubscriptionTimes {
    pub(crate) life: Duration,
    pub(crate) takeover_after: Duration,
}

impl Default for SubscriptionTimes {
    fn default() -> Self {
        Self {
            life: RouterConfig::SUBSCRIPTION_LIFE,
            takeover_after: RouterConfig::SUBSCRIPTION_TAKEOVER_AFTER,
        }
    }
}

/// Runs a test inside the scope that spawning needs.
pub(crate) async fn scoped<F: Future<Output = ()>>(test: F) {
    let _quiet = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_test_writer()
        .try_init();
    runtime::scope(7, Box::pin(test)).await;
}

impl Cluster {
    /// Starts a node in each of `zones` zones and waits until the cluster is founded.
    pub(crate) async fn start(zones: u64, limits: Limits) -> Self {
        Self::start_with(zones, limits, RouterConfig::RETENTION_HOUR_MS).await
    }

    /// The same, with hours of retention as short as a test likes.
    pub(crate) async fn start_with(zones: u64, limits: Limits, retention_hour_ms: u64) -> Self {
        Self::start_as(
            zones,
            limits,
            retention_hour_ms,
            SubscriptionTimes::default(),
        )
        .await
    }

    /// The same, with subscriptions as short as a test likes.
    pub(crate) async fn start_as(
        zones: u64,
        limits: Limits,
        retention_hour_ms: u64,
        subscriptions: SubscriptionTimes,
    ) -> Self {
        let on_demand = OnDemandConfig::AWS;
        Self::start_all(zones, limits, retention_hour_ms, subscriptions, on_demand).await
    }

    /// The same, with on-demand streams that follow their load as fast as a test likes.
    pub(crate) async fn start_on_demand(
        zones: u64,
        limits: Limits,
        on_demand: OnDemandConfig,
    ) -> Self {
        let hour_ms = RouterConfig::RETENTION_HOUR_MS;
        let subscriptions = SubscriptionTimes::default();
        Self::start_all(zones, limits, hour_ms, subscriptions, on_demand).await
    }

    async fn start_all(
        zones: u64,
        limits: Limits,
        retention_hour_ms: u64,
        subscriptions: SubscriptionTimes,
        on_demand: OnDemandConfig,
    ) -> Self {
        let mut listeners = BTreeMap::new();
        let mut members = Vec::new();
        for id in 1..=zones {
            let listener = Env::real()
                .net
                .listen("127.0.0.1:0")
                .await
                .expect("a free port");
            members.push(Member {
                id: NodeId(id),
                zone: Zone::new(&format!("z{id}")).expect("a zone"),
                peer_addr: listener.local_addr(),
                api_addr: format!("api-{id}"),
            });
            listeners.insert(NodeId(id), listener);
        }
        let disk = |id: u64| MemoryDisk::new(id, MemoryDiskOptions::default());
        let disks = (1..=zones).map(|id| (NodeId(id), disk(id))).collect();
        let mut cluster = Self {
            members,
            added: Vec::new(),
            limits,
            retention_hour_ms,
            subscriptions,
            on_demand,
            disks,
            lost_disks: BTreeMap::new(),
            nodes: BTreeMap::new(),
        };
        for disk in cluster.disks.values() {
            // Whoever installs a node makes its directory.
            disk.create_dir_all(Path::new("/data")).await.expect("made");
            disk.sync_dir(Path::new("/")).await.expect("durable");
        }
        for (id, listener) in listeners {
            cluster.run(id, listener).await;
        }
        for node in cluster.nodes.values() {
            assert!(
                node.router.wait_ready(PATIENCE).await,
                "the cluster is founded"
            );
        }
        cluster
    }

    /// Starts a node that the founders' configuration does not name, and adds it.
    pub(crate) async fn join(&mut self, id: NodeId, zone: &str) {
        let this = self.newcomer(id, zone).await;
        self.any().add_node(this).await.expect("added");
        assert!(
            self.router(id.0).wait_ready(PATIENCE).await,
            "it has joined"
        );
    }

    /// Starts a node that the founders' configuration does not name. Nobody has added it yet.
    pub(crate) async fn newcomer(&mut self, id: NodeId, zone: &str) -> Member {
        let listener = Env::real()
            .net
            .listen("127.0.0.1:0")
            .await
            .expect("a free port");
        let this = Member {
            id,
            zone: Zone::new(zone).expect("a zone"),
            peer_addr: listener.local_addr(),
            api_addr: format!("api-{id}"),
        };
        self.disks
            .insert(id, MemoryDisk::new(id.0, MemoryDiskOptions::default()));
        self.added.push(this.clone());
        self.run_as(this.clone(), listener).await;
        this
    }

    async fn run(&mut self, id: NodeId, listener: Box<dyn Listener>) {
        let this = self.member(id);
        self.run_as(this, listener).await;
    }

    fn member(&self, id: NodeId) -> Member {
        let mut all = self.members.iter().chain(&self.added);
        all.find(|it| it.id == id).expect("a member").clone()
    }

    async fn run_as(&mut self, this: Member, listener: Box<dyn Listener>) {
        let id = this.id;
        let disk = self.disks.get(&id).expect("a disk").clone();
        let env = Env {
            disk: Arc::new(disk),
            ..Env::real()
        };
        let peers = Peers::new(env.clone(), id);
        let mut config = RaftNodeConfig::new(id, this.zone.clone(), "/data");
        config.point_ms = config.point_ms.min(self.retention_hour_ms);
        let checkpoints = Arc::new(MemoryCheckpoints::default());
        let groups = Groups::start(env.clone(), config, checkpoints, peers.clone())
            .await
            .expect("groups");
        let config = RouterConfig {
            this,
            pid: 1,
            members: self.members.clone(),
            account: AccountId::default(),
            region: Region::default(),
            limits: self.limits,
            transition_ms: 200,
            deadline: RouterConfig::DEADLINE,
            retention_hour_ms: self.retention_hour_ms,
            // Well after the retention, so that a test can see what is still on disk and not served.
            trim_every: RouterConfig::TRIM_EVERY
                .min(Duration::from_millis(20 * self.retention_hour_ms)),
            balance_every: Duration::from_millis(500),
            on_demand: self.on_demand,
            subscription_life: self.subscriptions.life,
            subscription_takeover_after: self.subscriptions.takeover_after,
        };
        let router = Router::new(env, groups.clone(), peers.clone(), config);
        let server = groups.serve_peer(listener, router.call_handler());
        router.start().await.expect("a router");
        self.nodes.insert(
            id,
            Node {
                router,
                groups,
                peers,
                server,
            },
        );
    }

    /// Power cut.
    pub(crate) async fn kill(&mut self, id: NodeId) {
        let node = self.nodes.remove(&id).expect("a running node");
        self.disks.get(&id).expect("a disk").crash();
        node.server.shutdown().await;
        node.router.shutdown().await;
        node.groups.shutdown().await;
        node.peers.shutdown().await;
    }

    /// Starts a killed node again on what its disk kept.
    pub(crate) async fn restart(&mut self, id: NodeId) {
        let address = self.member(id).peer_addr;
        let listener = Env::real()
            .net
            .listen(&address)
            .await
            .expect("the port is free again");
        self.run(id, listener).await;
    }

    /// The disk of a node that does not run breaks: it gets an empty one.
    pub(crate) fn lose_disk(&mut self, id: NodeId) {
        assert!(!self.nodes.contains_key(&id), "it does not run");
        let lost = self.lost_disks.entry(id).or_default();
        *lost += 1;
        let disk = MemoryDisk::new(id.0 + 100 * *lost, MemoryDiskOptions::default());
        self.disks.insert(id, disk);
    }

    /// Cuts the log of the metadata on every node to what it is now.
    pub(crate) async fn cut_metadata(&self) {
        let leader = self.leader(GroupId::METADATA).await;
        let meta = self.nodes[&leader].groups.get(GroupId::METADATA);
        let meta = meta.expect("it is on every node");
        meta.mark_point().await.expect("a point");
        let point = meta.points().last().expect("the point").index;
        let cut = meta.trim_to_point(TrimTo::Index(point)).await;
        assert_eq!(cut, Ok(Some(point)));
        eventually("the metadata is cut everywhere", async || {
            let is_cut = |id: &NodeId| {
                let replicas = self.replicas(id.0);
                let meta = replicas.iter().find(|it| it.id == GroupId::METADATA);
                meta.is_some_and(|it| it.snapshot_index >= Some(point))
            };
            self.nodes.keys().all(is_cut).then_some(())
        })
        .await;
    }

    /// Damages the entries in the log of a group on a node that does not run.
    pub(crate) async fn damage(&self, id: NodeId, group: GroupId) {
        assert!(!self.nodes.contains_key(&id), "it does not run");
        let disk = self.disks.get(&id).expect("a disk");
        let dir = Path::new("/data/groups").join(group.to_string());
        let places = damage::places(disk, &dir, Part::Entries).await;
        let place = places.expect("a log").pop().expect("an entry");
        disk.flip_bit(&place.path, place.at).expect("flips");
    }

    /// The replicas of a node, for a look inside.
    pub(crate) fn replicas(&self, id: u64) -> Vec<ana_raft::GroupStatus> {
        let node = self.nodes.get(&NodeId(id)).expect("a running node");
        node.groups.list()
    }

    /// The ids of nodes that run.
    pub(crate) fn running(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    /// The router of a node that runs.
    pub(crate) fn router(&self, id: u64) -> &Router {
        &self.nodes.get(&NodeId(id)).expect("a running node").router
    }

    /// Any router.
    pub(crate) fn any(&self) -> &Router {
        &self.nodes.values().next().expect("a running node").router
    }

    /// Whether the disk of a node, running or not, has files of a group.
    pub(crate) async fn has_directory(&self, id: NodeId, group: GroupId) -> bool {
        let disk = self.disks.get(&id).expect("a disk");
        let dir = Path::new("/data/groups").join(group.to_string());
        disk.list(&dir).await.is_ok()
    }

    /// The router of any node but this one.
    pub(crate) fn other_than(&self, id: NodeId) -> &Router {
        let mut others = self.nodes.iter().filter(|it| *it.0 != id);
        &others.next().expect("another node").1.router
    }

    /// The leader of a group, waiting for it.
    pub(crate) async fn leader(&self, group: GroupId) -> NodeId {
        eventually("the group has a leader", async || {
            let status = self.any().status().await;
            status.groups.iter().find(|it| it.id == group)?.leader
        })
        .await
    }
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut question: impl AsyncFnMut() -> Option<T>) -> T {
    let until = time::now() + PATIENCE;
    loop {
        if let Some(answer) = question().await {
            return answer;
        }
        assert!(time::now() < until, "not within {PATIENCE:?}: {what}");
        time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a stream is ACTIVE.
pub(crate) async fn active(router: &Router, name: &str) -> StreamView {
    eventually("the stream is active", async || {
        let view = describe(router, name).await.ok()?;
        (view.status == StreamStatus::Active).then_some(view)
    })
    .await
}

/// DescribeStream.
pub(crate) async fn describe(router: &Router, name: &str) -> Answer<StreamView> {
    let request = DescribeStream {
        stream: StreamRef::by_name(name),
        ..DescribeStream::default()
    };
    router.describe_stream(request).await
}

/// A record whose data says what it is.
pub(crate) fn entry(key: &str, data: &str) -> PutEntry {
    PutEntry {
        partition_key: key.to_owned(),
        explicit_hash_key: None,
        data: Bytes::from(data.to_owned()),
    }
}

/// Puts records and expects every one to be acknowledged.
pub(crate) async fn put_all(
    router: &Router,
    name: &str,
    entries: Vec<PutEntry>,
) -> Vec<(ShardIndex, SequenceNumber)> {
    let request = PutRecords {
        stream: StreamRef::by_name(name),
        entries,
    };
    let results = router
        .put_records(request)
        .await
        .expect("the request succeeds");
    results
        .into_iter()
        .map(|it| {
            it.map(|placed| (placed.shard, placed.sequence))
                .expect("acknowledged")
        })
        .collect()
}

/// A position in a shard.
pub(crate) async fn iterator(
    router: &Router,
    name: &str,
    shard: ShardIndex,
    kind: IteratorKind,
) -> Answer<IteratorPosition> {
    let request = GetIterator {
        stream: StreamRef::by_name(name),
        shard_id: shard.to_string(),
        kind,
        sequence: None,
        timestamp_ms: None,
    };
    router.get_iterator(request).await
}

/// GetRecords, waiting out the limits.
pub(crate) async fn read(router: &Router, at: IteratorPosition) -> Answer<ReadAnswer> {
    let IteratorPosition {
        stream,
        shard,
        position,
    } = at;
    loop {
        let request = ReadRequest {
            stream,
            shard,
            position,
            limit: None,
            arn: None,
        };
        match router.read(request).await {
            Err(KinesisError::Throughput { .. }) => time::sleep(Duration::from_millis(100)).await,
            other => return other,
        }
    }
}

/// Reads a shard from the trim horizon to the tip or its end: data of the records, and the last answer.
pub(crate) async fn read_all(
    router: &Router,
    name: &str,
    shard: ShardIndex,
) -> (Vec<(SequenceNumber, String)>, ReadAnswer) {
    let mut at = iterator(router, name, shard, IteratorKind::TrimHorizon)
        .await
        .expect("iterator");
    let mut seen = Vec::new();
    loop {
        let mut answer = read(router, at).await.expect("a read");
        for record in std::mem::take(&mut answer.records) {
            let data = String::from_utf8(record.data.to_vec()).expect("our own text");
            seen.push((record.sequence, data));
        }
        match answer.next {
            Some(next) if answer.millis_behind > 0 || next == at.position => at.position = next,
            _ => return (seen, answer),
        }
    }
}
