//! Looking inside the nodes: who leads, what happens now and then, and whether replicas agree in the end.
//!
//! Nothing here changes a node, and nothing here is told to clients: they find out as clients do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ana_raft::{GroupHealth, GroupStatus, MachineKind, Role};
use ana_types::{GroupId, NodeId};

use crate::counters;
use crate::machine::Machine;

/// How often the nodes are looked at.
const EVERY: Duration = Duration::from_millis(25);

/// The name of a node in the cluster.
pub(super) fn id_of(node: usize) -> NodeId {
    NodeId(node as u64 + 1)
}

fn node_of(id: NodeId) -> Option<usize> {
    usize::try_from(id.0).ok()?.checked_sub(1)
}

/// The n-th group that any running node has, counted round.
pub(super) fn group_at(machines: &[Machine], at: usize) -> Option<GroupId> {
    let groups: BTreeSet<GroupId> = machines
        .iter()
        .filter_map(|machine| machine.inside.groups())
        .flat_map(|groups| groups.all().into_iter().map(|group| group.id()))
        .collect();
    groups.iter().copied().nth(at % groups.len().max(1))
}

/// The node that leads the n-th group: of several that think so, the one of the newest term.
pub(super) fn leader(machines: &[Machine], at: usize) -> Option<usize> {
    leader_of(machines, group_at(machines, at)?)
}

fn leader_of(machines: &[Machine], group: GroupId) -> Option<usize> {
    let mut found = None;
    for (node, machine) in machines.iter().enumerate() {
        let replica = machine.inside.groups().and_then(|groups| groups.get(group));
        if let Some(replica) = replica.filter(ana_raft::Group::is_leader) {
            found = found.max(Some((replica.status().term, node)));
        }
    }
    found.map(|(_, node)| node)
}

/// A voter of the n-th group besides its leader.
pub(super) fn follower(machines: &[Machine], at: usize, which: usize) -> Option<usize> {
    let group = group_at(machines, at)?;
    let leader = leader_of(machines, group);
    let replicas = machines
        .iter()
        .filter_map(|machine| machine.inside.groups()?.get(group));
    let voters: BTreeSet<usize> = replicas
        .flat_map(|replica| replica.status().voters)
        .filter_map(node_of)
        .filter(|node| Some(*node) != leader)
        .collect();
    voters.iter().copied().nth(which % voters.len().max(1))
}

/// Numbers of the groups that a node leads.
pub(super) fn led_by(machine: &Machine) -> Vec<usize> {
    let all = machine.inside.groups().map(|groups| groups.all());
    all.into_iter()
        .flatten()
        .filter(ana_raft::Group::is_leader)
        .filter_map(|group| usize::try_from(group.id().0).ok())
        .collect()
}

/// Whether one of these groups has another leader by now.
pub(super) fn anybody_else_leads(machines: &[Machine], node: usize, led: &[usize]) -> bool {
    led.iter().any(|group| {
        let leader = leader_of(machines, GroupId(*group as u64));
        leader.is_some_and(|leader| leader != node)
    })
}

/// What was seen at the last look.
#[derive(Debug, Default)]
pub(super) struct Eyes {
    next: Duration,
    last: BTreeMap<(usize, GroupId), GroupStatus>,
}

impl Eyes {
    /// A node ends: what it was is not compared with what it will be.
    pub(super) fn forget(&mut self, node: usize) {
        self.last.retain(|(each, _), _| *each != node);
    }

    /// Looks, now and then.
    pub(super) fn look(&mut self, now: Duration, machines: &[Machine]) {
        if now < self.next {
            return;
        }
        self.next = now + EVERY;
        let mut leaders = BTreeMap::<GroupId, u32>::new();
        for (node, machine) in machines.iter().enumerate() {
            let Some(groups) = machine.inside.groups() else {
                continue;
            };
            for status in groups.list() {
                if status.role == Role::Leader {
                    *leaders.entry(status.id).or_default() += 1;
                }
                let id = status.id;
                match self.last.get(&(node, id)) {
                    Some(before) => compare_looks(before, &status),
                    None if matches!(status.health, GroupHealth::Corrupt { .. }) => {
                        counters::saw("damage was found");
                    }
                    None => {}
                }
                self.last.insert((node, id), status);
            }
        }
        if leaders.values().any(|count| *count > 1) {
            counters::saw("two replicas led one group at the same time");
        }
    }
}

fn compare_looks(before: &GroupStatus, after: &GroupStatus) {
    let led = before.role == Role::Leader && after.role != Role::Leader;
    if led && before.last_index > before.committed_index {
        counters::saw("a leader was deposed with entries not yet committed");
    }
    if after.purged_index > before.purged_index {
        counters::saw("a log was trimmed");
    }
    if after.purged_index > before.last_index {
        counters::saw("a snapshot was installed");
    }
    let health = |status: &GroupStatus| match status.health {
        GroupHealth::Ok => 0,
        GroupHealth::Full => 1,
        GroupHealth::Corrupt { .. } => 2,
        GroupHealth::Rejoining => 3,
        GroupHealth::Failed { .. } => 4,
    };
    match (health(before), health(after)) {
        (0, 1) => counters::saw("a disk counted as full"),
        (0 | 1, 2) => counters::saw("damage was found"),
        (3, 0 | 1) => counters::saw("a repair ended"),
        _ => {}
    }
}

/// Compares the state machines of replicas that have applied the same entries. How many were compared, or what differs.
pub(super) fn compare(machines: &[Machine]) -> Result<usize, String> {
    let mut states = BTreeMap::<(GroupId, u64), (usize, Vec<u8>)>::new();
    let mut compared = 0;
    for (node, machine) in machines.iter().enumerate() {
        let all = machine.inside.groups().map(|groups| groups.all());
        for group in all.into_iter().flatten() {
            let (applied, bytes) = match group.kind() {
                MachineKind::Meta => group.meta(|it| (it.last_index(), it.encode())),
                MachineKind::Shards => group.shards(|it| (it.last_index(), it.encode())),
            };
            match states.get(&(group.id(), applied)) {
                None => drop(states.insert((group.id(), applied), (node, bytes))),
                Some((_, theirs)) if *theirs == bytes => compared += 1,
                Some((other, _)) => {
                    return Err(format!(
                        "nodes {} and {} applied group {} up to {applied} and hold different states",
                        other + 1,
                        node + 1,
                        group.id()
                    ));
                }
            }
        }
    }
    Ok(compared)
}
