//! How far a fault can reach: which zones and nodes, or whose requests.
//!
//! Must stay true: the reach is never smaller than what the fault can hit when it fires. Where only that moment
//! tells, every zone it might be is counted. A link hurts both of its ends, as a replica that is not heard is
//! as good as gone; where one end is `others`, only the end that is cut off from them.

use crate::action::{Action, Harm};
use crate::operation::Operation;
use crate::targets::{Count, End, Link, NodeSet, Nodes, Requests, Target, Zones};
use crate::topology::Topology;
use ana_types::{NodeId, Zone};
use std::collections::BTreeSet;
use std::fmt;

/// Zones of a cluster that is not known, for a plan without one. Three are what is recommended.
pub const ZONES_ASSUMED: u32 = 3;
/// Voters of a shard that do not lead it: one in each of the other zones.
const FOLLOWERS_MAX: u32 = 2;

/// How far a fault can reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blast {
    /// Zones it hurts for sure.
    pub zones: BTreeSet<Zone>,
    /// Further zones it may hurt; which ones, only the moment tells.
    pub zones_more: u32,
    /// Nodes that are named, or known because their zone is.
    pub nodes: BTreeSet<NodeId>,
    /// Those of them whose zone is not known. Each may stand in a zone of its own.
    pub nodes_unplaced: BTreeSet<NodeId>,
    /// Whether the zones are hurt one node after another.
    pub one_at_a_time: bool,
    /// Requests that it spoils, narrowed to the operations that the fault concerns.
    pub requests: Option<Requests>,
}

impl Blast {
    /// The reach of an action at a target, in a cluster that may be known.
    pub fn of(action: &Action, on: &Target, topology: Option<&Topology>) -> Blast {
        let harm = action.spec().harm;
        let mut blast = match (harm, on) {
            (Harm::Nothing, _) => return Blast::default(),
            (_, Target::Zones(zones)) => of_zones(zones, topology),
            (_, Target::Nodes(nodes)) => of_nodes(nodes, topology),
            (_, Target::Link(link)) => of_link(link, topology),
            (_, Target::Requests(requests)) => {
                return Blast {
                    requests: Some(narrowed(requests, action)),
                    ..Blast::default()
                };
            }
        };
        blast.one_at_a_time = harm == Harm::OneNodeAtATime;
        blast
    }

    /// Zones that may be hurt at once, of `total`.
    pub fn zones_most(&self, total: u32) -> u32 {
        let most = len(self.zones.len())
            .saturating_add(self.zones_unnamed())
            .min(total);
        if self.one_at_a_time {
            most.min(1)
        } else {
            most
        }
    }

    /// The reach of two faults at once. Zones that are not named may be others each time.
    #[must_use]
    pub fn join(&self, other: &Blast) -> Blast {
        let (mut joined, other) = (self.at_a_moment(), other.at_a_moment());
        joined.zones.extend(other.zones);
        joined.zones_more = joined.zones_more.saturating_add(other.zones_more);
        joined.nodes.extend(other.nodes);
        joined.nodes_unplaced.extend(other.nodes_unplaced);
        joined
    }

    /// One node after another in several zones is one more zone at any moment, wherever it is.
    fn at_a_moment(&self) -> Blast {
        let reach = self.zones_most(u32::MAX);
        let mut moment = Blast {
            one_at_a_time: false,
            ..self.clone()
        };
        if reach < moment.zones_most(u32::MAX) {
            moment.zones.clear();
            moment.nodes_unplaced.clear();
            moment.zones_more = reach;
        }
        moment
    }

    fn zones_unnamed(&self) -> u32 {
        self.zones_more
            .saturating_add(len(self.nodes_unplaced.len()))
    }
}

fn len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Zones of the cluster, or as many as are assumed.
pub(crate) fn zones_of(topology: Option<&Topology>) -> u32 {
    topology.map_or(ZONES_ASSUMED, |topology| len(topology.zones().len()))
}

