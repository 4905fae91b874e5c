//! The subscriptions that this node serves: their bound, their leases, and how far replicas must be to serve them.
//!
//! Every second one message per group renews all sessions with the group's leader. A leader that is not reached changes
//! nothing: reading what is committed does no harm, and a session ends by itself.
//!
//! Must stay true: a session is in the table exactly as long as its [`Session`] lives; only a leader's word takes the
//! lease away from it, or a later session of the same consumer and shard on this very node.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::time::interval;
use ana_types::GroupId;
use ana_types::limits::STREAM_NAME_CHARS_MAX;
use futures::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::leases::{Claimed, LeaseKey, LeaseRules, Leases, SessionId};
use crate::config::Limits;
use crate::context::{Context, Deadline};
use crate::error::Decline;
use crate::leader::{Repeat, at_leader};
use crate::messages::{Claim, Renew, Renewal, Renewed};
use crate::server::replica;

/// Subscriptions that one node serves: each may hold one event, 256 KiB of records and a third more as JSON.
pub(crate) const SESSIONS_MAX: usize = 2048;
/// Reads for subscriptions at the same time, of those that a node does at all: the rest is left to GetRecords.
const PUSHES_AT_ONCE_MAX: usize = 16;
/// Waits at replicas of other nodes, and for other nodes here, each a call under way; the transport bears some 1,000.
const FOLLOWS_MAX: usize = 256;
/// A session that was taken over ends about this long after.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// A round of renewals ends before the next one.
const RENEW_WITHIN: Duration = Duration::from_millis(900);
/// Groups whose leaders are asked at the same time.
const GROUPS_AT_ONCE: usize = 16;
/// Bytes of a renewal besides the name.
const RENEWAL_BYTES: usize = 64;

const _: () = assert!(
    SESSIONS_MAX * (STREAM_NAME_CHARS_MAX + RENEWAL_BYTES) < crate::messages::SMALL_BYTES_MAX,
    "all renewals of a node fit in one message"
);

/// What subscriptions share on one node.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    table: Mutex<Table>,
    /// Leases of the shards whose leaders stand here.
    leases: Mutex<Leases>,
    slots: Arc<Semaphore>,
    /// Bounds the reads for subscriptions.
    pub(super) pushes: Semaphore,
    /// Bounds the waits at other nodes.
    pub(super) follows_out: Semaphore,
    /// Bounds the waits for other nodes.
    pub(super) follows_in: Semaphore,
}

#[derive(Debug, Default)]
struct Table {
    sessions: BTreeMap<SessionId, Entry>,
    /// What leaders have said they had applied.
    told: BTreeMap<GroupId, Told>,
}

#[derive(Debug)]
struct Entry {
    key: LeaseKey,
    /// By the monotonic clock.
    started: Duration,
    lost: watch::Sender<bool>,
}

/// What the leader had applied at the last renewal, and at the one before.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    last: u64,
    before: u64,
}

/// One session, from the moment its lease was granted.
#[derive(Debug)]
pub(crate) struct Session {
    id: SessionId,
    context: Arc<Context>,
    /// Whether the lease is lost.
    pub(crate) lost: watch::Receiver<bool>,
    _slot: OwnedSemaphorePermit,
}

impl Session {
    pub(crate) fn id(&self) -> u64 {
        self.id.0
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.context.subscriptions.remove(self.id);
    }
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            table: Mutex::default(),
            leases: Mutex::default(),
            slots: Arc::new(Semaphore::new(SESSIONS_MAX)),
            pushes: Semaphore::new(PUSHES_AT_ONCE_MAX),
            follows_out: Semaphore::new(FOLLOWS_MAX),
            follows_in: Semaphore::new(FOLLOWS_MAX),
        }
    }
}

impl Subscriptions {
    /// Room for one more session; none when the node serves as many as it may.
    pub(crate) fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// What a replica of the group must have applied to be read from: what the leader had applied a round of renewals
    /// ago. 0 until two rounds are over.
    pub(super) fn applied_min(&self, group: GroupId) -> u64 {
        self.table().told.get(&group).map_or(0, |told| told.before)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, id: SessionId, key: LeaseKey, started: Duration) -> watch::Receiver<bool> {
        let (lost, receiver) = watch::channel(false);
        let mut table = self.table();
        for older in table.sessions.values().filter(|it| it.key == key) {
            // The leader has granted the lease anew, so it would say the same a second later.
            older.lost.send_replace(true);
        }
        let entry = Entry { key, started, lost };
        table.sessions.insert(id, entry);
        receiver
    }

    fn remove(&self, id: SessionId) {
        let mut table = self.table();
        let gone = table.sessions.remove(&id);
        let used = |group| table.sessions.values().any(|it| it.key.group == group);
        if let Some(group) = gone.map(|it| it.key.group)
            && !used(group)
        {
            table.told.remove(&group);
        }
    }

    fn renewals(&self, now: Duration) -> BTreeMap<GroupId, Vec<Renewal>> {
        let mut renewals: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (session, entry) in &self.table().sessions {
            let age = now.saturating_sub(entry.started).as_millis();
            renewals.entry(entry.key.group).or_default().push(Renewal {
                shard: entry.key.shard,
                consumer: entry.key.consumer.clone(),
                session: *session,
                age_ms: u64::try_from(age).unwrap_or(u64::MAX),
            });
        }
        renewals
    }

    fn renewed(&self, group: GroupId, renewed: &Renewed) {
        let mut table = self.table();
        for session in &renewed.lost {
            if let Some(entry) = table.sessions.get(session) {
                entry.lost.send_replace(true);
            }
        }
        if table.sessions.values().any(|it| it.key.group == group) {
            let told = table.told.entry(group).or_default();
            told.before = told.last;
            // Another leader may be a little behind the one before it.
            told.last = told.last.max(renewed.applied);
        }
    }
}

