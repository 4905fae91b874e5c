//! Which group carries which shard, and which nodes carry which group.
//!
//! - *Voters*: one active node in each of up to three zones; the least loaded zones (by their least loaded
//!   node) first, in each the least loaded node. Load is the number of groups; ties go to the lower
//!   zone name and node id.
//! - *Preferred leader*: dealt so that the leaders of one stream stand in different zones, then so
//!   that zones, then nodes, lead equally many groups.
//! - *Shards of a new stream* go to groups in contiguous runs of hash range: neighbours are what
//!   merges join, and parents and children in one group close and open in a single entry.
//!
//! All of it is counted from the machine at the moment of the command; nothing is remembered, so
//! nothing can be wrong later.

use super::members::MoveStep;
use super::{GroupState, Metadata, NodeState, StreamState, split};
use ana_types::{GroupId, KinesisError, NodeId, StreamKey, Zone};
use std::collections::{BTreeMap, BTreeSet};

/// Voters of a group: one in each of this many zones, or in each zone where there are fewer.
pub const VOTERS_PER_GROUP_MAX: usize = 3;
/// Open shards a group is dealt when a stream is created.
pub const GROUP_OPEN_SHARDS_DEALT: u32 = 16;
/// Open shards a group may grow to by splits, whose children stay with their parent. Beyond it the
/// children go to another group of the stream.
pub const GROUP_OPEN_SHARDS_MAX: u32 = 32;

/// How many groups a new stream of `shards` shards gets.
pub(super) fn groups_for(machine: &Metadata, shards: u32) -> u32 {
    let zones: BTreeSet<&Zone> = placeable(machine).map(|(_, node)| &node.zone).collect();
    let zones = u32::try_from(zones.len()).unwrap_or(u32::MAX);
    shards
        .min(zones)
        .max(shards.div_ceil(GROUP_OPEN_SHARDS_DEALT))
}

/// Nodes that new replicas may be placed on: neither those that have not come up yet nor those that go.
fn placeable(machine: &Metadata) -> impl Iterator<Item = (NodeId, &NodeState)> {
    let nodes = machine.nodes.iter().map(|(id, node)| (*id, node));
    nodes.filter(|(id, _)| machine.members.is_active(*id))
}

/// Which of `groups` groups carries shard `at` of `shards`: contiguous runs that differ in length
/// by at most one.
pub(super) fn group_of(at: u32, shards: u32, groups: u32) -> usize {
    let group = u64::from(at) * u64::from(groups) / u64::from(shards);
    usize::try_from(group).expect("a group number is below the 32-bit number of groups")
}

/// Adds `count` new groups for a stream, each placed with the ones before it counted.
///
/// # Errors
/// When the cluster is not initialised or has no active node.
pub(super) fn add_groups(
    machine: &mut Metadata,
    stream: StreamKey,
    count: u32,
) -> Result<Vec<GroupId>, KinesisError> {
    if machine.cluster.is_none() || placeable(machine).next().is_none() {
        return Err(KinesisError::Unavailable {
            why: "the cluster is not initialised".into(),
        });
    }
    let mut load = Load::of(machine, stream);
    let mut added = Vec::new();
    for _ in 0..count {
        let group = GroupId(machine.next_group);
        machine.next_group += 1;
        let voters = load.choose_voters(machine);
        let preferred_leader = load.choose_leader(machine, &voters);
        load.nodes.add(&voters);
        load.add_leader(machine, preferred_leader, true);
        machine.groups.insert(
            group,
            GroupState {
                stream,
                voters,
                preferred_leader,
            },
        );
        added.push(group);
    }
    Ok(added)
}

/// The group for the children of a split that would leave `own` with `own_after` open shards: the
/// parent's, else the emptiest other group of the stream that stays within what is dealt, else a
/// new one (`None`).
pub(super) fn group_for_children(
    stream: &StreamState,
    own: GroupId,
    own_after: u32,
    children: u32,
) -> Option<GroupId> {
    if own_after <= GROUP_OPEN_SHARDS_MAX {
        return Some(own);
    }
    stream
        .groups
        .iter()
        .filter(|group| **group != own)
        .map(|&group| (stream.open_in_group(group), group))
        .filter(|(open, _)| open + children <= GROUP_OPEN_SHARDS_DEALT)
        .min()
        .map(|(_, group)| group)
}

/// What of a stream that is scaled is to stand in one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// Open shards of each group.
    pub(super) shards: u32,
    /// Groups of the stream.
    pub(super) groups: u32,
}

