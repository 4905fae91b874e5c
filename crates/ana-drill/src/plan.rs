//! A drill laid out in time: what fires and reverts when, what overlaps, how far it reaches at once, how long
//! it takes. Printed, it is what a person reads before the drill runs.
//!
//! Must stay true: a plan never hurts more zones at once than is allowed. A zone counts as hurt for a while
//! after its fault is gone, because its replicas are still catching up.

mod print;

use crate::action::{Action, Harm, Revert};
use crate::blast::{Blast, ZONES_ASSUMED, zones_of};
use crate::chance::Chance;
use crate::check::{Check, Window};
use crate::file::{Drill, DrillName, Load, Step, Watch};
use crate::quantity::Span;
use crate::targets::{ResolveError, Target};
use crate::topology::Topology;
use std::fmt;

/// Zones that a drill may hurt at once without being told that it is meant.
pub const ZONES_AT_ONCE_MAX: u32 = 2;
/// How long a zone counts as hurt after its fault is gone, and after something that is done once.
pub const RECOVERY_ASSUMED: Span = Span::from_secs(10);

/// A drill laid out in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The drill's name.
    pub name: DrillName,
    /// What it shows.
    pub about: String,
    /// Its seed, if the file has one.
    pub seed: Option<u64>,
    /// What must hold before it starts.
    pub steady: Vec<Check>,
    /// How long that must be watched.
    pub before: Span,
    /// The load, if the runner puts it on.
    pub load: Option<Load>,
    /// What of the user's own traffic is looked at, if there is no load.
    pub watch: Option<Watch>,
    /// The faults in the order in which they fire.
    pub faults: Vec<Planned>,
    /// When the last fault is gone.
    pub heal_at: Span,
    /// When the last check can be decided.
    pub ends_at: Span,
    /// The most that is hurt at once.
    pub widest: Widest,
    /// What ends it at once.
    pub stop: Vec<Check>,
    /// What must have held at the end.
    pub expect: Vec<Check>,
    /// What whoever runs it should know.
    pub notes: Vec<Note>,
}

/// A fault with its time and its reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its number in the file, from one.
    pub number: usize,
    /// Its name, if the file gives one.
    pub name: Option<String>,
    /// When it fires.
    pub at: Span,
    /// When it reverts; nothing for what is done once.
    pub until: Option<Span>,
    /// What it does.
    pub action: Action,
    /// What it is aimed at.
    pub on: Target,
    /// How far it reaches.
    pub blast: Blast,
    /// The numbers of the faults that are on at the same time.
    pub overlaps: Vec<usize>,
}

/// The moment at which most is hurt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widest {
    /// Zones that may be hurt then.
    pub zones: u32,
    /// Zones there are, or are assumed.
    pub of: u32,
    /// When that begins.
    pub at: Span,
    /// The numbers of the faults that do it.
    pub faults: Vec<usize>,
}

/// Something to know before a drill runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The drill can be stopped, and cannot fail.
    NothingExpected,
    /// Nothing ends it early.
    NoGuard,
    /// The drill hurts more than is usual, and was told that it is meant.
    Wide,
    /// No cluster was given to lay the drill out for.
    ZonesAssumed,
    /// Nobody knows beforehand how long a fault takes, so all times after it may be later.
    Open {
        /// The number of the fault.
        fault: usize,
    },
    /// A target has no members in the cluster as it is now.
    NotThere {
        /// The number of the fault.
        fault: usize,
        /// Why not.
        why: ResolveError,
    },
}

/// Why a drill has no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// More is hurt at once than is allowed.
    #[error(
        "{} may hurt {} of {} zones at once, from {}: more than {ZONES_AT_ONCE_MAX} need --i-know",
        steps(&.0.faults), .0.zones, .0.of, .0.at
    )]
    TooWide(Widest),
    /// The drill ends beyond what a drill can say.
    #[error(
        "step {number} ends after {}, the longest a drill takes",
        Span::LONGEST
    )]
    TooLong {
        /// The number of the fault.
        number: usize,
    },
}

impl Plan {
    /// Lays out a drill for a cluster that may be known. `i_know` allows it to hurt more zones at once than
    /// is usual.
    pub fn of(drill: &Drill, topology: Option<&Topology>, i_know: bool) -> Result<Plan, PlanError> {
        let faults = faults(drill, topology)?;
        let widest = widest(&faults, zones_of(topology));
        let wide = widest.zones > ZONES_AT_ONCE_MAX;
        if wide && !i_know {
            return Err(PlanError::TooWide(widest));
        }
        let heal_at = faults
            .iter()
            .map(Planned::gone_at)
            .max()
            .unwrap_or_default();
        let after = drill.expect.iter().map(watched).max().unwrap_or_default();
        let mut notes = Vec::new();
        if drill.expect.is_empty() {
            notes.push(Note::NothingExpected);
        }
        if drill.stop.is_empty() {
            notes.push(Note::NoGuard);
        }
        if wide {
            notes.push(Note::Wide);
        }
        let open = faults.iter().filter(|fault| fault.is_open());
        notes.extend(open.map(|fault| Note::Open {
            fault: fault.number,
        }));
        match topology {
            Some(topology) => notes.extend(not_there(drill, topology)),
            None => notes.push(Note::ZonesAssumed),
        }
        Ok(Plan {
            name: drill.name.clone(),
            about: drill.about.clone(),
            seed: drill.seed,
            steady: drill.steady.clone(),
            before: drill.steady.iter().map(watched).max().unwrap_or_default(),
            load: drill.load.clone(),
            watch: drill.watched(),
            faults,
            heal_at,
            ends_at: heal_at.plus(after),
            widest,
            stop: drill.stop.clone(),
            expect: drill.expect.clone(),
            notes,
        })
    }
}

