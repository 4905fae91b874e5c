//! Why a piece of work did not get done at the leader of a group, kept apart by the one question that matters:
//! may it have happened all the same?
//!
//! Must stay true: everything but [`LeaderError::Unknown`] certainly did not happen and never will.

use ana_raft::{ProposeError, UnknownWhy};
use ana_types::{GroupId, KinesisError, NodeId};
use serde::{Deserialize, Serialize};

/// Why a node did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Decline {
    /// It does not lead the group. Not done.
    #[error("not the leader (leader: {leader:?})")]
    NotLeader {
        /// The leader as far as it knows.
        leader: Option<NodeId>,
    },
    /// It has no replica of the group. Not done.
    #[error("no replica here")]
    NoReplica,
    /// Too much is waiting. Not done.
    #[error("overloaded")]
    Overloaded,
    /// Its disk is too full for records. Not done, and trying again soon is of no use.
    #[error("the leader's disk is full")]
    DiskFull,
    /// A file of its log could not be read. Nothing was written.
    #[error("the leader's log cannot be read")]
    Unreadable,
    /// It may have been done.
    #[error("outcome unknown: {0}")]
    Unknown(UnknownWhy),
}

impl From<ProposeError> for Decline {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::NotLeader { leader } => Self::NotLeader { leader },
            ProposeError::Overloaded => Self::Overloaded,
            ProposeError::DiskFull => Self::DiskFull,
            ProposeError::Unknown { why } => Self::Unknown(why),
            ProposeError::Stopped => Self::NoReplica,
        }
    }
}

/// Why work for the leader of a group did not get done within the deadline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LeaderError {
    /// No leader took it during the whole deadline. Not done.
    #[error("no leader of group {group} within the deadline (last answer: {last:?})")]
    NoLeader {
        /// The group.
        group: GroupId,
        /// What the last node asked said, if it said anything.
        last: Option<Decline>,
    },
    /// The leader refuses for a reason that lasts. Not done.
    #[error("group {group}: {why}")]
    Refused {
        /// The group.
        group: GroupId,
        /// The reason.
        why: Decline,
    },
    /// It was handed over and no answer came: it may have been done.
    #[error("group {group}: no answer of node {node}")]
    Unknown {
        /// The group.
        group: GroupId,
        /// The node that had it.
        node: NodeId,
    },
}

impl From<LeaderError> for KinesisError {
    fn from(error: LeaderError) -> Self {
        let why = error.to_string();
        match error {
            LeaderError::NoLeader { .. } | LeaderError::Refused { .. } => Self::Unavailable { why },
            LeaderError::Unknown { .. } => Self::OutcomeUnknown { why },
        }
    }
}

/// A body from a peer that is not what its kind says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    /// It does not decode.
    #[error("a message does not decode: {0}")]
    Postcard(#[from] postcard::Error),
    /// The raw part is not what the header says.
    #[error("the raw part of a message is not what its header says")]
    Raw,
}
