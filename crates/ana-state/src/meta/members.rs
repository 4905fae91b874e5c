//! What is known of the nodes beyond their addresses: where each stands between joining and removed,
//! who votes in the metadata group, and which replicas are on the move.
//!
//! ```text
//!   Add / Replace ──► JOINING ──Report──► ACTIVE ──Remove / Replace──► DRAINING ──FinishRemove──► removed
//! ```
//! A removed id stays known for ever: whoever meets its node again can say so.

use super::{GroupState, Member, Metadata};
use crate::codec::{self, DecodeError, Stored};
use ana_types::{GroupId, NodeId, Zone};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Replicas that may be on the move at the same time in a cluster: each copies a log.
pub const MOVES_AT_ONCE_MAX: usize = 4;

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodePhase {
    /// Admitted, and not heard of yet: nothing is placed on it.
    Joining,
    /// It carries replicas.
    Active,
    /// Its replicas move away, then it is removed.
    Draining {
        /// Even when its zone is left without a node.
        forced: bool,
        /// The node that takes its place; its replicas wait for that one to come up.
        replaced_by: Option<NodeId>,
    },
}

/// One replica of a group on its way from one node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Its number; never used again.
    pub id: u64,
    /// The node that loses its replica; none when the group grows.
    pub from: Option<NodeId>,
    /// The node that gets one; none when the group shrinks.
    pub to: Option<NodeId>,
    /// How far it is.
    pub step: MoveStep,
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MoveStep {
    /// The new replica is created, follows as a learner and catches up. It can be taken back still.
    Join,
    /// The voters change. It can only go on.
    Switch,
    /// It is taken back: the learner leaves the group.
    Back,
}

/// Everything about nodes that is not an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Members {
    /// Nodes that are not simply active.
    pub(super) phases: BTreeMap<NodeId, NodePhase>,
    /// Nodes that were removed.
    pub(super) removed: BTreeSet<NodeId>,
    /// Nodes that came up lately and get replicas of their neighbours in the zone.
    pub(super) filling: BTreeSet<NodeId>,
    /// Which data directory each node reported first.
    pub(super) incarnations: BTreeMap<NodeId, u64>,
    /// Voters of the metadata group, by ascending id.
    pub(super) meta_voters: Vec<NodeId>,
    /// Replicas on the move, one at a time in each group.
    pub(super) moves: BTreeMap<GroupId, Move>,
    /// Number of the next move.
    pub(super) next_move: u64,
    /// Data groups whose voters are no longer those they were founded with.
    pub(super) moved: BTreeSet<GroupId>,
    /// Nodes that hold a replica of a group they are no longer in, until they say that it is deleted.
    pub(super) left: BTreeMap<GroupId, BTreeSet<NodeId>>,
}

impl Members {
    pub(super) fn phase(&self, node: NodeId) -> NodePhase {
        self.phases.get(&node).copied().unwrap_or(NodePhase::Active)
    }

    pub(super) fn is_active(&self, node: NodeId) -> bool {
        !self.phases.contains_key(&node)
    }

    /// Forgets a group that is deleted.
    pub(super) fn forget_group(&mut self, group: GroupId) {
        self.moves.remove(&group);
        self.moved.remove(&group);
        self.left.remove(&group);
    }

    pub(super) fn has_left(&self, group: GroupId, node: NodeId) -> bool {
        self.left.get(&group).is_some_and(|it| it.contains(&node))
    }
}

/// Who votes in the metadata group of a new cluster: the lowest id in each zone, of the (at most
/// three) zones with the lowest ids.
pub fn founding_voters<'a>(nodes: impl Iterator<Item = (NodeId, &'a Zone)>) -> BTreeSet<NodeId> {
    let mut lowest: BTreeMap<&Zone, NodeId> = BTreeMap::new();
    for (id, zone) in nodes {
        let node = lowest.entry(zone).or_insert(id);
        *node = id.min(*node);
    }
    let ids: BTreeSet<NodeId> = lowest.into_values().collect();
    ids.into_iter().take(super::VOTERS_PER_GROUP_MAX).collect()
}

