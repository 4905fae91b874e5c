//! A set of group ids, kept as ranges.
//!
//! Deleted groups stay known for ever: a node that was away deletes its replica only when it finds
//! the id here. Ids are handed out in order and a stream's groups go together, so ranges stay few.

use ana_types::GroupId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A set of group ids. Ranges never touch: neighbours are joined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupIds {
    /// First id of a range -> last id of it.
    ranges: BTreeMap<u64, u64>,
}

impl GroupIds {
    /// Whether `group` is in the set.
    #[must_use]
    pub fn contains(&self, group: GroupId) -> bool {
        self.range_at(group.0).is_some()
    }

    /// Adds an id; once more is no harm.
    pub(crate) fn insert(&mut self, group: GroupId) {
        let id = group.0;
        if self.contains(group) {
            return;
        }
        let below = id.checked_sub(1).and_then(|below| self.range_at(below));
        let first = below.map_or(id, |(first, _)| first);
        let last = id
            .checked_add(1)
            .and_then(|above| self.ranges.remove(&above))
            .unwrap_or(id);
        self.ranges.insert(first, last);
    }

    /// The ranges, ascending, each as (first, last), both inclusive.
    pub fn ranges(&self) -> impl Iterator<Item = (GroupId, GroupId)> {
        self.ranges
            .iter()
            .map(|(&first, &last)| (GroupId(first), GroupId(last)))
    }

    /// How many ids are in the set.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.ranges
            .iter()
            .map(|(first, last)| last - first + 1)
            .sum()
    }

    fn range_at(&self, id: u64) -> Option<(u64, u64)> {
        let (&first, &last) = self.ranges.range(..=id).next_back()?;
        (id <= last).then_some((first, last))
    }
}
