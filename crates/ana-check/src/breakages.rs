//! Ways to break a clean history, each with the anomalies it must be found under, and no others.

use ana_types::HashKey;

use crate::Anomaly::{
    self, ArrivalTime, CommittedTruncation, ControlOrder, DirtyRead, Duplicate, FanOut, LostWrite,
    Phantom, PollOrder, RecordResult, ReplicaDivergence, ReshardOrder, Resurrection, Retention,
    SendOrder, Sentinel, SequenceReuse, SplitBrain, StaleRead, Stuck,
};
use crate::Sequence;
use crate::history::{
    Asked, At, Chain, ControlAnswer, ControlCall, Existence, History, Node, Outcome, Put, Seen,
    Shard, Start, Way,
};

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

fn chain_with<'h>(
    history: &'h mut History,
    number: usize,
    wanted: impl Fn(&Chain) -> bool,
) -> Option<&'h mut Chain> {
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

/// Records: what was put and what was read.
pub(crate) const OF_RECORDS: &[Breakage] = &[
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
            chain.seen[0] = seen;
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
            let last = *log.last()?;
            log.push(Seen::new(
                last.sequence().next(),
                Some(put.value),
                last.arrival_ms(),
            ));
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
            let chain = chain_with(history, number, |chain| {
                matches!(chain.start, Start::AtTimestamp(_)) && chain.seen.len() > 1
            })?;
            let first = chain.seen[0].arrival_ms();
            chain.start = Start::AtTimestamp(first + 1);
            Some(())
        },
    ),
];

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

