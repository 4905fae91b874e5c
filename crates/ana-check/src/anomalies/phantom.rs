//! A2: what is read was put, and its put was not refused; its bytes are what was put.
//!
//! A refused entry of a PutRecords that is there all the same is A9.
//!
//! Source: Jepsen, "aborted read"; a refusal of AWS says that nothing was stored.

use crate::history::Outcome;
use crate::index::{Index, StrayKind};
use crate::verdict::{Finding, Judgement};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    judgement.looked(index.logs.iter().map(|log| log.seen.len()).sum());
    judgement.looked(index.strays.len());
    let why = |is_known| {
        if is_known {
            "read, and its put was refused"
        } else {
            "read, and nobody put it"
        }
    };
    for (shard, seen) in &index.orphans {
        judgement.found(|| Finding {
            what: why(false).to_owned(),
            records: vec![index.tell_seen(*shard, seen)],
        });
    }
    for (put, fate) in index.puts() {
        work.step(1);
        if put.outcome == Outcome::Refused && !put.in_batch && fate.copies > 0 {
            judgement.found(|| Finding {
                what: why(true).to_owned(),
                records: vec![index.tell_put(put)],
            });
        }
    }
    for stray in &index.strays {
        if stray.kind == StrayKind::Phantom {
            let is_known = stray
                .seen
                .value()
                .is_some_and(|it| index.put_of(it).is_some());
            judgement.found(|| Finding {
                what: why(is_known).to_owned(),
                records: vec![index.tell_stray(stray)],
            });
        }
    }
}
