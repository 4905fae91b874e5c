//! How nodes come to belong to the cluster and to the metadata group, and how they end.
//!
//! The founding members stand in the configuration of every node. The lowest node id of each of (at most) three zones
//! votes in the metadata group at first; every other node follows it as a learner. The first metadata leader founds the
//! cluster: it proposes its id, its secret, and all founding members in one entry. Every other node waits until an
//! operator has added it: then the metadata leader makes it a learner, it sees the metadata, and reports itself.
//!
//! Must stay true:
//! - founding twice changes nothing, reporting twice changes nothing;
//! - a node that was removed, or has lost its data directory, ends: the cluster goes on without it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ana_env::time::{Instant, now, sleep};
use ana_raft::Group;
use ana_state::meta::{ClusterSecret, NodeCommand, founding_voters as voters_of};
use ana_state::{MetaCommand, MetaRefusal, MetaReply, Metadata};
use ana_types::{GroupId, NodeId};
use futures::future::join_all;

use crate::config::{Member, RouterConfig};
use crate::context::{Changes, Context, Deadline};
use crate::forward::{Attempt, ask};
use crate::identity;
use crate::messages::{AskReport, AskTime, MetaAnswer, ReportNode};
use crate::nodes::meta_member;

/// Looks happen at changes of the metadata, and this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A node that takes part in no election yet looks this often whether it may.
const CONFIRM_EVERY: Duration = Duration::from_millis(50);
/// A node that was removed follows the metadata for so long, so that it learns of it there.
const FAREWELL: Duration = Duration::from_secs(2);
/// A node that has heard of no metadata leader for so long asks its peers for a sign of life: one that was removed
/// while it was away hears of it that way.
const SILENCE: Duration = Duration::from_secs(3);
/// How long a peer may take for it.
const SIGN_WITHIN: Duration = Duration::from_millis(500);

/// Why a node has to end for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Expelled {
    /// An operator removed it.
    #[error("this node was removed from the cluster")]
    Removed,
    /// It came with another data directory than before.
    #[error(
        "this node has lost its data directory: it must not take part under its id again, replace it"
    )]
    LostData,
}

/// Who votes in the metadata group of a new cluster.
pub(crate) fn founding_voters(members: &[Member]) -> BTreeSet<NodeId> {
    voters_of(members.iter().map(|it| (it.id, &it.zone)))
}

/// Reads whose data directory this is. Until what this node had promised is known to be in it, it takes part in no
/// election.
pub(crate) async fn identify(context: &Context) -> io::Result<()> {
    let dir = &context.groups.config().data_dir;
    let identity = identity::load(&context.env, dir, context.config.this.id).await?;
    context.peers.stand_aside(!identity.confirmed);
    context
        .is_confirmed
        .store(identity.confirmed, Ordering::Release);
    // Starting twice finds the same.
    let identity = context.identity.get_or_init(|| identity);
    tracing::debug!(?identity, "the data directory is known");
    Ok(())
}

/// What this node had promised is in its data directory: from now on it votes.
async fn confirm(context: &Context, why: &str) {
    let Some(identity) = context.identity.get() else {
        return;
    };
    let dir = &context.groups.config().data_dir;
    match identity::confirm(&context.env, dir, *identity).await {
        Ok(()) => {
            tracing::info!(why, "this node takes part in elections");
            context.is_confirmed.store(true, Ordering::Release);
            context.peers.stand_aside(false);
        }
        Err(error) => tracing::error!(%error, "the data directory cannot be written"),
    }
}

/// Whether this is a founding: a majority of the founding voters, this one counted in, has an empty metadata group. If
/// anything had ever been agreed on, a majority would have it, and the two would share a node.
async fn is_founding(context: &Context, meta: &Group) -> bool {
    let this = context.config.this.id;
    let voters = founding_voters(&context.config.members);
    let own = meta.status();
    if !voters.contains(&this) || own.last_index.unwrap_or(0) > 0 {
        return false;
    }
    let others = voters.iter().filter(|it| **it != this);
    let asked = others.map(|node| async move {
        match ask(context, *node, &AskReport, &mut None, SIGN_WITHIN).await {
            Attempt::Done(report) => {
                let replica = report.replica(GroupId::METADATA);
                replica.is_none_or(|it| it.view.last_index == 0 && it.commit_index == 0)
            }
            Attempt::Declined(_) | Attempt::NotReached | Attempt::Lost => false,
        }
    });
    let empty = join_all(asked).await.into_iter().filter(|it| *it).count() + 1;
    empty > voters.len() / 2
}

