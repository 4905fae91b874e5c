//! What is seen of the cluster itself: shards, replicas, leaders, retention, and whether it got on again.

use ana_types::HashRange;

use super::{At, Node, Shard};

/// A shard as one listing told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardSeen {
    /// Which.
    pub shard: Shard,
    /// Parent and adjacent parent.
    pub parents: Vec<Shard>,
    /// Its part of the key space.
    pub range: HashRange,
    /// Whether it takes puts.
    pub is_open: bool,
}

/// A listing of all shards of the stream, all pages of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// When it was asked for.
    pub asked: At,
    /// When the answer came.
    pub answered_us: u64,
    /// The shards.
    pub shards: Vec<ShardSeen>,
}

/// One replica's own account of a range of one group's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaDigest {
    /// Whose.
    pub node: Node,
    /// Of which group.
    pub group: u64,
    /// First entry.
    pub from: u64,
    /// Last entry.
    pub upto: u64,
    /// How many entries of the range it holds.
    pub entries: u64,
    /// Digest over them.
    pub digest: String,
    /// When it was asked.
    pub at: At,
}

impl ReplicaDigest {
    /// Whether it holds every entry it was asked for.
    pub fn is_whole(&self) -> bool {
        self.entries == (self.upto + 1).saturating_sub(self.from)
    }
}

/// A leader that somebody saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leadership {
    /// Of which group.
    pub group: u64,
    /// In which term.
    pub term: u64,
    /// Who.
    pub leader: Node,
}

/// A leader carried something out as leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Who, of what, in which term.
    pub by: Leadership,
    /// When it was asked to.
    pub asked_us: u64,
    /// When it had done so.
    pub answered_us: u64,
}

/// From a moment on records live so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// When the change was asked for; 0 for the beginning.
    pub since_us: u64,
    /// Milliseconds.
    pub lives_ms: u64,
}

/// All faults were lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heal {
    /// When.
    pub at_us: u64,
    /// Within this everything must get on again, microseconds.
    pub bound_us: u64,
    /// Puts go to every open shard all the time: each must be acknowledged again within the bound.
    pub every_shard_is_written: bool,
}

/// Something that had to come about within a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// What, for people: "producer 3 is acknowledged again".
    pub what: String,
    /// Since when it was expected.
    pub since_us: u64,
    /// Within which time.
    pub bound_us: u64,
    /// When it came about.
    pub met_us: Option<u64>,
}

impl Expectation {
    /// Whether it came about in time.
    pub fn is_met(&self) -> bool {
        self.met_us
            .is_some_and(|met| met <= self.since_us.saturating_add(self.bound_us))
    }
}
