//! Tables of nodes that come, go and are replaced, and of the moves that follow.

use super::fixture::{World, create, member};
use super::{
    MOVES_AT_ONCE_MAX, Member, MetaCommand, MetaOutcome, MetaRefusal, MetaReply, Metadata, Move,
    MoveStep, NodeCommand, NodePhase,
};
use crate::DecodeError;
use ana_types::{GroupId, NodeId, Zone};
use std::collections::BTreeSet;

fn node(world: &mut World, command: NodeCommand) -> MetaOutcome {
    world.apply(MetaCommand::Node(command))
}

fn done(world: &mut World, command: NodeCommand) {
    let what = format!("{command:?}");
    assert_eq!(node(world, command), Ok(MetaReply::Done), "{what}");
}

fn refused(world: &mut World, command: NodeCommand, expect: MetaRefusal) {
    let what = format!("{command:?}");
    let refusal = Ok(MetaReply::Refused(expect));
    assert_eq!(node(world, command), refusal, "{what}");
}

fn report(member: Member) -> NodeCommand {
    let incarnation = 100 + member.id.0;
    NodeCommand::Report {
        member,
        incarnation,
    }
}

fn remove(id: u64, force: bool) -> NodeCommand {
    let node = NodeId(id);
    NodeCommand::Remove { node, force }
}

fn replace(id: u64, by: Member) -> NodeCommand {
    let node = NodeId(id);
    NodeCommand::Replace { node, by }
}

fn begin(world: &mut World) {
    let unreachable = BTreeSet::new();
    done(world, NodeCommand::BeginMoves { unreachable });
}

/// Adds a node that comes up.
fn join(world: &mut World, member: Member) {
    done(world, NodeCommand::Add(member.clone()));
    done(world, report(member));
}

/// The step that whoever drives a move would take now.
fn step(world: &mut World, group: GroupId) {
    let moved = *world
        .machine
        .moves()
        .get(&group)
        .expect("it is on the move");
    let id = moved.id;
    let (from, to) = (moved.from, moved.to);
    let leaves = match moved.step {
        MoveStep::Join => return done(world, NodeCommand::SwitchMove { group, id }),
        MoveStep::Switch => {
            done(world, NodeCommand::FinishMove { group, id });
            from
        }
        MoveStep::Back => {
            done(world, NodeCommand::UndoneMove { group, id });
            to
        }
    };
    if let Some(node) = leaves
        && group != GroupId::METADATA
    {
        assert!(world.machine.holds_left_replica(group, node));
        done(world, NodeCommand::ReplicaDeleted { group, node });
    }
}

/// Carries out every move until none is wanted.
fn settle(world: &mut World) -> usize {
    let mut steps = 0;
    loop {
        let wanted = world.machine.wants_moves(&BTreeSet::new());
        begin(world);
        let groups: Vec<GroupId> = world.machine.moves().keys().copied().collect();
        assert!(groups.len() <= MOVES_AT_ONCE_MAX);
        if groups.is_empty() && !wanted {
            return steps;
        }
        for group in groups {
            step(world, group);
            steps += 1;
        }
        assert!(steps < 10_000, "it never settles");
    }
}

fn voters(machine: &Metadata) -> Vec<Vec<u64>> {
    let ids = |voters: &[NodeId]| voters.iter().map(|it| it.0).collect();
    std::iter::once(machine.meta_voters())
        .chain(machine.groups().values().map(|it| it.voters.as_slice()))
        .map(ids)
        .collect()
}

