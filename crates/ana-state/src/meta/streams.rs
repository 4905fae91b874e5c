//! The life of a stream: create, activate, delete, and its retention.

use super::apply::{DONE, Effect, Handled};
use super::{
    MetaReply, Metadata, Pending, PendingKind, Scaling, StreamSettings, StreamState, consumers,
    placement, scaling, tags,
};
use ana_types::{
    ConsumerError, GroupId, HashRange, KinesisError, ShardIndex, ShardInfo, StreamKey, StreamMode,
    StreamName, StreamStatus, limits,
};
use std::collections::BTreeMap;

/// The settings a stream is created with.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) retention_hours: u32,
    pub(super) max_record_kib: u32,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) warm_throughput_mibps: Option<u32>,
}

/// Mode and number of shards of a new stream, from what the request said. A count without a mode
/// means provisioned; neither means on-demand; an on-demand stream ignores a count.
pub(super) fn shards_wanted(
    mode: Option<StreamMode>,
    shard_count: Option<u32>,
) -> Result<(StreamMode, u32), KinesisError> {
    let count = shard_count.filter(|count| *count > 0);
    match (mode, count) {
        (Some(StreamMode::OnDemand), _) | (None, None) => {
            Ok((StreamMode::OnDemand, limits::ON_DEMAND_SHARDS_INITIAL))
        }
        (Some(StreamMode::Provisioned) | None, Some(count)) => Ok((StreamMode::Provisioned, count)),
        (Some(StreamMode::Provisioned), None) => Err(KinesisError::ShardCountRequired),
    }
}

pub(super) fn create(
    machine: &mut Metadata,
    name: StreamName,
    (mode, shard_count): (StreamMode, u32),
    settings: Settings,
    now_ms: u64,
) -> Handled {
    check_new(machine, &name, mode, shard_count, &settings)?;
    let warm_mibps = settings.warm_throughput_mibps.filter(|mibps| *mibps > 0);
    let shard_count = shard_count.max(warm_mibps.unwrap_or(0));
    let key = StreamKey(machine.next_stream);
    let group_count = placement::groups_for(machine, shard_count);
    let groups = placement::add_groups(machine, key, group_count)?;
    machine.next_stream += 1;
    let Settings {
        retention_hours,
        max_record_kib,
        tags,
        warm_throughput_mibps: _,
    } = settings;
    let stream = StreamState {
        key,
        name: name.clone(),
        status: StreamStatus::Creating,
        mode,
        created_ms: now_ms,
        retention_hours,
        max_record_kib,
        tags,
        shards: first_shards(shard_count, &groups, now_ms),
        groups,
        next_shard: ShardIndex(shard_count),
        pending: Some(Pending {
            kind: PendingKind::Create,
            since_ms: now_ms,
        }),
        consumers: BTreeMap::new(),
        settings: StreamSettings::default(),
        scaling: Scaling {
            warm_target_mibps: warm_mibps,
            ..Scaling::default()
        },
    };
    machine.names.insert(name, key);
    machine.streams.insert(key, stream);
    Ok(Effect::Changed(MetaReply::Stream(key)))
}

fn check_new(
    machine: &Metadata,
    name: &StreamName,
    mode: StreamMode,
    shard_count: u32,
    settings: &Settings,
) -> Result<(), KinesisError> {
    tags::check_tag_characters(tags::texts(&settings.tags), name, false)?;
    if machine.names.contains_key(name) {
        return Err(KinesisError::StreamExists {
            stream: name.clone(),
        });
    }
    if settings.tags.len() > limits::TAGS_PER_RESOURCE_MAX {
        return Err(KinesisError::TagLimit {
            stream: name.clone(),
        });
    }
    check_retention_hours(i64::from(settings.retention_hours))?;
    let record_kib = limits::MAX_RECORD_KIB_MIN..=limits::MAX_RECORD_KIB_MAX;
    if !record_kib.contains(&settings.max_record_kib)
        || shard_count > limits::SHARD_COUNT_SCHEMA_MAX
    {
        // The schema of the request has these bounds, so no client gets here.
        let why = format!(
            "{shard_count} shards, records of {} KiB",
            settings.max_record_kib
        );
        return Err(KinesisError::Internal { why });
    }
    match mode {
        StreamMode::Provisioned => check_shard_limit(machine, shard_count)?,
        StreamMode::OnDemand => scaling::check_on_demand_limit(machine)?,
    }
    scaling::check_new(machine, name, mode, settings.warm_throughput_mibps)?;
    let creating = machine
        .streams
        .values()
        .filter(|stream| stream.status == StreamStatus::Creating)
        .count();
    if creating >= limits::CREATING_STREAMS_MAX {
        return Err(KinesisError::CreatingLimitExceeded);
    }
    Ok(())
}

