//! A record as a person reads it: the answer on the first screen, then what is behind it.
//!
//! ```text
//!   text (here)   html   junit      own       what was found of the user's own traffic
//!                               verdict   the answer in a word      markup   texts that any document can hold
//! ```
//! Must stay true: everything is made from the record alone, so that every form of a report says the same; a check that
//! saw no data never has a tick.

mod expectations;
mod html;
mod junit;
mod markup;
mod own;
mod verdict;

use std::path::Path;

use ana_drill::Pick;
use ana_drill::quantity::Span;

use super::record::{Broken, ConsumerRow, Event, FaultRow, LoadCounts, Outcome, Record, What};
use super::rows::short;
use crate::output::{Paint, Table};

pub(super) use self::expectations::lines as expectation_lines;
pub use self::html::html;
pub(super) use self::html::{Head, checks, minutes};
pub(super) use self::junit::{Case, Fate, RUN, Suite};
pub use self::junit::{junit, junit_of_refusal};
pub(super) use self::verdict::{Tally, Verdict};

/// Events around a broken invariant that are shown.
const AROUND_MAX: usize = 20;

/// The report; `dir` is where the run is kept.
pub fn text(record: &Record, dir: Option<&Path>, paint: Paint) -> String {
    let good = record.outcome == Outcome::Passed;
    let secs = record.duration_ms / 1000;
    let mut text = format!(
        "{}   {}   seed {}   {:02}:{:02}   build {}\n",
        record.drill,
        paint.verdict(good, record.outcome.word()),
        record.seed,
        secs / 60,
        secs % 60,
        record.build
    );
    let mut line = |words: &str| {
        if !words.is_empty() {
            text.push_str(words);
            text.push('\n');
        }
    };
    line(&record.about);
    if let (false, Some(why)) = (good, &record.why) {
        line(&format!("why: {why}"));
    }
    line("");
    line(&counts(record));
    if !record.faults.is_empty() {
        line(faults(&record.faults).render().trim_end());
    }
    line(&expectations(record, paint));
    for consumer in &record.consumers {
        line(&of_consumer(consumer));
    }
    line(&own::text(record));
    if let Some(broken) = &record.first_broken {
        line(first_broken(broken).trim_end());
    }
    for note in &record.notes {
        line(&format!("note: {note}"));
    }
    line(&format!("again: {}", record.again));
    if let Some(dir) = dir {
        line(&format!("kept: {}", dir.display()));
    }
    text
}

fn counts(record: &Record) -> String {
    let mut words = Vec::new();
    if let Some(load) = &record.load {
        words.push(of_load(load));
    }
    if let Some(replicas) = &record.replicas {
        words.push(format!(
            "replicas identical {}/{}",
            replicas.identical, replicas.replicas
        ));
    }
    words.join("   ")
}

fn of_load(load: &LoadCounts) -> String {
    let mut words = vec![format!("acked {}", thousands(load.acked))];
    match &load.audit {
        None => words.push("not read back".to_owned()),
        Some(audit) => {
            words.push(format!("lost {}", thousands(audit.lost)));
            let (explained, others) = (audit.duplicated_by_retries, audit.duplicated_unexplained);
            words.push(match (explained, others) {
                (0, 0) => "duplicated 0".to_owned(),
                (some, 0) => format!("duplicated {} (all client retries)", thousands(some)),
                (some, more) => format!(
                    "duplicated {} ({} that no retry explains)",
                    thousands(some + more),
                    thousands(more)
                ),
            });
            words.push(format!(
                "order kept {}/{} keys",
                audit.keys_in_order, audit.keys
            ));
        }
    }
    words.join("   ")
}

