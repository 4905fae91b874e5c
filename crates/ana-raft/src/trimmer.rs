//! Where the log may be cut, and cutting it.
//!
//! ```text
//!   leader:        every point_bytes or point_ms of work ─► propose Point
//!   somebody:      TrimTo(P) ─► every replica: image of P becomes the snapshot (state machine)
//!   every replica: snapshot at P ─► openraft learns of it ─► openraft purges up to P
//! ```
//!
//! Must stay true: the log is cut only through openraft, which never cuts beyond the snapshot and
//! never what it is just sending to a follower. A replica that stopped between snapshot and purge
//! purges when it starts again, because the snapshot's index is the first thing watched.

use std::sync::Arc;
use std::time::Duration;

use ana_env::time;
use ana_log::Log;
use ana_types::GroupId;
use openraft::errors::Fatal;

use crate::batcher::Batcher;
use crate::config::RaftNodeConfig;
use crate::entry::Proposal;
use crate::error::ProposeError;
use crate::looks::Looks;
use crate::propose;
use crate::rest::Rest;
use crate::state_machine::{MachineKind, Shared};
use crate::types::{Raft, TC};

/// How long one purge is awaited before the trimmer looks again. openraft delays a purge while a
/// follower still reads those entries.
const PURGE_WAIT: Duration = Duration::from_secs(10);
/// How often a leader looks whether a point is due.
const POINT_TICK: Duration = Duration::from_millis(1000);

/// What trimming needs of its replica.
#[derive(Debug, Clone)]
pub(crate) struct Trimmer {
    pub(crate) group: GroupId,
    pub(crate) raft: Raft,
    pub(crate) log: Arc<Log>,
    pub(crate) shared: Arc<Shared>,
}

impl Trimmer {
    /// Purges up to each new snapshot. Ends with the replica.
    pub(crate) async fn run(self) {
        let mut trims = self.shared.watch_trims();
        loop {
            let upto = *trims.borrow_and_update();
            let done = match upto {
                Some(upto) => self.purge(upto).await,
                None => Ok(true),
            };
            match done {
                Ok(true) => {
                    if trims.changed().await.is_err() {
                        return;
                    }
                }
                Ok(false) => {
                    tracing::warn!(group = %self.group, ?upto, "purge is delayed by a reader");
                }
                Err(_fatal) => return,
            }
        }
    }

    /// True once the log begins after `upto`.
    async fn purge(&self, upto: u64) -> Result<bool, Fatal<TC>> {
        if self.purged(upto) {
            return Ok(true);
        }
        self.raft.trigger().snapshot().await?;
        let known = self
            .raft
            .wait(Some(PURGE_WAIT))
            .metrics(
                |m| m.snapshot.is_some_and(|id| id.index >= upto),
                "snapshot of a trim",
            )
            .await;
        if known.is_err() {
            return Ok(false);
        }
        self.raft.trigger().purge_log(upto).await?;
        let gone = self
            .raft
            .wait(Some(PURGE_WAIT))
            .metrics(
                |m| m.purged.is_some_and(|id| id.index >= upto),
                "purge of a trim",
            )
            .await;
        Ok(gone.is_ok())
    }

    fn purged(&self, upto: u64) -> bool {
        self.log.bounds().purged.is_some_and(|id| id.index >= upto)
    }
}

/// What proposing points needs of its replica.
#[derive(Debug)]
pub(crate) struct Pointer {
    pub(crate) group: GroupId,
    pub(crate) config: Arc<RaftNodeConfig>,
    pub(crate) raft: Raft,
    pub(crate) shared: Arc<Shared>,
    pub(crate) batcher: Arc<Batcher>,
    pub(crate) rest: Arc<Rest>,
}

impl Pointer {
    /// Proposes points while this replica leads. Ends with the replica.
    pub(crate) async fn run(self) {
        let every = Duration::from_millis(self.config.point_ms);
        let mut looks = Looks::new(every.min(POINT_TICK), self.shared.watch_applied());
        let mut work_then = self.shared.work_bytes();
        let mut newest_then = None;
        let mut since = time::now();
        loop {
            // Nothing has grown: no timer.
            let is_idle = self.shared.work_bytes() == work_then;
            if !looks.next(is_idle, since + every).await {
                return;
            }
            let newest = self
                .shared
                .read(|core| core.points.newest().map(|point| point.index));
            let work = self.shared.work_bytes();
            // Somebody's point, also another leader's, starts the count anew.
            if newest != newest_then {
                newest_then = newest;
                work_then = work;
                since = time::now();
            }
            match propose::leadership(&self.raft) {
                Ok(_) => {}
                Err(ProposeError::Stopped) => return,
                Err(_) => continue,
            }
            let grown = work.saturating_sub(work_then);
            let late = since.elapsed() >= every;
            if grown >= self.config.point_bytes || (grown > 0 && late) {
                self.rest.asked(&self.raft);
                self.point().await;
            }
        }
    }

    async fn point(&self) {
        if let Err(error) = self.batcher.point().await {
            tracing::debug!(group = %self.group, %error, "no point now");
            return;
        }
        if self.shared.kind() == MachineKind::Meta {
            self.trim_metadata().await;
        }
    }

    /// The metadata log keeps no records: everything but the last two points' worth may go.
    async fn trim_metadata(&self) {
        let points = self.shared.read(|core| core.points.infos());
        let Some(upto) = points
            .len()
            .checked_sub(2)
            .and_then(|last| points.get(last))
        else {
            return;
        };
        let trim = Proposal::Trim { upto: upto.index };
        if let Err(error) = propose::propose(&self.raft, trim, self.config.propose_deadline()).await
        {
            tracing::debug!(group = %self.group, %error, "metadata not trimmed now");
        }
    }
}