#[test]
fn a_node_joins_when_it_is_added_and_has_reported() {
    let mut world = World::new();
    let new = member(4, "b");
    refused(
        &mut world,
        report(new.clone()),
        MetaRefusal::NotAdmitted { node: NodeId(4) },
    );
    done(&mut world, NodeCommand::Add(new.clone()));
    assert_eq!(world.machine.phase(NodeId(4)), Some(NodePhase::Joining));
    world.active("early", 3);
    assert_eq!(
        world.machine.replicas_of(NodeId(4)),
        0,
        "nothing is placed on it"
    );
    done(&mut world, NodeCommand::Add(new.clone()));
    done(&mut world, report(new.clone()));
    assert_eq!(world.machine.phase(NodeId(4)), Some(NodePhase::Active));
    let version = world.machine.version();
    done(&mut world, report(new.clone()));
    done(&mut world, NodeCommand::Add(new.clone()));
    assert_eq!(world.machine.version(), version, "nothing new");
    let other = Member {
        zone: Zone::new("c").expect("valid"),
        ..new.clone()
    };
    refused(
        &mut world,
        NodeCommand::Add(other),
        MetaRefusal::IdTaken { node: NodeId(4) },
    );
    let other = Member {
        id: NodeId(5),
        ..new.clone()
    };
    refused(
        &mut world,
        NodeCommand::Add(other),
        MetaRefusal::AddressTaken { node: NodeId(4) },
    );
    let again = NodeCommand::Report {
        member: new,
        incarnation: 7,
    };
    refused(
        &mut world,
        again,
        MetaRefusal::OtherIncarnation { node: NodeId(4) },
    );
}

#[test]
fn nothing_is_added_before_the_cluster_is_founded() {
    let mut machine = Metadata::new();
    let outcome = machine.apply(1, MetaCommand::Node(NodeCommand::Add(member(1, "a"))));
    assert_eq!(outcome, Ok(MetaReply::Refused(MetaRefusal::NoCluster)));
}

#[test]
fn an_added_node_gets_its_share_and_then_no_more() {
    let mut world = World::new();
    for n in 0..4 {
        world.active(&format!("s{n}"), 3);
    }
    assert_eq!(world.machine.replicas_of(NodeId(2)), 13);
    join(&mut world, member(4, "b"));
    settle(&mut world);
    assert_eq!(world.machine.replicas_of(NodeId(2)), 7);
    assert_eq!(world.machine.replicas_of(NodeId(4)), 6);
    for voters in voters(&world.machine) {
        assert!(voters.contains(&1) && voters.contains(&3), "{voters:?}");
    }
    assert!(!world.machine.wants_moves(&BTreeSet::new()));
    // What becomes uneven later is not evened out of its own accord.
    world.delete("s0");
    assert!(!world.machine.wants_moves(&BTreeSet::new()));
}

#[test]
fn a_replaced_node_hands_everything_to_the_new_one_and_is_removed() {
    let mut world = World::new();
    world.active("s", 3);
    assert_eq!(voters(&world.machine), vec![vec![1, 2, 3]; 4]);
    done(&mut world, replace(2, member(4, "b")));
    done(&mut world, replace(2, member(4, "b")));
    begin(&mut world);
    assert!(
        world.machine.moves().is_empty(),
        "the new node has not come up yet"
    );
    done(&mut world, report(member(4, "b")));
    assert_eq!(settle(&mut world), 8);
    assert_eq!(voters(&world.machine), vec![vec![1, 3, 4]; 4]);
    assert_eq!(world.machine.drained(), [NodeId(2)]);
    done(&mut world, NodeCommand::FinishRemove { node: NodeId(2) });
    assert_eq!(world.machine.phase(NodeId(2)), None);
    assert_eq!(world.machine.removed_nodes(), &BTreeSet::from([NodeId(2)]));
    // All that may come late.
    for command in [
        replace(2, member(4, "b")),
        remove(2, false),
        NodeCommand::FinishRemove { node: NodeId(2) },
    ] {
        let version = world.machine.version();
        done(&mut world, command);
        assert_eq!(world.machine.version(), version, "nothing new");
    }
    let gone = MetaRefusal::NodeRemoved { node: NodeId(2) };
    refused(&mut world, NodeCommand::Add(member(2, "b")), gone.clone());
    refused(&mut world, report(member(2, "b")), gone.clone());
    assert_eq!(
        world.apply(MetaCommand::RegisterNode(member(2, "b"))),
        Ok(MetaReply::Refused(gone)),
    );
    for group in world.machine.groups().values() {
        assert!(group.voters.contains(&group.preferred_leader));
    }
}

