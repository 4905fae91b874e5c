//! Files of nodes that are changed on purpose: by whom it may be asked for, and that it is done to a node without a
//! process.
//!
//! Must stay true: by the nodes that there are now, not by those that there were at the start; nothing is taken from a
//! node that the others cannot give back.

use std::collections::BTreeSet;

use ana_raft::rebuild;

use super::{Slot, Supervisor};
use crate::cluster::meddle::Meddle;

/// In so many zones every group has a voter in each.
const ZONES_TO_WIPE: usize = 3;

impl Supervisor {
    pub(super) async fn meddle(&self, id: u64, meddle: Meddle) -> Result<String, String> {
        let runs = self.table().get(&id).is_some_and(|it| it.running.is_some());
        if runs {
            return Err(format!("node {id} was started meanwhile"));
        }
        let dir = self.layout.node_dir(id);
        let said = meddle.carry_out(&*self.disk, id, &dir).await?;
        tracing::warn!(
            node = id,
            said,
            "the files of a node were changed on purpose"
        );
        self.start(id).await.map(|()| said)
    }

    /// Whether the cluster is one that gets over this.
    pub(super) async fn may_meddle(&self, meddle: Meddle, nodes: &[u64]) -> Result<(), String> {
        let what = match meddle {
            Meddle::Wipe => "wiped",
            Meddle::FlipBit { .. } => "damaged",
            // Nothing that anybody was told of is lost.
            Meddle::TearTail { .. } => return Ok(()),
        };
        let [node] = nodes else {
            return Err(format!(
                "one node is {what} at a time: the others repair it"
            ));
        };
        if meddle == Meddle::Wipe {
            self.may_be_wiped(*node)?;
        }
        let others: Vec<u64> = self.table().keys().copied().collect();
        for other in others.into_iter().filter(|other| other != node) {
            let dir = self.layout.node_dir(other);
            let failed = |error| format!("the directory of node {other} cannot be read: {error}");
            let rebuilt = rebuild::is_under_way(&*self.disk, &dir)
                .await
                .map_err(failed)?;
            let runs = self.table().get(&other).is_some_and(|it| {
                it.running.is_some() && !it.stopping && it.paused_until.is_none()
            });
            if rebuilt || !runs {
                let why = if rebuilt {
                    "is being rebuilt"
                } else {
                    "does not run"
                };
                return Err(format!(
                    "node {other} {why}: a node is {what} only while all others are whole"
                ));
            }
        }
        Ok(())
    }

    /// Whether the others can fill a node again: they do that for its votes, those on the metadata included, and who
    /// votes on the metadata is known here only of a zone with a single node, and of a cluster as it was founded, where
    /// it is the first node of each zone.
    fn may_be_wiped(&self, node: u64) -> Result<(), String> {
        let all: Vec<(u64, String)> = {
            let table = self.table();
            let of = |(id, slot): (&u64, &Slot)| (*id, slot.zone.clone());
            table.iter().map(of).collect()
        };
        let zones: BTreeSet<&str> = all.iter().map(|(_, zone)| zone.as_str()).collect();
        if zones.len() != ZONES_TO_WIPE {
            return Err(format!(
                "the cluster has {} zones: data that are wiped are filled again only where there are three",
                zones.len()
            ));
        }
        let zone = all.iter().find(|(id, _)| *id == node).map(|(_, zone)| zone);
        let peers = all.iter().filter(|(_, it)| Some(it) == zone);
        let peers: Vec<u64> = peers.map(|(id, _)| *id).collect();
        let founders = self.layout.founders().iter().map(|it| it.id);
        let is_founding = founders.eq(all.iter().map(|(id, _)| *id));
        match peers.as_slice() {
            [_] => Ok(()),
            [first, ..] if is_founding && *first == node => Ok(()),
            _ if is_founding => Err(format!(
                "node {node} is not the first of its zone: only those can be wiped"
            )),
            _ => Err(format!(
                "node {node} is not alone in its zone: since nodes were added or removed, only those can be wiped"
            )),
        }
    }
}
