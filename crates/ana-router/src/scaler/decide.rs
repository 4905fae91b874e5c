//! Whether an on-demand stream splits a shard or merges two, from what was written to its shards over time. Pure: times
//! are passed in, as the monotonic time since some start.
//!
//! - A shard is *hot* when more than 500 KB or 500 records a second came in on average over `split_after`. Hot shards
//!   are split in their middle, the hottest first, so a stream whose load is even has about double the capacity of what
//!   is written.
//! - How far that goes depends on the greatest load of the whole stream seen within `merge_after`: the *peak*. A new
//!   peak raises the ceiling with it. Below it a few splits are free, because one busy key can not be divided: its shard
//!   is split in vain until the ceiling is met.
//! - A shard is *cold* since its average was below a quarter of that. Two neighbours that were both cold all through
//!   `merge_after` are merged, so one is never merged because of a short lull, nor split again at once.
//!
//! Must stay true: what is known here is forgotten with the node that leads the metadata. Then splits wait for
//! `split_after` and merges for `merge_after` anew; nothing is ever done on a guess.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ana_types::limits::{
    ON_DEMAND_SHARDS_INITIAL, ON_DEMAND_SPLIT_BYTES_PER_S, ON_DEMAND_SPLIT_RECORDS_PER_S,
    SHARD_WRITE_BYTES_PER_S, SHARD_WRITE_RECORDS_PER_S,
};
use ana_types::{HashRange, NodeId, ShardIndex};

use crate::config::OnDemandConfig;
use crate::load::Totals;

/// Below one in this many of the rate that splits, a shard is cold: two of them merged are far from being split.
const COLD_PART: u64 = 4;
/// Shards that the ceiling allows for each one that the peak fills: the even halves of what is half full.
const SHARDS_PER_FILLED: u64 = 4;
/// Samples of one shard within `split_after` at most; enough for an average.
const SAMPLES_MAX: usize = 16;
/// Parts of `merge_after` for which the greatest load is kept.
const PEAKS_MAX: usize = 24;
/// A load that fills one shard, in thousandths.
const FILLED: u64 = 1000;

/// Totals of one shard as a node told them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    /// Who leads the shard.
    pub(crate) node: NodeId,
    pub(crate) totals: Totals,
}

/// An open shard at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) shard: ShardIndex,
    pub(crate) range: HashRange,
    /// None when its leader did not answer.
    pub(crate) told: Option<Told>,
}

/// What a stream is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Split(ShardIndex),
    Merge(ShardIndex, ShardIndex),
}

/// What is known of one shard.
#[derive(Debug, Clone)]
struct Known {
    /// Oldest first; all told by one node, spanning a little more than `split_after`.
    samples: VecDeque<(Duration, Told)>,
    cold_since: Option<Duration>,
}

/// What is known of one stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    shards: BTreeMap<ShardIndex, Known>,
    /// The greatest load, in thousandths of a shard, of each part of `merge_after`; oldest first.
    peaks: VecDeque<(Duration, u64)>,
}

impl Known {
    fn new() -> Self {
        Self {
            samples: VecDeque::new(),
            cold_since: None,
        }
    }

    fn note(&mut self, now: Duration, told: Told, config: &OnDemandConfig) {
        // Another node, or the same one started again, counts from another beginning.
        let goes_on = self.samples.back().is_none_or(|(_, last)| {
            last.node == told.node
                && last.totals.bytes <= told.totals.bytes
                && last.totals.records <= told.totals.records
        });
        if !goes_on {
            self.samples.clear();
        }
        let apart = config.split_after / u32::try_from(SAMPLES_MAX / 2).unwrap_or(1);
        let before_last = self.samples.iter().rev().nth(1);
        if before_last.is_some_and(|(at, _)| now.saturating_sub(*at) < apart) {
            // Looks come more often than averages need: only the newest of them is kept.
            self.samples.pop_back();
        }
        self.samples.push_back((now, told));
        // The oldest but one spans the whole time: the oldest is of no use any more.
        while self
            .samples
            .get(1)
            .is_some_and(|(at, _)| now.saturating_sub(*at) >= config.split_after)
        {
            self.samples.pop_front();
        }
        match self.average(config) {
            Some(load) if load < FILLED / (2 * COLD_PART) => {
                self.cold_since.get_or_insert(now);
            }
            Some(_) => self.cold_since = None,
            None => {}
        }
    }

