//! From every error of the domain to AWS's type and text: one exhaustive match.
//!
//! Texts come from the service contract; where AWS's own wording is not known, ours says the same in
//! plain words. Danger: clients retry by type, so a permanent refusal must never get a type that is
//! retried (`ResourceInUseException`, `LimitExceededException`, 5xx), and `ResourceNotFoundException`
//! must never stand for something that passes (the Kinesis Client Library takes it for the shard's
//! end).

use std::fmt::Display;

use ana_types::limits::{
    ITERATOR_LIFE_MS, RETENTION_HOURS_MAX, RETENTION_HOURS_MIN, TAGS_PER_RESOURCE_MAX,
};
use ana_types::{
    AccountId, ConsumerName, HashKey, KinesisError, LimitKind, Region, ShardIndex, StreamName,
    stream_arn,
};

use super::{Fault, FaultKind, consumer, scaling, setting, subscription};
use crate::date::UtcDate;

impl From<(&KinesisError, &AccountId, &Region)> for Fault {
    fn from((error, account, region): (&KinesisError, &AccountId, &Region)) -> Self {
        let (kind, message) = Words { account, region }.of(error);
        Self::new(kind, message)
    }
}

/// Where the error is reported from: AWS's texts name the account, one names the region.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    account: &'a AccountId,
    region: &'a Region,
}

pub(super) type Worded = (FaultKind, String);