fn of_zones(zones: &Zones, topology: Option<&Topology>) -> Blast {
    match zones {
        Zones::Named(zone) => of_zone(zone, topology),
        Zones::Some(count) => {
            let total = zones_of(topology);
            let share = |total: u32| usize::try_from(total).unwrap_or(usize::MAX);
            let more = match *count {
                Count::One => 1,
                Count::All => total,
                Count::Exactly(most) | Count::UpTo(most) => most.min(total),
                Count::Share(percent) => u32::try_from(percent.of(share(total))).unwrap_or(total),
            };
            Blast {
                zones_more: more,
                ..Blast::default()
            }
        }
    }
}

fn of_zone(zone: &Zone, topology: Option<&Topology>) -> Blast {
    let nodes = topology
        .map(|topology| topology.nodes_of(zone))
        .unwrap_or_default();
    Blast {
        zones: BTreeSet::from([zone.clone()]),
        nodes,
        ..Blast::default()
    }
}

fn of_nodes(nodes: &Nodes, topology: Option<&Topology>) -> Blast {
    let more = |zones_more| Blast {
        zones_more,
        ..Blast::default()
    };
    match nodes {
        Nodes::Named(node) => of_node(*node, topology),
        Nodes::Leader(_) | Nodes::Follower(_) | Nodes::MetaLeader => more(1),
        Nodes::Some(_, NodeSet::InZone(zone)) => Blast {
            nodes: BTreeSet::new(),
            ..of_zone(zone, topology)
        },
        Nodes::Some(count, NodeSet::All) => more(nodes_most(*count, zones_of(topology))),
        Nodes::Some(count, NodeSet::FollowersOf(_)) => more(nodes_most(*count, FOLLOWERS_MAX)),
    }
}

/// Zones that so many nodes stand in, at most. A share of unknown nodes may stand in every zone.
fn nodes_most(count: Count, total: u32) -> u32 {
    match count {
        Count::One => 1,
        Count::Exactly(most) | Count::UpTo(most) => most.min(total),
        Count::All | Count::Share(_) => total,
    }
}

fn of_node(node: NodeId, topology: Option<&Topology>) -> Blast {
    let zone = topology
        .and_then(|topology| topology.nodes.get(&node))
        .cloned();
    let nodes = BTreeSet::from([node]);
    let nodes_unplaced = if zone.is_none() {
        nodes.clone()
    } else {
        BTreeSet::new()
    };
    Blast {
        zones: zone.into_iter().collect(),
        nodes,
        nodes_unplaced,
        ..Blast::default()
    }
}

fn of_link(link: &Link, topology: Option<&Topology>) -> Blast {
    let end = |end: &End| match end {
        End::Zone(zone) => of_zone(zone, topology),
        End::Node(node) => of_node(*node, topology),
        End::Leader(_) | End::MetaLeader => Blast {
            zones_more: 1,
            ..Blast::default()
        },
        End::Others => Blast::default(),
    };
    end(&link.from).join(&end(&link.to))
}

fn narrowed(requests: &Requests, action: &Action) -> Requests {
    let mut narrowed = requests.clone();
    if narrowed.operations.is_empty() {
        let concerns: BTreeSet<Operation> = action.operations().iter().copied().collect();
        narrowed.operations = concerns;
    }
    narrowed
}

impl fmt::Display for Blast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(requests) = &self.requests {
            let operations: Vec<&str> =
                requests.operations.iter().map(|each| each.name()).collect();
            return match operations.as_slice() {
                [] => f.write_str("requests alone"),
                some => write!(f, "requests alone: {}", some.join(", ")),
            };
        }
        let named: Vec<String> = self.zones.iter().map(ToString::to_string).collect();
        let things = |count: u32| if count == 1 { "zone" } else { "zones" };
        match (named.len(), self.zones_unnamed()) {
            (0, 0) => return f.write_str("nothing"),
            (0, more) => write!(f, "up to {more} {}", things(more))?,
            (1, 0) => write!(f, "zone {}", named.concat())?,
            (_, 0) => write!(f, "zones {}", named.join(", "))?,
            (_, more) => write!(f, "zone {} and up to {more} more", named.join(", "))?,
        }
        if !self.nodes.is_empty() {
            let nodes: Vec<String> = self.nodes.iter().map(ToString::to_string).collect();
            let word = if nodes.len() == 1 { "node" } else { "nodes" };
            write!(f, ", {word} {}", nodes.join(", "))?;
        }
        if self.one_at_a_time {
            f.write_str(", one node at a time")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "blast/blast_test.rs"]
mod blast_test;
