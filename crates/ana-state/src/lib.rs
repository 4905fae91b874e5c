//! The two replicated state machines of Anabranch, and the plan of a read.
//!
//! Every replica of a group feeds the same committed commands, in the same order, into one of these
//! machines and must reach the same bytes. That is the whole point of the crate, so it holds
//!
//! - [`meta`]: what the metadata group knows: nodes, streams, shards, groups and their placement;
//! - [`shard`]: what one data group knows of its shards: open or closed, last position, last arrival;
//! - [`shard::read_plan`]: which part of the log a read has to look at (pure, no log in sight);
//! - [`violation`]: every invariant of both machines, once, with an id and a sentence;
//! - [`codec`]: the encoded form of both machines (a version byte, then postcard).
//!
//! What must stay true: no clock, no randomness, no async, no hash map, no float, no IO. Time
//! arrives inside commands. Rules that depend on tables of the standard library which change
//! between its releases (Unicode classes, for one) are not used either: two builds would disagree.

pub mod violation;
pub mod codec;
pub mod meta;
pub mod shard;

pub use codec::DecodeError;
pub use meta::{MetaCommand, MetaOutcome, MetaRefusal, MetaReply, Metadata};
pub use shard::read_plan::{LogWindow, ReadPlan, read_plan};
pub use shard::{
    AppendHeader, AppendOutcome, AppendRefusal, ShardCommand, ShardOutcome, ShardRefusal, ShardSet,
    ShardState,
};
pub use violation::{Invariant, Subject, Violation};
