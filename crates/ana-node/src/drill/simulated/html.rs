//! What a drill came to in the simulator, as one HTML file that needs nothing else. It has no time line: each seed has a
//! time of its own.
//!
//! Must stay true: made from the document alone; a check that saw no data never has a tick.

use maud::{Markup, html};

use super::checks::checks;
use super::{BrokenSeed, Simulation, Smaller, report};
use crate::drill::report::{Head, Tally, Verdict, checks as table, minutes, thousands};

/// The report as an HTML document.
pub fn html(simulation: &Simulation) -> String {
    let all = checks(simulation);
    let tally = Tally::of(&all);
    let head = Head {
        drill: &simulation.drill,
        about: &simulation.about,
        why: simulation.why.as_deref(),
        verdict: Verdict::new(simulation.outcome, tally),
        tally,
        circumstances: format!(
            "simulated · {} · {} · build {}",
            report::seeds(simulation),
            minutes(simulation.duration_ms),
            simulation.build
        ),
    };
    let sections = html! {
        @if let Some(broken) = &simulation.first_broken { (first_broken(broken)) }
        @if let Some(needed) = &simulation.needed { (steps(needed)) }
        (seeds(simulation))
        (table(&all))
        section id="again" {
            h2 { "The same again" }
            pre { (simulation.again) }
        }
    };
    head.page(
        &sections,
        &format!("Document format {}.", simulation.format),
    )
}

fn seeds(simulation: &Simulation) -> Markup {
    html! {
        section id="seeds" {
            h2 { "Seeds" }
            dl {
                dt { "acknowledged" } dd { (thousands(simulation.acknowledged)) " records" }
                dt { "read back" } dd { (thousands(simulation.read)) " that had not expired" }
                dt { "elections" } dd { (thousands(simulation.elections)) }
                dt { "simulated" } dd { (thousands(simulation.simulated_ms / 1000)) " s" }
            }
        }
    }
}

fn first_broken(BrokenSeed { seed, broken }: &BrokenSeed) -> Markup {
    html! {
        section.alarm id="first-broken" {
            h2 { "First broken: " (broken.check) }
            p { "Seed " (seed) ": " (broken.found) }
            @if !broken.records.is_empty() {
                h3 { "Records" }
                ul { @for record in &broken.records { li { (record) } } }
            }
        }
    }
}

fn steps(needed: &Smaller) -> Markup {
    html! {
        section id="needed" {
            h2 { "Steps that are needed for it" }
            p { (needed.steps.len()) " of " (needed.of) " steps, found in " (needed.tries) " more runs." }
            @if !needed.steps.is_empty() {
                div.scroll {
                    table {
                        tr { th.n { "step" } th.n { "at" } th { "what" } th { "on" } th.n { "for" } }
                        @for step in &needed.steps {
                            @let (at, lasts) = report::step_moments(step);
                            tr {
                                td.n { (step.number) }
                                td.n { (at) }
                                td { (step.action) }
                                td { (step.on) }
                                td.n { (lasts.as_deref().unwrap_or("-")) }
                            }
                        }
                    }
                }
            }
            p { "Every event of the smallest run:" }
            pre { (needed.events) }
        }
    }
}