/// A machine of version 2, which ended before all of this: every node was active, and the voters of
/// the metadata group were those that had founded it.
pub(super) fn from_version_2(bytes: &[u8]) -> Result<Metadata, DecodeError> {
    let mut bytes = bytes.to_vec();
    if let Some(version) = bytes.first_mut() {
        *version = Metadata::FORMAT_VERSION;
    }
    let bytes = postcard::to_extend(&Members::default(), bytes)?;
    let mut machine: Metadata = codec::decode(&bytes)?;
    if machine.cluster.is_some() {
        let nodes = machine.nodes.iter().map(|(id, node)| (*id, &node.zone));
        machine.members.meta_voters = founding_voters(nodes).into_iter().collect();
    }
    Ok(machine)
}

impl Metadata {
    /// Where a registered node stands; none when it is not registered.
    #[must_use]
    pub fn phase(&self, node: NodeId) -> Option<NodePhase> {
        let known = self.nodes.contains_key(&node);
        known.then(|| self.members.phase(node))
    }

    /// Whether a node needs to say nothing: it is known just so.
    #[must_use]
    pub fn has_reported(&self, member: &Member, incarnation: u64) -> bool {
        let known = self.nodes.get(&member.id).is_some_and(|it| {
            it.zone == member.zone
                && it.peer_addr == member.peer_addr
                && it.api_addr == member.api_addr
        });
        known
            && self.members.incarnations.get(&member.id) == Some(&incarnation)
            && self.members.phase(member.id) != NodePhase::Joining
    }

    /// Nodes that were removed. They are refused wherever they call, and their ids are not used again.
    #[must_use]
    pub fn removed_nodes(&self) -> &BTreeSet<NodeId> {
        &self.members.removed
    }

    /// Voters of the metadata group, by ascending id; empty until the cluster is initialised.
    #[must_use]
    pub fn meta_voters(&self) -> &[NodeId] {
        &self.members.meta_voters
    }

    /// Replicas on the move, by group.
    #[must_use]
    pub fn moves(&self) -> &BTreeMap<GroupId, Move> {
        &self.members.moves
    }

    /// Whether the voters of a live data group are still those it was founded with. One whose voters
    /// have changed was founded long ago: nobody may found it again.
    #[must_use]
    pub fn has_founding_voters(&self, group: GroupId) -> bool {
        !self.members.moved.contains(&group)
    }

    /// Live groups of which a node still holds a replica that a move has left there.
    pub fn left_on(&self, node: NodeId) -> impl Iterator<Item = GroupId> {
        let left = self.members.left.iter();
        left.filter(move |(_, nodes)| nodes.contains(&node))
            .map(|(group, _)| *group)
    }

    /// Voters of a live group, the metadata group included.
    #[must_use]
    pub fn voters(&self, group: GroupId) -> Option<&[NodeId]> {
        if group == GroupId::METADATA {
            return Some(&self.members.meta_voters);
        }
        self.groups.get(&group).map(|state| state.voters.as_slice())
    }

    /// How many groups a node votes in, or has a replica on its way to it for.
    #[must_use]
    pub fn replicas_of(&self, node: NodeId) -> usize {
        let votes = |(group, voters): (GroupId, &[NodeId])| {
            let comes = self.members.moves.get(&group);
            voters.contains(&node) || comes.is_some_and(|it| it.to == Some(node))
        };
        let data = self.groups.iter();
        data.map(|(id, state)| (*id, state.voters.as_slice()))
            .chain([(GroupId::METADATA, self.members.meta_voters.as_slice())])
            .filter(|it| votes(*it))
            .count()
    }

    pub(super) fn zone_of(&self, node: NodeId) -> Option<&Zone> {
        self.nodes.get(&node).map(|state| &state.zone)
    }
}

impl Move {
    /// The voters of its group when it is through.
    #[must_use]
    pub fn voters_after(&self, voters: &[NodeId]) -> Vec<NodeId> {
        let mut after: Vec<NodeId> = voters
            .iter()
            .copied()
            .filter(|voter| Some(*voter) != self.from)
            .chain(self.to)
            .collect();
        after.sort_unstable();
        after
    }
}

impl GroupState {
    /// The move has ended: its voters are the group's.
    pub(super) fn finish(&mut self, moved: Move) {
        self.voters = moved.voters_after(&self.voters);
        if moved.from == Some(self.preferred_leader) {
            let heir = moved.to.or(self.voters.first().copied());
            self.preferred_leader = heir.unwrap_or(self.preferred_leader);
        }
    }
}
