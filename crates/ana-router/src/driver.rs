//! Carries out what takes time: creations, deletions, reshards, changes of settings, the lives of consumers, the end of
//! the account's commitment, the expiry of closed shards.
//!
//! It runs on every node and does something on the metadata leader alone. What is to be done stands in the metadata
//! (`StreamState::pending`), never in memory here, so a new leader simply goes on.
//!
//! Must stay true:
//! - every step is idempotent: two nodes that both believe to lead may take the same step;
//! - one stream, or consumer, is worked on by one task of this node at a time, and only so many of each at once;
//! - a stream is removed from the metadata only after its groups have closed every shard, so that a put by an old map
//!   can not be acknowledged after the stream is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::time::{interval, sleep};
use ana_raft::Group;
use ana_state::MetaCommand;
use ana_state::meta::{PendingKind, Reshard, StreamState};
use ana_state::shard::{ShardCommand, ShardSpec};
use ana_types::{GroupId, ShardIndex, StreamKey, StreamStatus};

use crate::clocks::agreed_now_ms;
use crate::consumers::{self, Change};
use crate::context::{Changes, Context, Deadline};
use crate::leader::{Repeat, at_leader};
use crate::messages::{Seal, Sealed};
use crate::reshard::{self, Plan};
use crate::router::Answer;
use crate::settings;

/// Streams worked on at the same time, and consumers.
const AT_ONCE_MAX: usize = 32;
/// The driver looks at the metadata when it changes, and this often to try again what failed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one attempt at the steps of a stream may take.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(10);

/// What tasks of this node work on: streams, consumers, or groups.
#[derive(Debug, Clone)]
pub(crate) struct Busy<K: Ord> {
    taken: Arc<Mutex<BTreeSet<K>>>,
}

impl<K: Ord + Clone> Busy<K> {
    pub(crate) fn new() -> Self {
        Self {
            taken: Arc::default(),
        }
    }

    /// Takes one; none when it is taken or too many are.
    pub(crate) fn take(&self, key: &K) -> Option<Taken<K>> {
        let mut taken = lock(&self.taken);
        let free = taken.len() < AT_ONCE_MAX && taken.insert(key.clone());
        drop(taken);
        free.then(|| Taken {
            taken: Arc::clone(&self.taken),
            key: key.clone(),
        })
    }
}

fn lock<K: Ord>(taken: &Mutex<BTreeSet<K>>) -> MutexGuard<'_, BTreeSet<K>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives it back when the task ends, however it ends.
#[derive(Debug)]
pub(crate) struct Taken<K: Ord> {
    taken: Arc<Mutex<BTreeSet<K>>>,
    pub(crate) key: K,
}

impl<K: Ord> Drop for Taken<K> {
    fn drop(&mut self) {
        lock(&self.taken).remove(&self.key);
    }
}

/// Runs until the router shuts down.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let (streams, consumers) = (Busy::new(), Busy::new());
    let mut changes = Changes::default();
    loop {
        context.next_look(&mut changes, LOOK_EVERY).await;
        if let Some(meta) = context.meta().ok().filter(Group::is_leader) {
            start_tasks(&context, &meta, &streams);
            start_consumer_tasks(&context, &meta, &consumers);
            if let Err(error) = settings::end_commitment(&context).await {
                tracing::info!(%error, "the end of the commitment waits");
            }
        }
    }
}

fn start_consumer_tasks(context: &Arc<Context>, meta: &Group, busy: &Busy<Change>) {
    let pending: Vec<Change> = meta.meta(|meta| {
        meta.streams()
            .values()
            .flat_map(consumers::changes)
            .collect()
    });
    for change in pending {
        let Some(taken) = busy.take(&change) else {
            continue;
        };
        let task = Arc::clone(context);
        context.tasks.spawn(async move {
            if let Err(error) = drive_consumer(&task, change).await {
                tracing::info!(consumer = ?taken.key, %error, "a change of a consumer waits");
                // As with streams: without a pause a failing step would spin.
                sleep(LOOK_EVERY).await;
            }
            drop(taken);
        });
    }
}

