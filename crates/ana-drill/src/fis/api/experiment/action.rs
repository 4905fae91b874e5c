//! One action of an experiment: its time by the plan, and what became of it.
//!
//! An action that only waits is nothing that the runner does, so its state follows from the clock; one after which
//! nothing comes is not waited for.

use super::super::moment::Moment;
use crate::fis::Slot;
use serde::{Deserialize, Serialize};

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is FIS's word")]
pub enum ActionStatus {
    Pending,
    Running,
    Completed,
    Stopped,
    Cancelled,
    Failed,
    Skipped,
}

/// What a run tells of its steps, which are numbered from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The clock of the drill started.
    ClockStarted,
    /// A fault was switched on.
    Fired(usize),
    /// A fault was taken away.
    Reverted(usize),
    /// A fault did not do what it should.
    Trouble(usize, String),
}

/// The state of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionState {
    /// When it starts by the plan, milliseconds from the start of the drill's clock.
    pub at_ms: u64,
    /// How long it lasts.
    pub lasts_ms: u64,
    /// Whether it does nothing but wait.
    pub only_waits: bool,
    /// Where it stands.
    pub status: ActionStatus,
    /// Why, where there is more to say.
    pub reason: Option<String>,
    /// When it started.
    pub started: Option<Moment>,
    /// When it ended.
    pub ended: Option<Moment>,
}

impl ActionState {
    pub(super) fn new(slot: &Slot) -> ActionState {
        ActionState {
            at_ms: slot.at.micros() / 1000,
            lasts_ms: slot.lasts.micros() / 1000,
            only_waits: slot.only_waits,
            status: ActionStatus::Pending,
            reason: None,
            started: None,
            ended: None,
        }
    }

    pub(super) fn fired(&mut self, now: Moment) {
        self.status = ActionStatus::Running;
        self.started = Some(now);
    }

    pub(super) fn reverted(&mut self, now: Moment, stopping: bool) {
        self.status = if stopping {
            ActionStatus::Stopped
        } else {
            ActionStatus::Completed
        };
        self.ended = Some(now);
    }

    /// One that never fired has failed; one that is on goes on.
    pub(super) fn trouble(&mut self, why: &str) {
        self.reason = Some(why.to_owned());
        if self.started.is_none() {
            self.status = ActionStatus::Failed;
        }
    }

    /// The experiment is over: whatever is left of the action never happens.
    pub(super) fn end(&mut self, clock_started: Option<Moment>, now: Moment) {
        if self.only_waits {
            *self = self.at(clock_started, now);
        }
        match self.status {
            ActionStatus::Pending => self.status = ActionStatus::Cancelled,
            ActionStatus::Running if self.only_waits => {
                self.status = ActionStatus::Skipped;
                self.reason = Some("nothing came after it, so it was not waited for".to_owned());
                self.ended = Some(now);
            }
            ActionStatus::Running => {
                self.status = ActionStatus::Stopped;
                self.ended = Some(now);
            }
            ActionStatus::Completed
            | ActionStatus::Stopped
            | ActionStatus::Cancelled
            | ActionStatus::Failed
            | ActionStatus::Skipped => {}
        }
    }

    /// The state at a moment, which differs for one that only waits.
    pub(super) fn at(&self, clock_started: Option<Moment>, now: Moment) -> ActionState {
        let mut state = self.clone();
        let Some(Moment(clock)) = clock_started.filter(|_| self.only_waits) else {
            return state;
        };
        if self.status != ActionStatus::Pending {
            return state;
        }
        let starts = Moment(clock.saturating_add(self.at_ms));
        let ends = Moment(starts.0.saturating_add(self.lasts_ms));
        if now >= starts {
            state.started = Some(starts);
            state.status = ActionStatus::Running;
        }
        if now >= ends {
            state.ended = Some(ends);
            state.status = ActionStatus::Completed;
        }
        state
    }
}
