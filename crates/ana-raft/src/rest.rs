//! Replicas that rest: a group with nothing to do has no heartbeats and no timers.
//!
//! ```text
//!   leader: nothing was asked for a while, everybody has everything
//!      └─ asks the others to rest under it ─► all agree ─► it rests, too: no replica ticks any more
//!   work for the leader, a message for a follower, a leader that is lost ─► awake
//! ```
//!
//! Must stay true
//! - resting decides nothing. It stops timers; what Raft allows and forbids stays the same. A replica that rests although
//!   it should not costs time, never an entry;
//! - a replica that rests wakes when it is asked for work, when it sends work to its leader, when anything but an echo of
//!   the heartbeats before comes from another replica, when one is asked to help a damaged replica, which may be that of
//!   its leader, and, as a follower, when a stream of its leader ends: a leader that dies is succeeded as soon as one that
//!   was awake;
//! - a follower that wakes gives its leader the time of an election to be heard before it stands itself;
//! - the metadata group never rests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ana_env::{Clock, time};
use ana_types::{GroupId, NodeId};
use openraft::async_runtime::WatchReceiver as _;
use serde::{Deserialize, Serialize};

use crate::entry::{seal, unseal};
use crate::error::ProposeError;
use crate::group::Group;
use crate::groups::{Groups, WeakGroups};
use crate::state_machine::MachineKind;
use crate::types::Raft;

/// Calls of this kind ask to rest.
pub(crate) const CALL_KIND: u32 = 0xFFFF_0002;
/// How often a node looks which of its groups may rest.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Groups of one call.
const CALL_GROUPS_MAX: usize = 512;
/// How long one call may take.
const CALL_WAIT: Duration = Duration::from_millis(1000);
/// Heartbeats that were under way when a follower lay down do not wake it.
const ECHO: Duration = Duration::from_millis(500);

/// What came from another replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// An append without entries.
    Heartbeat,
    /// It wants to lead.
    Ballot,
    /// Anything else.
    Work,
}

/// Whether one replica rests. Read for every append: no lock.
#[derive(Debug)]
pub(crate) struct Rest {
    clock: Arc<dyn Clock>,
    /// When the leader was asked for something last; milliseconds of the monotonic clock, as all times here.
    asked_ms: AtomicU64,
    /// When it lay down; 0 while it is awake.
    since_ms: AtomicU64,
    /// When it may stand for election again after it woke; 0 when it may.
    stands_ms: AtomicU64,
    /// Whether a majority has yet to say, since it lay down, that it leads.
    unconfirmed: AtomicBool,
}

/// A group that its leader would let rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Wish {
    group: GroupId,
    term: u64,
    leader: NodeId,
    /// The last entry, which everybody has applied.
    last_index: u64,
}

/// A wish, and what it takes.
#[derive(Debug)]
struct Tired {
    group: Group,
    wish: Wish,
    others: BTreeSet<NodeId>,
    asked_ms: u64,
}

