//! What is always true of nodes, and of replicas on the move.

use super::super::members::{MOVES_AT_ONCE_MAX, Move, MoveStep, NodePhase};
use super::super::{Metadata, VOTERS_PER_GROUP_MAX};
use super::{M19, M20, M21, M22};
use crate::violation::{Subject, Violation, ensure};
use ana_types::{GroupId, NodeId, Zone};
use std::collections::BTreeSet;

pub(super) fn check(machine: &Metadata) -> Result<(), Violation> {
    check_nodes(machine)?;
    check_meta_voters(machine)?;
    let moves = &machine.members.moves;
    ensure(moves.len() <= MOVES_AT_ONCE_MAX, &M19, Subject::Machine)?;
    for (group, it) in moves {
        let subject = Subject::Group(*group);
        ensure(is_sound(machine, *group, *it), &M19, subject)?;
    }
    check_left(machine)
}

fn check_nodes(machine: &Metadata) -> Result<(), Violation> {
    let members = &machine.members;
    for node in &members.removed {
        let gone = !machine.nodes.contains_key(node);
        ensure(gone, &M20, Subject::Node(*node))?;
    }
    let of_phases = members.phases.keys();
    let described = of_phases
        .chain(&members.filling)
        .chain(members.incarnations.keys());
    for node in described {
        let known = machine.nodes.contains_key(node);
        ensure(known, &M20, Subject::Node(*node))?;
    }
    for (node, phase) in &members.phases {
        let subject = Subject::Node(*node);
        ensure(*phase != NodePhase::Active, &M20, subject)?;
        if let NodePhase::Draining {
            replaced_by: Some(heir),
            ..
        } = phase
        {
            let same_zone = machine.zone_of(*heir) == machine.zone_of(*node);
            ensure(same_zone && heir != node, &M20, subject)?;
        }
        if *phase == NodePhase::Joining {
            // Nothing is placed on a node that nobody has heard of.
            ensure(machine.replicas_of(*node) == 0, &M20, subject)?;
        }
    }
    Ok(())
}

fn check_meta_voters(machine: &Metadata) -> Result<(), Violation> {
    let voters = &machine.members.meta_voters;
    let subject = Subject::Group(GroupId::METADATA);
    let founded = machine.cluster.is_some() && !machine.nodes.is_empty();
    ensure(voters.is_empty() != founded, &M21, subject)?;
    ensure(are_apart(machine, voters), &M21, subject)
}

/// Known nodes, ascending, in different zones, not too many.
fn are_apart(machine: &Metadata, voters: &[NodeId]) -> bool {
    let zones: BTreeSet<&Zone> = voters
        .iter()
        .filter_map(|it| machine.zone_of(*it))
        .collect();
    zones.len() == voters.len()
        && voters.len() <= VOTERS_PER_GROUP_MAX
        && voters.is_sorted_by(|a, b| a < b)
}

fn is_sound(machine: &Metadata, group: GroupId, it: Move) -> bool {
    let Some(voters) = machine.voters(group) else {
        return false;
    };
    let after = it.voters_after(voters);
    let goes = it.from.is_none_or(|from| voters.contains(&from));
    let comes = it
        .to
        .is_none_or(|to| !voters.contains(&to) && !machine.members.has_left(group, to));
    let waits = it.to.is_some() || it.step == MoveStep::Switch;
    let numbered = it.id < machine.members.next_move;
    let is_move = it.from.is_some() || it.to.is_some();
    goes && comes && waits && numbered && is_move && !after.is_empty() && are_apart(machine, &after)
}

fn check_left(machine: &Metadata) -> Result<(), Violation> {
    let members = &machine.members;
    for (group, nodes) in &members.left {
        let subject = Subject::Group(*group);
        let state = machine.groups.get(group);
        let elsewhere = state.is_some_and(|state| {
            let known = |it: &NodeId| machine.nodes.contains_key(it);
            nodes
                .iter()
                .all(|it| known(it) && !state.voters.contains(it))
        });
        ensure(elsewhere && !nodes.is_empty(), &M22, subject)?;
    }
    for group in &members.moved {
        let live = machine.groups.contains_key(group);
        ensure(live, &M22, Subject::Group(*group))?;
    }
    Ok(())
}
