//! A11: what one replica has committed stays what it is, across restarts, elections and snapshots.
//!
//! Source: NATS under Jepsen: a node with a damaged log led, and others cut theirs; Raft, "leader completeness".

use std::collections::BTreeMap;

use crate::history::{Node, ReplicaDigest};
use crate::index::Index;
use crate::verdict::{Finding, Judgement, Moment};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let prefixes = index.history.prefixes.iter();
    let mut prefixes: Vec<&ReplicaDigest> = prefixes.filter(|it| it.is_whole()).collect();
    work.sort(&mut prefixes, |a, b| a.at.us.cmp(&b.at.us));
    let mut before: BTreeMap<(Node, u64, u64, u64), &ReplicaDigest> = BTreeMap::new();
    for prefix in prefixes {
        work.step(1);
        let range = (prefix.node, prefix.group, prefix.from, prefix.upto);
        let Some(before) = before.insert(range, prefix) else {
            continue;
        };
        judgement.looked(1);
        if before.digest != prefix.digest {
            judgement.found(|| Finding {
                what: format!(
                    "{}, group {}, entries {}..={}: {} at {}, {} at {}",
                    index.history.node_name(prefix.node),
                    prefix.group,
                    prefix.from,
                    prefix.upto,
                    before.digest,
                    Moment(before.at.us),
                    prefix.digest,
                    Moment(prefix.at.us)
                ),
                records: Vec::new(),
            });
        }
    }
}
