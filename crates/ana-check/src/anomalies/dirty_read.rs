//! A3: a record that some reader saw is there in the end, unless its retention was over.
//!
//! Only of records that were never acknowledged where they were seen: an acknowledged one that vanished is A1.
//!
//! Source: Raft, "committed entries are never lost": a reader ahead of the commit index sees what may vanish.

use crate::index::{Index, StrayKind};
use crate::verdict::{Finding, Judgement};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    judgement.looked(index.walks.iter().map(|walk| walk.compared).sum());
    work.step(index.strays.len());
    for stray in &index.strays {
        if stray.kind == StrayKind::Vanished {
            judgement.found(|| Finding {
                what: "read once, and gone".to_owned(),
                records: vec![index.tell_stray(stray)],
            });
        }
    }
}
