//! `PutRecords`: up to 500 records, each with its own fate.

use ana_types::{SequenceNumber, ShardIndex};
use bytes::Bytes;

use crate::fault::Fault;
use crate::shapes::StreamTarget;
use crate::shapes::monitoring::write_encrypted;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `PutRecords`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRecordsInput {
    /// The stream to write to.
    pub stream: StreamTarget,
    /// 1 to 500 entries, in the client's order.
    pub records: Vec<PutRecordsEntry>,
    /// Only say whether it would succeed.
    pub dry_run: bool,
}

/// One record of `PutRecords`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRecordsEntry {
    /// The record's bytes, out of base64; may be empty. The entries of one request share one buffer.
    pub data: Bytes,
    /// 1 to 256 Unicode characters.
    pub partition_key: String,
    /// Decimal, at most 39 digits; the domain checks that it is below 2^128.
    pub explicit_hash_key: Option<String>,
}

/// Answer of `PutRecords`: HTTP 200 even when every entry failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRecordsOutput {
    /// As many entries as the request had, in the same order. A failed one carries
    /// `ErrorCode` and `ErrorMessage` and no number; a good one the reverse.
    pub records: Vec<Result<PutRecordsResultEntry, Fault>>,
    /// True when the records were put under the stream's encryption.
    pub encrypted: bool,
}

/// One good entry of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutRecordsResultEntry {
    /// The shard that holds the record.
    pub shard: ShardIndex,
    /// The record's number.
    pub sequence: SequenceNumber,
}

impl PutRecordsInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            records: fields
                .structures("Records")
                .into_iter()
                .map(PutRecordsEntry::from_fields)
                .collect(),
            dry_run: fields.flag("DryRun").unwrap_or(false),
        }
    }
}

impl PutRecordsEntry {
    fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            data: fields.required_blob("Data"),
            partition_key: fields.required_text("PartitionKey"),
            explicit_hash_key: fields.text("ExplicitHashKey"),
        }
    }
}

impl PutRecordsOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        let failed = self.records.iter().filter(|entry| entry.is_err()).count();
        out.open_structure();
        out.member("FailedRecordCount")
            .integer(u64::try_from(failed).unwrap_or(u64::MAX));
        out.member("Records").open_list();
        for entry in &self.records {
            match entry {
                Ok(stored) => {
                    out.open_structure();
                    out.member("ShardId").display(stored.shard);
                    out.member("SequenceNumber").display(stored.sequence);
                    out.close_structure();
                }
                Err(fault) => {
                    out.open_structure();
                    out.member("ErrorCode").text(fault.kind.name());
                    out.member("ErrorMessage")
                        .text(fault.message.as_deref().unwrap_or_default());
                    out.close_structure();
                }
            }
        }
        out.close_list();
        write_encrypted(out, self.encrypted);
        out.close_structure();
    }
}
