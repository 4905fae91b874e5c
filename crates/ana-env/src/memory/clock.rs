//! A clock that follows the runtime's time, so that a paused runtime has a paused clock.

use std::time::Duration;

use crate::clock::Clock;
use crate::time::{self, Instant};

/// Time of day = a fixed epoch + the runtime's time since creation. Make and use it inside one runtime.
#[derive(Debug, Clone)]
pub struct TokioClock {
    epoch_ms: u64,
    start: Instant,
}

impl TokioClock {
    /// A clock that shows `epoch_ms` (Unix milliseconds) now.
    pub fn new(epoch_ms: u64) -> TokioClock {
        TokioClock {
            epoch_ms,
            start: time::now(),
        }
    }
}

impl Clock for TokioClock {
    fn now_ms(&self) -> u64 {
        let since = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.epoch_ms.saturating_add(since)
    }

    fn elapsed(&self) -> Duration {
        time::now().saturating_duration_since(self.start)
    }
}
