//! Tables: each command and each kind of append on a hand-made set.

use super::{
    AppendHeader, AppendOutcome, AppendRefusal, ChildSpec, ClosedAt, ShardCommand, ShardOutcome,
    ShardRefusal, ShardSet, ShardSpec, child_created,
};
use crate::DecodeError;
use ana_types::{
    HashKey, HashRange, MAX_RECORDS_PER_SUB_BATCH, Position, SequenceNumber, ShardIndex,
};

/// Shard `shard` with the `quarter`th quarter of the hash space.
fn spec(shard: u32, quarter: usize) -> ShardSpec {
    let range = HashRange::split_even(4)[quarter];
    ShardSpec {
        shard: ShardIndex(shard),
        range,
        created_ms: 5_000,
        created_s: 5,
    }
}

fn child(shard: u32, parents: &[u32], range: HashRange) -> ChildSpec {
    let parents = parents.iter().copied().map(ShardIndex).collect();
    ChildSpec {
        shard: ShardIndex(shard),
        parents,
        range,
    }
}

fn header(shard: u32, count: u32, time_ms: u64) -> AppendHeader {
    AppendHeader {
        shard: ShardIndex(shard),
        count,
        bytes: count.saturating_mul(10),
        time_ms,
    }
}

fn close(shards: &[u32], time_ms: u64) -> ShardCommand {
    let shards = shards.iter().copied().map(ShardIndex).collect();
    ShardCommand::Close {
        shards,
        time_ms,
        children: vec![],
    }
}

/// Applies a command at the next index, and checks what must hold of every command.
fn apply(set: &mut ShardSet, command: ShardCommand) -> ShardOutcome {
    let mut before = set.clone();
    let index = set.last_index() + 1;
    let outcome = set.command(index, command.clone());
    set.check().expect("every command keeps the invariants");
    if matches!(outcome, ShardOutcome::Refused { .. }) {
        before.last_index = index;
        assert_eq!(*set, before, "a refused command changes nothing");
    } else {
        let mut again = set.clone();
        assert_eq!(
            again.command(index + 1, command),
            outcome,
            "a repeat answers the same"
        );
        again.last_index = index;
        assert_eq!(again, *set, "a repeat changes nothing");
    }
    outcome
}

fn append(set: &mut ShardSet, headers: &[AppendHeader]) -> Vec<AppendOutcome> {
    let outcomes = set.append(set.last_index() + 1, headers);
    set.check().expect("every entry keeps the invariants");
    outcomes
}

/// Shards 0 and 1 open since index 1.
fn two_shards() -> ShardSet {
    let mut set = ShardSet::new();
    let open = ShardCommand::Open {
        shards: vec![spec(0, 0), spec(1, 1)],
    };
    assert_eq!(apply(&mut set, open), ShardOutcome::Opened);
    set
}

fn closings(outcome: ShardOutcome) -> Vec<ClosedAt> {
    match outcome {
        ShardOutcome::Closed(closings) => closings,
        other => panic!("closed, not {other:?}"),
    }
}

#[test]
fn positions_come_from_index_and_ordinal() {
    let mut set = two_shards();
    let outcomes = set.append(7, &[header(1, 3, 9_000), header(0, 1, 9_000)]);
    let accepted = |shard| AppendOutcome::Accepted {
        shard: ShardIndex(shard),
        first: Position::new(7, 0),
        created_s: 5,
        time_ms: 9_000,
    };
    assert_eq!(
        outcomes,
        [accepted(1), accepted(0)],
        "in the order of the headers"
    );
    let state = set.shard(ShardIndex(1)).expect("open");
    assert_eq!(state.last, Position::new(7, 2));
    assert_eq!(
        (state.records, state.bytes, state.last_arrival_ms),
        (3, 30, 9_000)
    );
    assert_eq!((set.last_index(), set.last_time_ms()), (7, 9_000));
    let number = state.sequence(ShardIndex(1), state.last, 9_999);
    let expect = SequenceNumber {
        created_s: 5,
        shard: ShardIndex(1),
        position: Position::new(7, 2),
        time_s: 9,
    };
    assert_eq!(number, expect);
    set.append(8, &[header(1, MAX_RECORDS_PER_SUB_BATCH, 9_000)]);
    assert_eq!(
        set.shard(ShardIndex(1)).expect("open").last.ordinal(),
        65_534
    );
    set.check().expect("sound");
}

