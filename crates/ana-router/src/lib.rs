//! Every operation carried out: find the shard, find its leader, admit, propose or forward, read; and the
//! background work that makes the cluster be what its metadata says.
//!
//! The path of a put: `router` -> `put` -> `shard_map` -> `leader` -> (`forward` -> the peer's `server`) -> `append`
//! -> `admission` -> `ana-raft`. The path of a get: `router` -> `get` -> `leader` -> `server` -> `read`.
//!
//! Must stay true: nothing here knows HTTP, AWS's names of errors, or sealed tokens.

pub mod config;
pub mod ops;
pub mod router;

mod put;
mod get;
mod iterators;
mod streams;
mod list_shards;
mod tags;
mod reshard;

mod context;
mod shard_map;
mod leader;
mod forward;
mod messages;
mod error;

mod server;
mod append;
mod read;
mod admission;

mod start;
mod membership;
mod reconcile;
mod driver;
mod balancer;
mod clocks;
mod trimmer;
pub mod status;

pub use config::{Limits, Member, RouterConfig};
pub use router::{Answer, Router};
