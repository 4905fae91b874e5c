//! The user's own traffic during a drill: what the cluster did with it, and what the application made of it.
//!
//! Must stay true: the two are kept apart. What the cluster lost is the cluster's fault; that a consumer went back is
//! not.

use serde::{Deserialize, Serialize};

/// What the cluster did with puts that the runner did not make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSection {
    /// By stream.
    pub puts: Vec<ForeignPuts>,
}

/// The user's puts to one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignPuts {
    /// The stream.
    pub stream: String,
    /// Acknowledged puts that were noted.
    pub sampled: u64,
    /// Those of them that are not in the final log.
    pub lost: u64,
    /// Sequence numbers of a few lost ones.
    pub examples: Vec<String>,
}

/// How the user's own consumers behaved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationSection {
    /// By consumer, as far as they can be told apart.
    pub consumers: Vec<ForeignConsumer>,
}

/// One consumer of the user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignConsumer {
    /// What it is called, or the stream it reads.
    pub name: String,
    /// Times without a request that were longer than a second.
    pub gaps: u64,
    /// The longest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_max_ms: Option<u64>,
    /// Records that it asked for again.
    pub read_again: u64,
    /// Times it went back to an older position.
    pub went_back: u64,
    /// How long after the healing it had caught up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up_after_ms: Option<u64>,
}
