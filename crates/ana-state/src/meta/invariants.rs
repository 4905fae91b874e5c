//! What is always true of the metadata.

mod attached;
mod capacity;
mod members;

use super::{
    GROUP_OPEN_SHARDS_MAX, GroupState, Metadata, PendingKind, Reshard, StreamState,
    VOTERS_PER_GROUP_MAX,
};
use crate::violation::{Invariant, Subject, Violation, ensure};
use ana_types::{
    GroupId, HashRange, NodeId, Position, ShardInfo, StreamKey, StreamName, StreamStatus, Zone,
    limits,
};
use std::collections::{BTreeMap, BTreeSet};

static M1: Invariant = Invariant {
    id: "M1",
    statement: "each stream is found by its own name",
};
static M2: Invariant = Invariant {
    id: "M2",
    statement: "what is under way on a stream agrees with its status",
};
static M3: Invariant = Invariant {
    id: "M3",
    statement: "the open shards of a stream tile the hash space",
};
static M4: Invariant = Invariant {
    id: "M4",
    statement: "ids in use are below the next ones to be handed out",
};
static M5: Invariant = Invariant {
    id: "M5",
    statement: "a stream uses its groups, all of them, and no others",
};
static M6: Invariant = Invariant {
    id: "M6",
    statement: "each group id handed out is live or deleted, never both",
};
static M7: Invariant = Invariant {
    id: "M7",
    statement: "the voters of a group are known nodes in different zones, the leader one of them",
};
static M8: Invariant = Invariant {
    id: "M8",
    statement: "a group holds no more open shards than its bound",
};
static M9: Invariant = Invariant {
    id: "M9",
    statement: "a child has a higher index, a later creation second and begins where parents end",
};
static M10: Invariant = Invariant {
    id: "M10",
    statement: "the end of a closed shard is its own and its greatest",
};
static M11: Invariant = Invariant {
    id: "M11",
    statement: "retention, record size and tags are within their limits",
};
static M12: Invariant = Invariant {
    id: "M12",
    statement: "the children of a reshard have the hash keys of its parents, and new indexes",
};

static M13: Invariant = Invariant {
    id: "M13",
    statement: "a consumer is found by its own name, and its life fits its stream's",
};
static M14: Invariant = Invariant {
    id: "M14",
    statement: "the consumers of a stream, and what hangs on each, are within their limits",
};
static M15: Invariant = Invariant {
    id: "M15",
    statement: "the settings of a stream are within their limits",
};
static M16: Invariant = Invariant {
    id: "M16",
    statement: "the times of the account's commitment agree with its status",
};
static M17: Invariant = Invariant {
    id: "M17",
    statement: "a stream reshards of its own accord only while on-demand, one step at a time",
};
static M18: Invariant = Invariant {
    id: "M18",
    statement: "changes of capacity per day and warm throughput are within their limits",
};
static M19: Invariant = Invariant {
    id: "M19",
    statement: "a replica on the move leaves its group with voters in different zones, and few move at once",
};
static M20: Invariant = Invariant {
    id: "M20",
    statement: "a removed node is no member, and what is known of nodes is known of members",
};
static M21: Invariant = Invariant {
    id: "M21",
    statement: "the metadata group of a cluster has voters, known nodes in different zones",
};
static M22: Invariant = Invariant {
    id: "M22",
    statement: "what moves have left behind is of a live group and not among its voters",
};

/// All invariants of the metadata, by number.
pub static META_INVARIANTS: [&Invariant; 22] = [
    &M1, &M2, &M3, &M4, &M5, &M6, &M7, &M8, &M9, &M10, &M11, &M12, &M13, &M14, &M15, &M16, &M17,
    &M18, &M19, &M20, &M21, &M22,
];

pub(super) fn names_of(
    streams: &BTreeMap<StreamKey, StreamState>,
) -> BTreeMap<StreamName, StreamKey> {
    streams
        .values()
        .map(|stream| (stream.name.clone(), stream.key))
        .collect()
}

