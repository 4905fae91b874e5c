//! Bringing back a replica whose log is damaged, or was taken away (see `rebuild`).
//!
//! It may have confirmed entries it no longer has, so it must not vote as if it had them. Hence, in
//! this order, each step durable before the next:
//!
//! ```text
//!   0 it notes that it is damaged: a start in between goes on with the repair (see `damaged`)
//!   1 the leader removes it from the members, with a quorum of the others
//!   2 it notes that (the mark), sets the damaged log aside and starts empty, closed to elections
//!   3 the leader adds it as a learner; it gets snapshot and entries like any new replica
//!   4 the leader makes it a voter; when it has applied that, it votes again and the mark goes
//! ```
//!
//! Why this is safe: the removal is in the logs of a majority without it, so whoever still counts on
//! its old vote must ask one of those, and is refused for a shorter log. A damaged log keeps the vote on top of that;
//! one that was taken away cannot.
//!
//! With fewer than three voters step 1 cannot be agreed on, and the replica stays out: refusing is
//! all that is safe then.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ana_env::time;
use ana_types::{GroupId, NodeId};
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::damaged;
use crate::entry::{seal, unseal};
use crate::error::GroupError;
use crate::groups::Groups;
use crate::peers::{CallError, CallHandler, RemoteFault};
use crate::rebuild;
use crate::rest;
use crate::status::GroupHealth;
use crate::upkeep::Rejoin;

