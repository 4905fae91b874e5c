//! What can go wrong with a subscription to a shard, before it begins and while it lasts.

use serde::{Deserialize, Serialize};

use crate::consumer::ConsumerName;
use crate::names::StreamName;
use crate::shard::ShardIndex;

/// Errors of SubscribeToShard. It travels between nodes: new variants go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SubscriptionError {
    /// The consumer subscribed to the shard less than five seconds ago.
    #[error("consumer {consumer} of stream {stream} subscribed to {shard} moments ago")]
    TooSoon {
        /// The consumer.
        consumer: ConsumerName,
        /// The stream.
        stream: StreamName,
        /// The shard.
        shard: ShardIndex,
    },
    /// A later subscription of the same consumer to the same shard took over.
    #[error("another subscription of consumer {consumer} to {shard} of stream {stream} took over")]
    TakenOver {
        /// The consumer.
        consumer: ConsumerName,
        /// The stream.
        stream: StreamName,
        /// The shard.
        shard: ShardIndex,
    },
    /// More than one call a second of the consumer for the shard.
    #[error("consumer {consumer} of stream {stream} subscribes to {shard} too often")]
    TooOften {
        /// The consumer.
        consumer: ConsumerName,
        /// The stream.
        stream: StreamName,
        /// The shard.
        shard: ShardIndex,
    },
}
