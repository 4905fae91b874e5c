//! Faults of a node's program, carried out by its supervisor.

use super::TargetKind::{Nodes, Zones};
use super::{Harm, Revert, Spec};

/// A fault of a node's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessAction {
    /// Killed at once, and kept down for the time.
    Kill,
    /// Stopped in the middle of whatever it does, then let go on, as after a long pause of a machine.
    Pause,
    /// Ended in order and started again.
    Restart,
    /// Killed, its directory emptied, started again: its replicas come back from the other zones.
    WipeDisk,
}

static KILL: Spec = Spec {
    name: "node.kill",
    about: "kills the program (SIGKILL) and keeps it down",
    parameters: &[],
    takes: &[Nodes, Zones],
    revert: Revert::Started,
    harm: Harm::Replicas,
};
static PAUSE: Spec = Spec {
    name: "node.pause",
    about: "stops the program where it stands (SIGSTOP), as a long pause of the machine would",
    parameters: &[],
    takes: &[Nodes, Zones],
    revert: Revert::Continued,
    harm: Harm::Replicas,
};
static RESTART: Spec = Spec {
    name: "node.restart",
    about: "ends the program in order and starts it again",
    parameters: &[],
    takes: &[Nodes, Zones],
    revert: Revert::Done,
    harm: Harm::Replicas,
};
static WIPE_DISK: Spec = Spec {
    name: "node.wipe_disk",
    about: "kills the program, empties its disk and starts it again",
    parameters: &[],
    takes: &[Nodes],
    revert: Revert::Repaired,
    harm: Harm::Replicas,
};

pub(super) static SPECS: &[&Spec] = &[&KILL, &PAUSE, &RESTART, &WIPE_DISK];

pub(super) fn read(name: &str) -> Option<ProcessAction> {
    Some(match name {
        "node.kill" => ProcessAction::Kill,
        "node.pause" => ProcessAction::Pause,
        "node.restart" => ProcessAction::Restart,
        "node.wipe_disk" => ProcessAction::WipeDisk,
        _ => return None,
    })
}

impl ProcessAction {
    pub(super) fn spec(self) -> &'static Spec {
        match self {
            ProcessAction::Kill => &KILL,
            ProcessAction::Pause => &PAUSE,
            ProcessAction::Restart => &RESTART,
            ProcessAction::WipeDisk => &WIPE_DISK,
        }
    }
}
