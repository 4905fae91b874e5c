//! One file per operation: its request, its answer, how the one is read and the other written.
//!
//! A new operation adds a file here, a line in [`Request`], [`Response`], [`Request::from_fields`]
//! and [`Response::write`], and is then offered. Nothing here checks anything: the constraint table
//! (`model`, `validate`) has done so before a shape is built.

mod stream_target;
mod common;
mod create_stream;
mod delete_stream;
mod describe_stream;
mod describe_stream_summary;
mod describe_limits;
mod list_streams;
mod list_shards;
mod put_record;
mod put_records;
mod get_shard_iterator;
mod get_records;
mod split_shard;
mod merge_shards;
mod increase_stream_retention_period;
mod decrease_stream_retention_period;
mod add_tags_to_stream;
mod remove_tags_from_stream;
mod list_tags_for_stream;

use crate::operation::Operation;
use crate::tree::Fields;
use crate::writer::Writer;

pub use add_tags_to_stream::AddTagsToStreamInput;
pub use common::{ChildShard, Shard, StreamFacts};
pub use create_stream::CreateStreamInput;
pub use decrease_stream_retention_period::DecreaseStreamRetentionPeriodInput;
pub use delete_stream::DeleteStreamInput;
pub use describe_limits::{DescribeLimitsInput, DescribeLimitsOutput};
pub use describe_stream::{DescribeStreamInput, DescribeStreamOutput};
pub use describe_stream_summary::{DescribeStreamSummaryInput, DescribeStreamSummaryOutput};
pub use get_records::{GetRecordsInput, GetRecordsOutput};
pub use get_shard_iterator::{GetShardIteratorInput, GetShardIteratorOutput};
pub use increase_stream_retention_period::IncreaseStreamRetentionPeriodInput;
pub use list_shards::{ListShardsInput, ListShardsOutput, ShardFilter};
pub use list_streams::{ListStreamsInput, ListStreamsOutput};
pub use list_tags_for_stream::{ListTagsForStreamInput, ListTagsForStreamOutput};
pub use merge_shards::MergeShardsInput;
pub use put_record::{PutRecordInput, PutRecordOutput};
pub use put_records::{PutRecordsEntry, PutRecordsInput, PutRecordsOutput};
pub use remove_tags_from_stream::RemoveTagsFromStreamInput;
pub use split_shard::SplitShardInput;
pub use stream_target::StreamTarget;

/// A decoded and checked request of an operation that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the operation of its name")]
pub enum Request {
    CreateStream(CreateStreamInput),
    DeleteStream(DeleteStreamInput),
    DescribeStream(DescribeStreamInput),
    DescribeStreamSummary(DescribeStreamSummaryInput),
    DescribeLimits(DescribeLimitsInput),
    ListStreams(ListStreamsInput),
    ListShards(ListShardsInput),
    PutRecord(PutRecordInput),
    PutRecords(PutRecordsInput),
    GetShardIterator(GetShardIteratorInput),
    GetRecords(GetRecordsInput),
    SplitShard(SplitShardInput),
    MergeShards(MergeShardsInput),
    IncreaseStreamRetentionPeriod(IncreaseStreamRetentionPeriodInput),
    DecreaseStreamRetentionPeriod(DecreaseStreamRetentionPeriodInput),
    AddTagsToStream(AddTagsToStreamInput),
    RemoveTagsFromStream(RemoveTagsFromStreamInput),
    ListTagsForStream(ListTagsForStreamInput),
}

/// The answer to a request. `Empty` is the answer of every operation without output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the operation of its name")]
pub enum Response {
    Empty,
    DescribeStream(DescribeStreamOutput),
    DescribeStreamSummary(DescribeStreamSummaryOutput),
    DescribeLimits(DescribeLimitsOutput),
    ListStreams(ListStreamsOutput),
    ListShards(ListShardsOutput),
    PutRecord(PutRecordOutput),
    PutRecords(PutRecordsOutput),
    GetShardIterator(GetShardIteratorOutput),
    GetRecords(GetRecordsOutput),
    ListTagsForStream(ListTagsForStreamOutput),
}