impl Rest {
    /// Awake.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let rest = Self {
            clock,
            asked_ms: AtomicU64::new(0),
            since_ms: AtomicU64::new(0),
            stands_ms: AtomicU64::new(0),
            unconfirmed: AtomicBool::new(false),
        };
        rest.asked_ms.store(rest.now_ms(), Ordering::Relaxed);
        rest
    }

    /// Never 0: that says "not".
    fn now_ms(&self) -> u64 {
        let elapsed = self.clock.elapsed().as_millis();
        u64::try_from(elapsed).unwrap_or(u64::MAX).max(1)
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.since_ms.load(Ordering::SeqCst) != 0
    }

    /// This replica, the leader, has work.
    pub(crate) fn asked(&self, raft: &Raft) {
        self.asked_ms.store(self.now_ms(), Ordering::SeqCst);
        if self.is_resting() {
            self.wake(raft, Duration::ZERO);
        }
    }

    /// Something came from another replica. Answers whether a ballot may be looked at: one that wakes a replica is not,
    /// because a leader that rests has not been heard and is there all the same.
    pub(crate) fn heard(&self, raft: &Raft, what: Heard, election_max: Duration) -> bool {
        let since_ms = self.since_ms.load(Ordering::SeqCst);
        if since_ms == 0 {
            return true;
        }
        let lay = Duration::from_millis(self.now_ms().saturating_sub(since_ms));
        if what == Heard::Heartbeat && lay < ECHO {
            return true;
        }
        self.wake(raft, election_max);
        what != Heard::Ballot
    }

    /// Stops the timers. `asked_ms` is what was seen when it was decided: work that came since wakes it again.
    fn lie_down(&self, raft: &Raft, asked_ms: u64) {
        self.unconfirmed.store(true, Ordering::SeqCst);
        self.since_ms.store(self.now_ms(), Ordering::SeqCst);
        raft.runtime_config().tick(false);
        if self.asked_ms.load(Ordering::SeqCst) != asked_ms {
            self.wake(raft, Duration::ZERO);
        }
    }

    /// Starts the timers; it does not stand for election before `aside` is over.
    pub(crate) fn wake(&self, raft: &Raft, aside: Duration) {
        if !aside.is_zero() {
            let aside_ms = u64::try_from(aside.as_millis()).unwrap_or(u64::MAX);
            raft.runtime_config().elect(false);
            let stands_ms = self.now_ms().saturating_add(aside_ms);
            self.stands_ms.store(stands_ms, Ordering::SeqCst);
        }
        self.since_ms.store(0, Ordering::SeqCst);
        raft.runtime_config().tick(true);
    }

    /// Whether it woke and does not stand for election yet.
    fn stands_aside(&self) -> bool {
        self.stands_ms.load(Ordering::SeqCst) != 0
    }

    /// Lets a replica that woke stand for election when its leader had the time to be heard.
    fn stand(&self, raft: &Raft) {
        let stands_ms = self.stands_ms.load(Ordering::SeqCst);
        if stands_ms != 0 && self.now_ms() >= stands_ms {
            self.stands_ms.store(0, Ordering::SeqCst);
            raft.runtime_config().elect(true);
        }
    }
}

impl Group {
    /// The wish of a leader that has had nothing to do for so long, and whose others have all there is.
    fn tired(&self, after: Duration) -> Option<Tired> {
        let (inner, rest) = (&self.inner, &self.inner.rest);
        let asked_ms = rest.asked_ms.load(Ordering::SeqCst);
        let idle = Duration::from_millis(rest.now_ms().saturating_sub(asked_ms));
        if idle < after
            || rest.is_resting()
            || !self.may_rest()
            || inner.changing.try_lock().is_err()
        {
            return None;
        }
        let metrics = self.raft()?.metrics();
        let metrics = metrics.borrow_watched();
        let replication = metrics.replication.as_ref()?;
        let members = &metrics.membership_config;
        let last_index = metrics.last_log_index?;
        let is_settled = *members == metrics.committed_membership_config
            && members.membership().get_joint_config().len() == 1
            && members.membership().learner_ids().next().is_none();
        let this = inner.config.node;
        let others: BTreeSet<NodeId> = members
            .voter_ids()
            .map(NodeId)
            .filter(|it| *it != this)
            .collect();
        let have_all = others.iter().all(|node| {
            let matched = replication.get(&node.0).and_then(|it| it.as_ref());
            matched.is_some_and(|matched| matched.index == last_index)
        });
        let is_applied = metrics
            .last_applied
            .as_ref()
            .is_some_and(|id| id.index == last_index);
        let wish = Wish {
            group: inner.id,
            term: metrics.vote.leader_id.term,
            leader: this,
            last_index,
        };
        let leads = metrics.current_leader == Some(this.0);
        (leads && is_settled && have_all && is_applied).then(|| Tired {
            group: self.clone(),
            wish,
            others,
            asked_ms,
        })
    }

    fn may_rest(&self) -> bool {
        self.kind() == MachineKind::Shards && self.votes_allowed()
    }

    /// A follower lies down when it has all that its leader has.
    fn rests_under(&self, wish: &Wish) -> bool {
        let Some(raft) = self.raft().filter(|_| self.may_rest()) else {
            return false;
        };
        let agrees = {
            let metrics = raft.metrics();
            let metrics = metrics.borrow_watched();
            let vote = &metrics.vote;
            (vote.leader_id.term, vote.leader_id.node_id) == (wish.term, wish.leader.0)
                && metrics.current_leader == Some(wish.leader.0)
                && metrics.last_log_index == Some(wish.last_index)
                && metrics.last_applied.as_ref().map(|id| id.index) == Some(wish.last_index)
        };
        if agrees {
            let rest = &self.inner.rest;
            rest.lie_down(&raft, rest.asked_ms.load(Ordering::SeqCst));
        }
        agrees
    }

