//! What survives: every choice of the disk, drawn from one seeded generator.

use std::ops::Range;
use std::time::Duration;

use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{MemoryDiskOptions, Tear};

/// The generator behind a disk.
#[derive(Debug)]
pub(super) struct Lottery {
    rng: ChaCha8Rng,
}

/// What is left of a write.
pub(super) struct Survivors {
    /// Parts of the data, in order.
    pub(super) ranges: Vec<Range<usize>>,
    /// Whether the file got the length the write gave it, bytes or not.
    pub(super) length: bool,
}

impl Lottery {
    pub(super) fn new(seed: u64) -> Lottery {
        Lottery {
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    /// A number below `end`. The bias of the remainder does not matter for tests.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "there is something to choose from");
        self.rng.next_u64() % end
    }

    pub(super) fn duration(&mut self, min: Duration, max: Duration) -> Duration {
        let span = u64::try_from((max - min).as_nanos()).unwrap_or(u64::MAX - 1);
        min + Duration::from_nanos(self.below(span.saturating_add(1)))
    }

    /// One third survives wholly, one third in part, one third not at all. A write that is lost may still
    /// have grown the file: then there are zeros, as file systems leave them whose metadata was faster.
    pub(super) fn write_survivors(
        &mut self,
        offset: u64,
        len: usize,
        options: &MemoryDiskOptions,
    ) -> Survivors {
        match self.below(3) {
            0 => Survivors {
                ranges: std::iter::once(0..len).collect(),
                length: true,
            },
            1 => {
                let pieces = tear(offset, len, options.tear_bytes);
                let ranges = match options.tear {
                    Tear::Prefix => {
                        let pieces_count = u64::try_from(pieces.len()).unwrap_or(u64::MAX);
                        let kept = usize::try_from(self.below(pieces_count)).unwrap_or(0);
                        pieces.into_iter().take(kept).collect()
                    }
                    Tear::AnyPieces => pieces.into_iter().filter(|_| self.coin()).collect(),
                };
                Survivors {
                    ranges,
                    length: self.coin(),
                }
            }
            _ => Survivors {
                ranges: Vec::new(),
                length: self.below(4) == 0,
            },
        }
    }
}

/// The write's bytes cut at multiples of `tear_bytes` of the file.
fn tear(offset: u64, len: usize, tear_bytes: u64) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < len {
        let at = offset + u64::try_from(start).expect("a length fits in 64 bits");
        let room = tear_bytes - at % tear_bytes;
        let end = usize::try_from(room).map_or(len, |room| start.saturating_add(room).min(len));
        pieces.push(start..end);
        start = end;
    }
    pieces
}