/// Ends the status that a consumer shows, once it was shown long enough.
async fn drive_consumer(context: &Context, change: Change) -> Answer<()> {
    let Some(shown) = change.shown(context)? else {
        return Ok(());
    };
    let (status, since_ms) = shown;
    show_status(context, since_ms).await;
    if change.shown(context)? != Some(shown) {
        // Something else became pending; the next look takes it.
        return Ok(());
    }
    let deadline = Deadline::after(ATTEMPT_WITHIN);
    change.finish(context, status, deadline).await
}

fn start_tasks(context: &Arc<Context>, meta: &Group, busy: &Busy<StreamKey>) {
    let pending: Vec<StreamKey> = meta.meta(|meta| {
        meta.streams()
            .values()
            .filter(|it| it.is_changing())
            .map(|it| it.key)
            .collect()
    });
    for key in pending {
        let Some(taken) = busy.take(&key) else {
            continue;
        };
        let task = Arc::clone(context);
        context.tasks.spawn(async move {
            if let Err(error) = drive(&task, taken.key).await {
                tracing::info!(stream = %taken.key, %error, "a change of a stream waits");
                // The next look is woken by any change: without a pause a failing step would spin.
                sleep(LOOK_EVERY).await;
            }
            drop(taken);
        });
    }
}

/// What is to be done on one stream.
#[derive(Debug)]
enum Job {
    Create(BTreeMap<GroupId, Vec<ShardSpec>>),
    Delete(Vec<GroupId>),
    Update,
    Reshard(Plan),
}

/// Which of the jobs of a stream this is: when the look after a job shows another one, there was progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    since_ms: u64,
    step: Option<ShardIndex>,
}

fn job(stream: &StreamState) -> Option<(Job, Mark)> {
    let reshard = stream.reshard();
    let step = reshard.and_then(Reshard::first_child);
    if stream.scaling.step.is_some() {
        // Of its own accord: no status shows it, so none is waited for; whatever is pending comes after it.
        let since_ms = 0;
        return Some((Job::Reshard(Plan::of(stream)?), Mark { since_ms, step }));
    }
    let pending = stream.pending.as_ref()?;
    let job = match &pending.kind {
        PendingKind::Create => Job::Create(first_shards(stream)),
        PendingKind::Delete => Job::Delete(stream.groups.clone()),
        PendingKind::Retention | PendingKind::Setting | PendingKind::Mode => Job::Update,
        PendingKind::Resize(resize) if resize.step.is_none() => Job::Update,
        PendingKind::Reshard(_) | PendingKind::Resize(_) => Job::Reshard(Plan::of(stream)?),
    };
    let since_ms = pending.since_ms;
    Some((job, Mark { since_ms, step }))
}

fn first_shards(stream: &StreamState) -> BTreeMap<GroupId, Vec<ShardSpec>> {
    let mut by_group: BTreeMap<GroupId, Vec<ShardSpec>> = BTreeMap::new();
    for info in stream.shards.values() {
        by_group.entry(info.group).or_default().push(ShardSpec {
            shard: info.shard,
            range: info.range,
            created_ms: info.created_ms,
            created_s: info.created_s,
        });
    }
    by_group
}

/// Takes all steps of what is pending on one stream. A resize is many: each begins where the one before ended.
async fn drive(context: &Context, key: StreamKey) -> Answer<()> {
    while drive_one(context, key).await? {}
    Ok(())
}

/// Does one job; says whether there is another one after it.
async fn drive_one(context: &Context, key: StreamKey) -> Answer<bool> {
    let look = |context: &Context| context.look(|meta| meta.stream_by_key(key).and_then(job));
    let Some((first, mark)) = look(context)? else {
        return Ok(false);
    };
    // A creation is prepared while CREATING is shown; everything else begins when its status was shown long enough.
    if let Job::Create(groups) = &first {
        let deadline = Deadline::after(ATTEMPT_WITHIN);
        for (group, shards) in groups {
            reshard::open(context, *group, shards.clone(), deadline).await?;
        }
    }
    show_status(context, mark.since_ms).await;
    let Some((job, mark_now)) = look(context)? else {
        return Ok(false);
    };
    if mark_now != mark {
        // Something else became pending.
        return Ok(true);
    }
    finish(context, key, job, Deadline::after(ATTEMPT_WITHIN)).await?;
    Ok(look(context)?.is_some_and(|(_, next)| next != mark))
}

