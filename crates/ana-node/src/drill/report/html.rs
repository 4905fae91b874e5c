//! A report as one HTML file that needs nothing else: to be kept, sent, and printed.
//!
//! ```text
//!   scale   moments and values to places      panel   measurements as lines      chart   the whole time line
//!   tables  the sections of the report        style.css   light, dark, and on paper
//! ```
//! Must stay true: the file refers to nothing outside itself and runs nothing; every text of the record is escaped.

mod chart;
mod panel;
mod scale;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::record::{Broken, BrokenRecord, Record};
use super::markup::document;
use super::verdict::{Tally, Verdict};
use super::{seconds, what};
use crate::output::iso_time;

/// Written by us, and the only text that is not escaped.
const STYLE: &str = include_str!("html/style.css");
/// What a browser may do with the file: show it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The report as an HTML document.
pub fn html(record: &Record) -> String {
    let verdict = Verdict::of(record);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (record.drill) ": " (verdict.words()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(record, verdict))
                    @if let Some(broken) = &record.first_broken {
                        (first_broken(broken))
                    }
                    (tables::cluster(record))
                    (tables::application(record))
                    (tables::faults(record))
                    (tables::checks(record))
                    section id="time-line" {
                        h2 { "Time line" }
                        div.scroll { (chart::time_line(record)) }
                    }
                    (repeat(record))
                    (tables::promises(record))
                    (tables::events(record))
                    footer { p { "Run " code { (record.id) } ", record format " (record.format) "." } }
                }
            }
        }
    };
    document(page)
}

/// The verdict, in words, with a sign, and in colour.
fn head(record: &Record, verdict: Verdict) -> Markup {
    let (class, sign) = signs(verdict);
    let secs = record.duration_ms / 1000;
    html! {
        header class={ "verdict " (class) } {
            p.word { span aria-hidden="true" { (sign) " " } (sentence(verdict.words())) }
            h1 { (record.drill) }
            div.plain {
                @if !record.about.is_empty() { p { (record.about) } }
                @if let Some(why) = &record.why { p.why { "Why: " (why) } }
                p { (sentence(&Tally::of(record).in_words())) "." }
                p.soft {
                    (iso_time(record.started_at_ms)) " · " (secs / 60) " min " (secs % 60) " s · seed "
                    (record.seed) " · build " (record.build) " · " (record.endpoint)
                }
            }
        }
    }
}

fn signs(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Held => ("held", "✓"),
        Verdict::NotExercised => ("not-exercised", "–"),
        Verdict::Broken => ("broken", "✗"),
        Verdict::StoppedByGuard => ("guard", "■"),
        Verdict::StoppedByPerson => ("stopped", "■"),
        Verdict::CouldNotRun => ("could-not-run", "✗"),
    }
}

/// With a capital letter.
fn sentence(words: &str) -> String {
    let mut rest = words.chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + rest.as_str()
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
