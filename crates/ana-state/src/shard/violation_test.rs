//! Each invariant of the shard set is broken once by hand, and must be the one that is reported.

use super::{
    AppendHeader, ChildSpec, ClosedAt, SHARD_INVARIANTS, ShardCommand, ShardSet, ShardSpec,
    ShardState,
};
use ana_types::{HashKey, HashRange, Position, ShardIndex};
use std::collections::BTreeSet;

/// Shard 0 closed with records, its child 2, and shard 1 open with records.
fn set() -> ShardSet {
    let mut set = ShardSet::new();
    let halves = HashRange::split_even(2);
    let spec = |shard, range| ShardSpec {
        shard: ShardIndex(shard),
        range,
        created_ms: 5_000,
        created_s: 5,
    };
    set.command(
        1,
        ShardCommand::Open {
            shards: vec![spec(0, halves[0]), spec(1, halves[1])],
        },
    );
    let header = |shard| AppendHeader {
        shard: ShardIndex(shard),
        count: 2,
        bytes: 9,
        time_ms: 7_000,
    };
    set.append(2, &[header(0), header(1)]);
    let child = ChildSpec {
        shard: ShardIndex(2),
        parents: vec![ShardIndex(0)],
        range: halves[0],
    };
    let close = ShardCommand::CloseAndOpen {
        shards: vec![ShardIndex(0)],
        time_ms: 8_000,
        children: vec![child],
    };
    set.command(3, close);
    set
}

fn shard(set: &mut ShardSet, shard: u32) -> &mut ShardState {
    set.shards
        .get_mut(&ShardIndex(shard))
        .expect("there is such a shard")
}

fn closed(set: &mut ShardSet) -> &mut ClosedAt {
    shard(set, 0).closed.as_mut().expect("it is closed")
}

type Break = fn(&mut ShardSet);

const TABLE: &[(&str, Break)] = &[
    ("S1", |s| s.last_index = 2),
    ("S1", |s| shard(s, 1).last = Position::new(9, 0)),
    ("S2", |s| shard(s, 1).opened_at = 2),
    ("S2", |s| shard(s, 1).records = 0),
    ("S2", |s| shard(s, 2).bytes = 1),
    ("S3", |s| closed(s).end = Position::new(2, 1)),
    ("S3", |s| closed(s).index = 2),
    ("S4", |s| closed(s).time_ms = 6_000),
    ("S4", |s| closed(s).ending.position.0 -= 1),
    ("S4", |s| closed(s).ending.created_s += 1),
    ("S5", |s| shard(s, 1).range.start = HashKey(7)),
    ("S5", |s| shard(s, 1).range.end = HashKey(0)),
    ("S6", |s| {
        let template = shard(s, 2).clone();
        let ranges = HashRange::split_even(33);
        s.shards = (0..33)
            .zip(ranges)
            .map(|(index, range)| {
                (
                    ShardIndex(index),
                    ShardState {
                        range,
                        ..template.clone()
                    },
                )
            })
            .collect();
    }),
    ("S7", |s| s.last_time_ms = 6_999),
    ("S8", |s| {
        shard(s, 1).refused.insert(2);
    }),
    ("S8", |s| {
        shard(s, 1).refused.insert(1);
    }),
    ("S8", |s| {
        s.last_index = 2_000;
        shard(s, 1).refused = (3..1_100).collect();
    }),
    ("S9", |s| shard(s, 2).created_s = 5),
];

#[test]
fn each_invariant_is_reported_when_it_is_broken() {
    set().check().expect("the set is sound before");
    for (number, (expect, break_it)) in TABLE.iter().enumerate() {
        let mut broken = set();
        break_it(&mut broken);
        let violation = broken.check().expect_err("the set is broken");
        assert_eq!(violation.id(), *expect, "row {number}: {violation}");
    }
}

#[test]
fn each_invariant_has_a_row_and_an_id_of_its_own() {
    let ids: BTreeSet<&str> = SHARD_INVARIANTS
        .iter()
        .map(|invariant| invariant.id)
        .collect();
    let rows: BTreeSet<&str> = TABLE.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), SHARD_INVARIANTS.len());
    assert_eq!(ids, rows);
}

#[test]
fn a_violation_says_what_and_where() {
    let mut broken = set();
    broken.last_time_ms = 0;
    let violation = broken.check().expect_err("the set is broken");
    let expect =
        "S7, at shardId-000000000000: no record arrived after the latest arrival of the group";
    assert_eq!(violation.to_string(), expect);
}
