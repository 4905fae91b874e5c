//! Each invariant of the metadata is broken once by hand, and must be the one that is reported.

use super::fixture::World;
use super::{META_INVARIANTS, Metadata, NodeCommand, NodePhase, PendingKind, StreamState};
use ana_types::{
    CommitmentStatus, ConsumerName, ConsumerStatus, GroupId, HashKey, NodeId, ShardIndex,
    ShardInfo, StreamMode, StreamStatus, Zone,
};
use std::collections::{BTreeMap, BTreeSet};

/// A cluster with a stream in the middle of a merge, an old split, and a deleted group.
fn machine() -> Metadata {
    let mut world = World::new();
    let gone = world.active("gone", 1);
    let delete = super::MetaCommand::DeleteStream {
        name: super::fixture::name("gone"),
        enforce_consumer_deletion: true,
        now_ms: 0,
    };
    world.apply(delete).expect("deleting");
    world
        .apply(super::MetaCommand::FinishDelete { key: gone })
        .expect("deleted");
    let key = world.active("s", 2);
    world.split("s", 0, 1 << 126).expect("split");
    world.finish_reshard(key);
    let register = super::ConsumerCommand::Register {
        stream: super::fixture::name("s"),
        consumer: consumer(),
        tags: BTreeMap::new(),
        now_ms: world.now_ms,
    };
    world
        .apply(super::MetaCommand::Consumer(register))
        .expect("registered");
    world.merge("s", 2, 3).expect("merged");
    let closed = world.closings(key);
    world
        .apply(super::MetaCommand::ParentsClosed { key, closed })
        .expect("closed");
    replace_node_2(&mut world);
    world.machine
}

/// Node 4 takes the place of node 2: the metadata has moved, the groups are moving.
fn replace_node_2(world: &mut World) {
    let by = super::fixture::member(4, "b");
    let unreachable = BTreeSet::new();
    let commands = [
        NodeCommand::Replace {
            node: NodeId(2),
            by: by.clone(),
        },
        NodeCommand::Report {
            member: by,
            incarnation: 7,
        },
        NodeCommand::BeginMoves { unreachable },
        NodeCommand::SwitchMove {
            group: GroupId::METADATA,
            id: 0,
        },
        NodeCommand::FinishMove {
            group: GroupId::METADATA,
            id: 0,
        },
    ];
    for command in commands {
        let command = super::MetaCommand::Node(command);
        world.apply(command).expect("it goes on");
    }
}

fn a_move(machine: &mut Metadata) -> &mut super::Move {
    let mut moves = machine.members.moves.values_mut();
    moves.next().expect("a replica is on the move")
}

fn consumer() -> ConsumerName {
    ConsumerName::new("c").expect("valid")
}

fn the_consumer(machine: &mut Metadata) -> &mut super::ConsumerState {
    stream(machine)
        .consumers
        .get_mut(&consumer())
        .expect("it is registered")
}

/// As many consumers as asked for, all like the one there is but for the status.
fn consumers(machine: &mut Metadata, count: u32, status: ConsumerStatus) {
    let template = the_consumer(machine).clone();
    stream(machine).consumers = (0..count)
        .map(|number| ConsumerName::new(&format!("c{number}")).expect("valid"))
        .map(|name| {
            let consumer = super::ConsumerState {
                name: name.clone(),
                status,
                ..template.clone()
            };
            (name, consumer)
        })
        .collect();
}

fn many_tags() -> BTreeMap<String, String> {
    (0..51)
        .map(|n: u32| (n.to_string(), String::new()))
        .collect()
}

fn stream(machine: &mut Metadata) -> &mut StreamState {
    machine
        .streams
        .values_mut()
        .next()
        .expect("there is a stream")
}

fn shard(machine: &mut Metadata, shard: u32) -> &mut ShardInfo {
    stream(machine)
        .shards
        .get_mut(&ShardIndex(shard))
        .expect("there is such a shard")
}

fn reshard(machine: &mut Metadata) -> &mut super::Reshard {
    match stream(machine)
        .pending
        .as_mut()
        .map(|pending| &mut pending.kind)
    {
        Some(PendingKind::Reshard(reshard)) => reshard,
        other => panic!("a reshard is pending, not {other:?}"),
    }
}

