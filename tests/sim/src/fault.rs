//! What can go wrong: every fault with all its parameters, so that a plan can be printed, repeated and made smaller.
//!
//! ```text
//!   Class ─ random ─► Fault ─ acts, with the nodes it means now ─► (offset, Act)... ─► world
//! ```
//! What is modelled: a *kill* ends the process and leaves the page cache, a *power* cut loses or tears what was not
//! synced. *Cuts* lose messages. A *pause* stops every task of a machine, clients' connections included, while time goes
//! on. A *slow disk* delays syncs, a *full* one has no room. A *jump* or *drift* moves the time of day; how long
//! something takes is measured right. *Bit flips* and *lost files* hit one machine of a run, the plan's victim: what a
//! majority lost is lost.
//!
//! Must stay true: a fault that names a role finds its node when it fires, and by the seed alone.

use std::time::Duration;

use crate::class::Class;
use crate::drill::Step;

mod act;
mod random;

pub use act::{Act, FINE_TEAR_BYTES};
pub(crate) use act::{RESTART, cut, stop, swizzle};
pub use random::{Shape, background, random};

/// Whom a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// This node.
    Node(usize),
    /// Whoever leads the n-th group (counted round) when the fault fires.
    Leader(usize),
    /// A voter of that group that does not lead it: the first or the second.
    Follower(usize, usize),
}

/// A kind of bytes of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Entries, those of closed segments where there are any.
    Entries,
    /// The vote, in a frame or in the header of a segment.
    Vote,
    /// The snapshot.
    Snapshot,
}

/// What a disk loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Checkpoints: a cache.
    Checkpoints,
    /// A segment that is not the newest.
    Sealed,
    /// The snapshot.
    Snapshot,
    /// All of the node's data, with the mark that says so: the node comes back empty and is filled again.
    Everything,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The process ends, the machine runs on.
    Kill { who: Who, down: Duration },
    /// The machine loses power.
    Power { who: Who, down: Duration },
    /// All machines at once.
    PowerAll { down: Duration },
    /// One sync fails, as real disks do once and never again; the node has to end, and is started again.
    FailedSync { who: Who },
    /// Messages between two nodes are lost, in one direction or both.
    Cut {
        from: Who,
        to: Who,
        both: bool,
        lasts: Duration,
    },
    /// A node is cut from all other nodes. Clients still reach it.
    Isolate { who: Who, lasts: Duration },
    /// Three nodes hear each only the one before; five talk each with two neighbours only.
    Ring { lasts: Duration },
    /// Two halves, and one node that talks with both.
    Bridge { who: Who, lasts: Duration },
    /// The links of a node are cut one by one, and joined again in an order of their own.
    Swizzle {
        who: Who,
        order: u64,
        step: Duration,
        lasts: Duration,
    },
    /// Messages to and from a node take up to so long.
    SlowLinks {
        who: Who,
        latency: Duration,
        lasts: Duration,
    },
    /// A machine stands still.
    Pause { who: Who, lasts: Duration },
    /// Each sync takes longer.
    SlowDisk {
        who: Who,
        delay: Duration,
        lasts: Duration,
    },
    /// The disk has no room.
    FullDisk { who: Who, lasts: Duration },
    /// A bit of the victim's disk flips; `place` chooses the file and the bit. With `restart`, its process is killed
    /// then, so that the file is read.
    BitFlip {
        file: FileKind,
        place: u64,
        restart: bool,
    },
    /// The victim comes back from a power cut without some file.
    LostFiles {
        lost: Lost,
        place: u64,
        down: Duration,
    },
    /// Power is lost in the middle of a slow write, which is torn in small pieces.
    TornTail {
        who: Who,
        slow: Duration,
        down: Duration,
    },
    /// The time of day jumps, and jumps back.
    ClockJump {
        who: Who,
        by_ms: i64,
        lasts: Duration,
    },
    /// The time of day runs fast or slow; what it has gained or lost stays.
    ClockDrift { who: Who, ppm: i64, lasts: Duration },
    /// The leader of the n-th group is told to give its leadership to another voter.
    LeaderMove { group: usize, to: usize },
    /// A step of a drill.
    Drill(Box<Step>),
}

impl Fault {
    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Fault::Kill { .. } => Class::Kill,
            Fault::Power { .. } => Class::Power,
            Fault::PowerAll { .. } => Class::PowerAll,
            Fault::FailedSync { .. } => Class::FailedSync,
            Fault::Cut { both: false, .. } => Class::CutOneWay,
            Fault::Cut { both: true, .. } => Class::CutBothWays,
            Fault::Isolate { .. } => Class::Isolate,
            Fault::Ring { .. } => Class::Ring,
            Fault::Bridge { .. } => Class::Bridge,
            Fault::Swizzle { .. } => Class::Swizzle,
            Fault::SlowLinks { .. } => Class::SlowLinks,
            Fault::Pause { .. } => Class::Pause,
            Fault::SlowDisk { .. } => Class::SlowDisk,
            Fault::FullDisk { .. } => Class::FullDisk,
            Fault::BitFlip { .. } => Class::BitFlip,
            Fault::LostFiles { .. } => Class::LostFiles,
            Fault::TornTail { .. } => Class::TornTail,
            Fault::ClockJump { .. } => Class::ClockJump,
            Fault::ClockDrift { .. } => Class::ClockDrift,
            Fault::LeaderMove { .. } => Class::LeaderMove,
            Fault::Drill(step) => step.class(),
        }
    }
}
