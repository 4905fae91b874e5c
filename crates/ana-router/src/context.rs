//! What every part of the router shares: the seams, the groups, the settings, and the few small caches.
//!
//! Must stay true: locks in here are held for a few lines and never over an await; every cache can be dropped at any
//! time without changing an answer.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ana_env::Env;
use ana_env::runtime::Tasks;
use ana_env::time::{Instant, now, sleep, timeout, timeout_at};
use ana_raft::{Group, Groups, Peers};
use ana_state::Metadata;
use ana_types::{GroupId, KinesisError, NodeId, StreamKey, StreamName};
use tokio::sync::Semaphore;
use tokio::sync::watch;

use crate::admission::Admission;
use crate::config::RouterConfig;
use crate::identity::Identity;
use crate::leader::{self, Leaders, Repeat};
use crate::ledger::Ledger;
use crate::load::Loads;
use crate::membership::{Expelled, founding_voters};
use crate::messages::{CommandMeta, MetaAnswer, MetaIndex};
use crate::places::Places;
use crate::rates::Rates;
use crate::router::Answer;
use crate::shard_map::Routes;
use crate::subscribe::sessions::Subscriptions;

/// Reads that one node serves at the same time: each may hold 10 MiB.
const READS_AT_ONCE_MAX: usize = 48;
/// How often the loops look while the cluster is not founded.
const FOUNDING_LOOK_EVERY: Duration = Duration::from_millis(25);

/// The shared parts of one node's router.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) groups: Groups,
    pub(crate) peers: Peers,
    pub(crate) config: RouterConfig,
    /// Rates of the shards whose leaders stand here. A plain lock: a few additions under it.
    admission: Mutex<Admission>,
    /// What was written to the shards whose leaders stand here. A plain lock: a few additions under it.
    loads: Mutex<Loads>,
    /// Rates of the control plane, while this node leads the metadata. A plain lock: one addition under it.
    rates: Mutex<Rates>,
    /// Where leaders may stand for now.
    pub(crate) places: Places,
    /// Where leaders were last seen.
    pub(crate) leaders: Leaders,
    /// Routes of streams, valid for one version of the metadata.
    pub(crate) routes: Routes,
    /// Bounds the memory of reads.
    pub(crate) reads: Semaphore,
    /// Subscriptions served here, and leases given out here.
    pub(crate) subscriptions: Subscriptions,
    /// What is noted of puts and reads while somebody wants to know.
    pub(crate) ledger: Arc<Ledger>,
    /// Whose data directory this is; known when the router starts.
    pub(crate) identity: OnceLock<Identity>,
    /// What this node had promised is in its data directory: it may take part in elections.
    pub(crate) is_confirmed: AtomicBool,
    /// Why this node has to end, once it has to.
    pub(crate) expelled: watch::Sender<Option<Expelled>>,
    /// All background work.
    pub(crate) tasks: Tasks,
}

/// What a loop has seen of the metadata.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    receiver: Option<watch::Receiver<u64>>,
}

/// The moment by which an operation has to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// That long from now.
    pub(crate) fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    /// What is left of it.
    pub(crate) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    /// Nothing is left.
    pub(crate) fn is_over(self) -> bool {
        self.remaining().is_zero()
    }

    /// The moment itself.
    pub(crate) fn instant(self) -> Instant {
        self.0
    }
}

impl Context {
    pub(crate) fn new(env: Env, groups: Groups, peers: Peers, config: RouterConfig) -> Self {
        Self {
            ledger: Arc::new(Ledger::new(Arc::clone(&env.clock), Arc::clone(&env.rng))),
            env,
            groups,
            peers,
            config,
            admission: Mutex::new(Admission::default()),
            loads: Mutex::new(Loads::default()),
            rates: Mutex::new(Rates::default()),
            places: Places::default(),
            leaders: Leaders::default(),
            routes: Routes::default(),
            reads: Semaphore::new(READS_AT_ONCE_MAX),
            subscriptions: Subscriptions::default(),
            identity: OnceLock::new(),
            is_confirmed: AtomicBool::new(false),
            expelled: watch::channel(None).0,
            tasks: Tasks::new(),
        }
    }

    /// The metadata group's replica on this node. Never kept: a repair replaces it.
    ///
    /// # Errors
    /// `Unavailable` before the router has started.
    pub(crate) fn meta(&self) -> Answer<Group> {
        self.groups
            .get(GroupId::METADATA)
            .ok_or_else(|| KinesisError::Unavailable {
                why: "the node is starting".to_owned(),
            })
    }

