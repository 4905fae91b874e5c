//! Moves replicas from node to node, as the metadata says.
//!
//! ```text
//!   metadata leader   BeginMoves ──► the machine chooses: group, from, to
//!   node `to`         opens an empty replica, because the metadata says so (`reconcile.rs`)
//!   group's leader    Join: invites it as a learner, waits until it has caught up, SwitchMove
//!                     Switch: joint change of the voters, FinishMove
//!                     Back: the learner leaves, UndoneMove
//!   node `from`       deletes its replica, because the metadata says that it has left (`reconcile.rs`)
//! ```
//! Where a move stands is in the metadata, and what the members of the group are is in the group: nothing else is
//! remembered, so whoever leads next goes on.
//!
//! Must stay true:
//! - the leader of a group acts on the metadata as of now, not as it was here a while ago;
//! - the voters of a group never change beyond the one move that is under way; members that the metadata does not
//!   know are put out;
//! - the end of a move is told to the metadata only when the change is committed in the group, joint phase over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ana_env::time::sleep;
use ana_raft::{Former, Group, GroupError, Members};
use ana_state::meta::{Move, MoveStep, NodeCommand, NodePhase};
use ana_state::{MetaCommand, Metadata};
use ana_types::{GroupId, KinesisError, NodeId};
use futures::future::join_all;

use crate::balancer::{Displaced, is_fit, reports};
use crate::context::{Changes, Context, Deadline};
use crate::driver::Busy;
use crate::forward::{Attempt, ask};
use crate::messages::AskTime;
use crate::router::Answer;

/// Looks happen at changes of the metadata, and this often while there is something to do: a learner catches up without
/// any.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// And this often while there is not: the leader that began a change of members may die.
const QUIET_LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long one attempt at a step may look for the leader of the metadata.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(4);
/// How long a node may take to answer before no replica is moved to it.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Runs until the router shuts down: as leader of a group, moves its replicas.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let busy: Busy<GroupId> = Busy::new();
    let mut changes = Changes::default();
    let mut look_every = LOOK_EVERY;
    loop {
        context.next_look(&mut changes, look_every).await;
        look_every = QUIET_LOOK_EVERY;
        for group in context.groups.all().into_iter().filter(Group::is_leader) {
            let due = context.look(|meta| is_due(meta, &group)).unwrap_or(false);
            if !due {
                continue;
            }
            look_every = LOOK_EVERY;
            let Some(taken) = busy.take(&group.id()) else {
                continue;
            };
            let task = Arc::clone(&context);
            context.tasks.spawn(async move {
                if let Err(error) = drive(&task, &group).await {
                    tracing::info!(group = %taken.key, %error, "a replica on the move waits");
                    // The next look is woken by any change: without a pause a failing step would spin.
                    sleep(LOOK_EVERY).await;
                }
                drop(taken);
            });
        }
    }
}

/// Whether there is anything to do about the members of a group, by what this node knows.
fn is_due(meta: &Metadata, group: &Group) -> bool {
    let id = group.id();
    if meta.moves().contains_key(&id) || group.joint_goal().is_some() {
        return true;
    }
    match (meta.voters(id), group.members()) {
        (Some(voters), Some(members)) => !strangers(id, voters, &members).is_empty(),
        _ => false,
    }
}

/// Members that the metadata does not place here. Every node follows the metadata group.
fn strangers(group: GroupId, voters: &[NodeId], members: &Members) -> BTreeSet<NodeId> {
    let placed = |node: &NodeId| voters.contains(node);
    let learners = members
        .learners
        .iter()
        .filter(|_| group != GroupId::METADATA);
    let all = members.voters.iter().chain(learners);
    all.copied().filter(|node| !placed(node)).collect()
}

