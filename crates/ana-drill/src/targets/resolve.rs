//! From a target to its members, by the topology at the moment and the drill's seed.

use super::{
    Count, End, Link, NodeSet, Nodes, Pick, Requests, StreamSet, Streams, Target, Wire, Zones,
};
use crate::chance::Chance;
use crate::topology::{ShardName, ShardPlace, Topology};
use ana_types::{NodeId, StreamName, Zone};
use std::collections::{BTreeMap, BTreeSet};

/// Why a target has no members now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No node stands in the zone.
    #[error("there is no zone {0}")]
    NoSuchZone(Zone),
    /// The cluster has no such node.
    #[error("there is no node {0}")]
    NoSuchNode(NodeId),
    /// The cluster has no such stream.
    #[error("there is no stream {0}")]
    NoSuchStream(StreamName),
    /// The stream has no such open shard.
    #[error("there is no open shard {0}")]
    NoSuchShard(ShardName),
    /// The shard has no leader now.
    #[error("{0} has no leader now")]
    NoLeader(ShardName),
    /// The metadata group has no leader now.
    #[error("the metadata group has no leader now")]
    NoMetaLeader,
    /// The set is empty.
    #[error("there is nothing to pick from")]
    Nothing,
    /// The set is smaller than what was asked.
    #[error("{asked} were asked for, and there are {found}")]
    TooFew {
        /// How many were asked for.
        asked: u32,
        /// How many there are.
        found: usize,
    },
}

impl Target {
    /// The members of the target. The same target, topology and seed give the same members.
    pub fn resolve(&self, topology: &Topology, chance: &mut Chance) -> Result<Pick, ResolveError> {
        match self {
            Target::Zones(zones) => zones.resolve(topology, chance),
            Target::Nodes(nodes) => nodes.resolve(topology, chance),
            Target::Link(link) => link.resolve(topology),
            Target::Requests(requests) => requests.resolve(topology, chance),
        }
    }
}

impl Count {
    fn pick<T: Ord>(
        self,
        all: impl IntoIterator<Item = T>,
        chance: &mut Chance,
    ) -> Result<BTreeSet<T>, ResolveError> {
        let all: BTreeSet<T> = all.into_iter().collect();
        let found = all.len();
        let count = match self {
            Count::One => 1,
            Count::All => found,
            Count::Share(share) => share.of(found),
            Count::UpTo(most) => usize::try_from(most).unwrap_or(found).min(found),
            Count::Exactly(asked) => match usize::try_from(asked) {
                Ok(count) if count <= found => count,
                _ => return Err(ResolveError::TooFew { asked, found }),
            },
        };
        if found == 0 {
            return Err(ResolveError::Nothing);
        }
        Ok(chance.some_of(all, count).into_iter().collect())
    }
}

impl Zones {
    fn resolve(&self, topology: &Topology, chance: &mut Chance) -> Result<Pick, ResolveError> {
        let picked = match self {
            Zones::Named(zone) => BTreeSet::from([zone]),
            Zones::Some(count) => count.pick(topology.zones(), chance)?,
        };
        let mut zones = BTreeMap::new();
        for zone in picked {
            zones.insert(zone.clone(), nodes_of(topology, zone)?);
        }
        Ok(Pick::Zones(zones))
    }
}

impl Nodes {
    fn resolve(&self, topology: &Topology, chance: &mut Chance) -> Result<Pick, ResolveError> {
        let picked = match self {
            Nodes::Named(node) => BTreeSet::from([*node]),
            Nodes::Leader(shard) => BTreeSet::from([leader(topology, shard)?]),
            Nodes::MetaLeader => BTreeSet::from([meta_leader(topology)?]),
            Nodes::Follower(shard) => Count::One.pick(followers(topology, shard)?, chance)?,
            Nodes::Some(count, NodeSet::All) => {
                count.pick(topology.nodes.keys().copied(), chance)?
            }
            Nodes::Some(count, NodeSet::InZone(zone)) => {
                count.pick(nodes_of(topology, zone)?, chance)?
            }
            Nodes::Some(count, NodeSet::FollowersOf(shard)) => {
                count.pick(followers(topology, shard)?, chance)?
            }
        };
        let mut nodes = BTreeMap::new();
        for node in picked {
            let zone = topology
                .nodes
                .get(&node)
                .ok_or(ResolveError::NoSuchNode(node))?;
            nodes.insert(node, zone.clone());
        }
        Ok(Pick::Nodes(nodes))
    }
}

