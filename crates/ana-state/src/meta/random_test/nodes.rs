//! Moves about nodes and replicas, and what must be true of their history.

use super::super::fixture::{World, member};
use super::super::{MetaCommand, Metadata, MoveStep, NodeCommand, NodePhase};
use ana_types::{GroupId, NodeId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What is done about a node.
#[derive(Debug, Clone, Copy)]
pub(super) enum NodeMove {
    Add {
        zone: u8,
    },
    Remove {
        force: bool,
    },
    Replace {
        by: u8,
    },
    Report {
        other: bool,
    },
    Register {
        zone: u8,
    },
    /// Begins moves while a node does not answer.
    Begin,
    /// The step that whoever drives the move of a group would take now.
    Step,
    /// A replica that was left on a node is deleted.
    Deleted,
    FinishRemove,
}

pub(super) fn node_moves() -> impl Strategy<Value = NodeMove> {
    prop_oneof![
        3 => (0..4u8).prop_map(|zone| NodeMove::Add { zone }),
        3 => proptest::bool::weighted(0.2).prop_map(|force| NodeMove::Remove { force }),
        2 => (4..13u8).prop_map(|by| NodeMove::Replace { by }),
        4 => proptest::bool::weighted(0.1).prop_map(|other| NodeMove::Report { other }),
        1 => (0..4u8).prop_map(|zone| NodeMove::Register { zone }),
        4 => Just(NodeMove::Begin),
        8 => Just(NodeMove::Step),
        3 => Just(NodeMove::Deleted),
        3 => Just(NodeMove::FinishRemove),
    ]
}

fn zone(number: u8) -> &'static str {
    ["a", "b", "c", "d"][usize::from(number % 4)]
}

pub(super) fn command(world: &World, number: u8, what: NodeMove) -> Option<MetaCommand> {
    let machine = &world.machine;
    let node = NodeId(u64::from(number));
    let known_zone = |node: NodeId| machine.node(node).map(|it| it.zone.as_str().to_owned());
    Some(MetaCommand::Node(match what {
        NodeMove::Add { zone: in_zone } => NodeCommand::Add(member(node.0, zone(in_zone))),
        NodeMove::Remove { force } => NodeCommand::Remove { node, force },
        NodeMove::Replace { by } => NodeCommand::Replace {
            node,
            by: member(u64::from(by), &known_zone(node)?),
        },
        NodeMove::Report { other } => {
            let joining = |it: &NodeId| machine.phase(*it) == Some(NodePhase::Joining);
            let node = machine
                .nodes()
                .keys()
                .copied()
                .find(joining)
                .unwrap_or(node);
            NodeCommand::Report {
                member: member(node.0, &known_zone(node)?),
                incarnation: u64::from(other),
            }
        }
        NodeMove::Register { zone: in_zone } => {
            return Some(MetaCommand::RegisterNode(member(node.0, zone(in_zone))));
        }
        NodeMove::Begin => NodeCommand::BeginMoves {
            unreachable: BTreeSet::from([node]),
        },
        NodeMove::Step => {
            let count = machine.moves().len().max(1);
            let (&group, it) = machine.moves().iter().nth(usize::from(number) % count)?;
            let id = it.id;
            match it.step {
                MoveStep::Join => NodeCommand::SwitchMove { group, id },
                MoveStep::Switch => NodeCommand::FinishMove { group, id },
                MoveStep::Back => NodeCommand::UndoneMove { group, id },
            }
        }
        NodeMove::Deleted => NodeCommand::ReplicaDeleted {
            group: machine.left_on(node).next()?,
            node,
        },
        NodeMove::FinishRemove => NodeCommand::FinishRemove {
            node: machine.drained().first().copied().unwrap_or(node),
        },
    }))
}

/// What must never come back, and what must not jump.
#[derive(Debug, Default)]
pub(super) struct SeenNodes {
    removed: BTreeSet<NodeId>,
}

impl SeenNodes {
    /// A removed node stays removed; the voters of a group change by one at a time, and only from one
    /// to another that was named before.
    pub(super) fn look(&mut self, before: &Metadata, after: &Metadata) {
        assert!(
            self.removed.is_subset(after.removed_nodes()),
            "a removed node came back"
        );
        self.removed.clone_from(after.removed_nodes());
        let groups = |machine: &Metadata| -> BTreeMap<GroupId, BTreeSet<NodeId>> {
            let data = machine.groups().keys().copied();
            std::iter::once(GroupId::METADATA)
                .chain(data)
                .filter_map(|id| Some((id, machine.voters(id)?.iter().copied().collect())))
                .collect()
        };
        let now = groups(after);
        for (group, voters) in groups(before) {
            let Some(now) = now.get(&group) else { continue };
            if *now == voters || voters.is_empty() {
                continue;
            }
            let moved = before
                .moves()
                .get(&group)
                .expect("voters change by moves alone");
            assert_eq!(moved.step, MoveStep::Switch, "not before it has caught up");
            let gone: Vec<&NodeId> = voters.difference(now).collect();
            let come: Vec<&NodeId> = now.difference(&voters).collect();
            assert_eq!(gone, moved.from.iter().collect::<Vec<_>>());
            assert_eq!(come, moved.to.iter().collect::<Vec<_>>());
        }
        for node in after.nodes().keys() {
            let was = before.phase(*node);
            if was.is_none() && before.cluster().is_some() {
                assert_eq!(
                    after.phase(*node),
                    Some(NodePhase::Joining),
                    "{node} was not asked for"
                );
            }
        }
    }
}

/// What of all that matters is there to see.
pub(super) fn reached_by(machine: &Metadata) -> impl Iterator<Item = &'static str> {
    let of_metadata = machine.moves().contains_key(&GroupId::METADATA);
    let back = machine.moves().values().any(|it| it.step == MoveStep::Back);
    let grows = machine.moves().values().any(|it| it.from.is_none());
    let shrinks = machine.moves().values().any(|it| it.to.is_none());
    let lies = machine
        .nodes()
        .keys()
        .any(|node| machine.left_on(*node).next().is_some());
    let rows = [
        ("nodes removed", !machine.removed_nodes().is_empty()),
        ("the metadata moves", of_metadata),
        ("a move is taken back", back),
        ("a group grows", grows),
        ("a group shrinks", shrinks),
        ("a replica is left over", lies),
    ];
    rows.into_iter()
        .filter(|(_, there)| *there)
        .map(|(what, _)| what)
}
