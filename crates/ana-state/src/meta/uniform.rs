//! Which split or merge comes next on the way from any shards to shards of equal width. Pure.
//!
//! Each step removes one difference between the boundaries there are and those wanted, so the number
//! of steps is the number of differences and nothing has to be remembered between steps: whoever goes
//! on looks at the shards as they are. The first range wanted is made first: its end is cut where no
//! shard ends there yet, then what lies in it is joined. So at most one shard more than there were, or
//! will be, is open at a time, where the shards were even before.
//!
//! What must stay true
//! - The same shards and target give the same step on every replica.
//! - Cuts halve the number of boundaries that a shard still contains, joins take the narrowest
//!   neighbours: the lineage of a shard grows with the logarithm of what it is made of.

use ana_types::{HashKey, HashRange};

/// A boundary this near to one that is wanted serves as that one. Widths are floored, so the
/// boundaries of 3 shards are not among those of 6 but up to 6 keys away; without slack a doubling
/// would cut and join every shard for the sake of a few keys of 2^128. Larger than the sum of any two
/// numbers of shards, far below the width of any shard that is wanted.
const SLACK_KEYS: u128 = 1 << 18;

/// One split or merge; places are those in the list of shards it was planned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Cut the shard at this place so that its upper part begins at `new_start`.
    Split {
        /// Its place.
        at: usize,
        /// First key of the upper part.
        new_start: HashKey,
    },
    /// Join the shard at this place with the one that follows.
    Merge {
        /// Place of the lower one.
        at: usize,
    },
}

/// The next step, none when there are exactly `target` shards of equal width. `ranges` tile the hash
/// space in ascending order.
pub(super) fn next_step(ranges: &[HashRange], target: u32) -> Option<Step> {
    let wanted = boundaries_wanted(ranges, target);
    // Places and boundaries before these agree already.
    let (mut place, mut passed) = (0, 0);
    while let Some(range) = ranges.get(place) {
        let last_key = wanted.get(passed).map_or(u128::MAX, |start| start - 1);
        if range.end.0 == last_key {
            (place, passed) = (place + 1, passed + 1);
            continue;
        }
        let ending = place
            + ranges
                .get(place..)?
                .partition_point(|it| it.end.0 < last_key);
        let holder = ranges.get(ending)?;
        return Some(if holder.end.0 == last_key {
            narrowest_pair(ranges, place, ending)
        } else {
            let inside = wanted.get(passed..)?;
            let cuts = inside.partition_point(|start| *start <= holder.end.0);
            Step::Split {
                at: ending,
                new_start: HashKey(*inside.get(cuts / 2)?),
            }
        });
    }
    None
}

/// The first keys of all shards wanted but the first, each replaced by a boundary that serves as it.
fn boundaries_wanted(ranges: &[HashRange], target: u32) -> Vec<u128> {
    if target <= 1 {
        return Vec::new();
    }
    let even = HashRange::split_even(target);
    let nearest = |wanted: u128| {
        let after = ranges.partition_point(|range| range.start.0 < wanted);
        let near = ranges.get(after.saturating_sub(1)..).unwrap_or_default();
        near.iter()
            .take(2)
            .map(|range| (range.start.0.abs_diff(wanted), range.start.0))
            .filter(|(distance, _)| *distance <= SLACK_KEYS)
            .min()
            .map_or(wanted, |(_, start)| start)
    };
    even.iter()
        .skip(1)
        .map(|range| nearest(range.start.0))
        .collect()
}

/// Of the neighbours from `first` to `last`, the two that are narrowest together.
fn narrowest_pair(ranges: &[HashRange], first: usize, last: usize) -> Step {
    let run = ranges.get(first..=last).unwrap_or_default();
    let narrowest = run
        .windows(2)
        .enumerate()
        .min_by_key(|(_, pair)| match pair {
            [lower, upper] => upper.end.0 - lower.start.0,
            _ => u128::MAX,
        });
    Step::Merge {
        at: first + narrowest.map_or(0, |(at, _)| at),
    }
}
