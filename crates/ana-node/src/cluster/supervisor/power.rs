//! Nodes whose file systems are their own (`ana up --real`): power cuts that lose what was not synced.
//!
//! Must stay true: a file system is cut off before its process is killed, or the end of the process could write; it is
//! mounted again before the next process begins, and never while the last one may have it open.

use std::sync::Arc;

use super::Supervisor;
use crate::cluster::real::{Place, Real};

/// What is said of a cluster that has nothing of the kind.
const NOT_REAL: &str =
    "this cluster was not started with --real: its nodes have no file systems of their own";

impl Supervisor {
    /// Starts the nodes in places of their own.
    #[must_use]
    pub fn in_places_of(mut self, real: Option<Arc<Real>>) -> Supervisor {
        self.real = real;
        self
    }

    /// Cuts the power of nodes that run; they are to be killed then.
    pub(super) fn cut_power(&self, nodes: &[u64]) -> Result<(), String> {
        let real = self.real.as_ref().ok_or(NOT_REAL)?;
        for id in nodes {
            let runs = self.table().get(id).is_some_and(|it| it.running.is_some());
            if runs {
                real.cut_power(*id)?;
                tracing::warn!(node = id, "the power of a node is cut on purpose");
            }
        }
        Ok(())
    }

    /// Takes the file system of a node away that has no process.
    pub(super) async fn take_disk_away(&self, id: u64) -> Result<(), String> {
        let runs = self.table().get(&id).is_some_and(|it| it.running.is_some());
        match &self.real {
            Some(real) if !runs => real.unmount(id).await,
            _ => Ok(()),
        }
    }

    /// Where a node is started; its file system is there then.
    pub(super) async fn place(&self, id: u64) -> Result<Option<Place>, String> {
        let Some(real) = &self.real else {
            return Ok(None);
        };
        let runs = self.table().get(&id).is_some_and(|it| it.running.is_some());
        if !runs {
            real.mount(id).await?;
        }
        real.place(id).map(Some)
    }
}
