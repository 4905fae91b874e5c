//! What a fault comes to once its nodes are known: single acts on machines and links, each with its time.
//!
//! Must stay true: every act that harms is followed by one that heals, so that at the end of the faults the acts that
//! heal are carried out and the others dropped.

use std::time::Duration;

use super::{Fault, FileKind, Lost, Who};

/// How long the process that a bit flip ends stays down.
pub(crate) const RESTART: Duration = Duration::from_millis(150);
/// A torn write is torn at multiples of so many bytes.
pub const FINE_TEAR_BYTES: u64 = 16;

/// One act on a machine or a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The process ends; with `power`, unsynced bytes are lost with it.
    Stop {
        node: usize,
        power: bool,
    },
    Start {
        node: usize,
    },
    /// The next sync fails.
    ArmSync {
        node: usize,
    },
    DisarmSync {
        node: usize,
    },
    Cut {
        from: usize,
        to: usize,
    },
    Join {
        from: usize,
        to: usize,
    },
    /// Messages both ways take up to so long.
    Slow {
        a: usize,
        b: usize,
        latency: Duration,
    },
    Quicken {
        a: usize,
        b: usize,
    },
    Freeze {
        node: usize,
    },
    Thaw {
        node: usize,
    },
    SlowSync {
        node: usize,
        delay: Duration,
    },
    QuickSync {
        node: usize,
    },
    FineTear {
        node: usize,
    },
    CoarseTear {
        node: usize,
    },
    Fill {
        node: usize,
    },
    Empty {
        node: usize,
    },
    Turn {
        node: usize,
        by_ms: i64,
    },
    TurnBack {
        node: usize,
        by_ms: i64,
    },
    Drift {
        node: usize,
        ppm: i64,
    },
    Steady {
        node: usize,
    },
    Flip {
        node: usize,
        file: FileKind,
        place: u64,
    },
    Lose {
        node: usize,
        lost: Lost,
        place: u64,
    },
    /// The node is to lead the n-th group.
    Move {
        group: usize,
        to: usize,
    },
}

impl Act {
    /// Whether it ends something.
    #[must_use]
    pub fn heals(self) -> bool {
        matches!(
            self,
            Act::Start { .. }
                | Act::DisarmSync { .. }
                | Act::Join { .. }
                | Act::Quicken { .. }
                | Act::Thaw { .. }
                | Act::QuickSync { .. }
                | Act::CoarseTear { .. }
                | Act::Empty { .. }
                | Act::TurnBack { .. }
                | Act::Steady { .. }
        )
    }
}

impl Fault {
    /// Its acts in a cluster of so many nodes, with offsets from now; none when a role has nobody at the moment.
    /// `find` says which node is meant, `victim` is the one that may lose what it had synced.
    pub fn acts(
        &self,
        nodes: usize,
        victim: usize,
        find: impl Fn(Who) -> Option<usize>,
    ) -> Option<Vec<(Duration, Act)>> {
        let now = Duration::ZERO;
        Some(match *self {
            Fault::Kill { who, down } => stop(find(who)?, false, down),
            Fault::Power { who, down } => stop(find(who)?, true, down),
            Fault::PowerAll { down } => (0..nodes).flat_map(|it| stop(it, true, down)).collect(),
            Fault::FailedSync { who } => {
                let node = find(who)?;
                // It stays armed until something is synced, or the faults end.
                let never = Duration::MAX;
                vec![
                    (now, Act::ArmSync { node }),
                    (never, Act::DisarmSync { node }),
                ]
            }
            Fault::Cut { .. }
            | Fault::Isolate { .. }
            | Fault::Ring { .. }
            | Fault::Bridge { .. }
            | Fault::Swizzle { .. }
            | Fault::SlowLinks { .. } => self.link_acts(nodes, find)?,
            Fault::Pause { who, lasts } => {
                let node = find(who)?;
                vec![(now, Act::Freeze { node }), (lasts, Act::Thaw { node })]
            }
            Fault::ClockJump { who, by_ms, lasts } => {
                let node = find(who)?;
                vec![
                    (now, Act::Turn { node, by_ms }),
                    (lasts, Act::TurnBack { node, by_ms }),
                ]
            }
            Fault::ClockDrift { who, ppm, lasts } => {
                let node = find(who)?;
                vec![
                    (now, Act::Drift { node, ppm }),
                    (lasts, Act::Steady { node }),
                ]
            }
            Fault::LeaderMove { group, to } => {
                let to = find(Who::Follower(group, to))?;
                vec![(now, Act::Move { group, to })]
            }
            // Its targets are those of a drill: the world asks the step itself.
            Fault::Drill(_) => return None,
            Fault::SlowDisk { .. }
            | Fault::FullDisk { .. }
            | Fault::BitFlip { .. }
            | Fault::LostFiles { .. }
            | Fault::TornTail { .. } => self.disk_acts(victim, find)?,
        })
    }

