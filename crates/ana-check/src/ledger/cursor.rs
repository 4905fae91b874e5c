//! One reader in one shard: where it has been, what it passed over, what it read again, where it went back, and when it
//! was given nothing.
//!
//! Nodes see what they gave, not what was processed. What was given in an answer that may never have arrived is
//! therefore told apart from what the reader certainly had: of a polling reader everything before an iterator that it
//! used; of a subscription what was pushed five seconds before the next session began.
//!
//! Must stay true: a record is skipped only when the reader went beyond it, and was not given it until the end.

use std::ops::Range;

use super::lineage::{Lineage, Reader};
use super::ranges::Ranges;
use super::{Delivery, END, Known, StreamLedger, Way};

/// What is pushed may be under way for so long, microseconds.
const UNDER_WAY_US: u64 = 5_000_000;
/// A time without an answer is told when it is so much longer than the usual one, microseconds.
const PAUSE_US: u64 = 1_000_000;
/// A reader that is less behind has caught up, milliseconds.
const CAUGHT_UP_MS: u64 = 2000;
/// Findings in words that are kept of one reader and shard.
const FINDINGS_MAX: usize = 5;

/// What was found of one reader in one shard.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) records: u64,
    pub(super) looked_at: u64,
    pub(super) skipped: u64,
    pub(super) read_again: u64,
    pub(super) perhaps_again: u64,
    pub(super) went_back: u64,
    pub(super) not_judged: u64,
    /// When it was given nothing, and how long.
    pub(super) pauses: Vec<(u64, u64)>,
    pub(super) behind_max_ms: u64,
    pub(super) caught_up_after_us: Option<u64>,
    pub(super) is_behind: bool,
    pub(super) findings: Vec<String>,
}

/// A reader on its way.
struct Cursor<'p> {
    known: &'p Known,
    given: Ranges,
    /// What a hole in the notes may hide.
    hidden: Ranges,
    start: u64,
    reached: u64,
    /// It certainly had everything that it was given before.
    confirmed: u64,
    found: Found,
}

/// Follows a reader through its shard.
pub(super) fn follow(ledger: &StreamLedger, reader: &Reader<'_>, known: &Known) -> Found {
    let first = reader.lineages.first();
    let first = first.and_then(|lineage| lineage.deliveries.first());
    let start = first.map_or(0, |first| first.from);
    let mut cursor = Cursor {
        known,
        given: Ranges::default(),
        hidden: Ranges::default(),
        start,
        reached: start,
        confirmed: start,
        found: Found::default(),
    };
    let mut before: Option<&Lineage<'_>> = None;
    for lineage in &reader.lineages {
        if let Some(before) = before {
            cursor.begin_again(ledger, before, lineage);
        }
        for delivery in &lineage.deliveries {
            cursor.given(delivery);
        }
        before = Some(lineage);
    }
    cursor.sum_up();
    let mut found = cursor.found;
    let mut all: Vec<&Delivery> = Vec::new();
    for lineage in &reader.lineages {
        all.extend(&lineage.deliveries);
    }
    all.sort_by_key(|each| each.answered_us);
    in_time(ledger, &all, &mut found);
    found
}

