//! What nodes ask of each other, and how it lies in the body of a `Call`.
//!
//! Small messages are postcard. The two that carry records (an append, the answer to a read) are a postcard header
//! followed by the records in the raw form of `ana_types::record::codec`, so that receiving them copies nothing.
//!
//! Must stay true: kinds and field orders are a protocol between nodes of one version; each kind has a bound.

use ana_raft::SubBatch;
use ana_state::meta::Member as MetaMember;
use ana_state::shard::{ChildSpec, ShardOutcome};
use ana_state::{MetaCommand, MetaOutcome, ShardCommand};
use ana_types::record::codec;
use ana_types::{GroupId, NodeId, Position, Record, ShardIndex};
use bytes::{BufMut, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Decline, Malformed};
use crate::load::Totals;
use crate::status::Report;

/// Messages without records: a command with 200 tags of the longest kind stays far below.
pub(crate) const SMALL_BYTES_MAX: usize = 1 << 20;
/// Messages with records: 10 MiB of records, their headers, and ours.
const RECORDS_BYTES_MAX: usize = 12 << 20;
/// Bytes before the postcard header of a message with records.
const HEADER_LEN_BYTES: usize = 4;

/// Something that travels in a body.
pub(crate) trait Body: Sized {
    /// The bytes.
    fn to_body(&self) -> Bytes;
    /// What the bytes say.
    fn from_body(body: Bytes) -> Result<Self, Malformed>;
}

/// A question to one node.
pub(crate) trait Question: Body + Send + Sync + 'static {
    /// Its number.
    const KIND: u32;
    /// Bound on its body; and on that of its answer.
    const BYTES_MAX: usize;
    /// Whether its answer is always small, a few KiB: such ones travel together.
    const ANSWER_IS_SMALL: bool;
    /// What is answered when the node does it.
    type Answer: Body + Send;
}

/// The answer as it travels: done, or declined.
pub(crate) fn answer_to_body<A: Body>(answer: &Result<A, Decline>) -> Bytes {
    let mut body = BytesMut::new();
    match answer {
        Ok(done) => {
            body.put_u8(0);
            body.extend_from_slice(&done.to_body());
        }
        Err(decline) => {
            body.put_u8(1);
            body.extend_from_slice(&postcard_bytes(decline));
        }
    }
    body.freeze()
}

/// The reverse of [`answer_to_body`].
pub(crate) fn answer_from_body<A: Body>(mut body: Bytes) -> Result<Result<A, Decline>, Malformed> {
    if body.is_empty() {
        return Err(Malformed::Raw);
    }
    let tag = body.split_to(1);
    match tag.first() {
        Some(0) => Ok(Ok(A::from_body(body)?)),
        Some(1) => Ok(Err(postcard::from_bytes(&body)?)),
        _ => Err(Malformed::Raw),
    }
}

fn postcard_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("our messages have no maps of unknown length and no floats")
}

fn with_header<H: Serialize>(header: &H, raw_len: usize) -> BytesMut {
    let header = postcard_bytes(header);
    let len = u32::try_from(header.len()).expect("a header describes at most 10,000 records");
    let mut body = BytesMut::with_capacity(HEADER_LEN_BYTES + header.len() + raw_len);
    body.put_u32(len);
    body.extend_from_slice(&header);
    body
}

fn split_header<H: DeserializeOwned>(mut body: Bytes) -> Result<(H, Bytes), Malformed> {
    let len = body
        .first_chunk::<HEADER_LEN_BYTES>()
        .ok_or(Malformed::Raw)?;
    let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
    let raw = body.split_off(HEADER_LEN_BYTES.saturating_add(len).min(body.len()));
    let header = body.get(HEADER_LEN_BYTES..).ok_or(Malformed::Raw)?;
    Ok((postcard::from_bytes(header)?, raw))
}

macro_rules! postcard_body {
    ($($name:ty),* $(,)?) => {$(
        impl Body for $name {
            fn to_body(&self) -> Bytes {
                postcard_bytes(self).into()
            }
            fn from_body(body: Bytes) -> Result<Self, Malformed> {
                Ok(postcard::from_bytes(&body)?)
            }
        }
    )*};
}

macro_rules! question {
    ($name:ty, $kind:literal, $max:expr, small $answer:ty) => {
        question!($name, $kind, $max, $answer, true);
    };
    ($name:ty, $kind:literal, $max:expr, $answer:ty) => {
        question!($name, $kind, $max, $answer, false);
    };
    ($name:ty, $kind:literal, $max:expr, $answer:ty, $small:literal) => {
        impl Question for $name {
            const ANSWER_IS_SMALL: bool = $small;
            const KIND: u32 = $kind;
            const BYTES_MAX: usize = $max;
            type Answer = $answer;
        }
    };
}

mod leading;
mod rates;
mod subscriptions;

