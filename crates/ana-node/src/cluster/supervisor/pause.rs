//! Nodes that stand still on a lease.
//!
//! Must stay true: a paused process goes on when its lease is over, whatever became of whoever paused it; one that did
//! not hear that it may is told again.

use std::time::Duration;

use ana_env::time::{self, Instant};

use super::{Slot, Supervisor};
use crate::cluster::child::Ask;

/// A process that did not hear that it may go on is told again after this.
const RESUME_AGAIN_AFTER: Duration = Duration::from_millis(100);

impl Supervisor {
    pub(super) fn pause(&self, id: u64, until: Instant) -> Result<(), String> {
        let mut table = self.table();
        let slot = table.get_mut(&id);
        let slot = slot.filter(|slot| !slot.stopping);
        let heard = slot.and_then(|slot| {
            let heard = slot.running.as_ref()?.ask(Ask::Pause);
            slot.paused_until = Some(until);
            heard.then_some(())
        });
        heard.ok_or_else(|| format!("node {id} does not run"))
    }

    /// Lets a process go on; one that does is left alone.
    pub(super) fn resume(&self, id: u64) {
        let mut table = self.table();
        let Some(slot) = table.get_mut(&id) else {
            return;
        };
        let heard = slot.running.as_ref().is_none_or(|it| it.ask(Ask::Resume));
        if heard {
            slot.paused_until = None;
        } else {
            // It is asked again soon: it does not stand still for ever.
            slot.paused_until = Some(time::now() + RESUME_AGAIN_AFTER);
        }
    }

    pub(super) fn next_resume(&self) -> Option<Instant> {
        self.table()
            .values()
            .filter_map(|slot| slot.paused_until)
            .min()
    }

    pub(super) fn resume_overdue(&self) {
        let now = time::now();
        let overdue = |slot: &Slot| slot.paused_until.is_some_and(|at| at <= now);
        let table = self.table();
        let ids = table.iter().filter(|(_, slot)| overdue(slot));
        let ids: Vec<u64> = ids.map(|(id, _)| *id).collect();
        drop(table);
        for id in ids {
            tracing::info!(node = id, "a paused node goes on: its lease is over");
            self.resume(id);
        }
    }
}
