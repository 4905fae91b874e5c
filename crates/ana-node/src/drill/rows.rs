//! From what was seen to the rows of a record: verdicts in words, what writers saw of each fault, series. Pure.

use ana_drill::check::{Check, Comparison, Found, Subject, Verdict, Window};
use ana_drill::observations::{Amount, Flag, Metric, Observations, Sample, Unit};
use ana_drill::quantity::Span;

use super::journal::since;
use super::record::{Expectation, Judgement, Series, SeriesUnit};
use super::report::thousands;

/// A success rate that is as good as before: not every client is lucky in every second.
const NORMAL_RATE: u64 = 99_000;
/// A gap between puts that nobody notices.
const NORMAL_GAP: Span = Span::from_secs(1);
/// Points of a series that are kept; of more, the least and the greatest of each part of the time.
const POINTS_MAX: usize = 2000;

/// What became of a check.
pub fn expectation(check: &Check, seen: &Observations) -> Expectation {
    let judgement = match check.evaluate(seen) {
        Verdict::Held => Judgement::Held {
            seen: nearest(check, seen),
        },
        Verdict::Broken { at, found } => Judgement::Broken {
            at_ms: at.map(|at| since(Span::ZERO, at)),
            found: found.to_string(),
        },
        Verdict::NotExercised(why) => Judgement::NotExercised {
            why: why.to_string(),
        },
    };
    Expectation {
        check: check.to_string(),
        judgement,
    }
}

/// The metric that a check looks at and what it asks of it.
fn measured(check: &Check) -> Option<(Metric, Comparison, u64)> {
    match check.subject {
        Subject::Measure {
            metric,
            comparison,
            limit,
        } => Some((metric, comparison, limit)),
        Subject::AllShardsWritable => Some((Metric::ShardsUnwritable, Comparison::Equal, 0)),
        Subject::Flag(_) => None,
    }
}

/// How near a check that held came to its limit, or how much was looked at.
fn nearest(check: &Check, seen: &Observations) -> Option<String> {
    let Some((metric, comparison, limit)) = measured(check) else {
        return match check.subject {
            Subject::Flag(flag) => Some(looked_at(flag, seen)),
            Subject::Measure { .. } | Subject::AllShardsWritable => None,
        };
    };
    let series = seen.series(metric);
    if let Window::WithinOfHeal(_) = check.window {
        let heal = seen.healed_at?;
        let holds = |sample: &&Sample| comparison.holds(sample.value, limit);
        let bad = series.iter().rev().filter(|sample| sample.at >= heal);
        let last_bad = bad.clone().find(|sample| !holds(sample))?;
        let good = series
            .iter()
            .find(|sample| sample.at > last_bad.at && holds(sample))?;
        return Some(format!("after {}", short(good.at.less(heal))));
    }
    let from = match check.window {
        Window::For(span) => seen.now.less(span),
        Window::Throughout | Window::WithinOfHeal(_) => Span::ZERO,
    };
    let values = series.iter().filter(|sample| sample.at >= from);
    let values = values.map(|sample| sample.value);
    let worst = match comparison {
        Comparison::AtLeast | Comparison::Above => values.min(),
        _ => values.max(),
    };
    let amount = Amount {
        value: worst?,
        unit: metric.unit(),
    };
    Some(match amount.unit {
        Unit::Time => format!("worst {}", short(Span::from_micros(amount.value))),
        Unit::Count | Unit::Percent => format!("worst {amount}"),
    })
}

fn looked_at(flag: Flag, seen: &Observations) -> String {
    format!("{} looked at", thousands(seen.audited(flag).looked_at))
}

/// A length of time as people read it: `0.84s`, `12.3s`, `41ms`.
pub fn short(span: Span) -> String {
    let ms = span.micros() / 1000;
    if ms < 100 {
        return format!("{ms}ms");
    }
    if ms < 10_000 {
        return format!("{}.{:02}s", ms / 1000, ms % 1000 / 10);
    }
    format!("{}.{}s", ms / 1000, ms % 1000 / 100)
}

/// What stood at a moment.
fn standing(series: &[Sample], at: Span) -> Option<u64> {
    let (before, _) = series.split_at(series.partition_point(|sample| sample.at <= at));
    before.last().map(|sample| sample.value)
}

/// The longest time without an acknowledged put to a shard that was seen from `fired` to `gone`.
pub fn gap_during(seen: &Observations, fired: Span, gone: Span) -> Option<Span> {
    let series = seen.series(Metric::WriteGap);
    let during = series
        .iter()
        .filter(|each| fired <= each.at && each.at <= gone);
    // The first sample after the end tells of gaps that ended in it.
    let next = series.iter().find(|sample| sample.at > gone);
    during
        .chain(next)
        .map(|sample| Span::from_micros(sample.value))
        .max()
}

