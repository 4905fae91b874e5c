//! Makes the replicas of this node what the metadata says: opens, founds, repairs and deletes them.
//!
//! Must stay true:
//! - a replica is deleted only when its group is among the deleted groups of the metadata, or when the metadata, as of
//!   now, says that it has left this node; never because this node does not find it elsewhere;
//! - a replica that is not on this node's disk is made only after this node has asked, since it started, what the
//!   metadata is: what it reads from its log and checkpoint may be of a time when a group that is deleted was not, or
//!   when one that has left was here;
//! - a group is founded with exactly the voters that the metadata names, and never again once they have changed;
//! - the rebuild of a node that was wiped ends only when every replica that it is to have is whole, and every one that
//!   has left it meanwhile is known to have left nothing to go on from;
//! - a voter other than the preferred leader founds a group only when nobody has for [`FOUND_AFTER`].

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::time::{Instant, now};
use ana_raft::{Departure, Group, GroupHealth, MachineKind};
use ana_state::meta::{MoveStep, NodeCommand};
use ana_state::{MetaCommand, Metadata};
use ana_types::{GroupId, NodeId};
use futures::future::join_all;

use crate::context::{Changes, Context, Deadline};
use crate::membership::founding_voters;

/// Looks happen at changes of the metadata, and this often while something is unfinished here.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// And this often while all is well: damage that is met while reading has no other sign.
const QUIET_LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the preferred leader has to found a group alone.
const FOUND_AFTER: Duration = Duration::from_secs(2);
/// How long one question for the newest metadata may take.
const ASK_WITHIN: Duration = Duration::from_secs(1);
/// How long the metadata may take to say what has left this node.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// Logs opened at the same time when a node starts.
const OPENED_AT_ONCE: usize = 8;

/// A group that has a replica here by the metadata.
#[derive(Debug, Clone)]
struct Wanted {
    /// Who votes, or will when the move that is under way has switched.
    voters: BTreeSet<NodeId>,
    /// Who founds it, when nobody has; none when somebody has.
    founders: Option<BTreeSet<NodeId>>,
    preferred: NodeId,
}

/// What the loop remembers between looks.
#[derive(Debug, Default)]
struct Memory {
    /// When a replica without members was first seen.
    empty_since: BTreeMap<GroupId, Instant>,
    /// Replicas that a task repairs.
    in_repair: Arc<Mutex<BTreeSet<GroupId>>>,
    /// Groups that had a directory here at the start and are not known to be deleted; none until it was read. Those that
    /// the metadata does not want are not opened, and the metadata may be older than they are.
    stored: Option<BTreeSet<GroupId>>,
    /// It is known that missing replicas of this node are new, not lost.
    is_complete: bool,
    /// The metadata here was brought to what was committed at some moment since the last start.
    is_current: bool,
    /// Groups that have left this node and must not come back: what they had promised is not known.
    lost: BTreeSet<GroupId>,
}

impl Memory {
    fn is_quiet(&self, context: &Context) -> bool {
        self.is_complete
            && self.empty_since.is_empty()
            && lock(&self.in_repair).is_empty()
            && context.is_confirmed.load(Ordering::Acquire)
    }
}

/// Runs until the router shuts down.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let mut changes = Changes::default();
    let mut memory = Memory::default();
    loop {
        let look_every = if memory.is_quiet(&context) {
            QUIET_LOOK_EVERY
        } else {
            LOOK_EVERY
        };
        context.next_look(&mut changes, look_every).await;
        learn_addresses(&context);
        let wanted = wanted(&context);
        open(&context, &wanted, &mut memory).await;
        found(&context, &wanted, &mut memory).await;
        repair(&context, &wanted, &memory);
        end_rebuild(&context, &mut memory).await;
        delete(&context, &mut memory).await;
        leave(&context, &mut memory).await;
    }
}

