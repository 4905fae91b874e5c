//! Orders to the supervisor: what may be done to nodes, and to the files of one that is down.

use std::path::Path;
use std::time::Duration;

use ana_env::Disk;
use ana_raft::rebuild;
use tokio::sync::oneshot;

use super::lock::LOCK_FILE;

/// How long a node may be paused or held down, milliseconds: the longest lease of a fault.
pub const PAUSE_MS_MAX: u64 = crate::faults::LEASE_MS_MAX;

/// What a wipe leaves in the directory of a node: the lock, and whose directory it is.
pub const SPARED: &[&str] = &[LOCK_FILE, "identity.toml"];

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

/// What may be done to the files of a node that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddle {
    /// Take all of them away. The node is filled again from the others.
    Wipe,
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

impl Meddle {
    /// Does it to the directory of a node that is down; says what was done.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn carry_out(self, disk: &dyn Disk, node: u64, dir: &Path) -> Result<String, String> {
        match self {
            Meddle::Wipe => {
                let failed = |error| format!("the data of node {node} cannot be wiped: {error}");
                rebuild::mark(disk, dir).await.map_err(failed)?;
                rebuild::wipe(disk, dir, SPARED).await.map_err(failed)?;
                Ok(format!("node {node}: all data are gone"))
            }
        }
    }
}
