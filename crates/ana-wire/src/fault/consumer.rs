//! AWS's types and texts for errors of registered consumers.

use ana_types::ConsumerError;
use ana_types::limits::TAGS_PER_RESOURCE_MAX;

use super::FaultKind as K;
use super::domain::{Worded, Words};

pub(super) fn of(words: Words<'_>, error: &ConsumerError) -> Worded {
    use ConsumerError as E;
    match error {
        E::NotFound { consumer, stream } => (
            K::ResourceNotFound,
            format!(
                "Consumer {consumer} of {} not found.",
                words.stream_lower(stream)
            ),
        ),
        E::ArnNotFound { arn } => (K::ResourceNotFound, format!("Consumer {arn} not found.")),
        E::Exists { consumer, stream } => (
            K::ResourceInUse,
            format!(
                "Consumer {consumer} of {} already exists.",
                words.stream_lower(stream)
            ),
        ),
        E::NotActive {
            consumer,
            stream,
            status,
        } => (
            K::ResourceInUse,
            format!(
                "Consumer {consumer} of {} not ACTIVE, instead in state {status}",
                words.stream_lower(stream)
            ),
        ),
        E::TooMany { stream, limit } => (
            K::LimitExceeded,
            format!(
                "Failed to register the consumer: {} already has {limit} registered consumers.",
                words.stream_lower(stream)
            ),
        ),
        E::TooManyCreating { stream, limit } => (
            K::LimitExceeded,
            format!(
                "Failed to register the consumer: {limit} consumers of {} are being created.",
                words.stream_lower(stream)
            ),
        ),
        E::NotAddressed => (
            K::InvalidArgument,
            "Either ConsumerARN or both StreamARN and ConsumerName must be provided.".to_owned(),
        ),
        E::AddressesDiffer => (
            K::InvalidArgument,
            "ConsumerARN, StreamARN and ConsumerName do not name the same consumer.".to_owned(),
        ),
        E::TagLimit { consumer, stream } => (
            K::InvalidArgument,
            format!(
                "Failed to add tags to consumer {consumer} of {} because a resource cannot have more \
                 than {TAGS_PER_RESOURCE_MAX} tags associated with it.",
                words.stream_lower(stream)
            ),
        ),
        E::StreamHasConsumers { stream } => (
            K::ResourceInUse,
            format!(
                "{} has registered consumers. Deregister them, or set EnforceConsumerDeletion.",
                words.stream(stream)
            ),
        ),
    }
}
