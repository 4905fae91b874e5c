//! `ListStreamConsumers`: one page of a stream's consumers.

use crate::shapes::ConsumerFacts;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `ListStreamConsumers`. Which members exclude each other is for the domain to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStreamConsumersInput {
    /// The stream to ask about.
    pub stream_arn: String,
    /// A sealed token, on later pages.
    pub next_token: Option<String>,
    /// 1 to 10,000; the service never returns more than 100.
    pub max_results: Option<u32>,
    /// Unix milliseconds: tells streams of the same name apart.
    pub stream_creation_ms: Option<u64>,
}

/// Answer of `ListStreamConsumers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStreamConsumersOutput {
    /// One page, ordered by name.
    pub consumers: Vec<ConsumerFacts>,
    /// Present when a further page exists.
    pub next_token: Option<String>,
}

impl ListStreamConsumersInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream_arn: fields.required_text("StreamARN"),
            next_token: fields.text("NextToken"),
            max_results: fields.count("MaxResults"),
            stream_creation_ms: fields.timestamp_ms("StreamCreationTimestamp"),
        }
    }
}

impl ListStreamConsumersOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("Consumers").open_list();
        for consumer in &self.consumers {
            out.open_structure();
            consumer.write_members(out);
            out.close_structure();
        }
        out.close_list();
        if let Some(token) = &self.next_token {
            out.member("NextToken").text(token);
        }
        out.close_structure();
    }
}
