//! How often and how long the client tries again: bounded, with full jitter.

use std::time::Duration;

/// Bounds on repeated attempts of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, the first one included; at least 1.
    pub attempts_max: u32,
    /// No new attempt begins after this long.
    pub spent_max: Duration,
    /// The first pause is drawn from zero to this; it doubles with every attempt.
    pub pause_first: Duration,
    /// No pause is longer.
    pub pause_max: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            attempts_max: 8,
            spent_max: Duration::from_secs(20),
            pause_first: Duration::from_millis(50),
            pause_max: Duration::from_secs(2),
        }
    }
}

impl Retry {
    /// One attempt only.
    pub fn never() -> Retry {
        Retry {
            attempts_max: 1,
            ..Retry::default()
        }
    }

    pub(super) fn allows(&self, attempts_made: u32, spent: Duration) -> bool {
        attempts_made < self.attempts_max && spent < self.spent_max
    }

    /// The pause after `attempts_made` attempts, drawn evenly from the upper half of the interval.
    pub(super) fn pause(&self, attempts_made: u32, random: u64) -> Duration {
        let doublings = attempts_made.saturating_sub(1).min(16);
        let ceiling = self
            .pause_first
            .saturating_mul(1 << doublings)
            .min(self.pause_max);
        let micros = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(micros / 2 + random % (micros / 2 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let retry = Retry::default();
        for attempts in 1..100 {
            for random in [0, 1, u64::MAX] {
                let pause = retry.pause(attempts, random);
                assert!(pause <= retry.pause_max, "{attempts} {pause:?}");
                assert!(pause >= retry.pause_first / 2, "{attempts} {pause:?}");
            }
        }
        assert!(retry.allows(7, Duration::from_secs(19)));
        assert!(!retry.allows(8, Duration::ZERO));
        assert!(!retry.allows(1, Duration::from_secs(20)));
    }
}
