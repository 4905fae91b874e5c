//! When a replica looks whether something is due that waits for enough to come, or for a while to pass.
//!
//! Must stay true: while nothing comes there is one timer, for the end of the while. With a timer for each second, a node
//! of hundreds of groups that were written to a moment ago would be kept awake for the next minute.

use std::time::Duration;

use ana_env::time::{self, Instant, Interval};
use tokio::sync::watch;

/// The looks of one replica at what it has applied.
#[derive(Debug)]
pub(crate) struct Looks {
    ticks: Interval,
    applied: watch::Receiver<u64>,
}

impl Looks {
    /// Looks at most every `period`.
    pub(crate) fn new(period: Duration, applied: watch::Receiver<u64>) -> Self {
        let ticks = time::interval(period.max(Duration::from_millis(1)));
        Self { ticks, applied }
    }

    /// Waits for the next look: when the while is over, and one period later while something comes; for one that
    /// `is_idle` not before something has come. False when the replica has ended.
    pub(crate) async fn next(&mut self, is_idle: bool, due: Instant) -> bool {
        if is_idle && self.applied.changed().await.is_err() {
            return false;
        }
        let came = time::timeout_at(due, self.applied.changed()).await;
        if matches!(came, Ok(Err(_))) {
            return false;
        }
        self.ticks.tick().await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);
    const WHILE: Duration = Duration::from_secs(60);

    /// Looks until the while is over, with an entry applied every so often for so long.
    async fn looks(every: Duration, lasts: Duration) -> u32 {
        let (applied, seen) = watch::channel(0);
        let begun = time::now();
        let mut looks = Looks::new(PERIOD, seen);
        let looking = async {
            let mut count = 0;
            while begun.elapsed() < WHILE {
                assert!(looks.next(false, begun + WHILE).await, "the replica lives");
                count += 1;
            }
            count
        };
        let applying = async {
            while begun.elapsed() < lasts {
                applied.send_modify(|index| *index += 1);
                time::sleep(every).await;
            }
        };
        let (count, ()) = tokio::join!(looking, applying);
        count
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_looks_every_second_at_what_does_not_change() {
        let quiet = looks(WHILE, Duration::ZERO).await;
        assert_eq!(quiet, 1, "when the while is over");
        let busy = looks(Duration::from_millis(10), WHILE).await;
        assert!((58..=62).contains(&busy), "{busy}");
        let briefly = looks(Duration::from_millis(10), Duration::from_secs(5)).await;
        assert!((5..=8).contains(&briefly), "{briefly}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_replica_ends_every_wait() {
        let (applied, seen) = watch::channel(0);
        let mut looks = Looks::new(PERIOD, seen);
        let due = time::now() + WHILE;
        let ended = async {
            time::sleep(PERIOD).await;
            drop(applied);
        };
        let (looked, ()) = tokio::join!(looks.next(false, due), ended);
        assert!(!looked);
        assert!(!looks.next(false, due).await);
        assert!(!looks.next(true, due).await);
    }
}
