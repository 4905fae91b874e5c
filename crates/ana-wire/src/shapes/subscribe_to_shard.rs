//! `SubscribeToShard`: where a subscription starts, and what one of its events says.
//!
//! Must stay true: `continuation` is absent exactly when `child_shards` is not empty (the end of a closed shard); the
//! Kinesis Client Library refuses every other combination.

use ana_types::{IteratorKind, SequenceNumber, StoredRecord};

use crate::shapes::common::{ChildShard, iterator_kind_of, write_child_shards};
use crate::shapes::records::write_records;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `SubscribeToShard`. Which members of the position go together is for the domain to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeToShardInput {
    /// The consumer.
    pub consumer_arn: String,
    /// The shard, as text.
    pub shard_id: String,
    /// `StartingPosition.Type`.
    pub kind: IteratorKind,
    /// `StartingPosition.SequenceNumber`.
    pub sequence_number: Option<String>,
    /// `StartingPosition.Timestamp`, Unix milliseconds.
    pub timestamp_ms: Option<u64>,
    /// Only say whether it would succeed.
    pub dry_run: bool,
}

/// One event of a subscription. Always written as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeToShardEvent {
    /// In the shard's order; empty on an idle shard.
    pub records: Vec<StoredRecord>,
    /// From where a next subscription goes on; absent at the end of a closed shard.
    pub continuation: Option<SequenceNumber>,
    /// 0 when the reader has caught up.
    pub millis_behind_latest: u64,
    /// Present only at the end of a closed shard.
    pub child_shards: Vec<ChildShard>,
}

impl SubscribeToShardInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        let mut position = fields.required_structure("StartingPosition");
        Self {
            consumer_arn: fields.required_text("ConsumerARN"),
            shard_id: fields.required_text("ShardId"),
            kind: position.required_choice("Type", iterator_kind_of),
            sequence_number: position.text("SequenceNumber"),
            timestamp_ms: position.timestamp_ms("Timestamp"),
            dry_run: fields.flag("DryRun").unwrap_or(false),
        }
    }
}

impl SubscribeToShardEvent {
    /// The event's payload.
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        write_records(out, &self.records);
        if let Some(continuation) = self.continuation {
            out.member("ContinuationSequenceNumber")
                .display(continuation);
        }
        out.member("MillisBehindLatest")
            .integer(self.millis_behind_latest);
        write_child_shards(out, &self.child_shards);
        out.close_structure();
    }
}