/// Addresses by the metadata; those of the configuration until it has them. Nodes that were removed are refused, and
/// dialled only by the metadata leader, until it has told them.
pub(crate) fn learn_addresses(context: &Context) {
    let this = context.config.this.id;
    let configured = context
        .config
        .members
        .iter()
        .map(|it| (it.id, it.peer_addr.clone()));
    let mut addresses: BTreeMap<NodeId, String> = configured.collect();
    let known = context.look(|meta| {
        let removed = meta.removed_nodes().clone();
        (meta.nodes().clone(), removed, meta.cluster().is_some())
    });
    let Ok((registered, removed, is_founded)) = known else {
        return dial(context, addresses);
    };
    if is_founded {
        addresses.retain(|id, _| registered.contains_key(id));
    }
    addresses.extend(
        registered
            .into_iter()
            .map(|(id, node)| (id, node.peer_addr)),
    );
    for node in removed {
        if node != this && context.peers.refuse(node) {
            tracing::info!(%node, "a node was removed: it is refused from now on");
        }
    }
    if is_founded {
        for (node, _) in context.peers.addresses() {
            if !addresses.contains_key(&node) && !is_told(context, node) {
                context.peers.remove(node);
            }
        }
    }
    dial(context, addresses);
}

fn dial(context: &Context, addresses: BTreeMap<NodeId, String>) {
    for (node, address) in addresses {
        if node != context.config.this.id {
            context.peers.set(node, address);
        }
    }
}

/// Whether this node, as metadata leader, still lets a removed node follow so that it learns of it.
fn is_told(context: &Context, node: NodeId) -> bool {
    let led = context.meta().ok().filter(Group::is_leader);
    led.is_some_and(|meta| meta.status().learners.contains(&node))
}

fn wanted(context: &Context) -> BTreeMap<GroupId, Wanted> {
    let this = context.config.this.id;
    let of_metadata = |meta: &Metadata| {
        let known = meta.cluster().is_some() && !meta.meta_voters().is_empty();
        let voters = known.then(|| voters_soon(meta, GroupId::METADATA, meta.meta_voters()));
        voters.map(|voters| Wanted {
            preferred: voters.first().copied().unwrap_or(this),
            voters,
            founders: None,
        })
    };
    let looked = context.look(|meta| {
        let mine = meta.groups().iter().filter(|(id, group)| {
            let comes = meta.moves().get(id).filter(|it| it.step != MoveStep::Back);
            group.voters.contains(&this) || comes.is_some_and(|it| it.to == Some(this))
        });
        let mine = mine.map(|(id, group)| {
            let founders = group.voters.iter().copied().collect();
            let wanted = Wanted {
                voters: voters_soon(meta, *id, &group.voters),
                founders: meta.has_founding_voters(*id).then_some(founders),
                preferred: group.preferred_leader,
            };
            (*id, wanted)
        });
        let mut wanted: BTreeMap<GroupId, Wanted> = mine.collect();
        wanted.extend(of_metadata(meta).map(|it| (GroupId::METADATA, it)));
        wanted
    });
    let mut wanted = looked.unwrap_or_default();
    let founders = founding_voters(&context.config.members);
    if let Some(first) = founders.first().copied() {
        // Nothing is known of a cluster: this node may be one of those that found it.
        wanted.entry(GroupId::METADATA).or_insert(Wanted {
            voters: founders.clone(),
            founders: Some(founders),
            preferred: first,
        });
    }
    wanted
}

/// The voters of a group, counted as if its move were through once that goes only forward.
fn voters_soon(meta: &Metadata, group: GroupId, voters: &[NodeId]) -> BTreeSet<NodeId> {
    let moved = meta.moves().get(&group);
    match moved.filter(|it| it.step == MoveStep::Switch) {
        Some(it) => it.voters_after(voters).into_iter().collect(),
        None => voters.iter().copied().collect(),
    }
}

async fn open(context: &Context, wanted: &BTreeMap<GroupId, Wanted>, memory: &mut Memory) {
    let closed = |wanted: &BTreeMap<GroupId, Wanted>| -> Vec<GroupId> {
        let ids = wanted.keys().copied();
        ids.filter(|id| context.groups.get(*id).is_none()).collect()
    };
    let (mut here, mut new) = (Vec::new(), false);
    for id in closed(wanted) {
        // The metadata group is on every node, and nothing can be asked without it.
        match context.groups.has_replica(id).await {
            Ok(is_here) if is_here || id == GroupId::METADATA => here.push(id),
            Ok(_) => new = true,
            Err(error) => {
                tracing::warn!(group = %id, %error, "the directory of a group cannot be listed");
                return;
            }
        }
    }
    open_some(context, &here).await;
    if !new {
        return;
    }
    if !memory.is_current {
        if let Err(error) = context.barrier(Deadline::after(ASK_WITHIN)).await {
            tracing::info!(%error, "new replicas wait until the metadata is known");
            return;
        }
        memory.is_current = true;
    }
    // By the metadata as it is now.
    open_some(context, &closed(&self::wanted(context))).await;
}

