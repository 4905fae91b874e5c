//! What can go wrong with registered consumers.

use serde::{Deserialize, Serialize};

use crate::consumer::{ConsumerName, ConsumerStatus};
use crate::names::StreamName;

/// Errors of RegisterStreamConsumer and its family. It travels between nodes: new variants go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ConsumerError {
    /// No such consumer of that stream.
    #[error("consumer {consumer} of stream {stream} not found")]
    NotFound {
        /// The name asked for.
        consumer: ConsumerName,
        /// The stream.
        stream: StreamName,
    },
    /// No consumer has this ARN: it is malformed, of another account, or of an earlier registration.
    #[error("no consumer here has the ARN {arn}")]
    ArnNotFound {
        /// The ARN given.
        arn: String,
    },
    /// RegisterStreamConsumer of a name in use.
    #[error("consumer {consumer} of stream {stream} exists")]
    Exists {
        /// The name.
        consumer: ConsumerName,
        /// The stream.
        stream: StreamName,
    },
    /// The operation needs an ACTIVE consumer.
    #[error("consumer {consumer} of stream {stream} is {status}, not ACTIVE")]
    NotActive {
        /// The consumer.
        consumer: ConsumerName,
        /// The stream.
        stream: StreamName,
        /// Its status.
        status: ConsumerStatus,
    },
    /// The stream has as many consumers as it may have.
    #[error("stream {stream} has its {limit} consumers")]
    TooMany {
        /// The stream.
        stream: StreamName,
        /// Consumers allowed.
        limit: u32,
    },
    /// Too many consumers of the stream are in CREATING.
    #[error("{limit} consumers of stream {stream} are being created")]
    TooManyCreating {
        /// The stream.
        stream: StreamName,
        /// Consumers allowed in CREATING at once.
        limit: u32,
    },
    /// Neither a consumer ARN nor a stream ARN with a consumer name was given.
    #[error("neither a consumer ARN nor a stream ARN and a consumer name were given")]
    NotAddressed,
    /// Consumer ARN, stream ARN and consumer name do not name the same consumer.
    #[error("the members that name the consumer differ")]
    AddressesDiffer,
    /// DeleteStream of a stream with consumers, not enforced.
    #[error("stream {stream} has registered consumers")]
    StreamHasConsumers {
        /// The stream.
        stream: StreamName,
    },
    /// The consumer would have more tags than [`crate::limits::TAGS_PER_RESOURCE_MAX`].
    #[error("too many tags on consumer {consumer} of stream {stream}")]
    TagLimit {
        /// The consumer.
        consumer: ConsumerName,
        /// The stream.
        stream: StreamName,
    },
}
