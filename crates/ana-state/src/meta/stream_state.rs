//! A stream as the metadata machine knows it, and the questions routers ask of it.
//!
//! Two views differ while a reshard is under way: *listings* show the shards as before until it is
//! finished ([`StreamState::listed_shards`]), *routing* follows the data groups and turns to the
//! children as soon as the parents are closed ([`StreamState::writable_shards`]).

use super::consumers::ConsumerState;
use super::resize::Resize;
use super::scaling::Scaling;
use super::settings::StreamSettings;
use crate::shard::ChildSpec;
use ana_types::{
    ConsumerName, ConsumerStatus, GroupId, HashKey, ShardClosed, ShardIndex, ShardInfo, StreamKey,
    StreamMode, StreamName, StreamStatus,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// Its identity; a stream created again under the same name has another.
    pub key: StreamKey,
    /// Its name.
    pub name: StreamName,
    /// Where it is in its life.
    pub status: StreamStatus,
    /// Who decides about the number of its shards.
    pub mode: StreamMode,
    /// Time of creation in milliseconds.
    pub created_ms: u64,
    /// How long records are kept, in hours.
    pub retention_hours: u32,
    /// Greatest record, data and partition key, in KiB.
    pub max_record_kib: u32,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The shards that listings know of: open ones, and closed ones until they expire.
    pub shards: BTreeMap<ShardIndex, ShardInfo>,
    /// The groups that carry its shards, by ascending id.
    pub groups: Vec<GroupId>,
    /// The index the next new shard gets.
    pub next_shard: ShardIndex,
    /// What is under way; present exactly while the status is not ACTIVE. A reshard of its own
    /// accord stands in `scaling` and does not show.
    pub pending: Option<Pending>,
    /// Registered consumers, also those being created or removed.
    pub consumers: BTreeMap<ConsumerName, ConsumerState>,
    /// Settings that change nothing about its shards.
    pub settings: StreamSettings,
    /// What decides about its capacity besides its shards.
    pub scaling: Scaling,
}

/// Something that takes time, and that the driver carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What.
    pub kind: PendingKind,
    /// Since when, in milliseconds.
    pub since_ms: u64,
}

/// What is under way on a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PendingKind {
    /// Groups are to be started and shards opened in them, then `ActivateStream`.
    Create,
    /// `FinishDelete` is due.
    Delete,
    /// The new retention holds already; `FinishUpdate` is due.
    Retention,
    /// A split or a merge.
    Reshard(Reshard),
    /// A new setting holds already (metrics, encryption, greatest record); `FinishUpdate` is due.
    Setting,
    /// A new capacity mode or warm throughput holds already, with as many shards as there are;
    /// `FinishUpdate` is due.
    Mode,
    /// On the way to another number of equal shards: `FinishUpdate` begins it, then reshard follows
    /// upon reshard.
    Resize(Resize),
}

/// Whether shards are split or merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReshardKind {
    /// One parent, two children.
    Split,
    /// Two parents, one child.
    Merge,
}

/// A split or merge under way. Steps: close the parents in their groups, `ParentsClosed`, open the
/// children in `group`, `FinishReshard`. When `group` is the group of all parents, closing and
/// opening are one entry there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reshard {
    /// Which of the two.
    pub kind: ReshardKind,
    /// The parents; of a merge, the lower one first.
    pub parents: Vec<ShardIndex>,
    /// The group the children go to.
    pub group: GroupId,
    /// The children, by ascending range.
    pub children: Vec<ChildSpec>,
    /// Present once the parents are closed; from then on there is no way back.
    pub closed: Option<ReshardClosed>,
}

/// What became known when the parents of a reshard were closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReshardClosed {
    /// How each parent ended, in the order of [`Reshard::parents`].
    pub parents: Vec<(ShardIndex, ShardClosed)>,
    /// The children with their creation times: what to open, and what will be listed.
    pub children: Vec<ShardInfo>,
}

impl Reshard {
    /// Names this reshard among all of its stream: indexes are never used again.
    #[must_use]
    pub fn first_child(&self) -> Option<ShardIndex> {
        self.children.first().map(|child| child.shard)
    }

    /// The index that the next new shard of its stream gets.
    pub(super) fn after_last_child(&self) -> Option<ShardIndex> {
        let last = self.children.iter().map(|child| child.shard).max();
        last.and_then(ShardIndex::next)
    }
}

impl StreamState {
    /// The shards as listings show them: none while the stream is created or deleted.
    pub fn listed_shards(&self) -> impl DoubleEndedIterator<Item = &ShardInfo> {
        let shown = matches!(self.status, StreamStatus::Active | StreamStatus::Updating);
        self.shards.values().filter(move |_| shown)
    }

