//! What a running replica does besides: checkpoints, keeping out of elections at first, and ending
//! when its log is unsound.
//!
//! Must stay true: a replica that may have acknowledged a leader before this start takes part in no
//! election for one election timeout; one that was emptied by a repair, until it is a voter again; one
//! that follows an earlier one on this node stands in none until it has what that one had.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ana_env::{Env, time};
use ana_log::Log;
use ana_types::{GroupId, NodeId};
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::Fatal;

use crate::checkpoint::{self, CheckpointStore};
use crate::config::RaftNodeConfig;
use crate::entry::{seal, unseal};
use crate::left::Left;
use crate::looks::Looks;
use crate::marks;
use crate::state_machine::Shared;
use crate::types::{Raft, TC};

/// How often a replica looks whether a checkpoint is due.
const CHECKPOINT_TICK: Duration = Duration::from_millis(1000);
/// Name of the file that says a repair is under way.
const REJOIN_FILE: &str = "rejoin";

/// Writes the machine's state now and then.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    pub(crate) group: GroupId,
    pub(crate) config: Arc<RaftNodeConfig>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Arc<dyn CheckpointStore>,
}

impl Checkpointer {
    /// Runs until aborted. Without anything applied since the last one there is no timer.
    pub(crate) async fn run(self: Arc<Self>) {
        let every = Duration::from_millis(self.config.checkpoint_ms);
        let news = self.shared.watch_applied();
        let mut looks = Looks::new(every.min(CHECKPOINT_TICK), news);
        let mut work_then = self.shared.work_bytes();
        let mut applied_then = self.shared.applied();
        let mut since = time::now();
        loop {
            let is_idle = self.shared.applied() == applied_then;
            if !looks.next(is_idle, since + every).await {
                return;
            }
            let applied = self.shared.applied();
            let grown = self.shared.work_bytes().saturating_sub(work_then);
            let due = since.elapsed() >= every || grown >= self.config.checkpoint_bytes;
            if applied != applied_then && due {
                self.write().await;
                work_then = self.shared.work_bytes();
                applied_then = applied;
                since = time::now();
            }
        }
    }

    /// Writes one now. A failure costs time at the next start and nothing else.
    pub(crate) async fn write(&self) {
        let core = self.shared.read(Clone::clone);
        if let Err(violation) = core.machine.check() {
            tracing::error!(group = %self.group, %violation, "machine breaks an invariant");
            return;
        }
        let saved = match checkpoint::encode(&core) {
            Ok(Some(bytes)) => self.store.save(self.group, bytes).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = saved {
            tracing::warn!(group = %self.group, %error, "checkpoint not written");
        }
    }
}

/// Ends a replica whose log has turned out to be unsound, or that openraft has ended.
pub(crate) struct Watchman {
    pub(crate) group: GroupId,
    pub(crate) raft: Raft,
    pub(crate) log: Arc<Log>,
}

impl Watchman {
    /// Runs until the replica has ended, and says why. It waits to be told: a timer in each replica would keep a node
    /// awake that has nothing to do.
    pub(crate) async fn run(self) {
        tokio::select! {
            biased;
            health = self.log.until_unsound() => {
                tracing::error!(group = %self.group, ?health, "replica ends");
            }
            state = until_ended(&self.raft) => match state {
                Ok(()) | Err(Fatal::Stopped) => return,
                Err(why) => tracing::error!(group = %self.group, %why, "replica ends"),
            },
        }
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(group = %self.group, %error, "replica did not stop cleanly");
        }
    }
}

/// Waits until openraft ends the replica by itself, and says why. Its metrics end with it; these change with who leads,
/// not with every entry.
async fn until_ended(raft: &Raft) -> Result<(), Fatal<TC>> {
    let mut changes = raft.server_metrics();
    while changes.changed().await.is_ok() {}
    raft.metrics().borrow_watched().running_state.clone()
}

/// Whether this replica may vote and be voted for.
#[derive(Debug)]
pub(crate) struct Gate {
    /// End of the silence after the start, on the monotonic clock.
    silent_until: Duration,
    rejoining: AtomicBool,
    /// An earlier replica here had promised more than this one has.
    owes: AtomicBool,
}

impl Gate {
    /// Closed until `silent_until`.
    pub(crate) fn new(silent_until: Duration) -> Self {
        Self {
            silent_until,
            rejoining: AtomicBool::new(false),
            owes: AtomicBool::new(false),
        }
    }

    /// The same, and until a repair is over.
    pub(crate) fn rejoining(mut self, rejoining: bool) -> Self {
        self.rejoining = AtomicBool::new(rejoining);
        self
    }

