//! Continuation numbers.

use ana_types::{Position, SequenceNumber, ShardIndex};

use super::continuation;

const SHARD: ShardIndex = ShardIndex(17);

fn number(position: Position, time_s: u64) -> SequenceNumber {
    SequenceNumber {
        created_s: 1_000,
        shard: SHARD,
        position,
        time_s,
    }
}

#[test]
fn the_last_record_or_the_place_before_the_next() {
    let record = |index, ordinal| number(Position::new(index, ordinal), 1_500);
    // (what, position to read on from, last record, expected)
    type Case = (
        &'static str,
        Position,
        Option<SequenceNumber>,
        SequenceNumber,
    );
    let table: [Case; 5] = [
        (
            "in the middle of a batch: the record itself",
            Position::new(7, 3),
            Some(record(7, 2)),
            record(7, 2),
        ),
        (
            "at the tip: the end of the last entry applied",
            Position::new(9, 0),
            Some(record(7, 2)),
            number(Position::new(8, 65_535), 2_000),
        ),
        (
            "idle",
            Position::new(9, 0),
            None,
            number(Position::new(8, 65_535), 2_000),
        ),
        (
            "after a record that came with an earlier event",
            Position::new(7, 3),
            None,
            number(Position::new(7, 2), 2_000),
        ),
        (
            "before everything",
            Position::START,
            None,
            number(Position::START, 2_000),
        ),
    ];
    for (what, position, last, expected) in table {
        let told = continuation(SHARD, 1_000, position, last, 2_000);
        assert_eq!(told, expected, "{what}");
        let text = told.to_string();
        let read = SequenceNumber::parse(&text).expect("a sequence number");
        assert_eq!(read, expected, "{what}: it survives the wire");
        // Both kinds of going on meet nothing that was given, but for the last record itself.
        assert!(read.position.next() >= position, "{what}");
    }
}
