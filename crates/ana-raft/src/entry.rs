//! How one entry lies in the log and on the wire.
//!
//! An entry is `(id, kind, marks, payload)`, an [`ana_log::LogEntry`]; openraft sees an
//! [`Entry`]. Both hold the same `Bytes`, so turning one into the other copies nothing.
//!
//! | kind | payload |
//! |---|---|
//! | 0 blank | empty |
//! | 1 membership | version byte, postcard |
//! | 2 batch | the bodies of the sub-batches one after another, raw; marks say where each lies |
//! | 3 command | version byte, postcard |
//! | 4 point | version byte, postcard |
//! | 5 trim | version byte, postcard |
//!
//! Must stay true: these numbers and layouts are the format on disk. Never reuse a number.

use std::fmt;
use std::sync::Arc;

use ana_log::{EntryId, LogEntry, Mark};
use ana_state::meta::{MetaCommand, MetaOutcome};
use ana_state::shard::{AppendOutcome, ShardCommand, ShardOutcome};
use bytes::Bytes;
use openraft::EntryPayload;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::EntryError;
use crate::types::{Entry, LeaderId, LogId, Membership, Vote};

/// Kind byte of the entry a new leader begins with.
pub const KIND_BLANK: u8 = 0;
/// Kind byte of a change of members.
pub const KIND_MEMBERSHIP: u8 = 1;
/// Kind byte of records.
pub const KIND_BATCH: u8 = 2;
/// Kind byte of a command to the machine.
pub const KIND_COMMAND: u8 = 3;
/// Kind byte of a point: every replica remembers its state here.
pub const KIND_POINT: u8 = 4;
/// Kind byte of a trim: every replica drops the log up to a point.
pub const KIND_TRIM: u8 = 5;

/// Version of the small postcard values in entries.
const VERSION: u8 = 1;

/// What a leader asks its group to agree on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proposal {
    /// Records of one or more shards.
    Batch(Batch),
    /// A command to the machine, already encoded by [`Command::encode`].
    Command(Bytes),
    /// Remember the state here as a place to trim to.
    Point {
        /// Leader's clock, milliseconds since 1970.
        time_ms: u64,
    },
    /// Drop the log up to the point at this index, inclusive.
    Trim {
        /// Log index of the point.
        upto: u64,
    },
}

/// Records as they lie in one entry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// One mark for each shard, offsets into `body`.
    #[serde(with = "marks_serde")]
    pub marks: Arc<[Mark]>,
    /// Bodies of the sub-batches, one after another.
    pub body: Bytes,
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "batch of {} shards, {} bytes",
            self.marks.len(),
            self.body.len()
        )
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(batch) => fmt::Debug::fmt(batch, f),
            Self::Command(bytes) => write!(f, "command of {} bytes", bytes.len()),
            Self::Point { time_ms } => write!(f, "point at {time_ms} ms"),
            Self::Trim { upto } => write!(f, "trim to {upto}"),
        }
    }
}

/// What applying one entry answers to its proposer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Blank and membership entries.
    Nothing,
    /// One outcome for each mark of the batch.
    Batch(Vec<AppendOutcome>),
    /// The machine's reply to a command.
    Reply(Reply),
    /// The point is kept.
    Point,
    /// The log may be dropped up to here; `None` when the index was no kept point.
    Trim {
        /// The new lower bound.
        upto: Option<u64>,
    },
    /// The entry makes no sense for this kind of machine; nothing changed.
    Refused,
}

/// A command to a group's machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// To the metadata machine.
    Meta(MetaCommand),
    /// To the machine of a data group.
    Shard(ShardCommand),
}

/// The machine's answer to a [`Command`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// From the metadata machine.
    Meta(MetaOutcome),
    /// From the machine of a data group.
    Shard(ShardOutcome),
}

impl Command {
    /// The bytes that go into the entry.
    pub fn encode(&self) -> Result<Bytes, EntryError> {
        seal(self)
    }

    /// Reads what [`Command::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        unseal(bytes)
    }
}

