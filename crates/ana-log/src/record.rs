//! What a log holds: entries, their identity, and the marks by which they are found again.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// Who wrote an entry, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Term of the leader.
    pub term: u64,
    /// The leader.
    pub node: u64,
    /// Place in the log; consecutive.
    pub index: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.term, self.node, self.index)
    }
}

/// A range of an entry's payload that belongs to one key and can be found and read alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The key (a shard).
    pub key: u32,
    /// Records inside.
    pub count: u32,
    /// Where it begins in the payload, bytes.
    pub offset: u32,
    /// How long it is, bytes.
    pub len: u32,
    /// Time stamp, unix milliseconds. Not decreasing per key.
    pub time_ms: u64,
}

/// One entry of the log. A clone shares marks and payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Identity and place.
    pub id: EntryId,
    /// Meaning of the payload; the log does not look at it.
    pub kind: u8,
    /// Ranges of the payload to be found by key and time.
    pub marks: Arc<[Mark]>,
    /// The bytes, untouched.
    pub payload: Bytes,
}
