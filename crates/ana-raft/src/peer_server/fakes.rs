//! Stand-ins for tests of the transport: a scripted replica, a node that serves it, and a network
//! that counts and can be cut.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use ana_env::net::{Io, Listener, Net, Stream};
use ana_env::{Env, time};
use ana_types::names::{GroupId, NodeId};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use openraft::errors::RPCError;
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
    StreamAppendResult, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{EntryPayload, RaftNetworkFactory, RaftNetworkV2};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;

use super::{GroupLookup, PeerServer, Replica, ReplicaStopped};
use crate::convert::last_of;
use crate::entry::Proposal;
use crate::network::PeerNetwork;
use crate::peers::{CallError, CallHandler, Peers, RemoteFault};
use crate::types::{
    Entry, LeaderId, LogId, Membership, Snapshot, SnapshotMeta, StoredMembership, TC, Vote,
};

pub(super) const GROUP: GroupId = GroupId(7);
pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn option() -> RPCOption {
    RPCOption::new(Duration::from_millis(150))
}

pub(super) async fn to_two(one: &Node, group: GroupId) -> PeerNetwork {
    one.peers.network(group).new_client(2, &()).await
}

pub(super) async fn send_all(
    network: &mut PeerNetwork,
    requests: Vec<AppendEntriesRequest<TC>>,
) -> Vec<Result<StreamAppendResult<TC>, RPCError<TC>>> {
    let answers = network
        .stream_append(stream::iter(requests), option())
        .await;
    answers.expect("errors come as items").collect().await
}

pub(super) fn snapshot(bytes: usize) -> Snapshot {
    let voters = vec![BTreeSet::from([1, 2]), BTreeSet::from([2, 3])];
    let membership = Membership::new_with_defaults(voters, [1, 2, 3, 4]);
    Snapshot {
        meta: SnapshotMeta {
            last_log_id: Some(log_id(9)),
            last_membership: StoredMembership::new(Some(log_id(5)), membership),
        },
        snapshot: Bytes::from(vec![1; bytes]),
    }
}

pub(super) fn log_id(index: u64) -> LogId {
    LogId {
        leader_id: LeaderId {
            term: 3,
            node_id: 1,
        },
        index,
    }
}

pub(super) fn leader_vote() -> Vote {
    Vote {
        leader_id: LeaderId {
            term: 3,
            node_id: 1,
        },
        committed: true,
    }
}

/// One entry of `bytes` bytes at `index`.
pub(super) fn append(index: u64, bytes: usize) -> AppendEntriesRequest<TC> {
    let payload = EntryPayload::Normal(Proposal::Command(Bytes::from(vec![7; bytes])));
    AppendEntriesRequest {
        vote: leader_vote(),
        prev_log_id: (index > 1).then(|| log_id(index - 1)),
        entries: vec![Entry {
            log_id: log_id(index),
            payload,
        }],
        leader_commit: None,
    }
}

pub(super) fn heartbeat() -> AppendEntriesRequest<TC> {
    AppendEntriesRequest {
        vote: leader_vote(),
        prev_log_id: None,
        entries: Vec::new(),
        leader_commit: Some(log_id(1)),
    }
}

/// Matches every append but those it is told not to; answers only with permits.
#[derive(Debug)]
pub(super) struct FakeReplica {
    /// Last indexes of appends, as they came.
    pub(super) seen: Mutex<Vec<u64>>,
    /// One permit lets one append of a stream be answered.
    pub(super) permits: Semaphore,
    /// Appends that came and are not answered; the largest number of them.
    pub(super) unanswered: AtomicUsize,
    pub(super) unanswered_max: AtomicUsize,
    pub(super) conflict_at: Mutex<Option<u64>>,
    pub(super) snapshots: Mutex<Vec<Snapshot>>,
}

impl FakeReplica {
    pub(super) fn answering() -> Arc<Self> {
        let replica = Self::holding();
        replica.permits.add_permits(1_000_000);
        replica
    }

    pub(super) fn holding() -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::default(),
            permits: Semaphore::new(0),
            unanswered: AtomicUsize::new(0),
            unanswered_max: AtomicUsize::new(0),
            conflict_at: Mutex::default(),
            snapshots: Mutex::default(),
        })
    }

    pub(super) fn seen(&self) -> Vec<u64> {
        self.seen.lock().expect("no panic").clone()
    }

    fn take(&self, request: &AppendEntriesRequest<TC>) -> StreamAppendResult<TC> {
        let last = last_of(request);
        let index = last.map_or(0, |id| id.index);
        self.seen.lock().expect("no panic").push(index);
        let conflict_at = *self.conflict_at.lock().expect("no panic");
        match (conflict_at, request.prev_log_id) {
            (Some(at), Some(prev)) if at == index => Err(StreamAppendError::Conflict(prev)),
            _ => Ok(last),
        }
    }
}