/// openraft's entry as the log and the wire carry it.
pub fn to_log(entry: &Entry) -> Result<LogEntry, EntryError> {
    let (kind, marks, payload) = match &entry.payload {
        EntryPayload::Blank => (KIND_BLANK, no_marks(), Bytes::new()),
        EntryPayload::Membership(membership) => (KIND_MEMBERSHIP, no_marks(), seal(membership)?),
        EntryPayload::Normal(Proposal::Batch(batch)) => {
            (KIND_BATCH, Arc::clone(&batch.marks), batch.body.clone())
        }
        EntryPayload::Normal(Proposal::Command(bytes)) => (KIND_COMMAND, no_marks(), bytes.clone()),
        EntryPayload::Normal(Proposal::Point { time_ms }) => {
            (KIND_POINT, no_marks(), seal(time_ms)?)
        }
        EntryPayload::Normal(Proposal::Trim { upto }) => (KIND_TRIM, no_marks(), seal(upto)?),
    };
    Ok(LogEntry {
        id: entry_id(&entry.log_id),
        kind,
        marks,
        payload,
    })
}

/// The reverse of [`to_log`].
pub fn from_log(entry: LogEntry) -> Result<Entry, EntryError> {
    let log_id = log_id(&entry.id);
    let payload = match entry.kind {
        KIND_BLANK => EntryPayload::Blank,
        KIND_MEMBERSHIP => EntryPayload::Membership(unseal::<Membership>(&entry.payload)?),
        KIND_BATCH => EntryPayload::Normal(Proposal::Batch(Batch {
            marks: entry.marks,
            body: entry.payload,
        })),
        KIND_COMMAND => EntryPayload::Normal(Proposal::Command(entry.payload)),
        KIND_POINT => EntryPayload::Normal(Proposal::Point {
            time_ms: unseal(&entry.payload)?,
        }),
        KIND_TRIM => EntryPayload::Normal(Proposal::Trim {
            upto: unseal(&entry.payload)?,
        }),
        kind => {
            return Err(EntryError::Kind {
                index: entry.id.index,
                kind,
            });
        }
    };
    Ok(Entry { log_id, payload })
}

/// openraft's log id as the log stores it.
#[must_use]
pub fn entry_id(log_id: &LogId) -> EntryId {
    EntryId {
        term: log_id.leader_id.term,
        node: log_id.leader_id.node_id,
        index: log_id.index,
    }
}

/// The reverse of [`entry_id`].
#[must_use]
pub fn log_id(id: &EntryId) -> LogId {
    LogId {
        leader_id: LeaderId {
            term: id.term,
            node_id: id.node,
        },
        index: id.index,
    }
}

/// A vote as the log stores it.
pub fn encode_vote(vote: &Vote) -> Result<Bytes, EntryError> {
    seal(vote)
}

/// The reverse of [`encode_vote`].
pub fn decode_vote(bytes: &[u8]) -> Result<Vote, EntryError> {
    unseal(bytes)
}

/// Version byte, then postcard.
pub(crate) fn seal<T: Serialize>(value: &T) -> Result<Bytes, EntryError> {
    Ok(Bytes::from(postcard::to_extend(value, vec![VERSION])?))
}

/// The reverse of [`seal`].
pub(crate) fn unseal<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, EntryError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => Ok(postcard::from_bytes(body)?),
        found => Err(EntryError::Version {
            found: found.map(|(version, _)| *version),
        }),
    }
}

fn no_marks() -> Arc<[Mark]> {
    Arc::new([])
}

/// openraft asks that proposals can be serialised; marks go as plain tuples.
mod marks_serde {
    use std::sync::Arc;

    use ana_log::Mark;
    use serde::{Deserialize, Deserializer, Serializer};

    type Plain = (u32, u32, u32, u32, u64);

