//! Readers: what came, in which order and when.

use super::{
    Breakage, acknowledged, append, breakage, chain_with, change, forget, from_horizon, last_of,
    moved, of_outcome, pick, position,
};
use crate::Anomaly::{
    ArrivalTime, FanOut, PollOrder, RecordResult, ReshardOrder, Retention, Sentinel, StaleRead,
};
use crate::history::{Chain, Outcome, Put, Seen, Start};

pub(super) const BREAKAGES: &[Breakage] = &[
    breakage("a reader goes back", &[PollOrder], |history, number| {
        let chain = chain_with(history, number, |chain| from_horizon(chain, 4))?;
        let last = chain.seen.len() - 1;
        // Inside one answer, so that only the order is wrong.
        chain.seen.swap(last - 2, last - 1);
        Some(())
    })
    .also(&[StaleRead]),
    breakage(
        "a reader skips a record",
        &[PollOrder],
        |history, number| {
            let chain = chain_with(history, number, |chain| from_horizon(chain, 4))?;
            chain.seen.remove(1);
            for (from, _) in &mut chain.batches {
                *from -= usize::from(*from > 1);
            }
            Some(())
        },
    )
    .also(&[StaleRead]),
    breakage(
        "a reader from the horizon skips the first record",
        &[PollOrder],
        |history, number| {
            let chain = chain_with(history, number, |chain| from_horizon(chain, 4))?;
            chain.seen.remove(0);
            for (from, _) in &mut chain.batches {
                *from = from.saturating_sub(1);
            }
            Some(())
        },
    )
    .also(&[StaleRead]),
    breakage(
        "the last read has a record twice",
        &[PollOrder],
        |history, number| {
            let (_, log) = last_of(history, number)?;
            let at = number % log.len();
            log.insert(at, log[at]);
            Some(())
        },
    ),
    breakage(
        "the tip lacks what was acknowledged",
        &[StaleRead],
        |history, number| {
            let puts = history.puts.clone();
            let lacks = |chain: &Chain, at: usize| {
                let (batch, position) = (&chain.batches[at].1, position(chain, at));
                let missed = |put: &Put| {
                    put.is_acknowledged()
                        && put.shard == chain.shard
                        && put.answered_us < batch.asked.us
                        && put.sequence > position
                };
                puts.iter().any(missed)
            };
            let chain = chain_with(history, number, |chain| {
                from_horizon(chain, 3) && (0..chain.batches.len()).any(|at| lacks(chain, at))
            })?;
            let at = pick(
                (0..chain.batches.len())
                    .filter(|at| lacks(chain, *at))
                    .collect(),
                number,
            )?;
            chain.batches[at].1.behind_ms = Some(0);
            Some(())
        },
    ),
    breakage(
        "LATEST begins with what was acknowledged before",
        &[StaleRead],
        |history, number| {
            let finals = history.finals.clone();
            let puts = history.puts.clone();
            let one_before = |chain: &Chain| {
                let log = &finals[&chain.shard].seen;
                let first = log
                    .iter()
                    .position(|stored| Some(stored) == chain.seen.first())?;
                let before = log[first.checked_sub(1)?];
                let put = puts.iter().find(|put| put.sequence == before.sequence())?;
                let is_known = put.is_acknowledged() && put.answered_us < chain.began.us;
                is_known.then_some(before)
            };
            let chain = chain_with(history, number, |chain| {
                chain.start == Start::Latest && one_before(chain).is_some()
            })?;
            let before = one_before(chain)?;
            chain.seen.insert(0, before);
            for (from, _) in &mut chain.batches {
                *from += usize::from(*from > 0);
            }
            Some(())
        },
    ),
    breakage(
        "a record lies under another number than it was told",
        &[RecordResult],
        |history, number| {
            let put = history.puts[acknowledged(history, number)?];
            change(history, |_, seen| {
                if seen.value() == Some(put.value) {
                    *seen = moved(seen, seen.sequence().next());
                }
            });
            Some(())
        },
    ),
    breakage(
        "an entry that was refused is there",
        &[RecordResult],
        |history, number| {
            let put = of_outcome(history, number, Outcome::Refused, true)?;
            let (_, log) = last_of(history, number)?;
            append(log, put.value)?;
            Some(())
        },
    )
    .also(&[ReshardOrder]),
    breakage(
        "a record without an arrival time",
        &[Sentinel],
        |history, number| {
            let (_, log) = last_of(history, number)?;
            let at = number % log.len();
            let gone = log[at];
            change(history, |_, seen| {
                if *seen == gone {
                    *seen = Seen::new(seen.sequence(), seen.value(), 0);
                }
            });
            Some(())
        },
    ),
    breakage("an empty iterator", &[Sentinel], |history, _| {
        history.sentinel("NextShardIterator was empty");
        Some(())
    }),
    breakage(
        "a shard has another's record",
        &[Retention],
        |history, number| {
            let put = acknowledged(history, number)?;
            let (place, value) = (history.puts[put].sequence, history.puts[put].value);
            let shard = history.puts[put].shard;
            let seen = *history.finals[&shard]
                .seen
                .iter()
                .find(|seen| seen.value() == Some(value))?;
            forget(history, |_, seen| seen.value() == Some(value), true);
            let (_, other) = history
                .finals
                .iter_mut()
                .find(|(other, _)| **other != shard)?;
            let at = other.seen.partition_point(|seen| seen.sequence() < place);
            other.seen.insert(at, seen);
            Some(())
        },
    )
    .also(&[PollOrder, FanOut, ReshardOrder, ArrivalTime]),
    breakage(
        "a reader of one shard has another's record",
        &[Retention],
        |history, number| {
            let put = history.puts[acknowledged(history, number)?];
            let chain = chain_with(history, number, |chain| {
                let first = chain.seen.first();
                from_horizon(chain, 3)
                    && chain.shard != put.shard
                    && first.is_some_and(|first| first.sequence() < put.sequence)
                    && chain
                        .seen
                        .last()
                        .is_some_and(|last| last.sequence() > put.sequence)
            })?;
            let at = chain
                .seen
                .partition_point(|seen| seen.sequence() < put.sequence);
            let arrival = chain.seen[at].arrival_ms();
            chain
                .seen
                .insert(at, Seen::new(put.sequence, Some(put.value), arrival));
            for (from, _) in &mut chain.batches {
                *from += usize::from(*from > at);
            }
            Some(())
        },
    ),
    breakage(
        "arrival times go back",
        &[ArrivalTime],
        |history, number| {
            let (_, log) = last_of(history, number)?;
            let at = number % (log.len() - 1);
            let late = log[at];
            let beyond = log[at + 1].arrival_ms() + 1;
            history
                .chains
                .retain(|chain| !matches!(chain.start, Start::AtTimestamp(_)));
            change(history, |_, seen| {
                if *seen == late {
                    *seen = Seen::new(seen.sequence(), seen.value(), beyond);
                }
            });
            Some(())
        },
    ),
    breakage(
        "a record has two arrival times",
        &[ArrivalTime],
        |history, number| {
            let chain = chain_with(history, number, |chain| from_horizon(chain, 3))?;
            let seen = chain.seen[1];
            chain.seen[1] = Seen::new(seen.sequence(), seen.value(), seen.arrival_ms() + 1);
            Some(())
        },
    ),
    breakage(
        "AT_TIMESTAMP misses its first record",
        &[ArrivalTime],
        |history, number| {
            let chain = chain_with(history, number, |chain| {
                matches!(chain.start, Start::AtTimestamp(_)) && chain.seen.len() > 1
            })?;
            chain.seen.remove(0);
            for (from, _) in &mut chain.batches {
                *from = from.saturating_sub(1);
            }
            Some(())
        },
    ),
    breakage(
        "AT_TIMESTAMP begins with an older record",
        &[ArrivalTime],
        |history, number| {
            let puts = history.puts().to_vec();
            let chain = chain_with(history, number, |chain| {
                let first = chain.seen.first().and_then(Seen::value);
                let was_there = |put: &Put| {
                    let answered_us = put.answered_us().unwrap_or(u64::MAX);
                    Some(put.value()) == first && answered_us < chain.began.us
                };
                matches!(chain.start, Start::AtTimestamp(_)) && puts.iter().any(was_there)
            })?;
            let first = chain.seen[0].arrival_ms();
            chain.start = Start::AtTimestamp(first + 1);
            Some(())
        },
    ),
];
