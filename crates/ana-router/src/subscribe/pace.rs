//! The throughput of one subscription: 2 MiB a second, shared with nobody.
//!
//! Pure: the time is passed in, as the monotonic time since some start. A token bucket with debts: an event begins as
//! soon as there is anything in the bucket and takes all its bytes out, so that a record larger than the bucket passes
//! and is paid off before the next event.

use std::time::Duration;

use ana_types::limits::SUBSCRIPTION_BYTES_PER_S;

const NANOS_PER_S: i128 = 1_000_000_000;

/// A bucket that holds one second's bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Bytes there are, times 10^9; negative while a debt is paid off.
    level: i128,
    /// When `level` was right.
    at: Duration,
}

impl Pace {
    pub(crate) fn full(now: Duration) -> Self {
        Self {
            level: full(),
            at: now,
        }
    }

    /// How long until the next event may begin; zero when it may now.
    pub(crate) fn wait(&self, now: Duration) -> Duration {
        let missing = 1 - self.level_at(now);
        let rate = i128::from(SUBSCRIPTION_BYTES_PER_S);
        let nanos = missing.max(0).saturating_add(rate - 1) / rate;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Takes out what an event gave.
    pub(crate) fn charge(&mut self, bytes: u64, now: Duration) {
        self.level = self
            .level_at(now)
            .saturating_sub(i128::from(bytes).saturating_mul(NANOS_PER_S));
        self.at = self.at.max(now);
    }

    fn level_at(&self, now: Duration) -> i128 {
        let passed = now.saturating_sub(self.at).as_nanos();
        let passed = i128::try_from(passed).unwrap_or(i128::MAX / 2);
        let gained = passed.saturating_mul(i128::from(SUBSCRIPTION_BYTES_PER_S));
        self.level.saturating_add(gained).min(full())
    }
}

fn full() -> i128 {
    i128::from(SUBSCRIPTION_BYTES_PER_S) * NANOS_PER_S
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn at(ms: u64) -> Duration {
        Duration::from_secs(1000) + Duration::from_millis(ms)
    }

    #[test]
    fn two_mib_a_second() {
        // (what, charges of (at ms, bytes), asked at ms, must wait ms)
        type Case<'a> = (&'a str, &'a [(u64, u64)], u64, u64);
        let table: &[Case<'_>] = &[
            ("nothing taken", &[], 0, 0),
            ("a second's bytes at once", &[(0, 2 * MIB)], 0, 1),
            ("something left", &[(0, 2 * MIB - 1)], 0, 0),
            ("a debt of half a second", &[(0, 3 * MIB)], 0, 501),
            ("paid off in part", &[(0, 3 * MIB)], 400, 101),
            ("a record of 10 MiB", &[(0, 10 * MIB)], 0, 4001),
            (
                "never more than a second's",
                &[(0, 2 * MIB), (60_000, 2 * MIB)],
                60_000,
                1,
            ),
            (
                "a clock that goes back gives nothing",
                &[(1_000, 2 * MIB)],
                0,
                1,
            ),
        ];
        for (what, charges, asked, expected) in table {
            let mut pace = Pace::full(at(0));
            for (ms, bytes) in *charges {
                pace.charge(*bytes, at(*ms));
            }
            let wait = pace.wait(at(*asked));
            let rounded = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).expect("small");
            assert_eq!(rounded, *expected, "{what}: {wait:?}");
            let from = at(*asked).max(pace.at);
            assert!(
                pace.wait(from + wait).is_zero(),
                "{what}: it has been waited out"
            );
        }
    }

    #[test]
    fn over_a_minute_it_is_the_rate() {
        let mut pace = Pace::full(at(0));
        let mut now = at(0);
        let mut given = 0;
        while now < at(60_000) {
            now += pace.wait(now);
            pace.charge(MIB, now);
            given += MIB;
        }
        assert!(
            (120 * MIB..=124 * MIB).contains(&given),
            "{} MiB",
            given / MIB
        );
    }
}