/// Calls of repairs have this kind.
pub const CALL_KIND: u32 = 0xFFFF_0001;
/// How long one call to a leader may take.
const CALL_WAIT: Duration = Duration::from_secs(40);
/// How long a repair is followed before it answers; it goes on where it stopped when repeated.
const REPAIR_WAIT: Duration = Duration::from_secs(120);
/// Time between two looks whether the replica has caught up.
const REPAIR_TICK: Duration = Duration::from_millis(250);
/// Rounds of asking all the others who leads.
const ROUNDS_MAX: usize = 3;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Step {
    Evict,
    Readmit,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Ask {
    group: GroupId,
    node: NodeId,
    step: Step,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Told {
    /// Members without the node are committed here.
    Evicted { index: u64 },
    /// Whether it is a voter by now.
    Readmitted { voter: bool },
    /// Somebody else leads.
    NotLeader { leader: Option<NodeId> },
    /// The leader tried and did not succeed.
    NotNow,
}

impl Groups {
    /// Repairs the replica of a group whose log is corrupt, with the help of `others`, the nodes of
    /// the other replicas. Returns when it votes again. Sound replicas are left alone.
    ///
    /// # Errors
    /// When no leader helps, or it takes too long. Repeating it goes on where it stopped.
    pub async fn repair(&self, id: GroupId, others: &[NodeId]) -> Result<(), GroupError> {
        let timed_out = GroupError::TimedOut {
            group: id,
            what: "a repair",
        };
        let steps = Box::pin(self.repair_steps(id, others));
        time::timeout(REPAIR_WAIT, steps)
            .await
            .unwrap_or(Err(timed_out))
    }

    async fn repair_steps(&self, id: GroupId, others: &[NodeId]) -> Result<(), GroupError> {
        let group = self.get(id).ok_or(GroupError::NotOpen { group: id })?;
        match group.health() {
            GroupHealth::Corrupt { what } => {
                tracing::warn!(group = %id, what, "repair begins");
                if !group.inner.lost {
                    let parts = self.parts();
                    let dir = parts.config.group_dir(id);
                    let noted = damaged::save(&*parts.env.disk, &dir, &what).await;
                    noted.map_err(|source| GroupError::Io { group: id, source })?;
                }
                let Told::Evicted { index } = self.ask(id, others, Step::Evict).await? else {
                    return Err(GroupError::TimedOut {
                        group: id,
                        what: "an eviction",
                    });
                };
                self.discard(
                    id,
                    Rejoin {
                        evicted_index: index,
                    },
                )
                .await?;
            }
            GroupHealth::Rejoining => {}
            GroupHealth::Ok | GroupHealth::Full | GroupHealth::Failed { .. } => return Ok(()),
        }
        while self.rejoining(id)? {
            self.ask(id, others, Step::Readmit).await?;
            time::sleep(REPAIR_TICK).await;
        }
        Ok(())
    }

    fn rejoining(&self, id: GroupId) -> Result<bool, GroupError> {
        let group = self.get(id).ok_or(GroupError::NotOpen { group: id })?;
        Ok(group.health() == GroupHealth::Rejoining)
    }

    /// Asks whoever leads to do one step.
    async fn ask(&self, id: GroupId, others: &[NodeId], step: Step) -> Result<Told, GroupError> {
        let body = seal(&Ask {
            group: id,
            node: self.node(),
            step,
        })
        .map_err(|error| GroupError::Raft {
            group: id,
            why: error.to_string(),
        })?;
        let mut hint = None;
        for round in 0..ROUNDS_MAX {
            if round > 0 {
                time::sleep(REPAIR_TICK).await;
            }
            for &node in hint.take().iter().chain(others) {
                let answer = self
                    .peers()
                    .call(node, CALL_KIND, body.clone(), CALL_WAIT)
                    .await;
                let told = answer.ok().and_then(|bytes| unseal::<Told>(&bytes).ok());
                match told {
                    Some(told @ (Told::Evicted { .. } | Told::Readmitted { .. })) => {
                        return Ok(told);
                    }
                    Some(Told::NotLeader { leader }) => hint = leader.or(hint),
                    Some(Told::NotNow) | None => {}
                }
            }
        }
        Err(GroupError::TimedOut {
            group: id,
            what: "a leader that helps with a repair",
        })
    }

    /// Whether replicas that are missing on this node were lost, because it was wiped.
    ///
    /// # Errors
    /// When its directory cannot be read.
    pub async fn is_rebuilt(&self) -> io::Result<bool> {
        let parts = self.parts();
        rebuild::is_under_way(&*parts.env.disk, &parts.config.data_dir).await
    }

    /// Every replica that this node is to have is here and whole: one that is opened from now on is new.
    ///
    /// # Errors
    /// When the mark cannot be removed.
    pub async fn end_rebuild(&self) -> io::Result<()> {
        let parts = self.parts();
        rebuild::end(&*parts.env.disk, &parts.config.data_dir).await
    }

    /// Marks the repair, sets the damaged log aside, and starts the replica empty.
    async fn discard(&self, id: GroupId, mark: Rejoin) -> Result<(), GroupError> {
        let _owned = self.own(id).await;
        let group = self.get(id).ok_or(GroupError::NotOpen { group: id })?;
        let parts = self.parts();
        let dir = parts.config.group_dir(id);
        let io = |source| GroupError::Io { group: id, source };
        let failed = |source| GroupError::Log { group: id, source };
        group.stop_running().await;
        mark.save(&parts.env, &dir).await.map_err(io)?;
        if group.inner.lost {
            rebuild::clear_lost(&*parts.env.disk, &dir)
                .await
                .map_err(io)?;
        } else {
            // The log that found the damage: damage met while reading may not show at the next start.
            group.log().repair_discard().await.map_err(failed)?;
            damaged::clear(&*parts.env.disk, &dir).await.map_err(io)?;
        }
        let kind = group.kind();
        self.close_owned(id).await;
        parts.checkpoints.remove(id).await.map_err(io)?;
        self.open_owned(id, kind).await?;
        Ok(())
    }

    /// The leader's side of one step.
    async fn help(&self, ask: Ask) -> Told {
        let Some(group) = self.get(ask.group) else {
            return Told::NotLeader { leader: None };
        };
        let done = match ask.step {
            Step::Evict => group
                .evict(ask.node)
                .await
                .map(|index| Told::Evicted { index }),
            Step::Readmit => group
                .readmit(ask.node)
                .await
                .map(|voter| Told::Readmitted { voter }),
        };
        match done {
            Ok(told) => told,
            Err(GroupError::NotLeader { leader, .. }) => {
                // It may rest under the very replica that is damaged: that one's node lives, and so do its streams.
                group.expect_leader();
                Told::NotLeader { leader }
            }
            Err(error) => {
                tracing::warn!(group = %ask.group, node = %ask.node, %error, "repair not helped");
                Told::NotNow
            }
        }
    }
}

/// Takes this crate's own calls out of those of the router.
pub(crate) struct RaftCalls {
    groups: Groups,
    others: Arc<dyn CallHandler>,
}

impl RaftCalls {
    pub(crate) fn new(groups: Groups, others: Arc<dyn CallHandler>) -> Self {
        Self { groups, others }
    }
}

impl fmt::Debug for RaftCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftCalls")
            .field("others", &self.others)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl CallHandler for RaftCalls {
    async fn call(&self, kind: u32, body: Bytes) -> Result<Bytes, CallError> {
        if kind != CALL_KIND && kind != rest::CALL_KIND {
            return self.others.call(kind, body).await;
        }
        let malformed = || CallError::Remote(RemoteFault::Malformed);
        if kind == rest::CALL_KIND {
            return rest::answer(&self.groups, &body).ok_or_else(malformed);
        }
        let ask: Ask = unseal(&body).map_err(|_not_ours| malformed())?;
        seal(&self.groups.help(ask).await).map_err(|_never| malformed())
    }
}
