//! The seam of time of day. Waiting is in [`crate::time`].

use std::fmt::Debug;
use std::time::Duration;

/// Time of day and time since start.
///
/// Danger: [`Clock::now_ms`] may jump, also backwards; whoever needs order keeps it himself.
pub trait Clock: Send + Sync + Debug {
    /// Time of day in Unix milliseconds.
    fn now_ms(&self) -> u64;

    /// Time since some fixed moment before; never goes back.
    fn elapsed(&self) -> Duration;
}
