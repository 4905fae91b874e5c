//! Settings of a stream and of the account.
//!
//! A new setting of a stream holds from its command on; the stream then shows UPDATING until the driver
//! finishes the change. A command that changes nothing leaves the stream ACTIVE.

use super::apply::{DONE, Effect, Handled};
use super::{MetaReply, Metadata, PendingKind, SettingCommand, StreamState, streams, tags};
use ana_types::{
    CommitmentStatus, KinesisError, SettingError, ShardLevelMetric, StreamName, limits,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Settings of one stream that change nothing about its shards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamSettings {
    /// Metrics switched on shard by shard.
    pub shard_level_metrics: BTreeSet<ShardLevelMetric>,
    /// The key the client named, while encryption is on.
    pub encryption_key: Option<String>,
    /// Resource policy.
    pub policy: Option<String>,
    /// When encryption was started, milliseconds, of the last 24 hours.
    pub encryption_starts_ms: Vec<u64>,
    /// When encryption was stopped, milliseconds, of the last 24 hours.
    pub encryption_stops_ms: Vec<u64>,
}

/// The account's throughput commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitment {
    /// Whether it holds.
    pub status: CommitmentStatus,
    /// When it began, milliseconds.
    pub started_ms: Option<u64>,
    /// When it ended, milliseconds.
    pub ended_ms: Option<u64>,
    /// Before this it cannot end, milliseconds.
    pub earliest_end_ms: Option<u64>,
}

impl Default for Commitment {
    fn default() -> Self {
        Self {
            status: CommitmentStatus::Disabled,
            started_ms: None,
            ended_ms: None,
            earliest_end_ms: None,
        }
    }
}

impl Commitment {
    /// Whether what the commitment brings may be used: until its end, also when that was asked for.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self.status {
            CommitmentStatus::Enabled | CommitmentStatus::EnabledUntilEarliestAllowedEnd => true,
            CommitmentStatus::Disabled => false,
        }
    }

    /// When it ends by itself, milliseconds: it was asked to end before it was allowed to.
    #[must_use]
    pub fn ends_at_ms(&self) -> Option<u64> {
        match self.status {
            CommitmentStatus::EnabledUntilEarliestAllowedEnd => self.earliest_end_ms,
            CommitmentStatus::Enabled | CommitmentStatus::Disabled => None,
        }
    }

    fn begun(now_ms: u64) -> Self {
        Self {
            status: CommitmentStatus::Enabled,
            started_ms: Some(now_ms),
            ended_ms: None,
            earliest_end_ms: Some(now_ms.saturating_add(limits::COMMITMENT_LEAST_MS)),
        }
    }

    fn ended(self, now_ms: u64) -> Self {
        Self {
            status: CommitmentStatus::Disabled,
            ended_ms: Some(now_ms),
            earliest_end_ms: None,
            ..self
        }
    }
}

pub(super) fn apply(machine: &mut Metadata, command: SettingCommand) -> Handled {
    match command {
        SettingCommand::SetMonitoring {
            stream,
            metrics,
            enable,
            now_ms,
        } => set_monitoring(machine, &stream, &metrics, enable, now_ms),
        SettingCommand::SetEncryption {
            stream,
            key,
            now_ms,
        } => set_encryption(machine, &stream, key, now_ms),
        SettingCommand::SetPolicy { stream, policy } => set_policy(machine, &stream, policy),
        SettingCommand::SetMaxRecord {
            stream,
            max_record_kib,
            now_ms,
        } => set_max_record(machine, &stream, max_record_kib, now_ms),
        SettingCommand::SetCommitment { enabled, now_ms } => {
            set_commitment(machine, enabled, now_ms)
        }
        SettingCommand::EndCommitment { now_ms } => end_commitment(machine, now_ms),
        SettingCommand::AddTags { stream, tags } => tags::add_to_resource(machine, &stream, tags),
        SettingCommand::RemoveTags { stream, keys } => {
            tags::remove_from_resource(machine, &stream, &keys)
        }
    }
}

fn set_monitoring(
    machine: &mut Metadata,
    name: &StreamName,
    metrics: &BTreeSet<ShardLevelMetric>,
    enable: bool,
    now_ms: u64,
) -> Handled {
    let stream = streams::find_active_mut(machine, name)?;
    let before = stream.settings.shard_level_metrics.clone();
    let after: BTreeSet<ShardLevelMetric> = if enable {
        &before | metrics
    } else {
        &before - metrics
    };
    if after == before {
        return Ok(Effect::Told(MetaReply::Monitoring { before, after }));
    }
    stream.settings.shard_level_metrics.clone_from(&after);
    stream.become_updating(PendingKind::Setting, now_ms);
    Ok(Effect::Changed(MetaReply::Monitoring { before, after }))
}

