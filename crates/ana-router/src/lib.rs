//! Every operation carried out: find the shard, find its leader, admit, propose or forward, read; and the
//! background work that makes the cluster be what its metadata says.
//!
//! The path of a put: `router` -> `put` -> `shard_map` -> `leader` -> (`forward` -> the peer's `server`) -> `append`
//! -> `admission` -> `ana-raft`. The path of a get: `router` -> `get` -> `leader` -> `server` -> `read`. The path of a
//! subscription: `router` -> `subscribe` -> `subscribe/sources` -> `subscribe/follow` -> `read`.
//!
//! Must stay true: nothing here knows HTTP, AWS's names of errors, or sealed tokens.

pub mod config;
pub mod ops;
pub mod router;

mod put;
mod get;
mod subscribe;
mod iterators;
mod streams;
mod list_shards;
mod tags;
mod consumers;
mod settings;
mod policies;
mod reshard;
mod scaling;

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
mod load;
mod rates;
mod bucket;

mod start;
pub mod identity;
mod membership;
mod moves;
mod reconcile;
mod driver;
mod scaler;
mod balancer;
mod hand_over;
mod places;
mod disk_pace;
mod away;
mod clocks;
mod trimmer;
pub mod status;
pub mod nodes;

pub use config::{Limits, Member, OnDemandConfig, RouterConfig};
pub use membership::Expelled;
pub use router::{Answer, Router};
pub use subscribe::Subscription;
