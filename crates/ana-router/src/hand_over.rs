//! Gives leadership away before a planned stop, so that clients do not wait for an election.
//!
//! Must stay true: leadership goes only to a voter that said itself that it follows this node and is close behind;
//! a stop never waits longer than [`HAND_OVER_WITHIN`] for it, and a stop without it is as safe, only slower for
//! clients.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_env::time::timeout;
use ana_raft::Group;
use ana_types::{GroupId, NodeId};
use futures::future::join_all;

use crate::balancer::{Displaced, is_fit, reports};
use crate::context::Context;

/// How long a node that is to stop goes on to give its leaderships away. When a whole cluster stops, nobody takes
/// them, and this is what the stop costs more at most.
const HAND_OVER_WITHIN: Duration = Duration::from_millis(1500);

/// Gives away what can be given away; says how many groups other nodes lead now.
pub(crate) async fn hand_over(context: &Context) -> usize {
    let led: Vec<Group> = context
        .groups
        .all()
        .into_iter()
        .filter(Group::is_leader)
        .collect();
    let wanted: Vec<Displaced> = led
        .iter()
        .flat_map(|group| heirs(context, group.id()))
        .collect();
    let work = async {
        let reports = reports(context, &wanted).await;
        let transfers = led.iter().filter_map(|group| {
            let heir = wanted
                .iter()
                .filter(|it| it.group == group.id())
                .find(|it| is_fit(context, **it, reports.get(&it.preferred)))?;
            Some(give(group, heir.preferred))
        });
        let given = join_all(transfers).await;
        given.into_iter().filter(|taken| *taken).count()
    };
    timeout(HAND_OVER_WITHIN, work).await.unwrap_or(0)
}

/// Voters of a group besides this node. They are asked in an order that spreads groups over them.
pub(crate) fn heirs(context: &Context, group: GroupId) -> Vec<Displaced> {
    let this = context.config.this.id;
    let voters: BTreeSet<NodeId> = if group == GroupId::METADATA {
        context.meta_voters().into_iter().collect()
    } else {
        let of_group = context.look(|meta| meta.group(group).map(|it| it.voters.clone()));
        of_group
            .ok()
            .flatten()
            .unwrap_or_default()
            .into_iter()
            .collect()
    };
    let mut heirs: Vec<Displaced> = voters
        .into_iter()
        .filter(|node| *node != this)
        .map(|preferred| Displaced { preferred, group })
        .collect();
    if !heirs.is_empty() {
        let turn = usize::try_from(group.0).unwrap_or(0) % heirs.len();
        heirs.rotate_left(turn);
    }
    heirs
}

async fn give(group: &Group, to: NodeId) -> bool {
    match group.transfer_leader(to).await {
        Ok(()) => {
            tracing::info!(group = %group.id(), %to, "leadership is handed over before the stop");
            true
        }
        Err(error) => {
            tracing::info!(group = %group.id(), %to, %error, "leadership was not taken over");
            false
        }
    }
}