    /// The shards that take records now, in no particular order. They tile the hash space.
    pub fn writable_shards(&self) -> impl Iterator<Item = &ShardInfo> {
        let closed = self.reshard().and_then(|reshard| reshard.closed.as_ref());
        let children = closed.into_iter().flat_map(|closed| closed.children.iter());
        self.shards
            .values()
            .filter(move |info| {
                let closing = closed.is_some_and(|closed| {
                    closed
                        .parents
                        .iter()
                        .any(|(parent, _)| *parent == info.shard)
                });
                info.is_open() && !closing
            })
            .chain(children)
    }

    /// The shard that takes records with this hash key now. Looks at all shards: whoever routes many
    /// records builds a map of [`Self::writable_shards`] instead.
    #[must_use]
    pub fn route(&self, key: HashKey) -> Option<&ShardInfo> {
        self.writable_shards().find(|info| info.range.contains(key))
    }

    /// A shard, listed or a child that is about to be.
    #[must_use]
    pub fn shard(&self, shard: ShardIndex) -> Option<&ShardInfo> {
        self.shards.get(&shard).or_else(|| {
            let closed = self.reshard()?.closed.as_ref()?;
            closed.children.iter().find(|info| info.shard == shard)
        })
    }

    /// The split or merge under way, if one is: asked for, a step of a resize, or of the stream's own
    /// accord. There is never more than one.
    #[must_use]
    pub fn reshard(&self) -> Option<&Reshard> {
        let own = self.scaling.step.as_ref();
        own.or_else(
            || match self.pending.as_ref().map(|pending| &pending.kind) {
                Some(PendingKind::Reshard(reshard)) => Some(reshard),
                Some(PendingKind::Resize(resize)) => resize.step.as_ref(),
                _ => None,
            },
        )
    }

    /// The reshard under way, to be changed, and the shards beside it.
    pub(super) fn reshard_mut(
        &mut self,
    ) -> Option<(&mut Reshard, &BTreeMap<ShardIndex, ShardInfo>)> {
        let own = self.scaling.step.as_mut();
        let reshard =
            own.or_else(
                || match self.pending.as_mut().map(|pending| &mut pending.kind) {
                    Some(PendingKind::Reshard(reshard)) => Some(reshard),
                    Some(PendingKind::Resize(resize)) => resize.step.as_mut(),
                    _ => None,
                },
            );
        Some((reshard?, &self.shards))
    }

    /// Whether the driver has something to do about it.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.pending.is_some() || self.scaling.step.is_some()
    }

    /// Open shards as listings count them.
    #[must_use]
    pub fn open_shard_count(&self) -> u32 {
        count(self.shards.values().filter(|info| info.is_open()))
    }

    /// Shards of `group` that take records now.
    #[must_use]
    pub fn open_in_group(&self, group: GroupId) -> u32 {
        count(self.writable_shards().filter(|info| info.group == group))
    }

    /// Open shards as the account's limit counts them: a split or resize under way counts as done.
    pub(super) fn shards_charged(&self) -> u32 {
        if let Some(PendingKind::Resize(resize)) = self.pending.as_ref().map(|it| &it.kind) {
            return resize.shards_charged(self.open_shard_count());
        }
        let split = self
            .reshard()
            .is_some_and(|reshard| reshard.kind == ReshardKind::Split);
        self.open_shard_count() + u32::from(split)
    }

    pub(super) fn become_active(&mut self) {
        self.status = StreamStatus::Active;
        self.pending = None;
    }

    pub(super) fn become_updating(&mut self, kind: PendingKind, since_ms: u64) {
        self.status = StreamStatus::Updating;
        self.pending = Some(Pending { kind, since_ms });
    }

    /// Registered consumers as limits and descriptions count them: those on their way out do not.
    #[must_use]
    pub fn consumer_count(&self) -> u32 {
        let staying = self
            .consumers
            .values()
            .filter(|it| it.status != ConsumerStatus::Deleting)
            .count();
        u32::try_from(staying).unwrap_or(u32::MAX)
    }

    /// Retention in milliseconds.
    #[must_use]
    pub fn retention_ms(&self) -> u64 {
        u64::from(self.retention_hours) * 3_600_000
    }
}

fn count<'a>(shards: impl Iterator<Item = &'a ShardInfo>) -> u32 {
    u32::try_from(shards.count()).expect("a stream has at most 2^31 shards")
}
