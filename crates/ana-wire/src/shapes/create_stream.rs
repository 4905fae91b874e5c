//! `CreateStream`: no output.

use std::collections::BTreeMap;

use ana_types::StreamMode;

use crate::shapes::common::mode_of;
use crate::tree::Fields;

/// Request of `CreateStream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateStreamInput {
    /// Name of the new stream.
    pub stream_name: String,
    /// At least 1 when present; the mode decides whether it may be absent.
    pub shard_count: Option<u32>,
    /// `StreamModeDetails.StreamMode`.
    pub mode: Option<StreamMode>,
    /// Empty when `Tags` is absent.
    pub tags: BTreeMap<String, String>,
    /// `WarmThroughputMiBps`.
    pub warm_throughput_mibps: Option<u32>,
    /// `MaxRecordSizeInKiB`, 1024 to 10240.
    pub max_record_kib: Option<u32>,
    /// `RecordDistributionStrategy`: `AUTO` or `USER_PARTITION_KEY`.
    pub record_distribution: Option<String>,
}

impl CreateStreamInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream_name: fields.required_text("StreamName"),
            shard_count: fields.count("ShardCount"),
            mode: fields
                .structure("StreamModeDetails")
                .and_then(|mut details| mode_of(&details.required_text("StreamMode"))),
            tags: fields.text_map("Tags"),
            warm_throughput_mibps: fields.count("WarmThroughputMiBps"),
            max_record_kib: fields.count("MaxRecordSizeInKiB"),
            record_distribution: fields.text("RecordDistributionStrategy"),
        }
    }
}
