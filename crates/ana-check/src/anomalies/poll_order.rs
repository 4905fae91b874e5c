//! A7: inside a chain of reads sequence numbers only grow, and nothing is skipped that the last read has there: neither
//! between two records nor between the iterator's start and the first. The last read itself only grows too.
//!
//! Source: Jepsen's Kafka workload, "non-monotonic poll" and "poll skip".

use crate::history::{Start, Way};
use crate::index::{Index, Log};
use crate::verdict::{Finding, Judgement};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let history = index.history;
    for (shard, read) in &history.finals {
        work.step(read.seen.len());
        judgement.looked(read.seen.len());
        for pair in read.seen.windows(2) {
            let (before, seen) = (&pair[0], &pair[1]);
            let is_two_records = before.value() != seen.value();
            // One number for two records is A4.
            if before.place() > seen.place() || (before.place() == seen.place() && !is_two_records)
            {
                judgement.found(|| Finding {
                    what: "the last read went back".to_owned(),
                    records: vec![
                        index.tell_seen(*shard, before),
                        index.tell_seen(*shard, seen),
                    ],
                });
            }
        }
    }
    for (number, chain) in history.chains.iter().enumerate() {
        if chain.way == Way::Polled {
            judgement.looked(chain.seen.len());
            // By time: A17.
            let is_by_time = matches!(chain.start, Start::AtTimestamp(_));
            judge_chain(index, judgement, number, !is_by_time);
        }
    }
}

/// Where one chain went back or skipped.
pub(super) fn judge_chain(
    index: &Index<'_>,
    judgement: &mut Judgement,
    number: usize,
    with_start: bool,
) {
    let (chain, walk) = (&index.history.chains[number], &index.walks[number]);
    for fall in &walk.falls {
        judgement.found(|| Finding {
            what: format!("{} went back", index.tell_chain(number)),
            records: [fall.saturating_sub(1), *fall]
                .iter()
                .map(|each| index.tell_seen(chain.shard, &chain.seen[*each]))
                .collect(),
        });
    }
    let Some(log) = index.log(chain.shard) else {
        return;
    };
    let at_start = [walk.gap_at_start.clone()];
    let at_start = at_start.iter().filter(|gap| with_start && !gap.is_empty());
    for gap in walk.gaps.iter().chain(at_start) {
        judgement.found(|| Finding {
            what: format!("{} skipped {} records", index.tell_chain(number), gap.len()),
            records: first_of(index, log, gap.start),
        });
    }
}

fn first_of(index: &Index<'_>, log: &Log<'_>, first: usize) -> Vec<crate::verdict::RecordTold> {
    vec![index.tell_seen(log.shard, &log.seen[first])]
}
