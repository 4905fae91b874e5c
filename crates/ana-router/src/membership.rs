//! How nodes come to belong to the cluster and to the metadata group.
//!
//! The founding members stand in the configuration of every node. The lowest node id of each of (at most) three zones
//! votes in the metadata group; every other node follows it as a learner. The first metadata leader founds the
//! cluster: it proposes its id, its secret, and all founding members in one entry.
//!
//! Must stay true: founding twice changes nothing, registering twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ana_env::time::timeout;
use ana_raft::Group;
use ana_state::meta::{ClusterSecret, Member as MetaMember};
use ana_state::{MetaCommand, MetaReply, Metadata};
use ana_types::NodeId;

use crate::config::{Member, RouterConfig};
use crate::context::{Changes, Context};

/// Voters of the metadata group at most.
const VOTERS_MAX: usize = 3;
/// Looks happen at changes of the metadata, and this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the leader waits for one new learner to catch up before it looks after the others.
const LEARNER_WITHIN: Duration = Duration::from_secs(3);

/// Who votes in the metadata group: the lowest id in each zone, of the (at most three) zones with the lowest ids.
pub(crate) fn founding_voters(members: &[Member]) -> BTreeSet<NodeId> {
    let mut lowest: BTreeMap<&str, NodeId> = BTreeMap::new();
    for member in members {
        let node = lowest.entry(member.zone.as_str()).or_insert(member.id);
        *node = member.id.min(*node);
    }
    let ids: BTreeSet<NodeId> = lowest.into_values().collect();
    ids.into_iter().take(VOTERS_MAX).collect()
}

/// Runs until the router shuts down: keeps this node registered, and as metadata leader founds the cluster.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let mut changes = Changes::default();
    loop {
        context.next_look(&mut changes, LOOK_EVERY).await;
        let Ok(meta) = context.meta() else { continue };
        match meta.meta(|meta| next_step(meta, &context.config)) {
            Step::Found if meta.is_leader() => propose(&context, founding(&context)).await,
            Step::Register => {
                let this = member(&context.config.this);
                propose(&context, MetaCommand::RegisterNode(this)).await;
            }
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
    Register,
    Nothing,
}

fn next_step(meta: &Metadata, config: &RouterConfig) -> Step {
    let this = &config.this;
    let is_founder = config.members.iter().any(|it| it.id == this.id);
    let is_known = meta
        .node(this.id)
        .is_some_and(|it| it.peer_addr == this.peer_addr && it.api_addr == this.api_addr);
    match (meta.cluster().is_some(), is_founder) {
        (false, true) => Step::Found,
        // A node that joins later sees nothing of the cluster before it is registered.
        (false, false) | (true, _) if !is_known => Step::Register,
        _ => Step::Nothing,
    }
}

/// Runs until the router shuts down: as metadata leader, lets every registered node follow the metadata.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run_learners(context: Arc<Context>) {
    let mut changes = Changes::default();
    loop {
        context.next_look(&mut changes, LOOK_EVERY).await;
        let Some(meta) = context.meta().ok().filter(Group::is_leader) else {
            continue;
        };
        let status = meta.status();
        let known: BTreeSet<NodeId> = status
            .voters
            .iter()
            .chain(&status.learners)
            .copied()
            .collect();
        let missing: Vec<NodeId> = meta.meta(|meta| {
            meta.nodes()
                .keys()
                .filter(|it| !known.contains(it))
                .copied()
                .collect()
        });
        for node in missing {
            // A learner that is down is a member all the same, and catches up when it is back.
            match timeout(LEARNER_WITHIN, meta.add_learner(node)).await {
                Ok(Ok(())) => tracing::info!(%node, "a node follows the metadata"),
                Ok(Err(error)) => tracing::warn!(%node, %error, "a node could not be added"),
                Err(_elapsed) => tracing::info!(%node, "a new node has not caught up yet"),
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
        members: context.config.members.iter().map(member).collect(),
    }
}

fn member(member: &Member) -> MetaMember {
    MetaMember {
        id: member.id,
        zone: member.zone.clone(),
        peer_addr: member.peer_addr.clone(),
        api_addr: member.api_addr.clone(),
    }
}

async fn propose(context: &Context, command: MetaCommand) {
    match context.command_again(command, context.deadline()).await {
        Ok(MetaReply::Refused(why)) => tracing::error!(%why, "this node is refused"),
        // Registering has nothing else to tell.
        Ok(_) => {}
        Err(error) => tracing::info!(%error, "the cluster could not be told of this node yet"),
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
