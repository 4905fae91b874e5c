//! A6: a put that began after another was acknowledged has the greater sequence number: in one shard, and for one
//! partition key across splits and merges. Where each key has one client that waits for its answers
//! (`Rules::keys_in_order`), the records of a key lie in the order of their counters.
//!
//! Source: PutRecord's `SequenceNumberForOrdering`; real-time order of linearizable writes.

use crate::history::Put;
use crate::index::Index;
use crate::verdict::{Finding, Judgement};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let timed = || {
        let puts = index.history.puts.iter();
        puts.filter(|put| put.is_acknowledged() && put.answered_us > 0)
            .collect::<Vec<_>>()
    };
    real_time(index, judgement, work, (timed(), "shard"), |put| {
        put.shard.0
    });
    if index.history.rules.keys_in_order {
        by_counter(index, judgement, work);
    } else {
        real_time(index, judgement, work, (timed(), "key"), |put| put.key.0);
    }
}

fn broken(index: &Index<'_>, what: String, before: &Put, put: &Put) -> Finding {
    Finding {
        what,
        records: vec![index.tell_put(before), index.tell_put(put)],
    }
}

/// Sweeps each group by the time its puts were sent, with the greatest number acknowledged until then.
fn real_time(
    index: &Index<'_>,
    judgement: &mut Judgement,
    work: &mut Work,
    (mut sent, of): (Vec<&Put>, &str),
    group: impl Fn(&Put) -> u32,
) {
    let mut answered = sent.clone();
    work.sort(&mut sent, |a, b| {
        (group(a), a.sent.us).cmp(&(group(b), b.sent.us))
    });
    work.sort(&mut answered, |a, b| {
        (group(a), a.answered_us).cmp(&(group(b), b.answered_us))
    });
    let mut answered = answered.into_iter().peekable();
    let mut greatest: Option<&Put> = None;
    for put in sent {
        work.step(1);
        let here = group(put);
        greatest = greatest.filter(|before| group(before) == here);
        let is_before = |each: &&Put| {
            group(each) < here || (group(each) == here && each.answered_us < put.sent.us)
        };
        while let Some(each) = answered.next_if(is_before) {
            work.step(1);
            let is_greater = greatest.is_none_or(|before| before.sequence < each.sequence);
            if group(each) == here && is_greater {
                greatest = Some(each);
            }
        }
        let Some(before) = greatest else { continue };
        judgement.looked(1);
        if before.sequence > put.sequence {
            judgement.found(|| {
                let what =
                    format!("acknowledged before the other was sent, and greater: same {of}");
                broken(index, what, before, put)
            });
        }
    }
}

fn by_counter(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let puts = index.history.puts.iter();
    let mut puts: Vec<&Put> = puts.filter(|put| put.is_acknowledged()).collect();
    work.sort(&mut puts, |a, b| (a.key, a.value).cmp(&(b.key, b.value)));
    let mut greatest: Option<&Put> = None;
    for put in puts {
        work.step(1);
        let before = greatest
            .filter(|before| (before.key, before.value.producer) == (put.key, put.value.producer));
        judgement.looked(usize::from(before.is_some()));
        match before.filter(|before| before.sequence > put.sequence) {
            Some(before) => judgement.found(|| {
                let what = "put before the other with the same key, and greater".to_owned();
                broken(index, what, before, put)
            }),
            None => greatest = Some(put),
        }
    }
}
