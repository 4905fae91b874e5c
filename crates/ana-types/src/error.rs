//! The errors of the domain, each with every fact that AWS's text for it needs.
//!
//! Must stay true:
//! - One flat enum. `ana-wire/fault.rs` is the only place that turns it into AWS's types and texts (it adds
//!   account and region); the messages here are for our own logs.
//! - It travels between nodes, so variants are only ever added at the end of the enum.
//! - A failed write says whether it may still have happened: [`KinesisError::OutcomeUnknown`] is the only
//!   variant of a put or control operation that leaves that open.

mod consumer;
mod setting;
mod scaling;
mod subscription;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash_key::HashKey;
use crate::names::StreamName;
use crate::shard::ShardIndex;
use crate::stream::StreamStatus;

pub use consumer::ConsumerError;
pub use scaling::ScalingError;
pub use setting::SettingError;
pub use subscription::SubscriptionError;

/// `ShardIteratorType` of GetShardIterator. Prints as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IteratorKind {
    /// The record with the given number, or the first after it.
    AtSequenceNumber,
    /// The first record after the given number.
    AfterSequenceNumber,
    /// The oldest record kept.
    TrimHorizon,
    /// After the newest record.
    Latest,
    /// The first record that arrived at the given time or later.
    AtTimestamp,
}

impl IteratorKind {
    /// The wire's word.
    pub fn as_str(self) -> &'static str {
        match self {
            IteratorKind::AtSequenceNumber => "AT_SEQUENCE_NUMBER",
            IteratorKind::AfterSequenceNumber => "AFTER_SEQUENCE_NUMBER",
            IteratorKind::TrimHorizon => "TRIM_HORIZON",
            IteratorKind::Latest => "LATEST",
            IteratorKind::AtTimestamp => "AT_TIMESTAMP",
        }
    }
}

impl fmt::Display for IteratorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `ShardFilterType` of ListShards. Prints as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ShardFilterKind {
    /// Shards after the given one.
    AfterShardId,
    /// Shards open at the trim horizon.
    AtTrimHorizon,
    /// All shards that have not expired.
    FromTrimHorizon,
    /// Shards open now.
    AtLatest,
    /// Shards open at the given time.
    AtTimestamp,
    /// Shards open at the given time or later.
    FromTimestamp,
}

impl ShardFilterKind {
    /// The wire's word.
    pub fn as_str(self) -> &'static str {
        match self {
            ShardFilterKind::AfterShardId => "AFTER_SHARD_ID",
            ShardFilterKind::AtTrimHorizon => "AT_TRIM_HORIZON",
            ShardFilterKind::FromTrimHorizon => "FROM_TRIM_HORIZON",
            ShardFilterKind::AtLatest => "AT_LATEST",
            ShardFilterKind::AtTimestamp => "AT_TIMESTAMP",
            ShardFilterKind::FromTimestamp => "FROM_TIMESTAMP",
        }
    }
}

impl fmt::Display for ShardFilterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Operations that only provisioned streams take. Prints the operation's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProvisionedOperation {
    /// SplitShard.
    SplitShard,
    /// MergeShards.
    MergeShards,
    /// UpdateShardCount.
    UpdateShardCount,
}

impl fmt::Display for ProvisionedOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ProvisionedOperation::SplitShard => "SplitShard",
            ProvisionedOperation::MergeShards => "MergeShards",
            ProvisionedOperation::UpdateShardCount => "UpdateShardCount",
        })
    }
}

/// Which quota a `LimitExceededException` is about, other than those with variants of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LimitKind {
    /// Too many calls of one control operation in a second, for the account.
    #[error("more than {per_s} calls of {operation} per second in the account")]
    AccountRate {
        /// Name of the operation.
        operation: String,
        /// Calls allowed per second.
        per_s: u64,
    },
    /// Too many calls of one control operation in a second, for the stream.
    #[error("more than {per_s} calls of {operation} per second on stream {stream}")]
    StreamRate {
        /// Name of the operation.
        operation: String,
        /// The stream.
        stream: StreamName,
        /// Calls allowed per second.
        per_s: u64,
    },
    /// Too many on-demand streams in the account.
    #[error("the account already has {limit} on-demand streams")]
    OnDemandStreams {
        /// Streams allowed.
        limit: u32,
    },
}

