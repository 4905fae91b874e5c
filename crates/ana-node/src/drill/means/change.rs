//! Changes that an operator makes.

use std::collections::BTreeSet;

use ana_drill::action::ChangeAction;
use ana_drill::chance::Chance;
use ana_drill::targets::Nodes;
use ana_drill::{Pick, Target, Topology};
use ana_types::NodeId;

use super::{Means, Needs, Unable, not_offered, nothing};

const MOVE: &str = "change.move_leader";

pub(super) fn needs(action: &ChangeAction) -> Result<Needs, Unable> {
    match action {
        ChangeAction::Reshard(_) | ChangeAction::MoveLeader { .. } => Ok(Needs::default()),
        ChangeAction::RollingRestart { .. } => Ok(Needs::verbs(["stop", "start"])),
        ChangeAction::AddNode => Err(fixed("change.add_node")),
        ChangeAction::RemoveNode => Err(fixed("change.remove_node")),
    }
}

fn fixed(what: &str) -> Unable {
    not_offered(
        what,
        "the nodes of a cluster of `ana up` are fixed at its first start",
    )
}

pub(super) fn means(
    (action, on): (&ChangeAction, &Target),
    pick: &Pick,
    topology: &Topology,
    chance: &mut Chance,
) -> Result<Means, Unable> {
    match action {
        ChangeAction::Reshard(reshape) => {
            let streams = match pick {
                Pick::Requests { streams, .. } => streams.clone(),
                Pick::Zones(_) | Pick::Nodes(_) | Pick::Wires(_) => BTreeSet::new(),
            };
            Ok(Means::Reshard {
                streams,
                reshape: *reshape,
            })
        }
        ChangeAction::RollingRestart { pause } => Ok(Means::RollingRestart {
            nodes: pick.nodes().into_iter().collect(),
            pause: pause.unwrap_or_default(),
        }),
        ChangeAction::MoveLeader { to } => {
            let Target::Nodes(Nodes::Leader(shard)) = on else {
                return Err(nothing(MOVE, "a leader is moved for one shard"));
            };
            let leaders = pick.nodes();
            let place = topology.shards.get(shard);
            let voters = place.into_iter().flat_map(|place| &place.voters);
            let fits = |node: &&NodeId| {
                let zone = topology.nodes.get(node);
                !leaders.contains(node) && (to.is_none() || zone == to.as_ref())
            };
            let to = chance.some_of(voters.copied().filter(|node| fits(&node)), 1);
            let to = to.first().copied();
            Ok(Means::MoveLeader {
                shard: shard.clone(),
                to: to.ok_or_else(|| nothing(MOVE, "no other voter stands there"))?,
            })
        }
        ChangeAction::AddNode => Err(fixed("change.add_node")),
        ChangeAction::RemoveNode => Err(fixed("change.remove_node")),
    }
}
