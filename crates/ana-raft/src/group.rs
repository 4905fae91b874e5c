//! One replica of one group, as the rest of the program holds it.
//!
//! Must stay true
//! - Every wait has an end.
//! - A replica whose log is corrupt or has failed neither votes, leads nor serves; it says so.
//! - Nothing here needs to be the leader but what says so; a wrong guess about the leader costs a
//!   `NotLeader`, never a wrong answer.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ana_env::{Env, runtime, time};
use ana_log::{Health, Log};
use ana_state::meta::Metadata;
use ana_state::shard::{AppendOutcome, ShardSet};
use ana_types::planted::{self, Bug};
use ana_types::{GroupId, NodeId};
use futures::future::BoxFuture;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{InitializeError, LinearizableReadError, RaftError};
use openraft::{LinearizerOption, ReadPolicy};
use tokio::sync::watch;

use crate::batcher::{Batcher, SubBatch};
use crate::config::RaftNodeConfig;
use crate::entry::{Answer, Command, Proposal, Reply};
use crate::error::{GroupError, ProposeError, UnknownWhy};
use crate::left::Left;
use crate::points::PointInfo;
use crate::propose;
use crate::rest::Rest;
use crate::state_machine::{Machine, MachineKind, Shared};
use crate::types::{LogId, Raft, TC};
use crate::upkeep::{Checkpointer, Gate};

/// Disk use of the node in thousandths, kept by [`crate::Groups`] and read before every proposal.
pub type DiskUse = Arc<AtomicU16>;

/// Where to cut the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrimTo {
    /// The newest point at or before this log index.
    Index(u64),
    /// The newest point all of whose records arrived at or before this, milliseconds since 1970.
    BeforeMs(u64),
}

/// One replica. Clones share it.
#[derive(Debug, Clone)]
pub struct Group {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) id: GroupId,
    pub(crate) env: Env,
    pub(crate) config: Arc<RaftNodeConfig>,
    pub(crate) dir: PathBuf,
    pub(crate) disk_use: DiskUse,
    pub(crate) log: Arc<Log>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) rest: Arc<Rest>,
    /// Absent when the log is corrupt.
    pub(crate) running: Option<Running>,
    /// What an earlier replica here had promised and this one has not reached when it started.
    pub(crate) owed: Option<Left>,
    /// Why there is nothing running although the log itself is sound.
    pub(crate) broken: Option<String>,
    /// Held while the members change: an async lock, because what it keeps apart are proposals of
    /// several steps. Each of them ends.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// Where the metadata places its replicas; a plain lock for a few words.
    pub(crate) placed: Mutex<Option<BTreeSet<NodeId>>>,
    /// It was here before and was wiped away; what lies here now is nothing.
    pub(crate) lost: bool,
}

pub(crate) struct Running {
    pub(crate) raft: Raft,
    pub(crate) batcher: Arc<Batcher>,
    pub(crate) checkpointer: Arc<Checkpointer>,
    pub(crate) tasks: runtime::Tasks,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}

impl Group {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> GroupId {
        self.inner.id
    }

    /// Its machine.
    #[must_use]
    pub fn kind(&self) -> MachineKind {
        self.inner.shared.kind()
    }

