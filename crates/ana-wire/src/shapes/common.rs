//! Value types that several operations share, and how each is written.
//!
//! Must stay true: a member that AWS leaves out is left out here (a parent of a first-generation
//! shard, the ending number of an open shard).

use ana_types::{HashRange, IteratorKind, SequenceNumber, ShardIndex, StreamMode, StreamStatus};

use crate::writer::Writer;

/// A shard as `DescribeStream` and `ListShards` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The shard's own id.
    pub shard: ShardIndex,
    /// The shard it was split from, or the first one it was merged from.
    pub parent: Option<ShardIndex>,
    /// The second one it was merged from.
    pub adjacent_parent: Option<ShardIndex>,
    /// Inclusive range of hash keys.
    pub range: HashRange,
    /// First possible sequence number.
    pub starting: SequenceNumber,
    /// Present when the shard is closed.
    pub ending: Option<SequenceNumber>,
}

/// A child of a closed shard, as `GetRecords` shows it at the end of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildShard {
    /// The child's id.
    pub shard: ShardIndex,
    /// One id after a split, two after a merge; never empty.
    pub parents: Vec<ShardIndex>,
    /// Inclusive range of hash keys.
    pub range: HashRange,
}

/// What every description of a stream has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFacts {
    /// The stream's name.
    pub name: String,
    /// The stream's ARN.
    pub arn: String,
    /// State of the stream's life.
    pub status: StreamStatus,
    /// Capacity mode.
    pub mode: StreamMode,
    /// Creation time, Unix milliseconds.
    pub created_ms: u64,
}

impl Shard {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("ShardId").display(self.shard);
        if let Some(parent) = self.parent {
            out.member("ParentShardId").display(parent);
        }
        if let Some(parent) = self.adjacent_parent {
            out.member("AdjacentParentShardId").display(parent);
        }
        write_range(out, &self.range);
        out.member("SequenceNumberRange").open_structure();
        out.member("StartingSequenceNumber").display(self.starting);
        if let Some(ending) = self.ending {
            out.member("EndingSequenceNumber").display(ending);
        }
        out.close_structure();
        out.close_structure();
    }
}

impl ChildShard {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("ShardId").display(self.shard);
        out.member("ParentShards").open_list();
        for parent in &self.parents {
            out.display(parent);
        }
        out.close_list();
        write_range(out, &self.range);
        out.close_structure();
    }
}

impl StreamFacts {
    /// Name, ARN, status, mode and creation time, inside a structure that the caller opened.
    pub(crate) fn write_members<W: Writer>(&self, out: &mut W) {
        out.member("StreamName").text(&self.name);
        out.member("StreamARN").text(&self.arn);
        out.member("StreamStatus").text(self.status.as_str());
        out.member("StreamModeDetails").open_structure();
        out.member("StreamMode").text(self.mode.as_str());
        out.close_structure();
        out.member("StreamCreationTimestamp")
            .timestamp_ms(self.created_ms);
    }
}

/// The member `ChildShards` when there are any, inside a structure that the caller opened.
pub(crate) fn write_child_shards<W: Writer>(out: &mut W, children: &[ChildShard]) {
    if !children.is_empty() {
        out.member("ChildShards").open_list();
        for child in children {
            child.write(out);
        }
        out.close_list();
    }
}

/// One element of a list of tags.
pub(crate) fn write_tag<W: Writer>(out: &mut W, key: &str, value: &str) {
    out.open_structure();
    out.member("Key").text(key);
    out.member("Value").text(value);
    out.close_structure();
}

fn write_range<W: Writer>(out: &mut W, range: &HashRange) {
    out.member("HashKeyRange").open_structure();
    out.member("StartingHashKey").display(range.start);
    out.member("EndingHashKey").display(range.end);
    out.close_structure();
}

/// The capacity mode of a name that the constraint table has accepted.
pub(crate) fn mode_of(name: &str) -> Option<StreamMode> {
    [StreamMode::Provisioned, StreamMode::OnDemand]
        .into_iter()
        .find(|mode| mode.as_str() == name)
}

/// The kind of start of a name that the constraint table has accepted.
pub(crate) fn iterator_kind_of(name: &str) -> Option<IteratorKind> {
    [
        IteratorKind::AtSequenceNumber,
        IteratorKind::AfterSequenceNumber,
        IteratorKind::TrimHorizon,
        IteratorKind::Latest,
        IteratorKind::AtTimestamp,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == name)
}
