//! That a reach is never smaller than what is hit, and how it is said.

use super::{Blast, ZONES_ASSUMED};
use crate::action::{Action, DiskAction, LinkAction, ProcessAction};
use crate::chance::Chance;
use crate::fixture::nine_nodes;
use crate::targets::{Pick, Target};
use crate::topology::Topology;
use ana_types::Zone;
use proptest::prelude::{any, prop_assert, proptest};
use proptest::sample::select;
use std::collections::BTreeSet;

fn blast(text: &str, topology: Option<&Topology>) -> Blast {
    let target: Target = text.parse().expect(text);
    let action = match target {
        Target::Link(_) => Action::Link(LinkAction::Reset),
        Target::Zones(_) | Target::Nodes(_) => Action::Process(ProcessAction::Kill),
        Target::Requests(_) => panic!("{text}: requests hurt no zone"),
    };
    Blast::of(&action, &target, topology)
}

#[test]
fn a_reach_is_said_in_words() {
    let known = nine_nodes();
    for (text, unknown, in_nine) in [
        ("zone b", "zone b", "zone b, nodes 2, 5, 8"),
        ("one of zones", "up to 1 zone", "up to 1 zone"),
        ("node 4", "up to 1 zone, node 4", "zone a, node 4"),
        ("all nodes in zone c", "zone c", "zone c"),
        (
            "link a <-> node 5",
            "zone a and up to 1 more, node 5",
            "zones a, b, nodes 1, 4, 5, 7",
        ),
        ("link others -> meta leader", "up to 1 zone", "up to 1 zone"),
        ("50% of nodes", "up to 3 zones", "up to 3 zones"),
    ] {
        assert_eq!(blast(text, None).to_string(), unknown, "{text}");
        assert_eq!(blast(text, Some(&known)).to_string(), in_nine, "{text}");
    }
}

#[test]
fn what_harms_nothing_reaches_nothing() {
    let zone: Target = "all zones".parse().expect("zones");
    let shift = Action::Zone(crate::action::ZoneAction::Shift);
    assert_eq!(Blast::of(&shift, &zone, None), Blast::default());
    assert_eq!(Blast::default().to_string(), "nothing");
    let full = Action::Disk(DiskAction::Full { free: None });
    assert_eq!(Blast::of(&full, &zone, None).zones_most(ZONES_ASSUMED), 3);
}

/// The zones that a fault hits: of a link with `others`, those of the other end.
fn zones_hit(text: &str, topology: &Topology, seed: u64) -> Option<BTreeSet<Zone>> {
    let target: Target = text.parse().expect(text);
    let pick = target.resolve(topology, &mut Chance::new(seed)).ok()?;
    let nodes = match &pick {
        Pick::Wires(wires) if text.contains("-> others") => {
            wires.iter().map(|wire| wire.from).collect()
        }
        _ => pick.nodes(),
    };
    Some(
        nodes
            .iter()
            .filter_map(|node| topology.nodes.get(node))
            .cloned()
            .collect(),
    )
}

const TARGETS: &[&str] = &[
    "zone a",
    "one of zones",
    "2 of zones",
    "up to 9 of zones",
    "40% of zones",
    "all zones",
    "node 4",
    "leader of orders/0",
    "follower of orders/0",
    "all followers of orders/0",
    "60% of followers of orders/0",
    "meta leader",
    "one of nodes",
    "2 of nodes",
    "30% of nodes",
    "up to 2 of nodes",
    "all nodes in zone b",
    "link a -> b",
    "link node 1 <-> node 4",
    "link leader of orders/0 -> c",
    "link leader of orders/0 -> others",
    "link zone b -> others",
];

proptest! {
    #[test]
    fn a_reach_is_never_smaller_than_what_is_hit(
        one in select(TARGETS),
        other in select(TARGETS),
        seed in any::<u64>(),
        known in any::<bool>(),
    ) {
        let topology = nine_nodes();
        let both = (zones_hit(one, &topology, seed), zones_hit(other, &topology, !seed));
        let (Some(first), Some(second)) = both else {
            panic!("{one}, {other}: all of them are there");
        };
        let known = known.then_some(&topology);
        let (reach, next) = (blast(one, known), blast(other, known));
        let most = |blast: &Blast| usize::try_from(blast.zones_most(3)).expect("three");
        prop_assert!(first.len() <= most(&reach), "{} hits {:?}", one, first);
        let hit: BTreeSet<Zone> = first.union(&second).cloned().collect();
        prop_assert!(hit.len() <= most(&reach.join(&next)), "{}, {} hit {:?}", one, other, hit);
        prop_assert!(reach.zones.is_subset(&first), "{} misses {:?}", one, reach.zones);
    }
}
