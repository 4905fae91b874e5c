//! Each reader's chain beside the last read of its shard, on one walk: where it went back, what it skipped, and what it
//! saw that is not there.

use std::borrow::Cow;
use std::ops::Range;

use super::{Fate, Index, Log};
use crate::history::{Chain, Outcome, Put, Seen, Start};
use crate::work::Work;

/// What one chain showed.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Records that did not come after the one before them: indices into the chain.
    pub(crate) falls: Vec<usize>,
    /// Records of the last read that the chain skipped: ranges of the log.
    pub(crate) gaps: Vec<Range<usize>>,
    /// Records of the last read between the chain's start and its first record.
    pub(crate) gap_at_start: Range<usize>,
    /// Records that lie where the chain saw them, with another arrival time: chain's, log's.
    pub(crate) other_arrivals: Vec<(Seen, Seen)>,
    /// Records compared with the last read.
    pub(crate) compared: usize,
}

/// What a record is that a reader saw and the last read does not have there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StrayKind {
    /// Nobody put it, or its put was refused.
    Phantom,
    /// It was a refused entry of a PutRecords.
    RefusedEntry,
    /// Another record lies there now.
    Replaced(Seen),
    /// It was stored once, and lies elsewhere.
    TwoPlaces,
    /// It was acknowledged under this number in another shard.
    OtherShard,
    /// It is gone, and was never acknowledged there.
    Vanished,
    /// Another anomaly has it (it was acknowledged there and is lost), it expired, or the last read does not reach it.
    Accounted,
}

/// A record that a reader saw and the last read does not have there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stray {
    /// Index of the chain.
    pub(crate) chain: usize,
    pub(crate) seen: Seen,
    pub(crate) kind: StrayKind,
}

/// Walks all chains.
pub(super) fn walk_all(index: &mut Index<'_>, work: &mut Work) {
    let (mut walks, mut strays) = (Vec::new(), Vec::new());
    for (number, chain) in index.history.chains.iter().enumerate() {
        walks.push(walk(index, number, chain, &mut strays, work));
    }
    (index.walks, index.strays) = (walks, strays);
}

fn walk(
    index: &Index<'_>,
    number: usize,
    chain: &Chain,
    strays: &mut Vec<Stray>,
    work: &mut Work,
) -> Walk {
    let mut walk = Walk {
        falls: falls(&chain.seen),
        ..Walk::default()
    };
    work.step(chain.seen.len());
    let seen = in_order(chain, !walk.falls.is_empty(), work);
    let log = index.log(chain.shard);
    let stored = log.map_or(&[][..], |log| &log.seen);
    let Some(first) = seen.first() else {
        return walk;
    };
    let begin = stored.partition_point(|each| each.place() < first.place());
    walk.gap_at_start = after_start(stored, chain.start).min(begin)..begin;
    let mut next = begin;
    for each in seen.iter() {
        let skipped = stored[next..]
            .iter()
            .take_while(|stored| stored.place() < each.place())
            .count();
        if skipped > 0 {
            walk.gaps.push(next..next + skipped);
        }
        next += skipped;
        work.step(1 + skipped);
        let found = stored
            .get(next)
            .filter(|stored| stored.place() == each.place());
        if let Some(stored) = found {
            next += 1;
            if stored.value() == each.value() {
                if stored.arrival_ms() != each.arrival_ms() {
                    walk.other_arrivals.push((*each, *stored));
                }
                continue;
            }
        }
        strays.push(Stray {
            chain: number,
            seen: *each,
            kind: kind(index, chain, each, log, found),
        });
    }
    walk.compared = if log.is_some() { seen.len() } else { 0 };
    walk
}

fn falls(seen: &[Seen]) -> Vec<usize> {
    let pairs = seen.windows(2).zip(1..);
    pairs
        .filter(|(pair, _)| pair[0].place() >= pair[1].place())
        .map(|(_, index)| index)
        .collect()
}

fn in_order<'c>(chain: &'c Chain, falls: bool, work: &mut Work) -> Cow<'c, [Seen]> {
    if !falls {
        return Cow::Borrowed(&chain.seen);
    }
    let mut sorted = chain.seen.clone();
    work.sort(&mut sorted, |a, b| a.place().cmp(&b.place()));
    sorted.dedup_by(|a, b| (a.place(), a.value()) == (b.place(), b.value()));
    Cow::Owned(sorted)
}

/// The first record of a log that a chain with this start must have, where the start says.
fn after_start(stored: &[Seen], start: Start) -> usize {
    match start {
        Start::TrimHorizon => 0,
        Start::At(from) => stored.partition_point(|each| each.sequence() < from),
        Start::After(last) => stored.partition_point(|each| each.sequence() <= last),
        Start::AtTimestamp(ms) => stored.partition_point(|each| each.arrival_ms() < ms),
        Start::Latest => stored.len(),
    }
}

fn kind(
    index: &Index<'_>,
    chain: &Chain,
    seen: &Seen,
    log: Option<&Log<'_>>,
    found: Option<&Seen>,
) -> StrayKind {
    let owner = seen.value().and_then(|value| index.put_of(value));
    let Some((put, fate)) = owner else {
        return StrayKind::Phantom;
    };
    if put.outcome == Outcome::Refused {
        return if put.in_batch {
            StrayKind::RefusedEntry
        } else {
            StrayKind::Phantom
        };
    }
    let is_promised_number = put.is_acknowledged() && put.sequence == seen.sequence();
    if is_promised_number && put.shard != chain.shard {
        return StrayKind::OtherShard;
    }
    match found {
        // Damage there is told as a phantom of the last read.
        Some(found) if found.value().is_none() => StrayKind::Accounted,
        Some(found) => StrayKind::Replaced(*found),
        // Acknowledged there and gone is a lost write, or expired.
        None if is_promised_number => StrayKind::Accounted,
        None => kind_of_missing(index, seen, (put, fate), log),
    }
}

fn kind_of_missing(
    index: &Index<'_>,
    seen: &Seen,
    (put, fate): (&Put, Fate),
    log: Option<&Log<'_>>,
) -> StrayKind {
    let Some(log) = log.filter(|log| log.reaches(seen.sequence())) else {
        return StrayKind::Accounted;
    };
    let is_at_front = log
        .seen
        .first()
        .is_none_or(|first| seen.place() < first.place());
    if is_at_front && index.may_have_expired(put.sent, log.expired_by_ms) {
        return StrayKind::Accounted;
    }
    let places = u64::from(put.unanswered) + u64::from(put.is_acknowledged());
    let is_elsewhere = put.is_acknowledged() || fate.copies > 0;
    if is_elsewhere && places <= 1 {
        StrayKind::TwoPlaces
    } else {
        StrayKind::Vanished
    }
}
