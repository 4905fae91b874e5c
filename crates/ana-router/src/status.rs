//! The state of the cluster as one node can see it: every node is asked for a report of its own replicas, the
//! reports are joined with the metadata.
//!
//! Must stay true: it answers without a quorum and within [`REPORT_WITHIN`], since it is read when things are bad.

use std::time::Duration;

use ana_types::{GroupId, NodeId, ShardIndex};
use serde::{Deserialize, Serialize};

/// How long a node may take to report before it counts as unreachable.
pub const REPORT_WITHIN: Duration = Duration::from_secs(1);

/// The whole cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// Identity of the cluster, absent until it is founded.
    pub cluster_id: Option<String>,
    /// The node that answered.
    pub answered_by: NodeId,
    /// Leader of the metadata group, as far as known.
    pub metadata_leader: Option<NodeId>,
    /// Every founding or registered node, ascending.
    pub nodes: Vec<NodeStatus>,
    /// Every group of the metadata, group 0 first.
    pub groups: Vec<GroupView>,
}

/// One node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Identity.
    pub id: NodeId,
    /// Zone.
    pub zone: String,
    /// Process id, when it reported.
    pub pid: Option<u32>,
    /// Address for clients.
    pub api: String,
    /// Address for peers.
    pub peer: String,
    /// Whether it reported.
    pub state: NodeState,
    /// Whether the metadata knows it.
    pub registered: bool,
}

/// Whether a node answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It reported in time.
    Alive,
    /// It did not.
    Unreachable,
}

/// One group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupView {
    /// Identity.
    pub id: GroupId,
    /// Name of its stream; none for the metadata group.
    pub stream: Option<String>,
    /// Shards it carries.
    pub shards: Vec<ShardIndex>,
    /// Nodes that vote.
    pub voters: Vec<NodeId>,
    /// Where its leader should stand.
    pub preferred_leader: Option<NodeId>,
    /// Leader of the newest term that a replica reported.
    pub leader: Option<NodeId>,
    /// Newest term reported.
    pub term: u64,
    /// Largest last index reported.
    pub last_index: u64,
    /// Largest committed index reported.
    pub commit_index: u64,
    /// One line per replica that reported.
    pub replicas: Vec<ReplicaView>,
}

/// One replica of a group as its own node reports it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplicaView {
    /// Its node.
    pub node: NodeId,
    /// Role in words: leader, follower, learner, candidate.
    pub role: String,
    /// Log entries up to this index are gone.
    pub purged_index: u64,
    /// Last entry of its log.
    pub last_index: u64,
    /// Last entry it applied.
    pub applied_index: u64,
    /// Entries behind the largest last index reported.
    pub lag: u64,
    /// Health of its log in words.
    pub health: String,
}
