//! Loads over made-up time: what is split, what is merged, and what is left alone.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_types::{HashRange, NodeId, ShardIndex};
use proptest::prelude::*;

use super::{History, Seen, Step, Told};
use crate::config::OnDemandConfig;
use crate::load::Totals;

const SECOND: Duration = Duration::from_secs(1);
const CONFIG: OnDemandConfig = OnDemandConfig {
    look_every: SECOND,
    split_after: Duration::from_secs(10),
    merge_after: Duration::from_secs(100),
    mibps_max: 200,
};
const KB: u64 = 1000;

/// A stream under load: totals grow second by second, steps are carried out at once.
#[derive(Debug)]
struct World {
    now: Duration,
    /// In order of their ranges.
    open: Vec<(ShardIndex, HashRange)>,
    totals: BTreeMap<ShardIndex, Totals>,
    next: u32,
    history: History,
    node: NodeId,
    steps: Vec<Step>,
    config: OnDemandConfig,
}

impl World {
    fn new(shards: u32) -> Self {
        Self {
            now: Duration::from_secs(1000),
            open: (0..)
                .map(ShardIndex)
                .zip(HashRange::split_even(shards))
                .collect(),
            totals: BTreeMap::new(),
            next: shards,
            history: History::default(),
            node: NodeId(1),
            steps: Vec::new(),
            config: CONFIG,
        }
    }

    fn seen(&self) -> Vec<Seen> {
        let told = |shard| Told {
            node: self.node,
            totals: self.totals.get(&shard).copied().unwrap_or_default(),
        };
        self.open
            .iter()
            .map(|(shard, range)| Seen {
                shard: *shard,
                range: *range,
                told: Some(told(*shard)),
            })
            .collect()
    }

    /// Some seconds during which `load` tells bytes and records a second by shard.
    fn pass(&mut self, seconds: u32, load: impl Fn(&HashRange) -> (u64, u64)) {
        for _ in 0..seconds {
            self.now += SECOND;
            for (shard, range) in &self.open {
                let (bytes, records) = load(range);
                let totals = self.totals.entry(*shard).or_default();
                totals.bytes += bytes;
                totals.records += records;
            }
            self.history.note(self.now, &self.seen(), &self.config);
            while let Some(step) = self.history.decide(self.now, &self.seen(), 4, &self.config) {
                self.carry_out(step);
            }
        }
    }

    fn carry_out(&mut self, step: Step) {
        self.steps.push(step);
        let place = |shard| {
            self.open
                .iter()
                .position(|(it, _)| *it == shard)
                .expect("open")
        };
        match step {
            Step::Split(shard) => {
                let at = place(shard);
                let (start, end) = (self.open[at].1.start.0, self.open[at].1.end.0);
                let middle = ana_types::HashKey(start + (end - start) / 2 + 1);
                let (lower, upper) = self.open[at].1.split_at(middle).expect("wide enough");
                let children = [lower, upper].map(|range| {
                    self.next += 1;
                    (ShardIndex(self.next - 1), range)
                });
                self.open.splice(at..=at, children);
            }
            Step::Merge(a, b) => {
                let at = place(a);
                assert_eq!(place(b), at + 1, "neighbours");
                let range = self.open[at]
                    .1
                    .merge(&self.open[at + 1].1)
                    .expect("neighbours");
                let child = (ShardIndex(self.next), range);
                self.next += 1;
                self.open.splice(at..=at + 1, [child]);
            }
        }
    }
}

/// A load spread evenly over the hash keys: bytes a second in all.
fn even(bytes_per_s: u64) -> impl Fn(&HashRange) -> (u64, u64) {
    move |range| {
        let share = (range.end.0 - range.start.0) >> 96;
        let share = u64::try_from(share).expect("32 bits");
        ((bytes_per_s * (share + 1)) >> 32, 1)
    }
}

#[test]
fn thresholds() {
    // (bytes, records a second into each of four shards, is it split)
    let table = [
        (0, 0, false),
        (499 * KB, 10, false),
        (500 * KB, 10, false),
        (502 * KB, 10, true),
        (10, 500, false),
        (10, 502, true),
        (499 * KB, 499, false),
    ];
    for (bytes, records, is_split) in table {
        let mut world = World::new(4);
        world.pass(10, |_| (bytes, records));
        assert!(world.steps.is_empty(), "not before the time is over");
        world.pass(1, |_| (bytes, records));
        assert_eq!(!world.steps.is_empty(), is_split, "{bytes} {records}");
    }
}

#[test]
fn an_even_load_gets_twice_its_capacity() {
    for megabytes in [1, 3, 6, 20, 60] {
        let mut world = World::new(4);
        world.pass(200, even(megabytes * 1000 * KB));
        let shards = u64::try_from(world.open.len()).expect("few");
        let least = (2 * megabytes).max(4);
        assert!(
            (least..=2 * least).contains(&shards),
            "{shards} shards for {megabytes} MB/s"
        );
        let merges = world
            .steps
            .iter()
            .filter(|it| matches!(it, Step::Merge(..)));
        assert_eq!(merges.count(), 0, "what was split for a load stays for it");
    }
}