/// Looks whether this node may take part. Says so when the cluster has not added it.
async fn look_for_confirmation(context: &Context, meta: &Group) -> Option<MetaRefusal> {
    if is_founding(context, meta).await {
        confirm(context, "the cluster is about to be founded").await;
        return None;
    }
    let this = context.config.this.id;
    let report = ReportNode {
        member: meta_member(&context.config.this),
        incarnation: incarnation(context),
    };
    // Of the settings: the metadata are not here yet.
    let seeds = context.peers.addresses().into_iter().map(|(node, _)| node);
    for seed in seeds.filter(|it| *it != this) {
        // Each of them tells whoever leads the metadata.
        let asked = ask(context, seed, &report, &mut None, context.config.deadline).await;
        let Attempt::Done(MetaAnswer(Ok(reply))) = asked else {
            continue;
        };
        match reply {
            MetaReply::Refused(why) => {
                refused(context, &why);
                return Some(why);
            }
            _ => {
                confirm(context, "the cluster knows this data directory").await;
                return None;
            }
        }
    }
    None
}

/// Reports another node, which does not follow the metadata yet, to whoever leads it.
pub(crate) async fn report_for(context: &Context, report: &ReportNode) -> MetaAnswer {
    let command = MetaCommand::Node(NodeCommand::Report {
        member: report.member.clone(),
        incarnation: report.incarnation,
    });
    // Shorter than the one who asks waits.
    let deadline = Deadline::after(context.config.deadline / 2);
    MetaAnswer(context.command_again(command, deadline).await)
}

fn incarnation(context: &Context) -> u64 {
    context.identity.get().map_or(0, |it| it.incarnation)
}

/// Waits until this node may take part: it founds the cluster with others, or the cluster has taken its report.
async fn await_confirmation(context: &Context) {
    let mut told = false;
    while !context.is_confirmed.load(Ordering::Acquire) {
        let Ok(meta) = context.meta() else {
            sleep(CONFIRM_EVERY).await;
            continue;
        };
        let refusal = look_for_confirmation(context, &meta).await;
        let node = context.config.this.id;
        if matches!(refusal, Some(MetaRefusal::NotAdmitted { .. })) && !told {
            told = true;
            tracing::info!(%node, "waits to be added to the cluster: `ana node add`, or POST /_ana/members/add");
        }
        let pause = if refusal.is_some() {
            LOOK_EVERY
        } else {
            CONFIRM_EVERY
        };
        sleep(pause).await;
    }
}

/// Runs until the router shuts down: keeps this node reported, and as metadata leader founds the cluster.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let mut changes = Changes::default();
    await_confirmation(&context).await;
    let mut heard = now();
    loop {
        context.next_look(&mut changes, LOOK_EVERY).await;
        let Ok(meta) = context.meta() else { continue };
        if meta.leader().is_some() {
            heard = now();
        } else if now().duration_since(heard) > SILENCE {
            knock(&context).await;
            heard = now();
        }
        match meta.meta(|meta| next_step(meta, &context.config, incarnation(&context))) {
            Step::Found if meta.is_leader() => {
                propose(&context, founding(&context)).await;
            }
            Step::Report => {
                let command = NodeCommand::Report {
                    member: meta_member(&context.config.this),
                    incarnation: incarnation(&context),
                };
                propose(&context, MetaCommand::Node(command)).await;
            }
            Step::Removed => expel(&context, Expelled::Removed),
            Step::Found | Step::Nothing => {}
        }
    }
}

/// What this node's membership needs, by what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The cluster is to be founded, with this node among its founders.
    Found,
    /// The cluster does not know this node, or not by its address.
    Report,
    /// It is no member any more.
    Removed,
    Nothing,
}

fn next_step(meta: &Metadata, config: &RouterConfig, incarnation: u64) -> Step {
    let this = &config.this;
    if meta.removed_nodes().contains(&this.id) {
        return Step::Removed;
    }
    let is_founder = config.members.iter().any(|it| it.id == this.id);
    match (meta.cluster().is_some(), is_founder) {
        (false, true) => Step::Found,
        (false, false) => Step::Nothing,
        (true, _) if !meta.has_reported(&meta_member(this), incarnation) => Step::Report,
        (true, _) => Step::Nothing,
    }
}

/// Asks everybody for a sign of life. What they say does not matter: one that refuses this node says so at the door.
async fn knock(context: &Context) {
    let peers = context.peers.addresses().into_iter();
    let asked = peers.map(|(node, _)| async move {
        let asked = ask(context, node, &AskTime, &mut None, SIGN_WITHIN).await;
        matches!(asked, Attempt::Done(_))
    });
    let there = join_all(asked).await.into_iter().filter(|it| *it).count();
    tracing::debug!(
        there,
        "no leader of the metadata is known; peers were asked for a sign"
    );
}

/// Ends when a peer refuses this node because it was removed.
pub(crate) async fn run_refusals(context: Arc<Context>) {
    let by = context.peers.until_removed().await;
    tracing::error!(%by, "another node refuses this one");
    expel(&context, Expelled::Removed);
}

