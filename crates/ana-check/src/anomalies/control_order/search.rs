//! The search for an order of operations that explains their answers.
//!
//! ```text
//!   state, what is done ──┬── questions that this state answers so are answered at once: they change nothing
//!                         ├── an operation whose time has come ──> state'
//!                         └── the state turns by itself ──> state'
//! ```
//! An operation's time has come when no other one that is not done yet was answered before it was asked. Answering a
//! question as soon as it can be is always right: it takes no later choice away.
//!
//! Must stay true: a state with the same things done is never gone into twice, and every step is counted.

use std::collections::BTreeSet;

use super::model::Model;
use crate::history::{Control, ControlAnswer, ControlCall};

/// What a search came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The operation that could not be placed where the search got furthest; `None` if an order was found.
    pub(super) stuck_at: Option<usize>,
    pub(super) gave_up: bool,
    pub(super) steps: u64,
}

/// One operation with the time in which it took effect, if it did.
#[derive(Debug, Clone, Copy)]
struct Operation<'h> {
    control: &'h Control,
    from_us: u64,
    upto_us: u64,
    is_question: bool,
}

/// Sets of operations, a bit each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Done(Vec<u64>);

impl Done {
    fn none(count: usize) -> Done {
        Done(vec![0; count.div_ceil(64)])
    }

    fn has(&self, index: usize) -> bool {
        self.0[index / 64] & (1 << (index % 64)) != 0
    }

    fn add(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

/// A point of the search: what is done, and the state it led to. All before `first` is done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    done: Done,
    model: Model,
}

/// All operations on one stream.
#[derive(Debug)]
pub(super) struct Search<'h> {
    /// By when they were asked.
    operations: Vec<Operation<'h>>,
    /// Their places in what was given.
    given: Vec<usize>,
}

impl<'h> Search<'h> {
    /// A search over some operations; questions may be answered from what was known `lag_us` before.
    pub(super) fn new(controls: &[&'h Control], lag_us: u64) -> Search<'h> {
        let operation = |control: &&'h Control| {
            let is_question = matches!(
                control.call,
                ControlCall::List | ControlCall::DescribeConsumer { .. }
            );
            let when = control.when;
            Operation {
                control,
                from_us: when
                    .asked_us
                    .saturating_sub(if is_question { lag_us } else { 0 }),
                upto_us: if control.answer == ControlAnswer::Unknown {
                    u64::MAX
                } else {
                    when.answered_us
                },
                is_question,
            }
        };
        let all: Vec<Operation<'h>> = controls.iter().map(operation).collect();
        let mut given: Vec<usize> = (0..all.len())
            // A question without an answer says nothing.
            .filter(|each| !(all[*each].is_question && all[*each].upto_us == u64::MAX))
            .collect();
        given.sort_by_key(|each| (all[*each].from_us, all[*each].upto_us));
        Search {
            operations: given.iter().map(|each| all[*each]).collect(),
            given,
        }
    }

    /// Searches, for at most so many steps.
    pub(super) fn run(&self, steps_max: u64) -> Outcome {
        let mut tried: BTreeSet<Point> = BTreeSet::new();
        let mut open = vec![Point {
            done: Done::none(self.operations.len()),
            model: Model::default(),
        }];
        let (mut steps, mut furthest, mut stuck_at) = (0, 0, None);
        while let Some(mut point) = open.pop() {
            if steps >= steps_max {
                return Outcome {
                    stuck_at: stuck_at.or(Some(0)),
                    gave_up: true,
                    steps,
                };
            }
            steps += self.answer_questions(&mut point);
            let Some(due) = self.first_due(&point.done) else {
                return Outcome {
                    stuck_at: None,
                    gave_up: false,
                    steps,
                };
            };
            if stuck_at.is_none() || point.done.count() > furthest {
                furthest = point.done.count();
                stuck_at = Some(self.given[due]);
            }
            if tried.contains(&point) {
                continue;
            }
            steps += self.go_on(&point, self.operations[due].upto_us, &mut open);
            tried.insert(point);
        }
        Outcome {
            stuck_at,
            gave_up: false,
            steps,
        }
    }

    /// The operation that is not done and was answered first; `None` when all that were answered are done.
    fn first_due(&self, done: &Done) -> Option<usize> {
        self.operations
            .iter()
            .enumerate()
            .filter(|(index, it)| it.upto_us != u64::MAX && !done.has(*index))
            .min_by_key(|(_, it)| it.upto_us)
            .map(|(index, _)| index)
    }

    /// Answers every question whose time has come and whose answer fits.
    fn answer_questions(&self, point: &mut Point) -> u64 {
        let mut steps = 0;
        loop {
            let due = self.first_due(&point.done);
            let upto = due.map_or(u64::MAX, |due| self.operations[due].upto_us);
            let mut is_answered = false;
            for (index, it) in self.operations.iter().enumerate() {
                if it.from_us > upto {
                    break;
                }
                steps += 1;
                if it.is_question
                    && !point.done.has(index)
                    && point.model.may_answer(&it.control.call, &it.control.answer)
                {
                    point.done.add(index);
                    is_answered = true;
                }
            }
            if !is_answered {
                return steps;
            }
        }
    }

    fn go_on(&self, point: &Point, upto: u64, open: &mut Vec<Point>) -> u64 {
        let mut steps = 0;
        // The last pushed is tried first: what was answered, in order; then changes without being asked.
        for model in point.model.settled() {
            steps += 1;
            open.push(Point {
                done: point.done.clone(),
                model,
            });
        }
        for (index, it) in self.operations.iter().enumerate().rev() {
            if it.is_question || it.from_us > upto || point.done.has(index) {
                continue;
            }
            steps += 1;
            if let Some(model) = point.model.after(&it.control.call, &it.control.answer) {
                let mut done = point.done.clone();
                done.add(index);
                open.push(Point { done, model });
            }
        }
        steps
    }
}
