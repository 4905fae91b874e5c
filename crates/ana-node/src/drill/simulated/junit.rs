//! What a drill came to in the simulator, as JUnit's XML: the run, the simulation's own promises, then each check.
//!
//! Must stay true: nothing but a check that held passes.

use super::checks::checks;
use super::{Simulation, text};
use crate::drill::record::{Judgement, Outcome};
use crate::drill::report::{Case, Fate, RUN, Suite};
use crate::output::Paint;

/// The report as JUnit's XML.
pub fn junit(simulation: &Simulation) -> String {
    let time_ms = simulation.duration_ms;
    let told = text(simulation, Paint::default());
    let mut cases = vec![Case::of(RUN, time_ms, run(simulation))];
    cases.extend(checks(simulation).iter().map(|each| {
        let fate = match &each.judgement {
            Judgement::Held { .. } => Fate::Passed,
            Judgement::NotExercised { why } => Fate::not_exercised(why),
            Judgement::Broken { found, .. } => Fate::Failed {
                message: format!("broken: {found}"),
                more: told.clone(),
            },
        };
        Case::of(&each.check, time_ms, fate)
    }));
    let suite = Suite {
        drill: simulation.drill.clone(),
        time_ms,
        timestamp: None,
        hostname: Some("simulated".to_owned()),
        properties: vec![
            ("outcome", simulation.outcome.word().to_lowercase()),
            ("first_seed", simulation.first_seed.to_string()),
            ("seeds_asked", simulation.seeds_asked.to_string()),
            ("seeds_run", simulation.seeds_run.to_string()),
            ("build", simulation.build.clone()),
            ("again", simulation.again.clone()),
        ],
        cases,
        out: Some(told.clone()),
    };
    suite.xml()
}

/// Whether it came to its end. There are no guards in a simulation.
fn run(simulation: &Simulation) -> Fate {
    let why = simulation.why.clone().unwrap_or_default();
    let message = match simulation.outcome {
        Outcome::Passed | Outcome::Broken => return Fate::Passed,
        Outcome::StoppedByPerson => "stopped by a person".to_owned(),
        Outcome::CouldNotRun | Outcome::StoppedByGuard => format!("could not run: {why}"),
    };
    Fate::Error {
        message,
        more: format!("again: {}\n", simulation.again),
    }
}
