//! A8: a read that says it is at the tip (`MillisBehindLatest` 0) has everything that was acknowledged, or read by
//! anybody, before it was asked for; and LATEST begins behind all of that.
//!
//! Only GetRecords: it is answered by the shard's leader. Events of a subscription come from a replica near the reader.
//!
//! Source: linearizable reads; Redpanda 21.10 under a paused leader.

use std::collections::BTreeMap;

use crate::history::{Batch, Chain, Put, Seen, Shard, Start, Way};
use crate::index::{Fate, Index};
use crate::sequence::Sequence;
use crate::verdict::{Finding, Judgement, RecordTold};
use crate::work::Work;

/// Something that was known at a time, acknowledged or read.
#[derive(Debug, Clone, Copy)]
enum Known<'h> {
    Put(&'h Put),
    Read(Shard, &'h Seen),
}

impl Known<'_> {
    fn sequence(&self) -> Sequence {
        match self {
            Known::Put(put) => put.sequence,
            Known::Read(_, seen) => seen.sequence(),
        }
    }

    fn tell(&self, index: &Index<'_>) -> RecordTold {
        match self {
            Known::Put(put) => index.tell_put(put),
            Known::Read(shard, seen) => index.tell_seen(*shard, seen),
        }
    }
}

/// What was known of one shard, by time; each entry holds the greatest number until then.
type Timeline<'h> = Vec<(u64, Known<'h>)>;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let asks = |chain: &&Chain| chain.way == Way::Polled;
    if !index.history.chains.iter().any(|chain| asks(&chain)) {
        return;
    }
    let timelines = timelines(index, work);
    for chain in index.history.chains.iter().filter(asks) {
        let Some(timeline) = timelines.get(&chain.shard) else {
            continue;
        };
        if chain.start == Start::Latest {
            judge_latest(index, judgement, chain, timeline);
        }
        judge_answers(index, judgement, (chain, timeline), work);
    }
}

/// LATEST lies behind everything that was known when it was asked for.
fn judge_latest(
    index: &Index<'_>,
    judgement: &mut Judgement,
    chain: &Chain,
    timeline: &Timeline<'_>,
) {
    let Some(first) = chain.seen.first() else {
        return;
    };
    judgement.looked(1);
    let known = until(timeline, chain.began.us);
    if let Some(known) = known.filter(|known| known.sequence() >= first.sequence()) {
        judgement.found(|| Finding {
            what: "LATEST began before what was known already".to_owned(),
            records: vec![known.tell(index), index.tell_seen(chain.shard, first)],
        });
    }
}

