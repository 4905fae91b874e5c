//! The machine of one replica as openraft drives it.
//!
//! ```text
//!   entry ─► apply_one ─► Machine (Metadata or ShardSet, pure)     ─► answer to its proposer
//!                    ├──► members
//!                    ├──► Point: the image of this moment is kept
//!                    └──► Trim:  the point's image becomes the snapshot (durable), then the
//!                                trimmer lets openraft purge the log
//! ```
//!
//! Must stay true
//! - Applying is a function of the entries alone: no clock, no randomness, no disk decides it. That
//!   a snapshot could not be written changes when this replica frees its disk, not its state.
//! - The applied index is published before the proposer hears its answer.
//! - An entry that cannot be decoded ends the replica: going on would be going apart.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ana_log::Log;
use ana_state::meta::Metadata;
use ana_state::shard::{AppendHeader, ShardSet};
use ana_types::ShardIndex;
use ana_types::planted::{self, Bug};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use openraft::EntryPayload;
use openraft::storage::{EntryResponder, RaftStateMachine};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::entry::{Answer, Batch, Command, Proposal, Reply};
use crate::error::EntryError;
use crate::points::{Image, POINTS_MAX, POINTS_MAX_META, Points};
use crate::snapshot::{self, SnapshotBody, SnapshotBuilder};
use crate::types::{Entry, LogId, Snapshot, SnapshotData, SnapshotMeta, StoredMembership, TC};

/// Which machine a group runs. A group never changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineKind {
    /// Streams, nodes, groups: group 0.
    Meta,
    /// The shards of one set.
    Shards,
}

/// A machine.
#[derive(Debug, Clone)]
pub enum Machine {
    /// Of the metadata group.
    Meta(Box<Metadata>),
    /// Of a data group.
    Shards(ShardSet),
}

impl Machine {
    /// An empty one.
    #[must_use]
    pub fn new(kind: MachineKind) -> Self {
        match kind {
            MachineKind::Meta => Self::Meta(Box::new(Metadata::new())),
            MachineKind::Shards => Self::Shards(ShardSet::new()),
        }
    }

    /// Which one it is.
    #[must_use]
    pub fn kind(&self) -> MachineKind {
        match self {
            Self::Meta(_) => MachineKind::Meta,
            Self::Shards(_) => MachineKind::Shards,
        }
    }

    /// Its own encoding.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Meta(machine) => Bytes::from(machine.encode()),
            Self::Shards(machine) => Bytes::from(machine.encode()),
        }
    }

    /// The reverse of [`Machine::encode`].
    ///
    /// # Errors
    /// When the bytes are no such machine.
    pub fn decode(kind: MachineKind, bytes: &[u8]) -> io::Result<Self> {
        let broken = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        Ok(match kind {
            MachineKind::Meta => Self::Meta(Box::new(Metadata::decode(bytes).map_err(broken)?)),
            MachineKind::Shards => Self::Shards(ShardSet::decode(bytes).map_err(broken)?),
        })
    }

    /// Checks the machine's invariants.
    ///
    /// # Errors
    /// The first one found broken.
    pub fn check(&self) -> Result<(), ana_state::Violation> {
        match self {
            Self::Meta(machine) => machine.check(),
            Self::Shards(machine) => machine.check(),
        }
    }

    /// The latest time the machine has seen, milliseconds since 1970; 0 for the metadata.
    #[must_use]
    pub fn last_time_ms(&self) -> u64 {
        match self {
            Self::Meta(_) => 0,
            Self::Shards(machine) => machine.last_time_ms(),
        }
    }

    fn append(&mut self, index: u64, batch: &Batch) -> Answer {
        let Self::Shards(machine) = self else {
            return Answer::Refused;
        };
        let headers: Vec<_> = batch
            .marks
            .iter()
            .map(|mark| AppendHeader {
                shard: ShardIndex(mark.key),
                count: mark.count,
                bytes: mark.len,
                time_ms: mark.time_ms,
            })
            .collect();
        Answer::Batch(machine.append(index, &headers))
    }

    fn command(&mut self, index: u64, command: Command) -> Answer {
        match (self, command) {
            (Self::Meta(machine), Command::Meta(command)) => {
                Answer::Reply(Reply::Meta(machine.apply(index, command)))
            }
            (Self::Shards(machine), Command::Shard(command)) => {
                Answer::Reply(Reply::Shard(machine.command(index, command)))
            }
            _ => Answer::Refused,
        }
    }
}

