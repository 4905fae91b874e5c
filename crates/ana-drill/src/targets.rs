//! What a fault is aimed at, as written in a file: `zone b`, `leader of orders/shardId-000000000000`,
//! `link a -> b`, `stream orders op GetRecords`, `30% of nodes`.
//!
//! Must stay true: a target that was read prints as a text that reads as the same target, and resolving it
//! against a topology depends on nothing but that topology and the seed.

mod words;
mod parse;
mod print;
mod resolve;
mod pick;

pub use pick::{Pick, Wire};
pub use resolve::ResolveError;

use crate::near::{nearest, offer};
use crate::operation::Operation;
use crate::quantity::Percent;
use crate::topology::{NotAShard, ShardName};
use ana_types::{NameError, NodeId, ShardIndex, StreamName, Zone};
use std::collections::{BTreeMap, BTreeSet};

/// What a fault is aimed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whole zones.
    Zones(Zones),
    /// Nodes.
    Nodes(Nodes),
    /// The network between nodes.
    Link(Link),
    /// Requests of clients.
    Requests(Requests),
}

/// How many of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// One of them, the seed says which.
    One,
    /// Every one.
    All,
    /// So many, the seed says which.
    Exactly(u32),
    /// So many or, where there are fewer, all; the seed says which.
    UpTo(u32),
    /// This share, rounded down, at least one; the seed says which.
    Share(Percent),
}

/// Whole zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zones {
    /// `zone b`
    Named(Zone),
    /// `one of zones`, `all zones`
    Some(Count),
}

/// Nodes, by name or by what they are at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nodes {
    /// `node 4`
    Named(NodeId),
    /// `leader of orders/shardId-000000000000`
    Leader(ShardName),
    /// `follower of orders/shardId-000000000000`: one of them
    Follower(ShardName),
    /// `meta leader`
    MetaLeader,
    /// `30% of nodes`, `all nodes in zone b`, `all followers of orders/shardId-000000000000`
    Some(Count, NodeSet),
}

/// A set of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeSet {
    /// Every node.
    All,
    /// The nodes of a zone.
    InZone(Zone),
    /// The voters of a shard that do not lead it.
    FollowersOf(ShardName),
}

/// The network between two ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where the messages come from.
    pub from: End,
    /// Where they go.
    pub to: End,
    /// Whether those that go back are meant, too.
    pub both_ways: bool,
}

/// One end of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// All nodes of a zone, written `b` or `zone b`.
    Zone(Zone),
    /// `node 4`
    Node(NodeId),
    /// `leader of orders/shardId-000000000000`
    Leader(ShardName),
    /// `meta leader`
    MetaLeader,
    /// `others`: every node that is not at the other end.
    Others,
}

/// Requests of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    /// The streams they name.
    pub streams: Streams,
    /// Only those on this shard, where an operation names one.
    pub shard: Option<ShardIndex>,
    /// Only these operations; all where empty.
    pub operations: BTreeSet<Operation>,
    /// Only those of these callers, by ARN or access key; everybody's where empty.
    pub principals: BTreeSet<String>,
}

/// The streams that requests name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Streams {
    /// `stream orders`
    Named(StreamName),
    /// `all streams`, `one of streams orders, clicks`, `2 of streams tagged env = prod`
    Some(Count, StreamSet),
}

/// A set of streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamSet {
    /// Every stream.
    All,
    /// Those listed.
    Named(BTreeSet<StreamName>),
    /// Those that carry all these tags.
    Tagged(BTreeMap<String, String>),
}

/// Why a text is not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A word where another is needed.
    #[error("{found:?} stands where {expected} should{}", offer(*.near))]
    Unexpected {
        /// The word found.
        found: String,
        /// What should stand there.
        expected: &'static str,
        /// The word that was probably meant.
        near: Option<&'static str>,
    },
    /// The text ends too early.
    #[error("{0} is missing at the end")]
    EndsEarly(&'static str),
    /// A quotation mark without its second.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// A zone or stream name that is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A shard that is none.
    #[error(transparent)]
    Shard(#[from] NotAShard),
    /// A number of zones, nodes or streams that is none.
    #[error("{0:?} is not a number of things: write `one of`, `all`, `2 of` or `30% of`")]
    Count(String),
    /// A link from an end to itself.
    #[error("a link needs two different ends")]
    SameEnds,
}

impl TargetError {
    pub(super) fn unexpected(
        found: &str,
        expected: &'static str,
        known: &[&'static str],
    ) -> TargetError {
        let near = nearest(found, known.iter().copied());
        TargetError::Unexpected {
            found: found.to_owned(),
            expected,
            near,
        }
    }
}

#[cfg(test)]
#[path = "targets/targets_test.rs"]
mod targets_test;
