//! What a verdict costs, counted: comparisons of sorts and records looked at, so that "linear" is a test and no guess.

use std::cmp::Ordering;

/// Counts work.
#[derive(Debug, Default)]
pub(crate) struct Work {
    done: u64,
}

impl Work {
    /// So many things were looked at.
    pub(crate) fn step(&mut self, things: usize) {
        self.done += u64::try_from(things).unwrap_or(u64::MAX);
    }

    /// Sorts, counting comparisons.
    pub(crate) fn sort<T>(&mut self, list: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
        let mut comparisons = 0;
        list.sort_unstable_by(|a, b| {
            comparisons += 1;
            compare(a, b)
        });
        self.done += comparisons;
    }

    /// All of it.
    pub(crate) fn done(&self) -> u64 {
        self.done
    }
}
