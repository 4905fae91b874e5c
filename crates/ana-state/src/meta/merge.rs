//! MergeShards.

use super::apply::Handled;
use super::{Metadata, Reshard, ReshardKind, reshard, streams};
use crate::shard::ChildSpec;
use ana_types::{HashRange, KinesisError, ProvisionedOperation, ShardIndex, ShardInfo, StreamName};

/// Merges `a` with `b`, which must follow it. The child goes to the group of `a`.
pub(super) fn merge(
    machine: &mut Metadata,
    name: &StreamName,
    a: ShardIndex,
    b: ShardIndex,
    now_ms: u64,
) -> Handled {
    let stream = streams::find_active_mut(machine, name)?;
    reshard::check_provisioned(stream, ProvisionedOperation::MergeShards)?;
    reshard::check_exists(stream, a)?;
    reshard::check_exists(stream, b)?;
    let lower = reshard::open_parent(stream, a)?;
    let upper = reshard::open_parent(stream, b)?;
    let range = lower
        .range
        .merge(&upper.range)
        .ok_or_else(|| KinesisError::NotAdjacent {
            a,
            b,
            stream: name.clone(),
        })?;
    let key = stream.key;
    let [child] = reshard::take_indexes(stream.next_shard)?;
    let reshard = of([lower, upper], child, range);
    reshard::begin(machine, key, reshard, now_ms)
}

/// The merge of two neighbours, the lower one first, as it is recorded.
pub(super) fn of(parents: [&ShardInfo; 2], child: ShardIndex, range: HashRange) -> Reshard {
    let [lower, _] = parents;
    let parents = parents.map(|info| info.shard).to_vec();
    Reshard {
        kind: ReshardKind::Merge,
        parents: parents.clone(),
        group: lower.group,
        children: vec![ChildSpec {
            shard: child,
            parents,
            range,
        }],
        closed: None,
    }
}
