//! Whether a check held, by what a drill saw.
//!
//! A sample stands until the next one, so a window begins with the value that stood at its start. Where no
//! value stood yet, the check was not watched long enough to be held.

use super::{Check, Comparison, Subject, Window};
use crate::observations::{Amount, Flag, Metric, Observations, Sample};
use crate::quantity::Span;
use std::fmt;

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It held, and there was data to say so.
    Held,
    /// It did not.
    Broken {
        /// When it was first seen not to hold; audits have no moment.
        at: Option<Span>,
        /// What was found instead.
        found: Found,
    },
    /// Nothing was seen that could have broken it.
    NotExercised(NoData),
}

/// What a broken check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A value of a metric.
    Measured {
        /// The metric.
        metric: Metric,
        /// Its value.
        amount: Amount,
    },
    /// What an audit says.
    Audited(String),
}

/// Why a check was not exercised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoData {
    /// Nothing was measured.
    NoSample,
    /// The time it is about was not over, or nothing was measured at its start.
    NotLongEnough,
    /// The faults were never taken away.
    NotHealed,
    /// The audit had nothing to look at.
    NothingAudited,
}

/// A guard that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// When.
    pub at: Span,
    /// What was seen.
    pub found: Found,
}

/// A metric and what is asked of its values.
#[derive(Clone, Copy)]
struct Asked {
    metric: Metric,
    comparison: Comparison,
    limit: u64,
}

impl Asked {
    fn holds(self, sample: Sample) -> bool {
        self.comparison.holds(sample.value, self.limit)
    }

    fn found(self, sample: Sample) -> Found {
        let amount = Amount {
            value: sample.value,
            unit: self.metric.unit(),
        };
        Found::Measured {
            metric: self.metric,
            amount,
        }
    }

    /// Held if every sample does, else broken by the first that does not.
    fn all(self, samples: impl IntoIterator<Item = Sample>) -> Verdict {
        match samples.into_iter().find(|sample| !self.holds(*sample)) {
            None => Verdict::Held,
            Some(sample) => Verdict::Broken {
                at: Some(sample.at),
                found: self.found(sample),
            },
        }
    }
}

impl Check {
    /// What is asked of the samples; a flag is asked of the audit.
    fn asked(&self) -> Result<Asked, Flag> {
        match self.subject {
            Subject::Flag(flag) => Err(flag),
            Subject::AllShardsWritable => Ok(ALL_WRITABLE),
            Subject::Measure {
                metric,
                comparison,
                limit,
            } => Ok(Asked {
                metric,
                comparison,
                limit,
            }),
        }
    }

    /// Whether the check held, by what was seen until now.
    pub fn evaluate(&self, seen: &Observations) -> Verdict {
        let asked = match self.asked() {
            Ok(asked) => asked,
            Err(flag) => return audited(flag, seen),
        };
        let series = seen.series(asked.metric);
        if series.is_empty() {
            return Verdict::NotExercised(NoData::NoSample);
        }
        match self.window {
            Window::Throughout => asked.all(series.iter().copied()),
            Window::For(span) => held_for(asked, span, series, seen.now),
            Window::WithinOfHeal(span) => match seen.healed_at {
                None => Verdict::NotExercised(NoData::NotHealed),
                Some(heal) => settled(asked, heal, heal.plus(span), seen),
            },
        }
    }

    /// The check as a guard: the first moment at which it was true, if there was one. With `for`, it must
    /// have been true so long without a break. Flags and times after the healing trip nothing: they are
    /// decided at the end.
    pub fn trips(&self, seen: &Observations) -> Option<Trip> {
        let asked = self.asked().ok()?;
        let needed = match self.window {
            Window::Throughout => Span::ZERO,
            Window::For(span) => span,
            Window::WithinOfHeal(_) => return None,
        };
        let mut since: Option<Sample> = None;
        for sample in seen.series(asked.metric) {
            // A sample stands until the next one: the time between them counts for the earlier.
            if let Some(first) = since.filter(|first| sample.at.less(first.at) >= needed) {
                return Some(Trip {
                    at: first.at.plus(needed),
                    found: asked.found(first),
                });
            }
            since = since.or(Some(*sample)).filter(|_| asked.holds(*sample));
        }
        let first = since.filter(|first| seen.now.less(first.at) >= needed)?;
        Some(Trip {
            at: first.at.plus(needed),
            found: asked.found(first),
        })
    }
}

const ALL_WRITABLE: Asked = Asked {
    metric: Metric::ShardsUnwritable,
    comparison: Comparison::Equal,
    limit: 0,
};

fn audited(flag: Flag, seen: &Observations) -> Verdict {
    let audit = seen.audited(flag);
    match audit.wrong {
        Some(wrong) => Verdict::Broken {
            at: None,
            found: Found::Audited(wrong),
        },
        None if audit.looked_at == 0 => Verdict::NotExercised(NoData::NothingAudited),
        None => Verdict::Held,
    }
}

/// Whether the check held for the last `span`.
fn held_for(asked: Asked, span: Span, series: &[Sample], now: Span) -> Verdict {
    let start = now.less(span);
    let (before, during) = series.split_at(series.partition_point(|each| each.at <= start));
    let broken = asked.all(during.iter().copied());
    match before.last() {
        // What broke within too short a time is broken all the same.
        _ if broken != Verdict::Held => broken,
        // A sample at the very start does not make a shorter time longer.
        _ if now < span => Verdict::NotExercised(NoData::NotLongEnough),
        None => Verdict::NotExercised(NoData::NotLongEnough),
        Some(_) if during.is_empty() => Verdict::NotExercised(NoData::NoSample),
        Some(standing) => asked.all([Sample {
            at: start.max(standing.at),
            ..*standing
        }]),
    }
}

/// Whether the check held at the deadline after the healing, and from then on.
fn settled(asked: Asked, heal: Span, deadline: Span, seen: &Observations) -> Verdict {
    let series = seen.series(asked.metric);
    let after = series
        .split_at(series.partition_point(|each| each.at < heal))
        .1;
    let (until, later) = after.split_at(after.partition_point(|each| each.at <= deadline));
    let Some(standing) = until.last() else {
        let why = if later.is_empty() {
            NoData::NoSample
        } else {
            NoData::NotLongEnough
        };
        return Verdict::NotExercised(why);
    };
    if !asked.holds(*standing) && seen.now < deadline {
        return Verdict::NotExercised(NoData::NotLongEnough);
    }
    asked.all([standing].into_iter().chain(later).copied())
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Measured { metric, amount } => write!(f, "{metric} was {amount}"),
            Found::Audited(wrong) => f.write_str(wrong),
        }
    }
}

impl fmt::Display for NoData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoData::NoSample => "nothing was measured",
            NoData::NotLongEnough => "it was not watched long enough",
            NoData::NotHealed => "the faults were never taken away",
            NoData::NothingAudited => "the audit had nothing to look at",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Held => f.write_str("held"),
            Verdict::Broken {
                at: Some(at),
                found,
            } => write!(f, "broken at {at}: {found}"),
            Verdict::Broken { at: None, found } => write!(f, "broken: {found}"),
            Verdict::NotExercised(why) => write!(f, "not exercised: {why}"),
        }
    }
}
