//! `DescribeStreamConsumer`: one consumer and the stream it reads.

use crate::shapes::{ConsumerFacts, ConsumerTarget};
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `DescribeStreamConsumer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeStreamConsumerInput {
    /// The consumer to describe.
    pub consumer: ConsumerTarget,
}

/// Answer of `DescribeStreamConsumer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeStreamConsumerOutput {
    /// What the consumer is.
    pub consumer: ConsumerFacts,
    /// The stream it reads.
    pub stream_arn: String,
}

impl DescribeStreamConsumerInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            consumer: ConsumerTarget::from_fields(&mut fields),
        }
    }
}

impl DescribeStreamConsumerOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("ConsumerDescription").open_structure();
        self.consumer.write_members(out);
        out.member("StreamARN").text(&self.stream_arn);
        out.close_structure();
        out.close_structure();
    }
}