/// Takes the next step of one group; the look after it takes the one after that.
async fn drive(context: &Context, group: &Group) -> Answer<()> {
    let id = group.id();
    let placed = context
        .look_now(Deadline::after(ATTEMPT_WITHIN), |meta| {
            let voters: BTreeSet<NodeId> = meta.voters(id)?.iter().copied().collect();
            Some((voters, meta.moves().get(&id).copied()))
        })
        .await?;
    let Some((voters, moved)) = placed else {
        // The group is deleted.
        return Ok(());
    };
    if let Some(goal) = group.joint_goal() {
        // Whoever began it has died: what is agreed on is finished before anything else begins.
        return settle(context, group, goal).await;
    }
    let Some(members) = group.members() else {
        return Ok(());
    };
    match moved {
        None => tidy(context, group, &voters, &members).await,
        Some(it) => step(context, group, it, &voters, &members).await,
    }
}

async fn step(
    context: &Context,
    group: &Group,
    it: Move,
    voters: &BTreeSet<NodeId>,
    members: &Members,
) -> Answer<()> {
    let (group_id, id) = (group.id(), it.id);
    match (it.step, it.to) {
        (MoveStep::Join, Some(to)) => {
            if !is_member(members, to) {
                return group.invite(to).await.map_err(|error| waits(&error));
            }
            if group.has_caught_up(to) {
                let switch = NodeCommand::SwitchMove {
                    group: group_id,
                    id,
                };
                return tell(context, switch).await;
            }
            Ok(())
        }
        (MoveStep::Switch, to) => {
            let current: Vec<NodeId> = voters.iter().copied().collect();
            let goal: BTreeSet<NodeId> = it.voters_after(&current).into_iter().collect();
            if members.voters == goal {
                let finish = NodeCommand::FinishMove {
                    group: group_id,
                    id,
                };
                tell(context, finish).await?;
                tracing::info!(group = %group_id, from = ?it.from, to = ?it.to, "a replica has moved");
                return Ok(());
            }
            match to.filter(|to| !is_member(members, *to)) {
                // A repair has put it out meanwhile.
                Some(to) => group.invite(to).await.map_err(|error| waits(&error)),
                None => settle(context, group, goal).await,
            }
        }
        (MoveStep::Back, Some(to)) if members.learners.contains(&to) => {
            // In the metadata group it follows on, as every node does.
            if group_id == GroupId::METADATA {
                return tell_undone(context, group_id, id).await;
            }
            let gone = BTreeSet::from([to]);
            group.dismiss(&gone).await.map_err(|error| waits(&error))
        }
        (MoveStep::Back | MoveStep::Join, _) => tell_undone(context, group_id, id).await,
    }
}

fn is_member(members: &Members, node: NodeId) -> bool {
    members.voters.contains(&node) || members.learners.contains(&node)
}

/// Changes the voters to `goal`. A leader that is not among them hands over first, and its heir goes on.
async fn settle(context: &Context, group: &Group, goal: BTreeSet<NodeId>) -> Answer<()> {
    let this = context.config.this.id;
    let former = if group.id() == GroupId::METADATA {
        Former::Follow
    } else {
        Former::Leave
    };
    if goal.contains(&this) {
        return group
            .become_voters(goal, former)
            .await
            .map_err(|error| waits(&error));
    }
    let voters: BTreeSet<NodeId> = group.status().voters.into_iter().collect();
    let heirs: Vec<NodeId> = goal.intersection(&voters).copied().collect();
    if heirs.is_empty() {
        // The only voter leaves: first there are two, then the new one leads, then it is alone.
        let both = voters.union(&goal).copied().collect();
        return group
            .become_voters(both, former)
            .await
            .map_err(|error| waits(&error));
    }
    hand_over(context, group, &heirs).await
}

