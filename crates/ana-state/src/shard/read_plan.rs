//! Which part of a group's log a read of one shard has to look at.
//!
//! Pure: the caller brings the shard, where the reader stands and which part of the log is there,
//! and scans what the plan says. The retention cut-off by time is the caller's (it knows the clock
//! and the arrival times); here only what the log has lost counts.
//!
//! What must stay true: a scan of `from_index ..= upto_index` that leaves out the first
//! `skip_ordinals` records of the entry at `from_index` and the entries in `refused` meets exactly
//! the accepted records of the shard at or behind the start that the log still has.

use super::ShardState;
use ana_types::Position;

/// Which part of the log can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogWindow {
    /// Entries up to and with this index are gone; 0 when none is.
    pub purged_index: u64,
    /// Entries up to and with this index are applied to the machine the shard was read from.
    pub applied_index: u64,
}

/// What to scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPlan {
    /// First log index to look at.
    pub from_index: u64,
    /// How many records to leave out if the entry at `from_index` has a sub-batch of the shard.
    pub skip_ordinals: u32,
    /// Last log index to look at. Smaller than `from_index` when there is nothing.
    pub upto_index: u64,
    /// Log indexes of the range whose sub-batch of this shard does not count. Practically empty.
    pub refused: Vec<u64>,
    /// Where the reader stands once the whole range has been scanned: it need not scan it again.
    pub resume: Position,
    /// The start lay before what the log still has, so the plan begins later than asked.
    pub trimmed: bool,
    /// The shard is closed and has no record at or behind the start: the reader is at its end.
    pub ended: bool,
}

impl ReadPlan {
    /// Whether there is nothing to scan.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from_index > self.upto_index
    }
}

/// Plans a read of `shard` from `start` (inclusive).
#[must_use]
pub fn read_plan(shard: &ShardState, start: Position, log: LogWindow) -> ReadPlan {
    let last_index = shard.last.log_index();
    // Nothing of the shard is left at or behind the start; also when it never had a record.
    let nothing_left = shard.records == 0 || start > shard.last || log.purged_index >= last_index;
    let from_index = start
        .log_index()
        .max(shard.opened_at + 1)
        .max(log.purged_index + 1);
    let upto_index = if nothing_left {
        from_index - 1
    } else {
        last_index.min(log.applied_index)
    };
    let refused = if from_index > upto_index {
        Vec::new()
    } else {
        shard
            .refused
            .range(from_index..=upto_index)
            .copied()
            .collect()
    };
    ReadPlan {
        from_index,
        skip_ordinals: if from_index == start.log_index() {
            start.ordinal()
        } else {
            0
        },
        upto_index,
        refused,
        resume: start.max(Position::new(log.applied_index + 1, 0)),
        trimmed: shard.records > 0
            && log.purged_index > shard.opened_at
            && log.purged_index >= start.log_index(),
        ended: shard.closed.is_some() && nothing_left,
    }
}
