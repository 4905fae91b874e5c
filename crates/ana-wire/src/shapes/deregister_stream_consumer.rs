//! `DeregisterStreamConsumer`: no output.

use crate::shapes::ConsumerTarget;
use crate::tree::Fields;

/// Request of `DeregisterStreamConsumer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeregisterStreamConsumerInput {
    /// The consumer to end.
    pub consumer: ConsumerTarget,
}

impl DeregisterStreamConsumerInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            consumer: ConsumerTarget::from_fields(&mut fields),
        }
    }
}
