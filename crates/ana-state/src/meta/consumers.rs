//! Registered consumers: their life and what hangs on them.
//!
//! ```text
//!   Register ──► CREATING ──Activate──► ACTIVE
//!                   └────Deregister───────┴──► DELETING ──Remove──► gone
//! ```
//!
//! What must stay true
//! - A consumer's ARN (stream, name, second of its creation) names one registration for ever: a second
//!   in which a consumer was created that is gone by now is never given out again.
//! - Commands of the driver name a registration, not a name, and say the same a second time.

use super::apply::{DONE, Effect, Handled};
use super::{ConsumerCommand, MetaReply, Metadata, StreamState, streams, tags};
use ana_types::{
    ConsumerError, ConsumerName, ConsumerStatus, KinesisError, SettingError, StreamKey, StreamMode,
    StreamName, limits,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One registered consumer of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerState {
    /// Its name.
    pub name: ConsumerName,
    /// When it was registered, milliseconds; its ARN carries the seconds.
    pub created_ms: u64,
    /// Where it is in its life.
    pub status: ConsumerStatus,
    /// Since when, milliseconds.
    pub since_ms: u64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its resource policy.
    pub policy: Option<String>,
}

impl ConsumerState {
    /// The second of its creation, as its ARN carries it.
    #[must_use]
    pub fn created_s(&self) -> u64 {
        self.created_ms / 1000
    }

    /// Whether the driver has something to do for it.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        match self.status {
            ConsumerStatus::Creating | ConsumerStatus::Deleting => true,
            ConsumerStatus::Active => false,
        }
    }

    fn enter(&mut self, status: ConsumerStatus, now_ms: u64) {
        self.status = status;
        // Nodes' clocks differ: a life does not run backwards for that.
        self.since_ms = now_ms.max(self.since_ms);
    }
}

pub(super) fn apply(machine: &mut Metadata, command: ConsumerCommand) -> Handled {
    match command {
        ConsumerCommand::Register {
            stream,
            consumer,
            tags,
            now_ms,
        } => register(machine, &stream, consumer, tags, now_ms),
        ConsumerCommand::Activate {
            key,
            consumer,
            created_ms,
            now_ms,
        } => activate(machine, key, &consumer, created_ms, now_ms),
        ConsumerCommand::Deregister {
            stream,
            consumer,
            created_s,
            now_ms,
        } => deregister(machine, &stream, &consumer, created_s, now_ms),
        ConsumerCommand::Remove {
            key,
            consumer,
            created_ms,
        } => remove(machine, key, &consumer, created_ms),
        ConsumerCommand::AddTags {
            stream,
            consumer,
            created_s,
            tags,
        } => add_tags(machine, &stream, &consumer, created_s, tags),
        ConsumerCommand::RemoveTags {
            stream,
            consumer,
            created_s,
            keys,
        } => remove_tags(machine, &stream, &consumer, created_s, &keys),
        ConsumerCommand::SetPolicy {
            stream,
            consumer,
            created_s,
            policy,
        } => set_policy(machine, &stream, &consumer, created_s, policy),
    }
}

fn register(
    machine: &mut Metadata,
    stream: &StreamName,
    consumer: ConsumerName,
    tags: BTreeMap<String, String>,
    now_ms: u64,
) -> Handled {
    tags::check_resource_tags(&tags)?;
    let free_from_ms = machine
        .consumer_seconds_used
        .map_or(0, |second| second.saturating_add(1).saturating_mul(1000));
    let committed = machine.commitment.holds();
    let state = streams::find_active_mut(machine, stream)?;
    check_new(state, &consumer, &tags, committed)?;
    let created_ms = now_ms.max(free_from_ms);
    let new = ConsumerState {
        name: consumer.clone(),
        created_ms,
        status: ConsumerStatus::Creating,
        since_ms: created_ms,
        tags,
        policy: None,
    };
    state.consumers.insert(consumer, new);
    Ok(Effect::Changed(MetaReply::Consumer { created_ms }))
}

fn check_new(
    stream: &StreamState,
    consumer: &ConsumerName,
    tags: &BTreeMap<String, String>,
    committed: bool,
) -> Result<(), ConsumerError> {
    let (name, consumer) = (stream.name.clone(), consumer.clone());
    if stream.consumers.contains_key(&consumer) {
        return Err(ConsumerError::Exists {
            consumer,
            stream: name,
        });
    }
    if tags.len() > limits::TAGS_PER_RESOURCE_MAX {
        return Err(ConsumerError::TagLimit {
            consumer,
            stream: name,
        });
    }
    let limit = match stream.mode {
        StreamMode::OnDemand if committed => limits::CONSUMERS_PER_STREAM_COMMITTED_MAX,
        StreamMode::OnDemand | StreamMode::Provisioned => limits::CONSUMERS_PER_STREAM_MAX,
    };
    if stream.consumer_count() >= limit {
        return Err(ConsumerError::TooMany {
            stream: name,
            limit,
        });
    }
    let limit = limits::CREATING_CONSUMERS_MAX;
    if creating(stream) >= limit {
        return Err(ConsumerError::TooManyCreating {
            stream: name,
            limit,
        });
    }
    Ok(())
}

/// Consumers of a stream in CREATING.
pub(super) fn creating(stream: &StreamState) -> u32 {
    let creating = stream
        .consumers
        .values()
        .filter(|it| it.status == ConsumerStatus::Creating)
        .count();
    u32::try_from(creating).unwrap_or(u32::MAX)
}

