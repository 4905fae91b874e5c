//! Seams in memory, deterministic given their seeds.

mod clock;
mod rng;

pub use clock::TokioClock;
pub use rng::SeededRng;
