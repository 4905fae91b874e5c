//! The table of GetShardIterator's checks.

use ana_types::{
    GroupId, HashRange, IteratorKind, KinesisError, Position, SequenceNumber, ShardIndex,
    ShardInfo, StreamName,
};

use super::{Start, start};
use crate::messages::SeekTarget;
use crate::ops::{GetIterator, StreamRef};

const CREATED_S: u64 = 1_700_000_000;
const NOW_MS: u64 = 1_800_000_000_000;

fn info() -> ShardInfo {
    ShardInfo {
        shard: ShardIndex(3),
        parent: None,
        adjacent_parent: None,
        range: HashRange::FULL,
        group: GroupId(1),
        created_ms: CREATED_S * 1000,
        created_s: CREATED_S,
        closed: None,
    }
}

fn number(created_s: u64, shard: u32, position: u64) -> String {
    let (shard, position) = (ShardIndex(shard), Position(position));
    SequenceNumber {
        created_s,
        shard,
        position,
        time_s: created_s + 5,
    }
    .to_string()
}

fn ask(
    kind: IteratorKind,
    sequence: Option<&str>,
    timestamp_ms: Option<u64>,
) -> Result<Start, KinesisError> {
    let request = GetIterator {
        stream: StreamRef::by_name("s"),
        shard_id: "shardId-3".to_owned(),
        kind,
        sequence: sequence.map(str::to_owned),
        timestamp_ms,
    };
    start(
        &request,
        &info(),
        &StreamName::new("s").expect("a name"),
        NOW_MS,
    )
}

#[test]
fn positions() {
    let ours = number(CREATED_S, 3, 77);
    let at = |p| Start::At(Position(p));
    let table = [
        (IteratorKind::TrimHorizon, None, None, at(0)),
        (
            IteratorKind::Latest,
            None,
            None,
            Start::Seek(SeekTarget::Latest),
        ),
        (
            IteratorKind::AtTimestamp,
            None,
            Some(0),
            Start::Seek(SeekTarget::AtTime(0)),
        ),
        (
            IteratorKind::AtTimestamp,
            None,
            Some(NOW_MS),
            Start::Seek(SeekTarget::AtTime(NOW_MS)),
        ),
        (IteratorKind::AtSequenceNumber, Some(&ours), None, at(77)),
        (IteratorKind::AfterSequenceNumber, Some(&ours), None, at(78)),
        // A timestamp where none belongs is passed over, as the model says nothing of it.
        (IteratorKind::TrimHorizon, None, Some(5), at(0)),
    ];
    for (kind, sequence, time, expected) in table {
        let sequence = sequence.map(String::as_str);
        assert_eq!(
            ask(kind, sequence, time),
            Ok(expected),
            "{kind} {sequence:?} {time:?}"
        );
    }
}

#[test]
fn the_end_of_a_closed_shard_is_a_position() {
    let ending = SequenceNumber::end_of_shard(CREATED_S, ShardIndex(3), CREATED_S + 9).to_string();
    let at_end = Ok(Start::At(Position::END));
    assert_eq!(
        ask(IteratorKind::AtSequenceNumber, Some(&ending), None),
        at_end
    );
    assert_eq!(
        ask(IteratorKind::AfterSequenceNumber, Some(&ending), None),
        at_end
    );
}

#[test]
fn refusals() {
    use IteratorKind::{AfterSequenceNumber, AtSequenceNumber, AtTimestamp, Latest, TrimHorizon};
    let ours = number(CREATED_S, 3, 77);
    for (kind, given) in [
        (AtSequenceNumber, false),
        (AfterSequenceNumber, false),
        (TrimHorizon, true),
        (Latest, true),
        (AtTimestamp, true),
    ] {
        let refused = ask(kind, given.then_some(ours.as_str()), Some(1));
        assert_eq!(
            refused,
            Err(KinesisError::IteratorNeedsSequence { kind, given })
        );
    }
    assert_eq!(
        ask(AtTimestamp, None, None),
        Err(KinesisError::IteratorNeedsTimestamp)
    );
    assert_eq!(
        ask(AtTimestamp, None, Some(NOW_MS + 1)),
        Err(KinesisError::TimestampInFuture {
            timestamp_ms: NOW_MS + 1,
            now_ms: NOW_MS
        })
    );
    assert_eq!(
        ask(AtSequenceNumber, Some(&number(CREATED_S, 4, 77)), None),
        Err(KinesisError::SequenceWrongShard {
            encoded: 4,
            used: ShardIndex(3)
        })
    );
    assert!(matches!(
        ask(AtSequenceNumber, Some(&number(CREATED_S + 1, 3, 77)), None),
        Err(KinesisError::SequenceNotOfStream { .. })
    ));
    assert!(matches!(
        ask(AtSequenceNumber, Some(&"9".repeat(80)), None),
        Err(KinesisError::SequenceInvalid { .. })
    ));
    // Version 0 of shard 3: the low 16 bits are the shard.
    assert_eq!(
        ask(AtSequenceNumber, Some("3"), None),
        Err(KinesisError::SequenceVersionZero)
    );
}
