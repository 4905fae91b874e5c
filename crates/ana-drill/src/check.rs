//! What must hold: `put_success_rate >= 99.9% for 10s`, `consumer_lag <= 5s within 30s of heal`,
//! `no_acked_record_lost`.
//!
//! Must stay true: a check that was read prints as a text that reads as the same check; a check that saw no
//! data, or too little, is `NotExercised` and never `Held`.

mod parse;
mod evaluate;

pub use evaluate::{Found, NoData, Trip, Verdict};

use crate::observations::{Amount, Flag, Metric};
use crate::quantity::{QuantityError, Span};
use std::fmt;

/// Something that must hold, or, as a guard, must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is looked at.
    pub subject: Subject,
    /// When it is looked at.
    pub window: Window,
}

/// What a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A metric against a limit in the smallest parts of its unit.
    Measure {
        /// The metric.
        metric: Metric,
        /// How it compares with the limit.
        comparison: Comparison,
        /// The limit.
        limit: u64,
    },
    /// `all_shards_writable`: no open shard refuses writes.
    AllShardsWritable,
    /// A property of the whole run.
    Flag(Flag),
}

/// How a number compares with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// When a check looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// At everything that was seen.
    Throughout,
    /// `for 10s`: without a break for the last so long.
    For(Span),
    /// `within 30s of heal`: at the latest so long after the last fault was taken away, and from then on.
    WithinOfHeal(Span),
}

/// The check that all shards take writes, by name.
pub(crate) const ALL_SHARDS_WRITABLE: &str = "all_shards_writable";

/// Why a text is not a check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Nothing stands there.
    #[error("a check is a metric with a limit, or a flag")]
    Empty,
    /// Neither a metric nor a flag.
    #[error("there is no metric and no flag {name:?}{}", crate::near::offer(*.near))]
    NoSuchName {
        /// The name found.
        name: String,
        /// The one that was probably meant.
        near: Option<&'static str>,
    },
    /// A metric without a comparison.
    #[error("a metric needs a comparison (>=, <=, >, <, ==, !=) and a limit")]
    NoComparison,
    /// Not a comparison.
    #[error("{0:?} is not a comparison: it is one of >=, <=, >, <, ==, !=")]
    Comparison(String),
    /// The limit does not read in the metric's unit.
    #[error(transparent)]
    Limit(#[from] QuantityError),
    /// The limit of a count does not read.
    #[error("{0:?} is not a whole number")]
    Count(String),
    /// Words at the end that say nothing.
    #[error("{0:?} cannot follow: a check ends, or goes on with `for 10s` or `within 30s of heal`")]
    Tail(String),
    /// Holding for no time says nothing.
    #[error("`for` needs a time longer than nothing")]
    ForNoTime,
    /// A flag is about the whole run.
    #[error("{0} is about the whole run and takes no time")]
    FlagWithWindow(Flag),
}

impl Comparison {
    const ALL: [(&'static str, Comparison); 6] = [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        (">", Comparison::Above),
        ("<", Comparison::Below),
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
    ];

    /// Whether `value` stands so to `limit`.
    pub fn holds(self, value: u64, limit: u64) -> bool {
        match self {
            Comparison::AtLeast => value >= limit,
            Comparison::AtMost => value <= limit,
            Comparison::Above => value > limit,
            Comparison::Below => value < limit,
            Comparison::Equal => value == limit,
            Comparison::NotEqual => value != limit,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = Comparison::ALL.iter();
        let text = all
            .find(|(_, each)| each == self)
            .map_or("", |(text, _)| text);
        f.pad(text)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject {
            Subject::Measure {
                metric,
                comparison,
                limit,
            } => {
                let limit = Amount {
                    value: limit,
                    unit: metric.unit(),
                };
                write!(f, "{metric} {comparison} {limit}")?;
            }
            Subject::AllShardsWritable => f.write_str(ALL_SHARDS_WRITABLE)?,
            Subject::Flag(flag) => write!(f, "{flag}")?,
        }
        match self.window {
            Window::Throughout => Ok(()),
            Window::For(span) => write!(f, " for {span}"),
            Window::WithinOfHeal(span) => write!(f, " within {span} of heal"),
        }
    }
}

#[cfg(test)]
#[path = "check/check_test.rs"]
mod check_test;
