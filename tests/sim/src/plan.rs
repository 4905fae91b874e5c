//! What one seed does: the cluster's shape and every fault with its time. Made before the run, so that it can be
//! printed, and kept as a scenario when a seed fails.

use std::time::Duration;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// How long faults go on while clients work.
const SAFETY: Duration = Duration::from_secs(12);

/// One fault, at a time after the clients began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The machine of a node loses power; what was not synced is lost or torn. It starts again `down` later.
    Crash { node: usize, down: Duration },
    /// One sync of a node's disk fails, as real disks do once and never again; the machine restarts `down` later.
    BadSync { node: usize, down: Duration },
    /// All machines at once.
    CrashAll { down: Duration },
    /// A cut between two nodes, in one direction or both.
    Cut {
        from: usize,
        to: usize,
        both: bool,
        heal: Duration,
    },
    /// A node cut from all others, clients included or not.
    Isolate { node: usize, heal: Duration },
}

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
    pub faults: Vec<(Duration, Fault)>,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Plan {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let nodes = if dice.random_bool(0.3) { 5 } else { 3 };
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
            faults: Vec::new(),
        };
        let mut at = Duration::from_millis(dice.random_range(200..1500));
        while at < plan.safety {
            plan.faults.push((at, fault(&mut dice, nodes)));
            at += Duration::from_millis(dice.random_range(300..2500));
        }
        plan
    }

    /// A seed for one part of the run, so that parts do not share randomness.
    #[must_use]
    pub fn derive(&self, part: u64) -> u64 {
        ChaCha8Rng::seed_from_u64(self.seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next_u64()
    }
}

fn fault(dice: &mut ChaCha8Rng, nodes: usize) -> Fault {
    let node = dice.random_range(0..nodes);
    let other = (node + dice.random_range(1..nodes)) % nodes;
    let long = Duration::from_millis(dice.random_range(100..5000));
    match dice.random_range(0..10) {
        0..=3 => Fault::Crash { node, down: long },
        4 => Fault::BadSync { node, down: long },
        5 => Fault::CrashAll {
            down: Duration::from_millis(dice.random_range(100..1500)),
        },
        6..=7 => Fault::Cut {
            from: node,
            to: other,
            both: dice.random_bool(0.5),
            heal: long,
        },
        _ => Fault::Isolate { node, heal: long },
    }
}
