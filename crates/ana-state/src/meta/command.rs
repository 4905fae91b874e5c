//! What the metadata group is told and what it answers.
//!
//! Commands and outcomes travel in log entries and between nodes (postcard): variants and fields
//! are part of the format, so new ones are added at the end.

mod consumer;
mod setting;
mod scaling;
mod node;

pub use consumer::ConsumerCommand;
pub use node::NodeCommand;
pub use scaling::ScalingCommand;
pub use setting::SettingCommand;

use super::Commitment;
use ana_types::{
    HashKey, KinesisError, NodeId, Position, SequenceNumber, ShardIndex, ShardLevelMetric,
    StreamKey, StreamMode, StreamName, Zone,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The key of the tokens handed to clients (iterators, page tokens). Never printed.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSecret(pub [u8; 32]);

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecret(..)")
    }
}

/// A node as its configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: NodeId,
    /// Its failure domain.
    pub zone: Zone,
    /// Where other nodes reach it.
    pub peer_addr: String,
    /// Where clients reach it.
    pub api_addr: String,
}

/// How a parent ended, as its group answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentClosed {
    /// The parent.
    pub shard: ShardIndex,
    /// Time of closing in milliseconds.
    pub closed_ms: u64,
    /// Its ending sequence number.
    pub ending: SequenceNumber,
    /// Every record of it lies strictly before this position.
    pub end: Position,
}

