//! Requests and answers of every operation, in the words of the domain.
//!
//! Plain structs: no HTTP, no AWS names of errors, no tokens. What a client sends as text and what must be
//! judged together with the state of the cluster (stream references, shard ids, hash keys, sequence numbers)
//! arrives here as text; sizes and patterns have been checked by the front door before.
//!
//! Must stay true:
//! - an answer carries all facts of the reply, so that the caller never asks a second time for one request;
//! - sealed tokens are the caller's: this crate hands out and takes back positions.

use std::collections::{BTreeMap, BTreeSet};

use ana_types::{
    HashRange, Position, SequenceNumber, ShardIndex, ShardInfo, ShardLevelMetric, StoredRecord,
    StreamKey, StreamMode, StreamName, StreamStatus,
};
pub use ana_types::{IteratorKind, ShardFilterKind};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

mod consumers;
mod scaling;
mod settings;
mod subscribe;

pub use consumers::{
    ConsumerListPosition, ConsumerPage, ConsumerRef, ConsumerView, ListConsumers, RegisterConsumer,
};
pub use scaling::{
    ShardCountChange, UpdateShardCount, UpdateStreamMode, UpdateWarmThroughput, WarmThroughput,
    WarmThroughputChange,
};
pub use settings::{
    CommitmentView, Monitored, MonitoringChange, PutResourcePolicy, SetEncryption, SetMaxRecord,
    SetMonitoring, TagResource, UntagResource,
};
pub use subscribe::{Subscribe, SubscriptionEvent};

/// How a request names its stream: by name, by ARN, or by both when they agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamRef {
    /// `StreamName` of the request.
    pub name: Option<String>,
    /// `StreamARN` of the request.
    pub arn: Option<String>,
}

impl StreamRef {
    /// A reference by name alone.
    pub fn by_name(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            arn: None,
        }
    }
}

/// Makes a stream.
#[derive(Debug, Clone, Default)]
pub struct CreateStream {
    /// Name, validated against the pattern by the caller.
    pub name: String,
    /// Shards to begin with; needed for a provisioned stream, four when neither count nor mode is given.
    pub shard_count: Option<u32>,
    /// Provisioned when only a shard count is given, on demand when nothing is given.
    pub mode: Option<StreamMode>,
    /// Tags from the beginning.
    pub tags: BTreeMap<String, String>,
    /// Largest record in KiB (data and partition key); 1024 when absent.
    pub max_record_kib: Option<u32>,
    /// Warm throughput of an on-demand stream, MiB/s.
    pub warm_throughput_mibps: Option<u32>,
}

/// Deletes a stream.
#[derive(Debug, Clone, Default)]
pub struct DeleteStream {
    /// Which one.
    pub stream: StreamRef,
    /// Registered consumers are to go too; without it they keep the stream.
    pub enforce_consumer_deletion: bool,
}

/// Describes a stream with a page of its shards.
#[derive(Debug, Clone, Default)]
pub struct DescribeStream {
    /// Which one.
    pub stream: StreamRef,
    /// Shards after this id only, as text: any prefix is accepted before the number.
    pub exclusive_start_shard: Option<String>,
    /// Page size; 100 when absent, never more than 100.
    pub limit: Option<u32>,
}

/// What DescribeStream tells.
#[derive(Debug, Clone)]
pub struct StreamView {
    /// Identity that is never used again, also when the name is.
    pub key: StreamKey,
    /// Name.
    pub name: StreamName,
    /// Full ARN.
    pub arn: String,
    /// Status at the read.
    pub status: StreamStatus,
    /// Capacity mode.
    pub mode: StreamMode,
    /// One page of shards, ascending; empty while CREATING and DELETING.
    pub shards: Vec<ShardInfo>,
    /// Another page follows the last shard of this one.
    pub has_more_shards: bool,
    /// Retention in hours.
    pub retention_hours: u32,
    /// Creation, milliseconds since 1970.
    pub created_ms: u64,
    /// Metrics switched on shard by shard.
    pub shard_level_metrics: BTreeSet<ShardLevelMetric>,
    /// The key the client named, while encryption is on.
    pub encryption_key: Option<String>,
}

