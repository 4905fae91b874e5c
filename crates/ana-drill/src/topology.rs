//! The cluster as a drill sees it at the moment a fault fires: who stands where, who leads what.

use ana_types::{NodeId, ShardIndex, StreamName, Zone};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// A shard of a stream, written `orders/shardId-000000000000`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardName {
    /// The stream.
    pub stream: StreamName,
    /// The shard.
    pub shard: ShardIndex,
}

impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stream, self.shard)
    }
}

/// The text is no `STREAM/SHARD`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a shard: write it like orders/shardId-000000000000")]
pub struct NotAShard(pub String);

impl FromStr for ShardName {
    type Err = NotAShard;

    fn from_str(text: &str) -> Result<ShardName, NotAShard> {
        let parts = text.split_once('/').and_then(|(stream, shard)| {
            let stream = StreamName::new(stream).ok()?;
            let shard = ShardIndex::parse_lenient(shard)?;
            Some(ShardName { stream, shard })
        });
        parts.ok_or_else(|| NotAShard(text.to_owned()))
    }
}

/// Who carries a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShardPlace {
    /// The leader, if there is one now.
    pub leader: Option<NodeId>,
    /// Everybody who votes, the leader among them.
    pub voters: BTreeSet<NodeId>,
}

/// The cluster at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// Every node and its zone.
    pub nodes: BTreeMap<NodeId, Zone>,
    /// The leader of the metadata group, if there is one now.
    pub meta_leader: Option<NodeId>,
    /// Every stream and its tags.
    pub streams: BTreeMap<StreamName, BTreeMap<String, String>>,
    /// Every open shard and who carries it.
    pub shards: BTreeMap<ShardName, ShardPlace>,
}

impl Topology {
    /// The zones that have a node.
    pub fn zones(&self) -> BTreeSet<&Zone> {
        self.nodes.values().collect()
    }

    /// The nodes of a zone.
    pub fn nodes_of(&self, zone: &Zone) -> BTreeSet<NodeId> {
        let there = self.nodes.iter().filter(|(_, each)| *each == zone);
        there.map(|(node, _)| *node).collect()
    }
}