    fn disk_acts(
        &self,
        victim: usize,
        find: impl Fn(Who) -> Option<usize>,
    ) -> Option<Vec<(Duration, Act)>> {
        let now = Duration::ZERO;
        Some(match *self {
            Fault::SlowDisk { who, delay, lasts } => {
                let node = find(who)?;
                vec![
                    (now, Act::SlowSync { node, delay }),
                    (lasts, Act::QuickSync { node }),
                ]
            }
            Fault::FullDisk { who, lasts } => {
                let node = find(who)?;
                vec![(now, Act::Fill { node }), (lasts, Act::Empty { node })]
            }
            Fault::BitFlip {
                file,
                place,
                restart,
            } => {
                let mut acts = vec![(
                    now,
                    Act::Flip {
                        node: victim,
                        file,
                        place,
                    },
                )];
                if restart {
                    acts.extend(stop(victim, false, RESTART));
                }
                acts
            }
            Fault::LostFiles { lost, place, down } => {
                let mut acts = stop(victim, true, down);
                acts.insert(
                    1,
                    (
                        now,
                        Act::Lose {
                            node: victim,
                            lost,
                            place,
                        },
                    ),
                );
                acts
            }
            Fault::TornTail { who, slow, down } => {
                let node = find(who)?;
                vec![
                    (now, Act::FineTear { node }),
                    (now, Act::SlowSync { node, delay: slow }),
                    (slow * 3 / 4, Act::Stop { node, power: true }),
                    (slow, Act::QuickSync { node }),
                    (slow, Act::CoarseTear { node }),
                    (slow + down, Act::Start { node }),
                ]
            }
            _ => return None,
        })
    }

    fn link_acts(
        &self,
        nodes: usize,
        find: impl Fn(Who) -> Option<usize>,
    ) -> Option<Vec<(Duration, Act)>> {
        let others = |node: usize| (0..nodes).filter(move |other| *other != node);
        Some(match *self {
            Fault::Cut {
                from,
                to,
                both,
                lasts,
            } => {
                let (from, to) = (find(from)?, find(to)?);
                if from == to {
                    return None;
                }
                let back = both.then_some((to, from));
                cut([(from, to)].into_iter().chain(back), lasts)
            }
            Fault::Isolate { who, lasts } => {
                let node = find(who)?;
                cut(others(node).flat_map(|it| [(node, it), (it, node)]), lasts)
            }
            Fault::Ring { lasts } => {
                let stays = |from: usize, to: usize| {
                    (from + 1) % nodes == to || (nodes > 3 && (to + 1) % nodes == from)
                };
                let all = (0..nodes).flat_map(|from| others(from).map(move |to| (from, to)));
                cut(all.filter(|(from, to)| !stays(*from, *to)), lasts)
            }
            Fault::Bridge { who, lasts } => {
                let bridge = find(who)?;
                let ends: Vec<usize> = others(bridge).collect();
                let (left, right) = ends.split_at(ends.len() / 2);
                let between = left
                    .iter()
                    .flat_map(|a| right.iter().flat_map(move |b| [(*a, *b), (*b, *a)]));
                cut(between, lasts)
            }
            Fault::Swizzle {
                who,
                order,
                step,
                lasts,
            } => {
                let node = find(who)?;
                swizzle(node, &others(node).collect::<Vec<_>>(), order, step, lasts)
            }
            Fault::SlowLinks {
                who,
                latency,
                lasts,
            } => {
                let node = find(who)?;
                let slow = others(node).map(|b| {
                    let act = Act::Slow {
                        a: node,
                        b,
                        latency,
                    };
                    (Duration::ZERO, act)
                });
                let quicken = others(node).map(|b| (lasts, Act::Quicken { a: node, b }));
                slow.chain(quicken).collect()
            }
            _ => return None,
        })
    }
}

pub(crate) fn stop(node: usize, power: bool, down: Duration) -> Vec<(Duration, Act)> {
    vec![
        (Duration::ZERO, Act::Stop { node, power }),
        (down, Act::Start { node }),
    ]
}

pub(crate) fn cut(
    ways: impl Iterator<Item = (usize, usize)>,
    lasts: Duration,
) -> Vec<(Duration, Act)> {
    ways.flat_map(|(from, to)| {
        [
            (Duration::ZERO, Act::Cut { from, to }),
            (lasts, Act::Join { from, to }),
        ]
    })
    .collect()
}

/// The ways between a node and each of the others, cut in turn, and from `lasts` on joined in the order of this number.
pub(crate) fn swizzle(
    node: usize,
    others: &[usize],
    order: u64,
    step: Duration,
    lasts: Duration,
) -> Vec<(Duration, Act)> {
    let mut joined = others.to_vec();
    // The digits of the number, to the base of what is left, choose.
    let mut rest = order;
    for left in (1..joined.len()).rev() {
        let choices = left as u64 + 1;
        joined.swap(left, usize::try_from(rest % choices).unwrap_or(0));
        rest /= choices;
    }
    let both = |other| [(node, other), (other, node)];
    // Never after the first is joined again: it may be the same, and would stay cut for ever.
    let cuts = (0..).zip(others).flat_map(|(at, other)| {
        both(*other).map(|(from, to)| ((step * at).min(lasts), Act::Cut { from, to }))
    });
    let joins = (0..).zip(&joined).flat_map(|(at, other)| {
        both(*other).map(|(from, to)| (lasts + step * at, Act::Join { from, to }))
    });
    cuts.chain(joins).collect()
}

#[cfg(test)]
#[path = "act/act_test.rs"]
mod act_test;