#[test]
fn a_node_is_replaced_only_by_a_new_one_in_its_zone() {
    let mut world = World::new();
    let zone = |text: &str| Zone::new(text).expect("valid");
    let table = [
        (
            9,
            member(4, "b"),
            MetaRefusal::UnknownNode { node: NodeId(9) },
        ),
        (
            2,
            member(4, "a"),
            MetaRefusal::ZoneChanged {
                node: NodeId(4),
                registered: zone("b"),
                given: zone("a"),
            },
        ),
        (2, member(2, "b"), MetaRefusal::IdTaken { node: NodeId(2) }),
        (
            2,
            Member {
                id: NodeId(4),
                ..member(1, "b")
            },
            MetaRefusal::AddressTaken { node: NodeId(1) },
        ),
    ];
    for (id, by, expect) in table {
        refused(&mut world, replace(id, by), expect);
    }
}

#[test]
fn a_zone_is_left_without_a_node_only_by_force() {
    let mut world = World::new();
    world.active("s", 2);
    let empty = MetaRefusal::ZoneLeftEmpty {
        node: NodeId(3),
        zone: Zone::new("c").expect("valid"),
    };
    refused(&mut world, remove(3, false), empty);
    refused(
        &mut world,
        remove(9, false),
        MetaRefusal::UnknownNode { node: NodeId(9) },
    );
    done(&mut world, remove(3, true));
    settle(&mut world);
    assert_eq!(voters(&world.machine), vec![vec![1, 2]; 3]);
    done(&mut world, NodeCommand::FinishRemove { node: NodeId(3) });
    done(&mut world, remove(2, true));
    settle(&mut world);
    done(&mut world, NodeCommand::FinishRemove { node: NodeId(2) });
    assert_eq!(voters(&world.machine), vec![vec![1]; 3]);
    refused(
        &mut world,
        remove(1, true),
        MetaRefusal::LastNode { node: NodeId(1) },
    );
    // Two zones are worse than one, so the groups wait for the third.
    join(&mut world, member(4, "b"));
    settle(&mut world);
    assert_eq!(voters(&world.machine), vec![vec![1]; 3]);
    join(&mut world, member(5, "c"));
    settle(&mut world);
    assert_eq!(voters(&world.machine), vec![vec![1, 4, 5]; 3]);
}

#[test]
fn replicas_leave_their_zone_only_for_one_without_a_voter() {
    let mut world = World::of(vec![
        member(1, "a"),
        member(2, "b"),
        member(3, "c"),
        member(4, "d"),
    ]);
    world.active("s", 1);
    assert_eq!(voters(&world.machine), [[1, 2, 3], [1, 2, 3]]);
    done(&mut world, remove(3, true));
    settle(&mut world);
    assert_eq!(voters(&world.machine), [[1, 2, 4], [1, 2, 4]]);
}

#[test]
fn a_target_that_is_to_go_is_taken_back() {
    let mut world = World::new();
    world.active("s", 1);
    let group = GroupId(1);
    join(&mut world, member(4, "b"));
    done(&mut world, remove(2, false));
    begin(&mut world);
    let first = *world.machine.moves().get(&group).expect("on the move");
    assert_eq!(
        (first.from, first.to, first.step),
        (Some(NodeId(2)), Some(NodeId(4)), MoveStep::Join)
    );
    step(&mut world, GroupId::METADATA);
    // The new one breaks down before it has caught up: another one takes its place.
    done(&mut world, replace(4, member(5, "b")));
    done(&mut world, report(member(5, "b")));
    done(
        &mut world,
        NodeCommand::SwitchMove {
            group,
            id: first.id,
        },
    );
    let back = *world.machine.moves().get(&group).expect("on the move");
    assert_eq!(
        back,
        Move {
            step: MoveStep::Back,
            ..first
        },
        "too late to switch"
    );
    done(
        &mut world,
        NodeCommand::FinishMove {
            group,
            id: first.id,
        },
    );
    assert_eq!(
        world.machine.moves().get(&group),
        Some(&back),
        "nor to finish"
    );
    settle(&mut world);
    assert_eq!(voters(&world.machine), [[1, 3, 5], [1, 3, 5]]);
    assert_eq!(world.machine.drained(), [NodeId(2), NodeId(4)]);
}

