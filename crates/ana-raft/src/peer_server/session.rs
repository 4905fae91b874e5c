//! One stream of a peer: takes its frames, answers each.
//!
//! One task; it waits for whatever comes first and then acts without waiting, but for room in the
//! queue of replies: a peer that does not read its answers is not read from.

use std::sync::Arc;
use std::time::Duration;

use ana_env::time;
use ana_proto::node::v1::frame::Body;
use ana_proto::node::v1::{Frame, Refusal, RefusalReason};
use ana_proto::raft::v1 as wire;
use ana_types::names::{GroupId, NodeId};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, StreamAppendError};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::appends::{AppendSessions, Output};
use super::calls::Calls;
use super::replica::{Replica, ReplicaStopped};
use super::{GroupLookup, admits, heard_of};
use crate::convert::{self, ConvertError};
use crate::peer::limits::{
    REPLICA_ANSWER_MAX, REQUESTS_RUNNING_MAX, SNAPSHOT_ANSWER_MAX, SWEEP_EVERY,
};
use crate::peer::link::Lane;
use crate::rest::Heard;
use crate::types::TC;

pub(super) fn refusal(reason: RefusalReason) -> Body {
    Body::Refusal(Refusal {
        reason: reason.into(),
    })
}

/// The server's half of one stream.
pub(super) struct Session {
    lane: Lane,
    from: NodeId,
    groups: Arc<dyn GroupLookup>,
    calls: Arc<Calls>,
    replies: mpsc::Sender<Frame>,
    running: FuturesUnordered<BoxFuture<'static, Frame>>,
    appends: AppendSessions,
}

enum Event {
    Answered(Frame),
    Appended(Output),
    Sweep,
    Request(Result<Option<Frame>, Status>),
}

/// The peer reads no more answers.
struct Gone;

impl Session {
    pub(super) fn new(
        lane: Lane,
        from: NodeId,
        groups: Arc<dyn GroupLookup>,
        calls: Arc<Calls>,
        replies: mpsc::Sender<Frame>,
    ) -> Self {
        let appends = AppendSessions::new(Arc::clone(&groups));
        Self {
            lane,
            from,
            groups,
            calls,
            replies,
            running: FuturesUnordered::new(),
            appends,
        }
    }

    /// Serves until the stream ends. Dropping it drops what it has begun; openraft goes on with
    /// requests it has taken.
    pub(super) async fn run(mut self, mut requests: Streaming<Frame>) {
        let mut sweep = time::interval(SWEEP_EVERY);
        loop {
            let event = tokio::select! {
                biased;
                Some(frame) = self.running.next(), if !self.running.is_empty() => {
                    Event::Answered(frame)
                }
                Some(output) = self.appends.next(), if !self.appends.is_idle() => {
                    Event::Appended(output)
                }
                _ = sweep.tick() => Event::Sweep,
                request = requests.message() => Event::Request(request),
            };
            let replied = match event {
                Event::Answered(frame) => self.reply(frame).await,
                Event::Appended(output) => {
                    let frames = self.appends.settle(output);
                    self.reply_all(frames).await
                }
                Event::Sweep => {
                    let frames = self.appends.sweep();
                    self.reply_all(frames).await
                }
                Event::Request(Ok(Some(_))) if self.groups.is_removed(self.from) => break,
                Event::Request(Ok(Some(frame))) => self.take(frame).await,
                Event::Request(Ok(None)) => break,
                Event::Request(Err(status)) => {
                    tracing::debug!(from = %self.from, lane = ?self.lane, %status, "stream ended");
                    break;
                }
            };
            if replied.is_err() {
                break;
            }
        }
    }

