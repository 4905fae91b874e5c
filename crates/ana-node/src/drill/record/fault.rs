//! One fault of a run: what was meant, what it hit, what writers saw of it.

use ana_drill::targets::Pick;
use serde::{Deserialize, Serialize};

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRow {
    /// Its number in the file, from one.
    pub number: usize,
    /// Its name in the file, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The action with its parameters: `disk.slow fsync 200ms`.
    pub action: String,
    /// The target as the file writes it.
    pub on: String,
    /// What the target turned out to be; absent when the fault did not fire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick: Option<Pick>,
    /// When it was to fire.
    pub planned_at_ms: i64,
    /// When it fired; absent when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fired_at_ms: Option<i64>,
    /// When it was gone; absent when it did not fire. For what is done once: when it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted_at_ms: Option<i64>,
    /// The longest time without an acknowledged put to a shard that lay, in whole or in part, in the time of the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_gap_ms: Option<u64>,
    /// The 99th percentile of the time a put took, of those acknowledged during the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_p99_ms: Option<u64>,
    /// How long after the fault was gone puts to every shard were as before it: acknowledged without a break, and
    /// nothing under-replicated. Absent when that was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal_after_ms: Option<u64>,
    /// What else is to be said: why it did not fire, that leadership moved, that it hit no leader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
