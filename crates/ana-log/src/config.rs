//! Settings of one log. Every field has a default that suits a data group of a production node.

use std::time::Duration;

/// How one log uses memory and disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Size a full-grown segment file is allocated with, bytes. At least 16 KiB, at most 1 GiB.
    pub segment_bytes: u64,
    /// Size of the first segment of a fresh log, bytes: each following one is four times as large
    /// until `segment_bytes` is reached, so that a small group does not pin a large file.
    pub first_segment_bytes: u64,
    /// Recent entries kept in memory, bytes of payload. Entries that are not yet durable are kept
    /// whatever this says.
    pub cache_bytes: usize,
    /// Indexes of sealed segments kept in memory, bytes.
    pub index_cache_bytes: usize,
    /// Allocated files held ready for the next segment (purged segments are recycled into them).
    pub spare_segments: usize,
    /// Fullness of the disk, permille, at which entries are refused. 1000 turns it off.
    pub full_at_permille: u16,
    /// A file of this size is kept so that votes, purges and snapshots still find room on a disk
    /// that has none left, bytes. 0 keeps none.
    pub reserve_bytes: u64,
    /// A group commit stops gathering at this size, bytes.
    pub batch_bytes_max: usize,
    /// Writes that may wait for the writer; beyond it `append` answers `LogError::Busy`. Callers
    /// are expected to bound what they have in flight well below this.
    pub queue_max: usize,
    /// Quiet time after which the last synced position is noted in the file, so that later damage
    /// to it can not be mistaken for a torn write.
    pub settle_after: Duration,
    /// How often a full log looks whether space has come back, and an active one whether it is
    /// running out.
    pub space_check: Duration,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            first_segment_bytes: 1 << 20,
            cache_bytes: 16 << 20,
            index_cache_bytes: 16 << 20,
            spare_segments: 1,
            full_at_permille: 900,
            reserve_bytes: 256 << 10,
            batch_bytes_max: 4 << 20,
            queue_max: 16 << 10,
            settle_after: Duration::from_millis(20),
            space_check: Duration::from_millis(500),
        }
    }
}

/// Smallest and largest segment, bytes: room for a header and some frames; positions are 32 bits.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = (16 << 10)..=(1 << 30);

impl LogConfig {
    /// The same, with each value inside of what the format allows.
    pub(crate) fn confined(mut self) -> Self {
        let (least, most) = (*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end());
        self.segment_bytes = self.segment_bytes.clamp(least, most);
        self.first_segment_bytes = self.first_segment_bytes.clamp(least, self.segment_bytes);
        // Batches and the frame that is larger than a batch must fit into 32 bits together.
        self.batch_bytes_max = self.batch_bytes_max.clamp(1, 256 << 20);
        self.queue_max = self.queue_max.max(1);
        self
    }
}
