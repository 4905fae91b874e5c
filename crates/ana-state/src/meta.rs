//! The machine of the metadata group: nodes, streams with their shards, groups and where they live.
//!
//! Everything the cluster agrees on beyond records is decided here, in [`Metadata::apply`]: names
//! and limits, ids, hash ranges, which group carries which shard, which node votes in which group.
//! Nodes open, close and delete groups because this machine says so, never on their own judgement.
//!
//! ```text
//!   CREATING ──ActivateStream──► ACTIVE ◄──FinishReshard / FinishUpdate── UPDATING
//!      │                          │  └──Split / Merge / Resize / Set…─────────▲
//!      └────────DeleteStream──────┴──► DELETING ──FinishDelete──► gone, its groups deleted
//! ```
//!
//! What must stay true
//! - Stream keys, group ids and shard indexes are handed out once and never again.
//! - The open shards of a stream tile the hash space without gap or overlap at every index.
//! - A group is live or deleted, never both, and every id below the next one is one of the two.
//! - After the parents of a reshard are closed it can only be finished, not undone.
//! - A node that was removed is never a member again, under its id.
//! - A group has at most one replica on the move, and a voter in each of its zones all the while.

mod command;
mod apply;
mod nodes;
mod members;
mod moves;
mod streams;
mod tags;
mod consumers;
mod settings;
mod scaling;
mod resize;
mod uniform;
mod reshard;
mod split;
mod merge;
mod placement;
mod group_ids;
mod stream_state;
mod invariants;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod streams_test;
#[cfg(test)]
mod tags_test;
#[cfg(test)]
mod consumers_test;
#[cfg(test)]
mod settings_test;
#[cfg(test)]
mod reshard_test;
#[cfg(test)]
mod scaling_test;
#[cfg(test)]
mod own_steps_test;
#[cfg(test)]
mod uniform_test;
#[cfg(test)]
mod placement_test;
#[cfg(test)]
mod members_test;
#[cfg(test)]
mod violation_test;
#[cfg(test)]
mod random_test;

pub use command::{
    ClusterSecret, ConsumerCommand, Member, MetaCommand, MetaOutcome, MetaRefusal, MetaReply,
    NodeCommand, ParentClosed, ScalingCommand, SettingCommand,
};
pub use consumers::ConsumerState;
pub use group_ids::GroupIds;
pub use invariants::META_INVARIANTS;
pub use members::{MOVES_AT_ONCE_MAX, Move, MoveStep, NodePhase, founding_voters};
pub use placement::{GROUP_OPEN_SHARDS_DEALT, GROUP_OPEN_SHARDS_MAX, VOTERS_PER_GROUP_MAX};
pub use resize::Resize;
pub use scaling::Scaling;
pub use settings::{Commitment, StreamSettings};
pub use stream_state::{Pending, PendingKind, Reshard, ReshardClosed, ReshardKind, StreamState};
pub use tags::check_tag_characters;

use crate::codec;
use crate::{DecodeError, Violation};
use ana_types::{GroupId, NodeId, StreamKey, StreamName, Zone, limits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The machine of the metadata group. See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Index of the last command applied; 0 before the first.
    last_index: u64,
    /// Grows by one with every command that changed something.
    version: u64,
    cluster: Option<Cluster>,
    /// Open shards that provisioned streams may have together.
    shard_limit: u32,
    nodes: BTreeMap<NodeId, NodeState>,
    streams: BTreeMap<StreamKey, StreamState>,
    /// Which stream bears a name. Follows from `streams`, so it is not stored.
    #[serde(skip)]
    names: BTreeMap<StreamName, StreamKey>,
    groups: BTreeMap<GroupId, GroupState>,
    deleted_groups: GroupIds,
    next_stream: u64,
    next_group: u64,
    commitment: Commitment,
    /// The latest second in which a consumer was created that is gone by now; their ARNs name the second.
    consumer_seconds_used: Option<u64>,
    /// Where nodes stand, and replicas that move. Last: version 2 of the format ended before it.
    members: members::Members,
}

/// What makes this cluster this one. Set once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Chosen at random by the node that initialised the cluster.
    pub id: String,
    /// Key of the tokens handed to clients.
    pub secret: ClusterSecret,
}

/// A registered node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// Its failure domain; never changes.
    pub zone: Zone,
    /// Where other nodes reach it.
    pub peer_addr: String,
    /// Where clients reach it.
    pub api_addr: String,
}

/// A live data group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupState {
    /// The one stream whose shards it carries.
    pub stream: StreamKey,
    /// One node in each of up to three zones, by ascending id.
    pub voters: Vec<NodeId>,
    /// The voter that should lead, so that leaders are spread over zones.
    pub preferred_leader: NodeId,
}

