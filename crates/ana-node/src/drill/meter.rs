//! What the runner's own load measures: told each answer as it comes, asked for samples every now and then. Pure.
//!
//! Must stay true:
//! - a gap that is still open counts as much as one that has ended: a shard that never answers again has the longest;
//! - what was not answered at all in a window has no rate and no percentile there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ana_drill::observations::Metric;
use ana_drill::quantity::{Percent, Span};

use crate::histogram::Histogram;

/// The window of a success rate.
const RATE_WINDOW: Span = Span::from_secs(1);
/// The window of a percentile: long enough that one slow answer of a thousand is not the percentile.
const QUANTILE_WINDOW: Span = Span::from_secs(5);
/// A shard whose puts fail takes no writes when none was acknowledged for so long.
const UNWRITABLE_AFTER: Span = Span::from_secs(1);

/// Answers of one kind of request.
#[derive(Debug, Default)]
struct Answers {
    recent: VecDeque<(Span, u64, u64)>,
    latencies: VecDeque<(u64, Histogram)>,
    last_good: Span,
    any: bool,
}

impl Answers {
    fn note(&mut self, now: Span, good: u64, bad: u64) {
        if good > 0 {
            self.last_good = now;
        }
        self.any |= good + bad > 0;
        self.recent.push_back((now, good, bad));
    }

    fn took(&mut self, now: Span, latency: Span) {
        let second = now.micros() / 1_000_000;
        if self.latencies.back().is_none_or(|(at, _)| *at != second) {
            self.latencies.push_back((second, Histogram::default()));
        }
        if let Some((_, histogram)) = self.latencies.back_mut() {
            histogram.record(Duration::from(latency));
        }
    }

    /// Thousandths of a percent that were good, of those answered in the window.
    fn rate(&mut self, now: Span) -> Option<u64> {
        let since = now.less(RATE_WINDOW);
        while self.recent.front().is_some_and(|(at, ..)| *at < since) {
            self.recent.pop_front();
        }
        let sums = self.recent.iter().fold((0, 0), |(good, all), each| {
            (good + each.1, all + each.1 + each.2)
        });
        let (good, all): (u64, u64) = sums;
        (good * u64::from(Percent::ALL.thousandths())).checked_div(all)
    }

    fn p99(&mut self, now: Span) -> Option<u64> {
        let since = now.less(QUANTILE_WINDOW).micros() / 1_000_000;
        while self.latencies.front().is_some_and(|(at, _)| *at < since) {
            self.latencies.pop_front();
        }
        let mut all = Histogram::default();
        for (_, histogram) in &self.latencies {
            all.merge(histogram);
        }
        (all.total() > 0).then(|| all.quantile_us(990))
    }
}

/// The time between two good answers about one thing.
#[derive(Debug, Clone, Copy)]
struct Pulse {
    last: Span,
    /// The longest gap that ended since the last sample.
    ended: Span,
    failed_since: bool,
}

impl Pulse {
    fn new(now: Span) -> Pulse {
        Pulse {
            last: now,
            ended: Span::ZERO,
            failed_since: false,
        }
    }

    /// Gives back the gap that ended.
    fn beat(&mut self, now: Span) -> Span {
        let gap = now.less(self.last);
        self.ended = self.ended.max(gap);
        self.last = now;
        self.failed_since = false;
        gap
    }

    fn sample(&mut self, now: Span) -> Span {
        std::mem::take(&mut self.ended).max(now.less(self.last))
    }
}

/// A reader's place: which consumer, which shard.
type Reading = (usize, String);

/// Everything that is measured of the load. Moments count from the start of the load.
#[derive(Debug, Default)]
pub struct Meter {
    puts: Answers,
    gets: Answers,
    writes: BTreeMap<String, Pulse>,
    reads: BTreeMap<Reading, Pulse>,
    caught_up: BTreeMap<Reading, Span>,
    during: BTreeMap<usize, Histogram>,
    acked: u64,
    has_new_shard: bool,
}

impl Meter {
    /// Records acknowledged so far.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// So many records of one answer were acknowledged, and so many were not.
    pub fn put_answers(&mut self, now: Span, good: u64, bad: u64) {
        self.acked += good;
        self.puts.note(now, good, bad);
    }

    /// A record was acknowledged so long after its first attempt.
    pub fn acknowledged(&mut self, now: Span, shard: &str, latency: Span) {
        self.puts.took(now, latency);
        for histogram in self.during.values_mut() {
            histogram.record(Duration::from(latency));
        }
        match self.writes.get_mut(shard) {
            Some(pulse) => {
                pulse.beat(now);
            }
            None => {
                self.has_new_shard = true;
                self.writes.insert(shard.to_owned(), Pulse::new(now));
            }
        }
    }

