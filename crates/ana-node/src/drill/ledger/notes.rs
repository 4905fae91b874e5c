//! The notes of all nodes together, on the clock of the runner. Pure.
//!
//! A node's time is its own. Each page tells it, and came between two moments of the runner's clock: from all pages of a
//! run of a ledger follow bounds within which the two clocks differ, usually a millisecond apart.
//!
//! Must stay true: times without notes are holes, from the last page before to the first one after.

use std::collections::BTreeMap;

use ana_check::Sequence;
use ana_check::ledger::{Delivery, END, NotedPut, StreamLedger, Way};

use crate::admin::ledger::{LedgerDocument, PutDocument, ReadDocument};

/// Notes that one runner keeps: some hundred bytes each.
const PUTS_MAX: usize = 2_000_000;
const READS_MAX: usize = 1_000_000;
/// A request that was under way when a node began to note is over by then, microseconds: nodes answer within five seconds.
const UNDER_WAY_US: u64 = 6_000_000;

/// What was collected.
#[derive(Debug, Default)]
pub struct Collected {
    one_in: u64,
    nodes: BTreeMap<u64, OfNode>,
    /// Times of one run of one ledger, by number.
    runs: Vec<Run>,
    puts: Vec<(usize, PutDocument)>,
    reads: Vec<(usize, ReadDocument)>,
    holes: Vec<(u64, u64)>,
    reads_end: Option<u64>,
    ended: u64,
    /// For people: what is missing.
    missing: Vec<String>,
}

#[derive(Debug, Default)]
struct OfNode {
    /// The number of its run, if it was heard of.
    run: Option<usize>,
    first_us: Option<u64>,
    last_us: u64,
    puts_to: u64,
    reads_to: u64,
}

/// One run of one ledger.
#[derive(Debug)]
struct Run {
    node: u64,
    run: u64,
    /// How far the runner's clock is ahead of the node's, microseconds: at least and at most.
    ahead: (i64, i64),
    acknowledged: u64,
    open: u64,
}

/// What was noted of one stream.
#[derive(Debug)]
pub struct OfStream {
    /// Its name.
    pub name: String,
    /// Its ledger; the log is not in it yet.
    pub ledger: StreamLedger,
}

impl Collected {
    /// Nothing yet, of these nodes.
    pub fn new(nodes: impl Iterator<Item = u64>, one_in: u64) -> Collected {
        Collected {
            one_in,
            nodes: nodes.map(|node| (node, OfNode::default())).collect(),
            ..Collected::default()
        }
    }

    /// The numbers of the last notes of a node.
    pub fn asked_to(&self, node: u64) -> (u64, u64) {
        let of_node = self.nodes.get(&node);
        of_node.map_or((0, 0), |it| (it.puts_to, it.reads_to))
    }

    /// A page that was asked for and answered at these moments. Says when the oldest put arrived that is under way.
    pub fn page(&mut self, (asked, answered): (u64, u64), page: LedgerDocument) -> Option<u64> {
        let of_node = self.nodes.entry(page.node).or_default();
        let same = of_node
            .run
            .and_then(|number| self.runs.get(number))
            .is_some_and(|run| run.run == page.run);
        if !same {
            // Before the first page of all nothing is known either.
            self.holes.push((of_node.last_us, answered));
            if of_node.run.is_some() {
                let what = format!(
                    "node {} lost its notes since the last look, or its ledger was off",
                    page.node
                );
                self.missing.push(what);
            }
            (of_node.puts_to, of_node.reads_to) = (0, 0);
            of_node.run = Some(self.runs.len());
            self.runs.push(Run {
                node: page.node,
                run: page.run,
                ahead: (i64::MIN, i64::MAX),
                acknowledged: 0,
                open: 0,
            });
        }
        let number = of_node.run.unwrap_or_default();
        if page.puts_dropped > of_node.puts_to || page.reads_dropped > of_node.reads_to {
            self.holes.push((of_node.last_us, answered));
            let what = format!("node {} noted more than was collected in time", page.node);
            self.missing.push(what);
        }
        of_node.first_us.get_or_insert(answered);
        of_node.last_us = answered;
        let mut under_way = None;
        if let Some(run) = self.runs.get_mut(number) {
            let least = run.ahead.0.max(difference(asked, page.now_us));
            let most = run.ahead.1.min(difference(answered, page.now_us));
            run.ahead = (least, most);
            (run.acknowledged, run.open) = (page.acknowledged, page.open);
            under_way = page.oldest_under_way_us.map(|at| moved(at, least));
        }
        // What was asked for twice, after an answer that did not come, is kept once.
        for put in page.puts {
            if put.number > of_node.puts_to {
                of_node.puts_to = put.number;
                self.puts.push((number, put));
            }
        }
        for read in page.reads {
            if read.number > of_node.reads_to {
                of_node.reads_to = read.number;
                self.reads.push((number, read));
            }
        }
        self.bound(answered);
        under_way
    }

