//! A9: what a put was told is what became of it: an acknowledged record lies under the number it was given, and an entry
//! of PutRecords that failed is not there.
//!
//! Source: PutRecords answers for each record on its own; Jepsen, "G1c" has no meaning without transactions.

use crate::history::Outcome;
use crate::index::{Index, StrayKind};
use crate::verdict::{Finding, Judgement};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for (put, fate) in index.puts() {
        work.step(1);
        let is_there = fate.copies > 0;
        match put.outcome {
            Outcome::Acknowledged if is_there => {
                judgement.looked(1);
                if !fate.is_at_place && !fate.is_in_other_shard {
                    judgement.found(|| Finding {
                        what: "acknowledged with one number, lies under another".to_owned(),
                        records: vec![index.tell_put(put)],
                    });
                }
            }
            Outcome::Refused if put.in_batch => {
                judgement.looked(usize::from(!index.logs.is_empty()));
                if is_there {
                    judgement.found(|| Finding {
                        what: "an entry that was refused is there".to_owned(),
                        records: vec![index.tell_put(put)],
                    });
                }
            }
            Outcome::Acknowledged | Outcome::Refused | Outcome::Unknown => {}
        }
    }
    for stray in &index.strays {
        if stray.kind == StrayKind::RefusedEntry {
            judgement.found(|| Finding {
                what: "an entry that was refused was read".to_owned(),
                records: vec![index.tell_stray(stray)],
            });
        }
    }
}
