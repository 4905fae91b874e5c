//! Random histories of a group against a model that keeps every record, and reads through plans.

use super::{
    AppendHeader, AppendOutcome, ChildSpec, ShardCommand, ShardOutcome, ShardSet, ShardSpec,
};
use crate::shard::read_plan::{LogWindow, read_plan};
use ana_types::{HashRange, Position, SequenceNumber, ShardIndex};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SHARDS: u32 = 6;

#[derive(Debug, Clone)]
enum Move {
    /// Headers (shard, count), all at this time.
    Append {
        headers: Vec<(u32, u32)>,
        time_ms: u64,
    },
    Open {
        shards: Vec<u32>,
        created_ms: u64,
    },
    Close {
        shards: Vec<u32>,
        time_ms: u64,
    },
    CloseAndOpen {
        shards: Vec<u32>,
        child: u32,
        time_ms: u64,
    },
    Expire {
        shard: u32,
    },
    /// An index that is another group's business (blank, membership).
    Skip,
    /// An index that was applied before.
    Stale {
        back: u64,
    },
}

fn moves() -> impl Strategy<Value = Move> {
    let shards = || proptest::collection::vec(0..SHARDS, 1..3);
    // Times mostly move on, as they do in the order of a log; sometimes they go back.
    let time = || 0..40u64;
    prop_oneof![
        12 => (proptest::collection::vec((0..SHARDS, 0..5u32), 1..4), time())
            .prop_map(|(headers, time_ms)| Move::Append { headers, time_ms }),
        3 => (shards(), time())
            .prop_map(|(shards, created_ms)| Move::Open { shards, created_ms }),
        1 => (shards(), time()).prop_map(|(shards, time_ms)| Move::Close { shards, time_ms }),
        2 => (shards(), 0..SHARDS, time()).prop_map(|(shards, child, time_ms)| {
            Move::CloseAndOpen { shards, child, time_ms }
        }),
        1 => (0..SHARDS).prop_map(|shard| Move::Expire { shard }),
        1 => Just(Move::Skip),
        1 => (0..9u64).prop_map(|back| Move::Stale { back }),
    ]
}

fn range(shard: u32) -> HashRange {
    // Six shards over four ranges: two pairs compete for the same hash keys.
    HashRange::split_even(4)[usize::try_from(shard % 4).expect("small")]
}

/// The log as a reader sees it: at each index, the sub-batches (shard, count), accepted or not.
type LogMarks = BTreeMap<u64, Vec<(ShardIndex, u32)>>;

#[derive(Debug, Default)]
struct Model {
    log: LogMarks,
    /// Every acknowledged record with its number, in order, by shard.
    records: BTreeMap<ShardIndex, Vec<(Position, SequenceNumber)>>,
    closed: BTreeSet<ShardIndex>,
}

impl Model {
    fn accept(&mut self, outcome: &AppendOutcome, count: u32) {
        let AppendOutcome::Accepted {
            shard,
            first,
            created_s,
            time_ms,
        } = *outcome
        else {
            return;
        };
        assert!(
            !self.closed.contains(&shard),
            "{shard} accepted a record after it was closed"
        );
        let records = self.records.entry(shard).or_default();
        for ordinal in 0..count {
            let position = Position::new(first.log_index(), ordinal);
            let time_s = time_ms / 1000;
            let number = SequenceNumber {
                created_s,
                shard,
                position,
                time_s,
            };
            let last = records.last().map(|(_, number)| *number);
            assert!(
                last.is_none_or(|last| last < number),
                "{number} after {last:?}"
            );
            records.push((position, number));
        }
    }
}

/// The shards of `Move`s in their order, each once.
fn once(shards: &[u32]) -> Vec<ShardIndex> {
    let mut seen = BTreeSet::new();
    shards
        .iter()
        .filter(|shard| seen.insert(**shard))
        .map(|shard| ShardIndex(*shard))
        .collect()
}

fn command(a_move: &Move, base_ms: u64) -> Option<ShardCommand> {
    Some(match a_move {
        Move::Open { shards, created_ms } => {
            let spec = |shard: ShardIndex| {
                let created_ms = base_ms + created_ms;
                let range = range(shard.0);
                ShardSpec {
                    shard,
                    range,
                    created_ms,
                    created_s: created_ms / 1000,
                }
            };
            ShardCommand::Open {
                shards: once(shards).into_iter().map(spec).collect(),
            }
        }
        Move::Close { shards, time_ms } => ShardCommand::Close {
            shards: once(shards),
            time_ms: base_ms + time_ms,
            children: vec![],
        },
        Move::CloseAndOpen {
            shards,
            child,
            time_ms,
        } => {
            let parents = once(shards);
            let shard = ShardIndex(*child);
            let children = vec![ChildSpec {
                shard,
                parents: parents.clone(),
                range: range(*child),
            }];
            ShardCommand::CloseAndOpen {
                shards: parents,
                time_ms: base_ms + time_ms,
                children,
            }
        }
        Move::Expire { shard } => ShardCommand::Expire {
            shards: vec![ShardIndex(*shard)],
        },
        Move::Append { .. } | Move::Skip | Move::Stale { .. } => return None,
    })
}

fn headers_of(headers: &[(u32, u32)], time_ms: u64) -> Vec<AppendHeader> {
    headers
        .iter()
        .map(|(shard, count)| AppendHeader {
            shard: ShardIndex(*shard),
            count: *count,
            bytes: count * 7,
            time_ms,
        })
        .collect()
}