#[test]
fn nothing_is_accepted_for_unknown_or_closed_shards() {
    let mut set = two_shards();
    apply(&mut set, close(&[0], 6_000));
    let outcomes = append(
        &mut set,
        &[header(0, 1, 9), header(1, 1, 9), header(2, 1, 9)],
    );
    assert_eq!(
        outcomes[0],
        AppendOutcome::Closed {
            shard: ShardIndex(0)
        }
    );
    assert!(matches!(outcomes[1], AppendOutcome::Accepted { .. }));
    assert_eq!(
        outcomes[2],
        AppendOutcome::Unknown {
            shard: ShardIndex(2)
        }
    );
    assert_eq!(set.shard(ShardIndex(0)).expect("closed").records, 0);
}

#[test]
fn rules_of_the_batcher_are_kept() {
    let refused = |shard, why| AppendOutcome::Refused {
        shard: ShardIndex(shard),
        why,
    };
    let mut set = two_shards();
    append(&mut set, &[header(0, 2, 100), header(1, 2, 100)]);
    let before = set.clone();
    let stale = set.append(2, &[header(0, 1, 200)]);
    assert_eq!(stale, [refused(0, AppendRefusal::StaleIndex)]);
    assert_eq!(set, before);

    let outcomes = append(
        &mut set,
        &[header(0, 1, 200), header(1, 1, 200), header(0, 2, 200)],
    );
    assert_eq!(outcomes[0], refused(0, AppendRefusal::DuplicateShard));
    assert_eq!(outcomes[2], refused(0, AppendRefusal::DuplicateShard));
    assert!(matches!(outcomes[1], AppendOutcome::Accepted { .. }));
    for count in [0, MAX_RECORDS_PER_SUB_BATCH + 1, u32::MAX] {
        let outcomes = append(&mut set, &[header(0, count, 200)]);
        assert_eq!(outcomes, [refused(0, AppendRefusal::Count)], "{count}");
    }
    let outcomes = append(&mut set, &[header(0, 1, 99), header(1, 1, 199)]);
    assert_eq!(outcomes[0], refused(0, AppendRefusal::TimeWentBack));
    assert_eq!(outcomes[1], refused(1, AppendRefusal::TimeWentBack));
    let outcomes = append(&mut set, &[header(0, 1, 100)]);
    assert!(
        matches!(outcomes[0], AppendOutcome::Accepted { .. }),
        "the same time is fine"
    );
    let state = set.shard(ShardIndex(0)).expect("open");
    assert_eq!((state.records, state.last), (3, Position::new(8, 0)));
    assert_eq!(
        state.refused.iter().copied().collect::<Vec<_>>(),
        [3, 4, 5, 6, 7]
    );
}

#[test]
fn a_closing_fixes_the_end() {
    let mut set = two_shards();
    append(&mut set, &[header(0, 2, 8_000)]);
    let halves = HashRange::split_even(4)[0]
        .split_at(HashKey(9))
        .expect("wide enough");
    let children = vec![child(4, &[0], halves.0), child(5, &[0], halves.1)];
    let command = ShardCommand::Close {
        shards: vec![ShardIndex(0)],
        time_ms: 7_000,
        children: children.clone(),
    };
    let closed = closings(apply(&mut set, command));
    let expect = ClosedAt {
        shard: ShardIndex(0),
        index: 3,
        time_ms: 8_000,
        end: Position::new(2, 2),
        ending: SequenceNumber::end_of_shard(5, ShardIndex(0), 8),
        children,
    };
    assert_eq!(closed, [expect], "the time is raised to the last arrival");
    let later = closings(apply(&mut set, close(&[0], 99_000)));
    assert_eq!(later, closed, "the first closing stands");
    let state = set.shard(ShardIndex(0)).expect("closed");
    assert!(state.is_ended_at(Position::new(2, 2)) && !state.is_ended_at(Position::new(2, 1)));
    assert_eq!(
        set.last_time_ms(),
        8_000,
        "times of commands do not count as arrivals"
    );
}

