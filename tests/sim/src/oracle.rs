//! What clients were promised, and what they saw.
//!
//! A put that was refused clearly did not happen; a put without an answer may have happened: nothing is assumed about
//! it. Times are simulated milliseconds since the epoch of the run.

use std::collections::{BTreeMap, BTreeSet};

/// The value of a record, unique in a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value {
    pub key: String,
    pub counter: u64,
}

impl Value {
    /// As it is put.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.key, self.counter)
    }

    /// As it was read.
    #[must_use]
    pub fn parse(text: &str) -> Option<Value> {
        let (key, counter) = text.split_once(' ')?;
        Some(Value {
            key: key.to_owned(),
            counter: counter.parse().ok()?,
        })
    }
}

/// Where an acknowledged record is said to lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    pub shard: String,
    pub sequence: String,
    pub sent_ms: u64,
    pub answered_ms: u64,
}

/// A record that some reader saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub shard: String,
    pub sequence: String,
    pub value: Option<Value>,
    pub arrival_ms: u64,
}

/// A shard as the last listing told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardSeen {
    pub id: String,
    pub parents: Vec<String>,
    pub start: u128,
    pub end: u128,
    pub open: bool,
}

/// One replica's own account of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaSeen {
    pub node: usize,
    pub group: u64,
    pub from: u64,
    pub upto: u64,
    /// How many entries of `from..=upto` it holds; fewer while it lags.
    pub entries: u64,
    pub digest: String,
}

impl ReplicaSeen {
    /// Whether it holds every entry it was asked for.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.entries == (self.upto + 1).saturating_sub(self.from)
    }
}

/// Everything a run's clients know at its end.
#[derive(Debug, Default)]
pub struct Oracle {
    pub promises: BTreeMap<Value, Promise>,
    pub unknown: BTreeSet<Value>,
    pub refused: BTreeSet<Value>,
    /// Each reader's records of one shard, in the order they came.
    pub chains: Vec<Vec<Seen>>,
    /// The whole stream, read at the end.
    pub finally: Vec<Seen>,
    /// Shards whose last read did not come to their end: nothing can be said of what they hold.
    pub unread: BTreeSet<String>,
    /// Empty if no node listed them.
    pub shards: Vec<ShardSeen>,
    /// Listings taken while faults were going on.
    pub listings: Vec<Vec<ShardSeen>>,
    pub replicas: Vec<ReplicaSeen>,
    /// Elections that somebody saw won: group, term, leader. A term may have several, one after another: openraft
    /// numbers elections by term and node (`docs/FINDINGS.md`).
    pub elections: BTreeSet<(u64, u64, u64)>,
    /// When the last read of the whole stream began, and how long records live.
    pub read_ms: u64,
    pub retention_ms: u64,
    /// Things that must have got on after the faults, and did not.
    pub stuck: Vec<String>,
    pub reshards: usize,
}

impl Oracle {
    /// Whether the last read says all that a shard holds. If it does not, [`Oracle::stuck`] says why.
    #[must_use]
    pub fn was_read(&self, shard: &str) -> bool {
        !self.shards.is_empty() && !self.unread.contains(shard)
    }
}