/// Gives leadership to one of `heirs` that says itself that it follows and is close behind.
async fn hand_over(context: &Context, group: &Group, heirs: &[NodeId]) -> Answer<()> {
    let id = group.id();
    let wanted: Vec<Displaced> = heirs
        .iter()
        .map(|heir| Displaced {
            preferred: *heir,
            group: id,
        })
        .collect();
    let reports = reports(context, &wanted).await;
    let fit = wanted
        .iter()
        .find(|it| is_fit(context, **it, reports.get(&it.preferred)));
    let Some(heir) = fit else {
        return Err(KinesisError::Unavailable {
            why: "nobody can take over the leadership of a node that is to leave".to_owned(),
        });
    };
    group
        .transfer_leader(heir.preferred)
        .await
        .map_err(|error| waits(&error))?;
    tracing::info!(group = %id, to = %heir.preferred, "leadership is handed over before a replica moves");
    Ok(())
}

/// Puts out members that the metadata does not know: what a repair or a move that was taken back has left.
async fn tidy(
    context: &Context,
    group: &Group,
    voters: &BTreeSet<NodeId>,
    members: &Members,
) -> Answer<()> {
    let placed: Vec<NodeId> = voters.iter().copied().collect();
    let strangers = strangers(group.id(), &placed, members);
    let goal: BTreeSet<NodeId> = members.voters.difference(&strangers).copied().collect();
    if goal != members.voters && !goal.is_empty() {
        tracing::warn!(group = %group.id(), ?strangers, "voters that do not belong here");
        return settle(context, group, goal).await;
    }
    let learners: BTreeSet<NodeId> = members.learners.intersection(&strangers).copied().collect();
    if learners.is_empty() {
        return Ok(());
    }
    group
        .dismiss(&learners)
        .await
        .map_err(|error| waits(&error))
}

async fn tell_undone(context: &Context, group: GroupId, id: u64) -> Answer<()> {
    tell(context, NodeCommand::UndoneMove { group, id }).await
}

async fn tell(context: &Context, command: NodeCommand) -> Answer<()> {
    let deadline = Deadline::after(ATTEMPT_WITHIN);
    context
        .command_again(MetaCommand::Node(command), deadline)
        .await?;
    Ok(())
}

/// A change of members that did not come about now; whoever leads then tries again.
fn waits(error: &GroupError) -> KinesisError {
    KinesisError::Unavailable {
        why: error.to_string(),
    }
}

/// Runs until the router shuts down: as metadata leader, begins moves that are needed, and removes nodes that are
/// drained.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run_plan(context: Arc<Context>) {
    let mut changes = Changes::default();
    loop {
        context.next_look(&mut changes, LOOK_EVERY).await;
        let Some(meta) = context.meta().ok().filter(Group::is_leader) else {
            continue;
        };
        if let Err(error) = plan(&context, &meta).await {
            tracing::info!(%error, "moves of replicas wait");
            sleep(LOOK_EVERY).await;
        }
    }
}

async fn plan(context: &Context, meta: &Group) -> Answer<()> {
    for node in meta.meta(Metadata::drained) {
        tell(context, NodeCommand::FinishRemove { node }).await?;
        tracing::info!(%node, "a node is removed");
    }
    if !meta.meta(|meta| meta.wants_moves(&BTreeSet::new())) {
        return Ok(());
    }
    let active: Vec<NodeId> = meta.meta(|meta| {
        let nodes = meta.nodes().keys().copied();
        nodes
            .filter(|node| meta.phase(*node) == Some(NodePhase::Active))
            .collect()
    });
    let unreachable = silent(context, &active).await;
    if meta.meta(|meta| meta.wants_moves(&unreachable)) {
        tell(context, NodeCommand::BeginMoves { unreachable }).await?;
    } else {
        // Nobody who could take a replica answers; that does not change by looking all the time.
        sleep(ANSWER_WITHIN).await;
    }
    Ok(())
}

/// Those of the nodes that do not answer.
async fn silent(context: &Context, nodes: &[NodeId]) -> BTreeSet<NodeId> {
    let asked = nodes.iter().map(|node| async move {
        let answer = ask(context, *node, &AskTime, &mut None, ANSWER_WITHIN).await;
        (!matches!(answer, Attempt::Done(_))).then_some(*node)
    });
    join_all(asked).await.into_iter().flatten().collect()
}
