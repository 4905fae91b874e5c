//! What a simulation judged: its own promises, which every seed is held to, then what the drill expects.
//!
//! Must stay true: promises are held only where records were acknowledged that could have been lost.

use super::Simulation;
use crate::drill::record::{Expectation, Judgement};
use crate::drill::report::thousands;

/// The name of the promises among the checks.
const PROMISES: &str = "the simulation's own promises";

/// All of it, for reports that list checks.
pub(super) fn checks(simulation: &Simulation) -> Vec<Expectation> {
    let promises = Expectation {
        check: PROMISES.to_owned(),
        judgement: promises(simulation),
    };
    let expected = simulation.expectations.iter().cloned();
    std::iter::once(promises).chain(expected).collect()
}

fn promises(simulation: &Simulation) -> Judgement {
    let expected = |check: &str| simulation.expectations.iter().any(|it| it.check == check);
    let first = simulation.first_broken.as_ref();
    match first.filter(|first| !expected(&first.broken.check)) {
        Some(first) => Judgement::Broken {
            at_ms: None,
            found: format!(
                "seed {}, {}: {}",
                first.seed, first.broken.check, first.broken.found
            ),
        },
        None if simulation.acknowledged == 0 => Judgement::NotExercised {
            why: "no record was acknowledged".to_owned(),
        },
        None => Judgement::Held {
            seen: Some(format!(
                "{} acknowledged records, {} read back that had not expired, in {} of {} seeds",
                thousands(simulation.acknowledged),
                thousands(simulation.read),
                simulation.seeds_run,
                simulation.seeds_asked
            )),
        },
    }
}
