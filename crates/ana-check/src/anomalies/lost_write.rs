//! A1: every acknowledged record is in the last read of its shard, unless its retention was over.
//!
//! If that read did not come to the end, it speaks for the numbers up to the greatest one it had. A record that lies
//! elsewhere is not lost: that is A9 (another number) or A16 (another shard).
//!
//! Source: the product's first promise; Jepsen's Kafka workload, "lost write".

use crate::index::Index;
use crate::verdict::{Finding, Judgement};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for (put, fate) in index.acknowledged() {
        work.step(1);
        let is_judged = fate.copies > 0
            || index
                .log(put.shard)
                .is_some_and(|log| log.reaches(put.sequence));
        judgement.looked(usize::from(is_judged));
        if index.is_lost(put, fate) {
            judgement.found(|| Finding {
                what: "acknowledged, and not there".to_owned(),
                records: vec![index.tell_put(put)],
            });
        }
    }
}