async fn finish(context: &Context, key: StreamKey, job: Job, deadline: Deadline) -> Answer<()> {
    let now_ms = context.now_ms();
    let last = match job {
        Job::Create(_) => MetaCommand::ActivateStream { key, now_ms },
        Job::Update => MetaCommand::FinishUpdate { key },
        Job::Reshard(plan) => return reshard::drive(context, &plan, deadline).await,
        Job::Delete(groups) => {
            for group in groups {
                let seal = Seal { group };
                let Sealed = at_leader(context, group, &seal, Repeat::Safe, deadline).await?;
            }
            MetaCommand::FinishDelete { key }
        }
    };
    context.command_again(last, deadline).await?;
    Ok(())
}

/// Waits until a status has been shown for the configured time; a clock that jumps can not make it longer.
async fn show_status(context: &Context, since_ms: u64) {
    let until_ms = since_ms.saturating_add(context.config.transition_ms);
    let left_ms = until_ms
        .saturating_sub(context.now_ms())
        .min(context.config.transition_ms);
    sleep(Duration::from_millis(left_ms)).await;
}

/// Runs until the router shuts down: as metadata leader, forgets closed shards that are past their retention.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run_expiry(context: Arc<Context>) {
    let mut ticks = interval(context.config.trim_every);
    loop {
        ticks.tick().await;
        if let Some(meta) = context.meta().ok().filter(Group::is_leader) {
            expire(&context, &meta).await;
        }
    }
}

async fn expire(context: &Context, meta: &Group) {
    let due = |now_ms: u64| -> Vec<(StreamKey, BTreeMap<GroupId, Vec<ShardIndex>>)> {
        meta.meta(|meta| {
            let active = meta
                .streams()
                .values()
                .filter(|it| it.status == StreamStatus::Active);
            active
                .map(|it| (it.key, expired(it, context.config.keep_ms(it), now_ms)))
                .filter(|(_, it)| !it.is_empty())
                .collect()
        })
    };
    if due(context.now_ms()).is_empty() {
        return;
    }
    let voters = context.meta_voters();
    let Some(now_ms) = agreed_now_ms(context, &voters).await else {
        return;
    };
    for (key, by_group) in due(now_ms) {
        if let Err(error) = expire_in(context, key, by_group).await {
            tracing::info!(stream = %key, %error, "the expiry of closed shards waits");
        }
    }
}

fn expired(stream: &StreamState, keep_ms: u64, now_ms: u64) -> BTreeMap<GroupId, Vec<ShardIndex>> {
    let mut by_group: BTreeMap<GroupId, Vec<ShardIndex>> = BTreeMap::new();
    for info in stream.shards.values() {
        let over = info
            .closed
            .is_some_and(|it| it.closed_ms.saturating_add(keep_ms) < now_ms);
        if over {
            by_group.entry(info.group).or_default().push(info.shard);
        }
    }
    by_group
}

async fn expire_in(
    context: &Context,
    key: StreamKey,
    by_group: BTreeMap<GroupId, Vec<ShardIndex>>,
) -> Answer<()> {
    let deadline = Deadline::after(context.config.deadline);
    let shards = by_group.values().flatten().copied().collect();
    context
        .command_again(MetaCommand::ExpireShards { key, shards }, deadline)
        .await?;
    for (group, shards) in by_group {
        // The group goes as a whole when no shard is left to it.
        let is_live = context
            .look_now(deadline, |meta| meta.group(group).is_some())
            .await?;
        if is_live {
            let expire = ShardCommand::Expire { shards };
            reshard::command_group(context, group, expire, deadline).await?;
        }
    }
    Ok(())
}
