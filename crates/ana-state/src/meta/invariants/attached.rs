//! What is always true of what hangs on a stream, and of the account: consumers, settings, commitment.

use super::{M13, M14, M15, M16};
use crate::meta::{Commitment, ConsumerState, StreamState, consumers, settings};
use crate::violation::{Subject, Violation, ensure};
use ana_types::{CommitmentStatus, ConsumerStatus, StreamStatus, limits};

pub(super) fn check_consumers(stream: &StreamState) -> Result<(), Violation> {
    let subject = Subject::Stream(stream.key);
    for (name, consumer) in &stream.consumers {
        ensure(*name == consumer.name, &M13, subject)?;
        ensure(life_fits(stream.status, consumer), &M13, subject)?;
        let within = consumer.tags.len() <= limits::TAGS_PER_RESOURCE_MAX
            && is_policy_size(consumer.policy.as_deref());
        ensure(within, &M14, subject)?;
    }
    let within = stream.consumer_count() <= limits::CONSUMERS_PER_STREAM_COMMITTED_MAX
        && consumers::creating(stream) <= limits::CREATING_CONSUMERS_MAX;
    ensure(within, &M14, subject)
}

fn life_fits(stream: StreamStatus, consumer: &ConsumerState) -> bool {
    let in_time = consumer.created_ms <= consumer.since_ms;
    let in_place = match stream {
        StreamStatus::Active | StreamStatus::Updating => true,
        StreamStatus::Creating => false,
        StreamStatus::Deleting => consumer.status == ConsumerStatus::Deleting,
    };
    in_time && in_place
}

fn is_policy_size(policy: Option<&str>) -> bool {
    settings::check_policy_size(policy).is_ok()
}

pub(super) fn check_settings(stream: &StreamState) -> Result<(), Violation> {
    let settings = &stream.settings;
    let few = |changes_ms: &[u64]| {
        u32::try_from(changes_ms.len())
            .is_ok_and(|count| count <= limits::ENCRYPTION_CHANGES_PER_DAY)
    };
    let key = settings.encryption_key.as_deref();
    let within = is_policy_size(settings.policy.as_deref())
        && key.is_none_or(settings::is_key_length)
        && few(&settings.encryption_starts_ms)
        && few(&settings.encryption_stops_ms);
    ensure(within, &M15, Subject::Stream(stream.key))
}

pub(super) fn check_commitment(commitment: Commitment) -> Result<(), Violation> {
    let Commitment {
        status,
        started_ms,
        ended_ms,
        earliest_end_ms,
    } = commitment;
    let agrees = match status {
        CommitmentStatus::Enabled | CommitmentStatus::EnabledUntilEarliestAllowedEnd => {
            started_ms.is_some() && earliest_end_ms.is_some() && ended_ms.is_none()
        }
        CommitmentStatus::Disabled => {
            earliest_end_ms.is_none() && started_ms.is_some() == ended_ms.is_some()
        }
    };
    ensure(agrees, &M16, Subject::Machine)
}