/// Everything that applying entries produces.
#[derive(Debug, Clone)]
pub struct Core {
    /// The last applied entry.
    pub applied: Option<LogId>,
    /// The last applied members.
    pub membership: StoredMembership,
    /// The machine.
    pub machine: Machine,
    /// Where the log may be cut.
    pub points: Points,
}

impl Core {
    /// Nothing applied yet.
    #[must_use]
    pub fn new(kind: MachineKind) -> Self {
        Self {
            applied: None,
            membership: StoredMembership::default(),
            machine: Machine::new(kind),
            points: Points::new(points_max(kind)),
        }
    }

    /// The state an image holds.
    ///
    /// # Errors
    /// When the image is not of this kind or does not decode.
    pub fn from_image(image: &Image, kind: MachineKind) -> io::Result<Self> {
        let body = SnapshotBody::decode(&image.body)?;
        if body.kind != kind {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "snapshot of another machine",
            ));
        }
        Ok(Self {
            applied: Some(image.log_id),
            membership: image.membership.clone(),
            machine: Machine::decode(kind, &body.machine)?,
            points: Points::from_list(&body.points, points_max(kind)),
        })
    }

    /// The state as of the last applied entry; `None` when there is none.
    fn image(&self) -> Result<Option<Image>, EntryError> {
        let Some(log_id) = self.applied else {
            return Ok(None);
        };
        let body = SnapshotBody::of(&self.machine, self.points.list()).encode()?;
        let membership = if planted::is(Bug::SnapshotWithoutMembers) {
            StoredMembership::default()
        } else {
            self.membership.clone()
        };
        Ok(Some(Image {
            log_id,
            membership,
            body,
        }))
    }

    /// Applies everything but the durable part of a trim.
    fn apply(&mut self, entry: Entry) -> Result<Answer, EntryError> {
        let Entry { log_id, payload } = entry;
        self.applied = Some(log_id);
        Ok(match payload {
            EntryPayload::Blank => Answer::Nothing,
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                Answer::Nothing
            }
            EntryPayload::Normal(Proposal::Batch(batch)) => {
                self.machine.append(log_id.index, &batch)
            }
            EntryPayload::Normal(Proposal::Command(bytes)) => {
                self.machine.command(log_id.index, Command::decode(&bytes)?)
            }
            EntryPayload::Normal(Proposal::Point { time_ms }) => {
                self.points.add(log_id.index, time_ms);
                if let Some(image) = self.image()? {
                    self.points.set_image(log_id.index, image);
                }
                Answer::Point
            }
            EntryPayload::Normal(Proposal::Trim { upto }) => Answer::Trim {
                upto: self.points.trim(upto),
            },
        })
    }
}

fn points_max(kind: MachineKind) -> usize {
    match kind {
        MachineKind::Meta => POINTS_MAX_META,
        MachineKind::Shards => POINTS_MAX,
    }
}

/// What a replica's machine shares with everybody who reads it.
#[derive(Debug)]
pub struct Shared {
    kind: MachineKind,
    /// Held for a few lines at a time, never across an await.
    core: Mutex<Core>,
    /// The durable snapshot.
    snapshot: Mutex<Option<Image>>,
    applied: watch::Sender<u64>,
    changes: watch::Sender<u64>,
    trims: watch::Sender<Option<u64>>,
    /// Bytes of records and commands applied since the start.
    work_bytes: AtomicU64,
}

impl Shared {
    /// The state a replica starts with, and its durable snapshot.
    #[must_use]
    pub fn new(kind: MachineKind, core: Core, snapshot: Option<Image>) -> Self {
        let applied = core.applied.map_or(0, |id| id.index);
        let trimmed = snapshot.as_ref().map(|image| image.log_id.index);
        Self {
            kind,
            core: Mutex::new(core),
            snapshot: Mutex::new(snapshot),
            applied: watch::Sender::new(applied),
            changes: watch::Sender::new(applied),
            trims: watch::Sender::new(trimmed),
            work_bytes: AtomicU64::new(0),
        }
    }

    /// Which machine this is.
    #[must_use]
    pub fn kind(&self) -> MachineKind {
        self.kind
    }

    /// Reads the state. `read` must be short: applying waits for it.
    pub fn read<R>(&self, read: impl FnOnce(&Core) -> R) -> R {
        read(&self.lock())
    }

    /// The last applied entry.
    #[must_use]
    pub fn applied(&self) -> Option<LogId> {
        self.lock().applied
    }

