//! From any shards to any number of equal ones: how many steps, how deep, and where they end.

use super::uniform::{Step, next_step};
use ana_types::{HashKey, HashRange};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// As the module promises: a boundary this near counts as the one wanted.
const SLACK_KEYS: u128 = 1 << 18;

/// What came of walking all steps.
#[derive(Debug, Default)]
struct Walk {
    ranges: Vec<HashRange>,
    splits: usize,
    merges: usize,
    /// Most shards that were open at once.
    most: usize,
    /// Most generations between a shard at the beginning and one at the end.
    depth: usize,
}

fn walk(ranges: Vec<HashRange>, target: u32) -> Walk {
    let mut shards: Vec<(HashRange, usize)> = ranges.into_iter().map(|range| (range, 0)).collect();
    let mut walk = Walk::default();
    loop {
        walk.most = walk.most.max(shards.len());
        let present: Vec<HashRange> = shards.iter().map(|(range, _)| *range).collect();
        let Some(step) = next_step(&present, target) else {
            walk.depth = shards.iter().map(|(_, depth)| *depth).max().unwrap_or(0);
            walk.ranges = present;
            return walk;
        };
        match step {
            Step::Split { at, new_start } => {
                let (range, depth) = shards[at];
                let (lower, upper) = range.split_at(new_start).expect("a split AWS would take");
                shards.splice(at..=at, [(lower, depth + 1), (upper, depth + 1)]);
                walk.splits += 1;
            }
            Step::Merge { at } => {
                let ((lower, a), (upper, b)) = (shards[at], shards[at + 1]);
                let joined = lower.merge(&upper).expect("neighbours");
                shards.splice(at..=at + 1, [(joined, a.max(b) + 1)]);
                walk.merges += 1;
            }
        }
        assert!(walk.splits + walk.merges < 10_000, "it comes to an end");
    }
}

fn starts(ranges: &[HashRange]) -> Vec<u128> {
    ranges.iter().map(|range| range.start.0).collect()
}

/// Shards cut at these keys.
fn tiling(cuts: &BTreeSet<u128>) -> Vec<HashRange> {
    let starts: Vec<u128> = std::iter::once(0)
        .chain(cuts.iter().copied().filter(|cut| *cut > 0))
        .collect();
    let ends = starts.iter().skip(1).map(|start| start - 1);
    starts
        .iter()
        .zip(ends.chain([u128::MAX]))
        .map(|(start, end)| HashRange {
            start: HashKey(*start),
            end: HashKey(end),
        })
        .collect()
}

fn check_even(ranges: &[HashRange], target: u32) -> Result<(), TestCaseError> {
    let even = HashRange::split_even(target);
    prop_assert_eq!(ranges.len(), even.len());
    for (range, even) in ranges.iter().zip(&even) {
        prop_assert!(range.start.0.abs_diff(even.start.0) <= SLACK_KEYS);
    }
    prop_assert_eq!(ranges.last().map(|range| range.end), Some(HashKey::MAX));
    Ok(())
}

/// Any cuts, many of them on, or a few keys beside, boundaries of an even tiling.
fn cuts() -> impl Strategy<Value = BTreeSet<u128>> {
    let near = (2..40u32, any::<prop::sample::Index>(), -3..4i128).prop_map(|(parts, at, by)| {
        let even = HashRange::split_even(parts);
        at.get(&even).start.0.saturating_add_signed(by)
    });
    let close = (any::<u128>(), 0..1_000_000u128).prop_map(|(key, by)| (key >> 120 << 120) + by);
    let cut = prop_oneof![any::<u128>(), near, close];
    prop::collection::btree_set(cut, 0..60)
}

