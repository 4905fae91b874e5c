//! What a drill came to in the simulator, as a person reads it.
//!
//! Must stay true: made from the document alone; a check that saw no data never has a tick.

use super::{BrokenSeed, NeededStep, Simulation, Smaller};
use crate::drill::record::Outcome;
use crate::drill::report::{expectation_lines, seconds, thousands};
use crate::output::Paint;

const NOTHING_EXPECTED: &str =
    "the drill expects nothing; the simulation's own promises were asked";

/// The report.
pub fn text(simulation: &Simulation, paint: Paint) -> String {
    let good = simulation.outcome == Outcome::Passed;
    let secs = simulation.duration_ms / 1000;
    let mut lines = vec![format!(
        "{}   {}   {}   simulated   {:02}:{:02}   build {}",
        simulation.drill,
        paint.verdict(good, simulation.outcome.word()),
        seeds(simulation),
        secs / 60,
        secs % 60,
        simulation.build
    )];
    if !simulation.about.is_empty() {
        lines.push(simulation.about.clone());
    }
    lines.extend(simulation.why.iter().map(|why| format!("why: {why}")));
    if simulation.seeds_run > 0 {
        lines.push(format!(
            "acked {}   read back {} that had not expired   elections {}   {} simulated s",
            thousands(simulation.acknowledged),
            thousands(simulation.read),
            thousands(simulation.elections),
            thousands(simulation.simulated_ms / 1000)
        ));
        if simulation.expectations.is_empty() {
            lines.push(NOTHING_EXPECTED.to_owned());
        } else {
            lines.extend(expectation_lines(&simulation.expectations, paint));
        }
    }
    if let Some(broken) = &simulation.first_broken {
        first_broken(broken, &mut lines);
    }
    if let Some(needed) = &simulation.needed {
        steps(needed, &mut lines);
    }
    lines.push(format!("again: {}", simulation.again));
    lines.push(String::new());
    lines.join("\n")
}

/// `2 of 20 seeds from 5`
pub(super) fn seeds(simulation: &Simulation) -> String {
    let Simulation {
        seeds_run,
        seeds_asked,
        first_seed,
        ..
    } = simulation;
    format!("{seeds_run} of {seeds_asked} seeds from {first_seed}")
}

fn first_broken(BrokenSeed { seed, broken }: &BrokenSeed, lines: &mut Vec<String>) {
    lines.push(format!(
        "first broken: seed {seed}, {}: {}",
        broken.check, broken.found
    ));
    lines.extend(broken.records.iter().map(|record| format!("  {record}")));
}

fn steps(needed: &Smaller, lines: &mut Vec<String>) {
    lines.push(format!(
        "needed for it: {} of {} steps ({} more runs)",
        needed.steps.len(),
        needed.of,
        needed.tries
    ));
    lines.extend(needed.steps.iter().map(step));
    lines.push(format!("every event: {}", needed.events));
}

fn step(step: &NeededStep) -> String {
    let (at, lasts) = step_moments(step);
    let lasts = lasts.map_or(String::new(), |lasts| format!(" for {lasts}"));
    let NeededStep {
        number, action, on, ..
    } = step;
    format!("  step {number}  {at:>6}  {action} on {on}{lasts}")
}

/// When a step begins, and how long it lasts where it is not done once.
pub(super) fn step_moments(step: &NeededStep) -> (String, Option<String>) {
    let ms = |ms: u64| seconds(i64::try_from(ms).unwrap_or(i64::MAX));
    let lasts = (step.for_ms > 0).then(|| ms(step.for_ms));
    (ms(step.at_ms), lasts)
}
