//! The cluster's identity and its nodes.

use super::apply::{DONE, Effect, Handled};
use super::{Cluster, ClusterSecret, Member, MetaRefusal, Metadata, NodeState};

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
        let Member {
            id,
            zone,
            peer_addr,
            api_addr,
        } = member;
        machine.nodes.entry(id).or_insert(NodeState {
            zone,
            peer_addr,
            api_addr,
        });
    }
    DONE
}

pub(super) fn register(machine: &mut Metadata, member: Member) -> Handled {
    let Member {
        id,
        zone,
        peer_addr,
        api_addr,
    } = member;
    let given = NodeState {
        zone,
        peer_addr,
        api_addr,
    };
    match machine.nodes.get_mut(&id) {
        Some(node) if node.zone != given.zone => {
            // Its groups were placed so that no two voters share a zone.
            let registered = node.zone.clone();
            Ok(Effect::Refused(MetaRefusal::ZoneChanged {
                node: id,
                registered,
                given: given.zone,
            }))
        }
        Some(node) if *node == given => Ok(Effect::Unchanged),
        Some(node) => {
            *node = given;
            DONE
        }
        None => {
            machine.nodes.insert(id, given);
            DONE
        }
    }
}
