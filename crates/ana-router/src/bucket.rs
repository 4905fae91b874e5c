//! A token bucket.
//!
//! Pure: the time is passed in, as the monotonic time since some start.
//!
//! Must stay true:
//! - a bucket holds at most one second of its rate, so that is the largest burst;
//! - what is larger than a whole bucket passes when the bucket is full, and then is paid off: nothing that the
//!   request limits allow is refused for ever.

use std::time::Duration;

const NANOS_PER_S: i128 = 1_000_000_000;

/// A token bucket. Counts in token-nanoseconds, so that nothing is lost to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Tokens a second, and the most it holds.
    rate: u64,
    /// Tokens there are, times 10^9; negative while a debt is paid off.
    level: i128,
    /// When `level` was right.
    at: Duration,
}

impl Bucket {
    /// A full bucket that gains `rate` tokens a second.
    pub(crate) fn full(rate: u64, now: Duration) -> Self {
        Self {
            rate,
            level: i128::from(rate) * NANOS_PER_S,
            at: now,
        }
    }

    /// Adds what the time since the last call is worth. A clock that goes back adds nothing.
    pub(crate) fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at);
        let passed = i128::try_from(passed.as_nanos()).unwrap_or(i128::MAX / 2);
        let gained = passed.saturating_mul(i128::from(self.rate));
        self.level = self
            .level
            .saturating_add(gained)
            .min(i128::from(self.rate) * NANOS_PER_S);
        self.at = self.at.max(now);
    }

    /// Whether `cost` is there, or the bucket is full and `cost` exceeds it.
    pub(crate) fn has(&self, cost: u64) -> bool {
        self.level >= i128::from(cost.min(self.rate)) * NANOS_PER_S
    }

    /// Takes tokens, into debt if need be.
    pub(crate) fn take(&mut self, cost: u64) {
        self.level -= i128::from(cost) * NANOS_PER_S;
    }

    /// Puts tokens back, as far as the bucket holds them.
    pub(crate) fn give_back(&mut self, cost: u64) {
        let full = i128::from(self.rate) * NANOS_PER_S;
        self.level = (self.level + i128::from(cost) * NANOS_PER_S).min(full);
    }

    /// Refills, and takes one token if there is one.
    pub(crate) fn take_one(&mut self, now: Duration) -> bool {
        self.refill(now);
        let there = self.has(1);
        if there {
            self.take(1);
        }
        there
    }
}
