//! Tables of nodes and of where groups and shards are placed.

use super::fixture::{World, create, init, member};
use super::{MetaCommand, MetaRefusal, MetaReply, Metadata};
use ana_types::{KinesisError, NodeId};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn nothing_is_placed_before_the_cluster_is_initialised() {
    let mut machine = Metadata::new();
    let unknown = machine.apply(1, MetaCommand::RegisterNode(member(1, "a")));
    let refusal = MetaRefusal::NotAdmitted { node: NodeId(1) };
    assert_eq!(unknown, Ok(MetaReply::Refused(refusal)));
    let outcome = machine.apply(2, create("s", 1, 0));
    assert!(
        matches!(outcome, Err(KinesisError::Unavailable { .. })),
        "{outcome:?}"
    );
    machine
        .apply(3, init(vec![member(1, "a"), member(2, "b")]))
        .expect("initialised");
    machine.apply(4, create("s", 1, 0)).expect("created");
    machine.check().expect("sound");
}

#[test]
fn an_index_is_applied_once() {
    let mut world = World::new();
    let index = world.machine.last_index();
    let before = world.machine.encode();
    let outcome = world.machine.apply(index, create("s", 1, 0));
    assert!(
        matches!(outcome, Err(KinesisError::Internal { .. })),
        "{outcome:?}"
    );
    assert_eq!(world.machine.encode(), before);
}

#[test]
fn nodes_update_their_addresses_but_keep_their_zone() {
    let mut world = World::new();
    let version = world.machine.version();
    assert_eq!(
        world.apply(MetaCommand::RegisterNode(member(1, "a"))),
        Ok(MetaReply::Done)
    );
    assert_eq!(world.machine.version(), version, "nothing new");
    let mut moved = member(1, "a");
    moved.peer_addr = "10.0.0.1:7000".into();
    world
        .apply(MetaCommand::RegisterNode(moved))
        .expect("registered");
    assert_eq!(
        world.machine.node(NodeId(1)).expect("known").peer_addr,
        "10.0.0.1:7000"
    );
    let refusal = MetaRefusal::ZoneChanged {
        node: NodeId(1),
        registered: member(1, "a").zone,
        given: member(1, "b").zone,
    };
    let outcome = world.apply(MetaCommand::RegisterNode(member(1, "b")));
    assert_eq!(outcome, Ok(MetaReply::Refused(refusal)));
    // Only the first initialisation counts.
    let secret = world.machine.cluster().expect("initialised").secret;
    let again = MetaCommand::InitCluster {
        cluster_id: "other".into(),
        secret: super::ClusterSecret([9; 32]),
        members: vec![member(9, "z")],
    };
    assert_eq!(world.apply(again), Ok(MetaReply::Done));
    assert_eq!(world.machine.cluster().expect("initialised").secret, secret);
    assert_eq!(world.machine.node(NodeId(9)), None);
    assert_eq!(
        format!("{secret:?}"),
        "ClusterSecret(..)",
        "a secret is never printed"
    );
}

#[test]
fn leaders_of_one_stream_stand_in_all_zones_and_load_is_even() {
    let members = (0..9).map(|n| member(n + 1, ["a", "b", "c"][usize::try_from(n % 3).unwrap()]));
    let mut world = World::of(members.collect());
    for number in 0..6 {
        world.active(&format!("s{number}"), 3);
        let key = world.key(&format!("s{number}"));
        let stream = world.machine.stream_by_key(key).expect("exists");
        let zones: BTreeSet<_> = stream
            .groups
            .iter()
            .map(|group| world.machine.group(*group).expect("live").preferred_leader)
            .map(|leader| world.machine.node(leader).expect("known").zone.clone())
            .collect();
        assert_eq!(zones.len(), 3, "a leader in each zone");
    }
    let mut voters: BTreeMap<NodeId, u32> = BTreeMap::new();
    let mut leaders: BTreeMap<NodeId, u32> = BTreeMap::new();
    for group in world.machine.groups().values() {
        group
            .voters
            .iter()
            .for_each(|voter| *voters.entry(*voter).or_default() += 1);
        *leaders.entry(group.preferred_leader).or_default() += 1;
    }
    // 18 groups of three voters on nine nodes.
    assert!(voters.values().all(|groups| *groups == 6), "{voters:?}");
    assert!(leaders.values().all(|groups| *groups == 2), "{leaders:?}");
}

