//! AWS's types and texts for errors of shard counts and capacity.

use ana_types::ScalingError;

use super::FaultKind as K;
use super::domain::{Worded, Words};

pub(super) fn of(words: Words<'_>, error: &ScalingError) -> Worded {
    use ScalingError as E;
    match error {
        E::TargetOutOfRange {
            stream,
            target,
            current,
            least,
            greatest,
        } => (
            K::InvalidArgument,
            format!(
                "UpdateShardCount to {target} of {} is not allowed: it has {current} open shards, \
                 and the target must be from {least} to {greatest}.",
                words.stream_lower(stream)
            ),
        ),
        E::PerDay {
            operation,
            stream,
            limit,
        } => (
            K::LimitExceeded,
            format!(
                "{operation} was called more than {limit} times in 24 hours on {}.",
                words.stream_lower(stream)
            ),
        ),
        E::OnDemandOnly { operation, stream } => (
            K::Validation,
            format!(
                "{operation} is only supported for data streams with the on-demand capacity mode, \
                 not for {}.",
                words.stream_lower(stream)
            ),
        ),
        E::WarmThroughputTooHigh { mibps, limit } => (
            K::InvalidArgument,
            format!("A warm throughput of {mibps} MiB/s was requested; at most {limit} MiB/s are allowed."),
        ),
        E::WarmThroughputNotTaken { stream } => (
            K::Validation,
            format!(
                "WarmThroughputMiBps can only be given when a stream is switched to the on-demand capacity \
                 mode, which {} is not.",
                words.stream_lower(stream)
            ),
        ),
        E::CommitmentNeeded => (
            K::Validation,
            "Warm throughput needs MinimumThroughputBillingCommitment to be ENABLED for the account."
                .to_owned(),
        ),
    }
}