    /// Looks at the metadata as applied on this node.
    pub(crate) fn look<R>(&self, question: impl FnOnce(&Metadata) -> R) -> Answer<R> {
        Ok(self.meta()?.meta(question))
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.env.clock.now_ms()
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.config.deadline)
    }

    pub(crate) fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rates(&self) -> MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn loads(&self) -> MutexGuard<'_, Loads> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn secret(&self) -> Option<[u8; 32]> {
        self.look(|meta| meta.cluster().map(|cluster| cluster.secret.0))
            .ok()
            .flatten()
    }

    /// Voters of the metadata group: by the metadata, and by the configuration until it says so.
    pub(crate) fn meta_voters(&self) -> Vec<NodeId> {
        let known = self.look(|meta| meta.meta_voters().to_vec());
        let known = known.unwrap_or_default();
        if known.is_empty() {
            founding_voters(&self.config.members).into_iter().collect()
        } else {
            known
        }
    }

    pub(crate) fn stream_name(&self, key: StreamKey) -> Option<StreamName> {
        self.look(|meta| meta.stream_by_key(key).map(|stream| stream.name.clone()))
            .ok()
            .flatten()
    }

    /// Brings this node's metadata to what was committed when this was called.
    ///
    /// # Errors
    /// `Unavailable` when no metadata leader answers or this node does not catch up in time.
    pub(crate) async fn barrier(&self, deadline: Deadline) -> Answer<()> {
        let meta = self.meta()?;
        let index = leader::at_leader(self, GroupId::METADATA, &MetaIndex, Repeat::Safe, deadline)
            .await?
            .0;
        meta.wait_applied(index, deadline.remaining())
            .await
            .map_err(|error| KinesisError::Unavailable {
                why: format!("metadata is behind on this node: {error}"),
            })
    }

    /// Looks at the metadata as of now: what was acknowledged anywhere before is seen.
    pub(crate) async fn look_now<R>(
        &self,
        deadline: Deadline,
        question: impl FnOnce(&Metadata) -> R,
    ) -> Answer<R> {
        self.barrier(deadline).await?;
        self.look(question)
    }

    /// Waits until `question` has an answer in the metadata of this node, or the deadline.
    pub(crate) async fn wait_for<R>(
        &self,
        deadline: Deadline,
        mut question: impl FnMut(&Metadata) -> Option<R>,
    ) -> Answer<Option<R>> {
        let meta = self.meta()?;
        let mut changes = meta.watch_changes();
        loop {
            changes.borrow_and_update();
            if let Some(found) = meta.meta(&mut question) {
                return Ok(Some(found));
            }
            match timeout_at(deadline.instant(), changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_stopped)) => {
                    return Err(KinesisError::Unavailable {
                        why: "the metadata group is stopped on this node".to_owned(),
                    });
                }
                Err(_over) => return Ok(None),
            }
        }
    }

    /// For the loops: waits until the metadata of this node changes, at most for `within`. The first call, and the
    /// first after a repair, returns at once. Founding a cluster is a chain of steps that the metadata do not show, so
    /// it is looked more often until that is done.
    pub(crate) async fn next_look(&self, changes: &mut Changes, within: Duration) {
        if changes.receiver.is_none()
            && let Ok(meta) = self.meta()
        {
            let mut receiver = meta.watch_changes();
            receiver.mark_changed();
            changes.receiver = Some(receiver);
        }
        let is_founded = self.look(|meta| meta.cluster().is_some());
        let within = match is_founded {
            Ok(false) => within.min(FOUNDING_LOOK_EVERY),
            Ok(true) | Err(_) => within,
        };
        let Some(receiver) = &mut changes.receiver else {
            sleep(within).await;
            return;
        };
        if let Ok(Err(_closed)) = timeout(within, receiver.changed()).await {
            changes.receiver = None;
            sleep(within).await;
        }
    }

    /// Proposes a command of a client: never a second time once it may have been done.
    pub(crate) async fn command(
        &self,
        command: ana_state::MetaCommand,
        deadline: Deadline,
    ) -> Answer<ana_state::MetaReply> {
        self.propose_meta(command, Repeat::Never, deadline).await
    }

    /// Proposes a command of the cluster itself, which may be repeated.
    pub(crate) async fn command_again(
        &self,
        command: ana_state::MetaCommand,
        deadline: Deadline,
    ) -> Answer<ana_state::MetaReply> {
        self.propose_meta(command, Repeat::Safe, deadline).await
    }

    async fn propose_meta(
        &self,
        command: ana_state::MetaCommand,
        repeat: Repeat,
        deadline: Deadline,
    ) -> Answer<ana_state::MetaReply> {
        let question = CommandMeta { command };
        let MetaAnswer(outcome) =
            leader::at_leader(self, GroupId::METADATA, &question, repeat, deadline).await?;
        outcome
    }
}