#[test]
fn an_empty_shard_ends_at_its_start() {
    let mut set = two_shards();
    let closed = closings(apply(&mut set, close(&[1], 7_000)));
    assert_eq!((closed[0].end, closed[0].time_ms), (Position::START, 7_000));
    assert!(
        set.shard(ShardIndex(1))
            .expect("closed")
            .is_ended_at(Position::START)
    );
}

#[test]
fn parents_and_children_of_one_group_change_places_in_one_entry() {
    let mut set = two_shards();
    append(&mut set, &[header(0, 1, 8_500), header(1, 1, 8_400)]);
    let union = spec(0, 0)
        .range
        .merge(&spec(1, 1).range)
        .expect("neighbours");
    let command = ShardCommand::CloseAndOpen {
        shards: vec![ShardIndex(0), ShardIndex(1)],
        time_ms: 8_000,
        children: vec![child(2, &[0, 1], union)],
    };
    let closed = closings(apply(&mut set, command.clone()));
    assert!(
        closed.iter().all(|closing| closing.time_ms == 8_500),
        "parents end together"
    );
    let state = set.shard(ShardIndex(2)).expect("open");
    assert_eq!(
        (state.created_ms, state.created_s, state.opened_at),
        (8_500, 8, 3)
    );
    assert!(closed.iter().all(|closing| {
        SequenceNumber::start_of_shard(state.created_s, ShardIndex(2)) > closing.ending
    }));
    assert!(matches!(
        append(&mut set, &[header(2, 1, 8_400)])[0],
        AppendOutcome::Accepted { .. }
    ));
    assert_eq!(set.open_count(), 1);
    assert_eq!(closings(apply(&mut set, command)), closed);
}

#[test]
fn children_are_created_later_than_their_parents() {
    assert_eq!(child_created([(5, 8_999)]), (8_999, 8));
    assert_eq!(
        child_created([(8, 8_999)]),
        (8_999, 9),
        "in the same second"
    );
    assert_eq!(
        child_created([(20, 8_999)]),
        (8_999, 21),
        "the clock went back"
    );
    assert_eq!(child_created([(3, 7_000), (9, 8_000)]), (8_000, 10));
}

/// 31 shards over the upper half: with the two that are open, one too many.
fn crowd() -> Vec<ShardSpec> {
    let crowd = HashRange {
        start: HashRange::split_even(4)[2].start,
        end: HashKey::MAX,
    };
    let step = (crowd.end.0 - crowd.start.0) / 40;
    (0..31)
        .map(|n| {
            let start = HashKey(crowd.start.0 + u128::from(n) * step);
            let range = HashRange {
                start,
                end: HashKey(start.0 + step - 1),
            };
            ShardSpec {
                shard: ShardIndex(10 + n),
                range,
                ..spec(0, 0)
            }
        })
        .collect()
}