/// What DescribeStreamSummary tells.
#[derive(Debug, Clone)]
pub struct StreamSummary {
    /// Identity.
    pub key: StreamKey,
    /// Name.
    pub name: StreamName,
    /// Full ARN.
    pub arn: String,
    /// Status at the read.
    pub status: StreamStatus,
    /// Capacity mode.
    pub mode: StreamMode,
    /// Retention in hours.
    pub retention_hours: u32,
    /// Creation, milliseconds since 1970.
    pub created_ms: u64,
    /// Shards that take writes.
    pub open_shards: u32,
    /// Registered consumers, but for those on their way out.
    pub consumers: u32,
    /// Metrics switched on shard by shard.
    pub shard_level_metrics: BTreeSet<ShardLevelMetric>,
    /// The key the client named, while encryption is on.
    pub encryption_key: Option<String>,
    /// Largest record, KiB.
    pub max_record_kib: u32,
    /// Warm throughput, when the stream has one.
    pub warm_throughput: Option<WarmThroughput>,
}

/// What DescribeLimits tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountLimits {
    /// Most open shards of the account.
    pub shard_limit: u32,
    /// Open shards now.
    pub open_shards: u32,
    /// On-demand streams now.
    pub on_demand_streams: u32,
    /// Most on-demand streams.
    pub on_demand_limit: u32,
}

/// Lists streams by name.
#[derive(Debug, Clone, Default)]
pub struct ListStreams {
    /// Names after this one only (also what an opened NextToken holds).
    pub exclusive_start: Option<String>,
    /// Page size; 100 when absent, never more than 100.
    pub limit: Option<u32>,
}

/// A page of streams in byte order of their names.
#[derive(Debug, Clone)]
pub struct StreamPage {
    /// One summary per stream; the names are in them.
    pub streams: Vec<ListedStream>,
    /// More streams follow; the next page starts after the last name of this one.
    pub has_more: bool,
}

/// One line of ListStreams.
#[derive(Debug, Clone)]
pub struct ListedStream {
    /// Name.
    pub name: StreamName,
    /// Full ARN.
    pub arn: String,
    /// Status at the read.
    pub status: StreamStatus,
    /// Capacity mode.
    pub mode: StreamMode,
    /// Creation, milliseconds since 1970.
    pub created_ms: u64,
}

/// `ShardFilter` as the client gave it; the router checks that what the kind needs is there.
#[derive(Debug, Clone)]
pub struct ShardFilter {
    /// Which rule.
    pub kind: ShardFilterKind,
    /// For `AfterShardId`.
    pub shard_id: Option<String>,
    /// For the two timestamp kinds, milliseconds since 1970.
    pub timestamp_ms: Option<u64>,
}

/// A filter whose facts are complete: what a paging position carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckedFilter {
    /// No filter, FROM_TRIM_HORIZON, or AFTER_SHARD_ID (which became the position).
    FromTrimHorizon,
    /// Open at the trim horizon.
    AtTrimHorizon,
    /// Open now.
    AtLatest,
    /// Open at this time, milliseconds since 1970.
    AtTimestamp(u64),
    /// Open now or closed at or after this time, milliseconds since 1970.
    FromTimestamp(u64),
}

/// Where a listing of shards goes on. The caller seals it into NextToken and opens it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardListPosition {
    /// The stream, by identity: a re-created stream does not continue the listing of the old one.
    pub stream: StreamKey,
    /// Shards after this one.
    pub after: ShardIndex,
    /// The filter of the first request.
    pub filter: CheckedFilter,
}

/// Lists shards: either from a stream, or on from a position. The caller has refused requests that name both.
#[derive(Debug, Clone, Default)]
pub struct ListShards {
    /// Which stream, for the first page.
    pub stream: StreamRef,
    /// An opened NextToken, for later pages; everything but `max_results` is ignored then.
    pub position: Option<ShardListPosition>,
    /// Shards after this id only, as text.
    pub exclusive_start_shard: Option<String>,
    /// Page size; 1000 when absent, never more than 1000.
    pub max_results: Option<u32>,
    /// Creation of the stream in milliseconds, to tell streams of one name apart.
    pub stream_created_ms: Option<u64>,
    /// Which shards.
    pub filter: Option<ShardFilter>,
}

/// A page of shards, ascending by id.
#[derive(Debug, Clone)]
pub struct ShardPage {
    /// The stream they belong to.
    pub stream: StreamKey,
    /// Shards of this page.
    pub shards: Vec<ShardInfo>,
    /// Where the next page starts; none at the end.
    pub next: Option<ShardListPosition>,
}

/// One record of a put.
#[derive(Debug, Clone)]
pub struct PutEntry {
    /// Partition key, UTF-8, stored as it is.
    pub partition_key: String,
    /// `ExplicitHashKey`, decimal text; takes the place of the hash of the key.
    pub explicit_hash_key: Option<String>,
    /// The data, raw.
    pub data: Bytes,
}

/// Puts one record.
#[derive(Debug, Clone)]
pub struct PutRecord {
    /// Where to.
    pub stream: StreamRef,
    /// What.
    pub entry: PutEntry,
    /// `SequenceNumberForOrdering`, decimal text.
    pub ordering: Option<String>,
}

