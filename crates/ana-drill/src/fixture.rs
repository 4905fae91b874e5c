//! A small cluster for the tests: nine nodes in three zones, two streams.

use crate::topology::{ShardName, ShardPlace, Topology};
use ana_types::{NodeId, ShardIndex, StreamName, Zone};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn stream(name: &str) -> StreamName {
    StreamName::new(name).expect("the name of a stream")
}

/// Nodes 1, 4, 7 in zone a, 2, 5, 8 in b, 3, 6, 9 in c. `orders` has shard 0, led by node 1, and shard 1,
/// which has no leader. Node 9 leads the metadata group.
pub(crate) fn nine_nodes() -> Topology {
    let zones = ["a", "b", "c"].map(|name| Zone::new(name).expect("a zone"));
    let nodes = (1..=9_u64).map(NodeId).zip(zones.iter().cloned().cycle());
    let shard = |index| ShardName {
        stream: stream("orders"),
        shard: ShardIndex(index),
    };
    let voters = || BTreeSet::from([NodeId(1), NodeId(2), NodeId(3)]);
    Topology {
        nodes: nodes.collect(),
        meta_leader: Some(NodeId(9)),
        streams: BTreeMap::from([
            (
                stream("orders"),
                BTreeMap::from([("env".to_owned(), "prod".to_owned())]),
            ),
            (stream("clicks"), BTreeMap::new()),
        ]),
        shards: BTreeMap::from([
            (
                shard(0),
                ShardPlace {
                    leader: Some(NodeId(1)),
                    voters: voters(),
                },
            ),
            (
                shard(1),
                ShardPlace {
                    leader: None,
                    voters: voters(),
                },
            ),
        ]),
    }
}