pub(super) fn check(machine: &Metadata) -> Result<(), Violation> {
    ensure(
        names_of(&machine.streams) == machine.names,
        &M1,
        Subject::Machine,
    )?;
    for (key, stream) in &machine.streams {
        check_stream(machine, *key, stream)?;
    }
    attached::check_commitment(machine.commitment)?;
    check_group_ids(machine)?;
    for (id, group) in &machine.groups {
        check_group(machine, *id, group)?;
    }
    members::check(machine)
}

pub(super) fn check_stream(
    machine: &Metadata,
    key: StreamKey,
    stream: &StreamState,
) -> Result<(), Violation> {
    let subject = Subject::Stream(key);
    let named = stream.key == key && machine.names.get(&stream.name) == Some(&key);
    ensure(named, &M1, subject)?;
    ensure(pending_fits(stream), &M2, subject)?;
    ensure(
        tile(stream.shards.values().filter(|info| info.is_open())),
        &M3,
        subject,
    )?;
    ensure(tile(stream.writable_shards()), &M3, subject)?;
    ensure(key.0 < machine.next_stream, &M4, subject)?;
    check_groups_of(machine, key, stream)?;
    let within = (limits::RETENTION_HOURS_MIN..=limits::RETENTION_HOURS_MAX)
        .contains(&stream.retention_hours)
        && (limits::MAX_RECORD_KIB_MIN..=limits::MAX_RECORD_KIB_MAX)
            .contains(&stream.max_record_kib)
        && stream.tags.len() <= limits::TAGS_PER_RESOURCE_MAX;
    ensure(within, &M11, subject)?;
    attached::check_consumers(stream)?;
    attached::check_settings(stream)?;
    capacity::check(stream)?;
    for (index, info) in &stream.shards {
        ensure(*index == info.shard, &M4, Subject::StreamShard(key, *index))?;
        check_shard(stream, info)?;
    }
    stream
        .reshard()
        .map_or(Ok(()), |reshard| check_reshard(stream, reshard))
}

fn pending_fits(stream: &StreamState) -> bool {
    match (
        stream.status,
        stream.pending.as_ref().map(|pending| &pending.kind),
    ) {
        (StreamStatus::Active, None)
        | (StreamStatus::Creating, Some(PendingKind::Create))
        | (StreamStatus::Deleting, Some(PendingKind::Delete)) => true,
        (StreamStatus::Updating, Some(kind)) => {
            !matches!(kind, PendingKind::Create | PendingKind::Delete)
        }
        _ => false,
    }
}

/// Whether the ranges cover all hash keys, each once.
fn tile<'a>(shards: impl Iterator<Item = &'a ShardInfo>) -> bool {
    let ranges: Vec<HashRange> = shards.map(|info| info.range).collect();
    joined(ranges) == Some(HashRange::FULL)
}

/// The union of ranges, when they neither overlap nor leave a gap.
fn joined(mut ranges: Vec<HashRange>) -> Option<HashRange> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut ranges = ranges.into_iter();
    let first = ranges.next().filter(|range| range.start <= range.end)?;
    ranges.try_fold(first, |union, next| {
        (next.start <= next.end).then_some(())?;
        union.merge(&next)
    })
}

fn check_groups_of(
    machine: &Metadata,
    key: StreamKey,
    stream: &StreamState,
) -> Result<(), Violation> {
    let mut used: BTreeSet<GroupId> = stream.shards.values().map(|info| info.group).collect();
    used.extend(stream.reshard().map(|reshard| reshard.group));
    ensure(stream.groups.iter().eq(&used), &M5, Subject::Stream(key))?;
    for group in &stream.groups {
        let live = machine
            .groups
            .get(group)
            .is_some_and(|state| state.stream == key);
        ensure(live, &M5, Subject::Group(*group))?;
    }
    let mut open: BTreeMap<GroupId, u32> = BTreeMap::new();
    for info in stream.writable_shards() {
        let count = open.entry(info.group).or_default();
        *count += 1;
        ensure(
            *count <= GROUP_OPEN_SHARDS_MAX,
            &M8,
            Subject::Group(info.group),
        )?;
    }
    Ok(())
}