async fn open_some(context: &Context, ids: &[GroupId]) {
    for some in ids.chunks(OPENED_AT_ONCE) {
        join_all(some.iter().map(|id| async move {
            let kind = if *id == GroupId::METADATA {
                MachineKind::Meta
            } else {
                MachineKind::Shards
            };
            if let Err(error) = context.groups.open(*id, kind).await {
                tracing::error!(group = %id, %error, "a replica cannot be opened");
            }
        }))
        .await;
    }
}

/// Founds groups that nobody has founded: new ones at once where their leader should stand.
async fn found(context: &Context, wanted: &BTreeMap<GroupId, Wanted>, memory: &mut Memory) {
    let this = context.config.this.id;
    let mut empty = BTreeSet::new();
    if !context.is_confirmed.load(Ordering::Acquire) {
        // It may have been here before, and have lost all it knew: then others have founded what it finds empty.
        return;
    }
    for (id, group) in wanted {
        let founders = group.founders.as_ref().filter(|it| it.contains(&this));
        let Some((founders, replica)) = founders.zip(context.groups.get(*id)) else {
            continue;
        };
        if !is_empty(&replica) {
            continue;
        }
        empty.insert(*id);
        let since = *memory.empty_since.entry(*id).or_insert_with(now);
        let is_due = group.preferred == this || now().duration_since(since) >= FOUND_AFTER;
        if is_due && let Err(error) = replica.initialize(founders.clone()).await {
            tracing::warn!(group = %id, %error, "a group could not be founded");
        }
    }
    memory.empty_since.retain(|id, _| empty.contains(id));
}

/// It has no members yet, and nothing that speaks against founding it.
fn is_empty(replica: &Group) -> bool {
    !replica.has_voters() && matches!(replica.health(), GroupHealth::Ok | GroupHealth::Full)
}

/// Ends the rebuild of a node that was wiped, when everything that the metadata wants here is here and whole. Its own
/// metadata says so only when that replica is a voter again: then it has applied all that was committed before.
async fn end_rebuild(context: &Context, memory: &mut Memory) {
    if memory.is_complete {
        return;
    }
    let is_whole = |id: &GroupId| {
        let replica = context.groups.get(*id);
        replica.is_some_and(|it| matches!(it.health(), GroupHealth::Ok | GroupHealth::Full))
    };
    if context.secret().is_none() || !is_whole(&GroupId::METADATA) {
        return;
    }
    // Asked only now that the metadata is whole: before, it may not have known all of them.
    let wanted = wanted(context);
    if !wanted.keys().all(is_whole) {
        return;
    }
    // Then: a group that has left in between was among them. One that has left and is not noted to have taken its
    // promises along would be as good as new when it comes back.
    let this = context.config.this.id;
    let left = context.look(|meta| meta.left_on(this).collect::<Vec<_>>());
    if !left.is_ok_and(|left| left.iter().all(|group| memory.lost.contains(group))) {
        return;
    }
    let ended = match context.groups.is_rebuilt().await {
        Ok(true) => context.groups.end_rebuild().await.map(|()| {
            tracing::info!(groups = wanted.len(), "the node is rebuilt");
        }),
        known => known.map(drop),
    };
    match ended {
        Ok(()) => memory.is_complete = true,
        Err(error) => tracing::warn!(%error, "the mark of the rebuild stays for now"),
    }
}

