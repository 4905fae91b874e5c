//! A17: arrival times of a shard never go back, also across leaders and jumps of clocks; a record has one arrival time
//! for all readers; AT_TIMESTAMP begins at the first record that arrived then or later.
//!
//! Source: AT_TIMESTAMP finds its place by halving, which needs times in order.

use crate::history::{Seen, Shard, Start};
use crate::index::Index;
use crate::verdict::{Finding, Judgement};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    for log in &index.logs {
        rising(index, judgement, (log.shard, &log.seen), work);
    }
    for (chain, walk) in index.history.chains.iter().zip(&index.walks) {
        // Only what the last read does not have; a chain that went back is A7.
        if walk.compared == 0 && walk.falls.is_empty() {
            rising(index, judgement, (chain.shard, &chain.seen), work);
        }
        judgement.looked(walk.compared);
        for (one, other) in &walk.other_arrivals {
            judgement.found(|| Finding {
                what: format!(
                    "arrived at {} for one reader, at {} for another",
                    one.arrival_ms(),
                    other.arrival_ms()
                ),
                records: vec![index.tell_seen(chain.shard, one)],
            });
        }
    }
    for number in 0..index.history.chains.len() {
        by_time(index, judgement, number);
    }
}

fn rising(
    index: &Index<'_>,
    judgement: &mut Judgement,
    (shard, seen): (Shard, &[Seen]),
    work: &mut Work,
) {
    work.step(seen.len());
    judgement.looked(seen.len());
    let mut latest: Option<&Seen> = None;
    // A zero is no time: A14.
    for each in seen.iter().filter(|each| each.arrival_ms() > 0) {
        let before = latest.filter(|before| before.arrival_ms() > each.arrival_ms());
        let Some(before) = before else {
            latest = Some(each);
            continue;
        };
        judgement.found(|| Finding {
            what: format!(
                "arrived at {}, and the one after it at {}",
                before.arrival_ms(),
                each.arrival_ms()
            ),
            records: vec![index.tell_seen(shard, before), index.tell_seen(shard, each)],
        });
    }
}

fn by_time(index: &Index<'_>, judgement: &mut Judgement, number: usize) {
    let (chain, walk) = (&index.history.chains[number], &index.walks[number]);
    let (Start::AtTimestamp(ms), Some(first)) = (chain.start, chain.seen.first()) else {
        return;
    };
    judgement.looked(1);
    // One that was on its way when the place was looked for may lie behind it with an older time.
    let put = first.value().and_then(|value| index.put_of(value));
    let was_on_its_way =
        put.is_some_and(|(put, _)| !put.is_acknowledged() || put.answered_us >= chain.began.us);
    if first.arrival_ms() < ms && !was_on_its_way {
        judgement.found(|| Finding {
            what: format!("AT_TIMESTAMP {ms} began with an older record"),
            records: vec![index.tell_seen(chain.shard, first)],
        });
    }
    let log = index.log(chain.shard);
    let missed = walk.gap_at_start.clone();
    if let Some(log) = log.filter(|_| !missed.is_empty()) {
        judgement.found(|| Finding {
            what: format!("AT_TIMESTAMP {ms} missed {} records", missed.len()),
            records: vec![index.tell_seen(chain.shard, &log.seen[missed.start])],
        });
    }
}
