//! Whether this node's disk is too slow to lead with, judged by how long the syncs of its logs take. Pure.
//!
//! ```text
//!   not slow ── syncs of SLOW or longer, for SLOW_FOR without a quick look between ──> slow
//!   slow     ── none of SLOW or longer for QUICK_FOR ───────────────────────────────> not slow
//! ```
//! Must stay true: one slow sync judges nobody; what was judged slow stays so for a while, so that leaders do not go
//! to and fro with a disk that is slow now and then; a disk that nothing is written to is judged by nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_env::time::Instant;
use ana_raft::SyncTimes;
use ana_types::GroupId;

/// Syncs that take so long on average are slow: many times what any disk that is well needs.
const SLOW: Duration = Duration::from_millis(100);
/// Syncs that take less are quick. What lies between says nothing.
pub(crate) const QUICK: Duration = Duration::from_millis(50);
/// How long they have to be slow.
const SLOW_FOR: Duration = Duration::from_secs(2);
/// How long none may be slow until the disk is trusted again.
const QUICK_FOR: Duration = Duration::from_secs(10);
/// Slow looks further apart than this are not the same slowness.
const APART: Duration = Duration::from_secs(3);

/// What a node knows of its disk.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    before: BTreeMap<GroupId, SyncTimes>,
    slow_since: Option<Instant>,
    last_slow: Option<Instant>,
    is_slow: bool,
    mean: Duration,
}

impl Pace {
    /// Looks at the logs at `now`; says whether the disk is slow.
    pub(crate) fn look(&mut self, now: Instant, logs: BTreeMap<GroupId, SyncTimes>) -> bool {
        let (mut syncs, mut micros, mut stuck) = (0, 0, Duration::ZERO);
        for (group, times) in &logs {
            // A log that was opened anew counts from nothing.
            let before = self.before.get(group).filter(|it| it.syncs <= times.syncs);
            let before = before.copied().unwrap_or_default();
            syncs += times.syncs - before.syncs;
            micros += times.micros.saturating_sub(before.micros);
            stuck = stuck.max(times.under_way.unwrap_or_default());
        }
        self.before = logs;
        let mean = micros.checked_div(syncs).map(Duration::from_micros);
        self.judge(now, mean.unwrap_or_default().max(stuck), syncs > 0);
        self.is_slow
    }

    /// What syncs took on average when any were seen last.
    pub(crate) fn mean(&self) -> Duration {
        self.mean
    }

    fn judge(&mut self, now: Instant, took: Duration, any: bool) {
        if any || took >= SLOW {
            self.mean = took;
        }
        let age = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        if took >= SLOW {
            if age(self.last_slow).is_none_or(|age| age > APART) {
                self.slow_since = None;
            }
            self.last_slow = Some(now);
            let since = *self.slow_since.get_or_insert(now);
            let slow_for = now.saturating_duration_since(since);
            self.is_slow = self.is_slow || slow_for >= SLOW_FOR;
            return;
        }
        if any && took < QUICK {
            self.slow_since = None;
        }
        if age(self.last_slow).is_none_or(|age| age >= QUICK_FOR) {
            self.is_slow = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use ana_env::time;

    use super::*;

    const LOOK: Duration = Duration::from_millis(500);

    /// A disk that is looked at every half second.
    struct Bench {
        pace: Pace,
        now: Instant,
        times: SyncTimes,
    }

    impl Bench {
        fn new() -> Bench {
            Bench {
                pace: Pace::default(),
                now: time::now(),
                times: SyncTimes::default(),
            }
        }

        /// What it is called after so many looks, with so many syncs of so many milliseconds before each.
        fn after(&mut self, looks: u32, syncs: u64, each_ms: u64) -> bool {
            for _ in 0..looks {
                self.now += LOOK;
                self.times.syncs += syncs;
                self.times.micros += syncs * each_ms * 1000;
                self.pace.look(self.now, [(GroupId(1), self.times)].into());
            }
            self.pace.is_slow
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_is_slow_after_a_while_and_trusted_after_a_longer_one() {
        let mut bench = Bench::new();
        assert!(!bench.after(100, 50, 2));
        assert!(!bench.after(1, 2, 900), "one slow look is none");
        assert!(!bench.after(1, 50, 2));
        assert!(!bench.after(4, 2, 200), "1.5 s");
        assert!(bench.after(1, 2, 200), "2 s");
        assert_eq!(bench.pace.mean(), Duration::from_millis(200));
        assert!(bench.after(19, 50, 2), "9.5 s of quick ones");
        assert!(!bench.after(1, 50, 2), "10 s");
        assert!(!bench.after(4, 2, 200), "judged anew");
    }

    #[tokio::test(start_paused = true)]
    async fn now_and_then_is_not_always() {
        let mut bench = Bench::new();
        for _ in 0..20 {
            assert!(!bench.after(2, 2, 300));
            assert!(!bench.after(1, 9, 3), "a quick look between");
        }
        // Rare writes, each of them slow, but far apart.
        for _ in 0..5 {
            assert!(!bench.after(1, 1, 300));
            assert!(!bench.after(10, 0, 0));
        }
        // Neither slow nor quick ends nothing and begins nothing.
        assert!(!bench.after(40, 5, 70));
        assert!(!bench.after(3, 2, 300) && !bench.after(1, 5, 70));
        assert!(bench.after(1, 2, 300), "2 s without a quick look");
        assert!(bench.after(10, 5, 70) && bench.after(9, 0, 0));
        assert!(!bench.after(1, 0, 0), "nothing slow for 10 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sync_that_does_not_come_back_is_slow_as_well() {
        let mut bench = Bench::new();
        bench.after(2, 5, 1);
        let mut slow = false;
        for _ in 0..6 {
            bench.now += LOOK;
            let stuck = bench.times.under_way.unwrap_or_default() + LOOK;
            bench.times.under_way = Some(stuck);
            slow = bench
                .pace
                .look(bench.now, [(GroupId(1), bench.times)].into());
        }
        assert!(slow);
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_is_opened_anew_counts_from_nothing() {
        let mut bench = Bench::new();
        bench.after(5, 100, 1);
        bench.times = SyncTimes::default();
        assert!(!bench.after(10, 3, 2));
        assert_eq!(bench.pace.mean(), Duration::from_millis(2));
    }
}
