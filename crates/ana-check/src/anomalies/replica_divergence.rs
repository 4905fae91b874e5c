//! A12: after everything, all replicas of a group hold the same log, entry for entry.
//!
//! A replica that does not hold the whole range yet cannot be compared; that it lags is told as stuck (A13) by whoever
//! waited for it.
//!
//! Source: Raft, "log matching" and "state machine safety".

use std::collections::BTreeMap;

use crate::history::ReplicaDigest;
use crate::index::Index;
use crate::verdict::{Finding, Judgement};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut first: BTreeMap<u64, &ReplicaDigest> = BTreeMap::new();
    let mut behind = 0;
    for replica in &index.history.replicas {
        work.step(1);
        if !replica.is_whole() {
            behind += 1;
            continue;
        }
        let Some(one) = first.get(&replica.group) else {
            first.insert(replica.group, replica);
            continue;
        };
        judgement.looked(1);
        if (one.from, one.upto, &one.digest) != (replica.from, replica.upto, &replica.digest) {
            judgement.found(|| {
                let told = |it: &ReplicaDigest| {
                    let node = index.history.node_name(it.node);
                    format!("{node} has {}..={} as {}", it.from, it.upto, it.digest)
                };
                Finding {
                    what: format!("group {}: {}, {}", one.group, told(one), told(replica)),
                    records: Vec::new(),
                }
            });
        }
    }
    if behind > 0 {
        judgement.undecided = Some(format!(
            "{behind} replicas did not hold what they were asked for"
        ));
    }
}