    /// Follows the applied index.
    #[must_use]
    pub fn watch_applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Follows changes of the machine other than records: the index of the last one.
    #[must_use]
    pub fn watch_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Follows the index of the durable snapshot.
    #[must_use]
    pub(crate) fn watch_trims(&self) -> watch::Receiver<Option<u64>> {
        self.trims.subscribe()
    }

    /// Bytes of records and commands applied since the start of this replica.
    #[must_use]
    pub(crate) fn work_bytes(&self) -> u64 {
        self.work_bytes.load(Ordering::Relaxed)
    }

    /// Index of the durable snapshot.
    #[must_use]
    pub(crate) fn snapshot_index(&self) -> Option<u64> {
        self.snapshot_lock()
            .as_ref()
            .map(|image| image.log_id.index)
    }

    pub(crate) fn set_snapshot(&self, image: Image) {
        let index = image.log_id.index;
        *self.snapshot_lock() = Some(image);
        self.trims.send_replace(Some(index));
    }

    fn snapshot(&self) -> Option<Image> {
        self.snapshot_lock().clone()
    }

    fn publish(&self, index: u64, changed: bool) {
        self.applied.send_replace(index);
        if changed {
            self.changes.send_replace(index);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot_lock(&self) -> MutexGuard<'_, Option<Image>> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The half openraft owns.
#[derive(Debug)]
pub struct StateMachine {
    shared: Arc<Shared>,
    log: Arc<Log>,
}

impl StateMachine {
    /// A machine over the state and the log of its replica.
    #[must_use]
    pub fn new(shared: Arc<Shared>, log: Arc<Log>) -> Self {
        Self { shared, log }
    }

    async fn apply_one(&self, entry: Entry) -> io::Result<Answer> {
        let index = entry.log_id.index;
        if let EntryPayload::Normal(Proposal::Trim { upto }) = &entry.payload {
            self.save_point(*upto).await;
        }
        let (work, changed) = match &entry.payload {
            EntryPayload::Normal(Proposal::Batch(batch)) => (batch.body.len(), false),
            EntryPayload::Normal(Proposal::Command(bytes)) => (bytes.len(), true),
            _ => (0, true),
        };
        let answer = self.shared.lock().apply(entry)?;
        let work = u64::try_from(work).unwrap_or(u64::MAX);
        self.shared.work_bytes.fetch_add(work, Ordering::Relaxed);
        self.shared.publish(index, changed);
        Ok(answer)
    }

    /// Makes the image of a point the snapshot. A failure only means that this replica cannot free
    /// the log yet: a later trim will.
    async fn save_point(&self, index: u64) {
        let image = self.shared.read(|core| core.points.image(index).cloned());
        let Some(image) = image else {
            return;
        };
        if let Err(error) = snapshot::save(&self.log, &self.shared, &image).await {
            tracing::warn!(index, %error, "the snapshot of a trim was not written; log is kept");
        }
    }
}

impl RaftStateMachine<TC> for StateMachine {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok(self
            .shared
            .read(|core| (core.applied, core.membership.clone())))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TC>>> + Unpin + Send,
    {
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            let answer = self.apply_one(entry).await?;
            if let Some(responder) = responder {
                responder.send(answer);
            }
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<SnapshotBuilder> {
        if !force {
            return self.shared.snapshot().map(SnapshotBuilder::Current);
        }
        let image = match self.shared.read(Core::image) {
            Ok(image) => image,
            Err(error) => {
                tracing::error!(%error, "the machine does not encode");
                None
            }
        };
        let newest = match (self.shared.snapshot(), image) {
            (Some(current), Some(image)) if current.log_id >= image.log_id => Some(current),
            (current, image) => image.or(current),
        };
        Some(SnapshotBuilder::Forced {
            log: Arc::clone(&self.log),
            shared: Arc::clone(&self.shared),
            image: newest,
        })
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        self.try_create_snapshot_builder(true)
            .await
            .expect("a forced builder is always given")
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: SnapshotData,
    ) -> io::Result<()> {
        let Some(log_id) = meta.last_log_id else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a snapshot of nothing",
            ));
        };
        let image = Image {
            log_id,
            membership: meta.last_membership.clone(),
            body: snapshot,
        };
        let core = Core::from_image(&image, self.shared.kind)?;
        snapshot::save(&self.log, &self.shared, &image).await?;
        *self.shared.lock() = core;
        self.shared.publish(log_id.index, true);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        Ok(self.shared.snapshot().map(|image| image.to_snapshot()))
    }
}
