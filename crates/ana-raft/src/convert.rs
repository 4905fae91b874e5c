//! Between openraft's types and the messages of `/proto`.
//!
//! Must stay true: a value survives the way there and back (tested), and payloads are shared, never
//! copied. A message that lacks what it must have is an error, not a default.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ana_log::{EntryId, LogEntry, Mark};
use ana_proto::raft::v1 as wire;
use openraft::raft::{
    AppendEntriesRequest, SnapshotResponse, StreamAppendError, StreamAppendResult,
    TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};

use crate::entry;
use crate::error::EntryError;
use crate::types::{
    Entry, LeaderId, LogId, Membership, Snapshot, SnapshotMeta, StoredMembership, TC, Vote,
};

/// Why a message cannot be turned into what it should mean, or the other way round.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// A field that must be there is not.
    #[error("message lacks {field}")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// The kind of an entry does not fit in its byte.
    #[error("entry {index} has kind {kind}, more than a byte holds")]
    Kind {
        /// Log index.
        index: u64,
        /// The number found.
        kind: u32,
    },
    /// A mark points outside of its payload.
    #[error("a mark of entry {index} points outside of its payload")]
    Mark {
        /// Log index.
        index: u64,
    },
    /// The entry is none of ours.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Voters that are not among the nodes.
    #[error("membership does not hold together")]
    Membership,
}

/// A field that must be there.
fn need<T>(field: Option<T>, name: &'static str) -> Result<T, ConvertError> {
    field.ok_or(ConvertError::Missing { field: name })
}

pub(crate) fn vote_to_wire(vote: &Vote) -> wire::Vote {
    wire::Vote {
        term: vote.leader_id.term,
        node: vote.leader_id.node_id,
        committed: vote.committed,
    }
}

pub(crate) fn vote_from_wire(vote: Option<wire::Vote>) -> Result<Vote, ConvertError> {
    let vote = need(vote, "vote")?;
    Ok(Vote {
        leader_id: LeaderId {
            term: vote.term,
            node_id: vote.node,
        },
        committed: vote.committed,
    })
}

pub(crate) fn log_id_to_wire(id: &LogId) -> wire::LogId {
    wire::LogId {
        term: id.leader_id.term,
        node: id.leader_id.node_id,
        index: id.index,
    }
}

pub(crate) fn log_id_from_wire(id: &wire::LogId) -> LogId {
    LogId {
        leader_id: LeaderId {
            term: id.term,
            node_id: id.node,
        },
        index: id.index,
    }
}

fn maybe_to_wire(id: Option<&LogId>) -> Option<wire::LogId> {
    id.map(log_id_to_wire)
}

fn maybe_from_wire(id: Option<&wire::LogId>) -> Option<LogId> {
    id.map(log_id_from_wire)
}

/// An append of the sender's stream number `session`; 0 stands alone.
pub(crate) fn append_to_wire(
    request: &AppendEntriesRequest<TC>,
    session: u64,
) -> Result<wire::Append, ConvertError> {
    let entries = request
        .entries
        .iter()
        .map(entry_to_wire)
        .collect::<Result<_, _>>()?;
    Ok(wire::Append {
        vote: Some(vote_to_wire(&request.vote)),
        prev: maybe_to_wire(request.prev_log_id.as_ref()),
        leader_commit: maybe_to_wire(request.leader_commit.as_ref()),
        entries,
        session,
    })
}

pub(crate) fn append_from_wire(
    append: wire::Append,
) -> Result<AppendEntriesRequest<TC>, ConvertError> {
    let entries = append
        .entries
        .into_iter()
        .map(entry_from_wire)
        .collect::<Result<_, _>>()?;
    Ok(AppendEntriesRequest {
        vote: vote_from_wire(append.vote)?,
        prev_log_id: maybe_from_wire(append.prev.as_ref()),
        leader_commit: maybe_from_wire(append.leader_commit.as_ref()),
        entries,
    })
}

/// The last log id an append speaks of: that of its last entry, or the one before them.
pub(crate) fn last_of(request: &AppendEntriesRequest<TC>) -> Option<LogId> {
    request
        .entries
        .last()
        .map(|entry| entry.log_id)
        .or(request.prev_log_id)
}

