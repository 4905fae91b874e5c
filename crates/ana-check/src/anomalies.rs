//! One file for each anomaly, or for two that are found on one walk.

use crate::index::Index;
use crate::verdict::{Figures, Judgement};
use crate::work::Work;

/// Looks for all of them.
pub(crate) fn judge(
    _index: &Index<'_>,
    _judgements: &mut [Judgement],
    _work: &mut Work,
) -> Figures {
    Figures::default()
}