impl codec::Stored for Metadata {
    const FORMAT_VERSION: u8 = 3;
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            last_index: 0,
            version: 0,
            cluster: None,
            shard_limit: limits::SHARDS_PER_ACCOUNT_MAX,
            nodes: BTreeMap::new(),
            streams: BTreeMap::new(),
            names: BTreeMap::new(),
            groups: BTreeMap::new(),
            deleted_groups: GroupIds::default(),
            next_stream: 1,
            next_group: GroupId::METADATA.0 + 1,
            commitment: Commitment::default(),
            consumer_seconds_used: None,
            members: members::Members::default(),
        }
    }
}

impl Metadata {
    /// An empty cluster: what the metadata group starts from.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the command at `index`. An error or a refusal changes nothing.
    ///
    /// # Errors
    /// Those of the operation, in the order AWS checks them; [`ana_types::KinesisError::Internal`] when
    /// `index` is not larger than every one applied before.
    pub fn apply(&mut self, index: u64, command: MetaCommand) -> MetaOutcome {
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
        let mut machine: Self = match codec::decode(bytes) {
            Err(DecodeError::Version { found: 2, .. }) => members::from_version_2(bytes)?,
            decoded => decoded?,
        };
        machine.names = invariants::names_of(&machine.streams);
        Ok(machine)
    }

    /// Checks every invariant of [`META_INVARIANTS`]; linear in all shards of the cluster: for
    /// tests, the simulation, and each checkpoint in production.
    ///
    /// # Errors
    /// The first invariant found broken.
    pub fn check(&self) -> Result<(), Violation> {
        invariants::check(self)
    }

    /// Checks only what concerns one stream: cheap enough after each command in production.
    ///
    /// # Errors
    /// The first invariant found broken.
    pub fn check_stream(&self, key: StreamKey) -> Result<(), Violation> {
        self.streams
            .get(&key)
            .map_or(Ok(()), |stream| invariants::check_stream(self, key, stream))
    }

    /// Grows by one with every command that changed something; 0 for an empty cluster.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Index of the last command applied; 0 before the first.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        self.last_index
    }

    /// Present once the cluster is initialised.
    #[must_use]
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// All registered nodes.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<NodeId, NodeState> {
        &self.nodes
    }

    /// One node.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&NodeState> {
        self.nodes.get(&node)
    }

    /// The stream of that name, whatever its status.
    #[must_use]
    pub fn stream(&self, name: &StreamName) -> Option<&StreamState> {
        self.names.get(name).and_then(|key| self.streams.get(key))
    }

    /// The stream of that key, whatever its status.
    #[must_use]
    pub fn stream_by_key(&self, key: StreamKey) -> Option<&StreamState> {
        self.streams.get(&key)
    }

    /// All streams by name, in byte order, after `after` where it is given.
    pub fn streams_by_name<'a>(
        &'a self,
        after: Option<&StreamName>,
    ) -> impl Iterator<Item = &'a StreamState> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, |name| Bound::Excluded(name.clone()));
        self.names
            .range((from, Bound::Unbounded))
            .filter_map(|(_, key)| self.streams.get(key))
    }

    /// All streams by key.
    #[must_use]
    pub fn streams(&self) -> &BTreeMap<StreamKey, StreamState> {
        &self.streams
    }

    /// All live data groups.
    #[must_use]
    pub fn groups(&self) -> &BTreeMap<GroupId, GroupState> {
        &self.groups
    }

    /// One live data group.
    #[must_use]
    pub fn group(&self, group: GroupId) -> Option<&GroupState> {
        self.groups.get(&group)
    }

    /// Ids of all groups that were deleted. A node deletes a replica only when it finds it here.
    #[must_use]
    pub fn deleted_groups(&self) -> &GroupIds {
        &self.deleted_groups
    }

    /// The account's throughput commitment.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        self.commitment
    }

    /// Open shards that provisioned streams may have together.
    #[must_use]
    pub fn shard_limit(&self) -> u32 {
        self.shard_limit
    }

    /// Open shards that count against [`Self::shard_limit`]: those of provisioned streams that are
    /// not being deleted; a split under way counts as done.
    #[must_use]
    pub fn open_shard_count(&self) -> u32 {
        streams::open_shard_count(self)
    }

    /// How many on-demand streams there are that are not being deleted.
    #[must_use]
    pub fn on_demand_stream_count(&self) -> u32 {
        streams::on_demand_stream_count(self)
    }
}