    /// Thousandths of a full shard that came in on average; none until there are samples over the whole time.
    fn average(&self, config: &OnDemandConfig) -> Option<u64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let span = last.0.saturating_sub(first.0);
        if span.is_zero() || span < config.split_after {
            return None;
        }
        let of = |count: u64, full_per_s: u64| {
            let parts = u128::from(count) * u128::from(FILLED) * 1_000_000_000;
            let full = u128::from(full_per_s).saturating_mul(span.as_nanos());
            u64::try_from(parts / full.max(1)).unwrap_or(u64::MAX)
        };
        let (from, to) = (first.1.totals, last.1.totals);
        // 500 KB of 1 MB and 500 of 1,000 records: half full, each by its own measure.
        let bytes = of(
            to.bytes.saturating_sub(from.bytes),
            2 * ON_DEMAND_SPLIT_BYTES_PER_S,
        );
        let records = of(
            to.records.saturating_sub(from.records),
            2 * ON_DEMAND_SPLIT_RECORDS_PER_S,
        );
        Some(bytes.max(records))
    }
}

const _: () = assert!(2 * ON_DEMAND_SPLIT_BYTES_PER_S <= SHARD_WRITE_BYTES_PER_S);
const _: () = assert!(2 * ON_DEMAND_SPLIT_RECORDS_PER_S <= SHARD_WRITE_RECORDS_PER_S);

impl History {
    /// Notes one look at the open shards of the stream.
    pub(crate) fn note(&mut self, now: Duration, seen: &[Seen], config: &OnDemandConfig) {
        let open: BTreeSet<ShardIndex> = seen.iter().map(|it| it.shard).collect();
        self.shards.retain(|shard, _| open.contains(shard));
        let mut load = 0_u64;
        for it in seen {
            let known = self.shards.entry(it.shard).or_insert_with(Known::new);
            if let Some(told) = it.told {
                known.note(now, told, config);
            }
            load = load.saturating_add(known.average(config).unwrap_or(0));
        }
        let part = config.merge_after / u32::try_from(PEAKS_MAX).unwrap_or(1);
        match self.peaks.back_mut() {
            Some((since, peak)) if now.saturating_sub(*since) < part => *peak = load.max(*peak),
            _ => self.peaks.push_back((now, load)),
        }
        while self
            .peaks
            .front()
            .is_some_and(|(since, _)| now.saturating_sub(*since) > config.merge_after + part)
        {
            self.peaks.pop_front();
        }
    }

    /// The greatest load within `merge_after`, in thousandths of a shard.
    fn peak(&self) -> u64 {
        self.peaks.iter().map(|(_, load)| *load).max().unwrap_or(0)
    }

    /// What to do next; `seen` are the open shards of the last look in order of their ranges, `least` are kept whatever
    /// the load.
    pub(crate) fn decide(
        &self,
        now: Duration,
        seen: &[Seen],
        least: u32,
        config: &OnDemandConfig,
    ) -> Option<Step> {
        self.hottest(seen, config)
            .map(Step::Split)
            .or_else(|| self.coldest(now, seen, least, config))
    }

    fn hottest(&self, seen: &[Seen], config: &OnDemandConfig) -> Option<ShardIndex> {
        let open = u64::try_from(seen.len()).unwrap_or(u64::MAX);
        let by_peak = self
            .peak()
            .saturating_mul(SHARDS_PER_FILLED)
            .div_ceil(FILLED);
        let ceiling = by_peak
            .saturating_add(u64::from(ON_DEMAND_SHARDS_INITIAL))
            .min(u64::from(config.mibps_max));
        if open >= ceiling {
            return None;
        }
        let hot = seen.iter().filter_map(|it| {
            let load = self.shards.get(&it.shard)?.average(config)?;
            (load > FILLED / 2).then_some((load, it.shard))
        });
        // Of equally hot ones the first: all nodes would decide alike.
        hot.max_by_key(|(load, shard)| (*load, std::cmp::Reverse(*shard)))
            .map(|(_, shard)| shard)
    }

    /// The two neighbours that hold the fewest hash keys among those that were cold for long: the younger halves first.
    fn coldest(
        &self,
        now: Duration,
        seen: &[Seen],
        least: u32,
        config: &OnDemandConfig,
    ) -> Option<Step> {
        if seen.len() <= usize::try_from(least).unwrap_or(usize::MAX) {
            return None;
        }
        let is_cold = |it: &Seen| {
            let since = self
                .shards
                .get(&it.shard)
                .and_then(|known| known.cold_since);
            since.is_some_and(|since| now.saturating_sub(since) >= config.merge_after)
        };
        let pairs = seen.windows(2).filter_map(|pair| match pair {
            [a, b] if is_cold(a) && is_cold(b) => {
                let width = b.range.end.0.checked_sub(a.range.start.0)?;
                Some((width, Step::Merge(a.shard, b.shard)))
            }
            _ => None,
        });
        pairs.min_by_key(|(width, _)| *width).map(|(_, step)| step)
    }
}

#[cfg(test)]
#[path = "decide_test.rs"]
mod decide_test;
