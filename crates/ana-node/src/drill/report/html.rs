//! A report as one HTML file that needs nothing else: to be kept, sent, and printed.
//!
//! ```text
//!   scale   moments and values to places      panel   measurements as lines      chart   the whole time line
//!   tables  the sections of the report        page    what every report has around it: style.css, the verdict
//! ```
//! Must stay true: the file refers to nothing outside itself and runs nothing; every text of the record is escaped.

mod chart;
mod page;
mod panel;
mod scale;
mod tables;

use maud::{Markup, html};

use super::super::record::{Broken, BrokenRecord, Record};
use super::verdict::{Tally, Verdict};
use super::{seconds, what};
use crate::output::iso_time;

pub(in crate::drill) use self::page::{Head, minutes};
pub(in crate::drill) use self::tables::checks;

/// The report as an HTML document.
pub fn html(record: &Record) -> String {
    let tally = Tally::of(&record.expectations);
    let head = Head {
        drill: &record.drill,
        about: &record.about,
        why: record.why.as_deref(),
        verdict: Verdict::new(record.outcome, tally),
        tally,
        circumstances: format!(
            "{} · {} · seed {} · build {} · {}",
            iso_time(record.started_at_ms),
            minutes(record.duration_ms),
            record.seed,
            record.build,
            record.endpoint
        ),
    };
    let sections = html! {
        @if let Some(broken) = &record.first_broken {
            (first_broken(broken))
        }
        (tables::cluster(record))
        (tables::application(record))
        (tables::faults(record))
        (checks(&record.expectations))
        section id="time-line" {
            h2 { "Time line" }
            div.scroll { (chart::time_line(record)) }
        }
        (repeat(record))
        (tables::promises(record))
        (tables::events(record))
    };
    let footer = format!("Run {}, record format {}.", record.id, record.format);
    head.page(&sections, &footer)
}

fn first_broken(broken: &Broken) -> Markup {
    html! {
        section.alarm id="first-broken" {
            h2 { "First broken: " (broken.check) }
            p {
                @if let Some(at_ms) = broken.at_ms { "At " (seconds(at_ms)) ": " }
                (broken.found)
            }
            @if !broken.records.is_empty() {
                h3 { "Records" }
                ul { @for record in &broken.records { li { (broken_record(record)) } } }
            }
            @if !broken.around.is_empty() {
                h3 { "Five seconds before and after" }
                table {
                    tr { th.n { "at" } th { "what happened" } }
                    @for event in &broken.around {
                        tr { td.n { (seconds(event.at_ms)) } td { (what(&event.what)) } }
                    }
                }
            }
        }
    }
}

fn broken_record(record: &BrokenRecord) -> Markup {
    html! {
        b { (record.wrong) }
        ": record " (record.counter) " of key " code { (record.key) } " at " (record.shard) ", sequence number "
        code { (record.sequence_number) }
        @if let Some(told) = &record.acknowledged {
            "; acknowledged at " (seconds(told.at_ms))
            @if let Some(node) = told.node { " while node " (node) " led" }
            @if let Some(term) = told.term { ", term " (term) }
            @if let Some(index) = told.index { ", entry " (index) }
        }
    }
}

/// What it takes to have the same run again.
fn repeat(record: &Record) -> Markup {
    html! {
        section id="again" {
            h2 { "The same again" }
            dl { dt { "seed" } dd { (record.seed) } }
            pre { (record.again) }
            @if !record.notes.is_empty() {
                h3 { "Notes" }
                ul { @for note in &record.notes { li { (note) } } }
            }
            h3 { "The plan" }
            @match &record.plan {
                Some(plan) => pre { (plan) },
                None => p.soft {
                    "The record is older than plans in records: its steps are in the table of faults, the file \
                     itself is drill.toml beside the record."
                },
            }
        }
    }
}

#[cfg(test)]
mod html_test;
