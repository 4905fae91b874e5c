//! Rows of the errors that have enums of their own: consumers, settings, scaling, subscriptions.

use ana_types::{
    ConsumerError, ConsumerStatus, KinesisError, ScalingError, SettingError, ShardIndex,
    SubscriptionError,
};

use super::every_error_test::{Row, check, consumer, stream};

#[test]
fn errors_of_consumers() {
    check(&consumers());
}

pub(super) fn consumers() -> Vec<Row> {
    use ConsumerError as E;
    let arn = "arn".to_owned();
    [
        (
            E::NotFound {
                consumer: consumer(),
                stream: stream(),
            },
            "400 ResourceNotFoundException: Consumer app of stream clicks @ not found.",
        ),
        (
            E::ArnNotFound { arn },
            "400 ResourceNotFoundException: Consumer arn not found.",
        ),
        (
            E::Exists {
                consumer: consumer(),
                stream: stream(),
            },
            "400 ResourceInUseException: Consumer app of stream clicks @ already exists.",
        ),
        (
            E::NotActive {
                consumer: consumer(),
                stream: stream(),
                status: ConsumerStatus::Creating,
            },
            "400 ResourceInUseException: Consumer app of stream clicks @ not ACTIVE, instead in state CREATING",
        ),
        (
            E::TooMany {
                stream: stream(),
                limit: 20,
            },
            "400 LimitExceededException: Failed to register the consumer: stream clicks @ already has 20 \
             registered consumers.",
        ),
        (
            E::TooManyCreating {
                stream: stream(),
                limit: 5,
            },
            "400 LimitExceededException: Failed to register the consumer: 5 consumers of stream clicks @ are \
             being created.",
        ),
        (
            E::NotAddressed,
            "400 InvalidArgumentException: Either ConsumerARN or both StreamARN and ConsumerName must be \
             provided.",
        ),
        (
            E::AddressesDiffer,
            "400 InvalidArgumentException: ConsumerARN, StreamARN and ConsumerName do not name the same consumer.",
        ),
        (
            E::StreamHasConsumers { stream: stream() },
            "400 ResourceInUseException: Stream clicks @ has registered consumers. Deregister them, or set \
             EnforceConsumerDeletion.",
        ),
        (
            E::TagLimit {
                consumer: consumer(),
                stream: stream(),
            },
            "400 InvalidArgumentException: Failed to add tags to consumer app of stream clicks @ because a \
             resource cannot have more than 50 tags associated with it.",
        ),
    ]
    .map(|(error, text)| (KinesisError::Consumer(error), text))
    .to_vec()
}

#[test]
fn errors_of_settings() {
    check(&settings());
}

pub(super) fn settings() -> Vec<Row> {
    use SettingError as E;
    [
        (
            E::NoPolicy {
                stream: stream(),
                consumer: None,
            },
            "400 ResourceNotFoundException: No resource policy found for resource ARN \
             arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
        ),
        (
            E::NoPolicy {
                stream: stream(),
                consumer: Some((consumer(), 1_795_309_323)),
            },
            "400 ResourceNotFoundException: No resource policy found for resource ARN \
             arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/app:1795309323",
        ),
        (
            E::InvalidPolicy {
                why: "No.".to_owned(),
            },
            "400 InvalidArgumentException: No.",
        ),
        (
            E::ResourceNotFound {
                arn: "arn".to_owned(),
            },
            "400 ResourceNotFoundException: Resource with ARN arn not found.",
        ),
        (
            E::EncryptionTypeNotKms,
            "400 InvalidArgumentException: The only valid value of EncryptionType is KMS.",
        ),
        (
            E::EncryptionChanges {
                stream: stream(),
                limit: 25,
            },
            "400 LimitExceededException: Stream clicks @ has had its 25 changes of encryption in 24 hours.",
        ),
        (
            E::KeyNotFound {
                key: "k".to_owned(),
            },
            "400 KMSNotFoundException: Key k not found.",
        ),
        (
            E::TagsInvalidCharacters,
            "400 InvalidArgumentException: Some tags contain invalid characters. Valid characters: Unicode letters, \
             digits, white space, _ . : / = + - @.",
        ),
        (
            E::TagReserved {
                key: "aws:x".to_owned(),
            },
            "400 InvalidArgumentException: The tag key aws:x is reserved: keys beginning with aws: cannot be set.",
        ),
        (
            E::PolicyTooLarge { bytes: 20_481 },
            "400 InvalidArgumentException: The resource policy has 20481 bytes; at most 20480 are allowed.",
        ),
        (
            E::WarmThroughputInUse { stream: stream() },
            "400 InvalidArgumentException: MinimumThroughputBillingCommitment cannot end while stream clicks @ has \
             warm throughput.",
        ),
    ]
    .map(|(error, text)| (KinesisError::Setting(error), text))
    .to_vec()
}

#[test]
fn errors_of_scaling() {
    check(&scaling());
}

pub(super) fn scaling() -> Vec<Row> {
    use ScalingError as E;
    [
        (
            E::TargetOutOfRange {
                stream: stream(),
                target: 9,
                current: 4,
                least: 2,
                greatest: 8,
            },
            "400 InvalidArgumentException: UpdateShardCount to 9 of stream clicks @ is not allowed: it has 4 open \
             shards, and the target must be from 2 to 8.",
        ),
        (
            E::PerDay {
                operation: "UpdateStreamMode".to_owned(),
                stream: stream(),
                limit: 2,
            },
            "400 LimitExceededException: UpdateStreamMode was called more than 2 times in 24 hours on stream \
             clicks @.",
        ),
        (
            E::OnDemandOnly {
                operation: "UpdateStreamWarmThroughput".to_owned(),
                stream: stream(),
            },
            "400 ValidationException: UpdateStreamWarmThroughput is only supported for data streams with the \
             on-demand capacity mode, not for stream clicks @.",
        ),
        (
            E::CommitmentNeeded,
            "400 ValidationException: Warm throughput needs MinimumThroughputBillingCommitment to be ENABLED for \
             the account.",
        ),
        (
            E::WarmThroughputTooHigh {
                mibps: 10_241,
                limit: 10_240,
            },
            "400 InvalidArgumentException: A warm throughput of 10241 MiB/s was requested; at most 10240 MiB/s are \
             allowed.",
        ),
        (
            E::WarmThroughputNotTaken { stream: stream() },
            "400 ValidationException: WarmThroughputMiBps can only be given when a stream is switched to the \
             on-demand capacity mode, which stream clicks @ is not.",
        ),
    ]
    .map(|(error, text)| (KinesisError::Scaling(error), text))
    .to_vec()
}

#[test]
fn errors_of_subscriptions() {
    check(&subscriptions());
}

pub(super) fn subscriptions() -> Vec<Row> {
    use SubscriptionError as E;
    let shard = ShardIndex(3);
    [
        (
            E::TooSoon {
                consumer: consumer(),
                stream: stream(),
                shard,
            },
            "400 ResourceInUseException: Another active subscription exists for this consumer: app on shard 3 of \
             stream clicks @.",
        ),
        (
            E::TakenOver {
                consumer: consumer(),
                stream: stream(),
                shard,
            },
            "400 ResourceInUseException: Consumer app has subscribed to shard 3 of stream clicks @ again; this \
             subscription ends.",
        ),
        (
            E::TooOften {
                consumer: consumer(),
                stream: stream(),
                shard,
            },
            "400 LimitExceededException: Rate exceeded for consumer app and shard 3 of stream clicks @.",
        ),
    ]
    .map(|(error, text)| (KinesisError::Subscription(error), text))
    .to_vec()
}
