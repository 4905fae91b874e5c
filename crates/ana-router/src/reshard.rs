//! Splits and merges: the client's request, and the steps that the driver on the metadata leader takes afterwards.
//!
//! ```text
//! SplitShard/MergeShards (UPDATING, parents write on)
//!   -> close the parents in their groups      one entry with the opening when all are in the children's group
//!   -> ParentsClosed in the metadata          from here on only forward; routes turn to the children
//!   -> open the children in their group
//!   -> FinishReshard (children are listed, ACTIVE)
//! ```
//! Must stay true: every step may be repeated by anyone who believes to be the driver, at any time, and then changes
//! nothing; where the metadata stands decides which step is next.
//!
//! Danger: between the first step and the second, puts to the parents wait in their routers. So the time that
//! UPDATING is shown, and the start of a group that is new, are spent before the first step.

use std::collections::BTreeMap;

use ana_state::MetaCommand;
use ana_state::meta::{ParentClosed, Reshard, ReshardClosed, StreamState};
use ana_state::shard::{ClosedAt, ShardCommand, ShardOutcome, ShardSpec};
use ana_types::{GroupId, HashKey, KinesisError, ShardIndex, StreamKey, StreamName, StreamStatus};

use crate::context::{Context, Deadline};
use crate::leader::{Repeat, at_leader};
use crate::list_shards::parse_shard;
use crate::messages::{CommandShards, ShardsAnswer};
use crate::ops::{MergeShards, SplitShard};
use crate::router::Answer;
use crate::shard_map;
use crate::streams::{carry_out, look_at};

/// SplitShard.
pub(crate) async fn split(context: &Context, request: SplitShard) -> Answer<()> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let shard = parse_shard(&request.shard_id, &name)?;
    let Some(new_start) = HashKey::parse_decimal(&request.new_starting_hash_key) else {
        let value = request.new_starting_hash_key;
        return look_at(context, &request.stream, |stream| {
            too_large(stream, shard, value)
        })
        .await?;
    };
    let now_ms = context.now_ms();
    carry_out(
        context,
        MetaCommand::SplitShard {
            name,
            shard,
            new_start,
            now_ms,
        },
    )
    .await
}

/// A hash key beyond all hash keys: what comes before it in the order of checks comes first here too.
fn too_large(stream: &StreamState, shard: ShardIndex, value: String) -> Answer<()> {
    let name = stream.name.clone();
    if stream.status != StreamStatus::Active {
        return Err(KinesisError::StreamNotActive {
            stream: name,
            status: stream.status,
        });
    }
    let Some(info) = stream.shard(shard) else {
        return Err(KinesisError::ShardNotFound {
            shard,
            stream: name,
        });
    };
    let (start, end) = (info.range.start, info.range.end);
    Err(KinesisError::SplitKeyTooLarge {
        value,
        shard,
        stream: name,
        start,
        end,
    })
}

/// MergeShards.
pub(crate) async fn merge(context: &Context, request: MergeShards) -> Answer<()> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let a = parse_shard(&request.shard_id, &name)?;
    let b = parse_shard(&request.adjacent_shard_id, &name)?;
    let now_ms = context.now_ms();
    carry_out(context, MetaCommand::MergeShards { name, a, b, now_ms }).await
}

/// A reshard as the driver found it in the metadata.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    key: StreamKey,
    name: StreamName,
    reshard: Reshard,
    /// The group of each parent.
    parents: BTreeMap<ShardIndex, GroupId>,
}

impl Plan {
    /// The reshard under way on a stream.
    pub(crate) fn of(stream: &StreamState) -> Option<Self> {
        let reshard = stream.reshard()?.clone();
        let parents = reshard.parents.iter();
        let parents = parents
            .filter_map(|it| Some((*it, stream.shards.get(it)?.group)))
            .collect();
        Some(Self {
            key: stream.key,
            name: stream.name.clone(),
            reshard,
            parents,
        })
    }

    /// Closing and opening are one entry.
    fn is_local(&self) -> bool {
        self.parents
            .values()
            .all(|group| *group == self.reshard.group)
    }
}

