//! The cluster at one moment, joined from what several nodes and the supervisor say, and what changed since the
//! moment before. Pure.
//!
//! Must stay true:
//! - of two accounts of a group the one of the newer term counts: a node that is cut off still believes what it
//!   knew;
//! - closed shards are nobody's business: they take no writes, and nobody need lead them.

use std::collections::{BTreeMap, BTreeSet};

use ana_drill::Topology;
use ana_drill::topology::{ShardName, ShardPlace};
use ana_types::{NodeId, ShardIndex, StreamName, Zone};

use super::record::What;
use crate::admin::document::{GroupEntry, Health, NodeEntry, StatusDocument};
use crate::cluster::supervisor::NodeView;

/// The group of the metadata.
const META_GROUP: u64 = 0;

/// Streams as their lists tell them: tags, and the shards that take writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Tags of each stream.
    pub streams: BTreeMap<StreamName, BTreeMap<String, String>>,
    /// Open shards of each stream that was listed.
    pub open: BTreeMap<StreamName, BTreeSet<ShardIndex>>,
}

impl Census {
    /// Whether a shard takes writes, as far as known: what was never listed is taken as open.
    fn is_open(&self, shard: &ShardName) -> bool {
        let open = self.open.get(&shard.stream);
        open.is_none_or(|open| open.contains(&shard.shard))
    }
}

/// One document from those of several nodes; `None` when none came.
pub fn join(
    answers: Vec<StatusDocument>,
    supervised: Option<Vec<NodeView>>,
) -> Option<StatusDocument> {
    let mut answers = answers.into_iter();
    let mut joined = match (answers.next(), &supervised) {
        (Some(first), _) => first,
        (None, Some(_)) => empty(),
        (None, None) => return None,
    };
    for other in answers {
        joined.disposable |= other.disposable;
        joined.cluster_id = joined.cluster_id.or(other.cluster_id);
        joined.nodes = join_nodes(joined.nodes, other.nodes);
        for group in other.groups {
            match joined.groups.iter_mut().find(|each| each.id == group.id) {
                Some(known) if newness(known) < newness(&group) => *known = group,
                Some(_) => {}
                None => joined.groups.push(group),
            }
        }
    }
    for view in supervised.into_iter().flatten() {
        correct(&mut joined.nodes, view);
    }
    joined.nodes.sort_by_key(|node| node.id);
    joined.groups.sort_by_key(|group| group.id);
    joined.judge();
    Some(joined)
}

fn empty() -> StatusDocument {
    StatusDocument {
        endpoint: String::new(),
        cluster_id: None,
        supervisor: None,
        health: Health::Unavailable,
        encryption_at_rest: false,
        disposable: false,
        faults: Vec::new(),
        nodes: Vec::new(),
        groups: Vec::new(),
    }
}

fn newness(group: &GroupEntry) -> (u64, bool, usize) {
    (group.term, group.leader.is_some(), group.replicas.len())
}

/// A node that anybody reaches is up.
fn join_nodes(mut known: Vec<NodeEntry>, others: Vec<NodeEntry>) -> Vec<NodeEntry> {
    for other in others {
        match known.iter_mut().find(|node| node.id == other.id) {
            Some(node) if other.state == "up" => *node = other,
            Some(_) => {}
            None => known.push(other),
        }
    }
    known
}

/// The supervisor knows processes better than the nodes know each other; a process that runs and that its peers
/// cannot reach is not up.
fn correct(nodes: &mut Vec<NodeEntry>, view: NodeView) {
    let word = serde_json::to_value(view.state);
    let word = word.ok().and_then(|word| word.as_str().map(str::to_owned));
    let state = word.unwrap_or_default();
    match nodes.iter_mut().find(|node| node.id == view.id) {
        Some(node) => {
            node.pid = view.pid;
            if node.state != "unreachable" || state != "up" {
                node.state = state;
            }
        }
        None => nodes.push(NodeEntry {
            id: view.id,
            zone: view.zone,
            pid: view.pid,
            api: view.api,
            peer: view.peer,
            state,
        }),
    }
}

/// The cluster at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What the nodes and the supervisor say.
    pub status: StatusDocument,
    /// The streams.
    pub census: Census,
}

/// Who leads something, and in which term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// The leader, if there is one.
    pub node: Option<u64>,
    /// The term.
    pub term: u64,
    /// The group.
    pub group: u64,
}

