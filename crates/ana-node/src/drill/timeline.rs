//! When a drill does what: a state machine that is told the time and what happened, and says what is to be done. Pure.
//!
//! ```text
//!   Steady --held--> Faults --all over--> Healing --watched long enough--> Over
//!      \--not held in time--> Over (refused)   \--guard, person--> Healing, cut short
//! ```
//! Must stay true:
//! - a fault that fired is ended exactly once, whatever happens, unless it ended by itself;
//! - after the end was asked for, nothing fires any more;
//! - the drill is healed when the last fault that fired is over, and not before.

use ana_drill::Plan;
use ana_drill::check::{Check, Verdict, Window};
use ana_drill::observations::Observations;
use ana_drill::quantity::Span;

use super::record::Phase;

/// How much longer than asked the steady state is waited for: the load starts, connections are made.
const STEADY_GRACE: Span = Span::from_secs(15);
/// How long all must have been well after the healing before the watch ends early.
const SETTLED: Span = Span::from_secs(5);
/// How long is watched after a drill was cut short: long enough to see writes again.
const CUT_SHORT_WATCH: Span = Span::from_secs(10);

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The clock of the drill starts now: the steady state held.
    Start,
    /// Let the fault with this place in the plan fire.
    Fire(usize),
    /// End it.
    End(usize),
    /// All faults are gone.
    Healed,
    /// Everything has been watched.
    Finish,
    /// The steady state did not hold in time.
    Refuse,
}

/// Why a drill was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// A guard.
    Guard,
    /// A person.
    Person,
}

/// Where a fault stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Waiting,
    On,
    Ending,
    Over,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    at: Span,
    until: Option<Span>,
    stand: Stand,
}

/// The course of one run.
#[derive(Debug, Clone)]
pub struct Timeline {
    phase: Phase,
    steady: Vec<Check>,
    steady_max: Span,
    slots: Vec<Slot>,
    expect: Vec<Check>,
    /// At the least, and at the most, after the healing.
    watch: (Span, Span),
    healed_at: Option<Span>,
    well_since: Option<Span>,
    cut: Option<Cut>,
}

impl Timeline {
    /// The course of a plan.
    pub fn new(plan: &Plan) -> Timeline {
        let slot = |fault: &ana_drill::plan::Planned| Slot {
            at: fault.at,
            until: fault.until,
            stand: Stand::Waiting,
        };
        let after = |check: &Check| match check.window {
            Window::Throughout => Span::ZERO,
            Window::For(span) | Window::WithinOfHeal(span) => span,
        };
        let for_so_long = |check: &Check| match check.window {
            Window::For(span) => span,
            Window::Throughout | Window::WithinOfHeal(_) => Span::ZERO,
        };
        let least = plan.expect.iter().map(for_so_long).max();
        let most = plan.expect.iter().map(after).max();
        let least = least.unwrap_or_default().max(SETTLED);
        Timeline {
            phase: Phase::Steady,
            steady: plan.steady.clone(),
            steady_max: plan.before.plus(STEADY_GRACE),
            slots: plan.faults.iter().map(slot).collect(),
            expect: plan.expect.clone(),
            watch: (least, most.unwrap_or_default().max(least)),
            healed_at: None,
            well_since: None,
            cut: None,
        }
    }

    /// The part of the run.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// When the last fault was over, once it was.
    pub fn healed_at(&self) -> Option<Span> {
        self.healed_at
    }

    /// Why it was cut short, if it was.
    pub fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// Whether a fault fired.
    pub fn fired(&self, fault: usize) -> bool {
        let slot = self.slots.get(fault);
        slot.is_some_and(|slot| slot.stand != Stand::Waiting)
    }

    /// Looks at the clock and at what was seen. In the steady part both count from the start of the load, after it from
    /// the start of the drill.
    pub fn look(&mut self, now: Span, seen: &Observations) -> Vec<Command> {
        match self.phase {
            Phase::Steady => self.steady(now, seen),
            Phase::Faults => self.faults(now),
            Phase::Healing => self.healing(now, seen),
            Phase::Audit | Phase::Over => Vec::new(),
        }
    }