    pub(super) fn serialize<S: Serializer>(marks: &Arc<[Mark]>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(
            marks
                .iter()
                .map(|m| (m.key, m.count, m.offset, m.len, m.time_ms)),
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<[Mark]>, D::Error> {
        let plain = Vec::<Plain>::deserialize(from)?;
        Ok(plain
            .into_iter()
            .map(|(key, count, offset, len, time_ms)| Mark {
                key,
                count,
                offset,
                len,
                time_ms,
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn entry(index: u64, payload: EntryPayload<Proposal, u64, ()>) -> Entry {
        Entry {
            log_id: LogId {
                leader_id: LeaderId {
                    term: 3,
                    node_id: 2,
                },
                index,
            },
            payload,
        }
    }

    /// The layouts on disk. A change here is a change of format.
    #[test]
    fn small_values_lie_as_they_always_did() {
        fn check(payload: EntryPayload<Proposal, u64, ()>, expect: &Expect) {
            let stored = to_log(&entry(7, payload)).expect("encodes");
            let hex: String = stored
                .payload
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            expect.assert_eq(&format!("{} {hex}", stored.kind));
        }
        check(EntryPayload::Blank, &expect!["0 "]);
        let voters = vec![BTreeSet::from([1, 2]), BTreeSet::from([3])];
        let members = Membership::new_with_defaults(voters, [4]);
        check(
            EntryPayload::Membership(members),
            &expect!["1 010202010201030401020304"],
        );
        let point = Proposal::Point { time_ms: 300 };
        check(EntryPayload::Normal(point), &expect!["4 01ac02"]);
        check(
            EntryPayload::Normal(Proposal::Trim { upto: 5 }),
            &expect!["5 0105"],
        );
        let vote = Vote {
            leader_id: LeaderId {
                term: 3,
                node_id: 2,
            },
            committed: true,
        };
        assert_eq!(encode_vote(&vote).expect("encodes").as_ref(), [1, 3, 2, 1]);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let stored = |kind, payload: &'static [u8]| LogEntry {
            id: EntryId {
                term: 1,
                node: 1,
                index: 9,
            },
            kind,
            marks: no_marks(),
            payload: Bytes::from_static(payload),
        };
        assert!(matches!(
            from_log(stored(6, b"")),
            Err(EntryError::Kind { index: 9, kind: 6 })
        ));
        assert!(matches!(
            from_log(stored(4, b"")),
            Err(EntryError::Version { found: None })
        ));
        assert!(matches!(
            from_log(stored(4, b"\x02")),
            Err(EntryError::Version { found: Some(2) })
        ));
        assert!(matches!(
            from_log(stored(4, b"\x01")),
            Err(EntryError::Body { .. })
        ));
        assert!(decode_vote(b"\x01\x03").is_err());
    }

    proptest! {
        #[test]
        fn every_entry_comes_back_and_records_are_not_copied(
            index in any::<u64>(),
            body in prop::collection::vec(any::<u8>(), 1..100),
            marks in prop::collection::vec(any::<(u32, u32, u32, u32, u64)>(), 0..4),
            which in 0..5,
        ) {
            let marks: Arc<[Mark]> = marks
                .into_iter()
                .map(|(key, count, offset, len, time_ms)| Mark { key, count, offset, len, time_ms })
                .collect();
            let body = Bytes::from(body);
            let payload = match which {
                0 => EntryPayload::Blank,
                1 => EntryPayload::Normal(Proposal::Command(body.clone())),
                2 => EntryPayload::Normal(Proposal::Point { time_ms: index }),
                3 => EntryPayload::Normal(Proposal::Trim { upto: index }),
                _ => EntryPayload::Normal(Proposal::Batch(Batch { marks, body: body.clone() })),
            };
            let entry = entry(index, payload);
            let stored = to_log(&entry).expect("encodes");
            if which == 4 {
                prop_assert_eq!(stored.payload.as_ptr(), body.as_ptr());
            }
            let through = postcard::to_stdvec(&entry).expect("openraft may ask for it");
            let through: Entry = postcard::from_bytes(&through).expect("decodes");
            prop_assert_eq!(&through, &entry);
            prop_assert_eq!(from_log(stored).expect("decodes"), entry);
        }
    }
}