impl Words<'_> {
    #[expect(
        clippy::too_many_lines,
        reason = "one exhaustive match, one line of thought per error"
    )]
    fn of(self, error: &KinesisError) -> Worded {
        use FaultKind as K;
        use KinesisError as E;
        match error {
            E::NeitherNameNorArn => (
                K::InvalidArgument,
                "Neither streamArn or streamName was provided".to_owned(),
            ),
            E::NameAndArnDiffer { name, arn } => (
                K::InvalidArgument,
                format!("StreamName {name} and StreamARN {arn} do not name the same stream."),
            ),
            E::ArnNotFound { arn } => (
                K::ResourceNotFound,
                format!("Stream with ARN {arn} not found."),
            ),
            E::StreamNotFound { stream } => (
                K::ResourceNotFound,
                format!("{} not found.", self.stream(stream)),
            ),
            E::StreamExists { stream } => (
                K::ResourceInUse,
                format!("{} already exists.", self.stream(stream)),
            ),
            E::StreamNotActive { stream, status } => (
                K::ResourceInUse,
                format!(
                    "{} not ACTIVE, instead in state {status}",
                    self.stream(stream)
                ),
            ),
            E::ShardCountRequired => (
                K::Validation,
                "ShardCount is required for a stream in the PROVISIONED capacity mode.".to_owned(),
            ),
            E::ShardCountWithOnDemand => (
                K::Validation,
                "ShardCount must not be given for a stream in the ON_DEMAND capacity mode."
                    .to_owned(),
            ),
            E::ShardIdUnparsable { given, stream } => (
                K::ResourceNotFound,
                format!("Could not find shard {given} {}.", self.within(stream)),
            ),
            E::ShardNotFound { shard, stream } => (
                K::ResourceNotFound,
                format!("Could not find shard {shard} {}.", self.within(stream)),
            ),
            E::ShardDoesNotExist { shard, stream } => (
                K::ResourceNotFound,
                format!("Shard {shard} {} does not exist", self.within(stream)),
            ),
            // Closed for ever, so not a type that clients retry.
            E::ShardClosedForReshard { shard, stream } => (
                K::InvalidArgument,
                format!("Shard {shard} {} is not open.", self.within(stream)),
            ),
            E::SplitKeyOutOfRange {
                key,
                shard,
                stream,
                start,
                end,
            } => (
                K::InvalidArgument,
                self.split_key(key, *shard, stream, &[*start, *end]),
            ),
            E::SplitKeyTooLarge {
                value,
                shard,
                stream,
                start,
                end,
            } => (
                K::InvalidArgument,
                self.split_key(value, *shard, stream, &[*start, *end]),
            ),
            E::NotAdjacent { a, b, stream } => (
                K::InvalidArgument,
                format!(
                    "Shards {a} and {b} {} are not an adjacent pair of shards eligible for merging",
                    self.within(stream)
                ),
            ),
            E::ProvisionedOnly { operation, stream } => (
                K::Validation,
                format!(
                    "{operation} is only supported for data streams with the provisioned capacity mode. \
                     {} is in the on-demand capacity mode.",
                    self.stream(stream)
                ),
            ),
            E::ShardLimitExceeded {
                current,
                limit,
                additional,
            } => (
                K::LimitExceeded,
                self.shard_limit(*current, *limit, *additional),
            ),
            E::CreatingLimitExceeded => (
                K::LimitExceeded,
                format!(
                    "Too many streams under account {} are in state CREATING.",
                    self.account
                ),
            ),
            E::LimitExceeded(limit) => (K::LimitExceeded, self.limit(limit)),
            E::RetentionTooShort { requested } => (
                K::InvalidArgument,
                format!(
                    "Minimum allowed retention period is {RETENTION_HOURS_MIN} hours. \
                     Requested retention period ({requested} hours) is too short."
                ),
            ),
            E::RetentionTooLong { requested } => (
                K::InvalidArgument,
                format!(
                    "Maximum allowed retention period is {RETENTION_HOURS_MAX} hours. \
                     Requested retention period ({requested} hours) is too long."
                ),
            ),
            E::RetentionNotLonger {
                stream,
                requested,
                existing,
            } => (
                K::InvalidArgument,
                format!(
                    "Requested retention period ({requested} hours) for stream {stream} can not be \
                     shorter than existing retention period ({existing} hours). \
                     Use DecreaseRetentionPeriod API."
                ),
            ),
            E::RetentionNotShorter {
                stream,
                requested,
                existing,
            } => (
                K::InvalidArgument,
                format!(
                    "Requested retention period ({requested} hours) for stream {stream} can not be \
                     longer than existing retention period ({existing} hours). \
                     Use IncreaseRetentionPeriod API."
                ),
            ),
            E::TagLimit { stream } => (
                K::InvalidArgument,
                format!(
                    "Failed to add tags to stream {stream} under account {} because a given stream \
                     cannot have more than {TAGS_PER_RESOURCE_MAX} tags associated with it.",
                    self.account
                ),
            ),
            E::TagsInvalidCharacters => (
                K::InvalidArgument,
                "Some tags contain invalid characters. Valid characters: \
                 Unicode letters, digits, white space, _ . / = + - % @."
                    .to_owned(),
            ),
            E::TagsIllegalCharacters { stream, removing } => {
                (K::InvalidArgument, self.illegal_tags(stream, *removing))
            }
            E::InvalidExplicitHashKey { value } => (
                K::InvalidArgument,
                format!(
                    "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. \
                     Specified value was {value}"
                ),
            ),
            E::InvalidOrdering { value, stream } => (
                K::InvalidArgument,
                format!(
                    "ExclusiveMinimumSequenceNumber {value} used in PutRecord on stream {stream} \
                     under account {} is invalid.",
                    self.account
                ),
            ),
            E::RecordTooLarge {
                stream,
                bytes,
                limit,
            } => (
                K::InvalidArgument,
                format!(
                    "A record of {bytes} bytes (data and partition key) exceeds the maximum record size \
                     of {limit} bytes of stream {stream} under account {}.",
                    self.account
                ),
            ),
            E::RequestTooLarge { bytes, limit } => (
                K::InvalidArgument,
                format!("Records size exceeds the limit of {limit} bytes: it is {bytes} bytes."),
            ),
            E::Throughput { shard, stream } => (
                K::ProvisionedThroughputExceeded,
                format!("Rate exceeded for shard {shard} {}.", self.within(stream)),
            ),
            E::InvalidIterator => (K::InvalidArgument, "Invalid ShardIterator.".to_owned()),
            E::ExpiredIterator { created_ms, now_ms } => {
                (K::ExpiredIterator, expired_iterator(*created_ms, *now_ms))
            }
            E::IteratorOfOtherStream { arn } => (
                K::InvalidArgument,
                format!("StreamARN {arn} does not name the stream of the given ShardIterator."),
            ),
            E::IteratorNeedsSequence { kind, given } => (
                K::InvalidArgument,
                format!(
                    "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
                     StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no \
                     StartingSequenceNumber. Request specified {kind} and {} StartingSequenceNumber.",
                    if *given { "also a" } else { "no" }
                ),
            ),
            E::IteratorNeedsTimestamp => (
                K::InvalidArgument,
                "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. \
                 Current request has no timestamp parameter."
                    .to_owned(),
            ),
            E::TimestampInFuture {
                timestamp_ms,
                now_ms,
            } => (
                K::InvalidArgument,
                format!(
                    "The timestampInMillis parameter cannot be greater than the \
                     currentTimestampInMillis. timestampInMillis: {timestamp_ms}, \
                     currentTimestampInMillis: {now_ms}"
                ),
            ),
            E::SequenceWrongShard { encoded, used } => (
                K::InvalidArgument,
                format!(
                    "Invalid StartingSequenceNumber. It encodes {}, while it was used in a call to a \
                     shard with {used}",
                    ShardIndex::text_of_signed(*encoded)
                ),
            ),
            E::SequenceInvalid {
                value,
                shard,
                stream,
            } => (
                K::InvalidArgument,
                format!("{}.", self.sequence(value, *shard, stream)),
            ),
            E::SequenceNotOfStream {
                value,
                shard,
                stream,
            } => (
                K::InvalidArgument,
                format!(
                    "{} because it did not come from this stream.",
                    self.sequence(value, *shard, stream)
                ),
            ),
            E::ExpiredToken => (K::ExpiredNextToken, "The NextToken has expired.".to_owned()),
            E::InvalidToken => (K::InvalidArgument, "Invalid NextToken.".to_owned()),
            E::TokenWithStream => (
                K::InvalidArgument,
                "NextToken and StreamName cannot be provided together.".to_owned(),
            ),
            E::NeitherTokenNorStream => (
                K::InvalidArgument,
                "Either NextToken or StreamName should be provided.".to_owned(),
            ),
            E::FilterNeedsShardId { filter } => (
                K::InvalidArgument,
                format!("ShardFilter of type {filter} needs a ShardId."),
            ),
            E::FilterNeedsTimestamp { filter } => (
                K::InvalidArgument,
                format!("ShardFilter of type {filter} needs a Timestamp."),
            ),
            E::Unavailable { why: _ } => {
                let Fault { kind, message } = Fault::unavailable();
                (kind, message.unwrap_or_default())
            }
            E::OutcomeUnknown { why: _ } => (
                K::InternalFailure,
                "Internal service failure. The request may or may not have taken effect."
                    .to_owned(),
            ),
            E::Consumer(error) => consumer::of(self, error),
            E::Setting(error) => setting::of(self, error),
            E::Scaling(error) => scaling::of(self, error),
            E::Subscription(error) => subscription::of(self, error),
            E::SequenceVersionZero | E::Internal { why: _ } => {
                (K::InternalFailure, "Internal service failure.".to_owned())
            }
        }
    }

    pub(super) fn stream(self, stream: &StreamName) -> String {
        format!("Stream {stream} under account {}", self.account)
    }

    pub(super) fn stream_lower(self, stream: &StreamName) -> String {
        format!("stream {stream} under account {}", self.account)
    }

    /// The ARN of a stream, or of one of its consumers: its name and the second of its registration.
    pub(super) fn arn(self, stream: &StreamName, consumer: Option<&(ConsumerName, u64)>) -> String {
        let stream = stream_arn(self.region, self.account, stream);
        match consumer {
            None => stream,
            Some((name, created_s)) => format!("{stream}/consumer/{name}:{created_s}"),
        }
    }

    fn within(self, stream: &StreamName) -> String {
        format!("in stream {stream} under account {}", self.account)
    }

    fn sequence(self, value: &str, shard: ShardIndex, stream: &StreamName) -> String {
        format!(
            "StartingSequenceNumber {value} used in GetShardIterator on shard {shard} {} is invalid",
            self.within(stream)
        )
    }

    fn split_key(
        self,
        key: impl Display,
        shard: ShardIndex,
        stream: &StreamName,
        [start, end]: &[HashKey; 2],
    ) -> String {
        format!(
            "NewStartingHashKey {key} used in SplitShard() on shard {shard} {} is not both greater than \
             one plus the shard's StartingHashKey {start} and less than the shard's EndingHashKey {end}.",
            self.within(stream)
        )
    }

    fn shard_limit(self, current: u32, limit: u32, additional: u32) -> String {
        let Self { account, region } = self;
        format!(
            "This request would exceed the shard limit for the account {account} in {region}. \
             Current shard count for the account: {current}. Limit: {limit}. Number of additional \
             shards that would have resulted from this request: {additional}. Refer to the AWS Service \
             Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for \
             current limits and how to request higher limits."
        )
    }

    fn limit(self, limit: &LimitKind) -> String {
        match limit {
            LimitKind::AccountRate {
                operation,
                per_s: _,
            } => {
                format!(
                    "Rate exceeded for {operation} under account {}.",
                    self.account
                )
            }
            LimitKind::StreamRate {
                operation,
                stream,
                per_s: _,
            } => {
                format!(
                    "Rate exceeded for {operation} on stream {stream} under account {}.",
                    self.account
                )
            }
            LimitKind::OnDemandStreams { limit } => format!(
                "This request would exceed the limit of {limit} on-demand streams for the account {} in {}.",
                self.account, self.region
            ),
        }
    }

    fn illegal_tags(self, stream: &StreamName, removing: bool) -> String {
        let what = if removing {
            "remove tags from"
        } else {
            "add tags to"
        };
        format!(
            "Failed to {what} stream {stream} under account {} because some tags contained illegal \
             characters. The allowed characters are Unicode letters, white-spaces, \
             '_',',','/','=','+','-','@'.",
            self.account
        )
    }
}

fn expired_iterator(created_ms: u64, now_ms: u64) -> String {
    format!(
        "Iterator expired. The iterator was created at time {} while right now it is {} which is \
         further in the future than the tolerated delay of {ITERATOR_LIFE_MS} milliseconds.",
        UtcDate(created_ms),
        UtcDate(now_ms)
    )
}
