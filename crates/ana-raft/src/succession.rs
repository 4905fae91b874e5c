//! An early election: a leader whose connection broke is succeeded as soon as its lease is over,
//! instead of a random time after that.
//!
//! ```text
//!   a stream of node 2 ends ─► Losses ─► every replica that node 2 leads
//!                                            └─ waits one lease ─► asks for a pre-vote, a few times
//! ```
//!
//! Must stay true: this only asks earlier, and grants nothing. openraft refuses the round while this
//! replica's own lease runs, and so does every other replica for its own. A leader that lives and
//! is heard by a majority is not disturbed: a round of pre-votes changes no term.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ana_env::{Env, time};
use ana_types::{GroupId, NodeId};
use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::watch;

use crate::config::RaftNodeConfig;
use crate::rest::Rest;
use crate::types::Raft;
use crate::upkeep::Gate;

/// Replicas ask one after another, so that the first is mostly alone.
const STAGGER: Duration = Duration::from_millis(20);
/// Between two rounds: others may have heard of the leader a little later.
const AGAIN_AFTER: Duration = Duration::from_millis(40);
/// Rounds after one loss. After that the ordinary election is due anyway.
const ROUNDS_MAX: u32 = 5;
/// Clocks of timers are coarse: not a moment before the lease is over.
const LEASE_MARGIN: Duration = Duration::from_millis(2);

/// How often each node's streams to this one have ended. Clones share it.
#[derive(Debug, Clone)]
pub struct Losses {
    counts: Arc<watch::Sender<BTreeMap<NodeId, u64>>>,
}

impl Default for Losses {
    fn default() -> Self {
        Self {
            counts: Arc::new(watch::Sender::new(BTreeMap::new())),
        }
    }
}

impl Losses {
    /// A stream of `node` has ended.
    pub fn note(&self, node: NodeId) {
        self.counts
            .send_modify(|counts| *counts.entry(node).or_default() += 1);
    }

    fn watch(&self) -> watch::Receiver<BTreeMap<NodeId, u64>> {
        self.counts.subscribe()
    }
}

/// Waits for the loss of the leader of one replica.
#[derive(Debug)]
pub(crate) struct Successor {
    pub(crate) group: GroupId,
    pub(crate) node: NodeId,
    pub(crate) env: Env,
    pub(crate) config: Arc<RaftNodeConfig>,
    pub(crate) raft: Raft,
    pub(crate) gate: Arc<Gate>,
    pub(crate) rest: Arc<Rest>,
    pub(crate) losses: Losses,
}

impl Successor {
    /// Runs until aborted.
    pub(crate) async fn run(self) {
        let mut losses = self.losses.watch();
        let mut seen = losses.borrow_and_update().clone();
        while losses.changed().await.is_ok() {
            let now = losses.borrow_and_update().clone();
            let lost = |node: NodeId| now.get(&node) != seen.get(&node);
            self.wake_for(&lost);
            if let Some(leader) = self.leader()
                && leader != self.node
                && lost(leader)
            {
                tracing::debug!(group = %self.group, %leader, "a stream of the leader ended");
                self.succeed(leader).await;
            }
            seen = now;
        }
    }

    /// A replica that rests wakes when its leader is lost; one that leads, when somebody else is: who starts again has to
    /// hear of it.
    fn wake_for(&self, lost: &impl Fn(NodeId) -> bool) {
        if !self.rest.is_resting() {
            return;
        }
        let leader = self.leader();
        if leader == Some(self.node) {
            if self.raft.voter_ids().any(|voter| lost(NodeId(voter))) {
                self.rest.asked(&self.raft);
            }
        } else if leader.is_none_or(lost) {
            self.rest.wake(&self.raft, self.config.silence());
        }
    }

    async fn succeed(&self, leader: NodeId) {
        time::sleep(self.config.silence() + LEASE_MARGIN + self.stagger(leader)).await;
        for _ in 0..ROUNDS_MAX {
            let replaced = self.leader().is_some_and(|now| now != leader);
            if replaced || !self.gate.is_open(&self.env) {
                return;
            }
            if self.raft.trigger().elect(true).await.is_err() {
                return;
            }
            time::sleep(AGAIN_AFTER).await;
        }
    }

    fn leader(&self) -> Option<NodeId> {
        let metrics = self.raft.metrics();
        metrics.borrow_watched().current_leader.map(NodeId)
    }

    fn stagger(&self, leader: NodeId) -> Duration {
        let others: Vec<NodeId> = self
            .raft
            .voter_ids()
            .map(NodeId)
            .filter(|voter| *voter != leader)
            .collect();
        STAGGER * place(self.group, self.node, &others)
    }
}

/// Which of the others asks first differs from group to group, so that the groups of a dead leader
/// do not all go to one node.
fn place(group: GroupId, node: NodeId, others: &[NodeId]) -> u32 {
    let count = u64::try_from(others.len().max(1)).unwrap_or(1);
    let first = usize::try_from(group.0 % count).unwrap_or(0);
    let rotated = others.iter().cycle().skip(first).take(others.len());
    let place = rotated
        .copied()
        .position(|other| other == node)
        .unwrap_or(others.len());
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_others_is_first_in_some_group() {
        let others = [NodeId(1), NodeId(3)];
        let first = |group| {
            let mut both = others;
            both.sort_by_key(|node| place(GroupId(group), *node, &others));
            both[0]
        };
        assert_eq!((first(4), first(5)), (NodeId(1), NodeId(3)));
        let places: Vec<u32> = others
            .iter()
            .map(|node| place(GroupId(7), *node, &others))
            .collect();
        assert_eq!(places, [1, 0]);
    }

    #[test]
    fn whoever_does_not_vote_comes_last() {
        assert_eq!(place(GroupId(1), NodeId(9), &[NodeId(1), NodeId(3)]), 2);
        assert_eq!(place(GroupId(1), NodeId(9), &[]), 0);
    }
}
