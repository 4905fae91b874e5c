//! A5: a record lies there as often as attempts may have written it: once if it was acknowledged in its first attempt,
//! and once more for each attempt without an answer.
//!
//! Source: at-least-once delivery of Kinesis allows the producer's retries, and nothing else.

use crate::history::Outcome;
use crate::index::Index;
use crate::verdict::{Finding, Judgement};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for (put, fate) in index.puts() {
        work.step(1);
        if put.outcome == Outcome::Refused || fate.copies == 0 {
            continue;
        }
        judgement.looked(1);
        // 255 stands for "so many or more", of attempts and of copies.
        let attempts = put
            .unanswered
            .saturating_add(u8::from(put.is_acknowledged()))
            .max(1);
        if fate.copies > attempts {
            judgement.found(|| Finding {
                what: format!("{} copies of {attempts} attempts", fate.copies),
                records: vec![index.tell_put(put)],
            });
        }
    }
}
