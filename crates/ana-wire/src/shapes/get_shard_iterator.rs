//! `GetShardIterator`: a place to read from.

use ana_types::IteratorKind;

use crate::shapes::StreamTarget;
use crate::shapes::common::iterator_kind_of;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `GetShardIterator`. Which members go together is for the domain to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetShardIteratorInput {
    /// The stream to read.
    pub stream: StreamTarget,
    /// The shard to read, as the client wrote it.
    pub shard_id: String,
    /// Where to start.
    pub kind: IteratorKind,
    /// Decimal, at most 129 digits.
    pub starting_sequence_number: Option<String>,
    /// Unix milliseconds; a time before 1970 counts as 0.
    pub timestamp_ms: Option<u64>,
    /// Only say whether it would succeed.
    pub dry_run: bool,
}

/// Answer of `GetShardIterator`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetShardIteratorOutput {
    /// A sealed token (see [`crate::iterator`]).
    pub shard_iterator: String,
}

impl GetShardIteratorInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            shard_id: fields.required_text("ShardId"),
            kind: fields.required_choice("ShardIteratorType", iterator_kind_of),
            starting_sequence_number: fields.text("StartingSequenceNumber"),
            timestamp_ms: fields.timestamp_ms("Timestamp"),
            dry_run: fields.flag("DryRun").unwrap_or(false),
        }
    }
}

impl GetShardIteratorOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("ShardIterator").text(&self.shard_iterator);
        out.close_structure();
    }
}