fn set_encryption(
    machine: &mut Metadata,
    name: &StreamName,
    key: Option<String>,
    now_ms: u64,
) -> Handled {
    if let Some(key) = key.as_ref().filter(|key| !is_key_length(key)) {
        // The schema of the request has these bounds, so no client gets here.
        let why = format!("a key id of {} bytes", key.len());
        return Err(KinesisError::Internal { why });
    }
    let stream = streams::find_active_mut(machine, name)?;
    if stream.settings.encryption_key == key {
        return Ok(Effect::Unchanged);
    }
    let settings = &mut stream.settings;
    let changes_ms = if key.is_some() {
        &mut settings.encryption_starts_ms
    } else {
        &mut settings.encryption_stops_ms
    };
    let recent: Vec<u64> = changes_ms
        .iter()
        .copied()
        .filter(|at_ms| now_ms.saturating_sub(*at_ms) < limits::DAY_MS)
        .collect();
    let limit = limits::ENCRYPTION_CHANGES_PER_DAY;
    if u32::try_from(recent.len()).is_ok_and(|count| count >= limit) {
        return Err(KinesisError::Setting(SettingError::EncryptionChanges {
            stream: name.clone(),
            limit,
        }));
    }
    *changes_ms = recent;
    changes_ms.push(now_ms);
    settings.encryption_key = key;
    stream.become_updating(PendingKind::Setting, now_ms);
    DONE
}

/// Whether the length of a key id is one that the schema allows; any character has at most 4 bytes.
pub(super) fn is_key_length(key: &str) -> bool {
    !key.is_empty() && key.len() <= limits::KEY_ID_CHARS_MAX * 4
}

fn set_policy(machine: &mut Metadata, name: &StreamName, policy: Option<String>) -> Handled {
    check_policy_size(policy.as_deref())?;
    let settings = &mut streams::find_active_mut(machine, name)?.settings;
    if policy.is_none() && settings.policy.is_none() {
        return Err(KinesisError::Setting(SettingError::NoPolicy {
            stream: name.clone(),
            consumer: None,
        }));
    }
    if policy == settings.policy {
        return Ok(Effect::Unchanged);
    }
    settings.policy = policy;
    DONE
}

/// The bound that every replica keeps; what a policy may say is the router's to check.
pub(super) fn check_policy_size(policy: Option<&str>) -> Result<(), KinesisError> {
    let bytes = policy.map_or(0, str::len);
    if bytes <= limits::POLICY_BYTES_MAX {
        return Ok(());
    }
    Err(KinesisError::Setting(SettingError::PolicyTooLarge {
        bytes,
    }))
}

fn set_max_record(
    machine: &mut Metadata,
    name: &StreamName,
    max_record_kib: u32,
    now_ms: u64,
) -> Handled {
    let stream = streams::find_active_mut(machine, name)?;
    let allowed = limits::MAX_RECORD_KIB_MIN..=limits::MAX_RECORD_KIB_MAX;
    if !allowed.contains(&max_record_kib) {
        // The schema of the request has these bounds, so no client gets here.
        let why = format!("records of {max_record_kib} KiB");
        return Err(KinesisError::Internal { why });
    }
    if stream.max_record_kib == max_record_kib {
        return Ok(Effect::Unchanged);
    }
    stream.max_record_kib = max_record_kib;
    stream.become_updating(PendingKind::Setting, now_ms);
    DONE
}

fn set_commitment(machine: &mut Metadata, enabled: bool, now_ms: u64) -> Handled {
    let before = machine.commitment;
    let after = match (before.status, enabled) {
        (CommitmentStatus::Disabled, true) => Commitment::begun(now_ms),
        (CommitmentStatus::Enabled | CommitmentStatus::EnabledUntilEarliestAllowedEnd, true) => {
            Commitment {
                status: CommitmentStatus::Enabled,
                ..before
            }
        }
        (CommitmentStatus::Disabled, false) => before,
        (CommitmentStatus::Enabled | CommitmentStatus::EnabledUntilEarliestAllowedEnd, false) => {
            check_no_warm_throughput(machine)?;
            if before.earliest_end_ms.is_none_or(|end_ms| end_ms <= now_ms) {
                before.ended(now_ms)
            } else {
                Commitment {
                    status: CommitmentStatus::EnabledUntilEarliestAllowedEnd,
                    ..before
                }
            }
        }
    };
    if after == before {
        return Ok(Effect::Told(MetaReply::Commitment(after)));
    }
    machine.commitment = after;
    Ok(Effect::Changed(MetaReply::Commitment(after)))
}

fn check_no_warm_throughput(machine: &Metadata) -> Result<(), SettingError> {
    let warm = |stream: &&StreamState| {
        stream
            .scaling
            .warm_target_mibps
            .is_some_and(|mibps| mibps > 0)
    };
    machine
        .streams
        .values()
        .find(warm)
        .map_or(Ok(()), |stream| {
            Err(SettingError::WarmThroughputInUse {
                stream: stream.name.clone(),
            })
        })
}

fn end_commitment(machine: &mut Metadata, now_ms: u64) -> Handled {
    match machine.commitment.ends_at_ms() {
        Some(end_ms) if end_ms <= now_ms => {
            machine.commitment = machine.commitment.ended(end_ms);
            DONE
        }
        Some(_) | None => Ok(Effect::Unchanged),
    }
}
