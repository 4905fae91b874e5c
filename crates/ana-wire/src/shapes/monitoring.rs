//! Shard-level metrics and encryption as several operations read and show them.
//!
//! Must stay true: `ALL` is read and never written; `KeyId` is absent when the encryption type is `NONE`.

use std::collections::BTreeSet;

use ana_types::{EncryptionType, ShardLevelMetric};

use crate::shapes::StreamTarget;
use crate::tree::Fields;
use crate::writer::Writer;

/// The name that stands for every metric.
const ALL: &str = "ALL";

/// Which metrics of a stream are to be switched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsToSwitch {
    /// The stream to change.
    pub stream: StreamTarget,
    /// `ShardLevelMetrics`; `ALL` has become every metric.
    pub shard_level_metrics: BTreeSet<ShardLevelMetric>,
}

/// What switching changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsChange {
    /// The stream's name.
    pub stream_name: String,
    /// The stream's ARN.
    pub stream_arn: String,
    /// What was on before.
    pub current_shard_level_metrics: BTreeSet<ShardLevelMetric>,
    /// What is on once the stream is ACTIVE again.
    pub desired_shard_level_metrics: BTreeSet<ShardLevelMetric>,
}

impl MetricsToSwitch {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            shard_level_metrics: metrics_of(&fields.texts("ShardLevelMetrics")),
        }
    }
}

impl MetricsChange {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("StreamName").text(&self.stream_name);
        out.member("CurrentShardLevelMetrics");
        write_metrics(out, &self.current_shard_level_metrics);
        out.member("DesiredShardLevelMetrics");
        write_metrics(out, &self.desired_shard_level_metrics);
        out.member("StreamARN").text(&self.stream_arn);
        out.close_structure();
    }
}

/// The metrics of names that the constraint table has accepted.
fn metrics_of(names: &[String]) -> BTreeSet<ShardLevelMetric> {
    ShardLevelMetric::ALL
        .into_iter()
        .filter(|metric| {
            names
                .iter()
                .any(|name| name == ALL || name == metric.as_str())
        })
        .collect()
}

/// What a description of a stream says of metrics and encryption, inside a structure that the caller opened.
pub(crate) fn write_monitoring_and_encryption<W: Writer>(
    out: &mut W,
    metrics: &BTreeSet<ShardLevelMetric>,
    encryption_key: Option<&str>,
) {
    out.member("EnhancedMonitoring").open_list();
    out.open_structure();
    out.member("ShardLevelMetrics");
    write_metrics(out, metrics);
    out.close_structure();
    out.close_list();
    match encryption_key {
        Some(key) => {
            write_encryption_type(out, EncryptionType::Kms);
            out.member("KeyId").text(key);
        }
        None => write_encryption_type(out, EncryptionType::None),
    }
}

/// The member that answers of the data operations have exactly when the stream is encrypted.
pub(crate) fn write_encrypted<W: Writer>(out: &mut W, encrypted: bool) {
    if encrypted {
        write_encryption_type(out, EncryptionType::Kms);
    }
}

/// The encryption type of a name that the constraint table has accepted.
pub(crate) fn encryption_type_of(name: &str) -> Option<EncryptionType> {
    [EncryptionType::None, EncryptionType::Kms]
        .into_iter()
        .find(|kind| kind.as_str() == name)
}

fn write_encryption_type<W: Writer>(out: &mut W, kind: EncryptionType) {
    out.member("EncryptionType").text(kind.as_str());
}

fn write_metrics<W: Writer>(out: &mut W, metrics: &BTreeSet<ShardLevelMetric>) {
    out.open_list();
    for metric in metrics {
        out.text(metric.as_str());
    }
    out.close_list();
}
