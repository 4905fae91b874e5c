//! The user's own traffic during a drill: what the cluster did with it, and what the application made of it.
//!
//! Must stay true: the two are kept apart. What the cluster lost is the cluster's fault; that a consumer went back is
//! not.

use serde::{Deserialize, Serialize};

use super::PollGap;

/// What the cluster did with puts that the runner did not make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSection {
    /// By stream; none when no acknowledged put was seen.
    pub puts: Vec<ForeignPuts>,
    /// Records that nodes acknowledged while they were watched, those that were not noted with them.
    #[serde(default)]
    pub acknowledged: u64,
    /// Records whose outcome stayed open: they may be there or not.
    #[serde(default)]
    pub open: u64,
    /// Notes that could not be collected, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// The user's puts to one stream. A count that is absent was not exercised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignPuts {
    /// The stream.
    pub stream: String,
    /// Acknowledged records that were noted and looked at.
    pub sampled: u64,
    /// Those of them that are not in the final log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Those of them with copies that no repeated or unanswered put explains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicated: Option<u64>,
    /// Copies that puts without an answer explain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicated_by_retries: Option<u64>,
    /// Records with a smaller sequence number than one that was acknowledged before their request came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reordered: Option<u64>,
    /// Sequence numbers of a few lost ones.
    pub examples: Vec<String>,
    /// What was not exercised, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_exercised: Vec<String>,
}

/// How the user's own consumers behaved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationSection {
    /// By consumer, as far as they can be told apart; none when none was seen.
    pub consumers: Vec<ForeignConsumer>,
}

/// One consumer of the user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignConsumer {
    /// A registered consumer's name, or whose credentials read.
    pub name: String,
    /// The stream it reads.
    #[serde(default)]
    pub stream: String,
    /// Whether records are pushed to it.
    #[serde(default)]
    pub is_pushed: bool,
    /// Records it was given, again and again included.
    #[serde(default)]
    pub records: u64,
    /// Records in what it went over; none is "not exercised".
    #[serde(default)]
    pub looked_at: u64,
    /// Records that it passed over, went beyond, and did not read until the end.
    #[serde(default)]
    pub skipped: u64,
    /// Records that it had and read again.
    pub read_again: u64,
    /// Records it read again whose first answer may not have arrived.
    #[serde(default)]
    pub perhaps_again: u64,
    /// Times it began again before records that it had.
    pub went_back: u64,
    /// Records that it may have read or not: notes are missing.
    #[serde(default)]
    pub not_judged: u64,
    /// Times without an answer, a second longer than usual or more.
    pub gaps: u64,
    /// The longest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_max_ms: Option<u64>,
    /// A few of them, the longest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub longest: Vec<PollGap>,
    /// The furthest it was behind the newest record.
    #[serde(default)]
    pub lag_max_ms: u64,
    /// How long after the healing it had caught up; absent when it did not, or was never behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up_after_ms: Option<u64>,
    /// Whether it was behind, and had not caught up at the end.
    #[serde(default)]
    pub is_behind: bool,
    /// What was found, some of it, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}