    /// What of the steady state does not hold.
    pub fn unsteady(&self, seen: &Observations) -> Vec<(Check, Verdict)> {
        let judged = self
            .steady
            .iter()
            .map(|check| (check.clone(), check.evaluate(seen)));
        judged
            .filter(|(_, verdict)| *verdict != Verdict::Held)
            .collect()
    }

    fn steady(&mut self, now: Span, seen: &Observations) -> Vec<Command> {
        if self.unsteady(seen).is_empty() {
            self.phase = Phase::Faults;
            return vec![Command::Start];
        }
        if now < self.steady_max {
            return Vec::new();
        }
        self.phase = Phase::Over;
        vec![Command::Refuse]
    }

    fn faults(&mut self, now: Span) -> Vec<Command> {
        let mut commands = Vec::new();
        for (place, slot) in self.slots.iter_mut().enumerate() {
            match slot.stand {
                Stand::Waiting if slot.at <= now && self.cut.is_none() => {
                    slot.stand = Stand::On;
                    commands.push(Command::Fire(place));
                }
                Stand::On if slot.until.is_some_and(|until| until <= now) => {
                    slot.stand = Stand::Ending;
                    commands.push(Command::End(place));
                }
                _ => {}
            }
        }
        let rests = |slot: &Slot| match slot.stand {
            Stand::Over => true,
            Stand::Waiting => self.cut.is_some(),
            Stand::On | Stand::Ending => false,
        };
        if commands.is_empty() && self.slots.iter().all(rests) {
            self.phase = Phase::Healing;
            self.healed_at = Some(now);
            if self.cut.is_some() {
                self.watch = (SETTLED, CUT_SHORT_WATCH);
            }
            commands.push(Command::Healed);
        }
        commands
    }

    /// A fault is over: taken away, done, or never on.
    pub fn over(&mut self, fault: usize) {
        if let Some(slot) = self.slots.get_mut(fault) {
            slot.stand = Stand::Over;
        }
    }

    /// Ends the drill before its time: whatever is on is ended, and nothing fires any more.
    pub fn cut_short(&mut self, why: Cut) -> Vec<Command> {
        self.cut = self.cut.or(Some(why));
        match self.phase {
            Phase::Steady => {
                self.phase = Phase::Over;
                return vec![Command::Finish];
            }
            Phase::Healing => {
                self.watch = (Span::ZERO, Span::ZERO);
                return Vec::new();
            }
            Phase::Faults => {}
            Phase::Audit | Phase::Over => return Vec::new(),
        }
        let mut commands = Vec::new();
        for (place, slot) in self.slots.iter_mut().enumerate() {
            if slot.stand == Stand::On {
                slot.stand = Stand::Ending;
                commands.push(Command::End(place));
            }
        }
        commands
    }

    /// The watch ends when everything that is to hold after the healing has held for a while, at the latest when its
    /// time is over.
    fn healing(&mut self, now: Span, seen: &Observations) -> Vec<Command> {
        let Some(healed_at) = self.healed_at else {
            return Vec::new();
        };
        let after = self
            .expect
            .iter()
            .filter(|check| matches!(check.window, Window::WithinOfHeal(_)));
        let well = after
            .map(|check| check.evaluate(seen))
            .all(|verdict| verdict == Verdict::Held);
        self.well_since = well.then(|| self.well_since.unwrap_or(now));
        let watched = now.less(healed_at);
        let settled = self
            .well_since
            .is_some_and(|since| now.less(since) >= SETTLED.min(self.watch.0));
        let (least, most) = self.watch;
        if watched >= most || (watched >= least && settled) {
            self.phase = Phase::Audit;
            return vec![Command::Finish];
        }
        Vec::new()
    }
}

#[cfg(test)]
mod timeline_test;