/// The cluster: leaders, replicas, shards, control plane.
pub(crate) const OF_THE_CLUSTER: &[Breakage] = &[
    breakage(
        "two leaders in one term",
        &[SplitBrain],
        |history, number| {
            let mut again = *history.leaders.get(number % history.leaders.len().max(1))?;
            again.leader = Node(again.leader.0 + 1);
            history.leader(again);
            Some(())
        },
    ),
    breakage("a deposed leader serves", &[SplitBrain], |history, _| {
        let (mut first, last) = (*history.served.first()?, *history.served.last()?);
        (first.asked_us, first.answered_us) = (last.answered_us + 1, last.answered_us + 2);
        history.served(first);
        Some(())
    }),
    breakage(
        "two replicas committed two logs",
        &[SplitBrain],
        |history, number| {
            let node = history.prefixes[prefix_of(history, number, 0)?].node;
            let of_node = history
                .prefixes
                .iter_mut()
                .filter(|prefix| prefix.node == node);
            of_node.for_each(|prefix| prefix.digest.push('!'));
            Some(())
        },
    ),
    breakage(
        "a replica cut what it had committed",
        &[CommittedTruncation],
        |history, number| {
            let half = history.prefixes.len() / 2;
            let prefix = prefix_of(history, number, half)?;
            history.prefixes[prefix].digest.push('!');
            Some(())
        },
    ),
    breakage(
        "replicas differ in the end",
        &[ReplicaDivergence],
        |history, number| {
            let count = history.replicas.len().max(1);
            history.replicas.get_mut(number % count)?.digest.push('!');
            Some(())
        },
    ),
    breakage("something did not come about", &[Stuck], |history, _| {
        history.stuck("producer 1 is not acknowledged");
        Some(())
    }),
    breakage("something came about too late", &[Stuck], |history, _| {
        let expectation = history.expectations.first_mut()?;
        expectation.met_us = Some(expectation.since_us + expectation.bound_us + 1);
        Some(())
    }),
    breakage(
        "a shard does not acknowledge after the faults",
        &[Stuck],
        |history, number| {
            let heal = *history.heals.first()?;
            let listing = history.last_listing()?.clone();
            let open: Vec<Shard> = listing
                .shards
                .iter()
                .filter(|shard| shard.is_open)
                .map(|shard| shard.shard)
                .collect();
            let silent = pick(open, number)?;
            // As if nobody had put there since.
            let goes = |put: &Put| put.shard == silent && put.sent.us >= heal.at_us;
            let values: Vec<_> = history
                .puts
                .iter()
                .filter(|put| goes(put))
                .map(|put| put.value)
                .collect();
            history.puts.retain(|put| !goes(put));
            forget(
                history,
                |_, seen| seen.value().is_some_and(|it| values.contains(&it)),
                true,
            );
            Some(())
        },
    ),
    breakage("open shards overlap", &[ReshardOrder], |history, number| {
        let count = history.listings.len().max(1);
        let listing = history.listings.get_mut(number % count)?;
        let open = listing.shards.iter_mut().filter(|shard| shard.is_open);
        let shard = open.min_by_key(|shard| shard.range.start)?;
        shard.range.end = HashKey(shard.range.end.0 + 1);
        Some(())
    }),
    breakage(
        "a parent is open beside its child",
        &[ReshardOrder],
        |history, number| {
            let has_child = |listing: &&mut crate::history::Listing| {
                listing.shards.iter().any(|shard| !shard.parents.is_empty())
            };
            let listings: Vec<_> = history.listings.iter_mut().filter(has_child).collect();
            let listing = pick(listings, number)?;
            let parent = *listing
                .shards
                .iter()
                .find_map(|shard| shard.parents.first())?;
            listing
                .shards
                .iter_mut()
                .find(|shard| shard.shard == parent)?
                .is_open = true;
            Some(())
        },
    ),
    breakage(
        "a closed shard is open again",
        &[ReshardOrder],
        |history, _| {
            let first = history.listings.first()?.clone();
            let last = history.last_listing()?.clone();
            (first.shards.len() < last.shards.len()).then_some(())?;
            let later = last.answered_us + 60_000_000;
            history.listing(crate::history::Listing {
                asked: At::new(later, wall(history, later)),
                answered_us: later + 1,
                ..first
            });
            // Nobody is asked to write to what that listing says.
            history.heals.clear();
            Some(())
        },
    ),
    breakage(
        "a shard ends before its last record",
        &[ReshardOrder],
        |history, number| {
            let ended = |chain: &Chain| {
                from_horizon(chain, 2)
                    && chain.batches.last().is_some_and(|(_, batch)| batch.is_end)
            };
            let chain = chain_with(history, number, ended)?;
            chain.seen.pop();
            let count = chain.seen.len();
            for (from, batch) in &mut chain.batches {
                *from = (*from).min(count);
                // It says that it is behind, so that only its end is wrong.
                batch.behind_ms = Some(5);
            }
            Some(())
        },
    ),
    breakage(
        "a reader goes on after the end",
        &[ReshardOrder],
        |history, number| {
            let ended = |chain: &Chain| chain.batches.last().is_some_and(|(_, batch)| batch.is_end);
            let chain = chain_with(history, number, ended)?;
            let last = *chain.batches.last()?;
            chain.batches.push((chain.seen.len(), last.1));
            Some(())
        },
    ),
    breakage("an old iterator is taken", &[Retention], |history, _| {
        history
            .iterators
            .iter_mut()
            .for_each(|used| used.was_served = true);
        Some(())
    }),
    breakage(
        "a split that nobody explains",
        &[ControlOrder],
        |history, _| {
            let splits = |call: &ControlCall| matches!(call, ControlCall::Split { .. });
            let at = history
                .control
                .iter()
                .position(|control| splits(&control.call))?;
            history.control.remove(at);
            Some(())
        },
    ),
    breakage(
        "a stream is made twice",
        &[ControlOrder],
        |history, number| {
            let mut again = history.control.first()?.clone();
            let later = history.control.get(number % history.control.len())?.when;
            again.when = Asked {
                asked_us: later.answered_us + 1,
                answered_us: later.answered_us + 2,
            };
            history.control(again);
            Some(())
        },
    ),
    breakage("a shard is split twice", &[ControlOrder], |history, _| {
        let splits = |call: &ControlCall| matches!(call, ControlCall::Split { .. });
        let mut again = history
            .control
            .iter()
            .find(|control| splits(&control.call))?
            .clone();
        let later = later(history);
        again.when = Asked {
            asked_us: later,
            answered_us: later + 1,
        };
        history.control(again);
        Some(())
    }),
    breakage(
        "a consumer was never there",
        &[ControlOrder],
        |history, _| {
            let registers = |call: &ControlCall| matches!(call, ControlCall::Register { .. });
            let control = history
                .control
                .iter_mut()
                .find(|control| registers(&control.call))?;
            control.answer = ControlAnswer::NotFound;
            Some(())
        },
    ),
    breakage("a consumer comes back", &[Resurrection], |history, _| {
        let there = history
            .existence
            .iter()
            .find_map(|existence| match existence {
                Existence::There(subject, _) => Some(subject.clone()),
                Existence::Made(..) | Existence::Gone(..) => None,
            })?;
        let later = later(history);
        let when = Asked {
            asked_us: later,
            answered_us: later + 1,
        };
        history.existence(Existence::There(there, when));
        Some(())
    }),
    breakage(
        "a subscription goes on beside another",
        &[FanOut],
        |history, _| {
            let live = |chain: &&mut Chain| {
                matches!(chain.way, Way::Pushed { .. }) && !chain.batches.is_empty()
            };
            let mut sessions = history.chains.iter_mut().filter(live);
            let (chain, _) = (sessions.next()?, sessions.next()?);
            chain.batches.last_mut()?.1.answered_us += 3_600_000_000;
            Some(())
        },
    ),
    breakage(
        "a subscription resumes with a gap",
        &[FanOut],
        |history, number| {
            let chain = pushed(history, number)?;
            chain.seen.remove(0);
            for (from, _) in &mut chain.batches {
                *from = from.saturating_sub(1);
            }
            Some(())
        },
    ),
    breakage("an event skips a record", &[FanOut], |history, number| {
        let chain = pushed(history, number)?;
        chain.seen.remove(1);
        for (from, _) in &mut chain.batches {
            *from = from.saturating_sub(1);
        }
        Some(())
    }),
    breakage(
        "a continuation lies before its event",
        &[FanOut],
        |history, number| {
            let chain = pushed(history, number)?;
            chain.batches.first_mut()?.1.continuation = Some(Sequence::from(1));
            Some(())
        },
    ),
];
