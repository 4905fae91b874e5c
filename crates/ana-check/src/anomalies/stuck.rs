//! A13: within a bound after the faults everything gets on: what was expected came about in time, and where every open
//! shard is written all the time, each acknowledges again.
//!
//! Source: Bufstream and NATS under Jepsen: clients and groups that were stuck for ever, in healthy clusters.

use std::collections::BTreeMap;

use crate::history::{Heal, Shard};
use crate::index::Index;
use crate::verdict::{Finding, Judgement, Moment};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for expectation in &index.history.expectations {
        work.step(1);
        judgement.looked(1);
        if !expectation.is_met() {
            let late = expectation
                .met_us
                .map(|met| met.saturating_sub(expectation.since_us));
            judgement.found(|| Finding {
                what: match late {
                    Some(late) => format!("{}: only after {}", expectation.what, Moment(late)),
                    None => expectation.what.clone(),
                },
                records: Vec::new(),
            });
        }
    }
    for heal in &index.history.heals {
        if heal.every_shard_is_written {
            every_shard(index, judgement, *heal, work);
        }
    }
}

fn every_shard(index: &Index<'_>, judgement: &mut Judgement, heal: Heal, work: &mut Work) {
    let Some(listing) = index.history.last_listing() else {
        return;
    };
    let mut first: BTreeMap<Shard, u64> = BTreeMap::new();
    for (put, _) in index.acknowledged() {
        work.step(1);
        if put.sent.us >= heal.at_us {
            let least = first.entry(put.shard).or_insert(u64::MAX);
            *least = put.answered_us.min(*least);
        }
    }
    for shard in listing.shards.iter().filter(|shard| shard.is_open) {
        judgement.looked(1);
        let resumed = first.get(&shard.shard).copied();
        let in_time = resumed.is_some_and(|at| at <= heal.at_us.saturating_add(heal.bound_us));
        if !in_time {
            judgement.found(|| Finding {
                what: format!(
                    "{} did not acknowledge a put within {} of the end of the faults at {}",
                    index.history.shard_name(shard.shard),
                    Moment(heal.bound_us),
                    Moment(heal.at_us)
                ),
                records: Vec::new(),
            });
        }
    }
}
