//! Every error of the domain with the type and text that a client is told: no variant is left out.

use std::collections::BTreeSet;

use ana_types::{
    AccountId, ConsumerError, ConsumerName, HashKey, KinesisError, LimitKind, ProvisionedOperation,
    Region, ScalingError, SettingError, ShardIndex, StreamName, StreamStatus, SubscriptionError,
};

use super::Fault;
use super::areas_test::{consumers, scaling, settings, subscriptions};
use super::reading_errors_test::{iterators, lists, puts, sequences};

pub(super) type Row = (KinesisError, &'static str);

/// Names the variant of an error, and lists all names. The match is exhaustive: a new variant does not compile until
/// it is listed, and fails the test below until it has a row.
macro_rules! variants {
    ($name:ident, $all:ident, $error:ident: $($variant:ident),+ $(,)?) => {
        fn $name(error: &$error) -> &'static str {
            match error {
                $($error::$variant { .. } => stringify!($variant),)+
            }
        }
        const $all: &[&str] = &[$(stringify!($variant)),+];
    };
}

variants!(
    name, NAMES, KinesisError:
    NeitherNameNorArn, NameAndArnDiffer, ArnNotFound, StreamNotFound, StreamExists, StreamNotActive,
    ShardCountRequired, ShardCountWithOnDemand, ShardIdUnparsable, ShardNotFound, ShardDoesNotExist,
    ShardClosedForReshard, SplitKeyOutOfRange, SplitKeyTooLarge, NotAdjacent, ProvisionedOnly,
    ShardLimitExceeded, CreatingLimitExceeded, LimitExceeded, RetentionTooShort, RetentionTooLong,
    RetentionNotLonger, RetentionNotShorter, TagLimit, TagsInvalidCharacters, TagsIllegalCharacters,
    InvalidExplicitHashKey, InvalidOrdering, RecordTooLarge, RequestTooLarge, Throughput,
    InvalidIterator, ExpiredIterator, IteratorOfOtherStream, IteratorNeedsSequence,
    IteratorNeedsTimestamp, TimestampInFuture, SequenceWrongShard, SequenceInvalid,
    SequenceNotOfStream, SequenceVersionZero, ExpiredToken, InvalidToken, TokenWithStream,
    NeitherTokenNorStream, FilterNeedsShardId, FilterNeedsTimestamp, Unavailable, OutcomeUnknown,
    Internal, Consumer, Setting, Scaling, Subscription,
);
variants!(
    consumer_name, CONSUMER_NAMES, ConsumerError:
    NotFound, ArnNotFound, Exists, NotActive, TooMany, TooManyCreating, NotAddressed,
    AddressesDiffer, StreamHasConsumers, TagLimit,
);
variants!(
    setting_name, SETTING_NAMES, SettingError:
    NoPolicy, InvalidPolicy, ResourceNotFound, EncryptionTypeNotKms, EncryptionChanges, KeyNotFound,
    TagsInvalidCharacters, TagReserved, PolicyTooLarge, WarmThroughputInUse,
);
variants!(
    scaling_name, SCALING_NAMES, ScalingError:
    TargetOutOfRange, PerDay, OnDemandOnly, CommitmentNeeded, WarmThroughputTooHigh,
    WarmThroughputNotTaken,
);
variants!(
    subscription_name, SUBSCRIPTION_NAMES, SubscriptionError:
    TooSoon, TakenOver, TooOften,
);
variants!(
    limit_name, LIMIT_NAMES, LimitKind:
    AccountRate, StreamRate, OnDemandStreams,
);

pub(super) fn stream() -> StreamName {
    StreamName::new("clicks").expect("a legal name")
}

pub(super) fn consumer() -> ConsumerName {
    ConsumerName::new("app").expect("a legal name")
}

pub(super) fn check(rows: &[Row]) {
    for (error, wanted) in rows {
        let fault = Fault::from((error, &AccountId::default(), &Region::default()));
        let text = fault.message.as_deref().unwrap_or_default();
        let told = format!("{} {}: {text}", fault.http(), fault.kind.name());
        // The account and the place of a shard stand in most texts.
        let told = told
            .replace("under account 000000000000", "@")
            .replace("shardId-00000000000", "shard ");
        assert_eq!(told, *wanted, "{error:?}");
    }
}

