//! What a replica says of itself: plain values, read at one moment, decided by nobody.

use ana_types::{GroupId, NodeId};
use serde::{Deserialize, Serialize};

use crate::state_machine::MachineKind;

/// Whether a replica does its part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupHealth {
    /// It does.
    Ok,
    /// The disk is nearly full: it takes no records, but votes and follows.
    Full,
    /// The log is damaged. It does not vote, lead or serve until it is repaired.
    Corrupt {
        /// What the log found.
        what: String,
    },
    /// It was emptied by a repair and does not vote until it is a voter again.
    Rejoining,
    /// The log could not be written, or the replica stopped for another reason. Only a restart of
    /// the node helps.
    Failed {
        /// The cause.
        why: String,
    },
}

/// The part of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// It leads.
    Leader,
    /// It follows and votes.
    Follower,
    /// It asks for votes.
    Candidate,
    /// It follows without a vote.
    Learner,
    /// It does not run.
    Stopped,
}

/// How far another replica is, as the leader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerProgress {
    /// The replica's node.
    pub node: NodeId,
    /// The last entry it has confirmed.
    pub matched: Option<u64>,
    /// Entries it lacks.
    pub lag: u64,
}

/// One replica at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// The group.
    pub id: GroupId,
    /// Its machine.
    pub kind: MachineKind,
    /// Its part.
    pub role: Role,
    /// The leader as far as it knows.
    pub leader: Option<NodeId>,
    /// Its term.
    pub term: u64,
    /// Voters as of its last known membership.
    pub voters: Vec<NodeId>,
    /// Learners as of its last known membership.
    pub learners: Vec<NodeId>,
    /// The log is cut up to here.
    pub purged_index: Option<u64>,
    /// The snapshot is of here.
    pub snapshot_index: Option<u64>,
    /// The last entry in its log.
    pub last_index: Option<u64>,
    /// The last entry it knows to be committed.
    pub committed_index: Option<u64>,
    /// The last entry its machine has applied.
    pub applied_index: Option<u64>,
    /// Bytes of its log on disk.
    pub log_bytes: u64,
    /// Points the log may be cut at.
    pub points: usize,
    /// Bytes of records waiting or in flight here.
    pub queued_bytes: u64,
    /// Whether it rests, because there is nothing to do.
    pub resting: bool,
    /// How far the others are; only a leader knows.
    pub peers: Vec<PeerProgress>,
    /// Whether it does its part.
    pub health: GroupHealth,
}
