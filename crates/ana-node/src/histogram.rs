//! Durations counted in buckets: quantiles of millions of measurements in a few kilobytes.
//!
//! Log-linear: each power of two of microseconds has 32 buckets, so a quantile is at most 3 % too
//! large. The largest value is kept exactly.

use std::time::Duration;

const SUB_BITS: u32 = 5;
const SUB: u64 = 1 << SUB_BITS;
/// Up to 2^40 microseconds, twelve days; anything longer lands in the last bucket.
const BUCKETS: usize = 36 * 32;

/// Counts of durations.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            counts: vec![0; BUCKETS],
            total: 0,
            max_us: 0,
        }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket_of(us).min(BUCKETS - 1)) {
            *count += 1;
        }
        self.total += 1;
        self.max_us = self.max_us.max(us);
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.max_us = self.max_us.max(other.max_us);
    }

    /// Durations counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The duration that `permille` of all do not exceed, in microseconds; 0 when nothing was
    /// counted.
    pub fn quantile_us(&self, permille: u64) -> u64 {
        let rank = (self.total.saturating_mul(permille)).div_ceil(1000).max(1);
        let mut passed = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            passed += count;
            if passed >= rank {
                return upper_end_of(bucket).min(self.max_us);
            }
        }
        self.max_us
    }

    /// The longest, in microseconds.
    pub fn max_us(&self) -> u64 {
        self.max_us
    }
}

fn bucket_of(us: u64) -> usize {
    if us < SUB {
        return usize::try_from(us).unwrap_or(0);
    }
    let power = us.ilog2() - SUB_BITS;
    let within = (us >> power) - SUB;
    usize::try_from(u64::from(power + 1) * SUB + within).unwrap_or(BUCKETS)
}

fn upper_end_of(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(0);
    if bucket < SUB {
        return bucket;
    }
    let power = bucket / SUB - 1;
    let within = bucket % SUB;
    ((SUB + within + 1) << power) - 1
}

/// Microseconds as milliseconds with one decimal, as tables show them.
pub fn ms(us: u64) -> String {
    format!("{}.{}", us / 1000, us % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_close_from_above() {
        let mut histogram = Histogram::default();
        for us in 1..=100_000_u64 {
            histogram.record(Duration::from_micros(us));
        }
        for (permille, exact) in [(500, 50_000), (990, 99_000), (999, 99_900), (1000, 100_000)] {
            let got = histogram.quantile_us(permille);
            assert!(
                got >= exact && got <= exact + exact / 32,
                "{permille}: {got}"
            );
        }
        assert_eq!(histogram.max_us(), 100_000);
    }

    #[test]
    fn nothing_and_extremes_are_harmless() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_us(990), 0);
        histogram.record(Duration::MAX);
        histogram.record(Duration::ZERO);
        assert_eq!(histogram.total(), 2);
        assert_eq!(histogram.quantile_us(1), 0);
    }

    #[test]
    fn every_bucket_ends_before_the_next_begins() {
        for us in 0..200_000_u64 {
            let bucket = bucket_of(us);
            assert!(upper_end_of(bucket) >= us);
            assert!(bucket == 0 || upper_end_of(bucket - 1) < us, "{us}");
        }
    }
}
