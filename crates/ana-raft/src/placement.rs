//! Moving replicas: what the members of a group are, and the single changes that a move is made of.
//!
//! ```text
//!   invite (learner) ─► has_caught_up ─► become_voters (joint consensus) ─► members() == the new set
//! ```
//! Whoever moves a replica looks at [`Group::members`] after each of these and goes on from what is
//! there: a leader that died between two of them leaves nothing but a state to go on from.
//!
//! Must stay true
//! - one change of members at a time in a group, and the next one only when the joint phase is over;
//! - no leader removes itself: it hands over first. openraft lets such a leader go on for a moment as
//!   one that is no member, and its checks fail when the members change once more in that moment;
//! - a replica that the metadata places elsewhere is not taken back by a repair.

use std::collections::{BTreeMap, BTreeSet};

use ana_types::NodeId;
use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver as _;

use crate::error::GroupError;
use crate::group::Group;
use crate::members::PROMOTE_LAG_MAX;

/// The members of a group, as its leader has committed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// Who votes.
    pub voters: BTreeSet<NodeId>,
    /// Who only follows.
    pub learners: BTreeSet<NodeId>,
}

/// What becomes of voters that are none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Former {
    /// They leave.
    Leave,
    /// They follow on as learners.
    Follow,
}

impl Group {
    /// The members, when this replica leads and no change of them is under way; none otherwise.
    #[must_use]
    pub fn members(&self) -> Option<Members> {
        if !self.is_leader() {
            return None;
        }
        let metrics = self.raft()?.metrics();
        let metrics = metrics.borrow_watched();
        let now = &metrics.membership_config;
        let is_settled = *now == metrics.committed_membership_config
            && now.membership().get_joint_config().len() == 1;
        is_settled.then(|| Members {
            voters: now.voter_ids().map(NodeId).collect(),
            learners: now.membership().learner_ids().map(NodeId).collect(),
        })
    }

    /// Whether this replica knows of any member: it was founded, or has heard of it.
    #[must_use]
    pub fn has_voters(&self) -> bool {
        self.raft().is_some_and(|raft| {
            let metrics = raft.metrics();
            let metrics = metrics.borrow_watched();
            metrics.membership_config.voter_ids().next().is_some()
        })
    }

    /// The voters that a joint phase leads to, when this replica leads and nothing of it is under way; none
    /// otherwise. Whoever began it has died.
    #[must_use]
    pub fn joint_goal(&self) -> Option<BTreeSet<NodeId>> {
        if !self.is_leader() {
            return None;
        }
        let metrics = self.raft()?.metrics();
        let metrics = metrics.borrow_watched();
        let now = &metrics.membership_config;
        let joint = now.membership().get_joint_config();
        let is_left = *now == metrics.committed_membership_config && joint.len() > 1;
        let goal = joint.last().filter(|_| is_left)?;
        Some(goal.iter().copied().map(NodeId).collect())
    }

    /// Adds a learner; does not wait until it has caught up. Leader only, harmless when repeated.
    ///
    /// # Errors
    /// When this replica does not lead, or it takes too long; it may then happen still.
    pub async fn invite(&self, node: NodeId) -> Result<(), GroupError> {
        let nodes = BTreeMap::from([(node.0, ())]);
        self.change(ChangeMembers::AddNodes(nodes), Former::Leave)
            .await
    }

    /// Whether a member is so close behind that it may vote without anybody waiting for it. Leader only.
    #[must_use]
    pub fn has_caught_up(&self, node: NodeId) -> bool {
        let status = self.status();
        status
            .peers
            .iter()
            .any(|peer| peer.node == node && peer.matched.is_some() && peer.lag <= PROMOTE_LAG_MAX)
    }

    /// Makes exactly these nodes the voters, by way of a joint phase of old and new ones. Leader only;
    /// new ones must be learners already. Begun by another leader, it is finished.
    ///
    /// # Errors
    /// As [`Group::change_voters`]; also when this replica itself would not vote any more.
    pub async fn become_voters(
        &self,
        voters: BTreeSet<NodeId>,
        former: Former,
    ) -> Result<(), GroupError> {
        if !voters.contains(&self.inner.config.node) {
            return Err(GroupError::LeaderStays { group: self.id() });
        }
        let voters: BTreeSet<u64> = voters.into_iter().map(|node| node.0).collect();
        self.change(ChangeMembers::ReplaceAllVoters(voters), former)
            .await
    }

    /// Removes learners. Leader only.
    ///
    /// # Errors
    /// When this replica does not lead, one of them votes, or it takes too long.
    pub async fn dismiss(&self, learners: &BTreeSet<NodeId>) -> Result<(), GroupError> {
        let nodes: BTreeSet<u64> = learners.iter().map(|node| node.0).collect();
        self.change(ChangeMembers::RemoveNodes(nodes), Former::Leave)
            .await
    }

    /// Says where the metadata places the replicas of this group. Others are not taken back by a
    /// repair; until this is called, all are.
    pub fn place(&self, voters: &BTreeSet<NodeId>) {
        let mut placed = self
            .inner
            .placed
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        if placed.as_ref() != Some(voters) {
            *placed = Some(voters.clone());
        }
    }

    pub(crate) fn is_placed_on(&self, node: NodeId) -> bool {
        let placed = self
            .inner
            .placed
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        placed.as_ref().is_none_or(|voters| voters.contains(&node))
    }
}