impl Planned {
    /// When the fault is gone: at once for what is done once.
    pub fn gone_at(&self) -> Span {
        self.until.unwrap_or(self.at)
    }

    /// Whether nobody knows beforehand how long it takes: one node after another, or a repair. Two wiped disks
    /// are two lost replicas until the first is full again.
    fn is_open(&self) -> bool {
        let spec = self.action.spec();
        let long = spec.harm == Harm::OneNodeAtATime || spec.revert == Revert::Repaired;
        self.until.is_none() && long
    }

    /// Until when what it hits counts as hurt.
    fn hurts_until(&self) -> Span {
        if self.is_open() {
            return Span::from_micros(u64::MAX);
        }
        self.gone_at().plus(RECOVERY_ASSUMED)
    }

    fn overlaps(&self, other: &Planned) -> bool {
        self.number != other.number && self.at <= other.gone_at() && other.at <= self.gone_at()
    }
}

fn faults(drill: &Drill, topology: Option<&Topology>) -> Result<Vec<Planned>, PlanError> {
    let mut faults = Vec::new();
    for (number, step) in (1..).zip(&drill.steps) {
        let fault = planned(number, step, topology);
        if fault.gone_at() > Span::LONGEST {
            return Err(PlanError::TooLong { number });
        }
        faults.push(fault);
    }
    // The order of the file decides between those that fire at once.
    faults.sort_by_key(|fault| fault.at);
    let overlaps: Vec<Vec<usize>> = faults
        .iter()
        .map(|fault| {
            let others = faults.iter().filter(|other| fault.overlaps(other));
            others.map(|other| other.number).collect()
        })
        .collect();
    for (fault, overlaps) in faults.iter_mut().zip(overlaps) {
        fault.overlaps = overlaps;
    }
    Ok(faults)
}

fn planned(number: usize, step: &Step, topology: Option<&Topology>) -> Planned {
    Planned {
        number,
        name: step.name.clone(),
        at: step.at,
        until: step.lasts.map(|lasts| step.at.plus(lasts)),
        action: step.action.clone(),
        on: step.on.clone(),
        blast: Blast::of(&step.action, &step.on, topology),
        overlaps: Vec::new(),
    }
}

/// The worst moment. It is always one at which a fault fires.
fn widest(faults: &[Planned], total: u32) -> Widest {
    let mut widest = Widest {
        zones: 0,
        of: total,
        at: Span::ZERO,
        faults: Vec::new(),
    };
    for moment in faults.iter().map(|fault| fault.at) {
        let hurting = faults.iter().filter(|fault| {
            fault.at <= moment && moment <= fault.hurts_until() && fault.blast.zones_most(total) > 0
        });
        let mut joined = Blast::default();
        let mut numbers = Vec::new();
        for fault in hurting {
            joined = joined.join(&fault.blast);
            numbers.push(fault.number);
        }
        let zones = joined.zones_most(total);
        if zones > widest.zones {
            widest = Widest {
                zones,
                of: total,
                at: moment,
                faults: numbers,
            };
        }
    }
    widest
}

/// How long a check must be watched, before the start or after the healing.
fn watched(check: &Check) -> Span {
    match check.window {
        Window::Throughout => Span::ZERO,
        Window::For(span) | Window::WithinOfHeal(span) => span,
    }
}

fn not_there(drill: &Drill, topology: &Topology) -> Vec<Note> {
    let seed = drill.seed.unwrap_or_default();
    let resolved = drill.steps.iter().enumerate().map(|(at, step)| {
        (
            at + 1,
            step.on.resolve(topology, &mut Chance::of_step(seed, at)),
        )
    });
    let missing = resolved.filter_map(|(fault, resolved)| Some((fault, resolved.err()?)));
    missing
        .map(|(fault, why)| Note::NotThere { fault, why })
        .collect()
}

/// `step 1` or `steps 1, 3`.
fn steps(numbers: &[usize]) -> String {
    let word = if numbers.len() == 1 { "step" } else { "steps" };
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    format!("{word} {}", numbers.join(", "))
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::NothingExpected => f.write_str("nothing is expected: this drill cannot fail"),
            Note::NoGuard => f.write_str("nothing stops it early but its end"),
            Note::Wide => f.write_str("no majority of zones is left at its worst: writes may stop"),
            Note::ZonesAssumed => write!(
                f,
                "laid out without a cluster: {ZONES_ASSUMED} zones are assumed"
            ),
            Note::Open { fault } => {
                write!(
                    f,
                    "step {fault} takes as long as it takes: what ends later may end later still"
                )
            }
            Note::NotThere { fault, why } => {
                write!(f, "step {fault} would find nothing now: {why}")
            }
        }
    }
}

#[cfg(test)]
#[path = "plan/plan_test.rs"]
mod plan_test;