#[async_trait]
impl Replica for FakeReplica {
    async fn append(
        &self,
        request: AppendEntriesRequest<TC>,
    ) -> Result<AppendEntriesResponse<TC>, ReplicaStopped> {
        Ok(self.take(&request).into())
    }

    fn append_stream(
        &self,
        _requests: BoxStream<'static, AppendEntriesRequest<TC>>,
    ) -> BoxStream<'static, Result<StreamAppendResult<TC>, ReplicaStopped>> {
        unreachable!("the shared replica has its own")
    }

    async fn vote(&self, request: VoteRequest<TC>) -> Result<VoteResponse<TC>, ReplicaStopped> {
        Ok(VoteResponse::new(request.vote, Some(log_id(41)), true))
    }

    async fn pre_vote(&self, request: VoteRequest<TC>) -> Result<VoteResponse<TC>, ReplicaStopped> {
        Ok(VoteResponse::new(request.vote, Some(log_id(42)), false))
    }

    async fn install_snapshot(
        &self,
        vote: Vote,
        snapshot: Snapshot,
    ) -> Result<SnapshotResponse<TC>, ReplicaStopped> {
        self.snapshots.lock().expect("no panic").push(snapshot);
        Ok(SnapshotResponse::new(vote))
    }

    async fn transfer_leader(
        &self,
        request: TransferLeaderRequest<TC>,
    ) -> Result<TransferLeaderResponse<TC>, ReplicaStopped> {
        Ok(Err(TransferLeaderError::LogNotFlushed {
            expected: request.last_log_id().copied(),
            actual: None,
        }))
    }
}

/// The same, with a stream: openraft takes requests in a task of its own, so does this.
#[derive(Debug, Clone)]
pub(super) struct Shared(pub(super) Arc<FakeReplica>);

#[async_trait]
impl Replica for Shared {
    async fn append(
        &self,
        request: AppendEntriesRequest<TC>,
    ) -> Result<AppendEntriesResponse<TC>, ReplicaStopped> {
        self.0.append(request).await
    }

    fn append_stream(
        &self,
        mut requests: BoxStream<'static, AppendEntriesRequest<TC>>,
    ) -> BoxStream<'static, Result<StreamAppendResult<TC>, ReplicaStopped>> {
        let (give, take) = tokio::sync::mpsc::channel(64);
        let replica = Arc::clone(&self.0);
        let _handle = ana_env::runtime::spawn(async move {
            while let Some(request) = requests.next().await {
                let now = replica.unanswered.fetch_add(1, Ordering::SeqCst) + 1;
                replica.unanswered_max.fetch_max(now, Ordering::SeqCst);
                if give.send(replica.take(&request)).await.is_err() {
                    break;
                }
            }
        });
        let replica = Arc::clone(&self.0);
        stream::unfold(Some(take), move |state| {
            let replica = Arc::clone(&replica);
            async move {
                let mut take = state?;
                let result = take.recv().await?;
                replica
                    .permits
                    .acquire()
                    .await
                    .expect("never closed")
                    .forget();
                replica.unanswered.fetch_sub(1, Ordering::SeqCst);
                let next = result.is_ok().then_some(take);
                Some((Ok(result), next))
            }
        })
        .boxed()
    }

    async fn vote(&self, request: VoteRequest<TC>) -> Result<VoteResponse<TC>, ReplicaStopped> {
        self.0.vote(request).await
    }

    async fn pre_vote(&self, request: VoteRequest<TC>) -> Result<VoteResponse<TC>, ReplicaStopped> {
        self.0.pre_vote(request).await
    }

    async fn install_snapshot(
        &self,
        vote: Vote,
        snapshot: Snapshot,
    ) -> Result<SnapshotResponse<TC>, ReplicaStopped> {
        self.0.install_snapshot(vote, snapshot).await
    }

    async fn transfer_leader(
        &self,
        request: TransferLeaderRequest<TC>,
    ) -> Result<TransferLeaderResponse<TC>, ReplicaStopped> {
        self.0.transfer_leader(request).await
    }
}

/// The groups of a fake node.
#[derive(Debug, Default)]
pub(super) struct FakeGroups {
    pub(super) replicas: Mutex<BTreeMap<GroupId, Arc<FakeReplica>>>,
    pub(super) full: AtomicBool,
    pub(super) silent: AtomicBool,
    /// Nodes that were removed from the cluster.
    pub(super) removed: Mutex<Vec<NodeId>>,
    pub(super) lost: Mutex<Vec<NodeId>>,
}

impl GroupLookup for FakeGroups {
    fn replica(&self, group: GroupId) -> Option<Arc<dyn Replica>> {
        let replicas = self.replicas.lock().expect("no panic");
        replicas
            .get(&group)
            .map(|replica| Arc::new(Shared(Arc::clone(replica))) as _)
    }

    fn admits_entries(&self, _group: GroupId) -> bool {
        !self.full.load(Ordering::SeqCst)
    }

    fn is_removed(&self, node: NodeId) -> bool {
        self.removed.lock().expect("no panic").contains(&node)
    }

