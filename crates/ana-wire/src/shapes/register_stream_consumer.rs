//! `RegisterStreamConsumer`: a new fan-out consumer.

use std::collections::BTreeMap;

use crate::shapes::ConsumerFacts;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `RegisterStreamConsumer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterStreamConsumerInput {
    /// The stream to read.
    pub stream_arn: String,
    /// Unique within the stream.
    pub consumer_name: String,
    /// Empty when `Tags` is absent; which characters are allowed is for the domain to say.
    pub tags: BTreeMap<String, String>,
}

/// Answer of `RegisterStreamConsumer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterStreamConsumerOutput {
    /// The new consumer, not ready yet.
    pub consumer: ConsumerFacts,
}

impl RegisterStreamConsumerInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream_arn: fields.required_text("StreamARN"),
            consumer_name: fields.required_text("ConsumerName"),
            tags: fields.text_map("Tags"),
        }
    }
}

impl RegisterStreamConsumerOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("Consumer").open_structure();
        self.consumer.write_members(out);
        out.close_structure();
        out.close_structure();
    }
}
