//! What can go wrong in a group, said so that a caller knows whether its write may yet happen.
//!
//! Must stay true: every variant of [`ProposeError`] but [`ProposeError::Unknown`] means the write
//! has certainly not been proposed and never will be. A caller may retry those at once and must
//! not retry `Unknown` as if it had failed.

use std::io;

use ana_log::LogError;
use ana_types::{GroupId, NodeId};
use serde::{Deserialize, Serialize};

/// Why a write, a command or a read barrier did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ProposeError {
    /// This replica does not lead the group. Certainly not proposed.
    #[error("not the leader of the group (leader: {leader:?})")]
    NotLeader {
        /// The leader as far as this replica knows.
        leader: Option<NodeId>,
    },
    /// Too many bytes wait already. Certainly not proposed.
    #[error("too many bytes are waiting in this group")]
    Overloaded,
    /// The disk of the leader is too full to take records. Certainly not proposed.
    #[error("the leader's disk is full")]
    DiskFull,
    /// It may have been proposed, and may yet commit.
    #[error("the outcome is unknown: {why}")]
    Unknown {
        /// What ended the wait.
        why: UnknownWhy,
    },
    /// The group is closed on this node. Certainly not proposed.
    #[error("the group is stopped on this node")]
    Stopped,
}

/// What ended the wait for a write whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum UnknownWhy {
    /// The deadline passed.
    #[error("deadline passed")]
    TimedOut,
    /// Leadership was lost after the entry was appended.
    #[error("leadership lost after the entry was appended")]
    LeaderLost,
    /// The replica stopped after the entry was handed over.
    #[error("replica stopped after the entry was handed over")]
    Stopped,
}

/// Why a group could not be opened, changed or closed.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The log could not be opened or written.
    #[error("log of group {group}: {source}")]
    Log {
        /// The group.
        group: GroupId,
        /// The cause.
        source: LogError,
    },
    /// A file operation outside the log failed.
    #[error("files of group {group}: {source}")]
    Io {
        /// The group.
        group: GroupId,
        /// The cause.
        source: io::Error,
    },
    /// openraft refused to start or has stopped.
    #[error("replica of group {group} stopped: {why}")]
    Raft {
        /// The group.
        group: GroupId,
        /// openraft's own words; it has no structured cause.
        why: String,
    },
    /// The replica does not run: its log is corrupt or has failed.
    #[error("replica of group {group} does not run")]
    NotRunning {
        /// The group.
        group: GroupId,
    },
    /// The wait for a change ended before the change.
    #[error("group {group}: {what} did not finish in time")]
    TimedOut {
        /// The group.
        group: GroupId,
        /// What was awaited.
        what: &'static str,
    },
    /// A leader that is to leave the group has to hand over first.
    #[error("group {group}: its leader cannot remove itself, it has to hand over first")]
    LeaderStays {
        /// The group.
        group: GroupId,
    },
    /// The metadata places the group's replicas elsewhere.
    #[error("group {group}: no replica of it belongs on node {node}")]
    PlacedElsewhere {
        /// The group.
        group: GroupId,
        /// The node.
        node: NodeId,
    },
    /// Only the leader can do this.
    #[error("group {group}: not the leader (leader: {leader:?})")]
    NotLeader {
        /// The group.
        group: GroupId,
        /// The leader as far as this replica knows.
        leader: Option<NodeId>,
    },
    /// The group is not open on this node.
    #[error("group {group} is not open on this node")]
    NotOpen {
        /// The group.
        group: GroupId,
    },
    /// The settings contradict each other.
    #[error("raft settings: {why}")]
    Config {
        /// openraft's own words.
        why: String,
    },
}

/// Bytes in the log or on the wire that are not an entry of ours.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The kind byte is not one of ours.
    #[error("entry {index} has unknown kind {kind}")]
    Kind {
        /// Log index.
        index: u64,
        /// The byte found.
        kind: u8,
    },
    /// The version byte is missing or newer than this program.
    #[error("version {found:?} of a stored value is not known")]
    Version {
        /// The byte found, if any.
        found: Option<u8>,
    },
    /// The body does not decode.
    #[error("stored value does not decode: {source}")]
    Body {
        /// The cause.
        #[from]
        source: postcard::Error,
    },
    /// The checksum of a stored value does not match.
    #[error("checksum of a stored value does not match")]
    Checksum,
}

impl From<EntryError> for io::Error {
    fn from(error: EntryError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}
