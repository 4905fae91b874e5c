//! Faults drawn by a seed: one of a given class, or what the background brings.

use std::time::Duration;

use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha8Rng;

use super::{Fault, FileKind, Lost, Who};
use crate::class::Class;

/// What of a plan decides which faults are possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub nodes: usize,
    /// Records expire within seconds; a clock must not be off by more than the checks forgive.
    pub trim: bool,
}

/// How far a clock jumps where records live for a day, and where they live for seconds.
const JUMP_MS: i64 = 3_600_000;
const JUMP_MS_TRIM: i64 = 1000;
const DRIFT_PPM: i64 = 50_000;

fn ms(dice: &mut ChaCha8Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(dice.random_range(range))
}

/// Leaders are hit more often than chance would: that is where things go wrong.
fn who(dice: &mut ChaCha8Rng, nodes: usize) -> Who {
    match dice.random_range(0..10) {
        0..=3 => Who::Leader(dice.random_range(0..8)),
        4..=5 => Who::Follower(dice.random_range(0..8), dice.random_range(0..2)),
        _ => Who::Node(dice.random_range(0..nodes)),
    }
}

fn two(dice: &mut ChaCha8Rng, nodes: usize) -> (Who, Who) {
    if dice.random_bool(0.5) {
        let group = dice.random_range(0..8);
        let ends = (
            Who::Leader(group),
            Who::Follower(group, dice.random_range(0..2)),
        );
        return if dice.random_bool(0.5) {
            ends
        } else {
            (ends.1, ends.0)
        };
    }
    let from = dice.random_range(0..nodes);
    let to = (from + dice.random_range(1..nodes)) % nodes;
    (Who::Node(from), Who::Node(to))
}

/// A fault of a class.
pub fn random(class: Class, dice: &mut ChaCha8Rng, shape: Shape) -> Fault {
    let nodes = shape.nodes;
    match class {
        Class::Kill => Fault::Kill {
            who: who(dice, nodes),
            down: ms(dice, 50..4000),
        },
        Class::Power => Fault::Power {
            who: who(dice, nodes),
            down: ms(dice, 50..4000),
        },
        Class::PowerAll => Fault::PowerAll {
            down: ms(dice, 100..1500),
        },
        Class::FailedSync => Fault::FailedSync {
            who: who(dice, nodes),
        },
        Class::CutOneWay | Class::CutBothWays => {
            let (from, to) = two(dice, nodes);
            Fault::Cut {
                from,
                to,
                both: class == Class::CutBothWays,
                lasts: ms(dice, 100..5000),
            }
        }
        Class::Isolate => Fault::Isolate {
            who: who(dice, nodes),
            lasts: ms(dice, 100..5000),
        },
        Class::Ring => Fault::Ring {
            lasts: ms(dice, 500..5000),
        },
        Class::Bridge => Fault::Bridge {
            who: who(dice, nodes),
            lasts: ms(dice, 500..5000),
        },
        Class::Swizzle => Fault::Swizzle {
            who: who(dice, nodes),
            order: dice.next_u64(),
            step: ms(dice, 20..500),
            lasts: ms(dice, 1000..4000),
        },
        Class::SlowLinks => Fault::SlowLinks {
            who: who(dice, nodes),
            latency: ms(dice, 50..400),
            lasts: ms(dice, 500..4000),
        },
        Class::Pause => Fault::Pause {
            who: who(dice, nodes),
            // A lease lasts 1.5 s at most: some pauses end before, most behind it.
            lasts: ms(dice, 500..5000),
        },
        Class::ClockJump | Class::ClockDrift | Class::LeaderMove => clock(class, dice, shape),
        Class::SlowDisk | Class::FullDisk | Class::BitFlip | Class::LostFiles | Class::TornTail => {
            disk(class, dice, nodes)
        }
    }
}

