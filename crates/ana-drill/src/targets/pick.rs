//! What a target turned out to be when its fault fired: plain names, fit to be recorded and printed.

use super::print::listed;
use crate::operation::Operation;
use ana_types::{NodeId, ShardIndex, StreamName, Zone};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The members of a target at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// Zones, each with its nodes.
    Zones(BTreeMap<Zone, BTreeSet<NodeId>>),
    /// Nodes, each with its zone.
    Nodes(BTreeMap<NodeId, Zone>),
    /// Directed links between nodes.
    Wires(BTreeSet<Wire>),
    /// Requests.
    Requests {
        /// The streams they name.
        streams: BTreeSet<StreamName>,
        /// Only those on this shard.
        shard: Option<ShardIndex>,
        /// Only these operations; all where empty.
        operations: BTreeSet<Operation>,
        /// Only those of these callers; everybody's where empty.
        principals: BTreeSet<String>,
    },
}

/// The messages from one node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wire {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
}

impl Pick {
    /// The nodes that the pick touches, both ends of each link included; none for requests.
    pub fn nodes(&self) -> BTreeSet<NodeId> {
        match self {
            Pick::Zones(zones) => zones.values().flatten().copied().collect(),
            Pick::Nodes(nodes) => nodes.keys().copied().collect(),
            Pick::Wires(wires) => wires.iter().flat_map(|wire| [wire.from, wire.to]).collect(),
            Pick::Requests { .. } => BTreeSet::new(),
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pick::Zones(zones) => {
                let each = |(zone, nodes): (&Zone, &BTreeSet<NodeId>)| {
                    let word = if nodes.len() == 1 { "node" } else { "nodes" };
                    format!("zone {zone} ({word} {})", listed(nodes))
                };
                f.write_str(&listed(zones.iter().map(each)))
            }
            Pick::Nodes(nodes) => {
                let each = |(node, zone): (&NodeId, &Zone)| format!("node {node} (zone {zone})");
                f.write_str(&listed(nodes.iter().map(each)))
            }
            Pick::Wires(wires) => write!(f, "links {}", listed(wires)),
            Pick::Requests {
                streams,
                shard,
                operations,
                principals,
            } => {
                write!(f, "streams {}", listed(streams))?;
                if let Some(shard) = shard {
                    write!(f, " {shard}")?;
                }
                if !operations.is_empty() {
                    write!(f, " op {}", listed(operations))?;
                }
                if !principals.is_empty() {
                    write!(f, " principal {}", listed(principals))?;
                }
                Ok(())
            }
        }
    }
}