fn first_shards(count: u32, groups: &[GroupId], now_ms: u64) -> BTreeMap<ShardIndex, ShardInfo> {
    let group_count = u32::try_from(groups.len()).expect("there are no more groups than shards");
    let shard_of = |(at, range): (u32, HashRange)| {
        let info = ShardInfo {
            shard: ShardIndex(at),
            parent: None,
            adjacent_parent: None,
            range,
            group: groups[placement::group_of(at, count, group_count)],
            created_ms: now_ms,
            created_s: now_ms / 1000,
            closed: None,
        };
        (info.shard, info)
    };
    (0..count)
        .zip(HashRange::split_even(count))
        .map(shard_of)
        .collect()
}

pub(super) fn activate(machine: &mut Metadata, key: StreamKey) -> Handled {
    match machine.streams.get_mut(&key) {
        Some(stream) if stream.status == StreamStatus::Creating => {
            stream.scaling.warm_current_mibps = stream.scaling.warm_target_mibps;
            stream.become_active();
            DONE
        }
        _ => Ok(Effect::Unchanged),
    }
}

pub(super) fn delete(
    machine: &mut Metadata,
    name: &StreamName,
    enforce_consumer_deletion: bool,
    now_ms: u64,
) -> Handled {
    let stream = find_mut(machine, name)?;
    match stream.status {
        StreamStatus::Creating | StreamStatus::Active => {
            if !enforce_consumer_deletion && stream.consumer_count() > 0 {
                return Err(KinesisError::Consumer(ConsumerError::StreamHasConsumers {
                    stream: name.clone(),
                }));
            }
            consumers::deregister_all(stream, now_ms);
            stream.status = StreamStatus::Deleting;
            stream.pending = Some(Pending {
                kind: PendingKind::Delete,
                since_ms: now_ms,
            });
            Ok(Effect::Changed(MetaReply::Stream(stream.key)))
        }
        status @ (StreamStatus::Updating | StreamStatus::Deleting) => {
            Err(KinesisError::StreamNotActive {
                stream: name.clone(),
                status,
            })
        }
    }
}

pub(super) fn finish_delete(machine: &mut Metadata, key: StreamKey) -> Handled {
    // A step of its own accord is finished first: its children may be about to open.
    let deleting = machine.streams.get(&key).is_some_and(|stream| {
        stream.status == StreamStatus::Deleting && stream.reshard().is_none()
    });
    if !deleting {
        return Ok(Effect::Unchanged);
    }
    if let Some(stream) = machine.streams.remove(&key) {
        machine.names.remove(&stream.name);
        for consumer in stream.consumers.values() {
            consumers::use_up(machine, consumer.created_ms);
        }
        for group in stream.groups {
            delete_group(machine, group);
        }
    }
    DONE
}

/// Makes a live group a deleted one.
pub(super) fn delete_group(machine: &mut Metadata, group: GroupId) {
    machine.groups.remove(&group);
    machine.members.forget_group(group);
    machine.deleted_groups.insert(group);
}

