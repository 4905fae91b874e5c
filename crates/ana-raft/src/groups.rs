//! All replicas of one node.
//!
//! Must stay true
//! - A group is opened, closed or deleted only because its caller was told to by the metadata; this
//!   module decides nothing about which groups there are.
//! - Opening, closing and deleting of one group never overlap: they own its directory in turn. The
//!   lock for that is an async one, because what it guards is files.
//! - A closed group leaves no task behind.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ana_env::disk::Disk;
use ana_env::net::Listener;
use ana_env::runtime::Tasks;
use ana_env::{Env, time};
use ana_types::{GroupId, NodeId};
use futures::future::BoxFuture;

use crate::checkpoint::CheckpointStore;
use crate::config::RaftNodeConfig;
use crate::error::GroupError;
use crate::group::{DiskUse, Group};
use crate::left::{self, Departure, departure};
use crate::open::{Parts, make_dir};
use crate::peer_server::{GroupLookup, PeerServer, Replica};
use crate::peers::{CallHandler, Peers};
use crate::rebuild;
use crate::repair::RaftCalls;
use crate::rest::{self, Heard};
use crate::state_machine::MachineKind;
use crate::status::{GroupHealth, GroupStatus};
use crate::succession::Losses;
use crate::types::{LogId, Raft};

/// How often the disk's use is looked at.
const DISK_TICK: Duration = Duration::from_millis(1000);
/// What a group's directory is called while it is removed: its number, and this.
const DELETED_SUFFIX: &str = ".deleted";

/// All replicas of one node. Clones share them.
#[derive(Debug, Clone)]
pub struct Groups {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    peers: Peers,
    table: Mutex<BTreeMap<GroupId, Slot>>,
    tasks: Tasks,
}

/// The replicas of a node for as long as somebody else holds them.
#[derive(Debug)]
pub(crate) struct WeakGroups(Weak<Inner>);

impl WeakGroups {
    pub(crate) fn upgrade(&self) -> Option<Groups> {
        self.0.upgrade().map(|inner| Groups { inner })
    }
}

/// One group's place. It stays when the group is closed: it is small, and ids are never reused.
#[derive(Debug, Default)]
struct Slot {
    /// Held while the group's directory is opened, closed or deleted.
    lifecycle: Arc<tokio::sync::Mutex<()>>,
    group: Option<Group>,
}

impl Groups {
    /// No group yet. Makes the node's directories and begins to watch its disk.
    ///
    /// # Errors
    /// When the directories cannot be made.
    pub async fn start(
        env: Env,
        config: RaftNodeConfig,
        checkpoints: Arc<dyn CheckpointStore>,
        peers: Peers,
    ) -> Result<Self, GroupError> {
        let io = |source| GroupError::Io {
            group: GroupId::METADATA,
            source,
        };
        let dir = config.groups_dir();
        make_dir(&*env.disk, &dir).await.map_err(io)?;
        if rebuild::is_marked(&*env.disk, &config.data_dir)
            .await
            .map_err(io)?
        {
            let half = io::Error::other("the wipe of this node's directory is not finished");
            return Err(io(half));
        }
        remove_leftovers(&*env.disk, &dir).await.map_err(io)?;
        let disk_use = DiskUse::default();
        measure(&env, &config, &disk_use).await.map_err(io)?;
        let parts = Parts {
            env,
            config: Arc::new(config),
            checkpoints,
            disk_use,
            losses: Losses::default(),
        };
        let tasks = Tasks::new();
        let watching = tasks.spawn(watch_disk(parts.clone()));
        assert!(watching.is_some(), "new tasks are open");
        let inner = Arc::new(Inner {
            parts,
            peers,
            table: Mutex::default(),
            tasks,
        });
        // It does not keep alive what its end belongs to.
        let resting = inner
            .tasks
            .spawn(rest::run(WeakGroups(Arc::downgrade(&inner))));
        assert!(resting.is_some(), "new tasks are open");
        Ok(Self { inner })
    }