#[test]
fn no_replica_moves_to_where_an_old_one_lies_or_nobody_answers() {
    let mut world = World::new();
    world.active("s", 1);
    let group = GroupId(1);
    join(&mut world, member(4, "b"));
    done(&mut world, replace(2, member(5, "b")));
    done(&mut world, report(member(5, "b")));
    let unreachable = BTreeSet::from([NodeId(4)]);
    done(
        &mut world,
        NodeCommand::BeginMoves {
            unreachable: unreachable.clone(),
        },
    );
    assert_eq!(
        world.machine.moves().get(&group).expect("moves").to,
        Some(NodeId(5))
    );
    done(&mut world, replace(5, member(6, "b")));
    let id = world.machine.moves().get(&group).expect("moves").id;
    done(&mut world, NodeCommand::UndoneMove { group, id });
    assert!(world.machine.holds_left_replica(group, NodeId(5)));
    assert_eq!(
        world.machine.left_on(NodeId(5)).collect::<Vec<_>>(),
        [group]
    );
    assert!(!world.machine.moves().contains_key(&group));
    done(&mut world, NodeCommand::BeginMoves { unreachable });
    assert!(
        !world.machine.moves().contains_key(&group),
        "only 4 is left, and it does not answer"
    );
    done(
        &mut world,
        NodeCommand::ReplicaDeleted {
            group,
            node: NodeId(5),
        },
    );
    assert!(!world.machine.holds_left_replica(group, NodeId(5)));
}

#[test]
fn a_deleted_group_moves_no_more() {
    let mut world = World::new();
    world.active("s", 1);
    join(&mut world, member(4, "b"));
    done(&mut world, remove(2, false));
    begin(&mut world);
    let id = world.machine.moves().get(&GroupId(1)).expect("moves").id;
    world.delete("s");
    let version = world.machine.version();
    done(
        &mut world,
        NodeCommand::SwitchMove {
            group: GroupId(1),
            id,
        },
    );
    assert_eq!(world.machine.version(), version, "there is no such move");
}

#[test]
fn few_replicas_move_at_once() {
    let mut world = World::new();
    for n in 0..4 {
        world.active(&format!("s{n}"), 3);
    }
    done(&mut world, replace(3, member(4, "c")));
    done(&mut world, report(member(4, "c")));
    begin(&mut world);
    assert_eq!(world.machine.moves().len(), MOVES_AT_ONCE_MAX);
    assert!(
        world.machine.moves().contains_key(&GroupId::METADATA),
        "that one first"
    );
    // New groups do not go to the node that is drained.
    world
        .apply(create("new", 3, world.now_ms))
        .expect("created");
    let newest = world
        .machine
        .groups()
        .values()
        .next_back()
        .expect("there are groups");
    assert_eq!(newest.voters, [NodeId(1), NodeId(2), NodeId(4)]);
    settle(&mut world);
    assert!(voters(&world.machine).iter().all(|it| *it == [1, 2, 4]));
}

#[test]
fn a_machine_of_version_2_is_read() {
    let mut world = World::new();
    world.active("s", 2);
    let now = world.machine.encode();
    // Nothing of what came with version 3 is in use, so what it added is one byte for each of its parts,
    // and three more for the voters of the metadata group.
    let added = 9 + 3;
    let mut then = now
        .get(..now.len() - added)
        .expect("longer than that")
        .to_vec();
    then[0] = 2;
    assert_eq!(Metadata::decode(&then), Ok(world.machine));
    then[0] = 1;
    let refused = Metadata::decode(&then).expect_err("too old");
    assert_eq!(refused, DecodeError::Version { found: 1, read: 3 });
}
