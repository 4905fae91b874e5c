//! The cluster's identity and its nodes: how they come, where they are reached, how they go.

use super::apply::{DONE, Effect, Handled};
use super::members::{MoveStep, NodePhase, founding_voters};
use super::{Cluster, ClusterSecret, Member, MetaRefusal, Metadata, NodeState};
use ana_types::{GroupId, NodeId, Zone};

pub(super) fn init_cluster(
    machine: &mut Metadata,
    cluster_id: String,
    secret: ClusterSecret,
    members: Vec<Member>,
) -> Handled {
    if machine.cluster.is_some() {
        // Two nodes may both have found the cluster uninitialised; the first in the log decides.
        return Ok(Effect::Unchanged);
    }
    machine.cluster = Some(Cluster {
        id: cluster_id,
        secret,
    });
    for member in members {
        let (id, state) = split(member);
        machine.nodes.entry(id).or_insert(state);
    }
    let nodes = machine.nodes.iter().map(|(id, node)| (*id, &node.zone));
    machine.members.meta_voters = founding_voters(nodes).into_iter().collect();
    DONE
}

fn split(member: Member) -> (NodeId, NodeState) {
    let Member {
        id,
        zone,
        peer_addr,
        api_addr,
    } = member;
    let state = NodeState {
        zone,
        peer_addr,
        api_addr,
    };
    (id, state)
}

/// A node says where it is reached.
pub(super) fn register(machine: &mut Metadata, member: Member) -> Handled {
    let (id, given) = split(member);
    if machine.members.removed.contains(&id) {
        return refused(MetaRefusal::NodeRemoved { node: id });
    }
    match machine.nodes.get_mut(&id) {
        Some(node) if node.zone != given.zone => {
            // Its groups were placed so that no two voters share a zone.
            let registered = node.zone.clone();
            refused(MetaRefusal::ZoneChanged {
                node: id,
                registered,
                given: given.zone,
            })
        }
        Some(node) if *node == given => Ok(Effect::Unchanged),
        Some(node) => {
            *node = given;
            DONE
        }
        None => refused(MetaRefusal::NotAdmitted { node: id }),
    }
}

/// A node says where it is reached and which data directory it has; one that was joining is active.
pub(super) fn report(machine: &mut Metadata, member: Member, incarnation: u64) -> Handled {
    let id = member.id;
    let known = machine.members.incarnations.get(&id).copied();
    if known.is_some_and(|known| known != incarnation) && machine.nodes.contains_key(&id) {
        return refused(MetaRefusal::OtherIncarnation { node: id });
    }
    let registered = match register(machine, member)? {
        refused @ Effect::Refused(_) => return Ok(refused),
        registered => matches!(registered, Effect::Changed(_)),
    };
    let first = known.is_none();
    if first {
        machine.members.incarnations.insert(id, incarnation);
    }
    let joined = machine.members.phase(id) == NodePhase::Joining;
    if joined {
        machine.members.phases.remove(&id);
        machine.members.filling.insert(id);
    }
    if registered || first || joined {
        DONE
    } else {
        Ok(Effect::Unchanged)
    }
}

pub(super) fn add(machine: &mut Metadata, member: Member) -> Handled {
    if let Some(why) = unfit(machine, &member) {
        return refused(why);
    }
    let (id, state) = split(member);
    if machine.nodes.contains_key(&id) {
        return Ok(Effect::Unchanged);
    }
    machine.nodes.insert(id, state);
    machine.members.phases.insert(id, NodePhase::Joining);
    DONE
}

/// Why a node cannot be added; one that was added just so before is fit.
fn unfit(machine: &Metadata, member: &Member) -> Option<MetaRefusal> {
    let node = member.id;
    if machine.cluster.is_none() {
        return Some(MetaRefusal::NoCluster);
    }
    if machine.members.removed.contains(&node) {
        return Some(MetaRefusal::NodeRemoved { node });
    }
    let (_, given) = split(member.clone());
    if machine.nodes.get(&node).is_some_and(|it| *it != given) {
        return Some(MetaRefusal::IdTaken { node });
    }
    let mut others = machine.nodes.iter().filter(|(id, _)| **id != node);
    let shared = others.find(|(_, it)| {
        [&it.peer_addr, &it.api_addr]
            .into_iter()
            .any(|address| *address == member.peer_addr || *address == member.api_addr)
    });
    shared.map(|(other, _)| MetaRefusal::AddressTaken { node: *other })
}