pub(super) fn set_retention(
    machine: &mut Metadata,
    name: &StreamName,
    hours: i64,
    increase: bool,
    now_ms: u64,
) -> Handled {
    let stream = find_active_mut(machine, name)?;
    let wanted = check_retention_hours(hours)?;
    let existing = i64::from(stream.retention_hours);
    let (stream_name, requested) = (name.clone(), hours);
    if increase && hours < existing {
        let stream = stream_name;
        return Err(KinesisError::RetentionNotLonger {
            stream,
            requested,
            existing,
        });
    }
    if !increase && hours > existing {
        let stream = stream_name;
        return Err(KinesisError::RetentionNotShorter {
            stream,
            requested,
            existing,
        });
    }
    if hours == existing {
        return Ok(Effect::Unchanged);
    }
    // In force at once: a decrease hides older records from this moment on.
    stream.retention_hours = wanted;
    stream.become_updating(PendingKind::Retention, now_ms);
    Ok(Effect::Changed(MetaReply::Stream(stream.key)))
}

pub(super) fn finish_update(machine: &mut Metadata, key: StreamKey) -> Handled {
    let Some(stream) = machine.streams.get_mut(&key) else {
        return Ok(Effect::Unchanged);
    };
    match stream.pending.as_ref().map(|pending| &pending.kind) {
        Some(PendingKind::Retention | PendingKind::Setting) => {
            stream.become_active();
            DONE
        }
        _ => scaling::finish_update(machine, key),
    }
}

fn check_retention_hours(requested: i64) -> Result<u32, KinesisError> {
    if requested < i64::from(limits::RETENTION_HOURS_MIN) {
        return Err(KinesisError::RetentionTooShort { requested });
    }
    u32::try_from(requested)
        .ok()
        .filter(|hours| *hours <= limits::RETENTION_HOURS_MAX)
        .ok_or(KinesisError::RetentionTooLong { requested })
}

pub(super) fn set_shard_limit(machine: &mut Metadata, limit: u32) -> Handled {
    if machine.shard_limit == limit {
        return Ok(Effect::Unchanged);
    }
    machine.shard_limit = limit;
    DONE
}

/// Whether `additional` more open shards of provisioned streams are allowed.
pub(super) fn check_shard_limit(machine: &Metadata, additional: u32) -> Result<(), KinesisError> {
    let (current, limit) = (open_shard_count(machine), machine.shard_limit);
    if current
        .checked_add(additional)
        .is_some_and(|sum| sum <= limit)
    {
        return Ok(());
    }
    Err(KinesisError::ShardLimitExceeded {
        current,
        limit,
        additional,
    })
}

pub(super) fn open_shard_count(machine: &Metadata) -> u32 {
    machine
        .streams
        .values()
        .filter(|stream| stream.mode == StreamMode::Provisioned)
        .filter(|stream| stream.status != StreamStatus::Deleting)
        .map(StreamState::shards_charged)
        .fold(0, u32::saturating_add)
}

pub(super) fn on_demand_stream_count(machine: &Metadata) -> u32 {
    let count = machine
        .streams
        .values()
        .filter(|stream| stream.mode == StreamMode::OnDemand)
        .filter(|stream| stream.status != StreamStatus::Deleting)
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(super) fn find_mut<'a>(
    machine: &'a mut Metadata,
    name: &StreamName,
) -> Result<&'a mut StreamState, KinesisError> {
    machine
        .names
        .get(name)
        .and_then(|key| machine.streams.get_mut(key))
        .ok_or_else(|| KinesisError::StreamNotFound {
            stream: name.clone(),
        })
}

pub(super) fn find_active_mut<'a>(
    machine: &'a mut Metadata,
    name: &StreamName,
) -> Result<&'a mut StreamState, KinesisError> {
    let stream = find_mut(machine, name)?;
    match stream.status {
        StreamStatus::Active => Ok(stream),
        status @ (StreamStatus::Creating | StreamStatus::Updating | StreamStatus::Deleting) => {
            Err(KinesisError::StreamNotActive {
                stream: name.clone(),
                status,
            })
        }
    }
}
