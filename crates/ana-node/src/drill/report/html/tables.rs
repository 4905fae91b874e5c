//! The sections of a report as tables.
//!
//! Must stay true: a check that saw no data says "not exercised" and has no tick; what was not measured is a dash.

use ana_drill::quantity::Span;
use maud::{Markup, html};

use super::super::super::record::{
    AnomalyRow, ConsumerRow, Expectation, FaultRow, ForeignConsumer, Judgement, LoadCounts, Record,
};
use super::super::super::rows::short;
use super::super::{of_consumer, seconds, thousands, what};

/// Events that are listed; a shard's leader can change often.
const EVENTS_MAX: usize = 500;

/// What the cluster did with records: the runner's own, and the user's.
pub(super) fn cluster(record: &Record) -> Markup {
    let foreign = record.cluster.as_ref().map(|cluster| &cluster.puts);
    html! {
        section id="cluster" {
            h2 { "Cluster" }
            @if record.load.is_none() && record.replicas.is_none() && foreign.is_none() {
                p.soft { "Nothing of it was measured." }
            }
            dl {
                @if let Some(load) = &record.load { (of_load(load)) }
                @if let Some(replicas) = &record.replicas {
                    dt { "replicas identical" }
                    dd {
                        (replicas.identical) " of " (replicas.replicas) " (" (replicas.groups) " groups, "
                        (thousands(replicas.entries)) " entries)"
                    }
                }
            }
            @if let Some(puts) = foreign {
                h3 { "Your own puts" }
                table {
                    tr {
                        th { "stream" } th.n { "looked at" } th.n { "lost" } th.n { "duplicated" }
                        th.n { "by retries" } th.n { "reordered" } th { "lost, some of them" } th { "not exercised" }
                    }
                    @for row in puts {
                        tr {
                            td { (row.stream) }
                            td.n { (thousands(row.sampled)) }
                            td.n { (exercised(row.lost)) }
                            td.n { (exercised(row.duplicated)) }
                            td.n { (exercised(row.duplicated_by_retries)) }
                            td.n { (exercised(row.reordered)) }
                            td { (row.examples.join(", ")) }
                            td { (row.not_exercised.join("; ")) }
                        }
                    }
                }
                @if puts.is_empty() {
                    p.not-exercised { "– not exercised: no acknowledged put of yours was seen" }
                }
            }
            @if let Some(cluster) = &record.cluster {
                @if cluster.open > 0 {
                    p { (thousands(cluster.open)) " records had no answer: they may be there or not." }
                }
                @for what in &cluster.missing { p.soft { "Not looked at: " (what) } }
            }
        }
    }
}

fn of_load(load: &LoadCounts) -> Markup {
    html! {
        dt { "stream of the load" }
        dd { (load.stream) @if load.stream_created { " (created for the run)" } }
        dt { "acknowledged" }
        dd { (thousands(load.acked)) " records" }
        @match &load.audit {
            None => { dt { "read back" } dd { "no" } },
            Some(audit) => {
                dt { "lost" }
                dd { (thousands(audit.lost)) " (" (thousands(audit.read)) " read back)" }
                dt { "duplicated" }
                dd {
                    (thousands(audit.duplicated_by_retries)) " by client retries, "
                    (thousands(audit.duplicated_unexplained)) " that no retry explains"
                }
                dt { "sequence numbers reused" }
                dd { (thousands(audit.sequences_reused)) }
                dt { "order kept" }
                dd { (audit.keys_in_order) " of " (audit.keys) " keys" }
            },
        }
        dt { "retried, throttled, given up" }
        dd { (thousands(load.retried)) ", " (thousands(load.throttled)) ", " (thousands(load.unacked)) }
    }
}

/// How consumers fared: the runner's own, and the user's where they were watched.
pub(super) fn application(record: &Record) -> Markup {
    html! {
        @if let Some(application) = &record.application {
            section id="application" {
                h2 { "Your application" }
                @if application.consumers.is_empty() {
                    p.not-exercised { "– not exercised: no consumer of yours was seen" }
                } @else {
                    (foreign_consumers(&application.consumers))
                }
            }
        }
        @if !record.consumers.is_empty() {
            section id="consumers" {
                h2 { "Consumers of the drill" }
                (consumers(&record.consumers))
            }
        }
    }
}

fn consumers(rows: &[ConsumerRow]) -> Markup {
    html! {
        ul { @for row in rows { li { (of_consumer(row)) } } }
    }
}

/// A count, where there was something to count in.
fn exercised(count: Option<u64>) -> String {
    count.map_or_else(|| "not exercised".to_owned(), thousands)
}

/// A count of a consumer that was given something.
fn judged(row: &ForeignConsumer, count: u64) -> String {
    exercised((row.looked_at > 0 || count > 0).then_some(count))
}

