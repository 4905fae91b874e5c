//! The links between machines, each way for itself.
//!
//! Must stay true: a way is joined when nothing cuts it any more, and as quick as in the beginning when nothing slows it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::machine::host;

type Sim = turmoil::Sim<'static>;

/// What is wrong with the links.
#[derive(Debug)]
pub(super) struct Links {
    latency_max: Duration,
    /// How many faults cut each way.
    cuts: BTreeMap<(usize, usize), u32>,
    /// How slow faults make each link, the lower node first.
    slow: BTreeMap<(usize, usize), Vec<Duration>>,
}

impl Links {
    pub(super) fn new(latency_max: Duration) -> Links {
        Links {
            latency_max,
            cuts: BTreeMap::new(),
            slow: BTreeMap::new(),
        }
    }

    pub(super) fn cut(&mut self, sim: &Sim, from: usize, to: usize) -> bool {
        let cuts = self.cuts.entry((from, to)).or_default();
        *cuts += 1;
        let first = *cuts == 1;
        if first {
            sim.partition_oneway(host(from), host(to));
        }
        first
    }

    pub(super) fn join(&mut self, sim: &Sim, from: usize, to: usize) -> bool {
        let cuts = self.cuts.entry((from, to)).or_default();
        let last = *cuts == 1;
        *cuts = cuts.saturating_sub(1);
        if last {
            sim.repair_oneway(host(from), host(to));
        }
        last
    }

    pub(super) fn slow(&mut self, sim: &Sim, a: usize, b: usize, latency: Duration) -> bool {
        self.slow
            .entry((a.min(b), a.max(b)))
            .or_default()
            .push(latency);
        self.set_latency(sim, a, b);
        true
    }

    pub(super) fn quicken(&mut self, sim: &Sim, a: usize, b: usize) -> bool {
        self.slow.entry((a.min(b), a.max(b))).or_default().pop();
        self.set_latency(sim, a, b);
        true
    }

    fn set_latency(&self, sim: &Sim, a: usize, b: usize) {
        let slow = self.slow.get(&(a.min(b), a.max(b)));
        let worst = slow.and_then(|slow| slow.iter().max()).copied();
        let most = worst.unwrap_or(self.latency_max);
        sim.set_link_max_message_latency(host(a), host(b), most);
    }
}
