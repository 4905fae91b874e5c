//! Who is in a group: learners, voters, and who leads. All of it asks the leader, all of it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_env::time;
use ana_types::NodeId;
use futures::future::BoxFuture;
use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{ClientWriteError, RaftError};

use crate::error::GroupError;
use crate::group::Group;
use crate::placement::Former;
use crate::status::{GroupHealth, GroupStatus, PeerProgress, Role};
use crate::types::{Raft, TC};

/// How long one change of members may take, and a new learner to catch up.
const CHANGE_WAIT: Duration = Duration::from_secs(30);
/// A learner this close counts as added, entries.
const LEARNER_LAG_MAX: u64 = 5000;
/// A learner this close to the leader may become a voter, entries.
pub(crate) const PROMOTE_LAG_MAX: u64 = 64;

impl Group {
    async fn leading(&self) -> Result<Raft, GroupError> {
        let group = self.id();
        let raft = self.raft().ok_or(GroupError::NotRunning { group })?;
        if self.is_leader() && self.rouse().await.is_ok() {
            Ok(raft)
        } else {
            Err(GroupError::NotLeader {
                group,
                leader: self.leader(),
            })
        }
    }

    /// Adds a learner and waits until it has caught up. Leader only.
    ///
    /// # Errors
    /// When this replica does not lead, or it takes too long; the learner may then be added still.
    pub fn add_learner(&self, node: NodeId) -> BoxFuture<'_, Result<(), GroupError>> {
        Box::pin(async move {
            let raft = self.leading().await?;
            self.invite(node).await?;
            let lag_max = LEARNER_LAG_MAX;
            let wait = raft.wait(Some(CHANGE_WAIT));
            let caught_up = wait.metrics(
                |m| {
                    let last = m.last_log_index.unwrap_or(0);
                    let replication = m.replication.as_ref();
                    // Who leads no more does not know.
                    let of_node = replication.map(|it| it.get(&node.0));
                    of_node.is_none_or(|it| {
                        let matched = it.and_then(|it| it.as_ref()).map(|id| id.index);
                        matched.is_some_and(|matched| last.saturating_sub(matched) <= lag_max)
                    })
                },
                "the new learner has caught up",
            );
            match caught_up.await {
                Ok(_) => Ok(()),
                Err(_waited) => Err(GroupError::TimedOut {
                    group: self.id(),
                    what: "a new learner",
                }),
            }
        })
    }

    /// Makes exactly these nodes the voters; former voters leave. Leader only. New ones must be
    /// learners already.
    ///
    /// # Errors
    /// When this replica does not lead, a node is unknown, or it takes too long; the change may
    /// then happen still.
    pub async fn change_voters(&self, voters: BTreeSet<NodeId>) -> Result<(), GroupError> {
        self.become_voters(voters, Former::Leave).await
    }

    /// One change of the members, to its end: both steps of it when it needs a joint phase.
    pub(crate) fn change(
        &self,
        change: ChangeMembers<u64, ()>,
        former: Former,
    ) -> BoxFuture<'_, Result<(), GroupError>> {
        Box::pin(async move {
            let raft = self.leading().await?;
            let retain = former == Former::Follow;
            let changing = async {
                let _alone = self.inner.changing.lock().await;
                raft.change_membership(change, retain).await
            };
            match time::timeout(CHANGE_WAIT, changing).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(self.change_error(error)),
                Err(_elapsed) => Err(GroupError::TimedOut {
                    group: self.id(),
                    what: "a change of members",
                }),
            }
        })
    }

    fn change_error(&self, error: RaftError<TC, ClientWriteError<TC>>) -> GroupError {
        let group = self.id();
        match error {
            RaftError::APIError(
                ClientWriteError::ForwardToLeader(forward)
                | ClientWriteError::LogEntryDiscarded(forward),
            ) => GroupError::NotLeader {
                group,
                leader: forward.leader_id.map(NodeId),
            },
            other => GroupError::Raft {
                group,
                why: other.to_string(),
            },
        }
    }

    /// Hands leadership to another voter and waits until it leads. Leader only.
    ///
    /// # Errors
    /// When this replica does not lead, or the other does not take over in time.
    pub fn transfer_leader(&self, to: NodeId) -> BoxFuture<'_, Result<(), GroupError>> {
        Box::pin(async move {
            if self.leader() == Some(to) {
                return Ok(());
            }
            let group = self.id();
            let raft = self.leading().await?;
            raft.trigger()
                .transfer_leader(to.0)
                .await
                .map_err(|fatal| GroupError::Raft {
                    group,
                    why: fatal.to_string(),
                })?;
            let within = self.inner.config.silence() * 2;
            raft.wait(Some(within))
                .metrics(|m| m.current_leader == Some(to.0), "the other leads")
                .await
                .map_err(|_waited| GroupError::TimedOut {
                    group,
                    what: "a transfer of leadership",
                })?;
            Ok(())
        })
    }

    /// Removes a node whose log is lost. The answer is the index at which the voters without it
    /// are committed: it may begin anew once it knows that. Somebody may have it follow again in the
    /// meantime: without a vote nothing counts on it. Leader only; repeating it is harmless.
    pub(crate) async fn evict(&self, node: NodeId) -> Result<u64, GroupError> {
        let raft = self.leading().await?;
        let known = |raft: &Raft| {
            let metrics = raft.metrics();
            let metrics = metrics.borrow_watched();
            metrics
                .membership_config
                .nodes()
                .any(|(&id, ())| id == node.0)
        };
        if known(&raft) {
            if raft.voter_ids().any(|voter| voter == node.0) {
                let voters = BTreeSet::from([node.0]);
                self.change(ChangeMembers::RemoveVoters(voters), Former::Leave)
                    .await?;
            } else {
                self.dismiss(&BTreeSet::from([node])).await?;
            }
        }
        let committed = raft
            .wait(Some(CHANGE_WAIT))
            .metrics(
                |m| {
                    m.membership_config == m.committed_membership_config
                        && m.membership_config.voter_ids().all(|id| id != node.0)
                },
                "eviction is committed",
            )
            .await
            .map_err(|_waited| GroupError::TimedOut {
                group: self.id(),
                what: "an eviction",
            })?;
        Ok(committed
            .membership_config
            .log_id()
            .map_or(0, |id| id.index))
    }

    /// One step of taking an evicted node back: learner first, voter when it has caught up. True
    /// when it is a voter. Leader only.
    pub(crate) async fn readmit(&self, node: NodeId) -> Result<bool, GroupError> {
        let raft = self.leading().await?;
        if raft.voter_ids().any(|voter| voter == node.0) {
            return Ok(true);
        }
        if !self.is_placed_on(node) {
            return Err(GroupError::PlacedElsewhere {
                group: self.id(),
                node,
            });
        }
        if !raft.learner_ids().any(|learner| learner == node.0) {
            self.invite(node).await?;
            return Ok(false);
        }
        let close = self.has_caught_up(node);
        if close {
            let voters = BTreeSet::from([node.0]);
            self.change(ChangeMembers::AddVoterIds(voters), Former::Leave)
                .await?;
        }
        Ok(close)
    }

    /// This replica now.
    #[must_use]
    pub fn status(&self) -> GroupStatus {
        let inner = &self.inner;
        let bounds = inner.log.bounds();
        let (applied, points) = inner
            .shared
            .read(|core| (core.applied, core.points.infos().len()));
        let mut status = GroupStatus {
            id: inner.id,
            kind: inner.shared.kind(),
            role: Role::Stopped,
            leader: self.leader(),
            term: 0,
            voters: Vec::new(),
            learners: Vec::new(),
            purged_index: bounds.purged.map(|id| id.index),
            snapshot_index: inner.shared.snapshot_index(),
            last_index: bounds.last.map(|id| id.index),
            committed_index: None,
            applied_index: applied.map(|id| id.index),
            log_bytes: inner.log.bytes(),
            points,
            queued_bytes: 0,
            resting: self.is_resting(),
            peers: Vec::new(),
            health: self.health(),
        };
        if let Some(running) = &inner.running {
            let queued = running.batcher.queued_bytes();
            status.queued_bytes = u64::try_from(queued).unwrap_or(u64::MAX);
            add_metrics(&mut status, &running.raft);
        }
        status
    }

    /// Whether this replica does its part.
    #[must_use]
    pub fn health(&self) -> GroupHealth {
        use ana_log::Health;
        let inner = &self.inner;
        if inner.lost {
            let what = crate::rebuild::LOST.to_owned();
            return GroupHealth::Corrupt { what };
        }
        match inner.log.health() {
            Health::Corrupt { what } => return GroupHealth::Corrupt { what },
            Health::Failed { why } => return GroupHealth::Failed { why },
            Health::Ok | Health::Full => {}
        }
        if let Some(why) = &inner.broken {
            return GroupHealth::Failed { why: why.clone() };
        }
        let stopped = inner.running.as_ref().and_then(|running| {
            running
                .raft
                .metrics()
                .borrow_watched()
                .running_state
                .clone()
                .err()
        });
        if let Some(fatal) = stopped {
            return GroupHealth::Failed {
                why: fatal.to_string(),
            };
        }
        if inner.gate.is_rejoining() {
            return GroupHealth::Rejoining;
        }
        if self.takes_records() {
            GroupHealth::Ok
        } else {
            GroupHealth::Full
        }
    }
}

