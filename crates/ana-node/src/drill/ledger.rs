//! The user's own traffic during a drill: what every node notes of it is collected while the drill runs, the streams are
//! read back at the end, and both are judged (`ana_check::ledger`), the cluster and the application apart.
//!
//! ```text
//!   nodes ──pages──> collect (a task for each node) ──> notes ──> ana_check ──> verdict: record's sections, flags
//!                                        read_back ─────────────────┘
//! ```
//! Must stay true:
//! - notes are asked for, and the ledgers of nodes kept on, on a lease: a runner that dies leaves nothing on;
//! - what could not be collected is a hole, and holes accuse nobody;
//! - the runner's own reading is no consumer of the application.

mod collect;
mod notes;
mod read_back;
mod verdict;

pub use self::collect::Ledgers;
pub use self::notes::{Collected, OfStream};
pub use self::read_back::read_back;
pub use self::verdict::{Own, judge};
