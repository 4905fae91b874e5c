//! A20: a consumer has one live subscription to a shard: when a later one begins, the earlier one gets no more events
//! (within `Rules::takeover_ms`). Inside a subscription, and from its starting position to its first record, nothing is
//! skipped; a continuation number never lies before what was delivered.
//!
//! Source: SubscribeToShard's five-second rule, and `ContinuationSequenceNumber`.

use std::collections::BTreeMap;

use super::poll_order::judge_chain;
use crate::history::{Chain, Shard, Way};
use crate::index::Index;
use crate::verdict::{Finding, Judgement, Moment};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut sessions: BTreeMap<(u32, Shard), Vec<&Chain>> = BTreeMap::new();
    for (number, chain) in index.history.chains.iter().enumerate() {
        let Way::Pushed { consumer } = chain.way else {
            continue;
        };
        work.step(1 + chain.batches.len());
        judgement.looked(1 + chain.seen.len());
        judge_chain(index, judgement, number, true);
        continuations(index, judgement, (number, chain));
        // One that never had an event was refused, or never began.
        if !chain.batches.is_empty() {
            let of_pair = sessions.entry((consumer, chain.shard)).or_default();
            of_pair.push(chain);
        }
    }
    let takeover_us = index.history.rules.takeover_ms * 1000;
    for ((_, shard), mut sessions) in sessions {
        work.sort(&mut sessions, |a, b| a.began.us.cmp(&b.began.us));
        for pair in sessions.windows(2) {
            judgement.looked(1);
            let (one, later) = (pair[0], pair[1]);
            let last = one.batches.last().map_or(0, |(_, batch)| batch.answered_us);
            if last > later.began.us.saturating_add(takeover_us) {
                judgement.found(|| Finding {
                    what: format!(
                        "two live subscriptions to {}: one of {} has an event at {}, another began at {}",
                        index.history.shard_name(shard),
                        Moment(one.began.us),
                        Moment(last),
                        Moment(later.began.us)
                    ),
                    records: Vec::new(),
                });
            }
        }
    }
}

fn continuations(index: &Index<'_>, judgement: &mut Judgement, (number, chain): (usize, &Chain)) {
    for (event, (_, batch)) in chain.batches.iter().enumerate() {
        let next = chain.batches.get(event + 1);
        let upto = next.map_or(chain.seen.len(), |(from, _)| *from);
        let delivered = chain.seen[..upto].last();
        let Some((continuation, delivered)) = batch.continuation.zip(delivered) else {
            continue;
        };
        if continuation < delivered.sequence() {
            judgement.found(|| Finding {
                what: format!(
                    "{}: continuation {continuation} lies before what was delivered",
                    index.tell_chain(number)
                ),
                records: vec![index.tell_seen(chain.shard, delivered)],
            });
        }
    }
}
