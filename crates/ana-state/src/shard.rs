//! The machine of one data group: the shards of its set and what their logs have come to.
//!
//! Records themselves lie in the group's log and nowhere else. This machine reads only the headers
//! of the sub-batches of an entry and decides, identically on every replica, which of them count,
//! under which positions (hence sequence numbers), and when a shard has ended.
//!
//! ```text
//!   entry at log index i ──► append(i, headers) ──► Accepted{first position}  one per sub-batch
//!                                              └──► Closed | Unknown | Refused   nothing acknowledged
//!   Open ─► open ──append…──► Close ─► closed (last position, end, ending number, children) ─► Expire
//! ```
//!
//! What must stay true
//! - A position is a function of the log index, so none is ever given twice, whoever leads.
//! - A closed shard never accepts again; closing again answers what the first closing answered.
//! - Sub-batches that were not accepted still lie in the log. A reader must not meet them: those
//!   before the opening and after the last position fall outside of every read plan, and those in
//!   between are listed in [`ShardState::refused`].

mod command;
mod apply;
mod sequencer;
mod invariants;
pub mod read_plan;
#[cfg(test)]
mod shard_test;
#[cfg(test)]
mod violation_test;
#[cfg(test)]
mod random_test;

pub use command::{
    AppendHeader, AppendOutcome, AppendRefusal, ChildSpec, ClosedAt, ShardCommand, ShardOutcome,
    ShardRefusal, ShardSpec, child_created,
};
pub use invariants::SHARD_INVARIANTS;

use crate::codec;
use crate::{DecodeError, Violation};
use ana_types::{HashRange, Position, SequenceNumber, ShardIndex};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The machine of one data group. See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardSet {
    /// Index of the last entry or command applied; 0 before the first.
    last_index: u64,
    /// The latest arrival time accepted; milliseconds since the epoch. Times of commands are left
    /// out: they come from another node, and its wrong clock must not be caught here.
    last_time_ms: u64,
    /// The highest shard that was expired here. Such a shard, or an older one, never opens again.
    expired_upto: Option<ShardIndex>,
    shards: BTreeMap<ShardIndex, ShardState>,
}

/// What a group knows of one of its shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardState {
    /// The hash keys of this shard.
    pub range: HashRange,
    /// Creation time for time filters; milliseconds since the epoch.
    pub created_ms: u64,
    /// Creation second as it stands in sequence numbers. Larger than that of every parent.
    pub created_s: u64,
    /// Log index of the command that opened the shard. All its records lie behind it.
    pub opened_at: u64,
    /// Position of the last accepted record; [`Position::START`] while there is none.
    pub last: Position,
    /// Arrival time of the last accepted record in milliseconds; 0 while there is none.
    pub last_arrival_ms: u64,
    /// How many records were ever accepted, trimmed ones included.
    pub records: u64,
    /// How many bytes (data and partition keys as framed) were ever accepted.
    pub bytes: u64,
    /// Log indexes between the first and the last record whose sub-batch was refused. Such entries
    /// are the mark of a defective batcher, so this is empty; a reader must skip them all the same.
    pub refused: BTreeSet<u64>,
    /// Present once the shard is closed.
    pub closed: Option<ClosedAt>,
}

impl codec::Stored for ShardSet {
    const FORMAT_VERSION: u8 = 2;
}

impl ShardSet {
    /// A set without shards: what a new group starts from.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the data entry at `index`. The answer has one outcome for each header, in order.
    ///
    /// An `index` that is not larger than every one applied before refuses all headers and changes
    /// nothing: positions come from the index and must never repeat.
    pub fn append(&mut self, index: u64, headers: &[AppendHeader]) -> Vec<AppendOutcome> {
        sequencer::append(self, index, headers)
    }

    /// Applies the command at `index`. A refused command changes nothing; repeating one that
    /// succeeded answers as the first time.
    pub fn command(&mut self, index: u64, command: ShardCommand) -> ShardOutcome {
        apply::apply(self, index, command)
    }

    /// The bytes of this machine; equal machines have equal bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The machine that `bytes` were encoded from.
    ///
    /// # Errors
    /// When the bytes are of another format version or are not a machine.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes)
    }

    /// Checks every invariant of [`SHARD_INVARIANTS`]; linear in the number of shards of the set
    /// (some tens), so cheap enough to run with each checkpoint in production.
    ///
    /// # Errors
    /// The first invariant found broken.
    pub fn check(&self) -> Result<(), Violation> {
        invariants::check(self)
    }

    /// The state of one shard, or nothing when it was never opened here or has expired.
    #[must_use]
    pub fn shard(&self, shard: ShardIndex) -> Option<&ShardState> {
        self.shards.get(&shard)
    }

    /// All shards, by ascending index.
    pub fn shards(&self) -> impl Iterator<Item = (ShardIndex, &ShardState)> {
        self.shards.iter().map(|(&shard, state)| (shard, state))
    }

    /// How many shards are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.shards.values().filter(|state| state.is_open()).count()
    }

    /// The latest arrival time accepted in this group, in milliseconds since the epoch; 0 before the
    /// first. A leader must not stamp an entry with an earlier one.
    #[must_use]
    pub fn last_time_ms(&self) -> u64 {
        self.last_time_ms
    }

    /// Index of the last entry or command applied; 0 before the first.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        self.last_index
    }
}

impl ShardState {
    /// Whether the shard takes records.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// Whether nothing can ever come at `position` or behind it: the shard is closed and its last
    /// record lies before `position`.
    #[must_use]
    pub fn is_ended_at(&self, position: Position) -> bool {
        self.closed.is_some() && (self.records == 0 || position > self.last)
    }

    /// The number of the record at `position` that arrived at `arrival_ms`.
    #[must_use]
    pub fn sequence(
        &self,
        shard: ShardIndex,
        position: Position,
        arrival_ms: u64,
    ) -> SequenceNumber {
        SequenceNumber {
            created_s: self.created_s,
            shard,
            position,
            time_s: arrival_ms / 1000,
        }
    }
}