pub(crate) use leading::{Hold, IsHeld, KeepOut, MoveLeader, Moved, StillLed};
pub(crate) use rates::{Spend, Spent};
pub(crate) use subscriptions::{Claim, Follow, Renew, Renewal, Renewed};

/// Append records to shards of one group.
#[derive(Debug, Clone)]
pub(crate) struct Append {
    /// The group that carries the shards.
    pub(crate) group: GroupId,
    /// One per shard, records in the order of the request.
    pub(crate) subs: Vec<SubBatch>,
}

/// What became of the records for one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SubAnswer {
    /// Places (in the sub-batch) of the records that the shard's rate did not let in. Ascending.
    pub(crate) throttled: Vec<u32>,
    /// What became of the others, in order; the counts add up to all of them.
    pub(crate) parts: Vec<Part>,
}

/// What became of some records that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Part {
    /// Committed.
    Placed(Run),
    /// Not written: the shard is closed or not open yet. Ask the metadata where to go.
    Elsewhere {
        /// How many records.
        count: u32,
    },
    /// Not written: a rule of the log was broken, which no client causes.
    Refused {
        /// How many records.
        count: u32,
    },
}

/// Records with consecutive positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Position of the first.
    pub(crate) first: Position,
    /// How many.
    pub(crate) count: u32,
    /// Creation second of the shard.
    pub(crate) created_s: u64,
    /// Arrival, milliseconds.
    pub(crate) time_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct AppendHeader {
    group: GroupId,
    subs: Vec<(ShardIndex, u32 /* raw bytes */)>,
}

impl Body for Append {
    fn to_body(&self) -> Bytes {
        let raw_len = |sub: &SubBatch| sub.records.iter().map(codec::encoded_len).sum::<usize>();
        let subs = self
            .subs
            .iter()
            .map(|sub| {
                (
                    sub.shard,
                    u32::try_from(raw_len(sub)).expect("a request has 10 MiB"),
                )
            })
            .collect();
        let total = self.subs.iter().map(raw_len).sum();
        let mut body = with_header(
            &AppendHeader {
                group: self.group,
                subs,
            },
            total,
        );
        for record in self.subs.iter().flat_map(|sub| &sub.records) {
            codec::encode_into(&mut body, record);
        }
        body.freeze()
    }

    fn from_body(body: Bytes) -> Result<Self, Malformed> {
        let (header, mut raw) = split_header::<AppendHeader>(body)?;
        let mut subs = Vec::with_capacity(header.subs.len().min(raw.len()));
        for (shard, len) in header.subs {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            if len > raw.len() {
                return Err(Malformed::Raw);
            }
            subs.push(SubBatch {
                shard,
                records: decode_records(raw.split_to(len))?,
            });
        }
        if raw.is_empty() {
            Ok(Self {
                group: header.group,
                subs,
            })
        } else {
            Err(Malformed::Raw)
        }
    }
}

fn decode_records(raw: Bytes) -> Result<Vec<Record>, Malformed> {
    codec::decode(raw)
        .collect::<Result<_, _>>()
        .map_err(|codec::CodecError::Truncated { .. }| Malformed::Raw)
}

/// Read records of one shard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Read {
    /// The group.
    pub(crate) group: GroupId,
    /// The shard.
    pub(crate) shard: ShardIndex,
    /// First position to be read.
    pub(crate) start: Position,
    /// Most records.
    pub(crate) limit: u32,
    /// Most bytes of data and keys; one record is given in any case.
    pub(crate) bytes_max: u32,
    /// Records older than this are not served, milliseconds.
    pub(crate) retention_ms: u64,
}

/// What a leader answers to a read.
#[derive(Debug, Clone)]
pub(crate) enum Reading {
    /// What there is.
    Records(Records),
    /// The group has no such shard: not opened yet, or expired.
    NoShard,
    /// The shard's rate of reads is used up.
    Throttled,
}

/// Records read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    /// The facts beside the records.
    pub(crate) facts: RecordsFacts,
    /// The records, as many as `facts.places`.
    pub(crate) records: Vec<Record>,
}

/// The facts beside records read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordsFacts {
    /// Creation second of the shard.
    pub(crate) created_s: u64,
    /// Position and arrival of each record.
    pub(crate) places: Vec<(Position, u64)>,
    /// Where to read on.
    pub(crate) next: Position,
    /// How far behind the tip, milliseconds.
    pub(crate) millis_behind: u64,
    /// The shard is closed and nothing follows.
    pub(crate) ended: bool,
    /// The children, when it has ended.
    pub(crate) children: Vec<ChildSpec>,
}

#[derive(Serialize, Deserialize)]
enum ReadingHeader {
    Records(RecordsFacts),
    NoShard,
    Throttled,
}

