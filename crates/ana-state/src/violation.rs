//! Every invariant of the two machines, defined once, with an id and one sentence.
//!
//! Tests, the simulation and production call the same `check()`. A violation means that a machine
//! holds a state no sequence of commands may lead to: the group must stop, not go on.
//! `S..` belong to the shard set, `M..` to the metadata.

use ana_types::{GroupId, NodeId, ShardIndex, StreamKey};
use std::fmt;

/// One thing that is always true of a machine.
#[derive(Debug, PartialEq, Eq)]
pub struct Invariant {
    /// Short and stable: it appears in metrics, seeds and test names.
    pub id: &'static str,
    /// What is true, in one sentence.
    pub statement: &'static str,
}

/// What an invariant was found broken at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The machine as a whole.
    Machine,
    /// A shard of the shard set.
    Shard(ShardIndex),
    /// A stream, as a whole.
    Stream(StreamKey),
    /// A shard of a stream, in the metadata.
    StreamShard(StreamKey, ShardIndex),
    /// A group.
    Group(GroupId),
    /// A node.
    Node(NodeId),
}

/// A machine was found in a state that must not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}, at {subject}: {}", invariant.id, invariant.statement)]
pub struct Violation {
    /// The invariant that does not hold.
    pub invariant: &'static Invariant,
    /// Where it does not hold.
    pub subject: Subject,
}

impl Violation {
    /// The id of the broken invariant, such as `S3`.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.invariant.id
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("the machine"),
            Self::Shard(shard) => write!(f, "{shard}"),
            Self::Stream(stream) => write!(f, "stream {stream}"),
            Self::StreamShard(stream, shard) => write!(f, "{shard} of stream {stream}"),
            Self::Group(group) => write!(f, "group {group}"),
            Self::Node(node) => write!(f, "node {node}"),
        }
    }
}

/// `Ok` when `holds`, else the violation of `invariant` at `subject`.
pub(crate) fn ensure(
    holds: bool,
    invariant: &'static Invariant,
    subject: Subject,
) -> Result<(), Violation> {
    if holds {
        Ok(())
    } else {
        Err(Violation { invariant, subject })
    }
}