fn check_shard(stream: &StreamState, info: &ShardInfo) -> Result<(), Violation> {
    let subject = Subject::StreamShard(stream.key, info.shard);
    ensure(info.shard < stream.next_shard, &M4, subject)?;
    for parent in [info.parent, info.adjacent_parent].into_iter().flatten() {
        ensure(parent < info.shard, &M9, subject)?;
        // A parent may have expired; while it is there it must be closed.
        let Some(parent) = stream.shards.get(&parent) else {
            continue;
        };
        let follows = parent.created_s < info.created_s
            && parent
                .closed
                .is_some_and(|closed| closed.closed_ms == info.created_ms);
        ensure(follows, &M9, subject)?;
    }
    let Some(closed) = info.closed else {
        return Ok(());
    };
    let own = closed.ending.shard == info.shard
        && closed.ending.created_s == info.created_s
        && closed.ending.position == Position::END;
    ensure(own, &M10, subject)
}

fn check_reshard(stream: &StreamState, reshard: &Reshard) -> Result<(), Violation> {
    let subject = Subject::Stream(stream.key);
    let parents: Vec<HashRange> = reshard
        .parents
        .iter()
        .filter_map(|parent| stream.shards.get(parent))
        .filter(|info| info.is_open())
        .map(|info| info.range)
        .collect();
    let children: Vec<HashRange> = reshard.children.iter().map(|child| child.range).collect();
    let complete = parents.len() == reshard.parents.len();
    let (before, after) = (joined(parents), joined(children));
    ensure(
        complete && before.is_some() && before == after,
        &M12,
        subject,
    )?;
    for child in &reshard.children {
        let subject = Subject::StreamShard(stream.key, child.shard);
        let new = child.shard < stream.next_shard && !stream.shards.contains_key(&child.shard);
        ensure(new && child.parents == reshard.parents, &M12, subject)?;
    }
    let Some(closed) = &reshard.closed else {
        return Ok(());
    };
    let same_parents = closed
        .parents
        .iter()
        .map(|(shard, _)| shard)
        .eq(&reshard.parents);
    let same_children = closed
        .children
        .iter()
        .map(|info| (info.shard, info.range, info.group))
        .eq(reshard
            .children
            .iter()
            .map(|child| (child.shard, child.range, reshard.group)));
    ensure(same_parents && same_children, &M12, subject)
}

fn check_group_ids(machine: &Metadata) -> Result<(), Violation> {
    let mut next = GroupId::METADATA.0 + 1;
    let deleted = machine.deleted_groups.ranges().collect::<Vec<_>>();
    let mut before: Option<u64> = None;
    for (first, last) in &deleted {
        // Ranges that touch would be two encodings of one set.
        let apart = before.is_none_or(|before| before + 1 < first.0);
        ensure(
            first <= last && apart && first.0 > 0,
            &M6,
            Subject::Group(*first),
        )?;
        before = Some(last.0);
    }
    let mut ranges = deleted.into_iter().peekable();
    for id in machine.groups.keys() {
        while let Some((_, last)) = ranges.next_if(|(first, _)| first.0 == next) {
            next = last.0 + 1;
        }
        ensure(id.0 == next, &M6, Subject::Group(*id))?;
        next += 1;
    }
    while let Some((_, last)) = ranges.next_if(|(first, _)| first.0 == next) {
        next = last.0 + 1;
    }
    ensure(
        next == machine.next_group && ranges.next().is_none(),
        &M6,
        Subject::Machine,
    )
}

fn check_group(machine: &Metadata, id: GroupId, group: &GroupState) -> Result<(), Violation> {
    let subject = Subject::Group(id);
    let listed = machine
        .streams
        .get(&group.stream)
        .is_some_and(|stream| stream.groups.contains(&id));
    ensure(listed, &M5, subject)?;
    let zones: BTreeSet<&Zone> = group
        .voters
        .iter()
        .filter_map(|voter| Some(&machine.nodes.get(voter)?.zone))
        .collect();
    let ascending = group.voters.is_sorted_by(|a: &NodeId, b| a < b);
    let sound = !group.voters.is_empty()
        && group.voters.len() <= VOTERS_PER_GROUP_MAX
        && zones.len() == group.voters.len()
        && ascending
        && group.voters.contains(&group.preferred_leader);
    ensure(sound, &M7, subject)
}