    /// A record for this shard was not acknowledged.
    pub fn put_failed(&mut self, shard: &str) {
        if let Some(pulse) = self.writes.get_mut(shard) {
            pulse.failed_since = true;
        }
    }

    /// Whether a shard was written to that had not been before; asking forgets it.
    pub fn take_new_shard(&mut self) -> bool {
        std::mem::take(&mut self.has_new_shard)
    }

    /// Only these shards take writes: nobody waits for the others any more.
    pub fn keep_open(&mut self, open: &BTreeSet<String>) {
        self.writes.retain(|shard, _| open.contains(shard));
    }

    /// Shards that were written to and are still open.
    pub fn shards(&self) -> impl Iterator<Item = &str> {
        self.writes.keys().map(String::as_str)
    }

    /// Shards whose puts fail.
    pub fn unwritable(&self, now: Span) -> BTreeSet<String> {
        let silent = |pulse: &Pulse| pulse.failed_since && now.less(pulse.last) > UNWRITABLE_AFTER;
        let all = self.writes.iter().filter(|(_, pulse)| silent(pulse));
        all.map(|(shard, _)| shard.clone()).collect()
    }

    /// A consumer begins with a shard.
    pub fn reading(&mut self, now: Span, consumer: usize, shard: &str) {
        let place = (consumer, shard.to_owned());
        self.reads.insert(place.clone(), Pulse::new(now));
        self.caught_up.insert(place, now);
    }

    /// A get was answered well; gives back how long the one before it was ago.
    pub fn got(
        &mut self,
        now: Span,
        (consumer, shard): (usize, &str),
        took: Span,
        behind: Span,
    ) -> Span {
        self.gets.note(now, 1, 0);
        self.gets.took(now, took);
        let place = (consumer, shard.to_owned());
        self.caught_up.insert(place.clone(), now.less(behind));
        let pulse = self.reads.entry(place).or_insert(Pulse::new(now));
        pulse.beat(now)
    }

    /// A get was not answered well.
    pub fn get_failed(&mut self, now: Span) {
        self.gets.note(now, 0, 1);
    }

    /// A consumer has read a shard to its end, or reads no more.
    pub fn read_out(&mut self, consumer: usize, shard: &str) {
        let place = (consumer, shard.to_owned());
        self.reads.remove(&place);
        self.caught_up.remove(&place);
    }

    /// How far a consumer is behind.
    pub fn lag(&self, now: Span, consumer: usize) -> Option<Span> {
        let mine = self
            .caught_up
            .iter()
            .filter(|((who, _), _)| *who == consumer);
        mine.map(|(_, since)| now.less(*since)).max()
    }

    /// From now on the time puts take is counted for this fault as well.
    pub fn begin(&mut self, fault: usize) {
        self.during.insert(fault, Histogram::default());
    }

    /// The 99th percentile of the puts acknowledged since then, microseconds; `None` when there were none.
    pub fn end(&mut self, fault: usize) -> Option<u64> {
        let histogram = self.during.remove(&fault)?;
        (histogram.total() > 0).then(|| histogram.quantile_us(990))
    }

    /// What can be said now.
    pub fn sample(&mut self, now: Span) -> Vec<(Metric, u64)> {
        let mut samples = Vec::new();
        let mut tell = |metric, value: Option<u64>| {
            samples.extend(value.map(|value| (metric, value)));
        };
        tell(Metric::PutSuccessRate, self.puts.rate(now));
        tell(Metric::GetSuccessRate, self.gets.rate(now));
        let silent = |answers: &Answers| answers.any.then(|| now.less(answers.last_good).micros());
        tell(Metric::PutUnavailable, silent(&self.puts));
        tell(Metric::GetUnavailable, silent(&self.gets));
        tell(Metric::WriteGap, longest(self.writes.values_mut(), now));
        tell(Metric::ReadGap, longest(self.reads.values_mut(), now));
        tell(Metric::PutP99, self.puts.p99(now));
        tell(Metric::GetP99, self.gets.p99(now));
        let lag = self
            .caught_up
            .values()
            .map(|since| now.less(*since).micros());
        tell(Metric::ConsumerLag, lag.max());
        samples
    }
}

fn longest<'a>(pulses: impl Iterator<Item = &'a mut Pulse>, now: Span) -> Option<u64> {
    pulses.map(|pulse| pulse.sample(now).micros()).max()
}

#[cfg(test)]
mod meter_test;
