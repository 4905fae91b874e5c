//! One run of one seed, from start to verdict.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_check::{Verdict, check};
use ana_env::runtime;

use crate::counters::{self, Counters};
use crate::invariants::{Broken, broken};
use crate::plan::Plan;
use crate::workload::{Phase, Shared, audit, monitor, producer, reader, resharder, setup};
use crate::world::World;
use crate::{align, trace};

/// A cluster without faults serves its first stream within this.
const START_MAX: Duration = Duration::from_secs(40);
/// Faults, healing and audit together end within this, or something is stuck for ever.
const RUN_MAX: Duration = Duration::from_secs(300);

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    pub seed: u64,
    pub broken: Vec<Broken>,
    /// What the checker says of the run's history.
    pub verdict: Verdict,
    pub acknowledged: u64,
    pub unknown: u64,
    pub read: u64,
    pub reshards: usize,
    pub elections: usize,
    /// Changes of a data group's leader that somebody saw.
    pub leader_changes: u64,
    pub counters: Counters,
    pub simulated: Duration,
    pub fingerprint: u64,
    pub events: u64,
    pub lines: Vec<String>,
}

/// Runs one seed. `keep` keeps the trace's lines.
///
/// # Panics
/// When the simulation itself fails, e.g. because a node panicked: the seed is printed before.
#[must_use]
pub fn run(plan: Plan, keep: bool) -> Report {
    align::align();
    trace::begin(keep);
    counters::begin();
    let (seed, pair) = (plan.seed, plan.pair);
    let (mut sim, mut world) = World::new(&plan);
    let shared = Shared::new(plan);
    add_clients(&mut sim, &shared);
    let mut unfinished = drive(&mut sim, &mut world, &shared);
    if unfinished.is_empty() {
        let promise = "a flipped bit is noticed";
        let left = world.unnoticed().into_iter();
        unfinished.extend(left.map(|what| Broken { promise, what }));
    }
    if let Err(what) = world.compare_machines() {
        let promise = "replicas hold the same state";
        unfinished.push(Broken { promise, what });
    }
    let simulated = sim.elapsed();
    // Handles of replicas go before the runtimes that they belong to.
    drop(world);
    drop(sim);
    let (fingerprint, events, lines) = trace::end();
    let oracle = shared.oracle();
    let verdict = check(&oracle.history);
    unfinished.extend(broken(&verdict));
    Report {
        seed,
        broken: unfinished,
        acknowledged: verdict.figures.acknowledged,
        unknown: verdict.figures.unknown,
        read: verdict.figures.read,
        verdict,
        reshards: oracle.reshards,
        elections: oracle.elections.len(),
        leader_changes: leader_changes(&oracle.elections),
        counters: counters::end(pair),
        simulated,
        fingerprint,
        events,
        lines,
    }
}

/// How often a data group was led by another node than before.
fn leader_changes(elections: &BTreeSet<(u64, u64, u64)>) -> u64 {
    let pairs = elections.iter().zip(elections.iter().skip(1));
    let changed = pairs.filter(|((group, _, before), (next, _, leader))| {
        *group != METADATA && group == next && before != leader
    });
    u64::try_from(changed.count()).unwrap_or(u64::MAX)
}

/// The group that holds no shards.
const METADATA: u64 = 0;

fn add_clients(sim: &mut turmoil::Sim<'static>, shared: &Shared) {
    let seed = |part| shared.plan.derive(part);
    sim.client("setup", runtime::scope(seed(70), setup(shared.clone())));
    for number in 0..shared.plan.producers as u64 {
        shared.begin_work();
        sim.client(
            format!("producer-{number}"),
            runtime::scope(seed(80 + number), producer::produce(shared.clone(), number)),
        );
    }
    (0..3).for_each(|_| shared.begin_work());
    sim.client(
        "reader",
        runtime::scope(seed(71), reader::read(shared.clone())),
    );
    sim.client(
        "resharder",
        runtime::scope(seed(72), resharder::reshard(shared.clone())),
    );
    sim.client(
        "monitor",
        runtime::scope(seed(73), monitor::watch(shared.clone())),
    );
    sim.client(
        "auditor",
        runtime::scope(seed(74), audit::audit(shared.clone())),
    );
}

/// Steps the simulation through its phases; returns what kept it from its end.
fn drive(sim: &mut turmoil::Sim<'static>, world: &mut World, shared: &Shared) -> Vec<Broken> {
    let stuck = |what: String| {
        vec![Broken {
            promise: "the run comes to its end",
            what,
        }]
    };
    let mut faults = shared.plan.faults.iter().peekable();
    let mut began = None;
    loop {
        match sim.step() {
            Ok(true) => return Vec::new(),
            Ok(false) => {}
            Err(error) => return stuck(format!("a client or node failed: {error}")),
        }
        let now = sim.elapsed();
        if began.is_none() && now > START_MAX {
            return stuck(format!("no stream after {START_MAX:?} without any fault"));
        }
        if shared.phase() == Phase::Starting {
            continue;
        }
        let since = now - *began.get_or_insert(now);
        match shared.phase() {
            Phase::Faults if since >= shared.plan.safety => {
                world.heal(sim);
                shared.enter(Phase::Healing);
            }
            Phase::Faults => {
                world.step(sim);
                while let Some((_, fault)) = faults.next_if(|(at, _)| *at <= since) {
                    world.fault(sim, fault);
                }
            }
            Phase::Healing if shared.working() == 0 => shared.enter(Phase::Audit),
            Phase::Healing | Phase::Audit => world.step(sim),
            Phase::Starting => {}
        }
        if since > RUN_MAX {
            return stuck(format!("clients still wait in {:?}", shared.phase()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::leader_changes;

    #[test]
    fn another_leader_of_a_data_group_is_a_change() {
        for (elections, changes) in [
            (vec![], 0),
            (vec![(1, 1, 2)], 0),
            // The metadata hold no shards.
            (vec![(0, 1, 1), (0, 2, 2)], 0),
            (vec![(1, 1, 2), (1, 2, 2), (1, 3, 1)], 1),
            (vec![(1, 1, 2), (2, 1, 3), (2, 4, 1), (2, 5, 3)], 2),
        ] {
            let elections: BTreeSet<_> = elections.into_iter().collect();
            assert_eq!(leader_changes(&elections), changes, "{elections:?}");
        }
    }
}
