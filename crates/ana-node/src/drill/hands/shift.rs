//! Leaders that are moved: one of them, or all out of a zone for a while.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_drill::Pick;
use ana_drill::topology::ShardName;
use ana_env::time;
use ana_types::NodeId;
use http::Method;
use serde_json::Value;

use super::Hand;
use crate::admin::document::GroupEntry;
use crate::drill::cluster::Refused;
use crate::drill::snapshot::Snapshot;

/// How often leaders are looked for that came back: the balancer hands them to where they should stand.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a move is asked for.
const MOVE_TRIES: u32 = 10;
const MOVE_PAUSE: Duration = Duration::from_millis(300);

impl Hand {
    /// Moves all leaders away from `nodes` until the end.
    pub(super) async fn shift(&mut self, nodes: &BTreeSet<NodeId>, pick: Pick, seen: &Snapshot) {
        let mut seen = seen.clone();
        let mut told = false;
        while !self.is_ending() {
            for group in &seen.status.groups {
                let inside = group
                    .leader
                    .is_some_and(|leader| nodes.contains(&NodeId(leader)));
                if inside && let Some(to) = elsewhere(group, nodes, &seen) {
                    // One that does not move now is asked again in a second.
                    if let Err(error) = self.transfer(group, to, &seen).await
                        && !told
                    {
                        self.trouble(error.to_string()).await;
                    }
                }
            }
            if !told {
                told = true;
                self.fired(&pick).await;
            }
            tokio::select! {
                () = self.ending() => {}
                () = time::sleep(LOOK_EVERY) => {}
            }
            if let Ok(fresh) = self.shared.cluster.look(seen.census.clone()).await {
                seen = fresh;
            }
        }
    }

    /// Lets `to` lead the shard.
    pub(super) async fn move_leader(
        &mut self,
        shard: &ShardName,
        to: NodeId,
        pick: Pick,
        seen: &Snapshot,
    ) {
        let mut seen = seen.clone();
        let mut last = String::new();
        for _ in 0..MOVE_TRIES {
            let lead = seen.leads().get(&Some(shard.clone())).copied();
            let group = seen.status.groups.iter();
            let group = lead.and_then(|lead| group.clone().find(|group| group.id == lead.group));
            match group {
                Some(group) if group.leader == Some(to.0) => return self.fired(&pick).await,
                Some(group) => match self.transfer(group, to, &seen).await {
                    Ok(_) => return self.fired(&pick).await,
                    Err(error) => last = error.to_string(),
                },
                None => last = format!("nobody carries {shard}"),
            }
            if self.is_ending() {
                break;
            }
            time::sleep(MOVE_PAUSE).await;
            if let Ok(fresh) = self.shared.cluster.look(seen.census.clone()).await {
                seen = fresh;
            }
        }
        self.trouble(last).await;
    }

    async fn transfer(
        &self,
        group: &GroupEntry,
        to: NodeId,
        seen: &Snapshot,
    ) -> Result<Value, Refused> {
        let leader = group
            .leader
            .map(NodeId)
            .and_then(|leader| seen.node(leader));
        let leader =
            leader.ok_or_else(|| Refused::new(format!("group {} has no leader", group.id)))?;
        let path = format!("/_ana/leader/transfer?group={}&to={to}", group.id);
        let cluster = &self.shared.cluster;
        cluster
            .ask_node(leader, (Method::POST, &path), &Value::Null)
            .await
    }
}

/// A voter that is up and not one of `nodes`; the one that leads least, the first of equals.
fn elsewhere(group: &GroupEntry, nodes: &BTreeSet<NodeId>, seen: &Snapshot) -> Option<NodeId> {
    let leads = |node: NodeId| {
        let groups = seen.status.groups.iter();
        groups.filter(|group| group.leader == Some(node.0)).count()
    };
    let up = |node: &NodeId| seen.node(*node).is_some_and(|node| node.state == "up");
    let voters = group.voters.iter().copied().map(NodeId);
    voters
        .filter(|node| !nodes.contains(node) && up(node))
        .min_by_key(|node| leads(*node))
}
