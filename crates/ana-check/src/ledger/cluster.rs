//! From the ledger to a history of the cluster: noted puts, and the log as it was read back.
//!
//! A record is known by its place and by a hash of its partition key and data. A noted put whose place holds something
//! else is lost (A1) to a record that nobody put (A2). A record elsewhere with the same content is a copy, if every
//! attempt since all nodes noted is in the ledger, and is explained by attempts without an answer (A5). Other records are
//! not the ledger's business.
//!
//! A put that was acknowledged while the log was read is judged only if the reading went beyond it.
//!
//! Must stay true: a copy is told only where the ledger has every attempt that could have made it.

use std::collections::BTreeMap;

use super::{NotedPut, StreamLedger};
use crate::history::{At, Put, Rules, Seen, Value};
use crate::sequence::Sequence;
use crate::{History, Producer, Shard};

/// What was noted of one content.
#[derive(Debug, Default)]
struct Content {
    /// The first put that was acknowledged with it.
    first: Option<u32>,
    /// Attempts with it that may have written a copy.
    unanswered: u32,
}

/// The history of what was noted.
pub fn history(ledger: &StreamLedger) -> History {
    let mut history = History::new(Rules::default());
    let producer = history.producer("noted put");
    let contents = contents(ledger);
    let mut places: BTreeMap<(Shard, Sequence), (u32, u64)> = BTreeMap::new();
    for (noted, number) in ledger.puts.iter().zip(0_u32..) {
        let Some((shard, sequence)) = noted.place.as_ref().filter(|_| ledger.covers(noted)) else {
            continue;
        };
        let shard = history.shard(shard);
        let content = contents.get(&noted.content);
        let explains = content.filter(|content| content.first == Some(number));
        let unanswered = explains.map_or(0, |content| content.unanswered);
        let key = history.key(&format!("{:032x}", noted.hash_key));
        let node = history.node(&format!("node-{}", noted.node));
        let put = Put::new(
            Value::new(producer, number),
            key,
            At::new(noted.arrived_us, 0),
        )
        .acknowledged(shard, *sequence, noted.answered_us)
        .unanswered(unanswered)
        .through(node);
        history.put(put);
        places.insert((shard, *sequence), (number, noted.content));
    }
    let firsts = ledger.has_every_put().then(|| first_of_all(ledger));
    for (id, log) in ledger.log.iter().flatten() {
        let shard = history.shard(id);
        let after = firsts.as_ref().and_then(|firsts| firsts.get(id.as_str()));
        let seen = log.records.iter().filter_map(|each| {
            let seen = |value| Some(Seen::new(each.sequence, value, each.arrival_ms));
            match places.get(&(shard, each.sequence)) {
                Some((number, content)) if *content == each.content => {
                    seen(Some(Value::new(producer, *number)))
                }
                Some(_) => seen(None),
                None => {
                    let is_spoken_of = after.is_some_and(|after| *after < each.sequence);
                    let value = copied(&contents, producer, each.content);
                    value.filter(|_| is_spoken_of).and_then(|it| seen(Some(it)))
                }
            }
        });
        let seen: Vec<Seen> = seen.collect();
        let read = history.final_read(shard);
        read.extend(seen);
        // Of the puts that are judged it has all there are.
        read.complete();
    }
    history
}

fn contents(ledger: &StreamLedger) -> BTreeMap<u64, Content> {
    let mut contents: BTreeMap<u64, Content> = BTreeMap::new();
    for (noted, number) in ledger.puts.iter().zip(0_u32..) {
        let content = contents.entry(noted.content).or_default();
        if noted.place.is_none() {
            content.unanswered += 1;
        } else if ledger.covers(noted) {
            content.first.get_or_insert(number);
        }
    }
    contents
}

/// In each shard the place of a put that arrived when every node noted already: whatever lies behind it was put later,
/// or was under way then, and is in the ledger.
fn first_of_all(ledger: &StreamLedger) -> BTreeMap<&str, Sequence> {
    let mut firsts: BTreeMap<&str, Sequence> = BTreeMap::new();
    let late = |put: &&NotedPut| put.arrived_us >= ledger.all_on_us;
    for put in ledger.puts.iter().filter(late) {
        if let Some((shard, sequence)) = &put.place {
            let first = firsts.entry(shard).or_insert(*sequence);
            *first = (*first).min(*sequence);
        }
    }
    firsts
}

fn copied(contents: &BTreeMap<u64, Content>, producer: Producer, content: u64) -> Option<Value> {
    let first = contents.get(&content)?.first?;
    Some(Value::new(producer, first))
}