    /// Forgets what is too much, and says so.
    fn bound(&mut self, now: u64) {
        if self.puts.len() <= PUTS_MAX && self.reads.len() <= READS_MAX {
            return;
        }
        self.puts.truncate(PUTS_MAX);
        self.reads.truncate(READS_MAX);
        self.holes.push((now, u64::MAX));
        let what =
            "more was noted than a runner keeps: give [watch] a greater one_in, or fewer streams";
        if !self.missing.iter().any(|each| each == what) {
            self.missing.push(what.to_owned());
        }
    }

    /// What readers ask for from now on is not the application's.
    pub fn reads_end(&mut self, now: u64) {
        self.reads_end = Some(now);
    }

    /// A node was asked for the last time.
    pub fn ended(&mut self, node: u64, is_drained: bool, now: u64) {
        self.ended = self.ended.max(now);
        let last = self.nodes.get(&node).map_or(0, |it| it.last_us);
        if !is_drained {
            self.holes.push((last, u64::MAX));
            self.missing
                .push(format!("the last notes of node {node} were not given"));
        }
    }

    /// The streams that were noted.
    pub fn streams(&self) -> Vec<String> {
        let puts = self.puts.iter().map(|(_, put)| &put.stream);
        let reads = self.reads.iter().map(|(_, read)| &read.stream);
        let mut names: Vec<String> = puts.chain(reads).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The furthest record of each shard of a stream, by the name of the shard.
    pub fn furthest(&self, stream: &str) -> BTreeMap<String, Sequence> {
        let mut furthest: BTreeMap<String, Sequence> = BTreeMap::new();
        for (_, put) in self.puts.iter().filter(|(_, put)| put.stream == stream) {
            if let (Some(shard), Some(number)) = (&put.shard, &put.sequence_number) {
                let last = furthest.entry(name_of_shard(stream, shard)).or_default();
                *last = (*last).max(Sequence::read(number));
            }
        }
        furthest
    }

    /// Records acknowledged and left open, over all streams.
    pub fn counts(&self) -> (u64, u64) {
        self.runs.iter().fold((0, 0), |(acknowledged, open), run| {
            (acknowledged + run.acknowledged, open + run.open)
        })
    }

    /// What is missing, in words.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The ledgers of all streams; `healed_us` is when the last fault was taken away. Of a stream that was deleted and
    /// made again, the last life.
    pub fn ledgers(&self, healed_us: Option<u64>) -> Vec<OfStream> {
        let mut lives: BTreeMap<&str, u64> = BTreeMap::new();
        let puts = self.puts.iter();
        let puts = puts.map(|(_, put)| (put.stream.as_str(), put.stream_key));
        let reads = self.reads.iter();
        let reads = reads.map(|(_, read)| (read.stream.as_str(), read.stream_key));
        for (name, key) in puts.chain(reads) {
            let life = lives.entry(name).or_default();
            *life = key.max(*life);
        }
        let heard = self.nodes.values().map(|node| node.first_us);
        let all_on = heard.collect::<Option<Vec<u64>>>();
        let all_on = all_on.and_then(|firsts| firsts.into_iter().max());
        let empty = StreamLedger {
            one_in: self.one_in,
            holes: self.holes.clone(),
            all_on_us: all_on.map_or(u64::MAX, |at| at.saturating_add(UNDER_WAY_US)),
            healed_us,
            ended_us: self.ended,
            reads_end_us: self.reads_end.unwrap_or(self.ended),
            ..StreamLedger::default()
        };
        let mut ledgers: BTreeMap<&str, StreamLedger> =
            lives.keys().map(|name| (*name, empty.clone())).collect();
        for (run, put) in &self.puts {
            let is_alive = lives.get(put.stream.as_str()) == Some(&put.stream_key);
            let ledger = ledgers.get_mut(put.stream.as_str());
            if let (true, Some(ledger), Some(run)) = (is_alive, ledger, self.runs.get(*run)) {
                ledger.puts.extend(noted(run, put));
            }
        }
        for (run, read) in &self.reads {
            let is_alive = lives.get(read.stream.as_str()) == Some(&read.stream_key);
            let ledger = ledgers.get_mut(read.stream.as_str());
            if let (true, Some(ledger), Some(run)) = (is_alive, ledger, self.runs.get(*run)) {
                let delivery = delivery(run, read);
                let is_own = self
                    .reads_end
                    .is_some_and(|end| delivery.answered_us >= end);
                ledger.deliveries.extend((!is_own).then_some(delivery));
            }
        }
        let ledgers = ledgers.into_iter().map(|(name, ledger)| OfStream {
            name: name.to_owned(),
            ledger,
        });
        ledgers.collect()
    }
}

fn difference(one: u64, other: u64) -> i64 {
    let wide = i128::from(one) - i128::from(other);
    i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

fn moved(at: u64, by: i64) -> u64 {
    at.saturating_add_signed(by)
}

/// `None` for what cannot be read.
fn noted(run: &Run, put: &PutDocument) -> Option<NotedPut> {
    let place = match (&put.shard, &put.sequence_number) {
        (Some(shard), Some(number)) => {
            Some((name_of_shard(&put.stream, shard), Sequence::read(number)))
        }
        _ => None,
    };
    // Clocks that run apart say nothing of each other.
    let can_tell = run.ahead.0 <= run.ahead.1;
    let (arrived_us, answered_us) = if can_tell {
        let arrived = moved(put.arrived_us, run.ahead.0);
        (arrived, moved(put.answered_us, run.ahead.1))
    } else {
        (0, u64::MAX)
    };
    Some(NotedPut {
        place,
        hash_key: put.hash_key.parse().ok()?,
        content: from_hex(&put.content)?,
        arrived_us,
        answered_us,
        node: run.node,
    })
}

fn delivery(run: &Run, read: &ReadDocument) -> Delivery {
    let (least, most) = run.ahead;
    let middle = least.saturating_add(most.saturating_sub(least) / 2);
    let hash = |text: &Option<String>| text.as_deref().and_then(from_hex);
    let way = match hash(&read.session) {
        Some(session) => Way::Pushed { session },
        None => Way::Polled {
            connection: read.connection.clone().unwrap_or_default(),
            iterator: hash(&read.iterator).unwrap_or_default(),
            next_iterator: hash(&read.next_iterator),
        },
    };
    Delivery {
        reader: read.reader.clone(),
        way,
        shard: name_of_shard(&read.stream, &read.shard),
        begins: read.begins.clone(),
        from: read.from_position,
        next: read.next_position.unwrap_or(END),
        count: read.count,
        behind_ms: read.behind_ms,
        asked_us: moved(read.asked_us, middle),
        answered_us: moved(read.answered_us, middle),
    }
}

/// `orders/shardId-000000000000`.
pub(super) fn name_of_shard(stream: &str, shard: &str) -> String {
    format!("{stream}/{shard}")
}

fn from_hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod notes_test;