/// `28,914`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn faults(rows: &[FaultRow]) -> Table {
    let mut table = Table::new(&[
        "fault",
        ">fired",
        ">reverted",
        ">write gap",
        ">p99 during",
        ">normal after",
        "note",
    ]);
    let moment = |ms: Option<i64>| ms.map_or(String::new(), seconds);
    let length = |ms: Option<u64>| ms.map_or(String::new(), |ms| short(Span::from_millis(ms)));
    for row in rows {
        table.row(vec![
            hit(row),
            moment(row.fired_at_ms),
            moment(row.reverted_at_ms),
            length(row.write_gap_ms),
            row.put_p99_ms
                .map_or(String::new(), |ms| format!("{ms} ms")),
            length(row.normal_after_ms),
            row.note.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// A moment: `-0.5s`, `12.0s`.
pub fn seconds(ms: i64) -> String {
    let tenths = (ms.abs() + 50) / 100;
    let sign = if ms < 0 && tenths > 0 { "-" } else { "" };
    format!("{sign}{}.{}s", tenths / 10, tenths % 10)
}

/// The action and what it hit: `zone.down zone b`.
fn hit(row: &FaultRow) -> String {
    let on = match &row.pick {
        Some(pick @ (Pick::Zones(_) | Pick::Nodes(_))) => pick.to_string(),
        // Links of many nodes are too many to name.
        Some(Pick::Wires(_) | Pick::Requests { .. }) | None => row.on.clone(),
    };
    format!("{} {on}", row.action)
}

fn expectations(record: &Record, paint: Paint) -> String {
    let all = &record.expectations;
    if all.is_empty() {
        return match record.outcome {
            Outcome::CouldNotRun => String::new(),
            _ => "nothing was expected".to_owned(),
        };
    }
    expectations::lines(all, paint).join("\n")
}

fn of_consumer(consumer: &ConsumerRow) -> String {
    let mut words = vec![format!(
        "consumer {}: {} records",
        consumer.name,
        thousands(consumer.records)
    )];
    let length = |ms: u64| short(Span::from_millis(ms));
    if !consumer.gaps.is_empty() {
        let longest = consumer
            .gaps
            .iter()
            .take(3)
            .map(|gap| length(gap.length_ms));
        let longest: Vec<String> = longest.collect();
        let what = if consumer.gaps.len() == 1 {
            "gap"
        } else {
            "gaps"
        };
        words.push(format!(
            "{} {what} in polling ({})",
            consumer.gaps.len(),
            longest.join(", ")
        ));
    }
    if consumer.duplicates > 0 {
        words.push(format!("{} given twice", thousands(consumer.duplicates)));
    }
    if consumer.renewed > 0 {
        let pushed = consumer.name.starts_with("fan-out");
        let what = if pushed { "subscriptions" } else { "iterators" };
        words.push(format!("{} {what} renewed", consumer.renewed));
    }
    words.extend(
        consumer
            .lag_max_ms
            .map(|ms| format!("{} behind at most", length(ms))),
    );
    let caught_up = consumer.caught_up_after_ms;
    words.extend(caught_up.map(|ms| format!("caught up {} after the healing", length(ms))));
    words.join(", ")
}

fn first_broken(broken: &Broken) -> String {
    let at = broken
        .at_ms
        .map_or(String::new(), |at| format!(" at {}", seconds(at)));
    let mut text = format!("first broken: {}{at}: {}\n", broken.check, broken.found);
    for record in &broken.records {
        text.push_str(&format!(
            "  record {} of key {} at {} {}: {}\n",
            record.counter, record.key, record.shard, record.sequence_number, record.wrong
        ));
        if let Some(told) = &record.acknowledged {
            let mut who = vec![format!("acknowledged at {}", seconds(told.at_ms))];
            who.extend(told.node.map(|node| format!("while node {node} led")));
            who.extend(told.term.map(|term| format!("term {term}")));
            who.extend(told.index.map(|index| format!("entry {index}")));
            text.push_str(&format!("    {}\n", who.join(", ")));
        }
    }
    for event in broken.around.iter().take(AROUND_MAX) {
        text.push_str(&format!("  {}\n", event_line(event)));
    }
    text
}

/// An event on one line.
pub fn event_line(event: &Event) -> String {
    format!("{:>7}  {}", seconds(event.at_ms), what(&event.what))
}

fn what(what: &What) -> String {
    let node = |node: &Option<u64>| node.map_or("nobody".to_owned(), |node| format!("node {node}"));
    match what {
        What::Phase { phase } => format!("-- {} --", phase.words()),
        What::FaultFired {
            fault,
            action,
            pick,
        } => format!("fault {fault}: {action} on {pick}"),
        What::FaultReverted { fault, action } => format!("fault {fault}: {action} is over"),
        What::FaultFailed { fault, why } => format!("fault {fault}: {why}"),
        What::LeaderChanged {
            shard,
            from,
            to,
            term,
        } => {
            let what = shard.as_deref().unwrap_or("the metadata");
            format!(
                "{what}: led by {} instead of {}, term {term}",
                node(to),
                node(from)
            )
        }
        What::NodeState {
            node, zone, state, ..
        } => format!("node {node} (zone {zone}) is {state}"),
        What::GuardTripped { check, found } => format!("guard: {check}: {found}"),
        What::StopAsked { how } => format!("stop: {how}"),
        What::Figures { acked, .. } => format!("acked {}", thousands(*acked)),
        What::Note { text } => text.clone(),
    }
}

/// The figures of a second on one line, for a terminal.
pub fn figures_line(
    at_ms: i64,
    acked: u64,
    values: &std::collections::BTreeMap<String, u64>,
) -> String {
    let value = |name: &str| values.get(name).copied();
    let mut words = vec![format!("{:>7}  acked {}", seconds(at_ms), thousands(acked))];
    words.extend(value("acked_lost").map(|lost| format!("lost {lost}")));
    words.extend(value("put_success_rate").map(|rate| {
        let tenths = rate / 100;
        format!("puts {}.{}%", tenths / 10, tenths % 10)
    }));
    let time = |name: &str| value(name).map(|us| short(Span::from_micros(us)));
    words.extend(time("put_p99").map(|p99| format!("p99 {p99}")));
    words.extend(time("write_gap").map(|gap| format!("gap {gap}")));
    words.extend(time("consumer_lag").map(|lag| format!("lag {lag}")));
    words.join("   ")
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
pub(crate) mod report_test;
