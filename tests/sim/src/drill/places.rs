//! The simulated cluster as a drill's targets see it.

use std::collections::{BTreeMap, BTreeSet};

use ana_drill::Topology;
use ana_drill::topology::{ShardName, ShardPlace};
use ana_types::{ShardIndex, StreamName};

/// Where everything is when a step fires.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Nodes and zones, and every stream that a step names with the shards of the simulation's.
    pub topology: Topology,
    /// The place of each shard's group among the groups.
    pub groups: BTreeMap<ShardIndex, usize>,
}

impl Places {
    /// Lets these streams stand for the simulation's, whose open shards have these places.
    pub(crate) fn name(
        &mut self,
        streams: &BTreeSet<StreamName>,
        shards: &BTreeMap<ShardIndex, ShardPlace>,
    ) {
        for stream in streams {
            self.topology
                .streams
                .insert(stream.clone(), BTreeMap::new());
            for (shard, place) in shards {
                let name = ShardName {
                    stream: stream.clone(),
                    shard: *shard,
                };
                self.topology.shards.insert(name, place.clone());
            }
        }
    }
}
