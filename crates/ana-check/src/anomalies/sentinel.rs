//! A14: sequence numbers, arrival times, shards and iterators in answers are never empty, zero or a default.
//!
//! The default of a sequence number is also the number at which a shard begins (counter 0): no record has it.
//!
//! Source: Bufstream under Jepsen: "spurious zero offsets".

use crate::history::Shard;
use crate::index::Index;
use crate::sequence::Sequence;
use crate::verdict::{Finding, Judgement};
use crate::work::Work;

fn is_sentinel(sequence: Sequence) -> bool {
    sequence.is_none() || sequence.counter() == Some(0)
}

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for (put, _) in index.acknowledged() {
        work.step(1);
        judgement.looked(1);
        if is_sentinel(put.sequence) || put.shard == Shard(u32::MAX) {
            judgement.found(|| Finding {
                what: "acknowledged without a place".to_owned(),
                records: vec![index.tell_put(put)],
            });
        }
    }
    let logs = index.logs.iter().map(|log| (log.shard, &log.seen[..]));
    let chains = index.history.chains.iter();
    for (shard, seen) in logs.chain(chains.map(|chain| (chain.shard, &chain.seen[..]))) {
        work.step(seen.len());
        judgement.looked(seen.len());
        let wrong =
            |each: &&crate::history::Seen| is_sentinel(each.sequence()) || each.arrival_ms() == 0;
        for each in seen.iter().filter(wrong) {
            judgement.found(|| Finding {
                what: format!("read with arrival time {}", each.arrival_ms()),
                records: vec![index.tell_seen(shard, each)],
            });
        }
    }
    for what in &index.history.sentinels {
        judgement.looked(1);
        judgement.found(|| Finding {
            what: what.clone(),
            records: Vec::new(),
        });
    }
}
