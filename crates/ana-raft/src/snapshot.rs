//! What a snapshot holds, and how it is built.
//!
//! A snapshot is an [`Image`]: the machine, the members and the list of points as of one entry.
//! It holds no record. It is a few kilobytes for a data group, and travels as one buffer.
//!
//! Must stay true: the snapshot on disk is never older than where the log begins; it is written and
//! synced before the log is cut.

use std::io;
use std::sync::Arc;

use ana_log::{Log, LogError};
use bytes::Bytes;
use openraft::RaftSnapshotBuilder;
use serde::{Deserialize, Serialize};

use crate::entry::{seal, unseal};
use crate::error::EntryError;
use crate::points::{Image, PointList};
use crate::state_machine::{Machine, MachineKind, Shared};
use crate::types::{Snapshot, SnapshotData, SnapshotMeta, TC};

/// What the body of an image holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotBody {
    /// Which machine.
    pub kind: MachineKind,
    /// The machine's own encoding, with its own version.
    pub machine: Bytes,
    /// Points as of the same entry, that one included.
    pub points: PointList,
}

impl SnapshotBody {
    /// The body of a machine and its points.
    #[must_use]
    pub fn of(machine: &Machine, points: PointList) -> Self {
        Self {
            kind: machine.kind(),
            machine: machine.encode(),
            points,
        }
    }

    /// The bytes that travel.
    ///
    /// # Errors
    /// Only if a value cannot be encoded, which would be a bug.
    pub fn encode(&self) -> Result<Bytes, EntryError> {
        seal(self)
    }

    /// The reverse of [`SnapshotBody::encode`].
    ///
    /// # Errors
    /// When the bytes are no body of a known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        unseal(bytes)
    }
}

impl Image {
    /// The snapshot openraft is shown.
    #[must_use]
    pub fn to_snapshot(&self) -> Snapshot {
        Snapshot {
            meta: SnapshotMeta {
                last_log_id: Some(self.log_id),
                last_membership: self.membership.clone(),
            },
            snapshot: self.body.clone(),
        }
    }

    /// The bytes of the snapshot file.
    ///
    /// # Errors
    /// Only if a value cannot be encoded, which would be a bug.
    pub fn encode(&self) -> Result<Bytes, EntryError> {
        seal(self)
    }

    /// The reverse of [`Image::encode`].
    ///
    /// # Errors
    /// When the bytes are no image of a known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        unseal(bytes)
    }
}

/// Writes an image as the group's snapshot, durably, and makes it the current one. An image not
/// newer than the current one changes nothing.
///
/// # Errors
/// When the log could not write it; the current one stays.
pub(crate) async fn save(log: &Log, shared: &Shared, image: &Image) -> io::Result<()> {
    if shared.snapshot_index() >= Some(image.log_id.index) {
        return Ok(());
    }
    let bytes = image.encode()?;
    log.save_snapshot(image.log_id.index, bytes)
        .await
        .map_err(LogError::into_io)?;
    shared.set_snapshot(image.clone());
    Ok(())
}

/// Reads the group's snapshot.
///
/// # Errors
/// When the file cannot be read or is not an image; a replica must not start from nothing then.
pub(crate) async fn load(log: &Log) -> io::Result<Option<Image>> {
    match log.load_snapshot().await.map_err(LogError::into_io)? {
        Some((_, bytes)) => Ok(Some(Image::decode(&bytes)?)),
        None => Ok(None),
    }
}

/// Hands openraft a snapshot that is already durable, or writes one of this very moment.
#[derive(Debug)]
pub enum SnapshotBuilder {
    /// The current one, as written by the last trim.
    Current(Image),
    /// The state as of the last applied entry: only when openraft insists.
    Forced {
        /// Where it is written.
        log: Arc<Log>,
        /// Where it becomes current.
        shared: Arc<Shared>,
        /// The state; `None` when nothing was ever applied.
        image: Option<Image>,
    },
}

impl RaftSnapshotBuilder<TC> for SnapshotBuilder {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        match self {
            Self::Current(image) => Ok(image.to_snapshot()),
            Self::Forced {
                log,
                shared,
                image: Some(image),
            } => {
                save(log, shared, image).await?;
                Ok(image.to_snapshot())
            }
            Self::Forced { image: None, .. } => Ok(Snapshot {
                meta: SnapshotMeta::default(),
                snapshot: Bytes::new(),
            }),
        }
    }
}
