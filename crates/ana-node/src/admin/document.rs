//! The status document: what `/_ana/status` answers, what `ana status` prints, what scripts parse.
//!
//! Member names are part of the interface: members are added, never renamed.

use std::collections::BTreeMap;

use ana_router::nodes::MoveView;
use ana_router::status::{ClusterStatus, GroupView, NodeState, ReplicaView};
use serde::{Deserialize, Serialize};

use crate::cluster::supervisor::NodeView;
use crate::faults::FaultEntry;

/// The whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusDocument {
    /// Address of the node that answered, or of the front door.
    pub endpoint: String,
    /// Identity of the cluster; none until it is founded.
    pub cluster_id: Option<String>,
    /// Address of the supervisor, when there is one.
    pub supervisor: Option<String>,
    /// `healthy`, `degraded` (everything works, something is missing) or `unavailable` (some group
    /// has no leader).
    pub health: Health,
    /// Whether records lie encrypted on the disks. Not done yet: `EncryptionType` is kept and answered, no more.
    #[serde(default)]
    pub encryption_at_rest: bool,
    /// Whether faults may be switched on here.
    #[serde(default)]
    pub disposable: bool,
    /// Faults that are on, as far as those who were asked know: a node knows its own, `ana status` asks all of them.
    #[serde(default)]
    pub faults: Vec<FaultEntry>,
    /// Every node, ascending.
    pub nodes: Vec<NodeEntry>,
    /// Every group, the metadata group first.
    pub groups: Vec<GroupEntry>,
    /// Nodes that were removed; their ids are not used again.
    #[serde(default)]
    pub removed: Vec<u64>,
    /// Replicas on the move.
    #[serde(default)]
    pub moves: Vec<MoveEntry>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// All is there.
    Healthy,
    /// It works, with less than all.
    Degraded,
    /// It does not work.
    Unavailable,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Identity.
    pub id: u64,
    /// Zone.
    pub zone: String,
    /// Process id; none when it is not known.
    pub pid: Option<u32>,
    /// Where clients reach it.
    pub api: String,
    /// Where other nodes reach it.
    pub peer: String,
    /// `up`, `starting`, `stopping`, `down`, or `unreachable` (nothing is known of its process).
    pub state: String,
    /// Where it stands in the cluster: `joining`, `active` or `draining`; none when it was not added (yet).
    #[serde(default)]
    pub phase: Option<String>,
}

/// One replica on its way from one node to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveEntry {
    /// The group.
    pub group: u64,
    /// The node that loses it.
    pub from: Option<u64>,
    /// The node that gets it.
    pub to: Option<u64>,
    /// `join` (the new replica catches up), `switch` (the voters change), `back` (it is taken back).
    pub step: String,
}

/// One group of replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupEntry {
    /// Identity; 0 is the metadata group.
    pub id: u64,
    /// Its stream; none for the metadata group.
    pub stream: Option<String>,
    /// The shards it carries.
    pub shards: Vec<String>,
    /// Its voters.
    pub voters: Vec<u64>,
    /// Its leader, when one of the reporting replicas leads.
    pub leader: Option<u64>,
    /// Where its leader should stand.
    pub preferred_leader: Option<u64>,
    /// Newest term reported.
    pub term: u64,
    /// Last entry of the longest log reported.
    pub last_index: u64,
    /// Largest committed index reported.
    pub commit_index: u64,
    /// Largest applied index reported.
    pub applied_index: u64,
    /// Entries each reporting replica lies behind, by node.
    pub lag: BTreeMap<u64, u64>,
    /// How it is.
    pub health: Health,
    /// What each replica reported.
    pub replicas: Vec<ReplicaEntry>,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaEntry {
    /// Its node.
    pub node: u64,
    /// `leader`, `follower`, `learner`, `candidate`.
    pub role: String,
    /// Entries up to this one are gone from its log.
    pub purged_index: u64,
    /// Last entry of its log.
    pub last_index: u64,
    /// Last entry it applied.
    pub applied_index: u64,
    /// Whether it rests, because there is nothing to do.
    pub resting: bool,
    /// Health of its log in words.
    pub health: String,
}

impl StatusDocument {
    /// The document of what one node could see.
    pub fn new(status: ClusterStatus, endpoint: String, supervisor: Option<String>) -> Self {
        let nodes: Vec<NodeEntry> = status
            .nodes
            .into_iter()
            .map(|node| NodeEntry {
                id: node.id.0,
                zone: node.zone,
                pid: node.pid,
                api: node.api,
                peer: node.peer,
                state: match node.state {
                    NodeState::Alive => "up".to_owned(),
                    NodeState::Unreachable => "unreachable".to_owned(),
                },
                phase: node.phase,
            })
            .collect();
        let groups = status.groups.into_iter().map(group_entry).collect();
        let removed = status.removed.iter().map(|node| node.0).collect();
        let moves = status.moves.into_iter().map(move_entry).collect();
        let cluster_id = status.cluster_id;
        let health = Health::Healthy;
        let mut document = StatusDocument {
            endpoint,
            cluster_id,
            supervisor,
            health,
            encryption_at_rest: false,
            disposable: false,
            faults: Vec::new(),
            nodes,
            groups,
            removed,
            moves,
        };
        document.judge();
        document
    }

    /// The document when no node answered.
    pub fn unanswered() -> Self {
        StatusDocument {
            endpoint: String::new(),
            cluster_id: None,
            supervisor: None,
            health: Health::Unavailable,
            encryption_at_rest: false,
            disposable: false,
            faults: Vec::new(),
            nodes: Vec::new(),
            groups: Vec::new(),
            removed: Vec::new(),
            moves: Vec::new(),
        }
    }