fn entry_to_wire(given: &Entry) -> Result<wire::Entry, ConvertError> {
    let LogEntry {
        id,
        kind,
        marks,
        payload,
    } = entry::to_log(given)?;
    let marks = marks
        .iter()
        .map(|mark| wire::Mark {
            key: mark.key,
            count: mark.count,
            offset: mark.offset,
            len: mark.len,
            time_ms: mark.time_ms,
        })
        .collect();
    Ok(wire::Entry {
        term: id.term,
        node: id.node,
        index: id.index,
        kind: u32::from(kind),
        marks,
        payload,
    })
}

fn entry_from_wire(given: wire::Entry) -> Result<Entry, ConvertError> {
    let wire::Entry {
        term,
        node,
        index,
        kind,
        marks,
        payload,
    } = given;
    let Ok(kind) = u8::try_from(kind) else {
        return Err(ConvertError::Kind { index, kind });
    };
    let payload_len = u64::try_from(payload.len()).unwrap_or(u64::MAX);
    let outside = |mark: &wire::Mark| u64::from(mark.offset) + u64::from(mark.len) > payload_len;
    if marks.iter().any(outside) {
        return Err(ConvertError::Mark { index });
    }
    let marks: Arc<[Mark]> = marks
        .into_iter()
        .map(|mark| Mark {
            key: mark.key,
            count: mark.count,
            offset: mark.offset,
            len: mark.len,
            time_ms: mark.time_ms,
        })
        .collect();
    Ok(entry::from_log(LogEntry {
        id: EntryId { term, node, index },
        kind,
        marks,
        payload,
    })?)
}

pub(crate) fn append_result_to_wire(result: &StreamAppendResult<TC>) -> wire::AppendReply {
    use wire::append_reply::Result as Reply;
    let reply = match result {
        Ok(matched) => Reply::Matched(wire::Matched {
            log_id: maybe_to_wire(matched.as_ref()),
        }),
        Err(StreamAppendError::Conflict(at)) => Reply::Conflict(log_id_to_wire(at)),
        Err(StreamAppendError::HigherVote(vote)) => Reply::HigherVote(vote_to_wire(vote)),
    };
    wire::AppendReply {
        result: Some(reply),
    }
}

pub(crate) fn append_result_from_wire(
    reply: wire::AppendReply,
) -> Result<StreamAppendResult<TC>, ConvertError> {
    use wire::append_reply::Result as Reply;
    Ok(match need(reply.result, "result of an append")? {
        Reply::Matched(matched) => Ok(maybe_from_wire(matched.log_id.as_ref())),
        Reply::Conflict(at) => Err(StreamAppendError::Conflict(log_id_from_wire(&at))),
        Reply::HigherVote(vote) => Err(StreamAppendError::HigherVote(vote_from_wire(Some(vote))?)),
    })
}