    async fn reply(&mut self, frame: Frame) -> Result<(), Gone> {
        match self.replies.send(frame).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Gone),
        }
    }

    async fn reply_all(&mut self, frames: Vec<Frame>) -> Result<(), Gone> {
        for frame in frames {
            self.reply(frame).await?;
        }
        Ok(())
    }

    async fn take(&mut self, frame: Frame) -> Result<(), Gone> {
        let Frame { group, id, body } = frame;
        let group = GroupId(group);
        match (self.lane, body) {
            (Lane::Bulk, Some(Body::Append(append))) => {
                let frames = self.appends.take(group, id, append);
                self.reply_all(frames).await
            }
            (Lane::Calls, Some(Body::Call(call))) => {
                match self.calls.begin_frame(id, call, self.replies.clone()) {
                    Some(answer) => self.reply(answer).await,
                    None => Ok(()),
                }
            }
            (Lane::Bulk, Some(body @ Body::Snapshot(_)))
            | (
                Lane::Control,
                Some(
                    body @ (Body::Append(_)
                    | Body::Vote(_)
                    | Body::PreVote(_)
                    | Body::TransferLeader(_)),
                ),
            ) => match self.begin(group, id, body) {
                Ok(()) => Ok(()),
                Err(reason) => {
                    self.reply(Frame {
                        group: group.0,
                        id,
                        body: Some(refusal(reason)),
                    })
                    .await
                }
            },
            (_, body) => {
                tracing::warn!(from = %self.from, lane = ?self.lane, known = body.is_some(),
                    "frame does not belong here");
                let body = Some(refusal(RefusalReason::Malformed));
                self.reply(Frame {
                    group: group.0,
                    id,
                    body,
                })
                .await
            }
        }
    }

    /// Begins a request that stands alone.
    fn begin(&self, group: GroupId, id: u64, body: Body) -> Result<(), RefusalReason> {
        if self.running.len() >= REQUESTS_RUNNING_MAX {
            return Err(RefusalReason::Overloaded);
        }
        let replica = self
            .groups
            .replica(group)
            .ok_or(RefusalReason::GroupAbsent)?;
        let heard = match &body {
            Body::Append(append) => heard_of(append),
            Body::Vote(_) | Body::PreVote(_) => Heard::Ballot,
            _ => Heard::Work,
        };
        if !self.groups.heard(group, heard) {
            return Err(RefusalReason::VotesSuspended);
        }
        if let Body::Vote(ballot) | Body::PreVote(ballot) = &body {
            let last = ballot.last.as_ref().map(convert::log_id_from_wire);
            if !self.groups.may_vote_for(group, last.as_ref()) {
                return Err(RefusalReason::VotesSuspended);
            }
        }
        if matches!(&body, Body::Append(append) if !admits(&*self.groups, group, append)) {
            return Err(RefusalReason::EntriesNotAdmitted);
        }
        let within = match body {
            Body::Snapshot(_) => SNAPSHOT_ANSWER_MAX,
            _ => REPLICA_ANSWER_MAX,
        };
        self.running
            .push(Box::pin(answer(replica, group, id, body, within)));
        Ok(())
    }
}

/// Why a replica has no answer.
#[derive(Debug)]
enum NoAnswer {
    Stopped,
    Malformed(ConvertError),
}

impl From<ReplicaStopped> for NoAnswer {
    fn from(_: ReplicaStopped) -> Self {
        Self::Stopped
    }
}

impl From<ConvertError> for NoAnswer {
    fn from(error: ConvertError) -> Self {
        Self::Malformed(error)
    }
}

async fn answer(
    replica: Arc<dyn Replica>,
    group: GroupId,
    id: u64,
    body: Body,
    within: Duration,
) -> Frame {
    let body = match time::timeout(within, ask(&*replica, body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(NoAnswer::Stopped)) => refusal(RefusalReason::ReplicaStopped),
        Ok(Err(NoAnswer::Malformed(error))) => {
            tracing::error!(%group, %error, "request of a peer makes no sense");
            refusal(RefusalReason::Malformed)
        }
        Err(_) => refusal(RefusalReason::Late),
    };
    Frame {
        group: group.0,
        id,
        body: Some(body),
    }
}

async fn ask(replica: &dyn Replica, body: Body) -> Result<Body, NoAnswer> {
    Ok(match body {
        Body::Append(append) => {
            let request = convert::append_from_wire(append)?;
            Body::AppendReply(append_alone(replica, request).await?)
        }
        Body::Vote(ballot) => {
            let reply = replica.vote(convert::ballot_from_wire(ballot)?).await?;
            Body::VoteReply(convert::ballot_reply_to_wire(&reply))
        }
        Body::PreVote(ballot) => {
            let reply = replica.pre_vote(convert::ballot_from_wire(ballot)?).await?;
            Body::PreVoteReply(convert::ballot_reply_to_wire(&reply))
        }
        Body::Snapshot(message) => {
            let (vote, snapshot) = convert::snapshot_from_wire(message)?;
            let reply = replica.install_snapshot(vote, snapshot).await?;
            Body::SnapshotReply(convert::snapshot_reply_to_wire(&reply))
        }
        Body::TransferLeader(message) => {
            let reply = replica
                .transfer_leader(convert::transfer_from_wire(message)?)
                .await?;
            Body::TransferLeaderReply(convert::transfer_reply_to_wire(&reply))
        }
        _ => refusal(RefusalReason::Malformed),
    })
}

async fn append_alone(
    replica: &dyn Replica,
    request: AppendEntriesRequest<TC>,
) -> Result<wire::AppendReply, NoAnswer> {
    let prev = request.prev_log_id;
    let last = convert::last_of(&request);
    let result = match replica.append(request).await? {
        AppendEntriesResponse::Success => Ok(last),
        AppendEntriesResponse::PartialSuccess(matched) => Ok(matched),
        AppendEntriesResponse::HigherVote(vote) => Err(StreamAppendError::HigherVote(vote)),
        AppendEntriesResponse::Conflict => match prev {
            Some(prev) => Err(StreamAppendError::Conflict(prev)),
            // The very beginning conflicts with nothing.
            None => return Err(NoAnswer::Malformed(ConvertError::Missing { field: "prev" })),
        },
    };
    Ok(convert::append_result_to_wire(&result))
}
