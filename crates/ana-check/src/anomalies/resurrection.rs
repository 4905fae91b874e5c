//! A19: what was deleted or trimmed does not come back: a stream or consumer that was seen to be gone is not seen again
//! unless it was asked to be made again, and the trim horizon of a shard never moves back, but over records whose time is
//! over by one clock and not by another.
//!
//! Records of an earlier life of a stream show as phantoms (A2) in the history of the later one.
//!
//! Source: a stale node that rejoins; Cassandra's tombstones.

use std::collections::BTreeMap;

use crate::history::{Asked, At, Existence, Seen, Shard, Start, Subject};
use crate::index::Index;
use crate::verdict::{Finding, Judgement, Moment};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    subjects(index, judgement, work);
    horizons(index, judgement, work);
}

/// What was seen of one subject.
#[derive(Debug, Default)]
struct Life {
    made: Vec<Asked>,
    gone: Vec<Asked>,
    there: Vec<Asked>,
}

fn subjects(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut lives: BTreeMap<&Subject, Life> = BTreeMap::new();
    for existence in &index.history.existence {
        work.step(1);
        match existence {
            Existence::Made(subject, when) => lives.entry(subject).or_default().made.push(*when),
            Existence::Gone(subject, when) => lives.entry(subject).or_default().gone.push(*when),
            Existence::There(subject, when) => lives.entry(subject).or_default().there.push(*when),
        }
    }
    let lag_us = index.history.rules.metadata_lag_ms * 1000;
    for (subject, mut life) in lives {
        work.sort(&mut life.made, |a, b| a.asked_us.cmp(&b.asked_us));
        work.sort(&mut life.gone, |a, b| a.answered_us.cmp(&b.answered_us));
        let mut unanswered = life.made.iter().copied();
        let unanswered = unanswered.find(|made| made.answered_us == u64::MAX);
        for there in &life.there {
            work.step(1);
            // Gone for so long that no node may remember it.
            let known_by = there.asked_us.saturating_sub(lag_us);
            let before = life
                .gone
                .partition_point(|gone| gone.answered_us < known_by);
            let Some(gone) = before.checked_sub(1).map(|last| life.gone[last]) else {
                continue;
            };
            judgement.looked(1);
            let since = life
                .made
                .partition_point(|made| made.asked_us < gone.asked_us);
            let asked_before = |made: &Asked| made.asked_us < there.answered_us;
            let was_made = life.made.get(since).is_some_and(asked_before)
                || unanswered.as_ref().is_some_and(asked_before);
            if !was_made {
                judgement.found(|| Finding {
                    what: format!(
                        "{subject:?} was gone at {} and is there at {}",
                        Moment(gone.answered_us),
                        Moment(there.asked_us)
                    ),
                    records: Vec::new(),
                });
            }
        }
    }
}

/// A reader that began at the horizon: when it began, when its first records came, and the first of them.
#[derive(Debug, Clone, Copy)]
struct Horizon<'h> {
    shard: Shard,
    began: At,
    answered: At,
    first: &'h Seen,
}

fn horizons(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut began = found_horizons(index);
    let mut answered = began.clone();
    work.sort(&mut began, |a, b| {
        (a.shard, a.began.us).cmp(&(b.shard, b.began.us))
    });
    work.sort(&mut answered, |a, b| {
        (a.shard, a.answered.us).cmp(&(b.shard, b.answered.us))
    });
    let mut answered = answered.into_iter().peekable();
    let mut latest: Option<Horizon<'_>> = None;
    for each in began {
        work.step(1);
        latest = latest.filter(|latest| latest.shard == each.shard);
        let is_before =
            |other: &Horizon<'_>| (other.shard, other.answered.us) < (each.shard, each.began.us);
        while let Some(other) = answered.next_if(is_before) {
            let is_later = latest.is_none_or(|latest| latest.first.place() < other.first.place());
            if other.shard == each.shard && is_later {
                latest = Some(other);
            }
        }
        let Some(latest) = latest else { continue };
        judgement.looked(1);
        if each.first.place() < latest.first.place() && !is_at_its_end(index, each, latest) {
            judgement.found(|| Finding {
                what: format!(
                    "the horizon of {} was behind this at {}, and a reader that began at {} has it",
                    index.history.shard_name(each.shard),
                    Moment(latest.answered.us),
                    Moment(each.began.us)
                ),
                records: vec![index.tell_seen(each.shard, each.first)],
            });
        }
    }
}

/// Whether the record that was hidden before may have been so by a clock that was ahead, and told again by one that was not.
fn is_at_its_end(index: &Index<'_>, again: Horizon<'_>, hidden: Horizon<'_>) -> bool {
    let put = again.first.value().and_then(|value| index.put_of(value));
    put.is_some_and(|(put, _)| {
        index.may_have_expired(put.sent, hidden.answered.wall_ms)
            && !index.has_expired(put.sent, again.began.wall_ms)
    })
}

fn found_horizons<'h>(index: &'h Index<'_>) -> Vec<Horizon<'h>> {
    let mut horizons = Vec::new();
    for chain in &index.history.chains {
        let first = (chain.seen.first(), chain.start == Start::TrimHorizon);
        let batches = chain.batches.iter().rev();
        let batch = batches.clone().find(|(from, _)| *from == 0);
        let ((Some(first), true), Some((_, batch))) = (first, batch) else {
            continue;
        };
        // A reader that skipped what is still there says nothing of the horizon: A7.
        let log = index.log(chain.shard);
        let is_first = log
            .and_then(|log| log.seen.first())
            .is_none_or(|stored| first.place() <= stored.place());
        if is_first {
            horizons.push(Horizon {
                shard: chain.shard,
                began: batch.asked,
                answered: batch.answered(),
                first,
            });
        }
    }
    for log in &index.logs {
        if let Some(first) = log.seen.first() {
            horizons.push(Horizon {
                shard: log.shard,
                began: log.began,
                answered: At::new(u64::MAX, u64::MAX),
                first,
            });
        }
    }
    horizons
}