impl Cursor<'_> {
    fn count(&self, ranges: &[Range<u64>]) -> u64 {
        let counts = ranges.iter().map(|range| self.known.inside(range).len());
        u64::try_from(counts.sum::<usize>()).unwrap_or(u64::MAX)
    }

    /// The reader goes on with an iterator that the one before did not hand out.
    fn begin_again(&mut self, ledger: &StreamLedger, before: &Lineage<'_>, now: &Lineage<'_>) {
        let (Some(last), Some(first)) = (before.deliveries.last(), now.deliveries.first()) else {
            return;
        };
        if let Way::Pushed { .. } = last.way {
            let arrived = before.deliveries.iter();
            let arrived = arrived
                .filter(|each| each.answered_us.saturating_add(UNDER_WAY_US) <= first.asked_us);
            let upto = arrived.map(|each| each.next).max().unwrap_or(0);
            self.confirmed = self.confirmed.max(upto);
        }
        // An iterator that was handed on speaks of deliveries that were not noted.
        let is_hidden = first.begins.is_none() || ledger.has_hole(last.answered_us, first.asked_us);
        if is_hidden {
            self.hidden.add(self.reached..first.from);
        }
        let again = self.given.within(&(first.from..self.confirmed));
        let records = self.count(&again);
        if let (Some(kind), true) = (&first.begins, records > 0) {
            self.found.went_back += 1;
            let to = again
                .first()
                .map_or(&[][..], |range| self.known.inside(range));
            let to = to.first().copied().unwrap_or_default();
            self.tell(format!(
                "went back with {kind} to {to}, over {records} records that it had"
            ));
        }
    }

    fn given(&mut self, delivery: &Delivery) {
        if delivery.begins.is_none() && matches!(delivery.way, Way::Polled { .. }) {
            self.confirmed = self.confirmed.max(delivery.from.min(self.reached));
        }
        let range = delivery.from..delivery.next;
        let again = self.given.within(&range);
        let (sure, perhaps) = split(&again, self.confirmed);
        self.found.read_again += self.count(&sure);
        self.found.perhaps_again += self.count(&perhaps);
        self.found.records += delivery.count;
        self.given.add(range);
        self.reached = self.reached.max(delivery.next);
    }

    fn sum_up(&mut self) {
        let all = self.start..self.reached;
        self.found.looked_at = self.count(std::slice::from_ref(&all));
        for missing in self.given.missing(&all) {
            let hidden = self.hidden.within(&missing);
            self.found.not_judged += self.count(&hidden);
            for skipped in self.hidden.missing(&missing) {
                let records = self.known.inside(&skipped);
                let (Some(first), Some(last)) = (records.first(), records.last()) else {
                    continue;
                };
                let count = records.len();
                self.found.skipped += u64::try_from(count).unwrap_or(u64::MAX);
                self.tell(format!(
                    "passed over {count} records, from {first} to {last}"
                ));
            }
        }
    }

    fn tell(&mut self, what: String) {
        if self.found.findings.len() < FINDINGS_MAX {
            self.found.findings.push(what);
        }
    }
}

/// The parts before a position, and those from it on.
fn split(ranges: &[Range<u64>], at: u64) -> (Vec<Range<u64>>, Vec<Range<u64>>) {
    let before = ranges.iter().map(|range| range.start..range.end.min(at));
    let after = ranges.iter().map(|range| range.start.max(at)..range.end);
    let real = |range: &Range<u64>| !range.is_empty();
    (before.filter(real).collect(), after.filter(real).collect())
}

/// When the reader was given nothing, how far it was behind, and when it had caught up.
fn in_time(ledger: &StreamLedger, all: &[&Delivery], found: &mut Found) {
    let between = |pair: &[&Delivery]| match pair {
        [one, other] => Some((one.answered_us, other.answered_us - one.answered_us)),
        _ => None,
    };
    let mut times: Vec<(u64, u64)> = all.windows(2).filter_map(between).collect();
    let mut lengths: Vec<u64> = times.iter().map(|(_, length)| *length).collect();
    lengths.sort_unstable();
    let usual = lengths.get(lengths.len() / 2).copied().unwrap_or(0);
    let last = all.last().filter(|last| last.next != END);
    // Somebody who never comes again stands still too.
    times.extend(last.map(|last| {
        let length = ledger.reads_end_us.saturating_sub(last.answered_us);
        (last.answered_us, length)
    }));
    let is_long = |(from, length): &(u64, u64)| {
        let is_noted = !ledger.has_hole(*from, from.saturating_add(*length));
        *length >= usual.saturating_add(PAUSE_US) && is_noted
    };
    found.pauses = times.into_iter().filter(is_long).collect();
    found.behind_max_ms = all.iter().map(|each| each.behind_ms).max().unwrap_or(0);
    let Some(healed_us) = ledger.healed_us else {
        return;
    };
    let at = all.partition_point(|each| each.answered_us < healed_us);
    let (before, after) = all.split_at(at);
    let is_far = |each: &&&Delivery| each.behind_ms > CAUGHT_UP_MS;
    let stood = found
        .pauses
        .iter()
        .any(|(from, length)| (*from..=from + length).contains(&healed_us));
    let was_behind =
        stood || before.last().iter().any(is_far) || after.iter().any(|it| is_far(&it));
    if !was_behind {
        return;
    }
    let good = after
        .iter()
        .rposition(|each| is_far(&each))
        .map_or(0, |far| far + 1);
    match after.get(good) {
        Some(near) => found.caught_up_after_us = Some(near.answered_us.saturating_sub(healed_us)),
        None => found.is_behind = true,
    }
}
