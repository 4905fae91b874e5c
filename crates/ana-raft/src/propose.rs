//! One proposal: handing it to openraft, and saying truthfully what became of it.
//!
//! Must stay true: `NotLeader` and `Stopped` are answered only when openraft says that the entry was
//! never appended. Once it may have been appended, every end but the answer itself is `Unknown`.

use std::time::Duration;

use ana_env::time;
use ana_types::NodeId;
use futures::future::BoxFuture;
use openraft::alias::OneshotReceiverOf;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{ClientWriteError, ForwardToLeader};
use openraft::impls::OneshotResponder;
use openraft::raft::ClientWriteResult;

use crate::entry::{Answer, Proposal};
use crate::error::{ProposeError, UnknownWhy};
use crate::types::{LeaderId, Raft, TC};

/// Where the answer to one proposal arrives.
pub(crate) type Pending = OneshotReceiverOf<TC, ClientWriteResult<TC>>;

/// The leadership of this replica, or who leads instead. A replica that has stopped leads nothing.
pub(crate) fn leadership(raft: &Raft) -> Result<LeaderId, ProposeError> {
    if raft.metrics().borrow_watched().running_state.is_err() {
        return Err(ProposeError::Stopped);
    }
    match raft.as_leader() {
        Ok(leader) => Ok(*leader.leader_id()),
        Err(forward) => Err(not_leader(&forward)),
    }
}

/// Hands a proposal over. `leader` makes openraft refuse it when leadership has changed since.
pub(crate) async fn submit(
    raft: &Raft,
    leader: LeaderId,
    proposal: Proposal,
    within: Duration,
) -> Result<Pending, ProposeError> {
    let (responder, pending) = OneshotResponder::new_pair();
    let write = raft
        .write(proposal)
        .with_leader(leader)
        .responder(responder);
    match time::timeout(within, write.into_future()).await {
        Ok(Ok(())) => Ok(pending),
        // The core no longer takes requests, so this one never reached it.
        Ok(Err(_fatal)) => Err(ProposeError::Stopped),
        Err(_elapsed) => Err(ProposeError::Unknown {
            why: UnknownWhy::TimedOut,
        }),
    }
}

/// Waits for what became of a proposal, without end: whoever calls bounds the wait.
pub(crate) async fn settle(pending: Pending) -> Result<Answer, ProposeError> {
    match pending.await {
        Ok(Ok(response)) => Ok(response.data),
        Ok(Err(ClientWriteError::ForwardToLeader(forward))) => Err(not_leader(&forward)),
        Ok(Err(ClientWriteError::LogEntryDiscarded(_))) => Err(ProposeError::Unknown {
            why: UnknownWhy::LeaderLost,
        }),
        // Only membership changes meet these; should one appear here, nothing is certain.
        Ok(Err(
            ClientWriteError::ChangeMembershipError(_) | ClientWriteError::PreconditionFailed(_),
        )) => Err(ProposeError::Unknown {
            why: UnknownWhy::LeaderLost,
        }),
        Err(_dropped) => Err(ProposeError::Unknown {
            why: UnknownWhy::Stopped,
        }),
    }
}

/// Hands a proposal over and waits for its answer, at most until the deadline.
pub(crate) fn propose<'a>(
    raft: &'a Raft,
    proposal: Proposal,
    within: Duration,
) -> BoxFuture<'a, Result<Answer, ProposeError>> {
    Box::pin(async move {
        let leader = leadership(raft)?;
        let deadline = time::now() + within;
        let pending = submit(raft, leader, proposal, within).await?;
        match time::timeout_at(deadline, settle(pending)).await {
            Ok(settled) => settled,
            Err(_elapsed) => Err(ProposeError::Unknown {
                why: UnknownWhy::TimedOut,
            }),
        }
    })
}

fn not_leader(forward: &ForwardToLeader<TC>) -> ProposeError {
    ProposeError::NotLeader {
        leader: forward.leader_id.map(NodeId),
    }
}
