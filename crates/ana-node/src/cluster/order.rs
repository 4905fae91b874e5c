//! Orders to the supervisor: what may be done to nodes, and which nodes there are.

use std::time::Duration;

use tokio::sync::oneshot;

use super::meddle::Meddle;
use crate::config::MemberConfig;

/// How long a node may be paused or held down, milliseconds: the longest lease of a fault.
pub const PAUSE_MS_MAX: u64 = crate::faults::LEASE_MS_MAX;

/// What may be done to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Ask it to end, kill it when it does not.
    Stop,
    /// SIGKILL.
    Kill,
    /// SIGKILL; the supervisor starts it again when the lease is over. Asked again, the lease is renewed.
    Down {
        /// For how long.
        lease: Duration,
    },
    /// Cut its file system off, then as [`Verb::Down`]: what was not synced is gone (`ana up --real`).
    PowerCut {
        /// For how long.
        lease: Duration,
    },
    /// Start it with the data it has.
    Start,
    /// SIGSTOP; the supervisor lets it go on when the lease is over.
    Pause {
        /// For how long.
        lease: Duration,
    },
    /// SIGCONT.
    Resume,
    /// Stop, then start.
    Restart,
    /// Kill, then do something to its files, then start.
    Meddle(Meddle),
}

/// Something to be done to some nodes.
#[derive(Debug)]
pub struct Order {
    /// What.
    pub verb: Verb,
    /// To which nodes.
    pub nodes: Vec<u64>,
    /// Told when done.
    pub done: oneshot::Sender<Outcome>,
}

/// What became of an order: what was done to files, in words, if anything was; or why it was not carried out, for a
/// person.
pub type Outcome = Result<Vec<String>, String>;

/// A change of which nodes there are.
#[derive(Debug)]
pub enum Change {
    /// A node more; it is started.
    Add(MemberConfig),
    /// A node is about to be forgotten: it is not started any more.
    Leave(u64),
    /// A node less; it must not run.
    Forget(u64),
}
