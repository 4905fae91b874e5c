//! How the answers of groups become the answers to records.

use std::collections::BTreeMap;

use ana_types::{GroupId, HashKey, NodeId, Position, Record, ShardIndex};
use bytes::Bytes;

use super::{Batch, Fate, Parcel};
use crate::error::LeaderError;
use crate::messages::{Appended, Part, Run, SubAnswer};

const GROUP: GroupId = GroupId(4);

fn batch(records: usize) -> Batch {
    let record = Record {
        partition_key: Bytes::new(),
        data: Bytes::new(),
        encrypted: false,
    };
    Batch {
        records: vec![(HashKey::MIN, record); records],
        fates: vec![Fate::Waiting; records],
        encrypted: true,
    }
}

/// Six records: 0, 2, 3, 5 for shard 1 and 1, 4 for shard 8.
fn parcel() -> Parcel {
    BTreeMap::from([
        (ShardIndex(1), vec![0, 2, 3, 5]),
        (ShardIndex(8), vec![1, 4]),
    ])
}

fn placed(first: u64, count: u32) -> Part {
    Part::Placed(Run {
        first: Position(first),
        count,
        created_s: 7,
        time_ms: 9_000,
    })
}

fn words(batch: &Batch) -> Vec<String> {
    let word = |fate: &Fate| match fate {
        Fate::Waiting => "waiting".to_owned(),
        Fate::Unknown => "unknown".to_owned(),
        Fate::Throttled(shard) => format!("throttled {}", shard.0),
        Fate::Placed(it) => format!("{}@{}", it.shard.0, it.sequence.position.0),
    };
    batch.fates.iter().map(word).collect()
}

#[test]
fn answers_find_their_records() {
    let mut batch = batch(6);
    let subs = vec![
        SubAnswer {
            throttled: vec![1],
            parts: vec![placed(100, 2), placed(200, 1)],
        },
        SubAnswer {
            throttled: vec![],
            parts: vec![Part::Elsewhere { count: 2 }],
        },
    ];
    assert!(
        batch.settle(GROUP, &parcel(), Ok(Appended(subs))),
        "two have to move on"
    );
    assert_eq!(
        words(&batch),
        [
            "1@100",
            "waiting",
            "throttled 1",
            "1@101",
            "waiting",
            "1@200"
        ]
    );
    let told = |fate: &Fate| !matches!(fate, Fate::Placed(it) if !it.encrypted);
    assert!(
        batch.fates.iter().all(told),
        "all were put under encryption"
    );
}

#[test]
fn what_is_not_answered_is_unknown() {
    let mut short = batch(6);
    let subs = vec![
        SubAnswer {
            throttled: vec![],
            parts: vec![placed(100, 3)],
        },
        SubAnswer {
            throttled: vec![],
            parts: vec![Part::Refused { count: 2 }],
        },
    ];
    assert!(!short.settle(GROUP, &parcel(), Ok(Appended(subs))));
    assert_eq!(
        words(&short),
        ["1@100", "unknown", "1@101", "1@102", "unknown", "unknown"]
    );

    let mut other = batch(6);
    assert!(!other.settle(GROUP, &parcel(), Ok(Appended(Vec::new()))));
    assert!(other.fates.iter().all(|it| *it == Fate::Unknown));
}

#[test]
fn failures_tell_whether_it_may_have_happened() {
    let mut lost = batch(6);
    lost.settle(
        GROUP,
        &parcel(),
        Err(LeaderError::Unknown {
            group: GROUP,
            node: NodeId(1),
        }),
    );
    assert!(lost.fates.iter().all(|it| *it == Fate::Unknown));
    let mut none = batch(6);
    none.settle(
        GROUP,
        &parcel(),
        Err(LeaderError::NoLeader {
            group: GROUP,
            last: None,
        }),
    );
    assert!(none.fates.iter().all(|it| *it == Fate::Waiting));
}
