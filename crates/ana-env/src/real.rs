//! The seams over the operating system.

mod clock;
mod disk;
mod net;
mod relay;
mod rng;

pub use clock::RealClock;
pub use disk::RealDisk;
pub use net::RealNet;
pub use relay::{Arrival, Doorway, Relay, Relayed};
pub use rng::RealRng;
