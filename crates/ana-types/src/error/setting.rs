//! What can go wrong with settings of a stream or the account: metrics, encryption, policies, tags of resources.

use serde::{Deserialize, Serialize};

use crate::consumer::ConsumerName;
use crate::names::StreamName;

/// Errors of settings. It travels between nodes: new variants go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SettingError {
    /// The resource has no policy.
    #[error("stream {stream}, consumer {consumer:?}: no policy")]
    NoPolicy {
        /// The stream.
        stream: StreamName,
        /// The consumer, when the resource is one of the stream's: its name and the second of its creation.
        consumer: Option<(ConsumerName, u64)>,
    },
    /// The policy is no policy, or not one that can be attached.
    #[error("invalid policy: {why}")]
    InvalidPolicy {
        /// What is wrong with it, for the client.
        why: String,
    },
    /// The ARN names nothing here.
    #[error("no resource here has the ARN {arn}")]
    ResourceNotFound {
        /// The ARN given.
        arn: String,
    },
    /// EncryptionType NONE where only KMS makes sense.
    #[error("the only encryption type is KMS")]
    EncryptionTypeNotKms,
    /// More changes of encryption in 24 hours than allowed.
    #[error("{limit} changes of encryption of stream {stream} in 24 hours")]
    EncryptionChanges {
        /// The stream.
        stream: StreamName,
        /// Changes allowed in 24 hours.
        limit: u32,
    },
    /// The key is none that could be used.
    #[error("key {key} not found")]
    KeyNotFound {
        /// The key given.
        key: String,
    },
    /// TagResource, UntagResource, RegisterStreamConsumer: a character that tags may not have.
    #[error("tags of a resource contain invalid characters")]
    TagsInvalidCharacters,
    /// A tag key that only AWS itself may set.
    #[error("tag key {key} is reserved")]
    TagReserved {
        /// The key given.
        key: String,
    },
    /// The policy is longer than [`crate::limits::POLICY_BYTES_MAX`].
    #[error("a policy of {bytes} bytes")]
    PolicyTooLarge {
        /// Its length, bytes.
        bytes: usize,
    },
    /// The commitment cannot end while a stream has warm throughput.
    #[error("stream {stream} has warm throughput")]
    WarmThroughputInUse {
        /// The stream.
        stream: StreamName,
    },
}
