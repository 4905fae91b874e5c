//! The cluster: leaders, replicas, shards, the control plane, subscriptions.

use ana_types::HashKey;

use super::{
    Breakage, breakage, chain_with, forget, from_horizon, later, pick, prefix_of, pushed, wall,
};
use crate::Anomaly::{
    CommittedTruncation, ControlOrder, FanOut, ReplicaDivergence, ReshardOrder, Resurrection,
    Retention, SplitBrain, Stuck,
};
use crate::Sequence;
use crate::history::{
    Asked, At, Chain, ControlAnswer, ControlCall, Existence, Listing, Node, Put, Shard, Way,
};

pub(super) const BREAKAGES: &[Breakage] = &[
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
            let has_child = |listing: &&mut Listing| {
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
            history.listing(Listing {
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
