//! What openraft calls to reach the other replicas of a group.
//!
//! | message | lane | way |
//! |---|---|---|
//! | entries, commit notices | bulk | one pipelined session at a time ([`pipeline`]) |
//! | snapshot | bulk | one frame |
//! | heartbeat, vote, pre-vote, leader transfer | control | one frame each |
//!
//! Must stay true:
//! - every wait is bounded by us; openraft's `RPCOption` is only a hint;
//! - an append stream pulls its first request before it asks for a connection: openraft sleeps its
//!   pauses inside that request, and would otherwise retry a dead peer without any;
//! - a peer that cannot be reached or refuses is `Unreachable`, never a vote granted.

mod pipeline;

use std::time::Duration;

use ana_proto::node::v1::frame::Body;
use ana_types::names::{GroupId, NodeId};
use bytes::Bytes;
use futures::future::{self, Either};
use futures::{Stream, StreamExt};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{
    NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable,
};
use openraft::network::{Backoff, RPCOption, stream_append_sequential};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
    StreamAppendResult, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RPCTypes, RaftNetworkFactory, RaftNetworkV2};

use self::pipeline::Pipeline;
use crate::convert::{self, ConvertError};
use crate::peer::limits::{
    CONTROL_ANSWER_MAX, SNAPSHOT_ANSWER_MAX, SNAPSHOT_BYTES_MAX, append_pauses,
};
use crate::peer::link::{Lane, LinkError};
use crate::peers::Peers;
use crate::types::{Snapshot, TC, Vote};

/// The network of one group: makes a [`PeerNetwork`] for each of its other replicas.
#[derive(Debug, Clone)]
pub struct GroupNetwork {
    peers: Peers,
    group: GroupId,
}

impl GroupNetwork {
    /// The network of `group` over the connections of the node.
    #[must_use]
    pub fn new(peers: Peers, group: GroupId) -> Self {
        Self { peers, group }
    }

    fn client(&self, target: u64, lane: Lane) -> PeerNetwork {
        PeerNetwork {
            peers: self.peers.clone(),
            group: self.group,
            target: NodeId(target),
            lane,
        }
    }
}

impl RaftNetworkFactory<TC> for GroupNetwork {
    type Network = PeerNetwork;

    async fn new_client(&mut self, target: u64, _node: &()) -> PeerNetwork {
        self.client(target, Lane::Bulk)
    }

    /// Heartbeats never stand behind entries.
    async fn new_heartbeat_client(&mut self, target: u64, _node: &()) -> PeerNetwork {
        self.client(target, Lane::Control)
    }
}

/// One group's way to one other replica.
#[derive(Debug, Clone)]
pub struct PeerNetwork {
    peers: Peers,
    group: GroupId,
    target: NodeId,
    /// Where appends go.
    lane: Lane,
}

impl PeerNetwork {
    async fn ask(&self, lane: Lane, body: Body, within: Duration) -> Result<Body, LinkError> {
        match self.peers.peer(self.target) {
            Some(peer) => peer.ask(lane, self.group, body, within).await,
            None => Err(LinkError::NotReached),
        }
    }

    /// As [`Self::ask_control`], unless this node stands aside.
    async fn ask_for_vote(&self, body: Body) -> Result<Body, RPCError<TC>> {
        if self.peers.stands_aside() {
            return Err(RPCError::Unreachable(Unreachable::new(&StandsAside)));
        }
        self.ask_control(RPCTypes::Vote, body).await
    }

    async fn ask_control(&self, what: RPCTypes, body: Body) -> Result<Body, RPCError<TC>> {
        let asked = self.ask(Lane::Control, body, CONTROL_ANSWER_MAX).await;
        asked.map_err(|error| self.rpc_error(&error, what, CONTROL_ANSWER_MAX))
    }

    /// What openraft is told: `Unreachable` makes it pause, `Network` and `Timeout` let it try
    /// again at once, which the pauses of the line bound.
    fn rpc_error(&self, error: &LinkError, what: RPCTypes, waited: Duration) -> RPCError<TC> {
        match error {
            LinkError::TimedOut => RPCError::Timeout(Timeout {
                action: what,
                id: self.peers.this().0,
                target: self.target.0,
                timeout: waited,
            }),
            LinkError::Lost => RPCError::Network(NetworkError::new(error)),
            LinkError::TooLarge { .. } | LinkError::Nonsense => {
                tracing::error!(group = %self.group, peer = %self.target, %error, "message lost");
                RPCError::Unreachable(Unreachable::new(error))
            }
            LinkError::NotReached | LinkError::Overloaded | LinkError::Refused(_) => {
                RPCError::Unreachable(Unreachable::new(error))
            }
        }
    }
}

