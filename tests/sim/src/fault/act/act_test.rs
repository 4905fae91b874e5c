//! Faults come to the acts that their words say, and whatever harms is healed.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::{Act, Fault, Who};
use crate::class::Class;
use crate::fault::{Shape, random};

fn acts(fault: &Fault, nodes: usize) -> Vec<(Duration, Act)> {
    let find = |who: Who| match who {
        Who::Node(node) => Some(node),
        Who::Leader(_) => Some(0),
        Who::Follower(_, which) => Some(1 + which),
    };
    fault
        .acts(nodes, nodes - 1, find)
        .expect("everybody is there")
}

fn cuts(fault: &Fault, nodes: usize) -> BTreeSet<(usize, usize)> {
    let cut = |(_, act): (Duration, Act)| match act {
        Act::Cut { from, to } => Some((from, to)),
        _ => None,
    };
    acts(fault, nodes).into_iter().filter_map(cut).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn partitions_are_what_they_are_called() {
    let ring = Fault::Ring { lasts: SECOND };
    assert_eq!(cuts(&ring, 3), BTreeSet::from([(1, 0), (2, 1), (0, 2)]));
    // Of twenty ways of five nodes, ten are left: each talks with two neighbours.
    assert_eq!(cuts(&ring, 5).len(), 10);
    let bridge = Fault::Bridge {
        who: Who::Node(1),
        lasts: SECOND,
    };
    assert_eq!(cuts(&bridge, 3), BTreeSet::from([(0, 2), (2, 0)]));
    assert_eq!(cuts(&bridge, 5).len(), 8);
    assert!(cuts(&bridge, 5).iter().all(|(a, b)| *a != 1 && *b != 1));
    let isolate = Fault::Isolate {
        who: Who::Leader(4),
        lasts: SECOND,
    };
    assert_eq!(cuts(&isolate, 3).len(), 4);
    let one_way = Fault::Cut {
        from: Who::Node(2),
        to: Who::Node(0),
        both: false,
        lasts: SECOND,
    };
    assert_eq!(cuts(&one_way, 3), BTreeSet::from([(2, 0)]));
}

#[test]
fn a_swizzle_joins_in_another_order_for_some_numbers() {
    let joins = |order| {
        let fault = Fault::Swizzle {
            who: Who::Node(0),
            order,
            step: Duration::from_millis(50),
            lasts: SECOND,
        };
        let join = |(at, act)| match act {
            Act::Join { from: 0, to } => Some((at, to)),
            _ => None,
        };
        let mut joins: Vec<(Duration, usize)> =
            acts(&fault, 5).into_iter().filter_map(join).collect();
        joins.sort_unstable();
        joins.into_iter().map(|(_, to)| to).collect::<Vec<_>>()
    };
    let orders: BTreeSet<_> = (0..100).map(joins).collect();
    assert_eq!(orders.len(), 24, "all there are");
    assert!(orders.iter().all(|order| order.len() == 4));
}

#[test]
fn a_swizzle_cuts_nothing_that_it_has_joined() {
    for order in 0..100 {
        let fault = Fault::Swizzle {
            who: Who::Node(0),
            order,
            // The last of four is due to be cut after the first is joined.
            step: SECOND / 2,
            lasts: SECOND,
        };
        let acts = acts(&fault, 5);
        for (cut_at, act) in &acts {
            let Act::Cut { from, to } = *act else {
                continue;
            };
            let is_join = |(_, act): &&(Duration, Act)| *act == Act::Join { from, to };
            // Of two that are due at once the first in the list comes first.
            let joined = acts
                .iter()
                .rposition(|each| is_join(&each))
                .expect("joined");
            let cut = acts.iter().position(|(_, each)| each == act).expect("cut");
            assert!(
                *cut_at <= acts[joined].0 && cut < joined,
                "{order} {from} {to}"
            );
        }
    }
}

#[test]
fn every_fault_of_every_class_is_of_its_class_and_heals() {
    for class in Class::ALL {
        for seed in 0..200 {
            let mut dice = ChaCha8Rng::seed_from_u64(seed);
            for nodes in [3, 5] {
                let shape = Shape {
                    nodes,
                    trim: seed % 2 == 0,
                };
                let fault = random(class, &mut dice, shape);
                assert_eq!(fault.class(), class);
                let acts = acts(&fault, nodes);
                let count = |kind: fn(&Act) -> bool| acts.iter().filter(|(_, it)| kind(it)).count();
                assert_eq!(
                    count(|it| matches!(it, Act::Stop { .. })),
                    count(|it| matches!(it, Act::Start { .. }))
                );
                assert_eq!(
                    count(|it| matches!(it, Act::Cut { .. })),
                    count(|it| matches!(it, Act::Join { .. }))
                );
                // A flip, a loss and a move need no end of their own.
                let once =
                    |it: &Act| matches!(it, Act::Flip { .. } | Act::Lose { .. } | Act::Move { .. });
                let harms = acts
                    .iter()
                    .filter(|(_, it)| !it.heals() && !once(it))
                    .count();
                assert_eq!(harms, acts.iter().filter(|(_, it)| it.heals()).count());
            }
        }
    }
}