pub(super) fn remove(machine: &mut Metadata, node: NodeId, force: bool) -> Handled {
    if machine.members.removed.contains(&node) {
        return Ok(Effect::Unchanged);
    }
    let Some(zone) = machine.zone_of(node).cloned() else {
        return refused(MetaRefusal::UnknownNode { node });
    };
    let others_active = |it: &NodeId| *it != node && machine.members.is_active(*it);
    if !machine.nodes.keys().any(others_active) {
        return refused(MetaRefusal::LastNode { node });
    }
    if !force && !has_others(machine, &zone, node) {
        return refused(MetaRefusal::ZoneLeftEmpty { node, zone });
    }
    let phase = match machine.members.phase(node) {
        NodePhase::Draining {
            forced,
            replaced_by,
        } if forced || !force => NodePhase::Draining {
            forced,
            replaced_by,
        },
        _ => NodePhase::Draining {
            forced: force,
            replaced_by: None,
        },
    };
    drain(machine, node, phase)
}

/// Whether a zone has another node that carries replicas or will.
pub(super) fn has_others(machine: &Metadata, zone: &Zone, node: NodeId) -> bool {
    machine.nodes.iter().any(|(id, it)| {
        let stays = !matches!(machine.members.phase(*id), NodePhase::Draining { .. });
        *id != node && it.zone == *zone && stays
    })
}

pub(super) fn replace(machine: &mut Metadata, node: NodeId, by: Member) -> Handled {
    let come = by.id;
    if machine.members.removed.contains(&node) {
        // The same command once more, after all is done.
        let done = machine.nodes.contains_key(&come);
        return if done {
            Ok(Effect::Unchanged)
        } else {
            refused(MetaRefusal::NodeRemoved { node })
        };
    }
    let Some(zone) = machine.zone_of(node).cloned() else {
        return refused(MetaRefusal::UnknownNode { node });
    };
    if come == node {
        return refused(MetaRefusal::IdTaken { node });
    }
    if by.zone != zone {
        return refused(MetaRefusal::ZoneChanged {
            node: come,
            registered: zone,
            given: by.zone,
        });
    }
    let added = match add(machine, by)? {
        refused @ Effect::Refused(_) => return Ok(refused),
        added => matches!(added, Effect::Changed(_)),
    };
    let phase = NodePhase::Draining {
        forced: false,
        replaced_by: Some(come),
    };
    match drain(machine, node, phase)? {
        Effect::Unchanged if added => DONE,
        effect => Ok(effect),
    }
}

fn drain(machine: &mut Metadata, node: NodeId, phase: NodePhase) -> Handled {
    let members = &mut machine.members;
    let before = members.phases.insert(node, phase);
    members.filling.remove(&node);
    // What is on its way to it turns back; what has switched already moves on from there.
    for coming in members.moves.values_mut() {
        if coming.to == Some(node) && coming.step == MoveStep::Join {
            coming.step = MoveStep::Back;
        }
    }
    if before == Some(phase) {
        Ok(Effect::Unchanged)
    } else {
        DONE
    }
}

/// Whether a drained node may be removed: nothing of the cluster depends on it.
#[must_use]
pub(super) fn is_drained(machine: &Metadata, node: NodeId) -> bool {
    matches!(machine.members.phase(node), NodePhase::Draining { .. })
        && machine.replicas_of(node) == 0
}

pub(super) fn finish_remove(machine: &mut Metadata, node: NodeId) -> Handled {
    if !machine.nodes.contains_key(&node) || !is_drained(machine, node) {
        return Ok(Effect::Unchanged);
    }
    machine.nodes.remove(&node);
    let members = &mut machine.members;
    members.phases.remove(&node);
    members.filling.remove(&node);
    members.incarnations.remove(&node);
    members.left.retain(|_, nodes| {
        nodes.remove(&node);
        !nodes.is_empty()
    });
    for phase in members.phases.values_mut() {
        if let NodePhase::Draining { replaced_by, .. } = phase
            && *replaced_by == Some(node)
        {
            *replaced_by = None;
        }
    }
    members.removed.insert(node);
    DONE
}

fn refused(why: MetaRefusal) -> Handled {
    Ok(Effect::Refused(why))
}

impl Metadata {
    /// Nodes that are drained and can be removed.
    #[must_use]
    pub fn drained(&self) -> Vec<NodeId> {
        let nodes = self.nodes.keys().copied();
        nodes.filter(|node| is_drained(self, *node)).collect()
    }

    /// Whether a node still holds what a move has left there: it has not deleted it yet.
    #[must_use]
    pub fn holds_left_replica(&self, group: GroupId, node: NodeId) -> bool {
        self.members.has_left(group, node)
    }
}
