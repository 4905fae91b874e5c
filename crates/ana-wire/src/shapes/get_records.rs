//! `GetRecords`: records from an iterator on.
//!
//! Must stay true: `next_shard_iterator` is absent exactly when `child_shards` is not empty (the
//! end of a closed shard); the Kinesis Client Library refuses every other combination.

use ana_types::StoredRecord;

use crate::shapes::common::ChildShard;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `GetRecords`. `DryRun` is read and has no effect yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetRecordsInput {
    /// A sealed token, as the client sent it (possibly in double quotes).
    pub shard_iterator: String,
    /// 1 to 10,000.
    pub limit: Option<u32>,
    /// Must name the iterator's own stream when present.
    pub stream_arn: Option<String>,
}

/// Answer of `GetRecords`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetRecordsOutput {
    /// In the shard's order.
    pub records: Vec<StoredRecord>,
    /// Absent at the end of a closed shard.
    pub next_shard_iterator: Option<String>,
    /// 0 when the reader has caught up.
    pub millis_behind_latest: u64,
    /// Present only at the end of a closed shard.
    pub child_shards: Vec<ChildShard>,
}

/// Room for the member names, numbers and punctuation of one record.
const RECORD_OVERHEAD_BYTES: usize = 192;

impl GetRecordsInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            shard_iterator: fields.required_text("ShardIterator"),
            limit: fields.count("Limit"),
            stream_arn: fields.text("StreamARN"),
        }
    }
}

impl GetRecordsOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.reserve(
            self.records
                .iter()
                .map(|r| r.data.len().div_ceil(3) * 4 + r.partition_key.len())
                .map(|bytes| bytes + RECORD_OVERHEAD_BYTES)
                .sum(),
        );
        out.open_structure();
        out.member("Records").open_list();
        for record in &self.records {
            out.open_structure();
            out.member("SequenceNumber").display(record.sequence);
            out.member("ApproximateArrivalTimestamp")
                .timestamp_ms(record.arrival_ms);
            out.member("Data").blob(&record.data);
            out.member("PartitionKey")
                .text(&String::from_utf8_lossy(&record.partition_key));
            out.close_structure();
        }
        out.close_list();
        if let Some(next) = &self.next_shard_iterator {
            out.member("NextShardIterator").text(next);
        }
        out.member("MillisBehindLatest")
            .integer(self.millis_behind_latest);
        if !self.child_shards.is_empty() {
            out.member("ChildShards").open_list();
            for child in &self.child_shards {
                child.write(out);
            }
            out.close_list();
        }
        out.close_structure();
    }
}
