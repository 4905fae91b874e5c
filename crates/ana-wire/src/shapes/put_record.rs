//! `PutRecord`: one record.

use ana_types::{SequenceNumber, ShardIndex};
use bytes::Bytes;

use crate::shapes::StreamTarget;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `PutRecord`. `DryRun` is read and has no effect yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRecordInput {
    /// The stream to write to.
    pub stream: StreamTarget,
    /// The record's bytes, out of base64; may be empty.
    pub data: Bytes,
    /// 1 to 256 Unicode characters.
    pub partition_key: String,
    /// Decimal, at most 39 digits; the domain checks that it is below 2^128.
    pub explicit_hash_key: Option<String>,
    /// Decimal, at most 129 digits.
    pub sequence_number_for_ordering: Option<String>,
}

/// Answer of `PutRecord`, and one good entry of `PutRecords`. `EncryptionType` is absent as long
/// as no stream is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutRecordOutput {
    /// The shard that holds the record.
    pub shard: ShardIndex,
    /// The record's number.
    pub sequence: SequenceNumber,
}

impl PutRecordInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            data: fields.required_blob("Data"),
            partition_key: fields.required_text("PartitionKey"),
            explicit_hash_key: fields.text("ExplicitHashKey"),
            sequence_number_for_ordering: fields.text("SequenceNumberForOrdering"),
        }
    }
}

impl PutRecordOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("ShardId").display(self.shard);
        out.member("SequenceNumber").display(self.sequence);
        out.close_structure();
    }
}
