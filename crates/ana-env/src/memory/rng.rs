//! Randomness that repeats. Not for secrets.

use std::sync::{Mutex, PoisonError};

use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::rng::Rng;

/// ChaCha8 from a seed: the same on every machine and version.
#[derive(Debug)]
pub struct SeededRng {
    inner: Mutex<ChaCha8Rng>,
}

impl SeededRng {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> SeededRng {
        SeededRng {
            inner: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
        }
    }
}

impl Rng for SeededRng {
    fn next_u64(&self) -> u64 {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next_u64()
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(bytes);
    }
}