fn judge_answers(
    index: &Index<'_>,
    judgement: &mut Judgement,
    (chain, timeline): (&Chain, &Timeline<'_>),
    work: &mut Work,
) {
    let since = chain.batches.first().map_or(0, |(_, batch)| batch.asked.us);
    let mut greatest: Option<&Seen> = None;
    for (number, (from, batch)) in chain.batches.iter().enumerate() {
        let next = chain.batches.get(number + 1);
        let upto = next.map_or(chain.seen.len(), |(next, _)| *next);
        let records = chain.seen.get(*from..upto).unwrap_or_default();
        work.step(1 + records.len());
        greatest = records
            .iter()
            .chain(greatest)
            .max_by_key(|seen| seen.place());
        let position = position(chain, greatest);
        let Some(position) = position.filter(|_| batch.behind_ms == Some(0)) else {
            continue;
        };
        let known = if greatest.is_none() && chain.start == Start::Latest {
            sent_since(timeline, since, batch, work)
        } else {
            until(timeline, batch.asked.us)
        };
        judgement.looked(usize::from(known.is_some()));
        judge_tip(index, judgement, (chain, batch), position, known);
    }
}

/// The greatest number a chain has passed; `None` where it cannot be said.
fn position(chain: &Chain, last: Option<&Seen>) -> Option<Sequence> {
    match (last, chain.start) {
        (Some(last), _) => Some(last.sequence()),
        (None, Start::TrimHorizon | Start::Latest) => Some(Sequence::NONE),
        (None, Start::After(sequence)) => Some(sequence),
        (None, Start::At(_) | Start::AtTimestamp(_)) => None,
    }
}

fn judge_tip(
    index: &Index<'_>,
    judgement: &mut Judgement,
    (chain, batch): (&Chain, &Batch),
    position: Sequence,
    known: Option<Known<'_>>,
) {
    let Some(known) = known.filter(|known| known.sequence() > position) else {
        return;
    };
    // A reader that has nothing yet may find everything expired when it is answered.
    let put = match known {
        Known::Put(put) => Some(put),
        Known::Read(_, seen) => seen.value().and_then(|value| Some(index.put_of(value)?.0)),
    };
    let expired = put.is_none_or(|put| index.may_have_expired(put.sent, batch.answered().wall_ms));
    if !expired {
        judgement.found(|| Finding {
            what: format!(
                "{} said it was at the tip, asked at {}, and had not this, known before",
                index.history.shard_name(chain.shard),
                crate::verdict::Moment(batch.asked.us)
            ),
            records: vec![known.tell(index)],
        });
    }
}

fn timelines<'h>(index: &Index<'h>, work: &mut Work) -> BTreeMap<Shard, Timeline<'h>> {
    let mut timelines: BTreeMap<Shard, Timeline<'h>> = BTreeMap::new();
    let is_kept = |(put, fate): &(&Put, Fate)| {
        // What is lost, or lies elsewhere, is told so; a reader cannot have it.
        let lies_elsewhere = fate.copies > 0 && !fate.is_at_place;
        put.answered_us > 0 && !lies_elsewhere && !index.is_lost(put, *fate)
    };
    for (put, _) in index.acknowledged().filter(is_kept) {
        let of_shard = timelines.entry(put.shard).or_default();
        of_shard.push((put.answered_us, Known::Put(put)));
    }
    let vanished = index.stray_places();
    for chain in &index.history.chains {
        let of_shard = timelines.entry(chain.shard).or_default();
        for (number, (from, batch)) in chain.batches.iter().enumerate() {
            let upto = chain
                .batches
                .get(number + 1)
                .map_or(chain.seen.len(), |(next, _)| *next);
            let records = chain.seen.get(*from..upto).unwrap_or_default();
            let last = records.last();
            if let Some(last) = last.filter(|last| !vanished.contains(&(chain.shard, last.place())))
            {
                of_shard.push((batch.answered_us, Known::Read(chain.shard, last)));
            }
        }
    }
    for timeline in timelines.values_mut() {
        work.sort(timeline, |a, b| a.0.cmp(&b.0));
        let mut greatest: Option<Known<'h>> = None;
        for (_, known) in timeline.iter_mut() {
            match greatest {
                Some(before) if before.sequence() >= known.sequence() => *known = before,
                _ => greatest = Some(*known),
            }
        }
    }
    timelines
}

/// The greatest that was known before a time.
fn until<'h>(timeline: &Timeline<'h>, us: u64) -> Option<Known<'h>> {
    let upto = timeline.partition_point(|(at, _)| *at < us);
    timeline.get(upto.checked_sub(1)?).map(|(_, known)| *known)
}

/// The greatest number of a put that was sent after LATEST was asked for and acknowledged before this read: only such a
/// one must be there.
fn sent_since<'h>(
    timeline: &Timeline<'h>,
    since: u64,
    batch: &Batch,
    work: &mut Work,
) -> Option<Known<'h>> {
    let from = timeline.partition_point(|(at, _)| *at < since);
    let upto = timeline.partition_point(|(at, _)| *at < batch.asked.us);
    let between = timeline.get(from..upto)?;
    work.step(between.len());
    let sent_later = |known: &&Known<'h>| matches!(known, Known::Put(put) if put.sent.us >= since);
    between
        .iter()
        .map(|(_, known)| known)
        .rev()
        .find(sent_later)
        .copied()
}
