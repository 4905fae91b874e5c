//! What a drill came to in the simulator, as a person reads it.
//!
//! Must stay true: made from the document alone; a check that saw no data never has a tick.

use super::{BrokenSeed, NeededStep, Simulation, Smaller};
use crate::drill::record::{Judgement, Outcome};
use crate::drill::report::{seconds, thousands};
use crate::output::Paint;

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
        expectations(simulation, paint, &mut lines);
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

fn expectations(simulation: &Simulation, paint: Paint, lines: &mut Vec<String>) {
    let all = &simulation.expectations;
    if all.is_empty() {
        return lines.push(
            "the drill expects nothing; the simulation's own promises were asked".to_owned(),
        );
    }
    let held = all
        .iter()
        .filter(|each| matches!(each.judgement, Judgement::Held { .. }));
    lines.push(format!("expectations {}/{} held", held.count(), all.len()));
    for each in all {
        let (mark, words) = match &each.judgement {
            Judgement::Held { seen } => (
                paint.verdict(true, "held  "),
                seen.as_ref()
                    .map_or(String::new(), |seen| format!("  ({seen})")),
            ),
            Judgement::Broken { found, .. } => {
                (paint.verdict(false, "BROKEN"), format!(": {found}"))
            }
            Judgement::NotExercised { why } => {
                ("  -   ".to_owned(), format!("  not exercised: {why}"))
            }
        };
        lines.push(format!("  {mark}  {}{words}", each.check));
    }
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