impl Snapshot {
    /// The open shards, each with its group.
    fn shards(&self) -> impl Iterator<Item = (ShardName, &GroupEntry)> {
        let groups = self.status.groups.iter();
        groups
            .filter_map(|group| {
                let stream = StreamName::new(group.stream.as_deref()?).ok()?;
                Some((stream, group))
            })
            .flat_map(|(stream, group)| {
                let shards = group
                    .shards
                    .iter()
                    .filter_map(|text| ShardIndex::parse_lenient(text));
                shards.map(move |shard| {
                    let stream = stream.clone();
                    (ShardName { stream, shard }, group)
                })
            })
            .filter(|(shard, _)| self.census.is_open(shard))
    }

    /// The cluster as targets are resolved against it.
    pub fn topology(&self) -> Topology {
        let zones = self.status.nodes.iter().filter_map(|node| {
            let zone = Zone::new(&node.zone).ok()?;
            Some((NodeId(node.id), zone))
        });
        let place = |group: &GroupEntry| ShardPlace {
            leader: group.leader.map(NodeId),
            voters: group.voters.iter().copied().map(NodeId).collect(),
        };
        let meta = self
            .status
            .groups
            .iter()
            .find(|group| group.id == META_GROUP);
        Topology {
            nodes: zones.collect(),
            meta_leader: meta.and_then(|group| group.leader).map(NodeId),
            streams: self.census.streams.clone(),
            shards: self
                .shards()
                .map(|(shard, group)| (shard, place(group)))
                .collect(),
        }
    }

    /// Who leads what: open shards by name, the metadata group without one.
    pub fn leads(&self) -> BTreeMap<Option<ShardName>, Lead> {
        let lead = |group: &GroupEntry| Lead {
            node: group.leader,
            term: group.term,
            group: group.id,
        };
        let meta = self
            .status
            .groups
            .iter()
            .filter(|group| group.id == META_GROUP);
        let meta = meta.map(|group| (None, lead(group)));
        let shards = self
            .shards()
            .map(|(shard, group)| (Some(shard), lead(group)));
        meta.chain(shards).collect()
    }

    /// Open shards that nobody can lead: no leader, or no majority.
    pub fn unwritable(&self) -> BTreeSet<ShardName> {
        self.shards()
            .filter(|(_, group)| group.health == Health::Unavailable)
            .map(|(shard, _)| shard)
            .collect()
    }

    /// Open shards with fewer replicas up to date than they have voters. A replica is up to date when it has applied
    /// what was committed when the cluster was last looked at.
    pub fn under_replicated(&self, before: Option<&Snapshot>) -> BTreeSet<ShardName> {
        let committed_before = |id: u64| {
            let groups = before.map_or(&[][..], |before| &before.status.groups);
            let group = groups.iter().find(|group| group.id == id);
            group.map_or(0, |group| group.commit_index)
        };
        self.shards()
            .filter(|(_, group)| {
                let asked = committed_before(group.id);
                let up_to_date = group.replicas.iter().filter(|replica| {
                    let votes = group.voters.contains(&replica.node);
                    votes && replica.health == "ok" && replica.applied_index >= asked
                });
                up_to_date.count() < group.voters.len()
            })
            .map(|(shard, _)| shard)
            .collect()
    }

    /// What changed since the moment before: leaders and states of nodes. Shards that were not there before are no
    /// change.
    pub fn changes_since(&self, before: &Snapshot) -> Vec<What> {
        let (then, now) = (before.leads(), self.leads());
        let leaders = now.into_iter().filter_map(|(shard, lead)| {
            let old = then.get(&shard)?;
            (old.node != lead.node).then(|| What::LeaderChanged {
                shard: shard.map(|shard| shard.to_string()),
                from: old.node,
                to: lead.node,
                term: lead.term,
            })
        });
        let state_before = |id: u64| {
            let node = before.status.nodes.iter().find(|node| node.id == id);
            node.map(|node| node.state.as_str())
        };
        let changed = |node: &&NodeEntry| state_before(node.id) != Some(node.state.as_str());
        let nodes = self.status.nodes.iter().filter(changed);
        let nodes = nodes.map(|node| What::NodeState {
            node: node.id,
            zone: node.zone.clone(),
            state: node.state.clone(),
        });
        nodes.chain(leaders).collect()
    }

    /// The node of an id.
    pub fn node(&self, id: NodeId) -> Option<&NodeEntry> {
        self.status.nodes.iter().find(|node| node.id == id.0)
    }
}

#[cfg(test)]
pub(super) mod snapshot_test;
