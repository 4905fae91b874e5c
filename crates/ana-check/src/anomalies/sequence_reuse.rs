//! A4: one sequence number of a shard names one record, over all puts and all reads of all time; and one record that
//! was put once has one number.
//!
//! Source: Redpanda under Jepsen, "inconsistent offsets"; two leaders that both accepted writes.

use crate::history::{Seen, Shard};
use crate::index::{Index, Stray, StrayKind};
use crate::sequence::Sequence;
use crate::verdict::{Finding, Judgement, RecordTold};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    among_puts(index, judgement, work);
    in_logs(index, judgement, work);
    puts_and_logs(index, judgement, work);
    of_strays(index, judgement, work);
    among_strays(index, judgement, work);
}

fn reused(records: Vec<RecordTold>) -> Finding {
    Finding {
        what: "one sequence number, two records".to_owned(),
        records,
    }
}

fn among_puts(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut before = None;
    for (put, _) in index.acknowledged() {
        work.step(1);
        judgement.looked(1);
        if let Some(before) = before.replace(put)
            && (before.shard, before.sequence) == (put.shard, put.sequence)
            && before.value != put.value
            && !put.sequence.is_none()
        {
            judgement.found(|| reused(vec![index.tell_put(before), index.tell_put(put)]));
        }
    }
}

fn in_logs(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for log in &index.logs {
        work.step(log.seen.len());
        judgement.looked(log.seen.len());
        for pair in log.seen.windows(2) {
            if pair[0].place() == pair[1].place() && pair[0].value() != pair[1].value() {
                judgement.found(|| {
                    let told = |seen| index.tell_seen(log.shard, seen);
                    reused(vec![told(&pair[0]), told(&pair[1])])
                });
            }
        }
    }
}

/// A put's number that holds records, none of them its own: those of a copy of the log.
fn puts_and_logs(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for (put, fate) in index.acknowledged().filter(|(_, fate)| !fate.is_at_place) {
        work.step(1);
        let stored = index
            .log(put.shard)
            .map_or(&[][..], |log| log.with(put.sequence));
        let other = stored.iter().find(|seen| seen.value().is_some());
        if let Some(other) = other.filter(|_| !fate.is_at_place) {
            judgement
                .found(|| reused(vec![index.tell_put(put), index.tell_seen(put.shard, other)]));
        }
    }
}

fn of_strays(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for stray in &index.strays {
        work.step(1);
        judgement.looked(1);
        let told = || index.tell_stray(stray);
        match stray.kind {
            StrayKind::Replaced(now) => judgement
                .found(|| reused(vec![told(), index.tell_seen(index.shard_of(stray), &now)])),
            StrayKind::TwoPlaces => judgement.found(|| Finding {
                what: "put once, seen here, and lies elsewhere".to_owned(),
                records: vec![told()],
            }),
            StrayKind::Vanished | StrayKind::Accounted => {
                promised_to_another(index, judgement, stray);
            }
            StrayKind::Phantom | StrayKind::RefusedEntry | StrayKind::OtherShard => {}
        }
    }
}

fn promised_to_another(index: &Index<'_>, judgement: &mut Judgement, stray: &Stray) {
    let owner = index.acknowledged_at(index.shard_of(stray), stray.seen.sequence());
    if let Some(owner) = owner.filter(|owner| Some(owner.value) != stray.seen.value()) {
        judgement.found(|| reused(vec![index.tell_stray(stray), index.tell_put(owner)]));
    }
}

/// What two readers saw at a place that the last read does not know.
fn among_strays(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut all: Vec<(Shard, (Sequence, u64), &Seen)> = index
        .strays
        .iter()
        .filter(|stray| matches!(stray.kind, StrayKind::Vanished | StrayKind::Accounted))
        .map(|stray| (index.shard_of(stray), stray.seen.place(), &stray.seen))
        .collect();
    work.sort(&mut all, |a, b| {
        (a.0, a.1, a.2.value()).cmp(&(b.0, b.1, b.2.value()))
    });
    for pair in all.windows(2) {
        let same_place = (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1);
        if same_place && pair[0].2.value() != pair[1].2.value() {
            judgement.found(|| {
                let told = |it: &(Shard, (Sequence, u64), &Seen)| index.tell_seen(it.0, it.2);
                reused(vec![told(&pair[0]), told(&pair[1])])
            });
        }
    }
}