    /// The same, and until what an earlier replica had is here.
    pub(crate) fn owing(mut self, owes: bool) -> Self {
        self.owes = AtomicBool::new(owes);
        self
    }

    /// Whether it is open now.
    pub(crate) fn is_open(&self, env: &Env) -> bool {
        !self.owes() && self.is_open_but_for_debts(env)
    }

    /// Whether nothing but what an earlier replica had promised keeps it shut.
    pub(crate) fn is_open_but_for_debts(&self, env: &Env) -> bool {
        !self.is_rejoining() && env.clock.elapsed() >= self.silent_until
    }

    /// Whether an earlier replica here had more than this one has.
    pub(crate) fn owes(&self) -> bool {
        self.owes.load(Ordering::Acquire)
    }

    /// Whether a repair is under way.
    pub(crate) fn is_rejoining(&self) -> bool {
        self.rejoining.load(Ordering::Acquire)
    }
}

/// Opens the gate of one replica when it may be opened.
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    pub(crate) group: GroupId,
    pub(crate) node: NodeId,
    pub(crate) env: Env,
    pub(crate) dir: PathBuf,
    pub(crate) gate: Arc<Gate>,
    pub(crate) rejoin: Option<Rejoin>,
    pub(crate) owed: Option<Left>,
    pub(crate) log: Arc<Log>,
    pub(crate) raft: Raft,
    pub(crate) shared: Arc<Shared>,
}

impl Gatekeeper {
    /// Ends when the gate is open.
    pub(crate) async fn run(self) {
        if let Some(rejoin) = &self.rejoin
            && !self.voter_again(rejoin).await
        {
            return;
        }
        if let Some(owed) = &self.owed
            && !self.reaches(owed).await
        {
            return;
        }
        let left = self
            .gate
            .silent_until
            .saturating_sub(self.env.clock.elapsed());
        time::sleep(left).await;
        self.raft.runtime_config().elect(true);
    }

    /// Waits until the log has what the replica before this one had.
    async fn reaches(&self, owed: &Left) -> bool {
        let mut applied = self.shared.watch_applied();
        while !owed.is_reached_by(&self.log) {
            if applied.changed().await.is_err() {
                return false;
            }
        }
        self.gate.owes.store(false, Ordering::Release);
        tracing::info!(group = %self.group, "a replica is back here, and has what it had");
        true
    }

    /// Waits until the members as applied here, newer than the eviction, name this node a voter:
    /// then every entry it may have confirmed before its repair is here again.
    async fn voter_again(&self, rejoin: &Rejoin) -> bool {
        let mut changes = self.shared.watch_changes();
        loop {
            let back = self.shared.read(|core| {
                let index = core.membership.log_id().map(|id| id.index);
                index > Some(rejoin.evicted_index)
                    && core
                        .membership
                        .voter_ids()
                        .any(|voter| voter == self.node.0)
            });
            if back {
                break;
            }
            if changes.changed().await.is_err() {
                return false;
            }
        }
        if let Err(error) = Rejoin::clear(&self.env, &self.dir).await {
            tracing::warn!(group = %self.group, %error, "repair is done but its mark stays");
        }
        self.gate.rejoining.store(false, Ordering::Release);
        tracing::info!(group = %self.group, "repaired: a voter again");
        true
    }
}

/// The mark of a repair: on disk before the log is discarded, gone when the replica votes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rejoin {
    /// The members without this replica were committed at or before this entry.
    pub(crate) evicted_index: u64,
}

impl Rejoin {
    /// Reads the mark of a group's directory.
    pub(crate) async fn load(env: &Env, dir: &Path) -> io::Result<Option<Self>> {
        let bytes = marks::read(&*env.disk, dir, REJOIN_FILE).await?;
        // A mark that was torn while it was written still says that a repair had begun.
        let evicted_index = bytes.map(|bytes| unseal(&bytes).unwrap_or(u64::MAX));
        Ok(evicted_index.map(|evicted_index| Self { evicted_index }))
    }

    /// Writes the mark, durably.
    pub(crate) async fn save(self, env: &Env, dir: &Path) -> io::Result<()> {
        let bytes = seal(&self.evicted_index)?;
        marks::write(&*env.disk, dir, REJOIN_FILE, bytes).await
    }

    /// Removes the mark.
    pub(crate) async fn clear(env: &Env, dir: &Path) -> io::Result<()> {
        marks::remove(&*env.disk, dir, REJOIN_FILE).await
    }
}