#[test]
fn no_variant_is_without_a_row() {
    let rows: Vec<Row> = [
        streams(),
        shards(),
        resharding(),
        quotas(),
        retention(),
        tags(),
        puts(),
        iterators(),
        sequences(),
        lists(),
        ours(),
        consumers(),
        settings(),
        scaling(),
        subscriptions(),
    ]
    .concat();
    let mut told = BTreeSet::new();
    for (error, _) in &rows {
        told.insert(("", name(error)));
        match error {
            KinesisError::Consumer(error) => told.insert(("consumer ", consumer_name(error))),
            KinesisError::Setting(error) => told.insert(("setting ", setting_name(error))),
            KinesisError::Scaling(error) => told.insert(("scaling ", scaling_name(error))),
            KinesisError::Subscription(error) => {
                told.insert(("subscription ", subscription_name(error)))
            }
            KinesisError::LimitExceeded(limit) => told.insert(("limit ", limit_name(limit))),
            _ => false,
        };
    }
    let all: BTreeSet<(&str, &str)> = [
        ("", NAMES),
        ("consumer ", CONSUMER_NAMES),
        ("setting ", SETTING_NAMES),
        ("scaling ", SCALING_NAMES),
        ("subscription ", SUBSCRIPTION_NAMES),
        ("limit ", LIMIT_NAMES),
    ]
    .into_iter()
    .flat_map(|(area, names)| names.iter().map(move |name| (area, *name)))
    .collect();
    let without: Vec<_> = all.difference(&told).collect();
    assert!(without.is_empty(), "without a row: {without:?}");
}

#[test]
fn addresses_and_streams() {
    check(&streams());
}

fn streams() -> Vec<Row> {
    use KinesisError as E;
    vec![
        (
            E::NeitherNameNorArn,
            "400 InvalidArgumentException: Neither streamArn or streamName was provided",
        ),
        (
            E::NameAndArnDiffer {
                name: "a".to_owned(),
                arn: "b".to_owned(),
            },
            "400 InvalidArgumentException: StreamName a and StreamARN b do not name the same stream.",
        ),
        (
            E::ArnNotFound {
                arn: "b".to_owned(),
            },
            "400 ResourceNotFoundException: Stream with ARN b not found.",
        ),
        (
            E::StreamNotFound { stream: stream() },
            "400 ResourceNotFoundException: Stream clicks @ not found.",
        ),
        (
            E::StreamExists { stream: stream() },
            "400 ResourceInUseException: Stream clicks @ already exists.",
        ),
        (
            E::StreamNotActive {
                stream: stream(),
                status: StreamStatus::Updating,
            },
            "400 ResourceInUseException: Stream clicks @ not ACTIVE, instead in state UPDATING",
        ),
        (
            E::ShardCountRequired,
            "400 ValidationException: ShardCount is required for a stream in the PROVISIONED capacity mode.",
        ),
        (
            E::ShardCountWithOnDemand,
            "400 ValidationException: ShardCount must not be given for a stream in the ON_DEMAND capacity mode.",
        ),
    ]
}

#[test]
fn shards_and_resharding() {
    check(&shards());
    check(&resharding());
}

fn shards() -> Vec<Row> {
    use KinesisError as E;
    let shard = ShardIndex(5);
    vec![
        (
            E::ShardIdUnparsable {
                given: "shardId-x".to_owned(),
                stream: stream(),
            },
            "400 ResourceNotFoundException: Could not find shard shardId-x in stream clicks @.",
        ),
        (
            E::ShardNotFound {
                shard,
                stream: stream(),
            },
            "400 ResourceNotFoundException: Could not find shard shard 5 in stream clicks @.",
        ),
        (
            E::ShardDoesNotExist {
                shard,
                stream: stream(),
            },
            "400 ResourceNotFoundException: Shard shard 5 in stream clicks @ does not exist",
        ),
        (
            E::ShardClosedForReshard {
                shard,
                stream: stream(),
            },
            "400 InvalidArgumentException: Shard shard 5 in stream clicks @ is not open.",
        ),
    ]
}

fn resharding() -> Vec<Row> {
    use KinesisError as E;
    let (shard, start, end) = (ShardIndex(5), HashKey(1), HashKey(9));
    vec![
        (
            E::SplitKeyOutOfRange {
                key: HashKey(2),
                shard,
                stream: stream(),
                start,
                end,
            },
            "400 InvalidArgumentException: NewStartingHashKey 2 used in SplitShard() on shard shard 5 in stream \
             clicks @ is not both greater than one plus the shard's StartingHashKey 1 and less than the shard's \
             EndingHashKey 9.",
        ),
        (
            E::SplitKeyTooLarge {
                value: "340282366920938463463374607431768211456".to_owned(),
                shard,
                stream: stream(),
                start,
                end,
            },
            "400 InvalidArgumentException: NewStartingHashKey 340282366920938463463374607431768211456 used in \
             SplitShard() on shard shard 5 in stream clicks @ is not both greater than one plus the shard's \
             StartingHashKey 1 and less than the shard's EndingHashKey 9.",
        ),
        (
            E::NotAdjacent {
                a: shard,
                b: ShardIndex(0),
                stream: stream(),
            },
            "400 InvalidArgumentException: Shards shard 5 and shard 0 in stream clicks @ are not an adjacent \
             pair of shards eligible for merging",
        ),
        (
            E::ProvisionedOnly {
                operation: ProvisionedOperation::UpdateShardCount,
                stream: stream(),
            },
            "400 ValidationException: UpdateShardCount is only supported for data streams with the provisioned \
             capacity mode. Stream clicks @ is in the on-demand capacity mode.",
        ),
    ]
}

