//! The number of shards and the capacity of a stream over time: UpdateShardCount, UpdateStreamMode,
//! UpdateStreamWarmThroughput, and the steps that on-demand streams take of their own accord.
//!
//! A step of its own accord leaves the stream ACTIVE: nobody asked for it, so no operation of a client
//! may be refused because of it. It stands beside what is pending and is finished first.

use super::apply::{DONE, Effect, Handled};
use super::{
    MetaReply, Metadata, PendingKind, Reshard, Resize, ScalingCommand, StreamState, placement,
    reshard, resize, split, streams,
};
use ana_types::{
    CommitmentStatus, HashKey, KinesisError, LimitKind, ProvisionedOperation, ScalingError,
    ShardIndex, StreamKey, StreamMode, StreamName, StreamStatus, limits,
};
use serde::{Deserialize, Serialize};

/// What decides about a stream's capacity besides its shards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    /// When the mode was changed, milliseconds, of the last 24 hours.
    pub mode_changes_ms: Vec<u64>,
    /// When UpdateShardCount was called, milliseconds, of the last 24 hours.
    pub count_changes_ms: Vec<u64>,
    /// Warm throughput asked for, MiB/s.
    pub warm_target_mibps: Option<u32>,
    /// Warm throughput there is, MiB/s.
    pub warm_current_mibps: Option<u32>,
    /// The split or merge that the stream takes of its own accord. Its status does not show it.
    pub step: Option<Reshard>,
}

pub(super) fn apply(machine: &mut Metadata, command: ScalingCommand) -> Handled {
    match command {
        ScalingCommand::SetShardCount {
            stream,
            target,
            now_ms,
        } => set_shard_count(machine, &stream, target, now_ms),
        ScalingCommand::SetMode {
            stream,
            mode,
            warm_throughput_mibps,
            now_ms,
        } => set_mode(machine, &stream, mode, warm_throughput_mibps, now_ms),
        ScalingCommand::SetWarmThroughput {
            stream,
            mibps,
            now_ms,
        } => set_warm_throughput(machine, &stream, mibps, now_ms),
        ScalingCommand::SplitOwn { key, shard } => split_own(machine, key, shard),
        ScalingCommand::MergeOwn { key, a, b } => merge_own(machine, key, a, b),
    }
}

fn set_shard_count(machine: &mut Metadata, name: &StreamName, target: u32, now_ms: u64) -> Handled {
    let stream = streams::find_active_mut(machine, name)?;
    reshard::check_provisioned(stream, ProvisionedOperation::UpdateShardCount)?;
    let current = stream.open_shard_count();
    if target == current {
        return Ok(Effect::Unchanged);
    }
    check_target(name, target, current)?;
    let recent = within_a_day(
        &stream.scaling.count_changes_ms,
        now_ms,
        (
            name,
            "UpdateShardCount",
            limits::SHARD_COUNT_CHANGES_PER_DAY,
        ),
    )?;
    resize::check_indexes(stream, target)?;
    let key = stream.key;
    streams::check_shard_limit(machine, target.saturating_sub(current))?;
    let stream = streams::find_active_mut(machine, name)?;
    stream.scaling.count_changes_ms = recent;
    let step = None;
    stream.become_updating(PendingKind::Resize(Resize { target, step }), now_ms);
    Ok(Effect::Changed(MetaReply::Resize {
        key,
        before: current,
    }))
}

/// Half to double, and never beyond what a stream may have.
fn check_target(stream: &StreamName, target: u32, current: u32) -> Result<(), KinesisError> {
    let least = (current / 2).clamp(1, limits::SHARDS_PER_STREAM_MAX);
    let greatest = current.saturating_mul(2).min(limits::SHARDS_PER_STREAM_MAX);
    if (least..=greatest).contains(&target) {
        return Ok(());
    }
    Err(ScalingError::TargetOutOfRange {
        stream: stream.clone(),
        target,
        current,
        least,
        greatest,
    }
    .into())
}

/// The times of the last 24 hours and now, when there may be one more.
fn within_a_day(
    times_ms: &[u64],
    now_ms: u64,
    (stream, operation, limit): (&StreamName, &str, u32),
) -> Result<Vec<u64>, KinesisError> {
    let recent = times_ms
        .iter()
        .copied()
        .filter(|time_ms| time_ms.saturating_add(limits::DAY_MS) > now_ms);
    let mut recent: Vec<u64> = recent.collect();
    if u32::try_from(recent.len()).is_ok_and(|count| count < limit) {
        recent.push(now_ms);
        return Ok(recent);
    }
    Err(ScalingError::PerDay {
        operation: operation.to_owned(),
        stream: stream.clone(),
        limit,
    }
    .into())
}

