//! Nodes that are held down on a lease: killed now, and started again by the supervisor when the lease is over, whatever
//! became of whoever asked.
//!
//! Must stay true: only a lease starts a node by itself; one that was stopped or killed without a lease, or that ended by
//! itself, stays down until somebody starts it.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_env::time::{self, Instant};

use super::Supervisor;

/// A node that cannot be started when its lease is over is started again after this.
const START_AGAIN_AFTER: Duration = Duration::from_millis(500);

impl Supervisor {
    /// Notes until when these nodes are held down; `None` when nothing starts them.
    pub(super) fn hold_down(&self, nodes: &[u64], until: Option<Instant>) {
        let mut table = self.table();
        for id in nodes {
            if let Some(slot) = table.get_mut(id) {
                slot.down_until = until;
            }
        }
    }

    /// When the next node is to be started.
    pub(super) fn next_start(&self) -> Option<Instant> {
        let table = self.table();
        table.values().filter_map(|slot| slot.down_until).min()
    }

    /// Starts the nodes whose leases are over.
    pub(super) async fn start_overdue(&self) {
        let now = time::now();
        let overdue: BTreeSet<u64> = self
            .table()
            .iter()
            .filter(|(_, slot)| slot.down_until.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in overdue {
            tracing::info!(node = id, "a node is started: its time down is over");
            if let Err(error) = self.start(id).await {
                tracing::warn!(node = id, error, "it cannot be started yet");
                self.hold_down(&[id], Some(now + START_AGAIN_AFTER));
            }
        }
    }
}