    /// Takes over what the supervisor tells: it knows processes better than the nodes know each other.
    pub fn correct(&mut self, supervised: Vec<NodeView>) {
        for view in supervised {
            let word = view.state.word();
            match self.nodes.iter_mut().find(|node| node.id == view.id) {
                Some(node) => {
                    node.pid = view.pid;
                    // A process that runs and that its peers cannot reach is not up.
                    if node.state != "unreachable" || word != "up" {
                        node.state = word.to_owned();
                    }
                }
                None => self.nodes.push(NodeEntry {
                    id: view.id,
                    zone: view.zone,
                    pid: view.pid,
                    api: view.api,
                    peer: view.peer,
                    state: word.to_owned(),
                    phase: None,
                }),
            }
        }
        self.nodes.sort_by_key(|node| node.id);
    }

    /// Sets the health of the whole from that of its parts.
    pub fn judge(&mut self) {
        let nodes = self.nodes.iter().map(|node| match node.state.as_str() {
            "up" => Health::Healthy,
            _ => Health::Degraded,
        });
        let groups = self.groups.iter().map(|group| group.health);
        // A cluster without a single group is not founded, or nobody could be asked.
        let founded = if self.groups.is_empty() {
            Health::Unavailable
        } else {
            Health::Healthy
        };
        self.health = nodes.chain(groups).fold(founded, Health::max);
    }
}

fn move_entry(it: MoveView) -> MoveEntry {
    MoveEntry {
        group: it.group.0,
        from: it.from.map(|node| node.0),
        to: it.to.map(|node| node.0),
        step: it.step,
    }
}

fn group_entry(group: GroupView) -> GroupEntry {
    let health = group_health(&group);
    let leads = |replica: &&ReplicaView| Some(replica.node) == group.leader;
    let leader = group
        .replicas
        .iter()
        .find(leads)
        .map(|replica| replica.node.0);
    GroupEntry {
        id: group.id.0,
        stream: group.stream,
        shards: group.shards.iter().map(ToString::to_string).collect(),
        voters: group.voters.iter().map(|node| node.0).collect(),
        leader,
        preferred_leader: group.preferred_leader.map(|node| node.0),
        term: group.term,
        last_index: group.last_index,
        commit_index: group.commit_index,
        applied_index: group
            .replicas
            .iter()
            .map(|r| r.applied_index)
            .max()
            .unwrap_or(0),
        lag: group
            .replicas
            .iter()
            .map(|replica| (replica.node.0, replica.lag))
            .collect(),
        health,
        replicas: group
            .replicas
            .into_iter()
            .map(|replica| ReplicaEntry {
                node: replica.node.0,
                role: replica.role,
                purged_index: replica.purged_index,
                last_index: replica.last_index,
                applied_index: replica.applied_index,
                resting: replica.resting,
                health: replica.health,
            })
            .collect(),
    }
}

/// A group works while a majority of its voters report and one of them leads.
fn group_health(group: &GroupView) -> Health {
    let voters_here = group
        .replicas
        .iter()
        .filter(|replica| group.voters.contains(&replica.node))
        .count();
    let leader_here = group
        .replicas
        .iter()
        .any(|replica| Some(replica.node) == group.leader);
    if !leader_here || voters_here * 2 <= group.voters.len() {
        return Health::Unavailable;
    }
    // A replica on its way here or away says nothing about the group.
    let mut voters = group
        .replicas
        .iter()
        .filter(|replica| group.voters.contains(&replica.node));
    let all_well = voters.all(|replica| replica.health == "ok");
    if voters_here == group.voters.len() && all_well {
        Health::Healthy
    } else {
        Health::Degraded
    }
}

#[cfg(test)]
mod tests {
    use ana_types::{GroupId, NodeId};

    use super::*;

    fn group(voters: u64, reporting: &[u64], leader: Option<u64>) -> GroupView {
        GroupView {
            id: GroupId(0),
            stream: None,
            shards: Vec::new(),
            voters: (1..=voters).map(NodeId).collect(),
            preferred_leader: None,
            leader: leader.map(NodeId),
            term: 1,
            last_index: 9,
            commit_index: 9,
            replicas: reporting
                .iter()
                .map(|node| ReplicaView {
                    node: NodeId(*node),
                    role: "follower".to_owned(),
                    purged_index: 0,
                    last_index: 9,
                    applied_index: 9,
                    lag: 0,
                    resting: false,
                    health: "ok".to_owned(),
                })
                .collect(),
        }
    }

    #[test]
    fn a_group_needs_a_majority_with_a_living_leader() {
        let cases = [
            (group(3, &[1, 2, 3], Some(1)), Health::Healthy),
            (group(3, &[1, 2], Some(1)), Health::Degraded),
            (group(3, &[2, 3], Some(1)), Health::Unavailable),
            (group(3, &[1], Some(1)), Health::Unavailable),
            (group(3, &[1, 2, 3], None), Health::Unavailable),
            (group(1, &[1], Some(1)), Health::Healthy),
        ];
        for (group, health) in cases {
            assert_eq!(group_health(&group), health, "{group:?}");
        }
    }

    #[test]
    fn a_leader_that_does_not_report_is_not_told() {
        assert_eq!(group_entry(group(3, &[2, 3], Some(1))).leader, None);
    }
}