/// Takes the steps that are left.
///
/// # Errors
/// When a group has no leader or refuses; the driver comes back later.
pub(crate) async fn drive(context: &Context, plan: &Plan, deadline: Deadline) -> Answer<()> {
    let mut closed = plan.reshard.closed.clone();
    if closed.is_none() {
        if !plan.is_local() {
            // The group may be new: writes must not wait for its first election.
            let nothing = ShardCommand::Expire { shards: Vec::new() };
            command_group(context, plan.reshard.group, nothing, deadline).await?;
        }
        let parents = close_parents(context, plan, deadline).await?;
        let parents_closed = MetaCommand::ParentsClosed {
            key: plan.key,
            closed: parents,
        };
        context.command_again(parents_closed, deadline).await?;
        if !plan.is_local() {
            closed = closed_now(context, plan, deadline).await?;
        }
    }
    if !plan.is_local()
        && let Some(closed) = &closed
    {
        open_children(context, plan, closed, deadline).await?;
    }
    if let Some(first_child) = plan.reshard.first_child() {
        let key = plan.key;
        let finish = MetaCommand::FinishReshard { key, first_child };
        context.command_again(finish, deadline).await?;
    }
    tracing::info!(stream = %plan.name, "a reshard is finished");
    Ok(())
}

/// What the metadata says after ParentsClosed; none when another driver has finished in the meantime, whatever
/// reshard may have begun since.
async fn closed_now(
    context: &Context,
    plan: &Plan,
    deadline: Deadline,
) -> Answer<Option<ReshardClosed>> {
    context
        .look_now(deadline, |meta| {
            let now = meta.stream_by_key(plan.key)?.reshard()?;
            let is_same = now.first_child() == plan.reshard.first_child();
            now.closed.clone().filter(|_| is_same)
        })
        .await
}

async fn close_parents(
    context: &Context,
    plan: &Plan,
    deadline: Deadline,
) -> Answer<Vec<ParentClosed>> {
    let children = plan.reshard.children.clone();
    // One time for all parents, so that no moment lies between the ends of two that are merged.
    let time_ms = context.now_ms();
    let mut closed: BTreeMap<ShardIndex, ParentClosed> = BTreeMap::new();
    let mut by_group: BTreeMap<GroupId, Vec<ShardIndex>> = BTreeMap::new();
    for parent in &plan.reshard.parents {
        let group = plan
            .parents
            .get(parent)
            .ok_or_else(|| KinesisError::Internal {
                why: format!("{parent} is resharded and not in the metadata"),
            })?;
        by_group.entry(*group).or_default().push(*parent);
    }
    for (group, shards) in by_group {
        let children = children.clone();
        let command = if plan.is_local() {
            ShardCommand::CloseAndOpen {
                shards,
                time_ms,
                children,
            }
        } else {
            ShardCommand::Close {
                shards,
                time_ms,
                children,
            }
        };
        match command_group(context, group, command, deadline).await? {
            ShardOutcome::Closed(ends) => {
                closed.extend(ends.iter().map(|end| (end.shard, parent_closed(end))));
            }
            other => return Err(refused(group, &other)),
        }
    }
    Ok(plan
        .reshard
        .parents
        .iter()
        .filter_map(|parent| closed.remove(parent))
        .collect())
}

fn parent_closed(end: &ClosedAt) -> ParentClosed {
    ParentClosed {
        shard: end.shard,
        closed_ms: end.time_ms,
        ending: end.ending,
        end: end.end,
    }
}

async fn open_children(
    context: &Context,
    plan: &Plan,
    closed: &ReshardClosed,
    deadline: Deadline,
) -> Answer<()> {
    let shards = closed
        .children
        .iter()
        .map(|info| ShardSpec {
            shard: info.shard,
            range: info.range,
            created_ms: info.created_ms,
            created_s: info.created_s,
        })
        .collect();
    let group = plan.reshard.group;
    open(context, group, shards, deadline).await
}

/// Opens shards in their group.
pub(crate) async fn open(
    context: &Context,
    group: GroupId,
    shards: Vec<ShardSpec>,
    deadline: Deadline,
) -> Answer<()> {
    match command_group(context, group, ShardCommand::Open { shards }, deadline).await? {
        ShardOutcome::Opened => Ok(()),
        other => Err(refused(group, &other)),
    }
}

/// Gives a command to a data group. All of them may be repeated.
pub(crate) async fn command_group(
    context: &Context,
    group: GroupId,
    command: ShardCommand,
    deadline: Deadline,
) -> Answer<ShardOutcome> {
    let work = CommandShards { group, command };
    let ShardsAnswer(outcome) = at_leader(context, group, &work, Repeat::Safe, deadline).await?;
    Ok(outcome)
}

fn refused(group: GroupId, outcome: &ShardOutcome) -> KinesisError {
    KinesisError::Internal {
        why: format!("group {group} answered {outcome:?}"),
    }
}
