//! What was found of the user's own traffic, as lines and as cases: the cluster and the application apart.
//!
//! Must stay true: what saw no data says so, and is never clean.

use ana_drill::quantity::Span;

use super::super::record::{ForeignConsumer, ForeignPuts, Record};
use super::super::rows::short;
use super::thousands;

/// One thing that was asked of the user's traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Whether it is about the application, and not about the cluster.
    pub(super) is_application: bool,
    /// What was asked of whom: `puts to orders: lost`.
    pub(super) name: String,
    /// What came of it.
    pub(super) state: State,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing was found.
    Clean,
    /// It was found; in words.
    Found(String),
    /// There was nothing to look at; why.
    NotExercised(String),
}

const NO_PUTS: &str = "no acknowledged put of yours was seen";
const NO_CONSUMER: &str = "no consumer of yours was seen";

/// All of them, the cluster's first.
pub(super) fn findings(record: &Record) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(cluster) = &record.cluster {
        if cluster.puts.is_empty() {
            all.push(finding(
                false,
                "your puts",
                State::NotExercised(NO_PUTS.to_owned()),
            ));
        }
        all.extend(cluster.puts.iter().flat_map(of_puts));
    }
    if let Some(application) = &record.application {
        if application.consumers.is_empty() {
            let state = State::NotExercised(NO_CONSUMER.to_owned());
            all.push(finding(true, "your consumers", state));
        }
        all.extend(application.consumers.iter().flat_map(of_consumer));
    }
    all
}

fn finding(is_application: bool, name: impl Into<String>, state: State) -> Finding {
    Finding {
        is_application,
        name: name.into(),
        state,
    }
}

fn of_puts(puts: &ForeignPuts) -> Vec<Finding> {
    let state = |what: &str, count: Option<u64>| match count {
        None => State::NotExercised(why_not(puts, what)),
        Some(0) => State::Clean,
        Some(some) => State::Found(format!("{} {what}", thousands(some))),
    };
    let counts = [
        ("lost", puts.lost),
        ("duplicated", puts.duplicated),
        ("reordered", puts.reordered),
    ];
    let findings = counts.map(|(what, count)| {
        let name = format!("your puts to {}: {what}", puts.stream);
        finding(false, name, state(what, count))
    });
    findings.to_vec()
}

/// Why something was not exercised, where that is known.
fn why_not(puts: &ForeignPuts, what: &str) -> String {
    let mut whys = puts.not_exercised.iter();
    let why = whys.find(|why| {
        let about = why.split(':').next().unwrap_or_default();
        about.contains(what)
    });
    why.and_then(|why| why.split_once(": ")).map_or_else(
        || "there was nothing to compare".to_owned(),
        |(_, why)| why.to_owned(),
    )
}

fn of_consumer(consumer: &ForeignConsumer) -> Vec<Finding> {
    let counts = [
        ("skipped", consumer.skipped),
        ("processed twice", consumer.read_again),
        ("checkpoint went back", consumer.went_back),
    ];
    let findings = counts.map(|(what, count)| {
        let name = format!("{} reading {}: {what}", consumer.name, consumer.stream);
        let state = match (consumer.looked_at, count) {
            (_, some) if some > 0 => State::Found(format!("{} {what}", thousands(some))),
            (0, _) => State::NotExercised("it was given no record that is known".to_owned()),
            _ => State::Clean,
        };
        finding(true, name, state)
    });
    findings.to_vec()
}

/// The sections of the report on a terminal.
pub(super) fn text(record: &Record) -> String {
    let mut lines = Vec::new();
    if let Some(cluster) = &record.cluster {
        if cluster.puts.is_empty() {
            lines.push(format!("cluster, your puts: not exercised: {NO_PUTS}"));
        }
        for puts in &cluster.puts {
            lines.extend(puts_lines(puts));
        }
        if cluster.puts.len() > 1 || cluster.open > 0 {
            lines.push(format!(
                "  {} acknowledged in all, {} without an answer: they may be there or not",
                thousands(cluster.acknowledged),
                thousands(cluster.open)
            ));
        }
        let missing = cluster.missing.iter();
        lines.extend(missing.map(|what| format!("  not looked at: {what}")));
    }
    if let Some(application) = &record.application {
        if application.consumers.is_empty() {
            lines.push(format!("application: not exercised: {NO_CONSUMER}"));
        }
        for consumer in &application.consumers {
            lines.extend(consumer_lines(consumer));
        }
    }
    lines.join("\n")
}

fn puts_lines(puts: &ForeignPuts) -> Vec<String> {
    let count = |what: &str, count: Option<u64>| match count {
        None => format!("{what} not exercised"),
        Some(count) => format!("{what} {}", thousands(count)),
    };
    let mut words = vec![
        format!(
            "cluster, your puts to {}: {} looked at",
            puts.stream,
            thousands(puts.sampled)
        ),
        count("lost", puts.lost),
        count("duplicated", puts.duplicated),
        count("reordered", puts.reordered),
    ];
    if let Some(some @ 1..) = puts.duplicated_by_retries {
        words.push(format!("{} copies by retries", thousands(some)));
    }
    let mut lines = vec![words.join("   ")];
    if !puts.examples.is_empty() {
        lines.push(format!("  lost: {}", puts.examples.join(", ")));
    }
    let whys = puts.not_exercised.iter();
    lines.extend(whys.map(|why| format!("  not exercised: {why}")));
    lines
}

/// `3.1s, 1.4s`
fn lengths(consumer: &ForeignConsumer) -> String {
    let longest = consumer.longest.iter().take(3);
    let lengths = longest.map(|gap| short(Span::from_millis(gap.length_ms)));
    lengths.collect::<Vec<_>>().join(", ")
}

fn consumer_lines(consumer: &ForeignConsumer) -> Vec<String> {
    let mut words = vec![format!(
        "application, {} {} {}: {} records",
        consumer.name,
        if consumer.is_pushed {
            "subscribed to"
        } else {
            "reading"
        },
        consumer.stream,
        thousands(consumer.records)
    )];
    if consumer.looked_at == 0 {
        words.push("not exercised: none of them is known".to_owned());
    } else {
        words.push(format!("skipped {}", thousands(consumer.skipped)));
        words.push(format!(
            "processed twice {}",
            thousands(consumer.read_again)
        ));
        words.push(format!("checkpoint went back {}", consumer.went_back));
    }
    for (count, what) in [
        (
            consumer.perhaps_again,
            "given again after an answer that may have been lost",
        ),
        (consumer.not_judged, "not judged"),
    ] {
        if count > 0 {
            words.push(format!("{} {what}", thousands(count)));
        }
    }
    let times = if consumer.gaps == 1 { "once" } else { "times" };
    match consumer.gaps {
        0 => {}
        1 => words.push(format!("stood still {times} ({})", lengths(consumer))),
        some => words.push(format!(
            "stood still {some} {times} ({})",
            lengths(consumer)
        )),
    }
    if consumer.is_behind {
        words.push("had not caught up at the end".to_owned());
    }
    let caught_up = consumer.caught_up_after_ms;
    words.extend(caught_up.map(|ms| {
        let after = short(Span::from_millis(ms));
        format!("caught up {after} after the healing")
    }));
    let mut lines = vec![words.join("   ")];
    let findings = consumer.findings.iter();
    lines.extend(findings.map(|what| format!("  {what}")));
    lines
}

#[cfg(test)]
mod own_test;
