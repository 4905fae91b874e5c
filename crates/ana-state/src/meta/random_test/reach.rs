//! What a deep history has somewhere on its way.

use ana_types::ConsumerStatus;

use super::super::{PendingKind, StreamState};

/// What of all that matters is there to see on a stream.
pub(super) fn reached_by(stream: &StreamState) -> impl Iterator<Item = &'static str> {
    let closed = stream
        .shards
        .values()
        .filter(|info| !info.is_open())
        .count();
    let merged = stream
        .shards
        .values()
        .any(|info| info.adjacent_parent.is_some());
    let expired = stream.shards.values().any(|info| {
        info.parent
            .is_some_and(|parent| !stream.shards.contains_key(&parent))
    });
    let rows = [
        ("many closed", closed > 3),
        ("merged", merged),
        ("expired", expired),
        ("tagged", !stream.tags.is_empty()),
        ("longer retention", stream.retention_hours > 24),
        ("two consumers", stream.consumer_count() > 1),
        (
            "a consumer leaves",
            stream
                .consumers
                .values()
                .any(|it| it.status == ConsumerStatus::Deleting),
        ),
        ("encrypted", stream.settings.encryption_key.is_some()),
        ("monitored", !stream.settings.shard_level_metrics.is_empty()),
        (
            "resized",
            matches!(
                stream.pending.as_ref().map(|it| &it.kind),
                Some(PendingKind::Resize(resize)) if resize.step.is_some()
            ),
        ),
        (
            "of its own accord beside another",
            stream.pending.is_some() && stream.scaling.step.is_some(),
        ),
        ("warm", stream.scaling.warm_current_mibps.is_some()),
        (
            "closed, not listed",
            stream.reshard().is_some_and(|r| r.closed.is_some()),
        ),
    ];
    rows.into_iter()
        .filter(|(_, there)| *there)
        .map(|(what, _)| what)
}
