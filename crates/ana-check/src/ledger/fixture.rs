//! Ledgers for tests: one shard whose records lie at small positions.

use std::collections::BTreeMap;

use super::{Delivery, NotedPut, ShardLog, Stored, StreamLedger, Way};
use crate::sequence::Sequence;

pub(super) const SHARD: &str = "shardId-000000000000";
/// A second.
pub(super) const S: u64 = 1_000_000;

pub(super) fn at(position: u64) -> Sequence {
    let number = ana_types::SequenceNumber {
        created_s: 1_767_225_600,
        shard: ana_types::ShardIndex(0),
        position: ana_types::Position(position),
        time_s: 1_767_225_601,
    };
    Sequence::read(&number.to_string())
}

/// Content of the record that was put at a position.
pub(super) fn content(position: u64) -> u64 {
    position * 1000
}

/// A put that is acknowledged at a position: it arrives at that many milliseconds, and is answered half a one later.
pub(super) fn put(position: u64) -> NotedPut {
    NotedPut {
        place: Some((SHARD.to_owned(), at(position))),
        hash_key: u128::from(position % 3),
        content: content(position),
        arrived_us: position * 1000,
        answered_us: position * 1000 + 500,
        node: 1,
    }
}

pub(super) fn stored(position: u64) -> Stored {
    Stored {
        sequence: at(position),
        content: content(position),
        arrival_ms: 1_767_225_600_000 + position,
    }
}

/// The records 10 to 29 were put, noted, and read back.
pub(super) fn ledger() -> StreamLedger {
    let log = ShardLog {
        records: (10..30).map(stored).collect(),
        is_read_out: true,
    };
    StreamLedger {
        puts: (10..30).map(put).collect(),
        log: Some(BTreeMap::from([(SHARD.to_owned(), log)])),
        one_in: 1,
        ended_us: 10 * S,
        reads_end_us: 10 * S,
        ..StreamLedger::default()
    }
}

/// What a polling reader was given, one answer a second: where each begins (`None`: where the one before ended) and where
/// it goes on.
pub(super) fn polled(reads: &[(Option<u64>, u64)]) -> Vec<Delivery> {
    let mut all: Vec<Delivery> = Vec::new();
    let mut at = 0;
    for ((begins, next), number) in reads.iter().zip(1_u64..) {
        let from = begins.unwrap_or(at);
        at = *next;
        all.push(Delivery {
            reader: "anyone".to_owned(),
            way: Way::Polled {
                connection: "127.0.0.1:5000".to_owned(),
                // A new iterator is one that no answer handed out.
                iterator: number * 10 + u64::from(begins.is_some()),
                next_iterator: Some((number + 1) * 10),
            },
            shard: SHARD.to_owned(),
            begins: begins.map(|_| "AFTER_SEQUENCE_NUMBER".to_owned()),
            from,
            next: *next,
            count: next - from,
            behind_ms: 0,
            asked_us: number * S,
            answered_us: number * S + 1000,
        });
    }
    all
}
