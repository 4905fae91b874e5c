//! The seams over the operating system.

mod clock;
mod disk;
mod net;
mod rng;

pub use clock::RealClock;
pub use disk::RealDisk;
pub use net::RealNet;
pub use rng::RealRng;
