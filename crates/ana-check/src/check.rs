//! From a history to its verdict.

use crate::anomalies;
use crate::history::History;
use crate::index::Index;
use crate::verdict::Verdict;
use crate::work::Work;

/// Looks for every anomaly in a history.
pub fn check(history: &History) -> Verdict {
    let mut work = Work::default();
    let index = Index::new(history, &mut work);
    Verdict {
        judgements: anomalies::judge(&index, &mut work),
        figures: anomalies::figures(&index),
        work: work.done(),
    }
}

#[cfg(test)]
mod check_test;
#[cfg(test)]
mod cases_test;
