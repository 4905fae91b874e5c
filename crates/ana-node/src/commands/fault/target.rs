//! Where a fault takes place, as a person says it, and which nodes that are by the cluster's status.

use std::str::FromStr;

use ana_types::ShardIndex;

use super::reach::answering;
use crate::admin::document::{NodeEntry, StatusDocument};
use crate::error::{CliError, Exit};

/// A target as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `stream S`, `op O`, `stream S op O`: requests, whichever node they come to.
    Requests {
        /// Only those that name this stream.
        stream: Option<String>,
        /// Only this operation.
        operation: Option<String>,
    },
    /// Where requests come in or machines stand.
    Place(Place),
    /// `link A -> B`, and `link A <-> B` for both ways.
    Link {
        /// The node that sends.
        from: u64,
        /// The node that is sent to.
        to: u64,
        /// The other way as well.
        both: bool,
    },
}

/// Some nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `node N`.
    Node(u64),
    /// `zone Z`.
    Zone(String),
    /// `leader of S/SHARD`: whoever leads when the fault is asked for.
    Leader {
        /// The stream.
        stream: String,
        /// The shard.
        shard: ShardIndex,
    },
    /// `meta leader`: whoever leads the metadata group.
    MetaLeader,
}

const FORMS: &str = "use 'stream S', 'stream S op O', 'op O', 'node N', 'zone Z', 'leader of S/SHARD', 'meta leader', \
                     'link A -> B' or 'link A <-> B'";

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |word: &str| {
            word.parse::<u64>()
                .map_err(|_not_a_number| FORMS.to_owned())
        };
        let requests = |stream: Option<&str>, operation: Option<&str>| Target::Requests {
            stream: stream.map(str::to_owned),
            operation: operation.map(str::to_owned),
        };
        Ok(match words.as_slice() {
            ["stream", stream] => requests(Some(stream), None),
            ["op", operation] => requests(None, Some(operation)),
            ["stream", stream, "op", operation] => requests(Some(stream), Some(operation)),
            ["node", node] => Target::Place(Place::Node(number(node)?)),
            ["zone", zone] => Target::Place(Place::Zone((*zone).to_owned())),
            ["meta", "leader"] => Target::Place(Place::MetaLeader),
            ["leader", "of", shard] => Target::Place(leader_of(shard).ok_or(FORMS)?),
            ["link", from, way @ ("->" | "<->"), to] => Target::Link {
                from: number(from)?,
                to: number(to)?,
                both: *way == "<->",
            },
            _ => return Err(FORMS.to_owned()),
        })
    }
}

fn leader_of(text: &str) -> Option<Place> {
    let (stream, shard) = text.split_once('/')?;
    Some(Place::Leader {
        stream: stream.to_owned(),
        shard: ShardIndex::parse_lenient(shard)?,
    })
}

fn nobody(what: String) -> CliError {
    CliError::new(Exit::NotFound, what).advice("try: ana status")
}

/// The node of that id.
pub(super) fn node(status: &StatusDocument, id: u64) -> Result<&NodeEntry, CliError> {
    let found = status.nodes.iter().find(|node| node.id == id);
    found.ok_or_else(|| nobody(format!("there is no node {id}")))
}

