//! Settings of streams, of resources and of the account.

use std::collections::{BTreeMap, BTreeSet};

use ana_types::{
    CommitmentStatus, ConsumerName, EncryptionType, ShardIndex, ShardLevelMetric, StreamName,
};

use super::StreamRef;

/// Switches shard-level metrics on or off.
#[derive(Debug, Clone)]
pub struct SetMonitoring {
    /// Which stream.
    pub stream: StreamRef,
    /// Which metrics; `ALL` has become every one.
    pub metrics: BTreeSet<ShardLevelMetric>,
    /// Enable... or Disable...
    pub enable: bool,
}

/// What a change of shard-level metrics tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitoringChange {
    /// The stream's name.
    pub name: StreamName,
    /// Its ARN.
    pub arn: String,
    /// What was on before.
    pub before: BTreeSet<ShardLevelMetric>,
    /// What is on from now on.
    pub after: BTreeSet<ShardLevelMetric>,
}

/// What there is to be counted of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Monitored {
    /// What is shown shard by shard.
    pub metrics: BTreeSet<ShardLevelMetric>,
    /// Its shards: those that are listed, and those that take records.
    pub shards: BTreeSet<ShardIndex>,
    /// Its registered consumers.
    pub consumers: BTreeSet<ConsumerName>,
}

/// Starts or stops encryption.
#[derive(Debug, Clone)]
pub struct SetEncryption {
    /// Which stream.
    pub stream: StreamRef,
    /// `EncryptionType`; only KMS makes sense.
    pub encryption_type: EncryptionType,
    /// The key as the client named it.
    pub key_id: String,
}

/// Sets the greatest record.
#[derive(Debug, Clone)]
pub struct SetMaxRecord {
    /// Which stream.
    pub stream: StreamRef,
    /// KiB, data and partition key.
    pub max_record_kib: u32,
}

/// Adds or overwrites tags of a stream or a consumer.
#[derive(Debug, Clone)]
pub struct TagResource {
    /// `ResourceARN`.
    pub resource_arn: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// Removes tags of a stream or a consumer; unknown keys are ignored.
#[derive(Debug, Clone)]
pub struct UntagResource {
    /// `ResourceARN`.
    pub resource_arn: String,
    /// Keys.
    pub keys: Vec<String>,
}

/// Attaches a policy to a stream or a consumer, in place of the one there is.
#[derive(Debug, Clone)]
pub struct PutResourcePolicy {
    /// `ResourceARN`.
    pub resource_arn: String,
    /// JSON text.
    pub policy: String,
}

/// The account's throughput commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitmentView {
    /// Whether it holds.
    pub status: CommitmentStatus,
    /// When it began, milliseconds since 1970.
    pub started_ms: Option<u64>,
    /// When it ended, milliseconds since 1970.
    pub ended_ms: Option<u64>,
    /// Before this it cannot end, milliseconds since 1970.
    pub earliest_end_ms: Option<u64>,
}
