//! Every operation carried out: find the shard, find its leader, admit, propose or forward, read; and the
//! background work that makes the cluster be what its metadata says.
//!
//! The path of a put: `router` -> `put` -> `shard_map` -> `leader` -> (`forward` -> peer's `server`) -> `admission`
//! -> `ana-raft`. The path of a get: `router` -> `get` -> `leader` -> `server` -> `read`. Nothing here knows HTTP,
//! AWS's names of errors, or sealed tokens.

pub mod config;
pub mod ops;
pub mod router;
pub mod status;

pub use config::{Limits, Member, RouterConfig, TrimSettings};
pub use router::{Answer, Router};