/// Starts the repair of damaged replicas, each in a task of its own: it takes as long as the copying takes.
fn repair(context: &Arc<Context>, wanted: &BTreeMap<GroupId, Wanted>, memory: &Memory) {
    let this = context.config.this.id;
    for (id, group) in wanted {
        let Some(replica) = context.groups.get(*id) else {
            continue;
        };
        replica.place(&group.voters);
        let is_damaged = matches!(
            replica.health(),
            GroupHealth::Corrupt { .. } | GroupHealth::Rejoining
        );
        if !is_damaged || !lock(&memory.in_repair).insert(*id) {
            continue;
        }
        let others: Vec<NodeId> = group
            .voters
            .iter()
            .copied()
            .filter(|it| *it != this)
            .collect();
        let (context, in_repair, id) = (Arc::clone(context), Arc::clone(&memory.in_repair), *id);
        let task = Arc::clone(&context);
        context.tasks.spawn(async move {
            match task.groups.repair(id, &others).await {
                Ok(()) => tracing::info!(group = %id, "a damaged replica is repaired"),
                Err(error) => {
                    tracing::warn!(group = %id, %error, "a damaged replica is not repaired yet");
                }
            }
            lock(&in_repair).remove(&id);
        });
    }
}

fn lock(set: &Mutex<BTreeSet<GroupId>>) -> MutexGuard<'_, BTreeSet<GroupId>> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Deletes the replicas of deleted groups, those that were not opened since the start included.
async fn delete(context: &Context, memory: &mut Memory) {
    let mut here: BTreeSet<GroupId> = context.groups.all().iter().map(Group::id).collect();
    if memory.stored.is_none() {
        match stored(context).await {
            Ok(stored) => memory.stored = Some(stored),
            Err(error) => tracing::warn!(%error, "the directory of the groups cannot be listed"),
        }
    }
    here.extend(memory.stored.iter().flatten());
    let Ok(gone) = context.look(|meta| {
        let deleted = meta.deleted_groups();
        here.into_iter()
            .filter(|id| deleted.contains(*id))
            .collect::<Vec<_>>()
    }) else {
        return;
    };
    if gone.is_empty() {
        return;
    }
    for group in &gone {
        let deleted = context.groups.delete(*group).await;
        // What could not be deleted is not open any more.
        if let Some(stored) = &mut memory.stored {
            match deleted {
                Ok(()) => stored.remove(group),
                Err(_) => stored.insert(*group),
            };
        }
        match deleted {
            Ok(()) => tracing::info!(%group, "the replica of a deleted group is deleted"),
            Err(error) => tracing::warn!(%group, %error, "a replica could not be deleted"),
        }
    }
    context.leaders.keep(|group| !gone.contains(&group));
    context.admission().keep(|group| !gone.contains(&group));
    context.loads().keep(|group| !gone.contains(&group));
}

/// Deletes the replicas that moves have left on this node, and says so: until then none of these groups comes back.
async fn leave(context: &Context, memory: &mut Memory) {
    let this = context.config.this.id;
    let left = |meta: &Metadata| -> Vec<GroupId> { meta.left_on(this).collect() };
    let here = context.look(left).unwrap_or_default();
    memory.lost.retain(|group| here.contains(group));
    if here.iter().all(|group| memory.lost.contains(group)) {
        return;
    }
    // The metadata of this node may be older than its replicas, when the power was cut: only what it says as of now
    // counts.
    let Ok(here) = context.look_now(Deadline::after(LEAVE_WITHIN), left).await else {
        return;
    };
    for group in here {
        if memory.lost.contains(&group) {
            continue;
        }
        match context.groups.leave(group, MachineKind::Shards).await {
            Ok(Departure::Clean) => {
                tracing::info!(%group, "the replica of a group that has moved away is deleted");
                let deleted = NodeCommand::ReplicaDeleted { group, node: this };
                let deadline = Deadline::after(LEAVE_WITHIN);
                let told = context.command_again(MetaCommand::Node(deleted), deadline);
                if let Err(error) = told.await {
                    tracing::info!(%group, %error, "the metadata is not told of it yet");
                }
            }
            Ok(Departure::Unknown) => {
                tracing::error!(%group, "a damaged replica has moved away: the group must not come back here");
                memory.lost.insert(group);
            }
            Err(error) => tracing::warn!(%group, %error, "a replica could not be deleted"),
        }
        context.leaders.forget_group(group);
    }
}

/// Groups with a directory on this node's disk.
async fn stored(context: &Context) -> io::Result<BTreeSet<GroupId>> {
    let config = context.groups.config();
    let entries = context.env.disk.list(&config.groups_dir()).await?;
    let ids = entries
        .iter()
        .filter_map(|entry| entry.name.parse().ok().map(GroupId));
    Ok(ids.collect())
}