fn set_mode(
    machine: &mut Metadata,
    name: &StreamName,
    mode: StreamMode,
    warm_mibps: Option<u32>,
    now_ms: u64,
) -> Handled {
    let stream = streams::find_active_mut(machine, name)?;
    let switches = stream.mode != mode;
    let warm_mibps = warm_mibps.filter(|mibps| *mibps > 0);
    if warm_mibps.is_some() && !(switches && mode == StreamMode::OnDemand) {
        let stream = name.clone();
        return Err(ScalingError::WarmThroughputNotTaken { stream }.into());
    }
    if !switches {
        return Ok(Effect::Unchanged);
    }
    let changes = (name, "UpdateStreamMode", limits::MODE_CHANGES_PER_DAY);
    let recent = within_a_day(&stream.scaling.mode_changes_ms, now_ms, changes)?;
    let open = stream.open_shard_count();
    match mode {
        StreamMode::Provisioned => streams::check_shard_limit(machine, open)?,
        StreamMode::OnDemand => check_on_demand_limit(machine)?,
    }
    if let Some(mibps) = warm_mibps {
        check_warm(machine, mibps)?;
    }
    let stream = streams::find_active_mut(machine, name)?;
    resize::check_indexes(stream, warm_mibps.unwrap_or(0))?;
    stream.mode = mode;
    stream.scaling.mode_changes_ms = recent;
    become_warm(stream, warm_mibps, now_ms);
    Ok(Effect::Changed(MetaReply::Stream(stream.key)))
}

/// Whether there may be one more on-demand stream.
pub(super) fn check_on_demand_limit(machine: &Metadata) -> Result<(), KinesisError> {
    let limit = limits::ON_DEMAND_STREAMS_MAX;
    if streams::on_demand_stream_count(machine) < limit {
        return Ok(());
    }
    Err(KinesisError::LimitExceeded(LimitKind::OnDemandStreams {
        limit,
    }))
}

/// Whether the account may have this warm throughput.
pub(super) fn check_warm(machine: &Metadata, mibps: u32) -> Result<(), KinesisError> {
    if machine.commitment().status != CommitmentStatus::Enabled {
        return Err(ScalingError::CommitmentNeeded.into());
    }
    let limit = limits::WARM_THROUGHPUT_MIBPS_MAX;
    if mibps > limit {
        return Err(ScalingError::WarmThroughputTooHigh { mibps, limit }.into());
    }
    Ok(())
}

/// Whether a new stream may have the warm throughput it asks for.
pub(super) fn check_new(
    machine: &Metadata,
    name: &StreamName,
    mode: StreamMode,
    warm_mibps: Option<u32>,
) -> Result<(), KinesisError> {
    let Some(mibps) = warm_mibps.filter(|mibps| *mibps > 0) else {
        return Ok(());
    };
    if mode != StreamMode::OnDemand {
        return Err(ScalingError::OnDemandOnly {
            operation: "WarmThroughputMiBps".to_owned(),
            stream: name.clone(),
        }
        .into());
    }
    check_warm(machine, mibps)
}

/// UPDATING until the stream has a shard for each MiB/s. It is never scaled down here: an on-demand
/// stream gives up shards of its own accord when nothing needs them.
fn become_warm(stream: &mut StreamState, mibps: Option<u32>, now_ms: u64) {
    stream.scaling.warm_target_mibps = mibps;
    if mibps.is_none() {
        stream.scaling.warm_current_mibps = None;
    }
    let kind = match mibps.filter(|mibps| *mibps > stream.open_shard_count()) {
        Some(target) => PendingKind::Resize(Resize { target, step: None }),
        None => PendingKind::Mode,
    };
    stream.become_updating(kind, now_ms);
}

fn set_warm_throughput(
    machine: &mut Metadata,
    name: &StreamName,
    mibps: u32,
    now_ms: u64,
) -> Handled {
    let stream = streams::find_active_mut(machine, name)?;
    if stream.mode != StreamMode::OnDemand {
        return Err(ScalingError::OnDemandOnly {
            operation: "UpdateStreamWarmThroughput".to_owned(),
            stream: name.clone(),
        }
        .into());
    }
    let wanted = Some(mibps).filter(|mibps| *mibps > 0);
    // Taking it away needs no commitment: it has to be possible after the commitment has ended.
    if wanted.is_some() {
        check_warm(machine, mibps)?;
    }
    let stream = streams::find_active_mut(machine, name)?;
    if stream.scaling.warm_target_mibps == wanted {
        return Ok(Effect::Unchanged);
    }
    resize::check_indexes(stream, mibps)?;
    become_warm(stream, wanted, now_ms);
    Ok(Effect::Changed(MetaReply::Stream(stream.key)))
}