/// What the metadata group is told. Those that name a stream by `key` come from the driver of
/// long-running changes, are idempotent, and do nothing when the stream has moved on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetaCommand {
    /// Makes the cluster this one, and registers the nodes of its configuration in the same step:
    /// no stream can then be placed on the few nodes that happened to come up first. Only the first
    /// one ever counts; later ones register members that are new and change nothing else.
    InitCluster {
        /// Random; names the cluster.
        cluster_id: String,
        /// Random; the key of the tokens handed to clients.
        secret: ClusterSecret,
        /// The initial members.
        members: Vec<Member>,
    },
    /// Updates the addresses of a node. Nodes say [`NodeCommand::Report`] today.
    RegisterNode(Member),
    /// Sets how many open shards provisioned streams may have together.
    SetShardLimit {
        /// The limit.
        limit: u32,
    },
    /// CreateStream.
    CreateStream {
        /// The name.
        name: StreamName,
        /// `None` where the request had no mode: provisioned with a count, else on-demand.
        mode: Option<StreamMode>,
        /// The count of the request. Ignored for an on-demand stream.
        shard_count: Option<u32>,
        /// Retention in hours.
        retention_hours: u32,
        /// Greatest record in KiB.
        max_record_kib: u32,
        /// Initial tags.
        tags: BTreeMap<String, String>,
        /// Now, in milliseconds.
        now_ms: u64,
        /// Warm throughput of an on-demand stream, MiB/s.
        warm_throughput_mibps: Option<u32>,
    },
    /// The shards of a new stream are open in their groups: CREATING -> ACTIVE.
    ActivateStream {
        /// The stream.
        key: StreamKey,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// DeleteStream.
    DeleteStream {
        /// The stream.
        name: StreamName,
        /// Whether registered consumers are to go too, else they keep the stream.
        enforce_consumer_deletion: bool,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// A stream in DELETING is removed, its groups become deleted groups.
    FinishDelete {
        /// The stream.
        key: StreamKey,
    },
    /// SplitShard.
    SplitShard {
        /// The stream.
        name: StreamName,
        /// The parent.
        shard: ShardIndex,
        /// First key of the upper child.
        new_start: HashKey,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// MergeShards.
    MergeShards {
        /// The stream.
        name: StreamName,
        /// ShardToMerge: the lower one.
        a: ShardIndex,
        /// AdjacentShardToMerge: the one that follows.
        b: ShardIndex,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// All parents of a reshard are closed in their groups.
    ParentsClosed {
        /// The stream.
        key: StreamKey,
        /// Each parent once.
        closed: Vec<ParentClosed>,
    },
    /// The children are open in their group: they are listed, the stream is ACTIVE again.
    FinishReshard {
        /// The stream.
        key: StreamKey,
        /// The first child: says which reshard is meant. One that arrives late, when the next
        /// reshard is under way, must not finish that one before its children are open.
        first_child: ShardIndex,
    },
    /// IncreaseStreamRetentionPeriod, DecreaseStreamRetentionPeriod.
    SetRetention {
        /// The stream.
        name: StreamName,
        /// Hours asked for, as they came.
        hours: i64,
        /// Whether the caller asked to increase, else to decrease.
        increase: bool,
        /// Now, in milliseconds.
        now_ms: u64,
    },
    /// A change of settings has had its time: UPDATING -> ACTIVE.
    FinishUpdate {
        /// The stream.
        key: StreamKey,
    },
    /// AddTagsToStream.
    AddTags {
        /// The stream.
        name: StreamName,
        /// Tags to add or overwrite.
        tags: BTreeMap<String, String>,
    },
    /// RemoveTagsFromStream.
    RemoveTags {
        /// The stream.
        name: StreamName,
        /// Keys to remove; unknown ones are passed over.
        keys: BTreeSet<String>,
    },
    /// Closed shards whose records are all past retention leave the listings; a group that is left
    /// without shards is deleted. Open shards, and parents of a reshard under way, stay.
    ExpireShards {
        /// The stream.
        key: StreamKey,
        /// The shards; unknown ones are passed over.
        shards: Vec<ShardIndex>,
    },
    /// Registered consumers.
    Consumer(ConsumerCommand),
    /// Settings of streams and of the account.
    Setting(SettingCommand),
    /// The number of shards and the capacity of streams.
    Scaling(ScalingCommand),
    /// Nodes, and where replicas stand.
    Node(NodeCommand),
}

/// What a command that did not fail leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetaReply {
    /// It is as commanded, now or already before.
    Done,
    /// A stream was created, or an operation on it begun.
    Stream(StreamKey),
    /// A command of a node, not of a client, that cannot be carried out. Nothing was changed.
    Refused(MetaRefusal),
    /// A consumer was registered.
    Consumer {
        /// Its creation, in milliseconds.
        created_ms: u64,
    },
    /// Shard-level metrics, before the command and after it.
    Monitoring {
        /// Before.
        before: BTreeSet<ShardLevelMetric>,
        /// After.
        after: BTreeSet<ShardLevelMetric>,
    },
    /// The account's commitment after the command.
    Commitment(Commitment),
    /// UpdateShardCount was begun.
    Resize {
        /// The stream.
        key: StreamKey,
        /// Open shards when it was.
        before: u32,
    },
}

/// Why a command of a node or of the driver cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum MetaRefusal {
    /// A node came back under another zone than it was registered with.
    #[error("node {node} is registered in zone {registered} and may not move to {given}")]
    ZoneChanged {
        /// The node.
        node: NodeId,
        /// The zone it is registered with.
        registered: Zone,
        /// The zone it gave.
        given: Zone,
    },
    /// The closings are not those of the reshard that is under way.
    #[error("the closed shards are not the parents of the reshard of stream {0}")]
    OtherParents(StreamKey),
    /// A reshard cannot finish before its parents are closed.
    #[error("the parents of the reshard of stream {0} are not closed")]
    ParentsOpen(StreamKey),
    /// The cluster is not initialised.
    #[error("the cluster is not founded yet")]
    NoCluster,
    /// A node that nobody has added.
    #[error("node {node} is not a member of the cluster: add it first")]
    NotAdmitted {
        /// The node.
        node: NodeId,
    },
    /// A node that is not a member.
    #[error("there is no node {node}")]
    UnknownNode {
        /// The node.
        node: NodeId,
    },
    /// A node that was removed; its id is used up.
    #[error("node {node} was removed from the cluster; its id is never used again")]
    NodeRemoved {
        /// The node.
        node: NodeId,
    },
    /// Another node has the id.
    #[error("node {node} is a member already, and not this one")]
    IdTaken {
        /// The node.
        node: NodeId,
    },
    /// Another node is reached at the address.
    #[error("node {node} is reached at one of these addresses already")]
    AddressTaken {
        /// The other node.
        node: NodeId,
    },
    /// It came with another data directory than the first time: what it had promised is gone.
    #[error("node {node} has lost its data directory: replace it, its id cannot be used again")]
    OtherIncarnation {
        /// The node.
        node: NodeId,
    },
    /// Nobody would take its replicas in its zone.
    #[error("zone {zone} would be left without a node if node {node} went")]
    ZoneLeftEmpty {
        /// The node.
        node: NodeId,
        /// Its zone.
        zone: Zone,
    },
    /// Nothing would be left.
    #[error("node {node} is the last one of the cluster")]
    LastNode {
        /// The node.
        node: NodeId,
    },
}

/// The answer to a [`MetaCommand`].
pub type MetaOutcome = Result<MetaReply, KinesisError>;