fn run(moves: &[Move], reload_at: usize) -> (ShardSet, Model) {
    let (mut set, mut replica) = (ShardSet::new(), ShardSet::new());
    let mut model = Model::default();
    let mut index = 0;
    for (at, a_move) in moves.iter().enumerate() {
        let base_ms = 1_000 * u64::try_from(at / 3).expect("small");
        index += 1;
        if at == reload_at {
            replica = ShardSet::decode(&replica.encode()).expect("its own bytes");
        }
        match a_move {
            Move::Append { headers, time_ms } => {
                let headers = headers_of(headers, base_ms + time_ms);
                let outcomes = set.append(index, &headers);
                assert_eq!(outcomes, replica.append(index, &headers));
                assert_eq!(outcomes.len(), headers.len());
                for (outcome, header) in outcomes.iter().zip(&headers) {
                    model.accept(outcome, header.count);
                }
                let marks = headers
                    .iter()
                    .map(|header| (header.shard, header.count))
                    .collect();
                model.log.insert(index, marks);
            }
            Move::Stale { back } => {
                let stale = set.last_index().saturating_sub(*back);
                let before = set.clone();
                let outcomes = set.append(stale, &headers_of(&[(0, 1), (1, 1)], u64::MAX));
                assert!(
                    outcomes
                        .iter()
                        .all(|o| matches!(o, AppendOutcome::Refused { .. }))
                );
                assert_eq!(set, before);
            }
            Move::Skip => {}
            Move::Open { .. }
            | Move::Close { .. }
            | Move::CloseAndOpen { .. }
            | Move::Expire { .. } => {
                let command = command(a_move, base_ms).expect("these are commands");
                let before = set.clone();
                let outcome = set.command(index, command.clone());
                assert_eq!(outcome, replica.command(index, command.clone()));
                check_command(&before, &set, &mut model, &command, &outcome);
            }
        }
        set.check().expect("every move keeps the invariants");
    }
    assert_eq!(
        set.encode(),
        replica.encode(),
        "replicas agree byte for byte"
    );
    assert_eq!(ShardSet::decode(&set.encode()).as_ref(), Ok(&set));
    (set, model)
}

fn check_command(
    before: &ShardSet,
    set: &ShardSet,
    model: &mut Model,
    command: &ShardCommand,
    outcome: &ShardOutcome,
) {
    if matches!(outcome, ShardOutcome::Refused { .. }) {
        let mut same = before.clone();
        same.last_index = set.last_index;
        assert_eq!(same, *set, "a refused command changes nothing");
        return;
    }
    if let ShardOutcome::Closed(closings) = outcome {
        for closing in closings {
            model.closed.insert(closing.shard);
            let records = model.records.get(&closing.shard);
            let last = records.and_then(|records| records.last());
            assert!(last.is_none_or(|(position, number)| {
                *position < closing.end && *number < closing.ending
            }));
        }
    }
    let mut again = set.clone();
    let repeated = again.command(set.last_index + 1, command.clone());
    again.last_index = set.last_index;
    assert_eq!(
        (&repeated, &again),
        (outcome, set),
        "a repeat finds its work done"
    );
}

/// What a reader of `shard` gets who follows plans from `start`.
fn read(
    set: &ShardSet,
    log: &LogMarks,
    shard: ShardIndex,
    start: Position,
    purged: u64,
) -> Vec<Position> {
    let state = set.shard(shard).expect("the caller asks for a known shard");
    let window = LogWindow {
        purged_index: purged,
        applied_index: set.last_index(),
    };
    let plan = read_plan(state, start, window);
    assert_eq!(plan.is_empty(), plan.from_index > plan.upto_index);
    let mut got = Vec::new();
    for index in plan.from_index..=plan.upto_index {
        if plan.refused.contains(&index) {
            continue;
        }
        let skip = if index == plan.from_index {
            plan.skip_ordinals
        } else {
            0
        };
        for (_, count) in log
            .get(&index)
            .into_iter()
            .flatten()
            .filter(|mark| mark.0 == shard)
        {
            got.extend((skip..*count).map(|ordinal| Position::new(index, ordinal)));
        }
    }
    assert_eq!(
        plan.ended,
        state.closed.is_some() && got.is_empty(),
        "{plan:?}"
    );
    let next = read_plan(state, plan.resume, window);
    assert!(
        next.is_empty() && plan.resume >= start,
        "all was scanned: {plan:?}"
    );
    assert_eq!(next.ended, state.closed.is_some());
    got
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_reader_gets_exactly_what_was_acknowledged(
        moves in proptest::collection::vec(moves(), 1..80),
        reload_at in 0..80usize,
        start in (0..80u64, 0..6u32),
        purged in 0..80u64,
    ) {
        let (set, model) = run(&moves, reload_at);
        let purged = purged.min(set.last_index());
        for start in [Position::START, Position::new(start.0, start.1), Position::END] {
            for purged in [0, purged] {
                for (shard, _) in set.shards() {
                    let acknowledged = model.records.get(&shard).into_iter().flatten();
                    let expect: Vec<Position> = acknowledged
                        .map(|(position, _)| *position)
                        .filter(|position| *position >= start && position.log_index() > purged)
                        .collect();
                    prop_assert_eq!(read(&set, &model.log, shard, start, purged), expect);
                }
            }
        }
    }
}
