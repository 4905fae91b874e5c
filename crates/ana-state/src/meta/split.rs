//! SplitShard.

use super::apply::Handled;
use super::{Metadata, Reshard, ReshardKind, placement, reshard, streams};
use crate::shard::ChildSpec;
use ana_types::{
    GroupId, HashKey, HashRange, KinesisError, ProvisionedOperation, ShardIndex, ShardInfo,
    StreamName,
};

/// How many shards a split makes of one.
pub(super) const CHILDREN: u32 = 2;

pub(super) fn split(
    machine: &mut Metadata,
    name: &StreamName,
    shard: ShardIndex,
    new_start: HashKey,
    now_ms: u64,
) -> Handled {
    let stream = streams::find_active_mut(machine, name)?;
    reshard::check_provisioned(stream, ProvisionedOperation::SplitShard)?;
    let parent = reshard::open_parent(stream, shard)?.clone();
    let (key, next_shard) = (stream.key, stream.next_shard);
    let own_after = stream.open_in_group(parent.group) + (CHILDREN - 1);
    let in_place = placement::group_for_children(stream, parent.group, own_after, CHILDREN);
    streams::check_shard_limit(machine, CHILDREN - 1)?;
    let (lower, upper) = halves(name, &parent, new_start)?;
    let children = reshard::take_indexes(next_shard)?;
    let group = match in_place {
        Some(group) => group,
        None => reshard::add_group(machine, key)?,
    };
    let reshard = of(parent.shard, group, children, [lower, upper]);
    reshard::begin(machine, key, reshard, now_ms)
}

/// The split of a shard into two, as it is recorded.
pub(super) fn of(
    parent: ShardIndex,
    group: GroupId,
    children: [ShardIndex; 2],
    ranges: [HashRange; 2],
) -> Reshard {
    let children = children.into_iter().zip(ranges);
    Reshard {
        kind: ReshardKind::Split,
        parents: vec![parent],
        group,
        children: children
            .map(|(shard, range)| ChildSpec {
                shard,
                parents: vec![parent],
                range,
            })
            .collect(),
        closed: None,
    }
}

fn halves(
    name: &StreamName,
    parent: &ShardInfo,
    key: HashKey,
) -> Result<(HashRange, HashRange), KinesisError> {
    let HashRange { start, end } = parent.range;
    parent
        .range
        .split_at(key)
        .ok_or_else(|| KinesisError::SplitKeyOutOfRange {
            key,
            shard: parent.shard,
            stream: name.clone(),
            start,
            end,
        })
}