/// The group for the children of a split while a stream is scaled up: the parent's as long as it keeps
/// to its share, else one that has room or a new one, so that more shards mean more leaders in more
/// zones. `None` is a new one.
pub(super) fn group_for_resize(
    stream: &StreamState,
    own: GroupId,
    own_after: u32,
    share: Share,
) -> Option<GroupId> {
    if own_after <= share.shards {
        return Some(own);
    }
    let with_room = stream
        .groups
        .iter()
        .filter(|group| **group != own)
        .map(|&group| (stream.open_in_group(group), group))
        .filter(|(open, _)| open + split::CHILDREN <= share.shards)
        .min()
        .map(|(_, group)| group);
    let groups = u32::try_from(stream.groups.len()).unwrap_or(u32::MAX);
    match with_room {
        Some(group) => Some(group),
        None if groups < share.groups => None,
        None => group_for_children(stream, own, own_after, split::CHILDREN),
    }
}

/// How many data groups each node carries, moves that are under way counted as done.
#[derive(Debug, Default)]
pub(super) struct NodeLoads {
    groups: BTreeMap<NodeId, u64>,
}

impl NodeLoads {
    pub(super) fn of(machine: &Metadata) -> Self {
        let mut loads = Self::default();
        for (id, group) in &machine.groups {
            let moved = machine.members.moves.get(id);
            match moved.filter(|it| it.step != MoveStep::Back) {
                Some(it) => loads.add(&it.voters_after(&group.voters)),
                None => loads.add(&group.voters),
            }
        }
        loads
    }

    pub(super) fn of_node(&self, node: NodeId) -> u64 {
        get(&self.groups, &node)
    }

    fn add(&mut self, voters: &[NodeId]) {
        for voter in voters {
            *self.groups.entry(*voter).or_default() += 1;
        }
    }
}

/// What nodes and zones carry at this moment.
#[derive(Debug, Default)]
struct Load {
    nodes: NodeLoads,
    leaders_of_node: BTreeMap<NodeId, u64>,
    leaders_of_zone: BTreeMap<Zone, u64>,
    /// Counts only the leaders of the stream that the groups are for.
    leaders_of_zone_in_stream: BTreeMap<Zone, u64>,
}

impl Load {
    fn of(machine: &Metadata, stream: StreamKey) -> Self {
        let mut load = Self {
            nodes: NodeLoads::of(machine),
            ..Self::default()
        };
        for group in machine.groups.values() {
            load.add_leader(machine, group.preferred_leader, group.stream == stream);
        }
        load
    }

    fn add_leader(&mut self, machine: &Metadata, leader: NodeId, same_stream: bool) {
        *self.leaders_of_node.entry(leader).or_default() += 1;
        let Some(node) = machine.nodes.get(&leader) else {
            return;
        };
        *self.leaders_of_zone.entry(node.zone.clone()).or_default() += 1;
        if same_stream {
            *self
                .leaders_of_zone_in_stream
                .entry(node.zone.clone())
                .or_default() += 1;
        }
    }

    fn choose_voters(&self, machine: &Metadata) -> Vec<NodeId> {
        let mut best: BTreeMap<&Zone, (u64, NodeId)> = BTreeMap::new();
        for (id, node) in placeable(machine) {
            let candidate = (self.nodes.of_node(id), id);
            let least = best.entry(&node.zone).or_insert(candidate);
            *least = candidate.min(*least);
        }
        let mut zones: Vec<(u64, &Zone, NodeId)> = best
            .into_iter()
            .map(|(zone, (groups, id))| (groups, zone, id))
            .collect();
        zones.sort_unstable();
        zones.truncate(VOTERS_PER_GROUP_MAX);
        let mut voters: Vec<NodeId> = zones.into_iter().map(|(_, _, id)| id).collect();
        voters.sort_unstable();
        voters
    }

    fn choose_leader(&self, machine: &Metadata, voters: &[NodeId]) -> NodeId {
        let burden = |id: &NodeId| {
            let zone = &machine
                .nodes
                .get(id)
                .expect("voters are chosen among the nodes")
                .zone;
            (
                get(&self.leaders_of_zone_in_stream, zone),
                get(&self.leaders_of_zone, zone),
                get(&self.leaders_of_node, id),
                *id,
            )
        };
        voters
            .iter()
            .copied()
            .min_by_key(burden)
            .expect("a cluster with nodes gives voters")
    }
}

fn get<K: Ord>(counts: &BTreeMap<K, u64>, key: &K) -> u64 {
    counts.get(key).copied().unwrap_or(0)
}