fn add_metrics(status: &mut GroupStatus, raft: &Raft) {
    use openraft::ServerState;
    let metrics = raft.metrics();
    let metrics = metrics.borrow_watched();
    status.term = metrics.current_term;
    status.committed_index = metrics.local_committed.map(|id| id.index);
    status.voters = metrics.membership_config.voter_ids().map(NodeId).collect();
    let learners = metrics.membership_config.membership().learner_ids();
    status.learners = learners.map(NodeId).collect();
    status.role = match metrics.state {
        _ if metrics.running_state.is_err() => Role::Stopped,
        ServerState::Leader => Role::Leader,
        ServerState::Follower => Role::Follower,
        ServerState::Candidate => Role::Candidate,
        ServerState::Learner => Role::Learner,
        ServerState::Shutdown => Role::Stopped,
    };
    let last = metrics.last_log_index.unwrap_or(0);
    if let Some(replication) = &metrics.replication {
        status.peers = replication
            .iter()
            .filter(|(node, _)| **node != metrics.id)
            .map(|(&node, matched)| {
                let matched = matched.as_ref().map(|id| id.index);
                let lag = last.saturating_sub(matched.unwrap_or(0));
                PeerProgress {
                    node: NodeId(node),
                    matched,
                    lag,
                }
            })
            .collect();
    }
}
