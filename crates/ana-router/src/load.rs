//! What was written to the shards whose groups are led here: totals of records and bytes since this node first saw
//! each, from which others make rates. Pure: the time is passed in.
//!
//! Must stay true:
//! - only what was committed counts, once;
//! - totals of a shard never fall while it is kept; a shard that was dropped starts again from nothing, and so does a
//!   node that starts again, which who reads them must expect.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_types::{GroupId, ShardIndex};
use serde::{Deserialize, Serialize};

/// Shards kept track of; beyond it, those that nothing was written to for [`IDLE_AFTER`] are dropped.
const SHARDS_MAX: usize = 16_384;
/// An idle shard's totals do not change, so who reads them loses one interval at the most.
const IDLE_AFTER: Duration = Duration::from_secs(60);

/// A shard where it is led.
pub(crate) type LedShard = (GroupId, ShardIndex);

/// What came in since the shard is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) records: u64,
    /// Data and partition keys.
    pub(crate) bytes: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    totals: Totals,
    at: Duration,
}

/// Totals of all shards led here.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    shards: BTreeMap<LedShard, Counted>,
}

impl Loads {
    /// Notes what was committed.
    pub(crate) fn count(&mut self, shard: LedShard, records: u64, bytes: u64, now: Duration) {
        if self.shards.len() >= SHARDS_MAX && !self.shards.contains_key(&shard) {
            self.shards
                .retain(|_, counted| now.saturating_sub(counted.at) < IDLE_AFTER);
        }
        let counted = self.shards.entry(shard).or_default();
        counted.totals.records = counted.totals.records.saturating_add(records);
        counted.totals.bytes = counted.totals.bytes.saturating_add(bytes);
        counted.at = counted.at.max(now);
    }

    /// The totals of one shard; nothing when nothing was written.
    pub(crate) fn totals(&self, shard: LedShard) -> Totals {
        self.shards
            .get(&shard)
            .map_or_else(Totals::default, |counted| counted.totals)
    }

    /// Forgets the shards of groups that are gone.
    pub(crate) fn keep(&mut self, live: impl Fn(GroupId) -> bool) {
        self.shards.retain(|(group, _), _| live(*group));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ana_types::{GroupId, ShardIndex};

    use super::{IDLE_AFTER, LedShard, Loads, SHARDS_MAX, Totals};

    const NOW: Duration = Duration::from_secs(1000);

    fn shard(group: u64, shard: u32) -> LedShard {
        (GroupId(group), ShardIndex(shard))
    }

    #[test]
    fn totals_add_up_by_shard() {
        let mut loads = Loads::default();
        loads.count(shard(1, 0), 2, 100, NOW);
        loads.count(shard(1, 0), 1, 50, NOW);
        loads.count(shard(2, 0), 1, 7, NOW);
        let totals = |records, bytes| Totals { records, bytes };
        assert_eq!(loads.totals(shard(1, 0)), totals(3, 150));
        assert_eq!(loads.totals(shard(9, 0)), totals(0, 0));
        loads.count(shard(1, 0), u64::MAX, u64::MAX, NOW);
        assert_eq!(loads.totals(shard(1, 0)), totals(u64::MAX, u64::MAX));
        loads.keep(|group| group == GroupId(2));
        assert_eq!(loads.totals(shard(1, 0)), totals(0, 0));
        assert_eq!(loads.totals(shard(2, 0)), totals(1, 7));
    }

    #[test]
    fn idle_shards_are_dropped_when_there_are_many() {
        let mut loads = Loads::default();
        for index in 0..u32::try_from(SHARDS_MAX).expect("small") {
            loads.count(shard(1, index), 1, 1, NOW);
        }
        loads.count(shard(1, 7), 1, 1, NOW + IDLE_AFTER);
        loads.count(shard(2, 0), 1, 1, NOW + IDLE_AFTER);
        assert_eq!(loads.shards.len(), 2);
    }
}