fn log2(number: usize) -> usize {
    number
        .next_power_of_two()
        .ilog2()
        .try_into()
        .expect("small")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_shards_become_equal_ones(cuts in cuts(), target in 1..60u32) {
        let before = tiling(&cuts);
        let wanted: BTreeSet<u128> = starts(&HashRange::split_even(target)).into_iter().collect();
        let there: BTreeSet<u128> = starts(&before).into_iter().collect();
        let exact = there.symmetric_difference(&wanted).count();
        let walk = walk(before.clone(), target);
        check_even(&walk.ranges, target)?;
        // A boundary that serves saves two steps; otherwise each difference is one step.
        let steps = walk.splits + walk.merges;
        prop_assert!(steps <= exact && (exact - steps).is_multiple_of(2), "{steps} of {exact}");
        let grown = target.try_into().unwrap_or(usize::MAX);
        prop_assert_eq!(before.len() + walk.splits - walk.merges, grown);
        let far = there.iter().all(|start| {
            wanted.iter().all(|it| it == start || it.abs_diff(*start) > SLACK_KEYS)
        });
        if far {
            prop_assert_eq!(steps, exact);
            prop_assert_eq!(walk.ranges, HashRange::split_even(target));
        }
    }

    #[test]
    fn even_shards_stay_few_and_their_lineage_short(from in 1..130u32, to in 1..130u32) {
        let walk = walk(HashRange::split_even(from), to);
        check_even(&walk.ranges, to)?;
        let (from, to): (usize, usize) = (from.try_into().expect("small"), to.try_into().expect("small"));
        prop_assert!(walk.most <= from.max(to) + 1, "{} open", walk.most);
        // In a cut at most log of the boundaries a shard contains, and as many joins again.
        let within = log2(to.div_ceil(from) + 1) + log2(from.div_ceil(to) + 1) + 2;
        prop_assert!(walk.depth <= within, "{} generations, {within} expected", walk.depth);
    }

    #[test]
    fn doubling_splits_each_and_halving_merges_pairs(count in 1..150u32) {
        let even = HashRange::split_even(count);
        let doubled = walk(even.clone(), 2 * count);
        prop_assert_eq!((doubled.splits, doubled.merges, doubled.depth), (even.len(), 0, 1));
        check_even(&doubled.ranges, 2 * count)?;
        let halved = walk(doubled.ranges, count);
        prop_assert_eq!((halved.splits, halved.merges, halved.depth), (0, even.len(), 1));
        prop_assert_eq!(halved.ranges, even);
        let halved = walk(HashRange::split_even(2 * count), count);
        prop_assert_eq!((halved.splits, halved.merges, halved.depth), (0, even_len(count), 1));
    }
}

fn even_len(count: u32) -> usize {
    count.try_into().expect("small")
}

#[test]
fn steps_by_hand() {
    // (shards, target, the next step)
    let split = |at, part: u128, parts: u128| {
        let width = HashRange::split_even(parts.try_into().expect("small"))[1]
            .start
            .0;
        Some(Step::Split {
            at,
            new_start: HashKey(part * width),
        })
    };
    let table = [
        (1, 1, None),
        (4, 4, None),
        (1, 2, split(0, 1, 2)),
        // Cut in the middle of the boundaries it contains, not at the first.
        (1, 4, split(0, 2, 4)),
        (2, 4, split(0, 1, 4)),
        (4, 2, Some(Step::Merge { at: 0 })),
        (4, 3, split(1, 1, 3)),
        (3, 4, split(0, 1, 4)),
    ];
    for (from, to, expected) in table {
        let step = next_step(&HashRange::split_even(from), to);
        assert_eq!(step, expected, "from {from} to {to}");
    }
}

#[test]
fn the_narrowest_neighbours_are_joined_first() {
    let cuts = [1 << 127, (1 << 127) + (1 << 120), (1 << 127) + (1 << 121)];
    let step = next_step(&tiling(&cuts.into_iter().collect()), 1);
    assert_eq!(step, Some(Step::Merge { at: 1 }));
}

#[test]
fn thousands_of_shards_at_once() {
    let walk = walk(HashRange::split_even(2), 4000);
    assert_eq!((walk.splits, walk.merges, walk.depth), (3998, 0, 11));
    check_even(&walk.ranges, 4000).expect("equal ones");
}
