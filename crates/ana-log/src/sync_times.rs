//! How long the syncs of a log take, for those who judge the disk.

use std::time::Duration;

use ana_env::time::{self, Instant};

/// Syncs of a log since it was opened. What happens between two looks is the difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncTimes {
    /// Syncs that came back.
    pub syncs: u64,
    /// What they took together, microseconds.
    pub micros: u64,
    /// How long the one that has not come back has taken so far.
    pub under_way: Option<Duration>,
}

/// Kept beside the log's state.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch {
    syncs: u64,
    micros: u64,
    since: Option<Instant>,
}

impl Stopwatch {
    pub(crate) fn begin(&mut self) {
        self.since = Some(time::now());
    }

    pub(crate) fn end(&mut self) {
        if let Some(since) = self.since.take() {
            let took = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.syncs += 1;
            self.micros = self.micros.saturating_add(took);
        }
    }

    pub(crate) fn times(&self) -> SyncTimes {
        SyncTimes {
            syncs: self.syncs,
            micros: self.micros,
            under_way: self.since.map(|since| since.elapsed()),
        }
    }
}
