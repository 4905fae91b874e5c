//! SubscribeToShard: what is asked, and what one event says.
//!
//! Must stay true: an event has children exactly when it has no continuation.

use ana_types::{IteratorKind, SequenceNumber, StoredRecord};

use super::ChildShard;

/// Subscribes a registered consumer to a shard.
#[derive(Debug, Clone)]
pub struct Subscribe {
    /// `ConsumerARN`.
    pub consumer_arn: String,
    /// Which shard, as text.
    pub shard_id: String,
    /// From where.
    pub kind: IteratorKind,
    /// `StartingPosition.SequenceNumber`, decimal text.
    pub sequence: Option<String>,
    /// `StartingPosition.Timestamp`, milliseconds since 1970.
    pub timestamp_ms: Option<u64>,
}

/// One event of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionEvent {
    /// In the shard's order; empty when nothing has come.
    pub records: Vec<StoredRecord>,
    /// From where a next subscription goes on, at or after it; none when a closed shard has been read to its end.
    pub continuation: Option<SequenceNumber>,
    /// How far the last record lies behind the tip; 0 when caught up.
    pub millis_behind: u64,
    /// Children, only (and always) when there is no continuation.
    pub children: Vec<ChildShard>,
}
