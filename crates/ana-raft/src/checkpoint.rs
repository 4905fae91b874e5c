//! Checkpoints: what makes a restart fast and can always be rebuilt.
//!
//! A checkpoint is the whole state of one replica's machine as of some applied entry, with a
//! checksum. Missing, stale or damaged ones are dropped, and the replica rebuilds the same state
//! from its snapshot and its log.
//!
//! Must stay true: nothing that must survive is kept here. Votes, log, snapshot and records lie in
//! `ana-log`. sled's write path does not flush the device's cache, which is fine for a checkpoint
//! and for nothing else; replacing sled touches this file only.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ana_env::runtime;
use ana_log::{Log, LogError};
use ana_types::GroupId;
use ana_types::planted::{self, Bug};
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::entry::{entry_id, log_id, seal, unseal};
use crate::error::EntryError;
use crate::points::Points;
use crate::state_machine::{Core, Machine, MachineKind};
use crate::types::{LogId, StoredMembership};

/// Bytes of the checksum before the body.
const CHECKSUM_BYTES: usize = 4;
/// sled's own memory for all checkpoints of a node.
const SLED_CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Where checkpoints lie. A lost or old one is no error.
#[async_trait]
pub trait CheckpointStore: Send + Sync + Debug {
    /// Replaces the checkpoint of a group.
    async fn save(&self, group: GroupId, checkpoint: Bytes) -> io::Result<()>;
    /// The checkpoint of a group saved last, or an earlier one, or none.
    async fn load(&self, group: GroupId) -> io::Result<Option<Bytes>>;
    /// Forgets the checkpoint of a group.
    async fn remove(&self, group: GroupId) -> io::Result<()>;
}

/// Checkpoints in a sled database.
#[derive(Debug, Clone)]
pub struct SledCheckpoints {
    tree: sled::Tree,
}

impl SledCheckpoints {
    /// Opens the database in `dir`. One that does not open is removed and begun anew: everything in
    /// it can be rebuilt.
    ///
    /// # Errors
    /// When not even an empty one can be made.
    pub async fn open(dir: &Path) -> io::Result<Self> {
        let dir = dir.to_path_buf();
        blocking(move || match open_tree(&dir) {
            Ok(tree) => Ok(Self { tree }),
            Err(error) => {
                tracing::warn!(%error, "checkpoints do not open; beginning anew");
                match std::fs::remove_dir_all(&dir) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                Ok(Self {
                    tree: open_tree(&dir)?,
                })
            }
        })
        .await
    }
}

