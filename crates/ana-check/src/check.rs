//! From a history to its verdict.

use crate::anomalies;
use crate::history::History;
use crate::index::Index;
use crate::verdict::{Anomaly, Judgement, Verdict};
use crate::work::Work;

/// Looks for every anomaly in a history.
pub fn check(history: &History) -> Verdict {
    let mut work = Work::default();
    let index = Index::new(history, &mut work);
    let mut judgements: Vec<Judgement> = Anomaly::ALL.into_iter().map(Judgement::new).collect();
    let figures = anomalies::judge(&index, &mut judgements, &mut work);
    Verdict {
        judgements,
        figures,
        work: work.done(),
    }
}
