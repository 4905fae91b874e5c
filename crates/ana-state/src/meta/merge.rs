//! MergeShards.

use super::apply::Handled;
use super::{Metadata, Reshard, ReshardKind, reshard, streams};
use crate::shard::ChildSpec;
use ana_types::{KinesisError, ProvisionedOperation, ShardIndex, StreamName};

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
    let (key, group) = (stream.key, lower.group);
    let [child] = reshard::take_indexes(stream.next_shard)?;
    let reshard = Reshard {
        kind: ReshardKind::Merge,
        parents: vec![a, b],
        group,
        children: vec![ChildSpec {
            shard: child,
            parents: vec![a, b],
            range,
        }],
        closed: None,
    };
    reshard::begin(machine, key, reshard, now_ms)
}