/// The registration that the driver means, if it is still in that status.
fn meant<'a>(
    machine: &'a mut Metadata,
    key: StreamKey,
    consumer: &ConsumerName,
    created_ms: u64,
    status: ConsumerStatus,
) -> Option<&'a mut ConsumerState> {
    machine
        .streams
        .get_mut(&key)?
        .consumers
        .get_mut(consumer)
        .filter(|it| it.created_ms == created_ms && it.status == status)
}

fn activate(
    machine: &mut Metadata,
    key: StreamKey,
    consumer: &ConsumerName,
    created_ms: u64,
    now_ms: u64,
) -> Handled {
    match meant(machine, key, consumer, created_ms, ConsumerStatus::Creating) {
        Some(state) => {
            state.enter(ConsumerStatus::Active, now_ms);
            DONE
        }
        None => Ok(Effect::Unchanged),
    }
}

fn deregister(
    machine: &mut Metadata,
    stream: &StreamName,
    consumer: &ConsumerName,
    created_s: Option<u64>,
    now_ms: u64,
) -> Handled {
    let state = find_mut(machine, stream, consumer, created_s)?;
    match state.status {
        ConsumerStatus::Creating | ConsumerStatus::Active => {
            state.enter(ConsumerStatus::Deleting, now_ms);
            DONE
        }
        // A second time: as if it were gone.
        ConsumerStatus::Deleting => Err(not_found(stream, consumer).into()),
    }
}

/// Puts every consumer of a stream on its way out.
pub(super) fn deregister_all(stream: &mut StreamState, now_ms: u64) {
    for consumer in stream.consumers.values_mut() {
        match consumer.status {
            ConsumerStatus::Creating | ConsumerStatus::Active => {
                consumer.enter(ConsumerStatus::Deleting, now_ms);
            }
            ConsumerStatus::Deleting => {}
        }
    }
}

fn remove(
    machine: &mut Metadata,
    key: StreamKey,
    consumer: &ConsumerName,
    created_ms: u64,
) -> Handled {
    if meant(machine, key, consumer, created_ms, ConsumerStatus::Deleting).is_none() {
        return Ok(Effect::Unchanged);
    }
    if let Some(stream) = machine.streams.get_mut(&key) {
        stream.consumers.remove(consumer);
    }
    use_up(machine, created_ms);
    DONE
}

/// Notes that a consumer created at `created_ms` is gone.
pub(super) fn use_up(machine: &mut Metadata, created_ms: u64) {
    machine.consumer_seconds_used = machine.consumer_seconds_used.max(Some(created_ms / 1000));
}

fn add_tags(
    machine: &mut Metadata,
    stream: &StreamName,
    consumer: &ConsumerName,
    created_s: u64,
    tags: BTreeMap<String, String>,
) -> Handled {
    tags::check_resource_tags(&tags)?;
    let state = find_active_mut(machine, stream, consumer, created_s)?;
    if tags::count_with(&state.tags, &tags) > limits::TAGS_PER_RESOURCE_MAX {
        return Err(KinesisError::Consumer(ConsumerError::TagLimit {
            consumer: consumer.clone(),
            stream: stream.clone(),
        }));
    }
    tags::add_to(&mut state.tags, tags)
}

fn remove_tags(
    machine: &mut Metadata,
    stream: &StreamName,
    consumer: &ConsumerName,
    created_s: u64,
    keys: &BTreeSet<String>,
) -> Handled {
    tags::check_resource_tag_keys(keys)?;
    let state = find_active_mut(machine, stream, consumer, created_s)?;
    tags::remove_from(&mut state.tags, keys)
}

fn set_policy(
    machine: &mut Metadata,
    stream: &StreamName,
    consumer: &ConsumerName,
    created_s: u64,
    policy: Option<String>,
) -> Handled {
    super::settings::check_policy_size(policy.as_deref())?;
    let state = find_active_mut(machine, stream, consumer, created_s)?;
    if policy.is_none() && state.policy.is_none() {
        return Err(KinesisError::Setting(SettingError::NoPolicy {
            stream: stream.clone(),
            consumer: Some((consumer.clone(), created_s)),
        }));
    }
    if policy == state.policy {
        return Ok(Effect::Unchanged);
    }
    state.policy = policy;
    DONE
}

fn not_found(stream: &StreamName, consumer: &ConsumerName) -> ConsumerError {
    ConsumerError::NotFound {
        consumer: consumer.clone(),
        stream: stream.clone(),
    }
}

/// The registration of a name, and of that second when the caller gave an ARN.
fn find_mut<'a>(
    machine: &'a mut Metadata,
    stream: &StreamName,
    consumer: &ConsumerName,
    created_s: Option<u64>,
) -> Result<&'a mut ConsumerState, KinesisError> {
    streams::find_mut(machine, stream)?
        .consumers
        .get_mut(consumer)
        .filter(|it| created_s.is_none_or(|second| second == it.created_s()))
        .ok_or_else(|| not_found(stream, consumer).into())
}

fn find_active_mut<'a>(
    machine: &'a mut Metadata,
    stream: &StreamName,
    consumer: &ConsumerName,
    created_s: u64,
) -> Result<&'a mut ConsumerState, KinesisError> {
    let state = find_mut(machine, stream, consumer, Some(created_s))?;
    match state.status {
        ConsumerStatus::Active => Ok(state),
        status @ (ConsumerStatus::Creating | ConsumerStatus::Deleting) => {
            Err(KinesisError::Consumer(ConsumerError::NotActive {
                consumer: consumer.clone(),
                stream: stream.clone(),
                status,
            }))
        }
    }
}
