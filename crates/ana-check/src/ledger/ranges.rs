//! Sets of positions, as ranges that do not touch.
//!
//! Must stay true: ranges are half open, `from..to`, and an empty one is never kept.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds a range.
    pub(super) fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let Range { mut start, mut end } = range;
        let touching: Vec<(u64, u64)> = self
            .0
            .range(..=end)
            .rev()
            .map(|(from, to)| (*from, *to))
            .take_while(|(_, to)| *to >= start)
            .collect();
        for (from, to) in touching {
            self.0.remove(&from);
            start = start.min(from);
            end = end.max(to);
        }
        self.0.insert(start, end);
    }

    /// The parts of `range` that are in the set.
    pub(super) fn within(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut parts: Vec<Range<u64>> = self
            .0
            .range(..range.end)
            .rev()
            .take_while(|(_, to)| **to > range.start)
            .map(|(from, to)| (*from).max(range.start)..(*to).min(range.end))
            .filter(|part| !part.is_empty())
            .collect();
        parts.reverse();
        parts
    }

    /// The parts of `range` that are not in the set.
    pub(super) fn missing(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut parts = Vec::new();
        let mut at = range.start;
        for part in self.within(range) {
            if at < part.start {
                parts.push(at..part.start);
            }
            at = part.end;
        }
        if at < range.end {
            parts.push(at..range.end);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_when_they_touch_and_tell_what_is_missing() {
        let mut ranges = Ranges::default();
        for range in [10..20, 30..40, 20..25, 5..7, 24..31, 50..50] {
            ranges.add(range);
        }
        assert_eq!(ranges.within(&(0..100)), [5..7, 10..40]);
        assert_eq!(ranges.within(&(6..12)), [6..7, 10..12]);
        assert_eq!(ranges.within(&(41..60)), []);
        assert_eq!(ranges.missing(&(0..50)), [0..5, 7..10, 40..50]);
        assert_eq!(ranges.missing(&(12..20)), []);
        assert_eq!(ranges.missing(&(60..61)).first(), Some(&(60..61)));
    }
}