#[test]
fn commands_are_refused_as_a_whole() {
    let quarters = HashRange::split_even(4);
    let both = vec![ShardIndex(0), ShardIndex(1)];
    let close_and_open = |children| ShardCommand::CloseAndOpen {
        shards: both.clone(),
        time_ms: 0,
        children,
    };
    let open = |shards| ShardCommand::Open { shards };
    let conflict = ShardSpec {
        created_s: 6,
        ..spec(1, 1)
    };
    let table = [
        (close(&[0, 7], 0), ShardRefusal::Unknown(ShardIndex(7))),
        (close(&[0, 0], 0), ShardRefusal::Repeated(ShardIndex(0))),
        (close(&[], 0), ShardRefusal::Empty),
        (open(vec![]), ShardRefusal::Empty),
        (
            open(vec![spec(2, 2), spec(2, 2)]),
            ShardRefusal::Repeated(ShardIndex(2)),
        ),
        (
            open(vec![spec(2, 2), conflict]),
            ShardRefusal::Conflict(ShardIndex(1)),
        ),
        (
            open(vec![spec(2, 2), spec(3, 1)]),
            ShardRefusal::Overlap(ShardIndex(3)),
        ),
        (
            open(vec![spec(2, 2), spec(3, 2)]),
            ShardRefusal::Overlap(ShardIndex(3)),
        ),
        (open(crowd()), ShardRefusal::Full),
        (close_and_open(vec![]), ShardRefusal::Empty),
        (
            close_and_open(vec![
                child(2, &[0, 1], quarters[0]),
                child(3, &[0, 1], quarters[0]),
            ]),
            ShardRefusal::Overlap(ShardIndex(3)),
        ),
        (
            close_and_open(vec![child(1, &[0, 1], quarters[2])]),
            ShardRefusal::Conflict(ShardIndex(1)),
        ),
    ];
    for (command, why) in table {
        let mut set = two_shards();
        assert_eq!(
            apply(&mut set, command.clone()),
            ShardOutcome::Refused { why },
            "{command:?}"
        );
    }
}

#[test]
fn an_index_is_applied_once() {
    let mut set = two_shards();
    let before = set.clone();
    let stale = ShardOutcome::Refused {
        why: ShardRefusal::StaleIndex,
    };
    assert_eq!(set.command(1, close(&[0], 0)), stale);
    assert_eq!(set, before);
}

#[test]
fn an_expired_shard_never_opens_again() {
    let mut set = two_shards();
    let expire = |shards: &[u32]| ShardCommand::Expire {
        shards: shards.iter().copied().map(ShardIndex).collect(),
    };
    assert_eq!(apply(&mut set, expire(&[0, 1, 9])), ShardOutcome::Expired);
    assert_eq!(set.open_count(), 2, "open shards stay");
    apply(&mut set, close(&[1], 0));
    assert_eq!(apply(&mut set, expire(&[1])), ShardOutcome::Expired);
    assert_eq!(set.shard(ShardIndex(1)), None);
    let outcome = apply(
        &mut set,
        ShardCommand::Open {
            shards: vec![spec(1, 1)],
        },
    );
    assert_eq!(
        outcome,
        ShardOutcome::Refused {
            why: ShardRefusal::Expired(ShardIndex(1))
        }
    );
    let unknown = AppendOutcome::Unknown {
        shard: ShardIndex(1),
    };
    assert_eq!(append(&mut set, &[header(1, 1, 9)]), [unknown]);
    assert_eq!(
        apply(
            &mut set,
            ShardCommand::Open {
                shards: vec![spec(2, 1)]
            }
        ),
        ShardOutcome::Opened
    );
}

#[test]
fn encoded_sets_carry_their_version() {
    let mut set = two_shards();
    append(&mut set, &[header(0, 2, 100)]);
    let bytes = set.encode();
    assert_eq!(bytes[0], 2);
    assert_eq!(ShardSet::decode(&bytes), Ok(set));
    let mut other = bytes.clone();
    other[0] = 3;
    assert_eq!(
        ShardSet::decode(&other),
        Err(DecodeError::Version { found: 3, read: 2 })
    );
    assert_eq!(ShardSet::decode(&[]), Err(DecodeError::Empty));
    let mut longer = bytes.clone();
    longer.extend([0, 0]);
    assert_eq!(
        ShardSet::decode(&longer),
        Err(DecodeError::Trailing { bytes: 2 })
    );
    for length in 1..bytes.len() {
        let cut = ShardSet::decode(&bytes[..length]);
        assert!(
            matches!(cut, Err(DecodeError::Malformed(_))),
            "{length}: {cut:?}"
        );
    }
}
