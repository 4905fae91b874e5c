//! AWS's types and texts for errors of subscriptions to shards.

use ana_types::SubscriptionError;

use super::FaultKind as K;
use super::domain::{Worded, Words};

pub(super) fn of(words: Words<'_>, error: &SubscriptionError) -> Worded {
    use SubscriptionError as E;
    match error {
        E::TooSoon {
            consumer,
            stream,
            shard,
        } => (
            K::ResourceInUse,
            format!(
                "Another active subscription exists for this consumer: {consumer} on {shard} of {}.",
                words.stream_lower(stream)
            ),
        ),
        E::TakenOver {
            consumer,
            stream,
            shard,
        } => (
            K::ResourceInUse,
            format!(
                "Consumer {consumer} has subscribed to {shard} of {} again; this subscription ends.",
                words.stream_lower(stream)
            ),
        ),
        E::TooOften {
            consumer,
            stream,
            shard,
        } => (
            K::LimitExceeded,
            format!(
                "Rate exceeded for consumer {consumer} and {shard} of {}.",
                words.stream_lower(stream)
            ),
        ),
    }
}
