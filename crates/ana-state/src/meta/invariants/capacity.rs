//! What is always true of a stream's capacity, and of how it changes.

use super::{M17, M18};
use crate::meta::{PendingKind, Scaling, StreamState};
use crate::violation::{Subject, Violation, ensure};
use ana_types::{StreamMode, StreamStatus, limits};

pub(super) fn check(stream: &StreamState) -> Result<(), Violation> {
    let subject = Subject::Stream(stream.key);
    ensure(own_step_fits(stream), &M17, subject)?;
    ensure(within_limits(stream), &M18, subject)
}

fn own_step_fits(stream: &StreamState) -> bool {
    if stream.scaling.step.is_none() {
        return true;
    }
    // A stream that was switched to provisioned, or is to be deleted, finishes its step before.
    let may = stream.mode == StreamMode::OnDemand || stream.status != StreamStatus::Active;
    let alone = match stream.pending.as_ref().map(|pending| &pending.kind) {
        Some(PendingKind::Create | PendingKind::Reshard(_)) => false,
        Some(PendingKind::Resize(resize)) => resize.step.is_none(),
        Some(
            PendingKind::Delete | PendingKind::Retention | PendingKind::Setting | PendingKind::Mode,
        )
        | None => true,
    };
    may && alone
}

fn within_limits(stream: &StreamState) -> bool {
    let Scaling {
        mode_changes_ms,
        count_changes_ms,
        warm_target_mibps,
        warm_current_mibps,
        step: _,
    } = &stream.scaling;
    let at_most =
        |times: &[u64], limit| u32::try_from(times.len()).is_ok_and(|count| count <= limit);
    let warm = |mibps: Option<u32>| {
        mibps.is_none_or(|mibps| {
            stream.mode == StreamMode::OnDemand
                && (1..=limits::WARM_THROUGHPUT_MIBPS_MAX).contains(&mibps)
        })
    };
    let target = match stream.pending.as_ref().map(|pending| &pending.kind) {
        Some(PendingKind::Resize(resize)) => Some(resize.target),
        _ => None,
    };
    at_most(mode_changes_ms, limits::MODE_CHANGES_PER_DAY)
        && at_most(count_changes_ms, limits::SHARD_COUNT_CHANGES_PER_DAY)
        && warm(*warm_target_mibps)
        && warm(*warm_current_mibps)
        && target.is_none_or(|target| (1..=limits::ON_DEMAND_SHARDS_MAX).contains(&target))
}
