//! A16: nothing is trimmed before its retention is over; an iterator is not taken after its life; a reader of one shard
//! never gets another's records.
//!
//! A reader that begins at the trim horizon shows what was trimmed by then, also of what the last read can say nothing
//! of because it has expired since. A record that is gone in the end, too early, is a lost write (A1).
//!
//! Source: AWS's words for retention periods and `ExpiredIteratorException`.

use crate::history::{Chain, Start, Way};
use crate::index::{Index, StrayKind};
use crate::verdict::{Finding, Judgement, Moment};
use crate::work::Work;

/// A reader from the horizon is compared with this many acknowledged records before its first; they expire in order.
const BEFORE_FIRST_MAX: usize = 8;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for (number, chain) in index.history.chains.iter().enumerate() {
        if chain.start == Start::TrimHorizon && chain.way == Way::Polled {
            horizon(index, judgement, (number, chain), work);
        }
    }
    iterators(index, judgement, work);
    other_shards(index, judgement, work);
}

fn horizon(
    index: &Index<'_>,
    judgement: &mut Judgement,
    (number, chain): (usize, &Chain),
    work: &mut Work,
) {
    // The first answer with records: what had not expired when it came had not expired before.
    let answers = chain.batches.iter().rev();
    let first = chain.seen.first();
    let (Some(first), Some((_, batch))) = (first, answers.clone().find(|(from, _)| *from == 0))
    else {
        return;
    };
    judgement.looked(1);
    let answered_ms = batch.answered().wall_ms;
    let before = index.acknowledged_below(chain.shard, first.sequence());
    for (put, fate) in before.take(BEFORE_FIRST_MAX) {
        work.step(1);
        // Still there: the reader skipped it (A7). Gone though it must be there: lost (A1).
        let is_told = fate.copies > 0 || index.is_lost(put, fate);
        let was_there = put.answered_us < chain.began.us;
        if was_there && !is_told && !index.may_have_expired(put.sent, answered_ms) {
            judgement.found(|| Finding {
                what: format!(
                    "{} began behind this: trimmed too early",
                    index.tell_chain(number)
                ),
                records: vec![index.tell_put(put)],
            });
        }
    }
}

fn iterators(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let rules = &index.history.rules;
    let lives_us = rules.iterator_ms.saturating_add(rules.iterator_slack_ms) * 1000;
    for used in &index.history.iterators {
        work.step(1);
        let age_us = used.used_us.saturating_sub(used.issued_us);
        judgement.looked(usize::from(age_us > lives_us));
        if age_us > lives_us && used.was_served {
            judgement.found(|| Finding {
                what: format!(
                    "an iterator of {} was taken {} after it was given",
                    index.history.shard_name(used.shard),
                    Moment(age_us)
                ),
                records: Vec::new(),
            });
        }
    }
}

fn other_shards(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for (put, fate) in index.puts() {
        work.step(1);
        if fate.is_in_other_shard {
            judgement.found(|| Finding {
                what: "the last read of another shard has this".to_owned(),
                records: vec![index.tell_put(put)],
            });
        }
    }
    for stray in &index.strays {
        if stray.kind == StrayKind::OtherShard {
            judgement.found(|| Finding {
                what: format!(
                    "{} has another shard's record",
                    index.tell_chain(stray.chain)
                ),
                records: vec![index.tell_stray(stray)],
            });
        }
    }
}