fn open_tree(dir: &Path) -> io::Result<sled::Tree> {
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(SLED_CACHE_BYTES);
    Ok(config.open()?.open_tree("checkpoints")?)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    runtime::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

#[async_trait]
impl CheckpointStore for SledCheckpoints {
    async fn save(&self, group: GroupId, checkpoint: Bytes) -> io::Result<()> {
        let tree = self.tree.clone();
        blocking(move || {
            tree.insert(group.0.to_be_bytes(), checkpoint.as_ref())?;
            Ok(())
        })
        .await
    }

    async fn load(&self, group: GroupId) -> io::Result<Option<Bytes>> {
        let tree = self.tree.clone();
        blocking(move || {
            Ok(tree
                .get(group.0.to_be_bytes())?
                .map(|bytes| Bytes::copy_from_slice(&bytes)))
        })
        .await
    }

    async fn remove(&self, group: GroupId) -> io::Result<()> {
        let tree = self.tree.clone();
        blocking(move || {
            tree.remove(group.0.to_be_bytes())?;
            Ok(())
        })
        .await
    }
}

/// Checkpoints in memory, for simulated nodes: they survive the node as long as a clone lives.
#[derive(Debug, Clone, Default)]
pub struct MemoryCheckpoints {
    saved: Arc<Mutex<BTreeMap<GroupId, Bytes>>>,
}

impl MemoryCheckpoints {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Loses everything, as a crash may.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<GroupId, Bytes>> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CheckpointStore for MemoryCheckpoints {
    async fn save(&self, group: GroupId, checkpoint: Bytes) -> io::Result<()> {
        self.lock().insert(group, checkpoint);
        Ok(())
    }

    async fn load(&self, group: GroupId) -> io::Result<Option<Bytes>> {
        Ok(self.lock().get(&group).cloned())
    }

    async fn remove(&self, group: GroupId) -> io::Result<()> {
        self.lock().remove(&group);
        Ok(())
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct CheckpointBody {
    applied: LogId,
    membership: StoredMembership,
    kind: MachineKind,
    machine: Bytes,
    points: Points,
}

/// The bytes of a checkpoint; `None` while nothing is applied.
///
/// # Errors
/// Only if a value cannot be encoded, which would be a bug.
pub(crate) fn encode(core: &Core) -> Result<Option<Bytes>, EntryError> {
    let Some(applied) = core.applied else {
        return Ok(None);
    };
    let body = seal(&CheckpointBody {
        applied,
        membership: core.membership.clone(),
        kind: core.machine.kind(),
        machine: core.machine.encode(),
        points: core.points.clone(),
    })?;
    let mut bytes = Vec::with_capacity(CHECKSUM_BYTES + body.len());
    bytes.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
    bytes.extend_from_slice(&body);
    Ok(Some(Bytes::from(bytes)))
}

/// The reverse of [`encode`].
///
/// # Errors
/// When the checksum is wrong or the bytes are no checkpoint of this kind of machine.
pub(crate) fn decode(bytes: &[u8], kind: MachineKind) -> io::Result<Core> {
    let (checksum, body) = bytes
        .split_at_checked(CHECKSUM_BYTES)
        .ok_or(EntryError::Checksum)?;
    if crc32c::crc32c(body).to_be_bytes() != checksum {
        return Err(EntryError::Checksum.into());
    }
    let body: CheckpointBody = unseal(body)?;
    if body.kind != kind {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "checkpoint of another machine",
        ));
    }
    Ok(Core {
        applied: Some(body.applied),
        membership: body.membership,
        machine: Machine::decode(kind, &body.machine)?,
        points: body.points,
    })
}

/// The checkpoint of a group, if it belongs to this very log.
///
/// Its entry must be in the log, or be the one the log was cut at. One that runs ahead of the log
/// is dropped as well: openraft would cut away the whole log, and with it the records, to close
/// the gap, while the entries can come again from the leader.
pub(crate) async fn load(
    store: &dyn CheckpointStore,
    group: GroupId,
    kind: MachineKind,
    log: &Log,
) -> Option<Core> {
    let core = match store.load(group).await {
        Ok(bytes) => bytes.map(|bytes| decode(&bytes, kind)),
        Err(error) => Some(Err(error)),
    };
    let mut core = match core? {
        Ok(core) => core,
        Err(error) => {
            tracing::warn!(%group, %error, "checkpoint dropped");
            return None;
        }
    };
    match belongs(&core, log).await {
        Ok(true) => {
            if planted::is(Bug::AppliedTwice) {
                let index = core.applied?.index.checked_sub(1)?;
                core.applied = Some(log_id(&log.entry_id(index).await.ok()??));
            }
            Some(core)
        }
        Ok(false) => {
            tracing::info!(%group, applied = ?core.applied, "checkpoint is not of this log; dropped");
            None
        }
        Err(error) => {
            tracing::warn!(%group, %error, "log did not answer; checkpoint dropped");
            None
        }
    }
}

async fn belongs(core: &Core, log: &Log) -> Result<bool, LogError> {
    let Some(applied) = core.applied.as_ref().map(entry_id) else {
        return Ok(false);
    };
    if log.bounds().purged == Some(applied) {
        return Ok(true);
    }
    Ok(log.entry_id(applied.index).await? == Some(applied))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core() -> Core {
        let mut core = Core::new(MachineKind::Shards);
        core.applied = Some(LogId {
            leader_id: crate::types::LeaderId {
                term: 3,
                node_id: 2,
            },
            index: 17,
        });
        core.points.add(17, 1_000);
        core
    }

    #[test]
    fn a_checkpoint_comes_back_as_it_was() {
        let bytes = encode(&core())
            .expect("encodes")
            .expect("something is applied");
        let back = decode(&bytes, MachineKind::Shards).expect("decodes");
        assert_eq!(back.applied, core().applied);
        assert_eq!(back.points, core().points);
        assert_eq!(back.machine.encode(), core().machine.encode());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = encode(&core())
            .expect("encodes")
            .expect("something is applied");
        for place in 0..bytes.len() * 8 {
            let mut damaged = bytes.to_vec();
            damaged[place / 8] ^= 1 << (place % 8);
            assert!(
                decode(&damaged, MachineKind::Shards).is_err(),
                "bit {place}"
            );
        }
        assert!(decode(&bytes[..3], MachineKind::Shards).is_err());
        assert!(decode(&bytes, MachineKind::Meta).is_err());
    }

    #[tokio::test]
    async fn sled_keeps_checkpoints_over_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let group = GroupId(9);
        let store = SledCheckpoints::open(dir.path()).await.expect("opens");
        store
            .save(group, Bytes::from_static(b"one"))
            .await
            .expect("saves");
        store
            .save(group, Bytes::from_static(b"two"))
            .await
            .expect("saves");
        drop(store);
        let store = SledCheckpoints::open(dir.path())
            .await
            .expect("opens again");
        assert_eq!(
            store.load(group).await.expect("loads"),
            Some(Bytes::from_static(b"two"))
        );
        store.remove(group).await.expect("removes");
        assert_eq!(store.load(group).await.expect("loads"), None);
    }
}