fn foreign_consumers(rows: &[ForeignConsumer]) -> Markup {
    html! {
        table {
            tr {
                th { "consumer" } th { "stream" } th.n { "records" } th.n { "skipped" } th.n { "processed twice" }
                th.n { "checkpoint went back" } th.n { "perhaps given twice" } th.n { "not judged" }
                th.n { "stood still" } th.n { "longest" } th.n { "caught up after" }
            }
            @for row in rows {
                tr {
                    td { (row.name) @if row.is_pushed { " (pushed)" } }
                    td { (row.stream) }
                    td.n { (thousands(row.records)) }
                    td.n { (judged(row, row.skipped)) }
                    td.n { (judged(row, row.read_again)) }
                    td.n { (judged(row, row.went_back)) }
                    td.n { (thousands(row.perhaps_again)) }
                    td.n { (thousands(row.not_judged)) }
                    td.n { (row.gaps) }
                    td.n { (length(row.gap_max_ms)) }
                    td.n { @if row.is_behind { "not yet" } @else { (length(row.caught_up_after_ms)) } }
                }
            }
        }
        @for row in rows {
            @if !row.findings.is_empty() || !row.longest.is_empty() {
                h3 { (row.name) " of " (row.stream) }
                ul {
                    @for what in &row.findings { li { (what) } }
                    @for gap in &row.longest {
                        li {
                            (gap.shard) ": stood still for " (short(Span::from_millis(gap.length_ms))) " from "
                            (seconds(gap.at_ms))
                        }
                    }
                }
            }
        }
    }
}

/// What was broken, with the targets as they turned out.
pub(super) fn faults(record: &Record) -> Markup {
    html! {
        section id="faults" {
            h2 { "Faults and steps" }
            @if record.faults.is_empty() {
                p.soft { "None." }
            } @else {
                div.scroll {
                    table {
                        tr {
                            th.n { "step" } th { "what" } th { "target" } th { "hit" } th.n { "planned" }
                            th.n { "fired" } th.n { "over" } th.n { "write gap" } th.n { "p99 during" }
                            th.n { "normal after" } th { "note" }
                        }
                        @for row in &record.faults { (fault(row)) }
                    }
                }
            }
        }
    }
}

fn fault(row: &FaultRow) -> Markup {
    let moment = |ms: Option<i64>| ms.map_or("-".to_owned(), seconds);
    html! {
        tr {
            td.n { (row.number) }
            td { (row.action) @if let Some(name) = &row.name { " (" (name) ")" } }
            td { (row.on) }
            td { (row.pick.as_ref().map_or("-".to_owned(), ToString::to_string)) }
            td.n { (seconds(row.planned_at_ms)) }
            td.n { (moment(row.fired_at_ms)) }
            td.n { (moment(row.reverted_at_ms)) }
            td.n { (length(row.write_gap_ms)) }
            td.n { (row.put_p99_ms.map_or("-".to_owned(), |ms| format!("{ms} ms"))) }
            td.n { (length(row.normal_after_ms)) }
            td { (row.note.as_deref().unwrap_or_default()) }
        }
    }
}

fn length(ms: Option<u64>) -> String {
    ms.map_or("-".to_owned(), |ms| short(Span::from_millis(ms)))
}

/// Each check with what became of it.
pub(in crate::drill) fn checks(all: &[Expectation]) -> Markup {
    html! {
        section id="checks" {
            h2 { "Checks" }
            @if all.is_empty() {
                p.soft { "Nothing was judged." }
            } @else {
                table {
                    tr { th { "status" } th { "check" } th { "seen" } }
                    @for each in all {
                        @let (class, status) = status(&each.judgement);
                        tr {
                            td class={ "state " (class) } { (status) }
                            td { code { (each.check) } }
                            td { (seen(&each.judgement)) }
                        }
                    }
                }
            }
        }
    }
}

fn status(judgement: &Judgement) -> (&'static str, &'static str) {
    match judgement {
        Judgement::Held { .. } => ("held", "✓ held"),
        Judgement::Broken { .. } => ("broken", "✗ broken"),
        Judgement::NotExercised { .. } => ("not-exercised", "– not exercised"),
    }
}

fn seen(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Held { seen } => seen.clone().unwrap_or_default(),
        Judgement::Broken { at_ms, found } => {
            at_ms.map_or(String::new(), |at| format!("at {}: ", seconds(at))) + found
        }
        Judgement::NotExercised { why } => why.clone(),
    }
}

/// What the checker looked at, whether it was asked or not.
pub(super) fn promises(record: &Record) -> Markup {
    html! {
        @if !record.anomalies.is_empty() {
            section id="promises" {
                h2 { "What the checker looked at" }
                table {
                    tr { th { "status" } th { "promise" } th.n { "looked at" } th.n { "found" } th { "some of it" } }
                    @for row in &record.anomalies {
                        @let (class, status) = of_promise(row);
                        tr {
                            td class={ "state " (class) } { (status) }
                            td { (row.id) ": " (row.promise) }
                            td.n { (thousands(row.looked_at)) }
                            td.n { (thousands(row.found)) }
                            td { (row.findings.join("; ")) }
                        }
                    }
                }
            }
        }
    }
}

fn of_promise(row: &AnomalyRow) -> (&'static str, &'static str) {
    match (row.looked_at, row.found) {
        (_, 1..) => ("broken", "✗ broken"),
        (0, 0) => ("not-exercised", "– not exercised"),
        (_, 0) => ("held", "✓ held"),
    }
}

/// What happened, in order.
pub(super) fn events(record: &Record) -> Markup {
    let more = record.events.len().saturating_sub(EVENTS_MAX);
    html! {
        @if !record.events.is_empty() {
            section id="events" {
                h2 { "Events" }
                table {
                    tr { th.n { "at" } th { "what happened" } }
                    @for event in record.events.iter().take(EVENTS_MAX) {
                        tr { td.n { (seconds(event.at_ms)) } td { (what(&event.what)) } }
                    }
                }
                @if more > 0 {
                    p { (thousands(u64::try_from(more).unwrap_or(u64::MAX))) " more are in the record." }
                }
            }
        }
    }
}
