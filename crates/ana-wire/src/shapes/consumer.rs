//! A registered consumer: how a request names it, and what every description says of it.

use ana_types::ConsumerStatus;

use crate::tree::Fields;
use crate::writer::Writer;

/// The addressing members of one request: the consumer's ARN, or the stream's ARN with the consumer's name, or all of
/// them. Whether they suffice and agree is for the domain to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerTarget {
    /// `StreamARN`, already checked against its pattern.
    pub stream_arn: Option<String>,
    /// `ConsumerName`, already checked against its pattern.
    pub consumer_name: Option<String>,
    /// `ConsumerARN`, already checked against its pattern.
    pub consumer_arn: Option<String>,
}

/// What every description of a consumer has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerFacts {
    /// The consumer's name.
    pub name: String,
    /// The consumer's ARN.
    pub arn: String,
    /// State of the consumer's life.
    pub status: ConsumerStatus,
    /// Time of registration, Unix milliseconds.
    pub created_ms: u64,
}

impl ConsumerTarget {
    pub(crate) fn from_fields(fields: &mut Fields<'_>) -> Self {
        Self {
            stream_arn: fields.text("StreamARN"),
            consumer_name: fields.text("ConsumerName"),
            consumer_arn: fields.text("ConsumerARN"),
        }
    }
}

impl ConsumerFacts {
    /// Name, ARN, status and time, inside a structure that the caller opened.
    pub(crate) fn write_members<W: Writer>(&self, out: &mut W) {
        out.member("ConsumerName").text(&self.name);
        out.member("ConsumerARN").text(&self.arn);
        out.member("ConsumerStatus").text(self.status.as_str());
        out.member("ConsumerCreationTimestamp")
            .timestamp_ms(self.created_ms);
    }
}
