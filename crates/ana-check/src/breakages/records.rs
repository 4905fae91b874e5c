//! Records: what was put and what the last read has.

use super::{
    Breakage, acknowledged, breakage, chain_with, change, forget, from_horizon, last_of,
    of_outcome, seen_unknown,
};
use crate::Anomaly::{
    DirtyRead, Duplicate, FanOut, LostWrite, Phantom, PollOrder, ReshardOrder, SendOrder,
    SequenceReuse,
};
use crate::history::{Outcome, Put, Seen, Way};

pub(super) const BREAKAGES: &[Breakage] = &[
    breakage(
        "an acknowledged record is gone",
        &[LostWrite],
        |history, number| {
            let put = history.puts[acknowledged(history, number)?];
            forget(history, |_, seen| seen.value() == Some(put.value), true);
            Some(())
        },
    ),
    breakage(
        "an acknowledged record is gone that readers saw",
        &[LostWrite],
        |history, number| {
            let put = history.puts[acknowledged(history, number)?];
            forget(history, |_, seen| seen.value() == Some(put.value), false);
            Some(())
        },
    ),
    breakage(
        "a read that did not end lacks one in its middle",
        &[LostWrite],
        |history, number| {
            let (shard, log) = last_of(history, number)?;
            let middle = log[1..log.len() - 1]
                .iter()
                .map(Seen::value)
                .collect::<Vec<_>>();
            let is_plain = |put: &&Put| put.is_acknowledged() && put.unanswered == 0;
            let puts = history.puts.iter().filter(is_plain);
            let put = *puts.rev().find(|put| middle.contains(&Some(put.value)))?;
            history.finals.get_mut(&shard)?.is_complete = false;
            forget(history, |_, seen| seen.value() == Some(put.value), true);
            Some(())
        },
    ),
    breakage(
        "the last read has a record that nobody put",
        &[Phantom],
        |history, number| {
            let (_, log) = last_of(history, number)?;
            let at = number % log.len();
            let seen = Seen::new(log[at].sequence().next(), None, log[at].arrival_ms());
            log.insert(at + 1, seen);
            Some(())
        },
    )
    .also(&[PollOrder, FanOut, ReshardOrder]),
    breakage(
        "a reader has a record that nobody put",
        &[Phantom],
        |history, number| {
            let chain = chain_with(history, number, |chain| from_horizon(chain, 3))?;
            let seen = chain.seen[0];
            let added = Seen::new(seen.sequence().next(), None, seen.arrival_ms());
            chain.seen.insert(1, added);
            for (from, _) in &mut chain.batches {
                *from += usize::from(*from > 0);
            }
            Some(())
        },
    ),
    breakage("a refused put is there", &[Phantom], |history, number| {
        let put = of_outcome(history, number, Outcome::Refused, false)?;
        let (_, log) = last_of(history, number)?;
        let last = *log.last()?;
        log.push(Seen::new(
            last.sequence().next(),
            Some(put.value),
            last.arrival_ms(),
        ));
        Some(())
    })
    .also(&[ReshardOrder]),
    breakage(
        "what a reader saw of an unknown put is gone",
        &[DirtyRead],
        |history, number| {
            let (_, gone) = seen_unknown(history, number)?;
            forget(history, |_, seen| seen.value() == gone.value(), false);
            Some(())
        },
    ),
    breakage(
        "another record lies where a reader saw one",
        &[SequenceReuse],
        |history, number| {
            let (shard, one) = seen_unknown(history, number)?;
            let (_, other) = seen_unknown(history, number + 1)?;
            (one.value() != other.value()).then_some(())?;
            let chain = chain_with(history, number, |chain| {
                chain.shard == shard && chain.way == Way::Polled && chain.seen.contains(&one)
            })?;
            let seen = chain.seen.iter_mut().find(|seen| **seen == one)?;
            *seen = Seen::new(one.sequence(), other.value(), one.arrival_ms());
            Some(())
        },
    ),
    breakage("one put, three copies", &[Duplicate], |history, number| {
        let put = history.puts[acknowledged(history, number)?];
        let log = &mut history.finals.get_mut(&put.shard)?.seen;
        for _ in 0..2 {
            let last = *log.last()?;
            log.push(Seen::new(
                last.sequence().next(),
                Some(put.value),
                last.arrival_ms(),
            ));
        }
        Some(())
    })
    .also(&[ReshardOrder]),
    breakage(
        "two puts of a key change places",
        &[SendOrder],
        |history, number| {
            // Each is told and stored under the other's number: only their order is wrong.
            let one = acknowledged(history, number)?;
            let (key, shard) = (history.puts[one].key, history.puts[one].shard);
            let other = (one + 1..history.puts.len()).find(|each| {
                let put = &history.puts[*each];
                put.is_acknowledged() && put.unanswered == 0 && (put.key, put.shard) == (key, shard)
            })?;
            let (a, b) = (history.puts[one], history.puts[other]);
            // Nobody may have read the one that moved forward before it was put.
            (history.puts[one].sequence, history.puts[other].sequence) = (b.sequence, a.sequence);
            history.chains.clear();
            change(history, |_, seen| {
                let value = match seen.value() {
                    Some(value) if value == a.value => b.value,
                    Some(value) if value == b.value => a.value,
                    _ => return,
                };
                *seen = Seen::new(seen.sequence(), Some(value), seen.arrival_ms());
            });
            Some(())
        },
    ),
];
