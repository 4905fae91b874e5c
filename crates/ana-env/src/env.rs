//! The four seams in one handle, given to everything that needs the world.

use std::sync::Arc;

use crate::clock::Clock;
use crate::disk::Disk;
use crate::net::Net;
use crate::real::{RealClock, RealDisk, RealNet, RealRng};
use crate::rng::Rng;

/// The world as one node sees it. Cloning is cheap and shares the seams.
#[derive(Debug, Clone)]
pub struct Env {
    /// Time of day and time since start.
    pub clock: Arc<dyn Clock>,
    /// Files.
    pub disk: Arc<dyn Disk>,
    /// Connections.
    pub net: Arc<dyn Net>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
}

impl Env {
    /// The operating system's.
    pub fn real() -> Env {
        Env {
            clock: Arc::new(RealClock::new()),
            disk: Arc::new(RealDisk),
            net: Arc::new(RealNet),
            rng: Arc::new(RealRng),
        }
    }
}
