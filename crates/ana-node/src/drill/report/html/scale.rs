//! From moments and values to places in the picture. Pure, in whole units of the picture.
//!
//! Must stay true: no moment and no value, however odd, leads outside the picture or ends in an overflow.

use super::super::super::record::Record;

/// The picture is this wide; its texts are made for it.
pub(super) const WIDTH: i64 = 1600;
/// Where the time begins; left of it stand the names.
pub(super) const LEFT: i64 = 300;
/// Where it ends.
pub(super) const RIGHT: i64 = 1570;
/// Marks on the axis of time.
const TICKS_MAX: i64 = 14;
/// Steps between them, seconds.
const STEPS: [i64; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200];
/// What a run without any moment is drawn as.
const SPAN_MIN_MS: i64 = 1000;

/// The time that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    from_ms: i64,
    to_ms: i64,
}

impl Frame {
    /// All that a record has a moment for.
    pub(super) fn of(record: &Record) -> Frame {
        let ends = record.series.iter().flat_map(|series| {
            let ends = [series.points.first(), series.points.last()];
            ends.into_iter().flatten().map(|(at, _)| *at)
        });
        let faults = record.faults.iter().flat_map(|row| {
            // A fault that did not fire is drawn where it was meant to.
            let fired = row.fired_at_ms.unwrap_or(row.planned_at_ms);
            [Some(fired), row.reverted_at_ms].into_iter().flatten()
        });
        let events = record.events.iter().map(|event| event.at_ms);
        let all = ends.chain(faults).chain(events).chain(record.healed_at_ms);
        let (from, to) = all.fold((0, 0), |(from, to): (i64, i64), at| {
            (from.min(at), to.max(at))
        });
        Frame {
            from_ms: from,
            to_ms: to.max(from.saturating_add(SPAN_MIN_MS)),
        }
    }

    /// The last moment.
    pub(super) fn end_ms(self) -> i64 {
        self.to_ms
    }

    /// Where a moment stands.
    pub(super) fn x(self, at_ms: i64) -> i64 {
        let at = i128::from(at_ms.clamp(self.from_ms, self.to_ms));
        let (from, to) = (i128::from(self.from_ms), i128::from(self.to_ms));
        let share = (at - from) * i128::from(RIGHT - LEFT) / (to - from).max(1);
        LEFT + i64::try_from(share).unwrap_or(0)
    }

    /// Moments to be marked on the axis, milliseconds.
    pub(super) fn ticks(self) -> Vec<i64> {
        let span_s = self.to_ms.saturating_sub(self.from_ms) / 1000;
        let fits = |step: &&i64| span_s / **step < TICKS_MAX;
        let longest = span_s / TICKS_MAX + 1;
        let step_s = STEPS.iter().find(fits).copied().unwrap_or(longest);
        let first = self.from_ms.div_euclid(1000).div_euclid(step_s);
        (first..=first.saturating_add(TICKS_MAX + 1))
            .map(|count| count.saturating_mul(step_s).saturating_mul(1000))
            .filter(|at| (self.from_ms..=self.to_ms).contains(at))
            .collect()
    }
}

/// The top of an axis of values: 2, 4 or 10 of a power of ten, so that its half is a round number as well.
pub(super) fn top_of(greatest: u64, least_top: u64) -> u64 {
    let wanted = greatest.max(least_top);
    let mut power: u64 = 1;
    loop {
        for leading in [2, 4, 10] {
            match power.checked_mul(leading) {
                Some(top) if top >= wanted => return top,
                Some(_) => {}
                None => return u64::MAX,
            }
        }
        power = power.saturating_mul(10);
    }
}

/// How high above the foot of its axis a value stands.
pub(super) fn rise(value: u64, top: u64, height: i64) -> i64 {
    let share = i128::from(value.min(top)) * i128::from(height) / i128::from(top.max(1));
    i64::try_from(share).unwrap_or(height)
}

#[cfg(test)]
mod scale_test;
