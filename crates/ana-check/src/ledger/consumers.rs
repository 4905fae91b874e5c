//! What became of each consumer of the application, over all shards that it read.
//!
//! Must stay true: a consumer that was seen is told, also when nothing was found.

use std::collections::BTreeMap;

use super::cursor::{Found, follow};
use super::lineage::{Reader, readers};
use super::{Known, StreamLedger, Way};

/// Findings in words, and pauses, that are kept of one consumer.
const TOLD_MAX: usize = 10;

/// A consumer of the application.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consumer {
    /// A registered consumer's ARN, or whose credentials read; and which of several.
    pub name: String,
    /// Whether records are pushed to it.
    pub is_pushed: bool,
    /// Shards it read.
    pub shards: u64,
    /// Records it was given, those that it was given again with them.
    pub records: u64,
    /// Known records in what it went over: what is said of skipped ones is said of these.
    pub looked_at: u64,
    /// Records that it passed over, went beyond, and was not given until the end.
    pub skipped: u64,
    /// Records that it certainly had and was given again.
    pub read_again: u64,
    /// Records it was given again whose first answer may not have arrived.
    pub perhaps_again: u64,
    /// Times it began again before records that it certainly had.
    pub went_back: u64,
    /// Records that it may have been given or not: notes are missing.
    pub not_judged: u64,
    /// Times without an answer, a second longer than usual or more.
    pub pauses: u64,
    /// The longest of them.
    pub longest: Vec<Pause>,
    /// The furthest it was behind, milliseconds.
    pub behind_max_ms: u64,
    /// How long after the last fault was taken away it had caught up in every shard, if it was behind.
    pub caught_up_after_us: Option<u64>,
    /// Whether it was behind, and had not caught up at the end.
    pub is_behind: bool,
    /// What was found, some of it, in words.
    pub findings: Vec<String>,
}

/// A time in which a consumer was given nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The shard.
    pub shard: String,
    /// When it began, microseconds of the collector.
    pub at_us: u64,
    /// How long it was.
    pub length_us: u64,
}

/// The consumers of a stream, by name.
pub fn consumers(ledger: &StreamLedger) -> Vec<Consumer> {
    let known = ledger.known();
    let mut consumers: BTreeMap<(&str, bool, usize), Consumer> = BTreeMap::new();
    let readers = readers(ledger);
    for reader in &readers {
        let none = Known::default();
        let found = follow(ledger, reader, known.get(reader.shard).unwrap_or(&none));
        let is_pushed = is_pushed(reader);
        let consumer = consumers.entry((reader.name, is_pushed, reader.number));
        let consumer = consumer.or_insert_with(|| Consumer {
            name: match reader.number {
                0 => reader.name.to_owned(),
                more => format!("{} ({})", reader.name, more + 1),
            },
            is_pushed,
            ..Consumer::default()
        });
        consumer.add(reader.shard, found);
    }
    let mut all: Vec<Consumer> = consumers.into_values().collect();
    for consumer in &mut all {
        // Behind in one shard is behind.
        if consumer.is_behind {
            consumer.caught_up_after_us = None;
        }
    }
    all
}

fn is_pushed(reader: &Reader<'_>) -> bool {
    let lineages = reader.lineages.iter();
    let mut deliveries = lineages.flat_map(|lineage| &lineage.deliveries);
    deliveries.any(|delivery| matches!(delivery.way, Way::Pushed { .. }))
}

impl Consumer {
    fn add(&mut self, shard: &str, found: Found) {
        self.shards += 1;
        self.records += found.records;
        self.looked_at += found.looked_at;
        self.skipped += found.skipped;
        self.read_again += found.read_again;
        self.perhaps_again += found.perhaps_again;
        self.went_back += found.went_back;
        self.not_judged += found.not_judged;
        self.pauses += u64::try_from(found.pauses.len()).unwrap_or(u64::MAX);
        let pauses = found.pauses.into_iter().map(|(at_us, length_us)| Pause {
            shard: shard.to_owned(),
            at_us,
            length_us,
        });
        self.longest.extend(pauses);
        self.longest
            .sort_by_key(|pause| std::cmp::Reverse(pause.length_us));
        self.longest.truncate(TOLD_MAX);
        self.behind_max_ms = self.behind_max_ms.max(found.behind_max_ms);
        self.caught_up_after_us = self.caught_up_after_us.max(found.caught_up_after_us);
        self.is_behind |= found.is_behind;
        let findings = found.findings.into_iter();
        let room = TOLD_MAX.saturating_sub(self.findings.len());
        self.findings
            .extend(findings.take(room).map(|what| format!("{shard}: {what}")));
    }
}