    /// Whether this replica rests: it has no timers, and wakes when there is something to do.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.inner.rest.is_resting()
    }

    /// Work of this group is on its way to its leader, or somebody looks for one. A follower that rests wakes: should the
    /// leader be cut off or stand still, it is missed from now on, as it would be in a group that is awake.
    pub fn expect_leader(&self) {
        if let Some(running) = &self.inner.running
            && self.is_resting()
            && !self.is_leader()
        {
            let election_max = self.inner.config.silence();
            self.inner.rest.wake(&running.raft, election_max);
        }
    }

    /// This replica leads and has something to do: it wakes. After a rest a majority has to confirm first that it leads
    /// still, because openraft takes no entries from a leader that was not confirmed for so long.
    ///
    /// # Errors
    /// When it leads no longer, or the majority is not there; nothing has happened then.
    pub(crate) async fn rouse(&self) -> Result<(), ProposeError> {
        let rest = &self.inner.rest;
        rest.asked(&self.running()?.raft);
        if rest.unconfirmed.load(Ordering::SeqCst) {
            self.read_barrier().await.map_err(not_done)?;
            rest.unconfirmed.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    pub(crate) fn heard(&self, what: Heard) -> bool {
        let Some(running) = &self.inner.running else {
            return true;
        };
        let election_max = self.inner.config.silence();
        self.inner.rest.heard(&running.raft, what, election_max)
    }
}

/// A question that was not answered has changed nothing.
fn not_done(error: ProposeError) -> ProposeError {
    match error {
        ProposeError::Unknown { .. } => ProposeError::NotLeader { leader: None },
        other => other,
    }
}

/// Runs while the node does.
pub(crate) async fn run(groups: WeakGroups) {
    let mut ticks = time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        let Some(groups) = groups.upgrade() else {
            return;
        };
        let after = Duration::from_millis(groups.config().rest_after_ms);
        let all = groups.all();
        for group in &all {
            if group.inner.rest.stands_aside()
                && let Some(raft) = group.raft()
            {
                group.inner.rest.stand(&raft);
            }
        }
        if after.is_zero() {
            continue;
        }
        let tired: Vec<Tired> = all.iter().filter_map(|it| it.tired(after)).collect();
        for tired in tired.chunks(CALL_GROUPS_MAX) {
            rest_together(&groups, tired).await;
        }
    }
}

/// Asks the other replicas of these groups to rest, each node once.
async fn rest_together(groups: &Groups, tired: &[Tired]) {
    let mut wishes = BTreeMap::<NodeId, Vec<Wish>>::new();
    for (node, wish) in tired
        .iter()
        .flat_map(|it| it.others.iter().map(|node| (*node, it.wish)))
    {
        wishes.entry(node).or_default().push(wish);
    }
    let begun = time::now();
    let asked = wishes.into_iter().map(|(node, wishes)| async move {
        let agreed = ask(groups, node, &wishes).await;
        agreed
            .into_iter()
            .map(move |group| (node, group))
            .collect::<Vec<_>>()
    });
    let agreed: BTreeSet<(NodeId, GroupId)> = futures::future::join_all(asked)
        .await
        .into_iter()
        .flatten()
        .collect();
    // Who agreed first may have been woken by heartbeats again.
    let in_time = begun.elapsed() < ECHO / 2;
    for Tired {
        group,
        wish,
        others,
        asked_ms,
    } in tired
    {
        let all = in_time
            && others
                .iter()
                .all(|node| agreed.contains(&(*node, wish.group)));
        match group.raft() {
            Some(raft) if all => group.inner.rest.lie_down(&raft, *asked_ms),
            // Not soon again. Those that have agreed hear of their leader, and wake.
            Some(raft) => group.inner.rest.asked(&raft),
            None => {}
        }
    }
}

/// The groups that rest at another node by now.
async fn ask(groups: &Groups, node: NodeId, wishes: &Vec<Wish>) -> Vec<GroupId> {
    let Ok(body) = seal(wishes) else {
        return Vec::new();
    };
    let answer = groups.peers().call(node, CALL_KIND, body, CALL_WAIT).await;
    answer
        .ok()
        .and_then(|bytes| unseal(&bytes).ok())
        .unwrap_or_default()
}

/// What a node answers that is asked to let groups rest; none when the question makes no sense.
pub(crate) fn answer(groups: &Groups, body: &[u8]) -> Option<bytes::Bytes> {
    let wishes: Vec<Wish> = unseal(body).ok()?;
    let agreed: Vec<GroupId> = wishes
        .iter()
        .filter(|wish| {
            groups
                .get(wish.group)
                .is_some_and(|it| it.rests_under(wish))
        })
        .map(|wish| wish.group)
        .collect();
    seal(&agreed).ok()
}
