//! The first invariant that broke, with what a person needs to look into it.

use serde::{Deserialize, Serialize};

use super::Event;

/// The first invariant that broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The check as the file writes it, or the guard.
    pub check: String,
    /// When, if it has a moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
    /// What was found.
    pub found: String,
    /// The records it is about; a few of them when it is about many.
    pub records: Vec<BrokenRecord>,
    /// What happened from 5 s before the moment to 5 s after it.
    pub around: Vec<Event>,
}

/// A record that is lost, twice there, or out of its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenRecord {
    /// Its shard, as the acknowledgement named it.
    pub shard: String,
    /// Its partition key.
    pub key: String,
    /// Its number among the records of its producer.
    pub counter: u64,
    /// The sequence number it was acknowledged at.
    pub sequence_number: String,
    /// What is wrong with it.
    pub wrong: String,
    /// Who acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
}

/// Who acknowledged a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// When the acknowledgement arrived.
    pub at_ms: i64,
    /// The node that led the record's shard then, as far as it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u64>,
    /// The term it led in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<u64>,
    /// The entry of the shard's log, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
}
