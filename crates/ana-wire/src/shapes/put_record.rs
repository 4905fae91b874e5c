//! `PutRecord`: one record.

use ana_types::{SequenceNumber, ShardIndex};
use bytes::Bytes;

use crate::shapes::StreamTarget;
use crate::shapes::monitoring::write_encrypted;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `PutRecord`.
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
    /// Only say whether it would succeed.
    pub dry_run: bool,
}

/// Answer of `PutRecord`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutRecordOutput {
    /// The shard that holds the record.
    pub shard: ShardIndex,
    /// The record's number.
    pub sequence: SequenceNumber,
    /// True when the record was put under the stream's encryption.
    pub encrypted: bool,
}

impl PutRecordInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            data: fields.required_blob("Data"),
            partition_key: fields.required_text("PartitionKey"),
            explicit_hash_key: fields.text("ExplicitHashKey"),
            sequence_number_for_ordering: fields.text("SequenceNumberForOrdering"),
            dry_run: fields.flag("DryRun").unwrap_or(false),
        }
    }
}

impl PutRecordOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("ShardId").display(self.shard);
        out.member("SequenceNumber").display(self.sequence);
        write_encrypted(out, self.encrypted);
        out.close_structure();
    }
}
