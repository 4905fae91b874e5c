//! Commands about settings of streams and of the account.

use std::collections::{BTreeMap, BTreeSet};

use ana_types::{ShardLevelMetric, StreamName};
use serde::{Deserialize, Serialize};

/// What is asked about settings. New variants go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettingCommand {
    /// EnableEnhancedMonitoring (union) or DisableEnhancedMonitoring (subtraction).
    SetMonitoring {
        /// The stream.
        stream: StreamName,
        /// The metrics, `ALL` already expanded.
        metrics: BTreeSet<ShardLevelMetric>,
        /// Whether they are switched on, else off.
        enable: bool,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// StartStreamEncryption with a key, StopStreamEncryption without.
    SetEncryption {
        /// The stream.
        stream: StreamName,
        /// The key as the client named it.
        key: Option<String>,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// PutResourcePolicy on a stream; `None` is DeleteResourcePolicy.
    SetPolicy {
        /// The stream.
        stream: StreamName,
        /// The policy, checked by the router.
        policy: Option<String>,
    },
    /// UpdateMaxRecordSize.
    SetMaxRecord {
        /// The stream.
        stream: StreamName,
        /// KiB.
        max_record_kib: u32,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// UpdateAccountSettings.
    SetCommitment {
        /// Whether the minimum throughput billing commitment is wanted.
        enabled: bool,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// The commitment was asked to end and may end now. From the driver; idempotent.
    EndCommitment {
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// TagResource on a stream; the rule for characters is another than that of AddTagsToStream.
    AddTags {
        /// The stream.
        stream: StreamName,
        /// Tags to add or overwrite.
        tags: BTreeMap<String, String>,
    },
    /// UntagResource on a stream.
    RemoveTags {
        /// The stream.
        stream: StreamName,
        /// Keys to remove; unknown ones are passed over.
        keys: BTreeSet<String>,
    },
}