impl Request {
    /// The request of `operation` out of fields that have passed every check; `None` when the
    /// operation is not offered.
    pub(crate) fn from_fields(operation: Operation, fields: Fields<'_>) -> Option<Self> {
        Some(match operation {
            Operation::CreateStream => Self::CreateStream(CreateStreamInput::from_fields(fields)),
            Operation::DeleteStream => Self::DeleteStream(DeleteStreamInput::from_fields(fields)),
            Operation::DescribeStream => {
                Self::DescribeStream(DescribeStreamInput::from_fields(fields))
            }
            Operation::DescribeStreamSummary => {
                Self::DescribeStreamSummary(DescribeStreamSummaryInput::from_fields(fields))
            }
            Operation::DescribeLimits => Self::DescribeLimits(DescribeLimitsInput {}),
            Operation::ListStreams => Self::ListStreams(ListStreamsInput::from_fields(fields)),
            Operation::ListShards => Self::ListShards(ListShardsInput::from_fields(fields)),
            Operation::PutRecord => Self::PutRecord(PutRecordInput::from_fields(fields)),
            Operation::PutRecords => Self::PutRecords(PutRecordsInput::from_fields(fields)),
            Operation::GetShardIterator => {
                Self::GetShardIterator(GetShardIteratorInput::from_fields(fields))
            }
            Operation::GetRecords => Self::GetRecords(GetRecordsInput::from_fields(fields)),
            Operation::SplitShard => Self::SplitShard(SplitShardInput::from_fields(fields)),
            Operation::MergeShards => Self::MergeShards(MergeShardsInput::from_fields(fields)),
            Operation::IncreaseStreamRetentionPeriod => Self::IncreaseStreamRetentionPeriod(
                IncreaseStreamRetentionPeriodInput::from_fields(fields),
            ),
            Operation::DecreaseStreamRetentionPeriod => Self::DecreaseStreamRetentionPeriod(
                DecreaseStreamRetentionPeriodInput::from_fields(fields),
            ),
            Operation::AddTagsToStream => {
                Self::AddTagsToStream(AddTagsToStreamInput::from_fields(fields))
            }
            Operation::RemoveTagsFromStream => {
                Self::RemoveTagsFromStream(RemoveTagsFromStreamInput::from_fields(fields))
            }
            Operation::ListTagsForStream => {
                Self::ListTagsForStream(ListTagsForStreamInput::from_fields(fields))
            }
            _ => return None,
        })
    }

    /// The operation this is a request of.
    pub fn operation(&self) -> Operation {
        match self {
            Self::CreateStream(_) => Operation::CreateStream,
            Self::DeleteStream(_) => Operation::DeleteStream,
            Self::DescribeStream(_) => Operation::DescribeStream,
            Self::DescribeStreamSummary(_) => Operation::DescribeStreamSummary,
            Self::DescribeLimits(_) => Operation::DescribeLimits,
            Self::ListStreams(_) => Operation::ListStreams,
            Self::ListShards(_) => Operation::ListShards,
            Self::PutRecord(_) => Operation::PutRecord,
            Self::PutRecords(_) => Operation::PutRecords,
            Self::GetShardIterator(_) => Operation::GetShardIterator,
            Self::GetRecords(_) => Operation::GetRecords,
            Self::SplitShard(_) => Operation::SplitShard,
            Self::MergeShards(_) => Operation::MergeShards,
            Self::IncreaseStreamRetentionPeriod(_) => Operation::IncreaseStreamRetentionPeriod,
            Self::DecreaseStreamRetentionPeriod(_) => Operation::DecreaseStreamRetentionPeriod,
            Self::AddTagsToStream(_) => Operation::AddTagsToStream,
            Self::RemoveTagsFromStream(_) => Operation::RemoveTagsFromStream,
            Self::ListTagsForStream(_) => Operation::ListTagsForStream,
        }
    }
}

impl Response {
    /// Writes the answer; an operation without output writes nothing at all.
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        match self {
            Self::Empty => {}
            Self::DescribeStream(output) => output.write(out),
            Self::DescribeStreamSummary(output) => output.write(out),
            Self::DescribeLimits(output) => output.write(out),
            Self::ListStreams(output) => output.write(out),
            Self::ListShards(output) => output.write(out),
            Self::PutRecord(output) => output.write(out),
            Self::PutRecords(output) => output.write(out),
            Self::GetShardIterator(output) => output.write(out),
            Self::GetRecords(output) => output.write(out),
            Self::ListTagsForStream(output) => output.write(out),
        }
    }
}

#[cfg(test)]
#[path = "shapes/write_test.rs"]
mod write_test;