fn expel(context: &Context, why: Expelled) {
    context.expelled.send_if_modified(|expelled| {
        let first = expelled.is_none();
        if first {
            tracing::error!(node = %context.config.this.id, "{why}");
            *expelled = Some(why);
        }
        first
    });
}

/// Waits until this node has to end.
pub(crate) async fn until_expelled(context: &Context) -> Expelled {
    let mut expelled = context.expelled.subscribe();
    loop {
        let why = *expelled.borrow_and_update();
        if let Some(why) = why {
            return why;
        }
        if expelled.changed().await.is_err() {
            // Cannot be: the context has the sender.
            std::future::pending::<()>().await;
        }
    }
}

/// Runs until the router shuts down: as metadata leader, lets every node of the metadata follow it, and those that
/// were removed no longer.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run_learners(context: Arc<Context>) {
    let mut changes = Changes::default();
    let mut leaving: BTreeMap<NodeId, Instant> = BTreeMap::new();
    loop {
        context.next_look(&mut changes, LOOK_EVERY).await;
        let Some(meta) = context.meta().ok().filter(Group::is_leader) else {
            leaving.clear();
            continue;
        };
        // While the members change, the next look is soon enough.
        let Some(members) = meta.members() else {
            continue;
        };
        let (nodes, is_founded) = meta.meta(|meta| {
            let nodes: BTreeSet<NodeId> = meta.nodes().keys().copied().collect();
            (nodes, meta.cluster().is_some())
        });
        if !is_founded {
            continue;
        }
        let here: BTreeSet<NodeId> = members.voters.union(&members.learners).copied().collect();
        for node in nodes.difference(&here).copied() {
            match meta.invite(node).await {
                Ok(()) => tracing::info!(%node, "a node follows the metadata"),
                Err(error) => tracing::warn!(%node, %error, "a node could not be added"),
            }
        }
        leaving.retain(|node, _| here.contains(node));
        let gone: BTreeSet<NodeId> = members
            .learners
            .difference(&nodes)
            .copied()
            .filter(|node| {
                let since = *leaving.entry(*node).or_insert_with(now);
                now().duration_since(since) >= FAREWELL
            })
            .collect();
        if !gone.is_empty() {
            match meta.dismiss(&gone).await {
                Ok(()) => tracing::info!(
                    ?gone,
                    "nodes that were removed follow the metadata no longer"
                ),
                Err(error) => tracing::warn!(?gone, %error, "removed nodes could not be dismissed"),
            }
        }
    }
}

fn founding(context: &Context) -> MetaCommand {
    let mut secret = [0; 32];
    context.env.rng.fill(&mut secret);
    let (high, low) = (context.env.rng.next_u64(), context.env.rng.next_u64());
    MetaCommand::InitCluster {
        cluster_id: format!("{high:016x}{low:016x}"),
        secret: ClusterSecret(secret),
        members: context.config.members.iter().map(meta_member).collect(),
    }
}

async fn propose(context: &Context, command: MetaCommand) {
    match context.command_again(command, context.deadline()).await {
        Ok(MetaReply::Refused(why)) => refused(context, &why),
        // Reporting has nothing else to tell.
        Ok(_) => {}
        Err(error) => tracing::info!(%error, "the cluster could not be told of this node yet"),
    }
}

fn refused(context: &Context, why: &MetaRefusal) {
    match why {
        MetaRefusal::NodeRemoved { .. } => expel(context, Expelled::Removed),
        MetaRefusal::OtherIncarnation { .. } => expel(context, Expelled::LostData),
        MetaRefusal::NotAdmitted { .. } => {}
        why => tracing::error!(%why, "this node is refused"),
    }
}

#[cfg(test)]
mod tests {
    use ana_types::{NodeId, Zone};

    use super::founding_voters;
    use crate::config::Member;

    #[test]
    fn one_voter_in_each_of_three_zones() {
        type Nodes<'a> = &'a [(u64, &'a str)];
        let table: &[(Nodes<'_>, &[u64])] = &[
            (&[], &[]),
            (&[(7, "a")], &[7]),
            (&[(2, "a"), (1, "a")], &[1]),
            (&[(1, "a"), (2, "b"), (3, "c"), (4, "a")], &[1, 2, 3]),
            (&[(6, "a"), (5, "b"), (4, "c"), (3, "d")], &[3, 4, 5]),
            (&[(1, "a"), (2, "b"), (3, "b")], &[1, 2]),
        ];
        for (members, voters) in table {
            let members: Vec<_> = members
                .iter()
                .map(|(id, zone)| Member {
                    id: NodeId(*id),
                    zone: Zone::new(zone).expect("a zone"),
                    peer_addr: String::new(),
                    api_addr: String::new(),
                })
                .collect();
            let expected: Vec<_> = voters.iter().copied().map(NodeId).collect();
            assert_eq!(
                founding_voters(&members).into_iter().collect::<Vec<_>>(),
                expected
            );
        }
    }
}
