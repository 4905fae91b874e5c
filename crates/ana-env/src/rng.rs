//! The seam of randomness.

use std::fmt::Debug;

/// A source of random bits. The real one is fit for secrets, a seeded one is not.
pub trait Rng: Send + Sync + Debug {
    /// 64 random bits.
    fn next_u64(&self) -> u64;

    /// Fills `bytes` with random bits.
    fn fill(&self, bytes: &mut [u8]);
}