/// Notes a session whose lease was granted.
pub(crate) fn begin(
    context: &Arc<Context>,
    id: SessionId,
    key: LeaseKey,
    slot: OwnedSemaphorePermit,
) -> Session {
    let started = context.env.clock.elapsed();
    Session {
        id,
        context: Arc::clone(context),
        lost: context.subscriptions.add(id, key, started),
        _slot: slot,
    }
}

/// Renews all sessions, again and again, until the router shuts down.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let mut ticks = interval(RENEW_EVERY);
    loop {
        ticks.tick().await;
        let renewals = context.subscriptions.renewals(context.env.clock.elapsed());
        stream::iter(renewals)
            .for_each_concurrent(GROUPS_AT_ONCE, |(group, sessions)| {
                Box::pin(renew_group(&context, group, sessions))
            })
            .await;
    }
}

async fn renew_group(context: &Context, group: GroupId, sessions: Vec<Renewal>) {
    let renew = Renew { group, sessions };
    let deadline = Deadline::after(RENEW_WITHIN);
    match at_leader(context, group, &renew, Repeat::Safe, deadline).await {
        Ok(renewed) => context.subscriptions.renewed(group, &renewed),
        Err(error) => tracing::debug!(%group, %error, "subscriptions are not renewed"),
    }
}

/// Answers a claim, as the leader.
pub(crate) async fn claim(context: &Context, call: &Claim) -> Result<Claimed, Decline> {
    let group = replica(context, call.group)?;
    // A leader that was deposed must not give out what another has given.
    group.read_barrier().await?;
    if group.shards(|set| set.shard(call.shard).is_none()) {
        return Ok(Claimed::NoShard);
    }
    let key = LeaseKey {
        group: call.group,
        shard: call.shard,
        consumer: call.consumer.clone(),
    };
    let (rules, now) = (rules(context), context.env.clock.elapsed());
    let mut leases = context.subscriptions.leases();
    Ok(leases.claim(&key, call.session, rules, now))
}

/// Answers renewals, as the leader.
pub(crate) fn renew(context: &Context, call: &Renew) -> Result<Renewed, Decline> {
    let group = replica(context, call.group)?;
    if !group.is_leader() {
        return Err(Decline::NotLeader {
            leader: group.leader(),
        });
    }
    let (rules, now) = (rules(context), context.env.clock.elapsed());
    let mut leases = context.subscriptions.leases();
    let lost = call.sessions.iter().filter(|it| {
        let key = LeaseKey {
            group: call.group,
            shard: it.shard,
            consumer: it.consumer.clone(),
        };
        !leases.renew(
            &key,
            it.session,
            Duration::from_millis(it.age_ms),
            rules,
            now,
        )
    });
    let lost = lost.map(|it| it.session).collect();
    Ok(Renewed {
        lost,
        applied: group.applied(),
    })
}

fn rules(context: &Context) -> LeaseRules {
    LeaseRules {
        takeover_after: context.config.subscription_takeover_after,
        limited: context.config.limits == Limits::Aws,
    }
}

#[cfg(test)]
mod tests {
    use ana_types::{ConsumerName, ShardIndex};

    use super::super::leases::ConsumerKey;
    use super::*;

    const GROUP: GroupId = GroupId(3);

    fn key(shard: u32) -> LeaseKey {
        LeaseKey {
            group: GROUP,
            shard: ShardIndex(shard),
            consumer: ConsumerKey {
                name: ConsumerName::new("c").expect("a name"),
                created_ms: 7,
            },
        }
    }

    fn told(applied: u64) -> Renewed {
        Renewed {
            lost: Vec::new(),
            applied,
        }
    }

    #[test]
    fn a_replica_has_one_round_to_catch_up() {
        let node = Subscriptions::default();
        node.renewed(GROUP, &told(5));
        assert!(node.table().told.is_empty(), "nobody is subscribed");
        let _lost = node.add(SessionId(1), key(0), Duration::ZERO);
        let mins: Vec<_> = [10, 20, 15, 30, 30]
            .map(|applied| {
                node.renewed(GROUP, &told(applied));
                node.applied_min(GROUP)
            })
            .to_vec();
        assert_eq!(mins, [0, 10, 20, 20, 30]);
        node.remove(SessionId(1));
        assert_eq!(node.applied_min(GROUP), 0);
        assert!(node.table().told.is_empty());
    }

    #[test]
    fn a_later_session_on_the_same_node_ends_the_earlier_at_once() {
        let node = Subscriptions::default();
        let first = node.add(SessionId(1), key(0), Duration::ZERO);
        let other = node.add(SessionId(2), key(1), Duration::ZERO);
        let second = node.add(SessionId(3), key(0), Duration::from_secs(6));
        let lost = [first, other, second].map(|it| *it.borrow());
        assert_eq!(lost, [true, false, false]);
    }

    #[test]
    fn what_the_leader_says_is_lost_is_lost() {
        let node = Subscriptions::default();
        let one = node.add(SessionId(1), key(0), Duration::ZERO);
        let two = node.add(SessionId(2), key(1), Duration::ZERO);
        let renewals = node.renewals(Duration::from_millis(1500));
        let ages: Vec<_> = renewals[&GROUP].iter().map(|it| it.age_ms).collect();
        assert_eq!(ages, [1500, 1500]);
        let lost = vec![SessionId(2), SessionId(77)];
        node.renewed(GROUP, &Renewed { lost, applied: 1 });
        assert_eq!([one, two].map(|it| *it.borrow()), [false, true]);
    }
}
