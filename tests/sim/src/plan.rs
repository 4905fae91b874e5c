//! What one seed does: the cluster's shape and every fault with its time. Made before the run, so that it can be
//! printed, and kept as a scenario when a seed fails.
//!
//! A seed crosses two classes of faults ([`Class::pair_of`]): again and again one of each begins at nearly the same time,
//! with the background of all seeds around them.

use std::time::Duration;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::class::Class;
use crate::fault::{Fault, Shape, background, random};

/// How long faults go on while clients work.
const SAFETY: Duration = Duration::from_secs(12);

/// A whole run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub nodes: usize,
    pub shards: u32,
    pub producers: usize,
    pub reshard: bool,
    /// Records expire within seconds, so that logs are trimmed and replicas that were away need a snapshot.
    pub trim: bool,
    /// Unsynced writes lose any of their pieces in a crash, not only the end.
    pub torn_anywhere: bool,
    pub latency_max: Duration,
    pub safety: Duration,
    /// The classes that are crossed; none in a written scenario.
    pub pair: Option<(Class, Class)>,
    /// The machine that may lose what it had synced.
    pub victim: usize,
    pub faults: Vec<(Duration, Fault)>,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Plan {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let nodes = if dice.random_bool(0.3) { 5 } else { 3 };
        let pair = Class::pair_of(seed);
        let mut plan = Plan {
            seed,
            nodes,
            shards: dice.random_range(1..=4),
            producers: dice.random_range(2..=3),
            reshard: dice.random_bool(0.6),
            trim: dice.random_bool(0.4),
            torn_anywhere: dice.random_bool(0.5),
            latency_max: Duration::from_millis(dice.random_range(2..=12)),
            safety: SAFETY,
            pair: Some(pair),
            victim: dice.random_range(0..nodes),
            faults: Vec::new(),
        };
        plan.draw_faults(&mut dice, pair);
        plan
    }

    fn draw_faults(&mut self, dice: &mut ChaCha8Rng, (one, other): (Class, Class)) {
        let shape = Shape {
            nodes: self.nodes,
            trim: self.trim,
        };
        let mut at = Duration::from_millis(dice.random_range(200..1500));
        let (mut number, mut crossings) = (0, 0);
        while at < self.safety {
            // One at the beginning, one in the middle, and as chance will.
            let due = number == 0 || (crossings < 2 && at > self.safety / 2);
            number += 1;
            if due || dice.random_bool(0.35) {
                crossings += 1;
                let apart = Duration::from_millis(dice.random_range(0..1200));
                let order = if dice.random_bool(0.5) {
                    [one, other]
                } else {
                    [other, one]
                };
                for (class, at) in order.into_iter().zip([at, at + apart]) {
                    self.faults.push((at, random(class, dice, shape)));
                }
            } else {
                let drawn = background(dice, shape);
                self.faults
                    .extend(drawn.into_iter().map(|(after, fault)| (at + after, fault)));
            }
            at += Duration::from_millis(dice.random_range(500..2500));
        }
        self.faults.sort_by_key(|(at, _)| *at);
    }

    /// The plan without all faults but these.
    ///
    /// # Errors
    /// The first number that is none of a fault.
    pub fn keep(&mut self, only: &[usize]) -> Result<(), usize> {
        let all = std::mem::take(&mut self.faults);
        for number in only {
            let fault = all.get(*number).ok_or(*number)?;
            self.faults.push(fault.clone());
        }
        Ok(())
    }

    /// The plan with three zones of so many nodes.
    pub fn in_zones_of(&mut self, nodes_per_zone: usize) {
        self.nodes = nodes_per_zone * 3;
        self.victim %= self.nodes;
    }

    /// A seed for one part of the run, so that parts do not share randomness.
    #[must_use]
    pub fn derive(&self, part: u64) -> u64 {
        ChaCha8Rng::seed_from_u64(self.seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Plan};

    #[test]
    fn a_seed_has_one_plan_and_meets_both_its_classes() {
        for seed in 0..400 {
            let plan = Plan::new(seed);
            assert_eq!(plan.faults, Plan::new(seed).faults);
            let (one, other) = Class::pair_of(seed);
            for class in [one, other] {
                let count = plan
                    .faults
                    .iter()
                    .filter(|(_, it)| it.class() == class)
                    .count();
                assert!(count >= 2, "seed {seed} has {count} of {class}");
            }
            assert!(plan.faults.is_sorted_by_key(|(at, _)| *at));
            assert!(plan.victim < plan.nodes);
        }
    }
}
