//! `GetRecords`: records from an iterator on.
//!
//! Must stay true: `next_shard_iterator` is absent exactly when `child_shards` is not empty (the
//! end of a closed shard); the Kinesis Client Library refuses every other combination.

use ana_types::StoredRecord;

use crate::shapes::common::{ChildShard, write_child_shards};
use crate::shapes::records::write_records;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `GetRecords`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetRecordsInput {
    /// A sealed token, as the client sent it (possibly in double quotes).
    pub shard_iterator: String,
    /// 1 to 10,000.
    pub limit: Option<u32>,
    /// Must name the iterator's own stream when present.
    pub stream_arn: Option<String>,
    /// Only say whether it would succeed.
    pub dry_run: bool,
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

impl GetRecordsInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            shard_iterator: fields.required_text("ShardIterator"),
            limit: fields.count("Limit"),
            stream_arn: fields.text("StreamARN"),
            dry_run: fields.flag("DryRun").unwrap_or(false),
        }
    }
}

impl GetRecordsOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        write_records(out, &self.records);
        if let Some(next) = &self.next_shard_iterator {
            out.member("NextShardIterator").text(next);
        }
        out.member("MillisBehindLatest")
            .integer(self.millis_behind_latest);
        write_child_shards(out, &self.child_shards);
        out.close_structure();
    }
}