/// This node keeps out of all groups.
#[derive(Debug, thiserror::Error)]
#[error("this node takes part in no group yet")]
struct StandsAside;

/// An answer that does not decode, or a request that does not encode.
fn bad_message(error: &ConvertError) -> RPCError<TC> {
    tracing::error!(%error, "message of a replica makes no sense");
    RPCError::Unreachable(Unreachable::new(error))
}

fn wrong_answer() -> RPCError<TC> {
    RPCError::Unreachable(Unreachable::new(&LinkError::Nonsense))
}

impl RaftNetworkV2<TC> for PeerNetwork {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TC>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<TC>, RPCError<TC>> {
        let last = convert::last_of(&rpc);
        let body = convert::append_to_wire(&rpc, 0).map_err(|error| bad_message(&error))?;
        let answer = self
            .ask_control(RPCTypes::AppendEntries, Body::Append(body))
            .await?;
        let Body::AppendReply(reply) = answer else {
            return Err(wrong_answer());
        };
        let result =
            convert::append_result_from_wire(reply).map_err(|error| bad_message(&error))?;
        Ok(match result {
            Ok(matched) if matched == last => AppendEntriesResponse::Success,
            Ok(matched) => AppendEntriesResponse::PartialSuccess(matched),
            Err(StreamAppendError::Conflict(_)) => AppendEntriesResponse::Conflict,
            Err(StreamAppendError::HigherVote(vote)) => AppendEntriesResponse::HigherVote(vote),
        })
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<TC>, RPCError<TC>>>, RPCError<TC>>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TC>> + OptionalSend + Unpin + 'static,
    {
        if self.lane == Lane::Control {
            return stream_append_sequential(self, input, option);
        }
        let pipeline = Pipeline::new(self.clone(), input);
        let answers: BoxStream<'s, _> = pipeline.into_stream().boxed();
        Box::pin(future::ready(Ok(answers)))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TC>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TC>, RPCError<TC>> {
        let body = Body::Vote(convert::ballot_to_wire(&rpc));
        match self.ask_for_vote(body).await? {
            Body::VoteReply(reply) => {
                convert::ballot_reply_from_wire(reply).map_err(|error| bad_message(&error))
            }
            _ => Err(wrong_answer()),
        }
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TC>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TC>, RPCError<TC>> {
        let body = Body::PreVote(convert::ballot_to_wire(&rpc));
        match self.ask_for_vote(body).await? {
            Body::PreVoteReply(reply) => {
                convert::ballot_reply_from_wire(reply).map_err(|error| bad_message(&error))
            }
            _ => Err(wrong_answer()),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TC>, StreamingError<TC>> {
        let bytes = snapshot.snapshot.len();
        if bytes > SNAPSHOT_BYTES_MAX {
            let error = self.rpc_error(
                &LinkError::TooLarge { bytes },
                RPCTypes::InstallSnapshot,
                Duration::ZERO,
            );
            return Err(error.into());
        }
        let body = Body::Snapshot(convert::snapshot_to_wire(&vote, snapshot));
        let asked = std::pin::pin!(self.ask(Lane::Bulk, body, SNAPSHOT_ANSWER_MAX));
        let answer = match future::select(std::pin::pin!(cancel), asked).await {
            Either::Left((closed, _)) => return Err(StreamingError::Closed(closed)),
            Either::Right((answer, _)) => answer,
        };
        let answer = answer.map_err(|error| {
            self.rpc_error(&error, RPCTypes::InstallSnapshot, SNAPSHOT_ANSWER_MAX)
        })?;
        match answer {
            Body::SnapshotReply(reply) => Ok(
                convert::snapshot_reply_from_wire(reply).map_err(|error| bad_message(&error))?
            ),
            _ => Err(wrong_answer().into()),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TC>,
        _option: RPCOption,
    ) -> Result<TransferLeaderResponse<TC>, RPCError<TC>> {
        let body = Body::TransferLeader(convert::transfer_to_wire(&request));
        match self.ask_control(RPCTypes::TransferLeader, body).await? {
            Body::TransferLeaderReply(reply) => {
                convert::transfer_reply_from_wire(reply).map_err(|error| bad_message(&error))
            }
            _ => Err(wrong_answer()),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(append_pauses()))
    }
}