impl Body for Reading {
    fn to_body(&self) -> Bytes {
        match self {
            Self::NoShard => with_header(&ReadingHeader::NoShard, 0).freeze(),
            Self::Throttled => with_header(&ReadingHeader::Throttled, 0).freeze(),
            Self::Records(read) => {
                let total = read.records.iter().map(codec::encoded_len).sum();
                let mut body = with_header(&ReadingHeader::Records(read.facts.clone()), total);
                for record in &read.records {
                    codec::encode_into(&mut body, record);
                }
                body.freeze()
            }
        }
    }

    fn from_body(body: Bytes) -> Result<Self, Malformed> {
        let (header, raw) = split_header::<ReadingHeader>(body)?;
        match header {
            ReadingHeader::NoShard => Ok(Self::NoShard),
            ReadingHeader::Throttled => Ok(Self::Throttled),
            ReadingHeader::Records(facts) => {
                let records = decode_records(raw)?;
                if records.len() == facts.places.len() {
                    Ok(Self::Records(Records { facts, records }))
                } else {
                    Err(Malformed::Raw)
                }
            }
        }
    }
}

/// Find a position of one shard that only the leader can tell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Seek {
    /// The group.
    pub(crate) group: GroupId,
    /// The shard.
    pub(crate) shard: ShardIndex,
    /// Which position.
    pub(crate) target: SeekTarget,
    /// For an iterator, whose number in a second is limited.
    pub(crate) counted: bool,
}

/// Which position is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SeekTarget {
    /// One past the last record.
    Latest,
    /// The first record that arrived at or after this time, milliseconds.
    AtTime(u64),
    /// This one: it is known, and the question is only whether an iterator may be given out.
    Given(Position),
}

/// The position sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Found {
    /// There.
    At(Position),
    /// The group has no such shard.
    NoShard,
    /// The shard's rate of new iterators is used up.
    Throttled,
}

/// Propose a command to the metadata group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CommandMeta {
    /// The command.
    pub(crate) command: MetaCommand,
}

/// The outcome of a command, by the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MetaAnswer(pub(crate) MetaOutcome);

/// Ask the metadata leader for its read index.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct MetaIndex;

/// An index up to which the metadata has to be applied.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ReadIndex(pub(crate) u64);

/// Propose a command to a data group. All of them may be repeated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CommandShards {
    /// The group.
    pub(crate) group: GroupId,
    /// The command.
    pub(crate) command: ShardCommand,
}

/// The outcome of a command, by the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShardsAnswer(pub(crate) ShardOutcome);

/// Close every open shard of a group whose stream is being deleted.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Seal {
    /// The group.
    pub(crate) group: GroupId,
}

/// No shard of the group is open, and none was by then.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Sealed;

/// Report the replicas of this node.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct AskReport;

/// Tell what was written to the open shards of a group, as its leader.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct AskLoads {
    /// The group.
    pub(crate) group: GroupId,
}

/// What was written to the open shards of a group since the node leads it, at least.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GroupLoads {
    /// Who counted.
    pub(crate) node: NodeId,
    /// Each open shard.
    pub(crate) shards: Vec<(ShardIndex, Totals)>,
}

/// Tell the metadata of a node that does not follow it yet, whoever leads it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReportNode {
    /// The node.
    pub(crate) member: MetaMember,
    /// Which data directory it has.
    pub(crate) incarnation: u64,
}

/// Tell the time of day.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct AskTime;

/// The time of day of a node, milliseconds since 1970.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct TimeOfDay(pub(crate) u64);

/// What became of each sub-batch, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Appended(pub(crate) Vec<SubAnswer>);

postcard_body!(
    Appended,
    Read,
    Seek,
    Found,
    CommandMeta,
    MetaAnswer,
    MetaIndex,
    ReadIndex,
    CommandShards,
    ShardsAnswer,
    Seal,
    Sealed,
    AskReport,
    Report,
    AskTime,
    TimeOfDay,
    AskLoads,
    GroupLoads,
    ReportNode,
);
question!(Append, 1, RECORDS_BYTES_MAX, small Appended);
question!(Read, 2, RECORDS_BYTES_MAX, Reading);
question!(Seek, 3, SMALL_BYTES_MAX, small Found);
question!(CommandMeta, 4, SMALL_BYTES_MAX, MetaAnswer);
question!(MetaIndex, 5, SMALL_BYTES_MAX, small ReadIndex);
question!(CommandShards, 6, SMALL_BYTES_MAX, ShardsAnswer);
question!(Seal, 7, SMALL_BYTES_MAX, Sealed);
question!(AskReport, 8, SMALL_BYTES_MAX, Report);
question!(AskTime, 9, SMALL_BYTES_MAX, TimeOfDay);
question!(AskLoads, 10, SMALL_BYTES_MAX, GroupLoads);
question!(ReportNode, 50, SMALL_BYTES_MAX, MetaAnswer);

#[cfg(test)]
#[path = "messages/messages_test.rs"]
mod messages_test;