/// Puts up to 500 records.
#[derive(Debug, Clone)]
pub struct PutRecords {
    /// Where to.
    pub stream: StreamRef,
    /// What, in request order.
    pub entries: Vec<PutEntry>,
}

/// Where an acknowledged record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its shard.
    pub shard: ShardIndex,
    /// Its sequence number.
    pub sequence: SequenceNumber,
    /// Whether it was put under the stream's encryption; whoever reads it is told the same.
    pub encrypted: bool,
}

/// Why one record of PutRecords was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryError {
    /// The shard's rate was exceeded: certainly not written.
    Throughput {
        /// The shard.
        shard: ShardIndex,
        /// Its stream.
        stream: StreamName,
    },
    /// Not acknowledged; it may or may not have been written.
    Internal,
}

/// One result per record of PutRecords, in request order.
pub type PutResults = Vec<Result<Placed, EntryError>>;

/// Asks for a reading position.
#[derive(Debug, Clone)]
pub struct GetIterator {
    /// Which stream.
    pub stream: StreamRef,
    /// Which shard, as text.
    pub shard_id: String,
    /// From where.
    pub kind: IteratorKind,
    /// `StartingSequenceNumber`, decimal text.
    pub sequence: Option<String>,
    /// `Timestamp`, milliseconds since 1970.
    pub timestamp_ms: Option<u64>,
}

/// A reading position; the caller seals it into an iterator together with the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IteratorPosition {
    /// The stream, by identity.
    pub stream: StreamKey,
    /// The shard.
    pub shard: ShardIndex,
    /// The first position to be read.
    pub position: Position,
}

/// Reads from a position (GetRecords with the iterator opened).
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The stream, by identity.
    pub stream: StreamKey,
    /// The shard.
    pub shard: ShardIndex,
    /// The first position to be read.
    pub position: Position,
    /// Most records; 10,000 when absent.
    pub limit: Option<u32>,
    /// `StreamARN` of the request; must be the iterator's stream.
    pub arn: Option<String>,
}

/// What a read gives.
#[derive(Debug, Clone)]
pub struct ReadAnswer {
    /// Records in order; may be empty although more follow.
    pub records: Vec<StoredRecord>,
    /// Where to read on; none when a closed shard has been read to its end.
    pub next: Option<Position>,
    /// How far the last record (or the position) lies behind the tip; 0 when caught up.
    pub millis_behind: u64,
    /// Children, only (and always) when `next` is none.
    pub children: Vec<ChildShard>,
}

/// A child in the answer that ends its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildShard {
    /// The child.
    pub shard: ShardIndex,
    /// One parent after a split, two after a merge (the one that gave its name first).
    pub parents: Vec<ShardIndex>,
    /// Hash keys of the child.
    pub range: HashRange,
}

/// Splits a shard.
#[derive(Debug, Clone)]
pub struct SplitShard {
    /// Which stream.
    pub stream: StreamRef,
    /// Which shard, as text.
    pub shard_id: String,
    /// First hash key of the upper child, decimal text.
    pub new_starting_hash_key: String,
}

/// Merges two neighbours.
#[derive(Debug, Clone)]
pub struct MergeShards {
    /// Which stream.
    pub stream: StreamRef,
    /// The lower one, as text.
    pub shard_id: String,
    /// The upper one, as text.
    pub adjacent_shard_id: String,
}

/// Sets the retention.
#[derive(Debug, Clone)]
pub struct SetRetention {
    /// Which stream.
    pub stream: StreamRef,
    /// New retention in hours, as the client gave it.
    pub hours: i64,
    /// Increase... or Decrease...
    pub increase: bool,
}

/// Adds or overwrites tags.
#[derive(Debug, Clone)]
pub struct AddTags {
    /// Which stream.
    pub stream: StreamRef,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// Removes tags; unknown keys are ignored.
#[derive(Debug, Clone)]
pub struct RemoveTags {
    /// Which stream.
    pub stream: StreamRef,
    /// Keys.
    pub keys: Vec<String>,
}

/// Lists tags in order of their keys.
#[derive(Debug, Clone, Default)]
pub struct ListTags {
    /// Which stream.
    pub stream: StreamRef,
    /// Keys after this one only.
    pub exclusive_start_key: Option<String>,
    /// Page size; all when absent.
    pub limit: Option<u32>,
}

/// A page of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPage {
    /// Key and value, ascending by key.
    pub tags: Vec<(String, String)>,
    /// More tags follow the last one.
    pub has_more: bool,
}