pub(crate) fn ballot_to_wire(request: &VoteRequest<TC>) -> wire::Ballot {
    wire::Ballot {
        vote: Some(vote_to_wire(&request.vote)),
        last: maybe_to_wire(request.last_log_id.as_ref()),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn ballot_from_wire(ballot: wire::Ballot) -> Result<VoteRequest<TC>, ConvertError> {
    let mut request = VoteRequest::new(
        vote_from_wire(ballot.vote)?,
        maybe_from_wire(ballot.last.as_ref()),
    );
    request.leadership_transfer = ballot.leadership_transfer;
    Ok(request)
}

pub(crate) fn ballot_reply_to_wire(reply: &VoteResponse<TC>) -> wire::BallotReply {
    wire::BallotReply {
        vote: Some(vote_to_wire(&reply.vote)),
        granted: reply.vote_granted,
        last: maybe_to_wire(reply.last_log_id.as_ref()),
    }
}

pub(crate) fn ballot_reply_from_wire(
    reply: wire::BallotReply,
) -> Result<VoteResponse<TC>, ConvertError> {
    let vote = vote_from_wire(reply.vote)?;
    Ok(VoteResponse::new(
        vote,
        maybe_from_wire(reply.last.as_ref()),
        reply.granted,
    ))
}

pub(crate) fn snapshot_to_wire(vote: &Vote, snapshot: Snapshot) -> wire::Snapshot {
    let SnapshotMeta {
        last_log_id,
        last_membership,
    } = snapshot.meta;
    wire::Snapshot {
        vote: Some(vote_to_wire(vote)),
        last: maybe_to_wire(last_log_id.as_ref()),
        membership: Some(membership_to_wire(&last_membership)),
        data: snapshot.snapshot,
    }
}

pub(crate) fn snapshot_from_wire(
    message: wire::Snapshot,
) -> Result<(Vote, Snapshot), ConvertError> {
    let vote = vote_from_wire(message.vote)?;
    let meta = SnapshotMeta {
        last_log_id: maybe_from_wire(message.last.as_ref()),
        last_membership: membership_from_wire(need(message.membership, "membership")?)?,
    };
    Ok((
        vote,
        Snapshot {
            meta,
            snapshot: message.data,
        },
    ))
}

pub(crate) fn snapshot_reply_to_wire(reply: &SnapshotResponse<TC>) -> wire::SnapshotReply {
    wire::SnapshotReply {
        vote: Some(vote_to_wire(&reply.vote)),
    }
}

pub(crate) fn snapshot_reply_from_wire(
    reply: wire::SnapshotReply,
) -> Result<SnapshotResponse<TC>, ConvertError> {
    Ok(SnapshotResponse::new(vote_from_wire(reply.vote)?))
}

fn membership_to_wire(stored: &StoredMembership) -> wire::Membership {
    let configs = stored.get_joint_config().iter();
    wire::Membership {
        configs: configs
            .map(|voters| wire::VoterSet {
                nodes: voters.iter().copied().collect(),
            })
            .collect(),
        nodes: stored.nodes().map(|(node, ())| *node).collect(),
        log_id: maybe_to_wire(stored.log_id().as_ref()),
    }
}

fn membership_from_wire(message: wire::Membership) -> Result<StoredMembership, ConvertError> {
    let configs: Vec<BTreeSet<u64>> = message
        .configs
        .into_iter()
        .map(|set| set.nodes.into_iter().collect())
        .collect();
    let nodes: BTreeMap<u64, ()> = message.nodes.into_iter().map(|node| (node, ())).collect();
    let known = configs
        .iter()
        .flatten()
        .all(|voter| nodes.contains_key(voter));
    if !known || configs.iter().any(BTreeSet::is_empty) {
        return Err(ConvertError::Membership);
    }
    let membership = Membership::new_with_defaults(configs, nodes.into_keys());
    Ok(StoredMembership::new(
        maybe_from_wire(message.log_id.as_ref()),
        membership,
    ))
}

pub(crate) fn transfer_to_wire(request: &TransferLeaderRequest<TC>) -> wire::TransferLeader {
    wire::TransferLeader {
        from_leader: Some(vote_to_wire(request.from_leader())),
        to_node: *request.to_node_id(),
        last: maybe_to_wire(request.last_log_id()),
    }
}

pub(crate) fn transfer_from_wire(
    message: wire::TransferLeader,
) -> Result<TransferLeaderRequest<TC>, ConvertError> {
    Ok(TransferLeaderRequest::new(
        vote_from_wire(message.from_leader)?,
        message.to_node,
        maybe_from_wire(message.last.as_ref()),
    ))
}

pub(crate) fn transfer_reply_to_wire(
    reply: &TransferLeaderResponse<TC>,
) -> wire::TransferLeaderReply {
    use wire::transfer_leader_reply::Rejection;
    let rejection = match reply {
        Ok(()) => None,
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            Some(Rejection::VoteChanged(wire::VoteChanged {
                expected: Some(vote_to_wire(expected)),
                actual: Some(vote_to_wire(actual)),
            }))
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            Some(Rejection::LogNotFlushed(wire::LogNotFlushed {
                expected: maybe_to_wire(expected.as_ref()),
                actual: maybe_to_wire(actual.as_ref()),
            }))
        }
    };
    wire::TransferLeaderReply { rejection }
}

pub(crate) fn transfer_reply_from_wire(
    reply: wire::TransferLeaderReply,
) -> Result<TransferLeaderResponse<TC>, ConvertError> {
    use wire::transfer_leader_reply::Rejection;
    Ok(match reply.rejection {
        None => Ok(()),
        Some(Rejection::VoteChanged(changed)) => Err(TransferLeaderError::VoteChanged {
            expected: vote_from_wire(changed.expected)?,
            actual: vote_from_wire(changed.actual)?,
        }),
        Some(Rejection::LogNotFlushed(missing)) => Err(TransferLeaderError::LogNotFlushed {
            expected: maybe_from_wire(missing.expected.as_ref()),
            actual: maybe_from_wire(missing.actual.as_ref()),
        }),
    })
}

#[cfg(test)]
mod convert_test;
