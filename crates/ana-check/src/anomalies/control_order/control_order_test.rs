//! Histories of control-plane operations that have an order, and some that have none.

use crate::check;
use crate::history::ControlAnswer::{InUse, NotFound, Ok, Open, Unknown};
use crate::history::{Asked, Control, ControlAnswer, ControlCall, History, Rules};
use crate::{Anomaly, Judgement};

type Operation = (ControlCall, ControlAnswer, Asked);
/// Name, operations, and whether they have an order.
type Case = (&'static str, Vec<Operation>, bool);

fn control(call: ControlCall, answer: ControlAnswer, from: u64, upto: u64) -> Operation {
    let when = Asked {
        asked_us: from,
        answered_us: upto,
    };
    (call, answer, when)
}

fn judged(operations: Vec<Operation>, steps_max: u64) -> Judgement {
    let mut history = History::new(Rules {
        metadata_lag_ms: 0,
        control_steps_max: steps_max,
        ..Rules::default()
    });
    for (call, answer, when) in operations {
        let client = history.client("admin");
        history.control(Control {
            stream: "s".to_owned(),
            client,
            call,
            answer,
            when,
        });
    }
    check(&history).of(Anomaly::ControlOrder).clone()
}

fn create() -> ControlCall {
    ControlCall::Create { shards: 2 }
}

fn split(shard: u32) -> ControlCall {
    ControlCall::Split { shard }
}

fn judge_all(cases: Vec<Case>) {
    for (name, operations, is_good) in cases {
        let judgement = judged(operations, 10_000);
        assert_eq!(judgement.found == 0, is_good, "{name}: {judgement}");
        assert!(
            judgement.is_exercised() && judgement.undecided.is_none(),
            "{name}"
        );
    }
}

#[test]
fn a_stream_is_made_once() {
    judge_all(vec![
        (
            "made",
            vec![
                control(create(), Ok, 1, 2),
                control(ControlCall::List, Open(vec![0, 1]), 3, 4),
            ],
            true,
        ),
        (
            "made twice",
            vec![control(create(), Ok, 1, 2), control(create(), Ok, 3, 4)],
            false,
        ),
        (
            "one of two at once",
            vec![control(create(), Ok, 1, 9), control(create(), InUse, 1, 9)],
            true,
        ),
        (
            "in use before it was made",
            vec![control(create(), InUse, 1, 2), control(create(), Ok, 3, 4)],
            false,
        ),
        (
            "no answer, and done",
            vec![
                control(create(), Unknown, 1, 2),
                control(create(), InUse, 3, 4),
            ],
            true,
        ),
        (
            "no answer, and not done",
            vec![
                control(create(), Unknown, 1, 2),
                control(ControlCall::List, NotFound, 3, 4),
            ],
            true,
        ),
        (
            "done, and undone by itself",
            vec![
                control(create(), Unknown, 1, 2),
                control(ControlCall::List, Open(vec![0, 1]), 3, 4),
                control(ControlCall::List, NotFound, 5, 6),
            ],
            false,
        ),
        (
            "deleted, gone, made again",
            vec![
                control(create(), Ok, 1, 2),
                control(ControlCall::Delete, Ok, 3, 4),
                control(ControlCall::List, NotFound, 5, 6),
                control(ControlCall::Delete, NotFound, 7, 8),
                control(create(), Ok, 9, 10),
            ],
            true,
        ),
    ]);
}

#[test]
fn shards_are_split_and_merged_once() {
    judge_all(vec![
        (
            "split, seen before and after",
            vec![
                control(create(), Ok, 1, 2),
                control(split(0), Ok, 3, 4),
                control(ControlCall::List, Open(vec![1, 0]), 5, 6),
                control(split(1), InUse, 7, 8),
                control(ControlCall::List, Open(vec![1, 2, 3]), 9, 10),
                control(
                    ControlCall::Merge {
                        shard: 1,
                        adjacent: 2,
                    },
                    Ok,
                    11,
                    12,
                ),
                control(ControlCall::List, Open(vec![3, 4]), 13, 14),
            ],
            true,
        ),
        (
            "split, and back",
            vec![
                control(create(), Ok, 1, 2),
                control(split(0), Ok, 3, 4),
                control(ControlCall::List, Open(vec![1, 2, 3]), 5, 6),
                control(ControlCall::List, Open(vec![0, 1]), 7, 8),
            ],
            false,
        ),
        (
            "a merge of a shard that is closed",
            vec![
                control(create(), Ok, 1, 2),
                control(split(0), Ok, 3, 4),
                control(
                    ControlCall::Merge {
                        shard: 0,
                        adjacent: 1,
                    },
                    Ok,
                    5,
                    6,
                ),
            ],
            false,
        ),
    ]);
}

#[test]
fn a_search_that_gives_up_says_so() {
    let impossible = vec![
        control(ControlCall::Create { shards: 1 }, Ok, 1, 2),
        control(ControlCall::List, NotFound, 3, 4),
    ];
    let judgement = judged(impossible.clone(), 3);
    assert!(judgement.found == 0 && !judgement.is_exercised());
    assert!(judgement.undecided.is_some(), "{judgement}");
    assert_eq!(judged(impossible, 1000).found, 1);
}
