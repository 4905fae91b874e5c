//! Rows of errors of puts, iterators and listings.

use ana_types::{IteratorKind, KinesisError, ShardFilterKind, ShardIndex};

use super::every_error_test::{Row, check, stream};

#[test]
fn puts_and_rates() {
    check(&puts());
}

pub(super) fn puts() -> Vec<Row> {
    use KinesisError as E;
    let value = || "9".to_owned();
    vec![
        (
            E::InvalidExplicitHashKey { value: value() },
            "400 InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the range: \
             [0, 2^128-1]. Specified value was 9",
        ),
        (
            E::InvalidOrdering {
                value: value(),
                stream: stream(),
            },
            "400 InvalidArgumentException: ExclusiveMinimumSequenceNumber 9 used in PutRecord on stream clicks @ \
             is invalid.",
        ),
        (
            E::RecordTooLarge {
                stream: stream(),
                bytes: 11,
                limit: 10,
            },
            "400 InvalidArgumentException: A record of 11 bytes (data and partition key) exceeds the maximum \
             record size of 10 bytes of stream clicks @.",
        ),
        (
            E::RequestTooLarge {
                bytes: 11,
                limit: 10,
            },
            "400 InvalidArgumentException: Records size exceeds the limit of 10 bytes: it is 11 bytes.",
        ),
        (
            E::Throughput {
                shard: ShardIndex(1),
                stream: stream(),
            },
            "400 ProvisionedThroughputExceededException: Rate exceeded for shard shard 1 in stream clicks @.",
        ),
    ]
}

#[test]
fn iterators_and_sequence_numbers() {
    check(&iterators());
    check(&sequences());
}

pub(super) fn iterators() -> Vec<Row> {
    use KinesisError as E;
    vec![
        (
            E::InvalidIterator,
            "400 InvalidArgumentException: Invalid ShardIterator.",
        ),
        (
            E::ExpiredIterator {
                created_ms: 1_421_889_722_000,
                now_ms: 1_421_890_023_000,
            },
            "400 ExpiredIteratorException: Iterator expired. The iterator was created at time Thu Jan 22 01:22:02 \
             UTC 2015 while right now it is Thu Jan 22 01:27:03 UTC 2015 which is further in the future than the \
             tolerated delay of 300000 milliseconds.",
        ),
        (
            E::IteratorOfOtherStream {
                arn: "b".to_owned(),
            },
            "400 InvalidArgumentException: StreamARN b does not name the stream of the given ShardIterator.",
        ),
        (
            E::IteratorNeedsSequence {
                kind: IteratorKind::Latest,
                given: true,
            },
            "400 InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
             StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified \
             LATEST and also a StartingSequenceNumber.",
        ),
        (
            E::IteratorNeedsSequence {
                kind: IteratorKind::AtSequenceNumber,
                given: false,
            },
            "400 InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
             StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified \
             AT_SEQUENCE_NUMBER and no StartingSequenceNumber.",
        ),
        (
            E::IteratorNeedsTimestamp,
            "400 InvalidArgumentException: Must specify timestampInMillis parameter for iterator of type \
             AT_TIMESTAMP. Current request has no timestamp parameter.",
        ),
        (
            E::TimestampInFuture {
                timestamp_ms: 2,
                now_ms: 1,
            },
            "400 InvalidArgumentException: The timestampInMillis parameter cannot be greater than the \
             currentTimestampInMillis. timestampInMillis: 2, currentTimestampInMillis: 1",
        ),
    ]
}

pub(super) fn sequences() -> Vec<Row> {
    use KinesisError as E;
    let (value, shard) = (|| "7".to_owned(), ShardIndex(4));
    vec![
        (
            E::SequenceWrongShard {
                encoded: 3,
                used: shard,
            },
            "400 InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shard 3, while it was used \
             in a call to a shard with shard 4",
        ),
        (
            E::SequenceInvalid {
                value: value(),
                shard,
                stream: stream(),
            },
            "400 InvalidArgumentException: StartingSequenceNumber 7 used in GetShardIterator on shard shard 4 in \
             stream clicks @ is invalid.",
        ),
        (
            E::SequenceNotOfStream {
                value: value(),
                shard,
                stream: stream(),
            },
            "400 InvalidArgumentException: StartingSequenceNumber 7 used in GetShardIterator on shard shard 4 in \
             stream clicks @ is invalid because it did not come from this stream.",
        ),
        (
            E::SequenceVersionZero,
            "500 InternalFailure: Internal service failure.",
        ),
    ]
}

#[test]
fn listings() {
    check(&lists());
}

pub(super) fn lists() -> Vec<Row> {
    use KinesisError as E;
    vec![
        (
            E::ExpiredToken,
            "400 ExpiredNextTokenException: The NextToken has expired.",
        ),
        (
            E::InvalidToken,
            "400 InvalidArgumentException: Invalid NextToken.",
        ),
        (
            E::TokenWithStream,
            "400 InvalidArgumentException: NextToken and StreamName cannot be provided together.",
        ),
        (
            E::NeitherTokenNorStream,
            "400 InvalidArgumentException: Either NextToken or StreamName should be provided.",
        ),
        (
            E::FilterNeedsShardId {
                filter: ShardFilterKind::AfterShardId,
            },
            "400 InvalidArgumentException: ShardFilter of type AFTER_SHARD_ID needs a ShardId.",
        ),
        (
            E::FilterNeedsTimestamp {
                filter: ShardFilterKind::AtTimestamp,
            },
            "400 InvalidArgumentException: ShardFilter of type AT_TIMESTAMP needs a Timestamp.",
        ),
    ]
}
