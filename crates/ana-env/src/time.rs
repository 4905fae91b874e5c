//! Waiting. Simulated runtimes virtualise these; the time of day is in [`crate::Clock`].

use std::future::Future;
use std::time::Duration;

pub use tokio::time::error::Elapsed;
pub use tokio::time::{Instant, Interval};

/// The monotonic time waits are measured by: simulated where the runtime is.
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits for `duration`. Never to hide a race.
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits until `deadline`.
pub async fn sleep_until(deadline: Instant) {
    tokio::time::sleep_until(deadline).await;
}

/// Waits for `future`, at most for `duration`; then drops it.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(duration, future).await
}

/// Waits for `future`, at most until `deadline`; then drops it.
pub async fn timeout_at<F: Future>(deadline: Instant, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout_at(deadline, future).await
}

/// Ticks every `period`, first at once. A tick that comes late delays the later ones (no burst).
///
/// # Panics
/// If `period` is zero.
pub fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}
