//! `ana-raft`: openraft bound to our log and our machines; many groups on one node.
//!
//! Read in this order: `types` (what openraft is told), `entry` (how an entry lies in the log),
//! `log_store` and `state_machine` (the two halves openraft drives), `snapshot` and `checkpoint`
//! (how a replica starts again), `batcher` (how records become entries), `group` and `groups`
//! (what the rest of the program holds), then the transport.
//!
//! Must stay true: no other crate names an openraft type, and nothing here names HTTP or AWS.
//!
//! What awaits openraft returns a boxed future instead of being an `async fn`: the body of an `async fn` is compiled by
//! each crate that awaits it, and openraft is large. The same holds for the doors of the crates above (`Router`, `Node`,
//! `commands::run`).

pub mod types;
pub mod entry;
pub mod error;
pub mod config;

pub mod log_store;
pub mod points;
pub mod state_machine;
pub mod snapshot;
pub mod checkpoint;

pub mod batcher;
mod assemble;
mod propose;
mod trimmer;
mod looks;
mod upkeep;
pub mod succession;
pub mod rest;

pub mod status;
pub mod group;
pub mod open;
mod members;
pub mod placement;
pub mod left;
pub mod groups;
pub mod repair;
mod damaged;
mod marks;
pub mod rebuild;

pub mod convert;
mod removals;
pub mod peers;
pub mod peer;
pub mod network;
pub mod peer_server;

pub use ana_log::SyncTimes;
pub use batcher::SubBatch;
pub use checkpoint::{CheckpointStore, MemoryCheckpoints, SledCheckpoints};
pub use config::RaftNodeConfig;
pub use entry::{Command, Reply};
pub use error::{GroupError, ProposeError, UnknownWhy};
pub use group::{Group, TrimTo};
pub use groups::Groups;
pub use left::Departure;
pub use peer_server::{GroupLookup, PeerServer};
pub use peers::{CallError, CallHandler, Peers, RemoteFault};
pub use placement::{Former, Members};
pub use points::PointInfo;
pub use state_machine::MachineKind;
pub use status::{GroupHealth, GroupStatus, PeerProgress, Role};
