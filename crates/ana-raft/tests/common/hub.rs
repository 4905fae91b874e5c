//! The network of the tests: a call to the other replica after a millisecond, unless the link is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ana_env::time;
use ana_raft::Group;
use ana_raft::types::{Raft, Snapshot, SnapshotData, TC, Vote};
use ana_types::NodeId;
use openraft::AnyError;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};

#[derive(Debug, Default)]
struct State {
    groups: BTreeMap<NodeId, Group>,
    /// From, to.
    cuts: BTreeSet<(NodeId, NodeId)>,
    snapshots_sent: usize,
}

/// Who can reach whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hub {
    state: Arc<Mutex<State>>,
}

impl Hub {
    pub(crate) fn join(&self, id: NodeId, group: Group) {
        self.state.lock().unwrap().groups.insert(id, group);
    }

    pub(crate) fn leave(&self, id: NodeId) {
        self.state.lock().unwrap().groups.remove(&id);
    }

    /// Cuts a node off from all others, both ways.
    pub(crate) fn isolate(&self, id: NodeId, others: &[NodeId]) {
        let mut state = self.state.lock().unwrap();
        for &other in others {
            state.cuts.insert((id, other));
            state.cuts.insert((other, id));
        }
    }

    pub(crate) fn heal(&self) {
        self.state.lock().unwrap().cuts.clear();
    }

    pub(crate) fn snapshots_sent(&self) -> usize {
        self.state.lock().unwrap().snapshots_sent
    }

    fn reach(&self, from: NodeId, to: NodeId) -> Option<Group> {
        let state = self.state.lock().unwrap();
        if state.cuts.contains(&(from, to)) || state.cuts.contains(&(to, from)) {
            return None;
        }
        state.groups.get(&to).cloned()
    }
}

/// Network of the replica on one node.
#[derive(Debug, Clone)]
pub(crate) struct HubNetwork {
    hub: Hub,
    from: NodeId,
}

impl HubNetwork {
    pub(crate) fn new(hub: Hub, from: NodeId) -> Self {
        Self { hub, from }
    }
}

impl RaftNetworkFactory<TC> for HubNetwork {
    type Network = HubClient;

    async fn new_client(&mut self, target: u64, _node: &()) -> HubClient {
        HubClient {
            hub: self.hub.clone(),
            from: self.from,
            to: NodeId(target),
        }
    }
}

#[derive(Debug)]
pub(crate) struct HubClient {
    hub: Hub,
    from: NodeId,
    to: NodeId,
}

fn unreachable() -> Unreachable<TC> {
    Unreachable::new(&AnyError::error("cut"))
}

fn failed(error: &(impl std::error::Error + 'static)) -> RPCError<TC> {
    RPCError::Network(NetworkError::new(error))
}

impl HubClient {
    async fn group(&self) -> Result<Group, Unreachable<TC>> {
        time::sleep(Duration::from_millis(1)).await;
        self.hub.reach(self.from, self.to).ok_or_else(unreachable)
    }

    async fn raft(&self) -> Result<Raft, Unreachable<TC>> {
        self.group().await?.raft().ok_or_else(unreachable)
    }

    async fn voter(&self, rpc: &VoteRequest<TC>) -> Result<Raft, Unreachable<TC>> {
        let group = self.group().await?;
        if !group.may_vote_for(rpc.last_log_id.as_ref()) {
            return Err(unreachable());
        }
        group.raft().ok_or_else(unreachable)
    }

    /// The way back may be cut meanwhile.
    async fn back<T>(&self, answer: T) -> Result<T, RPCError<TC>> {
        time::sleep(Duration::from_millis(1)).await;
        match self.hub.reach(self.from, self.to) {
            Some(_) => Ok(answer),
            None => Err(RPCError::Unreachable(unreachable())),
        }
    }
}

impl RaftNetworkV2<TC> for HubClient {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TC>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<TC>, RPCError<TC>> {
        let group = self.group().await.map_err(RPCError::Unreachable)?;
        if !rpc.entries.is_empty() && !group.admits_entries() {
            return Err(RPCError::Unreachable(unreachable()));
        }
        let raft = group
            .raft()
            .ok_or_else(unreachable)
            .map_err(RPCError::Unreachable)?;
        let answer = raft
            .append_entries(rpc)
            .await
            .map_err(|error| failed(&error))?;
        self.back(answer).await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TC>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TC>, RPCError<TC>> {
        let raft = self.voter(&rpc).await.map_err(RPCError::Unreachable)?;
        let answer = raft.vote(rpc).await.map_err(|error| failed(&error))?;
        self.back(answer).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TC>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TC>, RPCError<TC>> {
        let raft = self.voter(&rpc).await.map_err(RPCError::Unreachable)?;
        let answer = raft.pre_vote(rpc).await.map_err(|error| failed(&error))?;
        self.back(answer).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        _cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TC>, StreamingError<TC>> {
        let raft = self.raft().await.map_err(StreamingError::Unreachable)?;
        self.hub.state.lock().unwrap().snapshots_sent += 1;
        raft.install_full_snapshot(vote, snapshot)
            .await
            .map_err(|fatal| StreamingError::Network(NetworkError::new(&fatal)))
    }

    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<TC>,
        _option: RPCOption,
    ) -> Result<TransferLeaderResponse<TC>, RPCError<TC>> {
        let raft = self.raft().await.map_err(RPCError::Unreachable)?;
        raft.handle_transfer_leader(req)
            .await
            .map_err(|error| failed(&error))
    }
}
