//! The checker: from what clients and replicas know of a run to a verdict over the anomalies A1 to A20.
//!
//! One checker for the simulation, for drills and for tests on real processes, so that "nothing was lost" means the same
//! everywhere. [`History`] is what was asked, answered, read and seen; [`check()`] looks for each [`Anomaly`] in it.
//!
//! Must stay true:
//! - No IO, no clock, no chance, no async: a verdict is a function of its history.
//! - Nothing is assumed of a put without an answer: it may be there or not.
//! - An anomaly that had nothing to look at says so ("not exercised"); it is never told as kept.
//! - Time and memory grow as the history does, but for sorting (`n log n`) and for control-plane operations, whose search
//!   has a bound and says when it gave up.
//!
//! Reading order is the order of the modules below.

pub mod sequence;
pub mod history;
pub mod verdict;
pub mod check;
mod work;
mod index;
mod anomalies;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod breakages;

pub use check::check;
pub use history::{At, Client, History, Key, Node, Producer, Seen, Shard, Value};
pub use sequence::Sequence;
pub use verdict::{Anomaly, Figures, Finding, Judgement, Verdict};
