//! Where the records of a subscription are read: at this node's replica, else at one in its zone, else at the leader,
//! else wherever there is one.
//!
//! Must stay true: a node that declined or was not reached is left out for a while, never for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ana_env::time::{Instant, now};
use ana_state::Metadata;
use ana_types::{GroupId, NodeId};

use crate::context::Context;
use crate::forward::{Attempt, ask};
use crate::leader;
use crate::messages::{Follow, Read, Reading};

/// How long a node is left out that could not serve.
const LEFT_OUT_FOR: Duration = Duration::from_secs(2);
/// What a node may take beyond the time it was asked to wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The places one subscription reads from.
#[derive(Debug, Default)]
pub(super) struct Sources {
    left_out: BTreeMap<NodeId, Instant>,
}

/// What a node has said.
#[derive(Debug)]
pub(super) struct Heard {
    /// Its answer.
    pub(super) reading: Reading,
    /// The node.
    pub(super) node: NodeId,
}

impl Sources {
    /// Asks one node after the other for what `read` says, until one can serve; none when none can.
    pub(super) async fn ask(
        &mut self,
        context: &Context,
        read: &Read,
        wait: Duration,
    ) -> Option<Heard> {
        let this = context.config.this.id;
        let candidates = candidates(context, read.group);
        self.left_out.retain(|_, until| *until > now());
        for candidate in candidates {
            if self.left_out.contains_key(&candidate.node) {
                continue;
            }
            let node = candidate.node;
            let follows = &context.subscriptions.follows_out;
            let slot = (node != this).then(|| follows.try_acquire());
            // One call too many under way would hinder other calls: it is asked without waiting there.
            let wait = match &slot {
                Some(Err(_full)) => Duration::ZERO,
                Some(Ok(_)) | None => wait,
            };
            let applied_min = if candidate.leads {
                0
            } else {
                context.subscriptions.applied_min(read.group)
            };
            let follow = Follow {
                read: read.clone(),
                applied_min,
                wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                asker: this,
            };
            let within = wait.saturating_add(ANSWER_WITHIN);
            match ask(context, node, &follow, &mut None, within).await {
                Attempt::Done(reading) => return Some(Heard { reading, node }),
                Attempt::Declined(_) | Attempt::NotReached | Attempt::Lost => self.leave_out(node),
            }
        }
        None
    }

    /// Leaves a node out that has no such shard although there is one.
    pub(super) fn leave_out(&mut self, node: NodeId) {
        self.left_out.insert(node, now() + LEFT_OUT_FOR);
    }
}

/// A node that may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    node: NodeId,
    leads: bool,
}

fn candidates(context: &Context, group: GroupId) -> Vec<Candidate> {
    let this = context.config.this.id;
    let leader = leader::known(context, group).into_iter().flatten().next();
    let mut nodes = Vec::new();
    // A replica that is on its way here, or has left, is no source.
    let votes = context.look(|meta| {
        let state = meta.group(group);
        state.is_some_and(|it| it.voters.contains(&this))
    });
    if votes.unwrap_or(false) && context.groups.get(group).is_some() {
        nodes.push(this);
    }
    let known = context.look(|meta| near_and_far(meta, group, &context.config.this.zone));
    let (near, far) = known.ok().flatten().unwrap_or_default();
    nodes.extend(near);
    nodes.extend(leader);
    nodes.extend(far);
    in_order(nodes, leader)
}

/// Voters of the group in the zone, and the others.
fn near_and_far(
    meta: &Metadata,
    group: GroupId,
    zone: &ana_types::Zone,
) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
    let voters = meta.group(group)?.voters.iter().copied();
    let is_near = |node: &NodeId| meta.node(*node).is_some_and(|it| it.zone == *zone);
    Some(voters.partition(is_near))
}

/// Each node once, at its first place.
fn in_order(nodes: Vec<NodeId>, leader: Option<NodeId>) -> Vec<Candidate> {
    let mut seen = BTreeSet::new();
    let fresh = nodes.into_iter().filter(|node| seen.insert(*node));
    fresh
        .map(|node| Candidate {
            node,
            leads: leader == Some(node),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_once_and_the_leader_known() {
        let nodes = [2, 2, 3, 1, 2, 3].map(NodeId).to_vec();
        let order: Vec<_> = in_order(nodes, Some(NodeId(3)))
            .into_iter()
            .map(|it| (it.node.0, it.leads))
            .collect();
        assert_eq!(order, [(2, false), (3, true), (1, false)]);
    }
}
