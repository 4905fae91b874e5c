//! A18: the answers to CreateStream, DeleteStream, SplitShard, MergeShards, RegisterStreamConsumer and
//! DeregisterStreamConsumer have an explanation: some order of them, each between its question and its answer, in which
//! a single copy of the metadata would have answered so. ListShards and DescribeStreamConsumer may be answered from what
//! was known up to `Rules::metadata_lag_ms` before.
//!
//! The search is the one of Wing and Gong with Lowe's memory of what was tried, written here because the only library
//! for it that is at hand (stateright) brings a web server with it. It gives up after `Rules::control_steps_max` steps,
//! and says so.
//!
//! Source: metadata is one Raft group; Herlihy and Wing, "Linearizability".

use std::collections::BTreeMap;

use crate::history::{Control, ControlAnswer};
use crate::index::Index;
use crate::verdict::{Finding, Judgement, Moment};
use crate::work::Work;

mod model;
mod search;

use search::Search;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut streams: BTreeMap<&str, Vec<&Control>> = BTreeMap::new();
    for control in &index.history.control {
        // A refusal for a reason that the model does not know says nothing.
        if control.answer != ControlAnswer::Refused {
            let of_stream = streams.entry(control.stream.as_str()).or_default();
            of_stream.push(control);
        }
    }
    let rules = &index.history.rules;
    for (stream, operations) in streams {
        let search = Search::new(&operations, rules.metadata_lag_ms * 1000);
        let outcome = search.run(rules.control_steps_max);
        work.step(usize::try_from(outcome.steps).unwrap_or(usize::MAX));
        match outcome.stuck_at {
            None => judgement.looked(operations.len()),
            Some(_) if outcome.gave_up => {
                judgement.undecided = Some(format!(
                    "no order found for {} operations on {stream} in {} steps",
                    operations.len(),
                    outcome.steps
                ));
            }
            Some(stuck) => {
                judgement.looked(operations.len());
                let stuck = operations[stuck];
                judgement.found(|| Finding {
                    what: format!(
                        "no order explains {:?} answered {:?} ({} asked at {}, answered at {}), nor how the shards of {stream} came to be",
                        stuck.call,
                        stuck.answer,
                        index.history.clients.name(stuck.client.0),
                        Moment(stuck.when.asked_us),
                        Moment(stuck.when.answered_us)
                    ),
                    records: Vec::new(),
                });
            }
        }
    }
}

#[cfg(test)]
mod control_order_test;
