//! The state of the cluster as one node can see it: every node is asked for a report of its own replicas, the
//! reports are joined with the metadata.
//!
//! Must stay true: it answers without a quorum and within [`REPORT_WITHIN`], since it is read when things are bad.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_raft::{GroupHealth, GroupStatus, Role};
use ana_types::{GroupId, NodeId, ShardIndex};
use futures::future::join_all;
use serde::{Deserialize, Serialize};

use crate::config::Member;
use crate::context::Context;
use crate::forward::{Attempt, ask};
use crate::messages::AskReport;
use crate::nodes::{MoveView, describe};

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
    /// Every registered node, ascending; while nothing is known of a cluster, those of the configuration.
    pub nodes: Vec<NodeStatus>,
    /// Every group of the metadata, group 0 first.
    pub groups: Vec<GroupView>,
    /// Nodes that were removed.
    pub removed: Vec<NodeId>,
    /// Replicas on the move.
    pub moves: Vec<MoveView>,
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
    /// Where it stands by the metadata: `joining`, `active` or `draining`; none when it is not registered.
    pub phase: Option<String>,
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
    /// Whether it rests, because there is nothing to do.
    pub resting: bool,
    /// Health of its log in words.
    pub health: String,
}

/// What one node says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The node.
    pub(crate) node: NodeId,
    /// Its process id.
    pub(crate) pid: u32,
    /// Its replicas, by group.
    pub(crate) replicas: Vec<ReplicaReport>,
    /// Its disk is too slow to lead with.
    pub(crate) disk_is_slow: bool,
    /// What a sync took on average when any were seen last, microseconds.
    pub(crate) sync_us: u64,
}

/// What one node says of one of its replicas.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReplicaReport {
    pub(crate) group: GroupId,
    pub(crate) term: u64,
    pub(crate) leader: Option<NodeId>,
    pub(crate) commit_index: u64,
    pub(crate) view: ReplicaView,
}

impl Report {
    pub(crate) fn replica(&self, group: GroupId) -> Option<&ReplicaReport> {
        self.replicas.iter().find(|it| it.group == group)
    }
}

/// The report of this node.
pub(crate) fn report(context: &Context) -> Report {
    let node = context.config.this.id;
    let replicas = context
        .groups
        .list()
        .iter()
        .map(|status| replica_report(node, status))
        .collect();
    let (disk_is_slow, sync_mean) = context.places.disk();
    Report {
        node,
        pid: context.config.pid,
        replicas,
        disk_is_slow,
        sync_us: u64::try_from(sync_mean.as_micros()).unwrap_or(u64::MAX),
    }
}

fn replica_report(node: NodeId, status: &GroupStatus) -> ReplicaReport {
    ReplicaReport {
        group: status.id,
        term: status.term,
        leader: status.leader,
        commit_index: status.committed_index.unwrap_or(0),
        view: ReplicaView {
            node,
            role: role_word(status.role).to_owned(),
            purged_index: status.purged_index.unwrap_or(0),
            last_index: status.last_index.unwrap_or(0),
            applied_index: status.applied_index.unwrap_or(0),
            lag: 0,
            resting: status.resting,
            health: health_word(&status.health),
        },
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Learner => "learner",
        Role::Stopped => "stopped",
    }
}

fn health_word(health: &GroupHealth) -> String {
    match health {
        GroupHealth::Ok => "ok".to_owned(),
        GroupHealth::Full => "full".to_owned(),
        GroupHealth::Corrupt { what } => format!("corrupt: {what}"),
        GroupHealth::Rejoining => "rejoining".to_owned(),
        GroupHealth::Failed { why } => format!("failed: {why}"),
    }
}