type Break = fn(&mut Metadata);

const TABLE: &[(&str, Break)] = &[
    ("M1", |m| m.names.clear()),
    ("M1", |m| stream(m).key.0 += 1),
    ("M2", |m| stream(m).status = StreamStatus::Active),
    ("M2", |m| stream(m).pending = None),
    ("M2", |m| {
        if let Some(pending) = stream(m).pending.as_mut() {
            pending.kind = PendingKind::Create;
        }
    }),
    ("M3", |m| shard(m, 1).range.end = HashKey(u128::MAX - 1)),
    ("M3", |m| shard(m, 1).range.start.0 -= 1),
    ("M3", |m| {
        let closed = reshard(m).closed.as_mut().expect("the parents are closed");
        closed.children.clear();
    }),
    ("M4", |m| stream(m).next_shard = ShardIndex(3)),
    ("M4", |m| m.next_stream = 1),
    ("M5", |m| stream(m).groups.push(GroupId(9))),
    ("M5", |m| shard(m, 0).group = GroupId(9)),
    ("M5", |m| {
        let of_other = m.groups.values_mut().next().expect("there are groups");
        of_other.stream.0 += 1;
    }),
    ("M6", |m| m.next_group += 1),
    ("M6", |m| m.deleted_groups.insert(GroupId(2))),
    ("M6", |m| m.deleted_groups = super::GroupIds::default()),
    ("M7", |m| {
        m.groups.values_mut().for_each(|group| group.voters.clear());
    }),
    ("M7", |m| {
        m.groups
            .values_mut()
            .for_each(|group| group.preferred_leader = NodeId(9));
    }),
    ("M7", |m| {
        let zone = Zone::new("a").expect("valid");
        m.nodes
            .values_mut()
            .for_each(|node| node.zone = zone.clone());
    }),
    ("M7", |m| {
        m.nodes.remove(&NodeId(2));
    }),
    ("M8", |m| {
        // Forty open shards, all in one group.
        let template = shard(m, 1).clone();
        stream(m).pending = None;
        stream(m).status = StreamStatus::Active;
        let ranges = ana_types::HashRange::split_even(40);
        let shards = (0..40).zip(ranges).map(|(index, range)| {
            let shard = ShardIndex(index);
            (
                shard,
                ShardInfo {
                    shard,
                    range,
                    ..template.clone()
                },
            )
        });
        stream(m).shards = shards.collect();
        stream(m).next_shard = ShardIndex(40);
        stream(m).groups = vec![template.group];
    }),
    ("M9", |m| shard(m, 2).created_s = 0),
    ("M9", |m| shard(m, 2).created_ms -= 1),
    ("M9", |m| shard(m, 2).parent = Some(ShardIndex(2))),
    ("M10", |m| {
        let closed = shard(m, 0).closed.as_mut().expect("it was split");
        closed.ending.position.0 -= 1;
    }),
    ("M11", |m| stream(m).retention_hours = 23),
    ("M11", |m| stream(m).max_record_kib = 1),
    ("M11", |m| stream(m).tags = many_tags()),
    ("M12", |m| reshard(m).parents.swap(0, 1)),
    ("M12", |m| reshard(m).children[0].range.end.0 -= 1),
    ("M12", |m| reshard(m).children[0].shard = ShardIndex(1)),
    ("M13", |m| {
        the_consumer(m).name = ConsumerName::new("d").expect("valid");
    }),
    ("M13", |m| the_consumer(m).since_ms -= 1),
    ("M13", |m| {
        stream(m).status = StreamStatus::Deleting;
        if let Some(pending) = stream(m).pending.as_mut() {
            pending.kind = PendingKind::Delete;
        }
    }),
    ("M14", |m| consumers(m, 51, ConsumerStatus::Active)),
    ("M14", |m| consumers(m, 6, ConsumerStatus::Creating)),
    ("M14", |m| the_consumer(m).tags = many_tags()),
    ("M14", |m| the_consumer(m).policy = Some("x".repeat(20_481))),
    ("M15", |m| {
        stream(m).settings.policy = Some("x".repeat(20_481));
    }),
    ("M15", |m| {
        stream(m).settings.encryption_key = Some(String::new());
    }),
    ("M15", |m| {
        stream(m).settings.encryption_starts_ms = vec![0; 26];
    }),
    ("M15", |m| {
        stream(m).settings.encryption_stops_ms = vec![0; 26];
    }),
    ("M16", |m| m.commitment.status = CommitmentStatus::Enabled),
    ("M16", |m| m.commitment.earliest_end_ms = Some(0)),
    ("M16", |m| m.commitment.ended_ms = Some(0)),
    ("M17", |m| {
        // The stream is provisioned, and its merge is asked for.
        let step = reshard(m).clone();
        stream(m).scaling.step = Some(step);
    }),
    ("M17", |m| {
        let step = reshard(m).clone();
        stream(m).scaling.step = Some(step);
        stream(m).pending = None;
        stream(m).status = StreamStatus::Active;
    }),
    ("M18", |m| stream(m).scaling.mode_changes_ms = vec![0; 3]),
    ("M18", |m| stream(m).scaling.count_changes_ms = vec![0; 11]),
    ("M18", |m| stream(m).scaling.warm_target_mibps = Some(1)),
    ("M18", |m| {
        stream(m).mode = StreamMode::OnDemand;
        stream(m).scaling.warm_current_mibps = Some(10_241);
    }),
    ("M18", |m| {
        let step = Some(reshard(m).clone());
        if let Some(pending) = stream(m).pending.as_mut() {
            pending.kind = PendingKind::Resize(super::Resize { target: 0, step });
        }
    }),
    ("M19", |m| a_move(m).from = Some(NodeId(4))),
    ("M19", |m| a_move(m).to = Some(NodeId(1))),
    ("M19", |m| a_move(m).to = Some(NodeId(9))),
    ("M19", |m| a_move(m).to = None),
    ("M19", |m| a_move(m).from = None),
    ("M19", |m| a_move(m).id = 99),
    ("M19", |m| {
        let it = *a_move(m);
        m.members.moves.insert(GroupId(99), it);
    }),
    ("M19", |m| {
        let group = *m.members.moves.keys().next().expect("a move");
        m.members.left.insert(group, BTreeSet::from([NodeId(4)]));
    }),
    ("M20", |m| {
        m.members.removed.insert(NodeId(1));
    }),
    ("M20", |m| {
        m.members.filling.insert(NodeId(9));
    }),
    ("M20", |m| {
        m.members.phases.insert(NodeId(1), NodePhase::Active);
    }),
    ("M20", |m| {
        m.members.phases.insert(NodeId(1), NodePhase::Joining);
    }),
    ("M20", |m| {
        let phase = NodePhase::Draining {
            forced: false,
            replaced_by: Some(NodeId(3)),
        };
        m.members.phases.insert(NodeId(2), phase);
    }),
    ("M21", |m| m.members.meta_voters.clear()),
    ("M21", |m| {
        m.members.meta_voters = vec![NodeId(1), NodeId(9)];
    }),
    ("M21", |m| {
        m.members.meta_voters = vec![NodeId(2), NodeId(4)];
    }),
    ("M22", |m| {
        let group = *m.groups.keys().next().expect("a group");
        m.members.left.insert(group, BTreeSet::from([NodeId(1)]));
    }),
    ("M22", |m| {
        let group = *m.groups.keys().next().expect("a group");
        m.members.left.insert(group, BTreeSet::new());
    }),
    ("M22", |m| {
        m.members.moved.insert(GroupId(99));
    }),
];

#[test]
fn each_invariant_is_reported_when_it_is_broken() {
    machine().check().expect("the machine is sound before");
    for (number, (expect, break_it)) in TABLE.iter().enumerate() {
        let mut broken = machine();
        break_it(&mut broken);
        let violation = broken.check().expect_err("the machine is broken");
        assert_eq!(violation.id(), *expect, "row {number}: {violation}");
    }
}

#[test]
fn each_invariant_has_a_row_and_an_id_of_its_own() {
    let ids: BTreeSet<&str> = META_INVARIANTS
        .iter()
        .map(|invariant| invariant.id)
        .collect();
    let rows: BTreeSet<&str> = TABLE.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), META_INVARIANTS.len());
    assert_eq!(ids, rows);
}
