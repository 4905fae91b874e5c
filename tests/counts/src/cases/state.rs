//! The state machine of a data group, as it takes one entry.

use ana_state::shard::{AppendHeader, ShardCommand, ShardSet, ShardSpec};
use ana_types::{HashKey, HashRange, ShardIndex};

use super::Case;
use crate::measured;

/// Shards of the group, and sub-batches of the entry.
const SHARDS: u32 = 16;

pub(super) const CASES: &[Case] = &[Case {
    name: "entry-applied",
    units: 16,
    unit: "sub-batch",
    at_most: 400,
    run: entry_applied,
}];

fn entry_applied() {
    let mut set = ShardSet::new();
    let spec = |shard| ShardSpec {
        shard: ShardIndex(shard),
        range: HashRange {
            start: HashKey(u128::from(shard) << 64),
            end: HashKey((u128::from(shard) << 64) | u128::from(u64::MAX)),
        },
        created_ms: 1_767_225_600_000,
        created_s: 1_767_225_600,
    };
    set.command(
        1,
        ShardCommand::Open {
            shards: (0..SHARDS).map(spec).collect(),
        },
    );
    let header = |shard| AppendHeader {
        shard: ShardIndex(shard),
        count: 31,
        bytes: 32_000,
        time_ms: 1_767_225_601_000,
    };
    let headers: Vec<_> = (0..SHARDS).map(header).collect();
    set.append(2, &headers);
    let outcomes = measured(|| set.append(3, &headers));
    assert_eq!(outcomes.len(), headers.len(), "one outcome for each");
}
