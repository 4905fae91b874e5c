//! Which built-in drills the simulation can run, and what their steps come to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ana_drill::topology::ShardPlace;
use ana_drill::{Drill, library};
use ana_types::{NodeId, ShardIndex, Zone};

use super::{Places, plan};
use crate::fault::{Act, Fault};

fn places() -> Places {
    let mut places = Places::default();
    for (node, zone) in [(1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, "b")] {
        let zone = Zone::new(zone).expect("a zone");
        places.topology.nodes.insert(NodeId(node), zone);
    }
    places.topology.meta_leader = Some(NodeId(3));
    places.groups.insert(ShardIndex(0), 1);
    let place = ShardPlace {
        leader: Some(NodeId(2)),
        voters: BTreeSet::from([NodeId(1), NodeId(2), NodeId(3)]),
    };
    let shards = BTreeMap::from([(ShardIndex(0), place)]);
    let stream = ana_types::StreamName::new("drill").expect("a name");
    places.name(&BTreeSet::from([stream]), &shards);
    places
}

fn acts(step: &str) -> Vec<(Duration, Act)> {
    let text = format!("drill = \"d\"\nabout = \"a\"\n[[step]]\nat = \"1s\"\n{step}\n");
    let drill = Drill::from_toml(&text).expect("reads");
    let plan = plan(&drill, 1).expect("is possible");
    let (_, Fault::Drill(step)) = &plan.faults[0] else {
        panic!("a step");
    };
    let mut acts = step.acts(&places()).expect("everybody is there");
    acts.sort_by_key(|(at, _)| *at);
    acts
}

#[test]
fn built_in_drills_run_or_say_which_step_does_not() {
    let mut possible = BTreeSet::new();
    for entry in library::ALL {
        let drill = entry.drill().expect("reads");
        match plan(&drill, 7) {
            Ok(plan) => {
                assert!(plan.safety >= Duration::from_secs(6));
                possible.insert(entry.name);
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("step 1 ("), "{text}");
            }
        }
    }
    for name in [
        "all-zones-power-cut",
        "clock-drift",
        "disk-full",
        "leader-kill",
        "one-way-link",
        "pause-leader",
        "reshard-under-fire",
        "slow-zone",
        "split-brain-attempt",
        "swizzle",
        "torn-tail",
        "zone-loss",
    ] {
        assert!(possible.contains(name), "{name}");
    }
    assert!(!possible.contains("throttle-storm"));
    assert!(possible.contains("wipe-and-rejoin"));
}

#[test]
fn steps_hit_what_they_are_aimed_at() {
    let second = Duration::from_secs(1);
    let pause = "do = \"node.pause\"\non = \"leader of drill/shardId-000000000000\"\nfor = \"1s\"";
    let expected = [
        (Duration::ZERO, Act::Freeze { node: 1 }),
        (second, Act::Thaw { node: 1 }),
    ];
    assert_eq!(acts(pause), expected);
    let isolate = "do = \"zone.isolate\"\non = \"zone a\"\nfor = \"1s\"";
    let cuts: BTreeSet<(usize, usize)> = acts(isolate)
        .into_iter()
        .filter_map(|(_, act)| match act {
            Act::Cut { from, to } => Some((from, to)),
            _ => None,
        })
        .collect();
    assert_eq!(cuts.len(), 2 * 2 * 3, "two nodes of the zone, three others");
    assert!(!cuts.contains(&(0, 3)), "the zone's nodes hear each other");
    let one_way = "do = \"link.oneway_drop\"\non = \"link others -> meta leader\"\nfor = \"1s\"";
    let cuts = acts(one_way);
    assert_eq!(cuts.len(), 8);
    assert!(cuts.contains(&(Duration::ZERO, Act::Cut { from: 0, to: 2 })));
    let moved =
        "do = \"change.move_leader\"\non = \"leader of drill/shardId-000000000000\"\nto = \"c\"";
    assert_eq!(
        acts(moved),
        [(Duration::ZERO, Act::Move { group: 1, to: 2 })]
    );
    let flip = "do = \"disk.bit_flip\"\non = \"node 3\"\nfile = \"log\"";
    assert!(matches!(acts(flip)[0].1, Act::Flip { node: 2, .. }));
}