    fn may_vote_for(&self, _group: GroupId, _last: Option<&LogId>) -> bool {
        !self.silent.load(Ordering::SeqCst)
    }

    fn peer_lost(&self, node: NodeId) {
        self.lost.lock().expect("no panic").push(node);
    }
}

/// Kind 1 echoes, kind 2 never answers, kind 3 fails, kind 4 does not know whether it has
/// happened, any other is unknown.
#[derive(Debug, Default)]
pub(super) struct FakeCalls {
    pub(super) taken: AtomicUsize,
}

#[async_trait]
impl CallHandler for FakeCalls {
    async fn call(&self, kind: u32, body: Bytes) -> Result<Bytes, CallError> {
        self.taken.fetch_add(1, Ordering::SeqCst);
        match kind {
            1 => Ok(body),
            2 => std::future::pending().await,
            3 => Err(CallError::Unreachable),
            4 => Err(CallError::TimedOut),
            _ => Err(CallError::Remote(RemoteFault::UnknownKind)),
        }
    }
}

/// One node: its server, its address book, its network.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) net: Arc<TestNet>,
    pub(super) groups: Arc<FakeGroups>,
    pub(super) calls: Arc<FakeCalls>,
    pub(super) server: PeerServer,
    pub(super) peers: Peers,
}

impl Node {
    pub(super) async fn start(id: u64, replica: &Arc<FakeReplica>) -> Self {
        Self::start_at(id, replica, "127.0.0.1:0").await
    }

    pub(super) async fn start_at(id: u64, replica: &Arc<FakeReplica>, address: &str) -> Self {
        let net = Arc::new(TestNet::default());
        let env = Env {
            net: Arc::clone(&net) as _,
            ..Env::real()
        };
        let listener = env.net.listen(address).await.expect("loopback");
        let groups = Arc::new(FakeGroups::default());
        groups
            .replicas
            .lock()
            .expect("no panic")
            .insert(GROUP, Arc::clone(replica));
        let calls = Arc::new(FakeCalls::default());
        let server = PeerServer::start(
            listener,
            NodeId(id),
            Arc::clone(&groups) as _,
            Arc::clone(&calls) as _,
        );
        let peers = Peers::new(env, NodeId(id));
        Self {
            id: NodeId(id),
            net,
            groups,
            calls,
            server,
            peers,
        }
    }

    pub(super) fn knows(&self, other: &Self) {
        self.peers.set(other.id, other.server.local_addr());
    }
}

/// Two nodes that know each other; the second has the replica.
pub(super) async fn pair(replica: &Arc<FakeReplica>) -> (Node, Node) {
    let one = Node::start(1, &FakeReplica::answering()).await;
    let two = Node::start(2, replica).await;
    one.knows(&two);
    two.knows(&one);
    (one, two)
}

/// Loopback that counts dials and can cut or silence what it has connected.
#[derive(Debug, Default)]
pub(super) struct TestNet {
    pub(super) dials: AtomicUsize,
    wires: Mutex<Vec<Arc<Wire>>>,
}

#[derive(Debug, Default)]
struct Wire {
    cut: AtomicBool,
    silent: AtomicBool,
}

impl TestNet {
    pub(super) fn dials(&self) -> usize {
        self.dials.load(Ordering::SeqCst)
    }

    /// Every connection made so far fails from now on.
    pub(super) fn cut(&self) {
        for wire in self.wires.lock().expect("no panic").drain(..) {
            wire.cut.store(true, Ordering::SeqCst);
        }
    }

    /// Every connection made so far loses what is written, without a sign.
    pub(super) fn silence(&self) {
        for wire in self.wires.lock().expect("no panic").drain(..) {
            wire.silent.store(true, Ordering::SeqCst);
        }
    }
}

#[async_trait]
impl Net for TestNet {
    async fn connect(&self, addr: &str) -> io::Result<Stream> {
        self.dials.fetch_add(1, Ordering::SeqCst);
        let inner = ana_env::real::RealNet.connect(addr).await?;
        let wire = Arc::new(Wire::default());
        self.wires.lock().expect("no panic").push(Arc::clone(&wire));
        Ok(Box::new(Cuttable { inner, wire }))
    }

    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>> {
        ana_env::real::RealNet.listen(addr).await
    }
}

struct Cuttable {
    inner: Stream,
    wire: Arc<Wire>,
}

impl Cuttable {
    fn check(&self) -> io::Result<()> {
        if self.wire.cut.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }

    fn inner(&mut self) -> Pin<&mut dyn Io> {
        Pin::new(&mut *self.inner)
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        self.inner().poll_read(cx, buf)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        if self.wire.silent.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(buf.len()));
        }
        self.inner().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}

/// Waits until `done`, at most ten seconds.
pub(super) async fn until(what: &str, done: impl Fn() -> bool) {
    let waited = time::timeout(Duration::from_secs(10), async {
        while !done() {
            time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain until {what}");
}
