//! Commands about registered consumers.

use std::collections::{BTreeMap, BTreeSet};

use ana_types::{ConsumerName, StreamKey, StreamName};
use serde::{Deserialize, Serialize};

/// What is asked about consumers. New variants go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsumerCommand {
    /// RegisterStreamConsumer: CREATING from now on.
    Register {
        /// The stream.
        stream: StreamName,
        /// The consumer.
        consumer: ConsumerName,
        /// Initial tags.
        tags: BTreeMap<String, String>,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// CREATING has been shown long enough. From the driver; idempotent.
    Activate {
        /// The stream.
        key: StreamKey,
        /// The consumer.
        consumer: ConsumerName,
        /// Its creation: says which registration of the name is meant.
        created_ms: u64,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// DeregisterStreamConsumer: DELETING from now on.
    Deregister {
        /// The stream.
        stream: StreamName,
        /// The consumer.
        consumer: ConsumerName,
        /// Where the caller gave the ARN: its creation time must fit.
        created_s: Option<u64>,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// DELETING has been shown long enough. From the driver; idempotent.
    Remove {
        /// The stream.
        key: StreamKey,
        /// The consumer.
        consumer: ConsumerName,
        /// Its creation.
        created_ms: u64,
    },
    /// TagResource on a consumer.
    AddTags {
        /// The stream.
        stream: StreamName,
        /// The consumer.
        consumer: ConsumerName,
        /// Its creation, seconds.
        created_s: u64,
        /// Tags to add or overwrite.
        tags: BTreeMap<String, String>,
    },
    /// UntagResource on a consumer.
    RemoveTags {
        /// The stream.
        stream: StreamName,
        /// The consumer.
        consumer: ConsumerName,
        /// Its creation, seconds.
        created_s: u64,
        /// Keys to remove; unknown ones are passed over.
        keys: BTreeSet<String>,
    },
    /// PutResourcePolicy on a consumer; `None` is DeleteResourcePolicy.
    SetPolicy {
        /// The stream.
        stream: StreamName,
        /// The consumer.
        consumer: ConsumerName,
        /// Its creation, seconds.
        created_s: u64,
        /// The policy, checked by the router.
        policy: Option<String>,
    },
}
