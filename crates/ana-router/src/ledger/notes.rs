//! What a ledger holds and tells.

use std::sync::Arc;
use std::time::Duration;

use ana_types::{
    HashKey, IteratorKind, Position, SequenceNumber, ShardIndex, StreamKey, StreamName,
};

use super::Watched;
use crate::ops::Placed;

/// One record that was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutNote {
    /// The stream, by identity and by name.
    pub stream: (StreamKey, StreamName),
    /// Where it lies; none when it may be written or not.
    pub placed: Option<Placed>,
    /// What chose its shard: the hash of its partition key, or the explicit one.
    pub hash_key: HashKey,
    /// A hash of its partition key and data.
    pub content: u64,
    /// When its request arrived, by [`super::Ledger::now_us`].
    pub arrived_us: u64,
    /// When it was answered.
    pub answered_us: u64,
}

/// One answer to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadNote {
    /// The stream, by identity.
    pub key: StreamKey,
    /// Its name.
    pub stream: StreamName,
    /// The shard.
    pub shard: ShardIndex,
    /// Who was answered.
    pub reader: Reader,
    /// The iterator type with which the reader began here; none when it goes on.
    pub begins: Option<IteratorKind>,
    /// The first position that was to be read.
    pub from: Position,
    /// Where the reader goes on; none at the end of the shard.
    pub next: Option<Position>,
    /// The first and the last record that it was given.
    pub records: Option<(SequenceNumber, SequenceNumber)>,
    /// How many it was given.
    pub count: u64,
    /// How far it was behind.
    pub millis_behind: u64,
    /// When it asked; of an event when it was made.
    pub asked_us: u64,
    /// When it was answered.
    pub answered_us: u64,
}

/// A reader, as far as a node knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// It polls.
    Polling {
        /// Its access key; none when nobody has to show one.
        access_key: Option<Arc<str>>,
        /// The other end of its connection.
        peer: Arc<str>,
        /// A hash of the iterator it used.
        iterator: u64,
        /// A hash of the iterator it was handed.
        next_iterator: Option<u64>,
    },
    /// It is pushed to.
    Pushed {
        /// Its ARN as the request named it.
        consumer_arn: Arc<str>,
        /// The session.
        session: u64,
    },
}

/// What was counted since the ledger was switched on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Those of them that were noted.
    pub noted: u64,
    /// Records whose outcome stayed open; all of them were noted.
    pub open: u64,
    /// Answers to readers; all of them were noted.
    pub reads: u64,
}

/// Some notes, each with its number: numbers count from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Changes whenever the ledger was off in between.
    pub run: u64,
    /// What is noted.
    pub watched: Watched,
    /// The time of the node now.
    pub now_us: u64,
    /// How long it goes on.
    pub lease: Duration,
    /// Counts so far.
    pub counts: Counts,
    /// When the oldest put arrived that is not answered yet.
    pub oldest_under_way_us: Option<u64>,
    /// Notes of puts.
    pub puts: Vec<(u64, PutNote)>,
    /// How many were dropped because nobody collected them in time.
    pub puts_dropped: u64,
    /// Notes of reads.
    pub reads: Vec<(u64, ReadNote)>,
    /// How many were dropped.
    pub reads_dropped: u64,
}
