//! Randomness seeded by the operating system, fit for secrets.

use rand::Rng as _;

use crate::rng::Rng;

/// The thread's generator, seeded and reseeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealRng;

impl Rng for RealRng {
    fn next_u64(&self) -> u64 {
        rand::rng().next_u64()
    }

    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}