#[test]
fn quotas_retention_and_tags() {
    check(&quotas());
    check(&retention());
    check(&tags());
}

fn quotas() -> Vec<Row> {
    use KinesisError as E;
    let operation = || "CreateStream".to_owned();
    vec![
        (
            E::ShardLimitExceeded {
                current: 1,
                limit: 2,
                additional: 3,
            },
            "400 LimitExceededException: This request would exceed the shard limit for the account 000000000000 in \
             us-east-1. Current shard count for the account: 1. Limit: 2. Number of additional shards that would \
             have resulted from this request: 3. Refer to the AWS Service Limits page \
             (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to \
             request higher limits.",
        ),
        (
            E::CreatingLimitExceeded,
            "400 LimitExceededException: Too many streams @ are in state CREATING.",
        ),
        (
            E::LimitExceeded(LimitKind::AccountRate {
                operation: operation(),
                per_s: 5,
            }),
            "400 LimitExceededException: Rate exceeded for CreateStream @.",
        ),
        (
            E::LimitExceeded(LimitKind::StreamRate {
                operation: operation(),
                stream: stream(),
                per_s: 5,
            }),
            "400 LimitExceededException: Rate exceeded for CreateStream on stream clicks @.",
        ),
        (
            E::LimitExceeded(LimitKind::OnDemandStreams { limit: 50 }),
            "400 LimitExceededException: This request would exceed the limit of 50 on-demand streams for the \
             account 000000000000 in us-east-1.",
        ),
    ]
}

fn retention() -> Vec<Row> {
    use KinesisError as E;
    let (requested, existing) = (24, 48);
    vec![
        (
            E::RetentionTooShort { requested: 23 },
            "400 InvalidArgumentException: Minimum allowed retention period is 24 hours. Requested retention \
             period (23 hours) is too short.",
        ),
        (
            E::RetentionTooLong { requested: 8761 },
            "400 InvalidArgumentException: Maximum allowed retention period is 8760 hours. Requested retention \
             period (8761 hours) is too long.",
        ),
        (
            E::RetentionNotLonger {
                stream: stream(),
                requested,
                existing,
            },
            "400 InvalidArgumentException: Requested retention period (24 hours) for stream clicks can not be \
             shorter than existing retention period (48 hours). Use DecreaseRetentionPeriod API.",
        ),
        (
            E::RetentionNotShorter {
                stream: stream(),
                requested: existing,
                existing: requested,
            },
            "400 InvalidArgumentException: Requested retention period (48 hours) for stream clicks can not be \
             longer than existing retention period (24 hours). Use IncreaseRetentionPeriod API.",
        ),
    ]
}

fn tags() -> Vec<Row> {
    use KinesisError as E;
    vec![
        (
            E::TagLimit { stream: stream() },
            "400 InvalidArgumentException: Failed to add tags to stream clicks @ because a given stream cannot \
             have more than 50 tags associated with it.",
        ),
        (
            E::TagsInvalidCharacters,
            "400 InvalidArgumentException: Some tags contain invalid characters. Valid characters: Unicode letters, \
             digits, white space, _ . / = + - % @.",
        ),
        (
            E::TagsIllegalCharacters {
                stream: stream(),
                removing: false,
            },
            "400 InvalidArgumentException: Failed to add tags to stream clicks @ because some tags contained \
             illegal characters. The allowed characters are Unicode letters, white-spaces, \
             '_',',','/','=','+','-','@'.",
        ),
        (
            E::TagsIllegalCharacters {
                stream: stream(),
                removing: true,
            },
            "400 InvalidArgumentException: Failed to remove tags from stream clicks @ because some tags contained \
             illegal characters. The allowed characters are Unicode letters, white-spaces, \
             '_',',','/','=','+','-','@'.",
        ),
    ]
}

#[test]
fn our_own_failures() {
    check(&ours());
}

fn ours() -> Vec<Row> {
    use KinesisError as E;
    let why = || "node 3 at 10.0.0.7".to_owned();
    vec![
        (
            E::Unavailable { why: why() },
            "503 ServiceUnavailable: The service is not able to handle the request now. Nothing was changed; try \
             again.",
        ),
        (
            E::OutcomeUnknown { why: why() },
            "500 InternalFailure: Internal service failure. The request may or may not have taken effect.",
        ),
        (
            E::Internal { why: why() },
            "500 InternalFailure: Internal service failure.",
        ),
    ]
}