    /// Its log: where the records are read from.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.inner.log
    }

    /// openraft's handle, for the transport; `None` while the replica does not run.
    #[must_use]
    pub fn raft(&self) -> Option<Raft> {
        self.running().ok().map(|running| running.raft.clone())
    }

    /// Whether this replica takes part in elections.
    #[must_use]
    pub fn votes_allowed(&self) -> bool {
        self.running().is_ok() && self.inner.gate.is_open(&self.inner.env)
    }

    /// Whether this replica may answer when somebody whose log ends with `last` asks for its vote. It may before it stands
    /// for election itself, when it follows an earlier one that would have.
    #[must_use]
    pub fn may_vote_for(&self, last: Option<&LogId>) -> bool {
        let inner = &self.inner;
        let owed = inner.owed.as_ref().filter(|_| inner.gate.owes());
        self.running().is_ok()
            && inner.gate.is_open_but_for_debts(&inner.env)
            && owed.is_none_or(|owed| owed.is_met_by(last))
    }

    /// Whether this replica may take entries from a leader: not on a disk that is nearly full.
    #[must_use]
    pub fn admits_entries(&self) -> bool {
        self.inner.disk_use.load(Ordering::Relaxed) < self.inner.config.refuse_entries_permille
            && !matches!(self.inner.log.health(), Health::Full)
    }

    /// Whether the disk has room for records.
    pub(crate) fn takes_records(&self) -> bool {
        self.inner.disk_use.load(Ordering::Relaxed) < self.inner.config.refuse_records_permille
            && !matches!(self.inner.log.health(), Health::Full)
    }

    /// What runs, unless the log has turned out to be unsound since.
    pub(crate) fn running(&self) -> Result<&Running, ProposeError> {
        match (&self.inner.running, self.inner.log.health()) {
            (Some(running), Health::Ok | Health::Full) => Ok(running),
            _ => Err(ProposeError::Stopped),
        }
    }

    /// Founds the group with these voters. Repeating it, or calling it on several voters with the
    /// same set, is the same as once. A replica under repair founds nothing.
    ///
    /// # Errors
    /// When the replica does not run.
    pub fn initialize(&self, voters: BTreeSet<NodeId>) -> BoxFuture<'_, Result<(), GroupError>> {
        Box::pin(async move {
            let group = self.inner.id;
            let running = self
                .running()
                .map_err(|_stopped| GroupError::NotRunning { group })?;
            if self.inner.gate.is_rejoining() {
                return Ok(());
            }
            let members: std::collections::BTreeMap<u64, ()> =
                voters.into_iter().map(|voter| (voter.0, ())).collect();
            let founding = running.raft.initialize(members);
            match time::timeout(self.inner.config.propose_deadline(), founding).await {
                Ok(Ok(())) | Ok(Err(RaftError::APIError(InitializeError::NotAllowed(_)))) => Ok(()),
                Ok(Err(error)) => Err(GroupError::Raft {
                    group,
                    why: error.to_string(),
                }),
                Err(_elapsed) => Err(GroupError::TimedOut {
                    group,
                    what: "initialize",
                }),
            }
        })
    }

    /// Appends records through the batcher; one outcome for each sub-batch, in order, whose first
    /// position is that of its own first record.
    ///
    /// # Errors
    /// See [`ProposeError`]: only `Unknown` may have been written.
    pub async fn append(&self, subs: Vec<SubBatch>) -> Result<Vec<AppendOutcome>, ProposeError> {
        let running = self.running()?;
        propose::leadership(&running.raft)?;
        self.rouse().await?;
        self.admit(self.inner.config.refuse_records_permille)?;
        running.batcher.append(subs).await
    }

    /// Gives the machine a command.
    ///
    /// # Errors
    /// See [`ProposeError`]: only `Unknown` may have been applied.
    pub async fn command(&self, command: Command) -> Result<Reply, ProposeError> {
        let running = self.running()?;
        propose::leadership(&running.raft)?;
        self.rouse().await?;
        self.admit(self.inner.config.refuse_entries_permille)?;
        let bytes = command.encode().expect("commands are plain values");
        let proposal = Proposal::Command(bytes);
        let within = self.inner.config.propose_deadline();
        match propose::propose(&running.raft, proposal, within).await? {
            Answer::Reply(reply) => Ok(reply),
            // A command for the other kind of machine: a caller's mistake, and nothing happened.
            _ => Err(ProposeError::Stopped),
        }
    }

    fn admit(&self, permille: u16) -> Result<(), ProposeError> {
        let full = self.inner.disk_use.load(Ordering::Relaxed) >= permille;
        if full || matches!(self.inner.log.health(), Health::Full) {
            return Err(ProposeError::DiskFull);
        }
        Ok(())
    }

    /// Proposes a point behind everything appended before.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub async fn mark_point(&self) -> Result<(), ProposeError> {
        let running = self.running()?;
        propose::leadership(&running.raft)?;
        self.rouse().await?;
        running.batcher.point().await
    }

    /// Where the log may be cut, oldest first.
    #[must_use]
    pub fn points(&self) -> Vec<PointInfo> {
        self.inner.shared.read(|core| core.points.infos())
    }

    /// Cuts the log of every replica to a point. Answers the log index cut to; `None` when there is
    /// no such point. Replicas free their disks soon after.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub async fn trim_to_point(&self, to: TrimTo) -> Result<Option<u64>, ProposeError> {
        let running = self.running()?;
        propose::leadership(&running.raft)?;
        self.rouse().await?;
        let upto = self.inner.shared.read(|core| match to {
            TrimTo::Index(index) => core.points.at_or_before(index),
            TrimTo::BeforeMs(time_ms) => core.points.not_after(time_ms),
        });
        let Some(upto) = upto else {
            return Ok(None);
        };
        let within = self.inner.config.propose_deadline();
        match propose::propose(&running.raft, Proposal::Trim { upto }, within).await? {
            Answer::Trim { upto } => Ok(upto),
            _ => Ok(None),
        }
    }

    /// The leader as far as this replica knows.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        let metrics = self.running().ok()?.raft.metrics();
        let metrics = metrics.borrow_watched();
        metrics.running_state.is_ok().then_some(())?;
        metrics.current_leader.map(NodeId)
    }

    /// Whether this replica leads, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leader() == Some(self.inner.config.node)
    }

    /// The index a linearizable read must have seen; applied here when this returns. Leader only:
    /// by its lease, or by asking a quorum when the lease has run out.
    ///
    /// # Errors
    /// See [`ProposeError`]; a read proposes nothing, so every error means "ask again".
    pub fn read_barrier(&self) -> BoxFuture<'_, Result<u64, ProposeError>> {
        Box::pin(async move {
            let running = self.running()?;
            propose::leadership(&running.raft)?;
            self.inner.rest.asked(&running.raft);
            if planted::is(Bug::StaleLease) {
                return Ok(self.applied());
            }
            let deadline = time::now() + self.inner.config.propose_deadline();
            let timed_out = ProposeError::Unknown {
                why: UnknownWhy::TimedOut,
            };
            let barrier = async {
                let lease = self.inner.config.read_lease();
                let by_lease =
                    LinearizerOption::new(Some(lease), false).with_wait_timeout(Duration::ZERO);
                let lease = running.raft.get_read_linearizer(by_lease).await;
                let linearizer = match lease {
                    Ok(linearizer) => linearizer,
                    Err(RaftError::Fatal(_)) => return Err(ProposeError::Stopped),
                    Err(RaftError::APIError(_)) => running
                        .raft
                        .get_read_linearizer(ReadPolicy::ReadIndex)
                        .await
                        .map_err(barrier_error)?,
                };
                let index = linearizer.read_log_id().index();
                linearizer
                    .await_ready(&running.raft)
                    .await
                    .map_err(|_fatal| ProposeError::Stopped)?;
                Ok(index)
            };
            time::timeout_at(deadline, barrier)
                .await
                .unwrap_or(Err(timed_out))
        })
    }

    /// The last applied index; 0 before the first.
    #[must_use]
    pub fn applied(&self) -> u64 {
        *self.inner.shared.watch_applied().borrow()
    }

    /// Waits until an index is applied here.
    ///
    /// # Errors
    /// `Unknown` when it is not within the time.
    pub async fn wait_applied(&self, index: u64, within: Duration) -> Result<(), ProposeError> {
        let mut applied = self.inner.shared.watch_applied();
        let reached = applied.wait_for(|&now| now >= index);
        match time::timeout(within, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_closed)) => Err(ProposeError::Stopped),
            Err(_elapsed) => Err(ProposeError::Unknown {
                why: UnknownWhy::TimedOut,
            }),
        }
    }

    /// Follows the applied index.
    #[must_use]
    pub fn watch_applied(&self) -> watch::Receiver<u64> {
        self.inner.shared.watch_applied()
    }

    /// Follows changes of the machine other than records: the index of the last one.
    #[must_use]
    pub fn watch_changes(&self) -> watch::Receiver<u64> {
        self.inner.shared.watch_changes()
    }

    /// Reads the metadata. `read` must be short: applying waits for it.
    ///
    /// # Panics
    /// On a data group.
    pub fn meta<R>(&self, read: impl FnOnce(&Metadata) -> R) -> R {
        self.inner.shared.read(|core| match &core.machine {
            Machine::Meta(machine) => read(machine),
            Machine::Shards(_) => unreachable!("only group 0 keeps the metadata"),
        })
    }

    /// Reads the shards. `read` must be short: applying waits for it.
    ///
    /// # Panics
    /// On the metadata group.
    pub fn shards<R>(&self, read: impl FnOnce(&ShardSet) -> R) -> R {
        self.inner.shared.read(|core| match &core.machine {
            Machine::Shards(machine) => read(machine),
            Machine::Meta(_) => unreachable!("group 0 keeps no shards"),
        })
    }

    /// Bytes of records and commands applied since this replica was started.
    #[must_use]
    pub fn work_bytes(&self) -> u64 {
        self.inner.shared.work_bytes()
    }

    /// Ends everything the replica does: openraft, its tasks, its log. Writes a last checkpoint.
    pub async fn stop(&self) {
        self.stop_running().await;
        self.inner.log.shutdown().await;
    }

    /// Ends everything but the log.
    pub(crate) fn stop_running(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(running) = &self.inner.running {
                if let Err(error) = running.raft.shutdown().await {
                    tracing::warn!(group = %self.inner.id, %error, "replica did not stop cleanly");
                }
                running.tasks.shutdown().await;
                running.checkpointer.write().await;
            }
        })
    }
}

fn barrier_error(error: RaftError<TC, LinearizableReadError<TC>>) -> ProposeError {
    match error {
        RaftError::Fatal(_) => ProposeError::Stopped,
        RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => {
            ProposeError::NotLeader {
                leader: forward.leader_id.map(NodeId),
            }
        }
        // Without a quorum it may not be the leader any more; that is all there is to say.
        RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => {
            ProposeError::NotLeader { leader: None }
        }
    }
}