impl Link {
    fn resolve(&self, topology: &Topology) -> Result<Pick, ResolveError> {
        let from = self.from.nodes(topology)?;
        let to = self.to.nodes(topology)?;
        let but = |those: &BTreeSet<NodeId>| -> BTreeSet<NodeId> {
            topology
                .nodes
                .keys()
                .copied()
                .filter(|node| !those.contains(node))
                .collect()
        };
        let (from, to) = match (from, to) {
            (Some(from), Some(to)) => (from, to),
            (Some(from), None) => (from.clone(), but(&from)),
            (None, Some(to)) => (but(&to), to),
            (None, None) => return Err(ResolveError::Nothing),
        };
        let mut wires = BTreeSet::new();
        for &a in &from {
            for &b in to.iter().filter(|b| **b != a) {
                wires.insert(Wire { from: a, to: b });
                if self.both_ways {
                    wires.insert(Wire { from: b, to: a });
                }
            }
        }
        if wires.is_empty() {
            return Err(ResolveError::Nothing);
        }
        Ok(Pick::Wires(wires))
    }
}

impl End {
    /// The nodes at this end; `None` for those that the other end leaves.
    fn nodes(&self, topology: &Topology) -> Result<Option<BTreeSet<NodeId>>, ResolveError> {
        Ok(Some(match self {
            End::Zone(zone) => nodes_of(topology, zone)?,
            End::Node(node) if topology.nodes.contains_key(node) => BTreeSet::from([*node]),
            End::Node(node) => return Err(ResolveError::NoSuchNode(*node)),
            End::Leader(shard) => BTreeSet::from([leader(topology, shard)?]),
            End::MetaLeader => BTreeSet::from([meta_leader(topology)?]),
            End::Others => return Ok(None),
        }))
    }
}

impl Requests {
    fn resolve(&self, topology: &Topology, chance: &mut Chance) -> Result<Pick, ResolveError> {
        let streams: BTreeSet<&StreamName> = match &self.streams {
            Streams::Named(name) => BTreeSet::from([name]),
            Streams::Some(count, StreamSet::All) => count.pick(topology.streams.keys(), chance)?,
            Streams::Some(count, StreamSet::Named(names)) => count.pick(names, chance)?,
            Streams::Some(count, StreamSet::Tagged(tags)) => {
                let all = topology.streams.iter();
                let tagged = all.filter(|(_, has)| tags.iter().all(|(k, v)| has.get(k) == Some(v)));
                count.pick(tagged.map(|(name, _)| name), chance)?
            }
        };
        for &name in &streams {
            if !topology.streams.contains_key(name) {
                return Err(ResolveError::NoSuchStream(name.clone()));
            }
            if let Some(shard) = self.shard {
                place(
                    topology,
                    &ShardName {
                        stream: name.clone(),
                        shard,
                    },
                )?;
            }
        }
        Ok(Pick::Requests {
            streams: streams.into_iter().cloned().collect(),
            shard: self.shard,
            operations: self.operations.clone(),
            principals: self.principals.clone(),
        })
    }
}

fn nodes_of(topology: &Topology, zone: &Zone) -> Result<BTreeSet<NodeId>, ResolveError> {
    let nodes = topology.nodes_of(zone);
    if nodes.is_empty() {
        return Err(ResolveError::NoSuchZone(zone.clone()));
    }
    Ok(nodes)
}

fn place<'a>(topology: &'a Topology, shard: &ShardName) -> Result<&'a ShardPlace, ResolveError> {
    let place = topology.shards.get(shard);
    place.ok_or_else(|| ResolveError::NoSuchShard(shard.clone()))
}

fn leader(topology: &Topology, shard: &ShardName) -> Result<NodeId, ResolveError> {
    let leader = place(topology, shard)?.leader;
    leader.ok_or_else(|| ResolveError::NoLeader(shard.clone()))
}

/// The voters that do not lead. Without a leader it is not known who they are.
fn followers(topology: &Topology, shard: &ShardName) -> Result<BTreeSet<NodeId>, ResolveError> {
    let leader = leader(topology, shard)?;
    let voters = place(topology, shard)?.voters.iter().copied();
    Ok(voters.filter(|node| *node != leader).collect())
}

fn meta_leader(topology: &Topology) -> Result<NodeId, ResolveError> {
    topology.meta_leader.ok_or(ResolveError::NoMetaLeader)
}
