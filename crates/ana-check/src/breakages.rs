//! Ways to break a clean history, each with the anomalies it must be found under, and those that may follow from it.

use crate::history::{At, Chain, History, Outcome, Put, Seen, Shard, Start, Way};
use crate::{Anomaly, Sequence};

mod records;
mod readers;
mod cluster;

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Breakage> {
    records::BREAKAGES
        .iter()
        .chain(readers::BREAKAGES)
        .chain(cluster::BREAKAGES)
}

/// One way.
pub(crate) struct Breakage {
    pub(crate) name: &'static str,
    /// What it must be found under...
    pub(crate) found: &'static [Anomaly],
    /// ...and what else may follow from it.
    pub(crate) also: &'static [Anomaly],
    /// Breaks a history at a place that `pick` chooses; `None` if it has no such place.
    pub(crate) breaks: fn(&mut History, usize) -> Option<()>,
}

const fn breakage(
    name: &'static str,
    found: &'static [Anomaly],
    breaks: fn(&mut History, usize) -> Option<()>,
) -> Breakage {
    Breakage {
        name,
        found,
        also: &[],
        breaks,
    }
}

impl Breakage {
    const fn also(mut self, also: &'static [Anomaly]) -> Breakage {
        self.also = also;
        self
    }
}

/// Everything that readers and the last read know of a record goes through here.
fn forget(history: &mut History, gone: impl Fn(Shard, &Seen) -> bool, chains_too: bool) {
    for (shard, read) in &mut history.finals {
        read.seen.retain(|seen| !gone(*shard, seen));
    }
    for chain in history.chains.iter_mut().filter(|_| chains_too) {
        let (shard, mut index, mut removed) = (chain.shard, 0, Vec::new());
        chain.seen.retain(|seen| {
            let goes = gone(shard, seen);
            if goes {
                removed.push(index);
            }
            index += 1;
            !goes
        });
        for (from, _) in &mut chain.batches {
            *from -= removed.iter().filter(|removed| **removed < *from).count();
        }
    }
}

fn change(history: &mut History, mut changes: impl FnMut(Shard, &mut Seen)) {
    for (shard, read) in &mut history.finals {
        read.seen.iter_mut().for_each(|seen| changes(*shard, seen));
    }
    for chain in &mut history.chains {
        let shard = chain.shard;
        chain.seen.iter_mut().for_each(|seen| changes(shard, seen));
    }
}

fn pick<T>(list: Vec<T>, pick: usize) -> Option<T> {
    let count = list.len();
    list.into_iter().nth(pick.checked_rem(count)?)
}

/// A put that was acknowledged in its only attempt.
fn acknowledged(history: &History, number: usize) -> Option<usize> {
    let puts = history.puts.iter().enumerate();
    let once = puts.filter(|(_, put)| put.is_acknowledged() && put.unanswered == 0);
    pick(once.map(|(index, _)| index).collect(), number)
}

fn of_outcome(history: &History, number: usize, outcome: Outcome, in_batch: bool) -> Option<Put> {
    let puts = history.puts.iter().copied();
    let wanted = puts.filter(|put| put.outcome == outcome && put.in_batch == in_batch);
    pick(wanted.collect(), number)
}

/// A record of an unknown put that the last read and some polling reader has.
fn seen_unknown(history: &History, number: usize) -> Option<(Shard, Seen)> {
    let is_unknown = |seen: &Seen| {
        let put = history
            .puts
            .iter()
            .find(|put| Some(put.value) == seen.value());
        put.is_some_and(|put| put.outcome == Outcome::Unknown)
    };
    let chains = history
        .chains
        .iter()
        .filter(|chain| chain.way == Way::Polled);
    let seen = chains.flat_map(|chain| chain.seen.iter().map(|seen| (chain.shard, *seen)));
    pick(seen.filter(|(_, seen)| is_unknown(seen)).collect(), number)
}

fn chain_with(
    history: &mut History,
    number: usize,
    wanted: impl Fn(&Chain) -> bool,
) -> Option<&mut Chain> {
    let chains = history.chains.iter_mut().filter(|chain| wanted(chain));
    pick(chains.collect(), number)
}

fn from_horizon(chain: &Chain, records: usize) -> bool {
    chain.way == Way::Polled && chain.start == Start::TrimHorizon && chain.seen.len() >= records
}

/// How far a chain was after one of its answers.
fn position(chain: &Chain, at: usize) -> Sequence {
    let next = chain.batches.get(at + 1);
    let upto = next.map_or(chain.seen.len(), |(from, _)| *from);
    let last = chain.seen[..upto].last();
    last.map(Seen::sequence).unwrap_or_default()
}

fn last_of(history: &mut History, number: usize) -> Option<(Shard, &mut Vec<Seen>)> {
    let finals = history.finals.iter_mut();
    let long = finals.filter(|(_, read)| read.seen.len() >= 8);
    let (shard, read) = pick(long.collect(), number)?;
    Some((*shard, &mut read.seen))
}

fn moved(seen: &Seen, sequence: Sequence) -> Seen {
    Seen::new(sequence, seen.value(), seen.arrival_ms())
}

fn wall(history: &History, us: u64) -> u64 {
    let put = history.puts.first().map_or(At::default(), |put| put.sent);
    put.wall_ms + us / 1000
}

fn later(history: &History) -> u64 {
    let answered = history
        .control
        .iter()
        .map(|control| control.when.answered_us);
    answered.max().unwrap_or_default() + 60_000_000
}

fn pushed(history: &mut History, number: usize) -> Option<&mut Chain> {
    let pushed = |chain: &Chain| matches!(chain.way, Way::Pushed { .. }) && chain.seen.len() > 2;
    chain_with(history, number, pushed)
}

fn prefix_of(history: &History, number: usize, from: usize) -> Option<usize> {
    pick((from..history.prefixes.len()).collect(), number)
}