/// Asks every node and joins what they say with the metadata of this one.
pub(crate) async fn collect(context: &Context) -> ClusterStatus {
    let nodes = known_nodes(context);
    let asked = nodes.keys().map(|node| async move {
        match ask(context, *node, &AskReport, &mut None, REPORT_WITHIN).await {
            Attempt::Done(report) => Some((*node, report)),
            Attempt::Declined(_) | Attempt::NotReached | Attempt::Lost => None,
        }
    });
    let reports: BTreeMap<NodeId, Report> = join_all(asked).await.into_iter().flatten().collect();
    let cluster_id = context
        .look(|meta| meta.cluster().map(|it| it.id.clone()))
        .ok()
        .flatten();
    let members = context.look(describe).unwrap_or_default();
    let phase = |node: NodeId| {
        let member = members.nodes.iter().find(|it| it.id == node);
        member.map(|it| it.phase.clone())
    };
    let nodes = nodes.into_iter().map(|(id, (member, registered))| {
        let report = reports.get(&id);
        let state = if report.is_some() {
            NodeState::Alive
        } else {
            NodeState::Unreachable
        };
        NodeStatus {
            id,
            zone: member.zone.as_str().to_owned(),
            pid: report.map(|it| it.pid),
            api: member.api_addr,
            peer: member.peer_addr,
            state,
            registered,
            phase: phase(id),
        }
    });
    let groups = group_views(context, &reports);
    ClusterStatus {
        cluster_id,
        answered_by: context.config.this.id,
        metadata_leader: groups.first().and_then(|it| it.leader),
        nodes: nodes.collect(),
        groups,
        removed: members.removed.clone(),
        moves: members.moves.clone(),
    }
}

/// Registered nodes with the newest address known, or those of the configuration while nothing is known of a cluster,
/// and whether the metadata knows them.
pub(crate) fn known_nodes(context: &Context) -> BTreeMap<NodeId, (Member, bool)> {
    let founders = context.config.members.iter().chain([&context.config.this]);
    let mut nodes: BTreeMap<_, _> = founders.map(|it| (it.id, (it.clone(), false))).collect();
    let known = context.look(|meta| meta.cluster().map(|_| meta.nodes().clone()));
    let known = known.ok().flatten();
    if known.is_some() {
        nodes.clear();
    }
    let registered = known.unwrap_or_default();
    nodes.extend(registered.into_iter().map(|(id, node)| {
        let (zone, peer_addr, api_addr) = (node.zone, node.peer_addr, node.api_addr);
        (
            id,
            (
                Member {
                    id,
                    zone,
                    peer_addr,
                    api_addr,
                },
                true,
            ),
        )
    }));
    nodes
}

fn group_views(context: &Context, reports: &BTreeMap<NodeId, Report>) -> Vec<GroupView> {
    let view = |id: GroupId| GroupView {
        id,
        stream: None,
        shards: Vec::new(),
        voters: Vec::new(),
        preferred_leader: None,
        leader: None,
        term: 0,
        last_index: 0,
        commit_index: 0,
        replicas: Vec::new(),
    };
    let mut metadata = view(GroupId::METADATA);
    metadata.voters = context.meta_voters();
    let mut views = vec![metadata];
    let described = context.look(|meta| {
        let groups = meta.groups().iter().map(|(id, group)| {
            let stream = meta.stream_by_key(group.stream);
            let mut view = view(*id);
            view.stream = stream.map(|it| it.name.as_str().to_owned());
            view.shards = stream.map_or_else(Vec::new, |it| {
                it.shards
                    .values()
                    .filter(|info| info.group == *id)
                    .map(|info| info.shard)
                    .collect()
            });
            view.voters.clone_from(&group.voters);
            view.preferred_leader = Some(group.preferred_leader);
            view
        });
        groups.collect::<Vec<_>>()
    });
    views.extend(described.unwrap_or_default());
    for view in &mut views {
        join_reports(view, reports);
    }
    views
}

/// The leader is the one of the newest term that anybody reports; every replica shows its own state.
fn join_reports(view: &mut GroupView, reports: &BTreeMap<NodeId, Report>) {
    let replicas: Vec<&ReplicaReport> = reports
        .values()
        .filter_map(|report| report.replica(view.id))
        .collect();
    view.term = replicas.iter().map(|it| it.term).max().unwrap_or(0);
    view.last_index = replicas
        .iter()
        .map(|it| it.view.last_index)
        .max()
        .unwrap_or(0);
    view.commit_index = replicas.iter().map(|it| it.commit_index).max().unwrap_or(0);
    let newest = replicas.iter().filter(|it| it.term == view.term);
    let said: Vec<NodeId> = newest.filter_map(|it| it.leader).collect();
    // A leader that does not report itself is dead or cut off, and its followers have not noticed yet. Elections are
    // numbered by term and then node, so of two leaders in one term the greater node is the later one.
    view.leader = said
        .into_iter()
        .filter(|leader| reports.contains_key(leader))
        .max();
    view.replicas = replicas
        .into_iter()
        .map(|it| {
            let lag = view.last_index.saturating_sub(it.view.last_index);
            ReplicaView {
                lag,
                ..it.view.clone()
            }
        })
        .collect();
}

#[cfg(test)]
#[path = "status/status_test.rs"]
mod status_test;
