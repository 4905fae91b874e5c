//! A clock that is wrong by a switchable offset, or runs wrong.

use std::sync::Arc;
use std::time::Duration;

use super::plan::FaultPlan;
use crate::clock::Clock;

/// The time of day of another clock plus the plan's offset of that moment; elapsed time is untouched.
#[derive(Debug)]
pub struct FaultClock {
    inner: Arc<dyn Clock>,
    plan: FaultPlan,
}

impl FaultClock {
    /// Puts `plan` around `inner`.
    pub fn new(inner: Arc<dyn Clock>, plan: FaultPlan) -> FaultClock {
        FaultClock { inner, plan }
    }
}

impl Clock for FaultClock {
    fn now_ms(&self) -> u64 {
        self.inner
            .now_ms()
            .saturating_add_signed(self.plan.clock_offset_ms())
    }

    fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }
}
