//! Seams in memory, deterministic given their seeds.

mod clock;
mod disk;
mod rng;

pub use clock::TokioClock;
pub use disk::{DiskImage, FileImage, MemoryDisk, MemoryDiskOptions, Tear};
pub use rng::SeededRng;