#[test]
fn few_zones_give_few_voters_and_many_zones_give_three() {
    let table = [
        (vec![member(1, "a")], 1, 1),
        (vec![member(1, "a"), member(2, "a")], 1, 1),
        (vec![member(1, "a"), member(2, "b")], 2, 2),
        ((1..=5).map(|n| member(n, &format!("z{n}"))).collect(), 3, 4),
    ];
    for (members, voters, groups) in table {
        let mut world = World::of(members);
        world.active("s", 4);
        let sizes: BTreeSet<usize> = world
            .machine
            .groups()
            .values()
            .map(|group| group.voters.len())
            .collect();
        assert_eq!(sizes, BTreeSet::from([voters]));
        assert_eq!(world.machine.groups().len(), groups);
    }
}

#[test]
fn shards_are_dealt_in_contiguous_runs_of_at_most_sixteen() {
    for (shards, groups, largest) in [(1, 1, 1), (2, 2, 1), (4, 3, 2), (48, 3, 16), (49, 4, 13)] {
        let mut world = World::new();
        let key = world.active("s", shards);
        let stream = world.machine.stream_by_key(key).expect("exists");
        assert_eq!(stream.groups.len(), groups, "{shards}");
        let sizes = stream
            .groups
            .iter()
            .map(|group| stream.open_in_group(*group));
        assert_eq!(sizes.max(), Some(largest), "{shards}");
        assert!(
            stream.shards.values().map(|info| info.group).is_sorted(),
            "{shards}"
        );
    }
}

/// How many groups each zone leads.
fn leaders_by_zone(world: &World) -> BTreeMap<String, u32> {
    let mut leaders = BTreeMap::new();
    for group in world.machine.groups().values() {
        let leader = world.machine.node(group.preferred_leader).expect("known");
        *leaders.entry(leader.zone.to_string()).or_default() += 1;
    }
    leaders
}

#[test]
fn zones_lead_equally_many_groups_however_many_nodes_they_have() {
    let zones = ["a", "a", "a", "b", "c"];
    let members = (1..).zip(zones).map(|(id, zone)| member(id, zone));
    let mut world = World::of(members.collect());
    for number in 0..6 {
        world.active(&format!("s{number}"), 1);
    }
    let even = ["a", "b", "c"].map(|zone| (zone.to_owned(), 2));
    assert_eq!(leaders_by_zone(&world), BTreeMap::from(even));
}

#[test]
fn leaders_of_one_stream_are_spread_even_where_one_zone_leads_less() {
    let mut world = World::new();
    for number in 0..9 {
        world.active(&format!("s{number}"), 1);
    }
    // Zone a loses all it leads.
    for number in [0, 3, 6] {
        world.delete(&format!("s{number}"));
    }
    let before = BTreeMap::from(["b", "c"].map(|zone| (zone.to_owned(), 3)));
    assert_eq!(leaders_by_zone(&world), before);
    world.active("new", 3);
    let one_more_each = [("a", 1), ("b", 4), ("c", 4)];
    let after = one_more_each.map(|(zone, leaders)| (zone.to_owned(), leaders));
    assert_eq!(leaders_by_zone(&world), BTreeMap::from(after));
}

#[test]
fn the_least_loaded_of_many_zones_take_the_next_group() {
    let mut world = World::of((1..=5).map(|n| member(n, &format!("z{n}"))).collect());
    let voters = |world: &World| -> Vec<Vec<u64>> {
        let groups = world.machine.groups().values();
        groups
            .map(|group| group.voters.iter().map(|voter| voter.0).collect())
            .collect()
    };
    for number in 0..5 {
        world.active(&format!("s{number}"), 1);
    }
    let expect = [[1, 2, 3], [1, 4, 5], [2, 3, 4], [1, 2, 5], [3, 4, 5]];
    assert_eq!(voters(&world), expect);
}
