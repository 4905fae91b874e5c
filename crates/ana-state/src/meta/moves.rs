//! Moves of replicas: which are needed, and their recorded steps.
//!
//! ```text
//!   begin ──► Join ──SwitchMove──► Switch ──FinishMove──► the group has its new voters
//!              └─ the target is to go ──► Back ──UndoneMove──► as before
//! ```
//! The machine itself chooses which replica moves where, so that every rule about zones stands here:
//!
//! - from a draining node to the least loaded active node of its zone; where the zone has no other node,
//!   to a zone in which the group has no voter; where there is none either, and the removal is
//!   forced, to nowhere: the group shrinks;
//! - to a zone that has no voter of a group with less than three: the group grows;
//! - to a node that came up lately, from the most loaded neighbour in its zone, until they are even.
//!
//! What must stay true: a group has at most one replica on the move; a node that holds what an
//! earlier move has left there is no target for that group.

use super::apply::{DONE, Effect, Handled};
use super::members::{MOVES_AT_ONCE_MAX, Move, MoveStep, NodePhase};
use super::placement::NodeLoads;
use super::{Metadata, VOTERS_PER_GROUP_MAX};
use ana_types::{GroupId, NodeId, Zone};
use std::collections::BTreeSet;

/// The next thing to do about placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Move a replica.
    Begin {
        group: GroupId,
        from: Option<NodeId>,
        to: Option<NodeId>,
    },
    /// A node that came up lately has its share.
    Filled(NodeId),
}

/// Zones that have an active node must be this many before groups grow: two voters stand still as
/// soon as either is away, which is worse than one.
const ZONES_TO_GROW: usize = 3;

pub(super) fn begin(machine: &mut Metadata, unreachable: &BTreeSet<NodeId>) -> Handled {
    let mut changed = false;
    while let Some(next) = next(machine, unreachable) {
        changed = true;
        match next {
            Next::Filled(node) => {
                machine.members.filling.remove(&node);
            }
            Next::Begin { group, from, to } => {
                let id = machine.members.next_move;
                machine.members.next_move += 1;
                // Without a new replica there is nothing to wait for.
                let step = to.map_or(MoveStep::Switch, |_| MoveStep::Join);
                let begun = Move { id, from, to, step };
                machine.members.moves.insert(group, begun);
            }
        }
    }
    if changed { DONE } else { Ok(Effect::Unchanged) }
}

fn next(machine: &Metadata, unreachable: &BTreeSet<NodeId>) -> Option<Next> {
    if machine.members.moves.len() >= MOVES_AT_ONCE_MAX {
        return None;
    }
    let loads = NodeLoads::of(machine);
    let look = Look {
        machine,
        unreachable,
        loads,
    };
    look.drain().or_else(|| look.grow()).or_else(|| look.fill())
}

#[derive(Debug)]
struct Look<'a> {
    machine: &'a Metadata,
    unreachable: &'a BTreeSet<NodeId>,
    loads: NodeLoads,
}

