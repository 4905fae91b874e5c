//! Registered consumers: register, deregister, describe, list.

use std::collections::BTreeMap;

use ana_types::{ConsumerName, ConsumerStatus, StreamKey};
use serde::{Deserialize, Serialize};

/// Registers a consumer.
#[derive(Debug, Clone, Default)]
pub struct RegisterConsumer {
    /// `StreamARN`.
    pub stream_arn: String,
    /// Name, validated against the pattern by the caller.
    pub consumer_name: String,
    /// Tags from the beginning.
    pub tags: BTreeMap<String, String>,
}

/// How a request names a consumer: by its ARN, by the stream's ARN and its name, or by more when they agree.
#[derive(Debug, Clone, Default)]
pub struct ConsumerRef {
    /// `StreamARN` of the request.
    pub stream_arn: Option<String>,
    /// `ConsumerName` of the request.
    pub consumer_name: Option<String>,
    /// `ConsumerARN` of the request.
    pub consumer_arn: Option<String>,
}

/// What is told of a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerView {
    /// Name.
    pub name: ConsumerName,
    /// Full ARN.
    pub arn: String,
    /// Status at the read.
    pub status: ConsumerStatus,
    /// Registration, milliseconds since 1970.
    pub created_ms: u64,
    /// Full ARN of its stream.
    pub stream_arn: String,
}

/// Where a listing of consumers goes on. The caller seals it into NextToken and opens it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerListPosition {
    /// The stream, by identity: a re-created stream does not continue the listing of the old one.
    pub stream: StreamKey,
    /// Consumers after this one.
    pub after: ConsumerName,
}

/// Lists the consumers of a stream. The caller has refused requests that name a creation time and a position.
#[derive(Debug, Clone, Default)]
pub struct ListConsumers {
    /// `StreamARN`, on every page.
    pub stream_arn: String,
    /// An opened NextToken, for later pages; must be of that stream.
    pub position: Option<ConsumerListPosition>,
    /// Page size; 100 when absent, never more than 100.
    pub max_results: Option<u32>,
    /// Creation of the stream in milliseconds, to tell streams of one name apart.
    pub stream_created_ms: Option<u64>,
}

/// A page of consumers, ascending by name.
#[derive(Debug, Clone)]
pub struct ConsumerPage {
    /// Consumers of this page.
    pub consumers: Vec<ConsumerView>,
    /// Where the next page starts; none at the end.
    pub next: Option<ConsumerListPosition>,
}