/// How long after `gone` everything was as before for the first time: puts succeed, no shard is silent, nothing is
/// unwritable or under-replicated. `None` when that was not seen.
pub fn normal_after(seen: &Observations, gone: Span) -> Option<Span> {
    let metrics = [
        Metric::PutSuccessRate,
        Metric::WriteGap,
        Metric::ShardsUnwritable,
        Metric::ShardsUnderReplicated,
    ];
    let good = |metric: Metric, value: u64| match metric {
        Metric::PutSuccessRate => value >= NORMAL_RATE,
        Metric::WriteGap => value <= NORMAL_GAP.micros(),
        _ => value == 0,
    };
    let mut moments: Vec<Span> = metrics
        .iter()
        .flat_map(|metric| seen.series(*metric))
        .map(|sample| sample.at)
        .filter(|at| *at >= gone)
        .collect();
    moments.sort();
    // What is measured again after the end is believed; what stood before it is not.
    let fresh = |metric: &&Metric, at: Span| {
        let series = seen.series(**metric);
        let last = series.iter().rev().find(|sample| sample.at <= at);
        series.is_empty() || last.is_some_and(|sample| sample.at >= gone)
    };
    let well = |at: &Span| {
        metrics.iter().all(|metric| {
            let value = standing(seen.series(*metric), *at);
            fresh(&metric, *at) && value.is_none_or(|value| good(*metric, value))
        })
    };
    let first = moments.into_iter().find(well)?;
    Some(first.less(gone))
}

/// The measurements before and after the start of the drill's clock as series.
pub fn series(before: &Observations, start: Span, during: &Observations) -> Vec<Series> {
    let mut all = Vec::new();
    for (name, metric) in Metric::ALL {
        let early = before.series(*metric).iter();
        let early = early.map(|sample| (since(start, sample.at), sample.value));
        let late = during.series(*metric).iter();
        let late = late.map(|sample| (since(Span::ZERO, sample.at), sample.value));
        let points: Vec<(i64, u64)> = early.chain(late).collect();
        if points.is_empty() {
            continue;
        }
        all.push(Series {
            metric: (*name).to_owned(),
            unit: match metric.unit() {
                Unit::Percent => SeriesUnit::ThousandthsOfPercent,
                Unit::Time => SeriesUnit::Micros,
                Unit::Count => SeriesUnit::Count,
            },
            points: thinned(points),
        });
    }
    all
}

/// From counts so far to how many came in a second: a look is not exactly a second after the one before it.
pub fn per_second(start: Span, so_far: &[(Span, u64)]) -> Vec<(i64, u64)> {
    let pairs = so_far.windows(2).filter_map(|pair| match pair {
        [(from, before), (to, after)] => {
            let count = after.saturating_sub(*before).saturating_mul(1_000_000);
            let rate = count.checked_div(to.less(*from).micros())?;
            Some((since(start, *to), rate))
        }
        _ => None,
    });
    pairs.collect()
}

/// Without points that repeat the value before and after them; of too many, the least and the greatest of each part:
/// whichever of them is the bad one is kept.
pub fn thinned(points: Vec<(i64, u64)>) -> Vec<(i64, u64)> {
    let mut kept: Vec<(i64, u64)> = Vec::new();
    let mut points = points.into_iter().peekable();
    while let Some(point) = points.next() {
        let same_before = kept.last().is_some_and(|last| last.1 == point.1);
        let same_after = points.peek().is_some_and(|next| next.1 == point.1);
        if !(same_before && same_after) {
            kept.push(point);
        }
    }
    if kept.len() <= POINTS_MAX {
        return kept;
    }
    let part = kept.len().div_ceil(POINTS_MAX / 2);
    let extremes = |points: &[(i64, u64)]| {
        let least = points.iter().min_by_key(|point| point.1).copied();
        let greatest = points.iter().max_by_key(|point| point.1).copied();
        let mut both: Vec<(i64, u64)> = least.into_iter().chain(greatest).collect();
        both.sort_unstable();
        both
    };
    kept.chunks(part).flat_map(extremes).collect()
}

/// When a check was first seen to be broken, and what was found.
pub fn broken(check: &Check, seen: &Observations) -> Option<(Option<Span>, Found)> {
    match check.evaluate(seen) {
        Verdict::Broken { at, found } => Some((at, found)),
        Verdict::Held | Verdict::NotExercised(_) => None,
    }
}

#[cfg(test)]
mod rows_test;