impl Look<'_> {
    /// Groups without a replica on the move, the metadata group first, with their voters.
    fn groups(&self) -> impl Iterator<Item = (GroupId, &[NodeId])> {
        let metadata = (
            GroupId::METADATA,
            self.machine.members.meta_voters.as_slice(),
        );
        let data = self.machine.groups.iter();
        std::iter::once(metadata)
            .chain(data.map(|(id, state)| (*id, state.voters.as_slice())))
            .filter(|(id, _)| !self.machine.members.moves.contains_key(id))
    }

    /// The least loaded node that may get a replica of the group, in a zone that `zone` accepts.
    fn target(
        &self,
        group: GroupId,
        voters: &[NodeId],
        zone: impl Fn(&Zone) -> bool,
    ) -> Option<NodeId> {
        let members = &self.machine.members;
        let fit = |node: &NodeId| {
            members.is_active(*node)
                && !voters.contains(node)
                && !self.unreachable.contains(node)
                && !members.has_left(group, *node)
        };
        let nodes = self.machine.nodes.iter();
        nodes
            .filter(|(id, state)| zone(&state.zone) && fit(id))
            .map(|(id, _)| *id)
            .min_by_key(|id| (self.loads.of_node(*id), *id))
    }

    fn zones(&self, voters: &[NodeId]) -> BTreeSet<&Zone> {
        let zones = voters.iter().filter_map(|it| self.machine.zone_of(*it));
        zones.collect()
    }

    fn drain(&self) -> Option<Next> {
        let members = &self.machine.members;
        self.groups().find_map(|(group, voters)| {
            voters.iter().find_map(|&from| {
                let NodePhase::Draining {
                    forced,
                    replaced_by,
                } = members.phase(from)
                else {
                    return None;
                };
                let waits = |heir: NodeId| members.phase(heir) == NodePhase::Joining;
                if replaced_by.is_some_and(waits) {
                    return None;
                }
                let to = self.refuge(group, voters, from);
                let shrinks = forced && voters.len() > 1 && self.has_no_refuge(voters, from);
                (to.is_some() || shrinks).then_some(Next::Begin {
                    group,
                    from: Some(from),
                    to,
                })
            })
        })
    }

    /// Where a replica that has to go goes: within its zone, else where the group has no voter.
    fn refuge(&self, group: GroupId, voters: &[NodeId], from: NodeId) -> Option<NodeId> {
        let own = self.machine.zone_of(from)?;
        if super::nodes::has_others(self.machine, own, from) {
            return self.target(group, voters, |zone| zone == own);
        }
        let taken = self.zones(voters);
        self.target(group, voters, |zone| !taken.contains(zone))
    }

    /// Whether no node is left that could ever take the replica, up or not.
    fn has_no_refuge(&self, voters: &[NodeId], from: NodeId) -> bool {
        let others: Vec<NodeId> = voters.iter().copied().filter(|it| *it != from).collect();
        let taken = self.zones(&others);
        !self.machine.nodes.iter().any(|(id, state)| {
            let stays = !matches!(self.machine.members.phase(*id), NodePhase::Draining { .. });
            stays && !taken.contains(&state.zone)
        })
    }

    fn grow(&self) -> Option<Next> {
        let nodes = self.machine.nodes.iter();
        let zones: BTreeSet<&Zone> = nodes
            .filter(|(id, _)| self.machine.members.is_active(**id))
            .map(|(_, state)| &state.zone)
            .collect();
        if zones.len() < ZONES_TO_GROW {
            return None;
        }
        let small = |(_, voters): &(GroupId, &[NodeId])| {
            !voters.is_empty() && voters.len() < VOTERS_PER_GROUP_MAX
        };
        self.groups().filter(small).find_map(|(group, voters)| {
            let taken = self.zones(voters);
            let to = self.target(group, voters, |zone| !taken.contains(zone))?;
            Some(Next::Begin {
                group,
                from: None,
                to: Some(to),
            })
        })
    }

    fn fill(&self) -> Option<Next> {
        let members = &self.machine.members;
        let mut filling = members.filling.iter().copied();
        let node = filling.find(|it| !self.unreachable.contains(it))?;
        if members.moves.values().any(|it| it.to == Some(node)) {
            // One after the other: the last one may make it even.
            return None;
        }
        let zone = self.machine.zone_of(node)?;
        let neighbours =
            self.machine.nodes.iter().filter(|(id, state)| {
                **id != node && state.zone == *zone && members.is_active(**id)
            });
        let own = self.loads.of_node(node);
        let fullest = neighbours
            .map(|(id, _)| *id)
            .max_by_key(|id| (self.loads.of_node(*id), std::cmp::Reverse(*id)))
            .filter(|id| self.loads.of_node(*id) > own + 1);
        let begin = fullest.and_then(|from| {
            let mut groups = self.groups().filter(|(group, voters)| {
                *group != GroupId::METADATA
                    && voters.contains(&from)
                    && !members.has_left(*group, node)
            });
            let (group, _) = groups.next()?;
            Some(Next::Begin {
                group,
                from: Some(from),
                to: Some(node),
            })
        });
        Some(begin.unwrap_or(Next::Filled(node)))
    }
}

/// The move of a group, when it is the one that is meant.
fn moved(machine: &mut Metadata, group: GroupId, id: u64, step: MoveStep) -> Option<&mut Move> {
    let it = machine.members.moves.get_mut(&group)?;
    (it.id == id && it.step == step).then_some(it)
}

pub(super) fn switch(machine: &mut Metadata, group: GroupId, id: u64) -> Handled {
    let Some(it) = moved(machine, group, id, MoveStep::Join) else {
        return Ok(Effect::Unchanged);
    };
    it.step = MoveStep::Switch;
    DONE
}

pub(super) fn finish(machine: &mut Metadata, group: GroupId, id: u64) -> Handled {
    let Some(&mut it) = moved(machine, group, id, MoveStep::Switch) else {
        return Ok(Effect::Unchanged);
    };
    machine.members.moves.remove(&group);
    if group == GroupId::METADATA {
        // Every node follows the metadata: nobody's replica of it is left over.
        let voters = it.voters_after(&machine.members.meta_voters);
        machine.members.meta_voters = voters;
        return DONE;
    }
    if let Some(state) = machine.groups.get_mut(&group) {
        state.finish(it);
    }
    machine.members.moved.insert(group);
    leave(machine, group, it.from);
    DONE
}

pub(super) fn undone(machine: &mut Metadata, group: GroupId, id: u64) -> Handled {
    let Some(&mut it) = moved(machine, group, id, MoveStep::Back) else {
        return Ok(Effect::Unchanged);
    };
    machine.members.moves.remove(&group);
    if group != GroupId::METADATA {
        leave(machine, group, it.to);
    }
    DONE
}

fn leave(machine: &mut Metadata, group: GroupId, node: Option<NodeId>) {
    if let Some(node) = node {
        machine.members.left.entry(group).or_default().insert(node);
    }
}

pub(super) fn replica_deleted(machine: &mut Metadata, group: GroupId, node: NodeId) -> Handled {
    let Some(nodes) = machine.members.left.get_mut(&group) else {
        return Ok(Effect::Unchanged);
    };
    if !nodes.remove(&node) {
        return Ok(Effect::Unchanged);
    }
    if nodes.is_empty() {
        machine.members.left.remove(&group);
    }
    DONE
}

impl Metadata {
    /// Whether [`super::NodeCommand::BeginMoves`] would do something while these nodes do not answer.
    #[must_use]
    pub fn wants_moves(&self, unreachable: &BTreeSet<NodeId>) -> bool {
        next(self, unreachable).is_some()
    }
}