/// Everything that can go wrong with an operation, once its request has passed the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum KinesisError {
    // ---- addressing ----
    /// Neither StreamName nor StreamARN was given.
    #[error("neither a stream name nor a stream ARN was given")]
    NeitherNameNorArn,
    /// StreamName and StreamARN name different streams.
    #[error("the stream name {name} and the stream ARN {arn} differ")]
    NameAndArnDiffer {
        /// The name given.
        name: String,
        /// The ARN given.
        arn: String,
    },
    /// The ARN is not one of a stream of this account and region.
    #[error("no stream here has the ARN {arn}")]
    ArnNotFound {
        /// The ARN given.
        arn: String,
    },

    // ---- streams ----
    /// No such stream, or it is still being created and the operation needs more.
    #[error("stream {stream} not found")]
    StreamNotFound {
        /// The name asked for.
        stream: StreamName,
    },
    /// CreateStream of a name in use, in whatever status.
    #[error("stream {stream} already exists")]
    StreamExists {
        /// The name.
        stream: StreamName,
    },
    /// The operation needs an ACTIVE stream.
    #[error("stream {stream} is {status}, not ACTIVE")]
    StreamNotActive {
        /// The stream.
        stream: StreamName,
        /// Its status.
        status: StreamStatus,
    },
    /// CreateStream of a provisioned stream without ShardCount.
    #[error("a provisioned stream needs a shard count")]
    ShardCountRequired,
    /// CreateStream of an on-demand stream with ShardCount.
    #[error("an on-demand stream takes no shard count")]
    ShardCountWithOnDemand,

    // ---- shards ----
    /// The shard id has no number in it.
    #[error("no shard {given:?} in stream {stream}")]
    ShardIdUnparsable {
        /// The text given.
        given: String,
        /// The stream.
        stream: StreamName,
    },
    /// Control operations: no such shard. AWS's text begins "Could not find shard".
    #[error("could not find shard {shard} in stream {stream}")]
    ShardNotFound {
        /// The shard.
        shard: ShardIndex,
        /// The stream.
        stream: StreamName,
    },
    /// Data operations: no such shard, or no such stream. AWS's text ends "does not exist".
    #[error("shard {shard} in stream {stream} does not exist")]
    ShardDoesNotExist {
        /// The shard.
        shard: ShardIndex,
        /// The stream.
        stream: StreamName,
    },
    /// Split or merge of a shard that is closed.
    #[error("shard {shard} in stream {stream} is closed")]
    ShardClosedForReshard {
        /// The shard.
        shard: ShardIndex,
        /// The stream.
        stream: StreamName,
    },
    /// NewStartingHashKey outside the shard.
    #[error("cannot split shard {shard} of stream {stream} ({start}..={end}) at {key}")]
    SplitKeyOutOfRange {
        /// The key given.
        key: HashKey,
        /// The shard.
        shard: ShardIndex,
        /// The stream.
        stream: StreamName,
        /// First key of the shard.
        start: HashKey,
        /// Last key of the shard.
        end: HashKey,
    },
    /// NewStartingHashKey beyond 2^128 - 1; the same text on the wire as `SplitKeyOutOfRange`.
    #[error("cannot split shard {shard} of stream {stream} ({start}..={end}) at {value}")]
    SplitKeyTooLarge {
        /// The text given.
        value: String,
        /// The shard.
        shard: ShardIndex,
        /// The stream.
        stream: StreamName,
        /// First key of the shard.
        start: HashKey,
        /// Last key of the shard.
        end: HashKey,
    },
    /// MergeShards of two shards where `b` does not follow `a`.
    #[error("shards {a} and {b} of stream {stream} are not adjacent")]
    NotAdjacent {
        /// ShardToMerge.
        a: ShardIndex,
        /// AdjacentShardToMerge.
        b: ShardIndex,
        /// The stream.
        stream: StreamName,
    },
    /// A resharding operation on an on-demand stream.
    #[error("{operation} on stream {stream}, which is on-demand")]
    ProvisionedOnly {
        /// The operation.
        operation: ProvisionedOperation,
        /// The stream.
        stream: StreamName,
    },

    // ---- quotas ----
    /// The open shards of the account would exceed their limit.
    #[error("{additional} more shards would exceed the limit of {limit}, there are {current}")]
    ShardLimitExceeded {
        /// Open shards now.
        current: u32,
        /// Open shards allowed.
        limit: u32,
        /// Open shards the request would have added.
        additional: u32,
    },
    /// Too many streams in CREATING.
    #[error("too many streams are being created")]
    CreatingLimitExceeded,
    /// Another quota or a rate of the control plane.
    #[error("{0}")]
    LimitExceeded(LimitKind),

    // ---- retention, hours ----
    /// Less than the least retention.
    #[error("a retention of {requested} h is too short")]
    RetentionTooShort {
        /// Hours asked for.
        requested: i64,
    },
    /// More than the greatest retention.
    #[error("a retention of {requested} h is too long")]
    RetentionTooLong {
        /// Hours asked for.
        requested: i64,
    },
    /// IncreaseStreamRetentionPeriod to less than there is.
    #[error("{requested} h is not longer than the {existing} h of stream {stream}")]
    RetentionNotLonger {
        /// The stream.
        stream: StreamName,
        /// Hours asked for.
        requested: i64,
        /// Hours it has.
        existing: i64,
    },
    /// DecreaseStreamRetentionPeriod to more than there is.
    #[error("{requested} h is not shorter than the {existing} h of stream {stream}")]
    RetentionNotShorter {
        /// The stream.
        stream: StreamName,
        /// Hours asked for.
        requested: i64,
        /// Hours it has.
        existing: i64,
    },

    // ---- tags ----
    /// The stream would have more tags than [`crate::limits::TAGS_PER_RESOURCE_MAX`].
    #[error("too many tags on stream {stream}")]
    TagLimit {
        /// The stream.
        stream: StreamName,
    },
    /// A character outside what the first check allows.
    #[error("tags contain invalid characters")]
    TagsInvalidCharacters,
    /// A `%`, which passes the first check and fails the second.
    #[error("tags of stream {stream} contain illegal characters")]
    TagsIllegalCharacters {
        /// The stream.
        stream: StreamName,
        /// Whether the tags were to be removed, else added.
        removing: bool,
    },

    // ---- puts ----
    /// ExplicitHashKey beyond 2^128 - 1.
    #[error("invalid explicit hash key {value}")]
    InvalidExplicitHashKey {
        /// The text given.
        value: String,
    },
    /// SequenceNumberForOrdering that is none, or from the future.
    #[error("invalid sequence number for ordering {value} on stream {stream}")]
    InvalidOrdering {
        /// The text given.
        value: String,
        /// The stream.
        stream: StreamName,
    },
    /// A record greater than the stream takes.
    #[error("a record of {bytes} bytes on stream {stream}, which takes {limit}")]
    RecordTooLarge {
        /// The stream.
        stream: StreamName,
        /// Key and data of the record, bytes.
        bytes: u64,
        /// The stream's limit, bytes.
        limit: u64,
    },
    /// A PutRecords greater than [`crate::limits::PUT_RECORDS_BYTES_MAX`].
    #[error("a request of {bytes} bytes, at most {limit} are allowed")]
    RequestTooLarge {
        /// Keys and data of the request, bytes.
        bytes: u64,
        /// The limit, bytes.
        limit: u64,
    },
    /// A shard's rate of reads or writes is used up.
    #[error("rate exceeded for shard {shard} in stream {stream}")]
    Throughput {
        /// The shard.
        shard: ShardIndex,
        /// The stream.
        stream: StreamName,
    },

    // ---- iterators ----
    /// Not an iterator of ours, or altered.
    #[error("invalid shard iterator")]
    InvalidIterator,
    /// An iterator older than [`crate::limits::ITERATOR_LIFE_MS`].
    #[error("iterator of {created_ms} expired, it is {now_ms}")]
    ExpiredIterator {
        /// When it was issued, Unix milliseconds.
        created_ms: u64,
        /// When it came back, Unix milliseconds.
        now_ms: u64,
    },
    /// GetRecords with a StreamARN of another stream than the iterator's.
    #[error("the iterator is not of stream {arn}")]
    IteratorOfOtherStream {
        /// The ARN given.
        arn: String,
    },
    /// StartingSequenceNumber missing where needed, or given where refused.
    #[error("iterator of type {kind}, sequence number given: {given}")]
    IteratorNeedsSequence {
        /// The type asked for.
        kind: IteratorKind,
        /// Whether a sequence number was given (and should not have been).
        given: bool,
    },
    /// AT_TIMESTAMP without Timestamp.
    #[error("an iterator of type AT_TIMESTAMP needs a timestamp")]
    IteratorNeedsTimestamp,
    /// AT_TIMESTAMP in the future.
    #[error("the timestamp {timestamp_ms} is after now, {now_ms}")]
    TimestampInFuture {
        /// The time given, Unix milliseconds.
        timestamp_ms: u64,
        /// Now, Unix milliseconds.
        now_ms: u64,
    },
    /// StartingSequenceNumber of another shard.
    #[error("sequence number of shard {encoded} used with {used}")]
    SequenceWrongShard {
        /// The shard field of the number, signed (see `ShardIndex::text_of_signed`).
        encoded: i32,
        /// The shard asked for.
        used: ShardIndex,
    },
    /// StartingSequenceNumber that is no sequence number.
    #[error("invalid sequence number {value} used with {shard} of stream {stream}")]
    SequenceInvalid {
        /// The text given.
        value: String,
        /// The shard asked for.
        shard: ShardIndex,
        /// The stream.
        stream: StreamName,
    },
    /// StartingSequenceNumber of another stream, or of an earlier one of this name.
    #[error("sequence number {value} used with {shard} did not come from stream {stream}")]
    SequenceNotOfStream {
        /// The text given.
        value: String,
        /// The shard asked for.
        shard: ShardIndex,
        /// The stream.
        stream: StreamName,
    },
    /// StartingSequenceNumber of version 0: AWS answers 500.
    #[error("a sequence number of version 0")]
    SequenceVersionZero,

    // ---- listings ----
    /// A NextToken older than [`crate::limits::NEXT_TOKEN_LIFE_MS`].
    #[error("expired next token")]
    ExpiredToken,
    /// Not a token of ours, or altered.
    #[error("invalid next token")]
    InvalidToken,
    /// NextToken together with the members it replaces.
    #[error("a next token and a stream were both given")]
    TokenWithStream,
    /// Neither NextToken nor a stream.
    #[error("neither a next token nor a stream was given")]
    NeitherTokenNorStream,
    /// A shard filter without the ShardId it needs.
    #[error("shard filter {filter} needs a shard id")]
    FilterNeedsShardId {
        /// The filter's type.
        filter: ShardFilterKind,
    },
    /// A shard filter without the Timestamp it needs.
    #[error("shard filter {filter} needs a timestamp")]
    FilterNeedsTimestamp {
        /// The filter's type.
        filter: ShardFilterKind,
    },

    // ---- us ----
    /// It certainly did not happen and may be tried again (503).
    #[error("unavailable: {why}")]
    Unavailable {
        /// For our logs, not for the client.
        why: String,
    },
    /// It may or may not have happened (500): a write was handed to its group and no answer came.
    #[error("outcome unknown: {why}")]
    OutcomeUnknown {
        /// For our logs, not for the client.
        why: String,
    },
    /// A broken invariant or an error we have no better word for (500); it did not happen.
    #[error("internal: {why}")]
    Internal {
        /// For our logs, not for the client.
        why: String,
    },

    // ---- areas with enums of their own ----
    /// Registered consumers.
    #[error("{0}")]
    Consumer(#[from] ConsumerError),
    /// Settings of streams and of the account.
    #[error("{0}")]
    Setting(#[from] SettingError),
    /// The number of shards and the capacity of a stream.
    #[error("{0}")]
    Scaling(#[from] ScalingError),
    /// Subscriptions to shards.
    #[error("{0}")]
    Subscription(#[from] SubscriptionError),
}
