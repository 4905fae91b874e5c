//! What splits and merges have in common, asked for or steps of something larger: the steps, and the
//! end of shards.
//!
//! Must stay true: until the parents are closed nothing but the pending record has changed; from
//! then on the reshard can only be finished. Each step may arrive more than once, and late.

use super::apply::{DONE, Effect, Handled};
use super::{
    MetaRefusal, MetaReply, Metadata, ParentClosed, PendingKind, Reshard, ReshardClosed, Resize,
    StreamState, placement, resize, streams,
};
use crate::shard::child_created;
use ana_types::{
    GroupId, KinesisError, Position, ProvisionedOperation, ShardClosed, ShardIndex, ShardInfo,
    StreamKey, StreamMode,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check_provisioned(
    stream: &StreamState,
    operation: ProvisionedOperation,
) -> Result<(), KinesisError> {
    match stream.mode {
        StreamMode::Provisioned => Ok(()),
        StreamMode::OnDemand => Err(KinesisError::ProvisionedOnly {
            operation,
            stream: stream.name.clone(),
        }),
    }
}

pub(super) fn check_exists(stream: &StreamState, shard: ShardIndex) -> Result<(), KinesisError> {
    if stream.shards.contains_key(&shard) {
        return Ok(());
    }
    Err(KinesisError::ShardNotFound {
        shard,
        stream: stream.name.clone(),
    })
}

pub(super) fn open_parent(
    stream: &StreamState,
    shard: ShardIndex,
) -> Result<&ShardInfo, KinesisError> {
    check_exists(stream, shard)?;
    stream
        .shards
        .get(&shard)
        .filter(|info| info.is_open())
        .ok_or_else(|| KinesisError::ShardClosedForReshard {
            shard,
            stream: stream.name.clone(),
        })
}

/// The next `N` shard indexes.
pub(super) fn take_indexes<const N: usize>(
    next: ShardIndex,
) -> Result<[ShardIndex; N], KinesisError> {
    let mut indexes = [next; N];
    let mut following = Some(next);
    for index in &mut indexes {
        *index = following.ok_or_else(used_up)?;
        following = index.next();
    }
    // The stream must be able to name the index after these.
    following.map(|_| indexes).ok_or_else(used_up)
}

pub(super) fn used_up() -> KinesisError {
    KinesisError::Internal {
        why: "the stream has used up its shard indexes".into(),
    }
}

/// Adds one group to a stream.
pub(super) fn add_group(machine: &mut Metadata, key: StreamKey) -> Result<GroupId, KinesisError> {
    let added = placement::add_groups(machine, key, 1)?;
    let group = *added.first().expect("one group was asked for");
    if let Some(stream) = machine.streams.get_mut(&key) {
        stream.groups.push(group);
    }
    Ok(group)
}

pub(super) fn begin(
    machine: &mut Metadata,
    key: StreamKey,
    reshard: Reshard,
    now_ms: u64,
) -> Handled {
    let stream = machine
        .streams
        .get_mut(&key)
        .expect("the caller found the stream");
    stream.next_shard = reshard
        .after_last_child()
        .expect("take_indexes left one more");
    stream.become_updating(PendingKind::Reshard(reshard), now_ms);
    Ok(Effect::Changed(MetaReply::Stream(key)))
}

pub(super) fn parents_closed(
    machine: &mut Metadata,
    key: StreamKey,
    closed: &[ParentClosed],
) -> Handled {
    let Some(stream) = machine.streams.get_mut(&key) else {
        return Ok(Effect::Unchanged);
    };
    let Some((reshard, shards)) = stream.reshard_mut() else {
        return Ok(Effect::Unchanged);
    };
    let by_shard: BTreeMap<ShardIndex, ParentClosed> = closed
        .iter()
        .map(|parent| (parent.shard, *parent))
        .collect();
    let wanted: BTreeSet<ShardIndex> = reshard.parents.iter().copied().collect();
    let fits = by_shard.len() == closed.len()
        && by_shard.keys().eq(&wanted)
        && closed
            .iter()
            .all(|parent| is_end_of(parent, shards.get(&parent.shard)));
    if !fits {
        return Ok(Effect::Refused(MetaRefusal::OtherParents(key)));
    }
    if reshard.closed.is_some() {
        return Ok(Effect::Unchanged);
    }
    reshard.closed = Some(close(reshard, shards, &by_shard));
    DONE
}

/// Whether a closing can be that of this shard.
fn is_end_of(closed: &ParentClosed, info: Option<&ShardInfo>) -> bool {
    info.is_some_and(|info| {
        closed.ending.shard == info.shard
            && closed.ending.created_s == info.created_s
            && closed.ending.position == Position::END
    })
}

fn close(
    reshard: &Reshard,
    shards: &BTreeMap<ShardIndex, ShardInfo>,
    closed: &BTreeMap<ShardIndex, ParentClosed>,
) -> ReshardClosed {
    let created_s = |shard| {
        shards
            .get(shard)
            .map_or(0, |info: &ShardInfo| info.created_s)
    };
    let (created_ms, child_created_s) = child_created(
        closed
            .values()
            .map(|parent| (created_s(&parent.shard), parent.closed_ms)),
    );
    // Listed as closed together, when the children begin: at every instant the shards open then
    // tile the hash space.
    let parents = reshard
        .parents
        .iter()
        .filter_map(|shard| closed.get(shard))
        .map(|parent| {
            let closed = ShardClosed {
                closed_ms: created_ms,
                ending: parent.ending,
                end_position: parent.end,
            };
            (parent.shard, closed)
        })
        .collect();
    let children = reshard
        .children
        .iter()
        .map(|child| ShardInfo {
            shard: child.shard,
            parent: child.parents.first().copied(),
            adjacent_parent: child.parents.get(1).copied(),
            range: child.range,
            group: reshard.group,
            created_ms,
            created_s: child_created_s,
            closed: None,
        })
        .collect();
    ReshardClosed { parents, children }
}

pub(super) fn finish(machine: &mut Metadata, key: StreamKey, first_child: ShardIndex) -> Handled {
    let Some(stream) = machine.streams.get_mut(&key) else {
        return Ok(Effect::Unchanged);
    };
    let Some(reshard) = stream
        .reshard()
        .filter(|reshard| reshard.first_child() == Some(first_child))
    else {
        return Ok(Effect::Unchanged);
    };
    let Some(closed) = reshard.closed.clone() else {
        return Ok(Effect::Refused(MetaRefusal::ParentsOpen(key)));
    };
    for (shard, end) in closed.parents {
        if let Some(parent) = stream.shards.get_mut(&shard) {
            parent.closed = Some(end);
        }
    }
    stream.shards.extend(
        closed
            .children
            .into_iter()
            .map(|child| (child.shard, child)),
    );
    end(machine, key);
    DONE
}

/// What follows upon a reshard whose children are listed.
fn end(machine: &mut Metadata, key: StreamKey) {
    let Some(stream) = machine.streams.get_mut(&key) else {
        return;
    };
    if stream.scaling.step.take().is_some() {
        // Of the stream's own accord: beside whatever is pending.
        return;
    }
    match stream.pending.as_ref().map(|pending| &pending.kind) {
        Some(PendingKind::Resize(resize)) => {
            let target = resize.target;
            if let Some(pending) = stream.pending.as_mut() {
                pending.kind = PendingKind::Resize(Resize { target, step: None });
            }
            resize::go_on(machine, key, target);
        }
        _ => stream.become_active(),
    }
}

pub(super) fn expire(machine: &mut Metadata, key: StreamKey, shards: &[ShardIndex]) -> Handled {
    let Some(stream) = machine.streams.get_mut(&key) else {
        return Ok(Effect::Unchanged);
    };
    let before = stream.shards.len();
    for shard in shards {
        if stream.shards.get(shard).is_some_and(|info| !info.is_open()) {
            stream.shards.remove(shard);
        }
    }
    if stream.shards.len() == before {
        return Ok(Effect::Unchanged);
    }
    let mut used: BTreeSet<GroupId> = stream.shards.values().map(|info| info.group).collect();
    used.extend(stream.reshard().map(|reshard| reshard.group));
    let (kept, empty): (Vec<GroupId>, Vec<GroupId>) = stream
        .groups
        .iter()
        .copied()
        .partition(|group| used.contains(group));
    stream.groups = kept;
    for group in empty {
        streams::delete_group(machine, group);
    }
    DONE
}
