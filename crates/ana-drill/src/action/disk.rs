//! Faults of what a node writes and reads, carried out in its storage.

use super::TargetKind::{Nodes, Zones};
use super::{Harm, Revert, Spec, given, optional, required, share};
use crate::error::{DrillError, Fault};
use crate::fields::{Fields, one_of};
use crate::quantity::{Percent, Size, Span};

/// A fault of a node's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskAction {
    /// Calls take longer.
    Slow {
        /// How much longer each sync takes.
        fsync: Option<Span>,
        /// How much longer each write takes.
        write: Option<Span>,
        /// How much longer each read takes.
        read: Option<Span>,
    },
    /// Writes fail for want of room.
    Full {
        /// What still fits; nothing where absent.
        free: Option<Size>,
    },
    /// Syncs fail. A node whose sync failed does not trust what it wrote.
    FsyncError {
        /// How many.
        percent: Percent,
    },
    /// The program is killed and what was not synced is gone; kept down for the time.
    PowerCut,
    /// Bits turn over in a file that is not being written. The node must notice before it serves them.
    BitFlip {
        /// Which kind of file.
        file: DiskFile,
    },
    /// The program is killed and the last bytes of its log are garbage, as after a write cut short.
    TornTail {
        /// How many bytes.
        bytes: Size,
    },
}

/// A kind of file that a node keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFile {
    /// Segments of the log, closed ones.
    Log,
    /// Snapshots.
    Snapshot,
    /// The term and the vote.
    Vote,
    /// Checkpoints, which can be rebuilt.
    Checkpoint,
}

const FILES: [(&str, DiskFile); 4] = [
    ("log", DiskFile::Log),
    ("snapshot", DiskFile::Snapshot),
    ("vote", DiskFile::Vote),
    ("checkpoint", DiskFile::Checkpoint),
];

static SLOW: Spec = Spec {
    name: "disk.slow",
    about: "makes calls to the disk take longer",
    parameters: &[
        optional("fsync", "200ms", "how much longer each sync takes; nothing"),
        optional("write", "20ms", "how much longer each write takes; nothing"),
        optional("read", "20ms", "how much longer each read takes; nothing"),
    ],
    takes: &[Nodes, Zones],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};
static FULL: Spec = Spec {
    name: "disk.full",
    about: "makes writes fail for want of room",
    parameters: &[optional("free", "1MiB", "what still fits; nothing")],
    takes: &[Nodes, Zones],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};
static FSYNC_ERROR: Spec = Spec {
    name: "disk.fsync_error",
    about: "makes syncs fail; a node that met one is started again at the end",
    parameters: &[required("percent", "100", "how many fail")],
    takes: &[Nodes, Zones],
    revert: Revert::Started,
    harm: Harm::Replicas,
};
static POWER_CUT: Spec = Spec {
    name: "disk.power_cut",
    about: "kills the program, drops what was not synced, and keeps it down",
    parameters: &[],
    takes: &[Nodes, Zones],
    revert: Revert::Started,
    harm: Harm::Replicas,
};
static BIT_FLIP: Spec = Spec {
    name: "disk.bit_flip",
    about: "turns a bit over in a file at rest and restarts the node",
    parameters: &[required(
        "file",
        "log",
        "which kind: log, snapshot, vote, checkpoint",
    )],
    takes: &[Nodes],
    revert: Revert::Repaired,
    harm: Harm::Replicas,
};
static TORN_TAIL: Spec = Spec {
    name: "disk.torn_tail",
    about: "kills the program, garbles the end of its log, and starts it again",
    parameters: &[required("bytes", "512B", "how many of the last bytes")],
    takes: &[Nodes, Zones],
    revert: Revert::Repaired,
    harm: Harm::Replicas,
};

pub(super) static SPECS: &[&Spec] = &[
    &SLOW,
    &FULL,
    &FSYNC_ERROR,
    &POWER_CUT,
    &BIT_FLIP,
    &TORN_TAIL,
];

pub(super) fn read(name: &str, fields: &mut Fields) -> Result<Option<DiskAction>, DrillError> {
    Ok(Some(match name {
        "disk.slow" => {
            let fsync = fields.optional("fsync")?;
            let write = fields.optional("write")?;
            let read = fields.optional("read")?;
            if fsync.or(write).or(read).is_none() {
                return Err(fields.at_least_one(&["fsync", "write", "read"]));
            }
            DiskAction::Slow { fsync, write, read }
        }
        "disk.full" => DiskAction::Full {
            free: fields.optional("free")?,
        },
        "disk.fsync_error" => DiskAction::FsyncError {
            percent: share(fields, "percent")?,
        },
        "disk.power_cut" => DiskAction::PowerCut,
        "disk.bit_flip" => {
            let file: String = fields.required("file")?;
            let file = one_of("file", &file, &FILES);
            DiskAction::BitFlip {
                file: file.map_err(|fault| fault.at(fields.place()))?,
            }
        }
        "disk.torn_tail" => {
            let bytes: Size = fields.required("bytes")?;
            if bytes.0 == 0 {
                return Err(Fault::Nothing("bytes".to_owned()).at(fields.place()));
            }
            DiskAction::TornTail { bytes }
        }
        _ => return Ok(None),
    }))
}

impl DiskAction {
    pub(super) fn spec(self) -> &'static Spec {
        match self {
            DiskAction::Slow { .. } => &SLOW,
            DiskAction::Full { .. } => &FULL,
            DiskAction::FsyncError { .. } => &FSYNC_ERROR,
            DiskAction::PowerCut => &POWER_CUT,
            DiskAction::BitFlip { .. } => &BIT_FLIP,
            DiskAction::TornTail { .. } => &TORN_TAIL,
        }
    }

    pub(super) fn parameters(self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        match self {
            DiskAction::PowerCut => {}
            DiskAction::Slow { fsync, write, read } => {
                given(&mut all, "fsync", fsync);
                given(&mut all, "write", write);
                given(&mut all, "read", read);
            }
            DiskAction::Full { free } => given(&mut all, "free", free),
            DiskAction::FsyncError { percent } => given(&mut all, "percent", Some(percent)),
            DiskAction::BitFlip { file } => {
                let name = FILES
                    .iter()
                    .find(|(_, each)| *each == file)
                    .map(|(name, _)| name);
                given(&mut all, "file", name);
            }
            DiskAction::TornTail { bytes } => given(&mut all, "bytes", Some(bytes)),
        }
        all
    }
}