fn clock(class: Class, dice: &mut ChaCha8Rng, shape: Shape) -> Fault {
    let most = if shape.trim { JUMP_MS_TRIM } else { JUMP_MS };
    match class {
        Class::ClockJump => Fault::ClockJump {
            who: who(dice, shape.nodes),
            by_ms: dice.random_range(-most..=most),
            lasts: ms(dice, 500..5000),
        },
        Class::ClockDrift => Fault::ClockDrift {
            who: who(dice, shape.nodes),
            ppm: dice.random_range(-DRIFT_PPM..=DRIFT_PPM),
            lasts: ms(dice, 2000..8000),
        },
        _ => Fault::LeaderMove {
            group: dice.random_range(0..8),
            to: dice.random_range(0..2),
        },
    }
}

fn disk(class: Class, dice: &mut ChaCha8Rng, nodes: usize) -> Fault {
    match class {
        Class::SlowDisk => Fault::SlowDisk {
            who: who(dice, nodes),
            delay: ms(dice, 20..400),
            lasts: ms(dice, 500..5000),
        },
        Class::FullDisk => Fault::FullDisk {
            who: who(dice, nodes),
            lasts: ms(dice, 500..5000),
        },
        Class::BitFlip => Fault::BitFlip {
            file: match dice.random_range(0..6) {
                0..=3 => FileKind::Entries,
                4 => FileKind::Vote,
                _ => FileKind::Snapshot,
            },
            place: dice.next_u64(),
            restart: dice.random_bool(0.7),
        },
        Class::LostFiles => Fault::LostFiles {
            lost: match dice.random_range(0..5) {
                0 => Lost::Checkpoints,
                1 => Lost::Sealed,
                2..=3 => Lost::Snapshot,
                _ => Lost::Everything,
            },
            place: dice.next_u64(),
            down: ms(dice, 50..2000),
        },
        _ => Fault::TornTail {
            who: who(dice, nodes),
            slow: ms(dice, 40..400),
            down: ms(dice, 50..2000),
        },
    }
}

/// What goes wrong in every run, whatever classes it crosses: machines that lose power, links that are cut, and now and
/// then an election with a power cut in the middle of it.
pub fn background(dice: &mut ChaCha8Rng, shape: Shape) -> Vec<(Duration, Fault)> {
    let class = match dice.random_range(0..13) {
        0..=2 => Class::Power,
        3 => Class::Kill,
        4 => Class::FailedSync,
        5 => Class::PowerAll,
        6 => Class::CutOneWay,
        7 => Class::CutBothWays,
        8..=9 => Class::Isolate,
        _ => return election(dice),
    };
    vec![(Duration::ZERO, random(class, dice, shape))]
}

/// A leader is cut off; while or just after the others elect the next, one of them loses power; and the next is cut off,
/// too, before everybody has heard of it. Votes that were not durable are forgotten here.
fn election(dice: &mut ChaCha8Rng) -> Vec<(Duration, Fault)> {
    let group = dice.random_range(0..8);
    let mut faults = Vec::new();
    let lasts = ms(dice, 1500..4000);
    let first = match dice.random_range(0..3) {
        0 => Fault::Pause {
            who: Who::Leader(group),
            lasts,
        },
        1 => Fault::Power {
            who: Who::Leader(group),
            down: lasts,
        },
        _ => Fault::Isolate {
            who: Who::Leader(group),
            lasts,
        },
    };
    faults.push((Duration::ZERO, first));
    // Followers wait for 0.75 to 1.5 s before they stand.
    let elected = ms(dice, 800..2200);
    let voter = Who::Follower(group, dice.random_range(0..2));
    faults.push((
        elected,
        Fault::Power {
            who: voter,
            down: ms(dice, 20..300),
        },
    ));
    if dice.random_bool(0.7) {
        let cut_off = elected.saturating_sub(ms(dice, 0..200)) + ms(dice, 0..200);
        let next = Fault::Isolate {
            who: Who::Leader(group),
            lasts: ms(dice, 1500..4500),
        };
        faults.push((cut_off, next));
    }
    faults
}