/// FinishUpdate of what this file began. A step of its own accord is finished before.
pub(super) fn finish_update(machine: &mut Metadata, key: StreamKey) -> Handled {
    let Some(stream) = machine.streams.get_mut(&key) else {
        return Ok(Effect::Unchanged);
    };
    if stream.scaling.step.is_some() {
        return Ok(Effect::Unchanged);
    }
    match stream.pending.as_ref().map(|pending| &pending.kind) {
        Some(PendingKind::Mode) => {
            stream.scaling.warm_current_mibps = stream.scaling.warm_target_mibps;
            stream.become_active();
            DONE
        }
        Some(PendingKind::Resize(Resize { target, step: None })) => {
            let target = *target;
            resize::go_on(machine, key, target);
            DONE
        }
        _ => Ok(Effect::Unchanged),
    }
}

/// The stream, when it is one that may take a step of its own accord now.
fn ready(machine: &Metadata, key: StreamKey) -> Option<&StreamState> {
    let stream = machine.streams.get(&key)?;
    let ready = stream.mode == StreamMode::OnDemand
        && stream.status == StreamStatus::Active
        && stream.reshard().is_none();
    ready.then_some(stream)
}

fn split_own(machine: &mut Metadata, key: StreamKey, shard: ShardIndex) -> Handled {
    let Some(stream) = ready(machine, key) else {
        return Ok(Effect::Unchanged);
    };
    let parent = stream.shards.get(&shard).filter(|info| info.is_open());
    let Some(parent) = parent.filter(|_| stream.open_shard_count() < limits::ON_DEMAND_SHARDS_MAX)
    else {
        return Ok(Effect::Unchanged);
    };
    let (start, end) = (parent.range.start.0, parent.range.end.0);
    let middle = HashKey(start + (end - start) / 2 + 1);
    let Some((lower, upper)) = parent.range.split_at(middle) else {
        return Ok(Effect::Unchanged);
    };
    let (own, next_shard) = (parent.group, stream.next_shard);
    let after = stream.open_shard_count() + 1;
    let groups = placement::groups_for(machine, after);
    let share = placement::Share {
        shards: after.div_ceil(groups).max(split::CHILDREN),
        groups,
    };
    let own_after = stream.open_in_group(own) + split::CHILDREN - 1;
    let group = placement::group_for_resize(stream, own, own_after, share);
    let children = reshard::take_indexes(next_shard)?;
    let group = match group {
        Some(group) => group,
        None => reshard::add_group(machine, key)?,
    };
    begin_own(
        machine,
        key,
        split::of(shard, group, children, [lower, upper]),
    )
}

fn merge_own(machine: &mut Metadata, key: StreamKey, a: ShardIndex, b: ShardIndex) -> Handled {
    let Some(stream) = ready(machine, key) else {
        return Ok(Effect::Unchanged);
    };
    let open = |shard| stream.shards.get(&shard).filter(|info| info.is_open());
    let (Some(lower), Some(upper)) = (open(a), open(b)) else {
        return Ok(Effect::Unchanged);
    };
    let Some(range) = lower.range.merge(&upper.range) else {
        return Ok(Effect::Unchanged);
    };
    if stream.open_shard_count() <= stream.shards_least() {
        return Ok(Effect::Unchanged);
    }
    let [child] = reshard::take_indexes(stream.next_shard)?;
    let step = super::merge::of([lower, upper], child, range);
    begin_own(machine, key, step)
}

fn begin_own(machine: &mut Metadata, key: StreamKey, step: Reshard) -> Handled {
    let Some(stream) = machine.streams.get_mut(&key) else {
        return Ok(Effect::Unchanged);
    };
    if let Some(after) = step.after_last_child() {
        stream.next_shard = after;
    }
    stream.scaling.step = Some(step);
    Ok(Effect::Changed(MetaReply::Stream(key)))
}

impl StreamState {
    /// Shards that an on-demand stream keeps however little is written: those of a new one, and one
    /// for each MiB/s of warm throughput.
    #[must_use]
    pub fn shards_least(&self) -> u32 {
        let warm = self.scaling.warm_target_mibps.unwrap_or(0);
        limits::ON_DEMAND_SHARDS_INITIAL.max(warm)
    }
}
