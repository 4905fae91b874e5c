//! The seams between Anabranch and its machine: time, disk, network, randomness and tasks.
//!
//! Every other crate reaches the world through these traits, so that a whole cluster can run inside one
//! seeded, single-threaded simulation and every fault can be caused on purpose.
//!
//! Must stay true:
//! - Only [`real`] touches the operating system.
//! - Nothing here knows the domain: no shard, no stream, no log.
//! - Everything runs inside [`runtime::scope`]; a task spawned any other way breaks determinism and makes
//!   openraft panic.

pub mod clock;
pub mod disk;
pub mod net;
pub mod rng;
pub mod runtime;
pub mod time;
pub mod env;
pub mod real;
pub mod memory;
pub mod faults;

pub use clock::Clock;
pub use disk::{DirEntry, Disk, File, Open, Space};
pub use env::Env;
pub use net::{Io, Joined, Listener, Net, Stream};
pub use rng::Rng;
