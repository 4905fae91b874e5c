//! One node in the table of the supervisor.

use ana_env::time::Instant;

use crate::cluster::child::Running;
use crate::config::MemberConfig;

/// A node, and its process while there is one.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) zone: String,
    pub(super) api: String,
    pub(super) peer: String,
    pub(super) running: Option<Running>,
    pub(super) stopping: bool,
    /// It is about to be forgotten.
    pub(super) leaving: bool,
    /// When a paused process goes on.
    pub(super) paused_until: Option<Instant>,
    /// When a node that is held down is started again.
    pub(super) down_until: Option<Instant>,
    pub(super) reason: String,
    pub(super) starts: u32,
}

impl Slot {
    pub(super) fn new(node: &MemberConfig) -> Slot {
        Slot {
            zone: node.zone.clone(),
            api: node.api.clone(),
            peer: node.peer.clone(),
            running: None,
            stopping: false,
            leaving: false,
            paused_until: None,
            down_until: None,
            reason: String::new(),
            starts: 0,
        }
    }
}
