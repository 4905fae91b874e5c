//! What both operations on the account's settings answer.

use ana_types::CommitmentStatus;

use crate::writer::Writer;

/// `MinimumThroughputBillingCommitment` as it stands. Times are Unix milliseconds, absent when there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinimumThroughputBillingCommitment {
    /// Whether it holds.
    pub status: CommitmentStatus,
    /// When it began.
    pub started_at_ms: Option<u64>,
    /// When it ended.
    pub ended_at_ms: Option<u64>,
    /// Before this it cannot end.
    pub earliest_allowed_end_at_ms: Option<u64>,
}

impl MinimumThroughputBillingCommitment {
    /// The whole answer.
    pub(super) fn write_settings<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("MinimumThroughputBillingCommitment")
            .open_structure();
        out.member("Status").text(self.status.as_str());
        for (member, at_ms) in [
            ("StartedAt", self.started_at_ms),
            ("EndedAt", self.ended_at_ms),
            ("EarliestAllowedEndAt", self.earliest_allowed_end_at_ms),
        ] {
            if let Some(at_ms) = at_ms {
                out.member(member).timestamp_ms(at_ms);
            }
        }
        out.close_structure();
        out.close_structure();
    }
}