#[test]
fn the_ceiling_rises_with_the_peak() {
    // One busy key: its shard can be split for ever and stays as hot.
    let busy = |range: &HashRange| {
        if range.start.0 == 0 {
            (1000 * KB, 10)
        } else {
            (0, 0)
        }
    };
    let mut world = World::new(4);
    world.pass(90, busy);
    let most = world.open.len();
    assert_eq!(most, 8, "four more for one full shard, then no more");
    // Its idle neighbours are merged in time, which makes room to try again: never more than once for each merge.
    world.pass(500, busy);
    let splits = world
        .steps
        .iter()
        .filter(|it| matches!(it, Step::Split(_)))
        .count();
    let merges = world.steps.len() - splits;
    assert!(
        world.open.len() <= most && splits <= 4 + merges,
        "{splits} {merges}"
    );
    // When the stream as a whole does more, the busy shard may be split again.
    let busier = |range: &HashRange| match range.start.0 {
        0 => (1000 * KB, 10),
        _ => (400 * KB, 10),
    };
    world.pass(50, busier);
    assert!(world.open.len() > most, "{}", world.open.len());

    let mut world = World::new(4);
    world.config.mibps_max = 6;
    world.pass(100, even(100_000 * KB));
    assert_eq!(
        world.open.len(),
        6,
        "never beyond what the account may have"
    );
}

#[test]
fn neighbours_are_merged_after_a_long_lull() {
    let mut world = World::new(4);
    world.pass(60, even(6000 * KB));
    let grown = world.open.len();
    assert!(grown >= 12);
    world.steps.clear();
    world.pass(99, |_| (0, 0));
    assert!(world.steps.is_empty(), "a lull that is not long enough");
    // A moment of load ends it.
    world.pass(15, even(6000 * KB));
    world.pass(99, |_| (0, 0));
    assert!(world.steps.is_empty(), "the lull began anew");
    world.pass(400, |_| (10 * KB, 1));
    assert_eq!(world.open.len(), 4, "back to what a new stream has");
    let merges = world
        .steps
        .iter()
        .filter(|it| matches!(it, Step::Merge(..)));
    assert_eq!(merges.count(), grown - 4);
    world.pass(400, |_| (0, 0));
    assert_eq!(world.open.len(), 4);
}

#[test]
fn a_change_of_leader_is_no_load_and_no_lull() {
    let mut world = World::new(4);
    world.pass(8, |_| (800 * KB, 10));
    // The new leader has counted other things before: its totals are higher, or begin at nothing.
    world.node = NodeId(2);
    for totals in world.totals.values_mut() {
        totals.bytes += 1_000_000 * KB;
    }
    world.pass(9, |_| (0, 0));
    world.totals.clear();
    world.pass(9, |_| (0, 0));
    assert!(world.steps.is_empty(), "{:?}", world.steps);
}

#[test]
fn a_leader_that_does_not_answer_is_not_idle() {
    let mut world = World::new(8);
    for second in 0..300_u32 {
        world.now += SECOND;
        let mut seen = world.seen();
        // Every other shard is never told of: no two neighbours are known to be cold.
        for silent in seen.iter_mut().step_by(2) {
            silent.told = None;
        }
        world.history.note(world.now, &seen, &world.config);
        let step = world.history.decide(world.now, &seen, 4, &world.config);
        assert_eq!(step, None, "after {second} s");
    }
}

#[test]
fn memory_is_bounded() {
    let mut world = World::new(4);
    world.config.look_every = Duration::from_millis(1);
    for _ in 0..20_000 {
        world.now += Duration::from_millis(7);
        world.history.note(world.now, &world.seen(), &world.config);
    }
    let samples = world
        .history
        .shards
        .values()
        .map(|it| it.samples.len())
        .max();
    assert!(
        samples.is_some_and(|it| it <= super::SAMPLES_MAX),
        "{samples:?}"
    );
    assert!(world.history.peaks.len() <= super::PEAKS_MAX + 2);
    world.open.truncate(1);
    world.history.note(world.now, &world.seen(), &world.config);
    assert_eq!(world.history.shards.len(), 1, "closed shards are forgotten");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_load_keeps_within_bounds(
        phases in prop::collection::vec((0..3_000_000u64, 0..3000u64, 1..150u32), 1..6),
        skew in 1..64u32,
    ) {
        let mut world = World::new(4);
        for (bytes, records, seconds) in phases {
            world.pass(seconds, |range| {
                let is_busy = range.start.0.leading_zeros() >= skew;
                if is_busy { (bytes, records) } else { (bytes / 100, records / 100) }
            });
            prop_assert!((4..=200).contains(&world.open.len()), "{} shards", world.open.len());
            let joined = world.open.iter().map(|(_, range)| *range);
            let whole = joined.reduce(|union, next| union.merge(&next).expect("neighbours"));
            prop_assert_eq!(whole, Some(HashRange::FULL));
        }
    }
}