impl Place {
    /// The nodes that it means now; never none.
    pub(super) fn nodes<'a>(
        &self,
        status: &'a StatusDocument,
    ) -> Result<Vec<&'a NodeEntry>, CliError> {
        match self {
            Place::Node(id) => Ok(vec![node(status, *id)?]),
            Place::Zone(zone) => {
                let here = answering(&status.nodes).filter(|node| node.zone == *zone);
                let here: Vec<&NodeEntry> = here.collect();
                if here.is_empty() {
                    return Err(nobody(format!("no node runs in a zone {zone}")));
                }
                Ok(here)
            }
            Place::Leader { stream, shard } => {
                let shard = shard.to_string();
                let group = status.groups.iter().find(|group| {
                    group.stream.as_ref() == Some(stream) && group.shards.contains(&shard)
                });
                let group =
                    group.ok_or_else(|| nobody(format!("no group carries {shard} of {stream}")))?;
                let leader = group.leader.ok_or_else(|| {
                    nobody(format!("{shard} of {stream} has no leader at the moment"))
                })?;
                Ok(vec![node(status, leader)?])
            }
            Place::MetaLeader => {
                let group = status.groups.iter().find(|group| group.id == 0);
                let leader = group.and_then(|group| group.leader);
                let leader = leader.ok_or_else(|| {
                    nobody("the metadata group has no leader at the moment".to_owned())
                })?;
                Ok(vec![node(status, leader)?])
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::admin::document::{GroupEntry, Health};

    /// Three nodes in three zones, node 3 down; node 2 leads the metadata and shard 0 of orders, shard 1 has no leader.
    pub(in crate::commands::fault) fn status() -> StatusDocument {
        let node = |id: u64, zone: &str, state: &str| NodeEntry {
            id,
            zone: zone.to_owned(),
            pid: None,
            api: format!("127.0.0.1:{id}"),
            peer: format!("127.0.0.1:1{id}"),
            state: state.to_owned(),
            phase: None,
        };
        let group = |id: u64, stream: Option<&str>, shard: u32, leader| GroupEntry {
            id,
            stream: stream.map(str::to_owned),
            shards: vec![ShardIndex(shard).to_string()],
            voters: vec![1, 2, 3],
            leader,
            preferred_leader: None,
            term: 1,
            last_index: 1,
            commit_index: 1,
            applied_index: 1,
            lag: BTreeMap::new(),
            health: Health::Healthy,
            replicas: Vec::new(),
        };
        StatusDocument {
            endpoint: String::new(),
            cluster_id: None,
            supervisor: None,
            health: Health::Healthy,
            encryption_at_rest: false,
            disposable: true,
            faults: Vec::new(),
            nodes: vec![node(1, "a", "up"), node(2, "b", "up"), node(3, "c", "down")],
            groups: vec![
                group(0, None, 9, Some(2)),
                group(1, Some("orders"), 0, Some(2)),
                group(2, Some("orders"), 1, None),
            ],
            removed: Vec::new(),
            moves: Vec::new(),
        }
    }

    #[test]
    fn targets_are_read_as_written() {
        let requests = |stream: Option<&str>, operation: Option<&str>| {
            Ok(Target::Requests {
                stream: stream.map(str::to_owned),
                operation: operation.map(str::to_owned),
            })
        };
        let leader = |shard| {
            Ok(Target::Place(Place::Leader {
                stream: "orders".to_owned(),
                shard: ShardIndex(shard),
            }))
        };
        let link = |from, to, both| Ok(Target::Link { from, to, both });
        let cases = [
            ("stream orders", requests(Some("orders"), None)),
            ("op  GetRecords", requests(None, Some("GetRecords"))),
            (
                "stream orders op PutRecord",
                requests(Some("orders"), Some("PutRecord")),
            ),
            ("node 2", Ok(Target::Place(Place::Node(2)))),
            ("zone b", Ok(Target::Place(Place::Zone("b".to_owned())))),
            ("meta leader", Ok(Target::Place(Place::MetaLeader))),
            ("leader of orders/shardId-000000000007", leader(7)),
            ("leader of orders/0", leader(0)),
            ("link 1 -> 2", link(1, 2, false)),
            ("link 1 <-> 2", link(1, 2, true)),
            ("", Err(())),
            ("stream", Err(())),
            ("node two", Err(())),
            ("leader of orders", Err(())),
            ("link 1 2", Err(())),
            ("orders", Err(())),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Target>().map_err(drop), expected, "{text}");
        }
    }

    #[test]
    fn places_are_the_nodes_that_the_status_says() {
        let status = status();
        let leader = |shard| Place::Leader {
            stream: "orders".to_owned(),
            shard: ShardIndex(shard),
        };
        let cases = [
            (Place::Node(3), Some(vec![3])),
            (Place::Node(4), None),
            (Place::Zone("b".to_owned()), Some(vec![2])),
            (Place::Zone("c".to_owned()), None),
            (Place::MetaLeader, Some(vec![2])),
            (leader(0), Some(vec![2])),
            (leader(1), None),
            (leader(2), None),
        ];
        for (place, expected) in cases {
            let nodes = place.nodes(&status);
            let ids = nodes.map(|nodes| nodes.iter().map(|node| node.id).collect::<Vec<_>>());
            assert_eq!(ids.ok(), expected, "{place:?}");
        }
    }
}