    /// This node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.inner.parts.config.node
    }

    /// The other nodes.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.inner.peers
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &RaftNodeConfig {
        &self.inner.parts.config
    }

    /// Opens the replica of a group, or answers the open one. It founds nothing.
    ///
    /// # Errors
    /// When its directory or log cannot be opened. A damaged log is no error; see
    /// [`Group::health`].
    pub async fn open(&self, id: GroupId, kind: MachineKind) -> Result<Group, GroupError> {
        let _owned = self.own(id).await;
        if let Some(group) = self.get(id) {
            return Ok(group);
        }
        self.open_owned(id, kind).await
    }

    /// The caller owns the group's directory.
    pub(crate) async fn open_owned(
        &self,
        id: GroupId,
        kind: MachineKind,
    ) -> Result<Group, GroupError> {
        let group = self.open_apart(id, kind).await?;
        self.table().entry(id).or_default().group = Some(group.clone());
        Ok(group)
    }

    /// Opens a replica that the table does not know yet.
    fn open_apart(
        &self,
        id: GroupId,
        kind: MachineKind,
    ) -> BoxFuture<'_, Result<Group, GroupError>> {
        let network = self.inner.peers.network(id);
        Box::pin(Group::open(self.inner.parts.clone(), id, kind, network))
    }

    /// Waits until nobody else opens, closes or deletes the group, and keeps it so.
    pub(crate) async fn own(&self, id: GroupId) -> tokio::sync::OwnedMutexGuard<()> {
        let lifecycle = Arc::clone(&self.table().entry(id).or_default().lifecycle);
        lifecycle.lock_owned().await
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    /// The open replica of a group, running or not.
    #[must_use]
    pub fn get(&self, id: GroupId) -> Option<Group> {
        self.table().get(&id)?.group.clone()
    }

    /// openraft's handle of a running replica.
    #[must_use]
    pub fn raft(&self, id: GroupId) -> Option<Raft> {
        self.get(id)?.raft()
    }

    /// All open replicas, by id.
    #[must_use]
    pub fn all(&self) -> Vec<Group> {
        self.table()
            .values()
            .filter_map(|slot| slot.group.clone())
            .collect()
    }

    /// All open replicas now, by id.
    #[must_use]
    pub fn list(&self) -> Vec<GroupStatus> {
        self.all().iter().map(Group::status).collect()
    }

    /// Replicas that have failed and must not write any more, with the reasons.
    #[must_use]
    pub fn failed(&self) -> Vec<(GroupId, String)> {
        let failed = |group: &Group| match group.health() {
            GroupHealth::Failed { why } => Some((group.id(), why)),
            _ => None,
        };
        self.all().iter().filter_map(failed).collect()
    }

    /// Stops the replica of a group; its files stay.
    pub async fn close(&self, id: GroupId) {
        let _owned = self.own(id).await;
        self.close_owned(id).await;
    }

    pub(crate) async fn close_owned(&self, id: GroupId) {
        let group = self.table().get_mut(&id).and_then(|slot| slot.group.take());
        if let Some(group) = group {
            group.stop().await;
        }
    }

    /// Stops the replica of a group and removes its files. Only because a committed entry says that
    /// the group is deleted, or that it has left this node.
    ///
    /// # Errors
    /// When the files cannot be removed; repeating it goes on where it stopped.
    pub async fn delete(&self, id: GroupId) -> Result<(), GroupError> {
        let _owned = self.own(id).await;
        self.close_owned(id).await;
        let parts = self.parts();
        let io = |source| GroupError::Io { group: id, source };
        let (disk, groups_dir) = (&*parts.env.disk, parts.config.groups_dir());
        let aside = groups_dir.join(format!("{id}{DELETED_SUFFIX}"));
        remove_dir(disk, &aside).await.map_err(io)?;
        match disk.rename(&parts.config.group_dir(id), &aside).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        // Before the first file goes: what power leaves of a half removed log must never be taken for the whole.
        disk.sync_dir(&groups_dir).await.map_err(io)?;
        remove_dir(disk, &aside).await.map_err(io)?;
        disk.sync_dir(&groups_dir).await.map_err(io)?;
        parts.checkpoints.remove(id).await.map_err(io)
    }

    /// Stops the replica of a group and removes its files, all but what it had promised. Only because
    /// a committed entry says that it has left this node.
    ///
    /// # Errors
    /// When the files cannot be removed; repeating it goes on where it stopped.
    pub async fn leave(&self, id: GroupId, kind: MachineKind) -> Result<Departure, GroupError> {
        let _owned = self.own(id).await;
        let parts = self.parts();
        let io = |source| GroupError::Io { group: id, source };
        let open = self.table().get_mut(&id).and_then(|slot| slot.group.take());
        let departure = match open {
            Some(group) => group.leave().await?,
            None => {
                let dir = parts.config.group_dir(id);
                let rebuilt = self.is_rebuilt().await.map_err(io)?;
                match departure(&parts.env, &dir, rebuilt).await.map_err(io)? {
                    Some(departure) => departure,
                    None => {
                        // What it had promised is in its log.
                        let group = self.open_apart(id, kind).await?;
                        group.leave().await?
                    }
                }
            }
        };
        parts.checkpoints.remove(id).await.map_err(io)?;
        Ok(departure)
    }

    /// Whether there is a replica of a group on this node's disk, open or not. What one that has left leaves behind
    /// is none.
    ///
    /// # Errors
    /// When its directory cannot be read.
    pub async fn has_replica(&self, id: GroupId) -> io::Result<bool> {
        let parts = self.parts();
        left::has_replica(&*parts.env.disk, &parts.config.group_dir(id)).await
    }

    /// Stops all replicas.
    pub async fn shutdown(&self) {
        self.inner.tasks.shutdown().await;
        let ids: Vec<_> = self.table().keys().copied().collect();
        futures::future::join_all(ids.into_iter().map(|id| self.close(id))).await;
    }

    /// Serves peers at `listener` from now on. `calls` gets every call that is not this crate's own.
    #[must_use]
    pub fn serve_peer(
        &self,
        listener: Box<dyn Listener>,
        calls: Arc<dyn CallHandler>,
    ) -> PeerServer {
        let calls = Arc::new(RaftCalls::new(self.clone(), calls));
        PeerServer::start(listener, self.node(), Arc::new(self.clone()), calls)
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<GroupId, Slot>> {
        self.inner
            .table
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl GroupLookup for Groups {
    fn replica(&self, group: GroupId) -> Option<Arc<dyn Replica>> {
        if self.inner.peers.stands_aside() {
            return None;
        }
        Some(Arc::new(self.raft(group)?))
    }

    fn admits_entries(&self, group: GroupId) -> bool {
        self.get(group).is_some_and(|group| group.admits_entries())
    }

    fn admits_small(&self, group: GroupId) -> bool {
        self.raft(group).is_some()
    }

    fn is_removed(&self, node: NodeId) -> bool {
        self.inner.peers.is_removed(node)
    }

    fn may_vote_for(&self, group: GroupId, last: Option<&LogId>) -> bool {
        self.get(group)
            .is_some_and(|group| group.may_vote_for(last))
    }

    fn heard(&self, group: GroupId, what: Heard) -> bool {
        self.get(group).is_none_or(|group| group.heard(what))
    }

    fn peer_lost(&self, node: NodeId) {
        self.inner.parts.losses.note(node);
    }
}

/// Removes a directory that may be gone already.
async fn remove_dir(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    match disk.remove_dir_all(dir).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Ends deletions that were cut short.
async fn remove_leftovers(disk: &dyn Disk, groups_dir: &Path) -> io::Result<()> {
    for entry in disk.list(groups_dir).await? {
        if entry.name.ends_with(DELETED_SUFFIX) {
            remove_dir(disk, &groups_dir.join(&entry.name)).await?;
        }
    }
    Ok(())
}

#[expect(clippy::infinite_loop, reason = "it ends with the node's tasks")]
async fn watch_disk(parts: Parts) {
    let mut ticks = time::interval(DISK_TICK);
    loop {
        ticks.tick().await;
        if let Err(error) = measure(&parts.env, &parts.config, &parts.disk_use).await {
            tracing::warn!(%error, "the disk does not say how full it is");
        }
    }
}

async fn measure(env: &Env, config: &RaftNodeConfig, disk_use: &DiskUse) -> io::Result<()> {
    let space = env.disk.space(&config.data_dir).await?;
    disk_use.store(space.fullness_permille(), Ordering::Relaxed);
    Ok(())
}
