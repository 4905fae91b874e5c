//! Nodes that come and go while the cluster runs.
//!
//! Must stay true: a node that is forgotten has no process, and neither an order nor a lease starts one, also not between
//! its last stop and that; one that is added again under its id is the one that was there.

use super::Supervisor;
use super::slot::Slot;
use crate::cluster::order::Change;

impl Supervisor {
    pub(super) async fn change(&self, change: Change) -> Result<(), String> {
        match change {
            Change::Add(node) => {
                self.roster.add(&node);
                let id = node.id;
                self.table().entry(id).or_insert_with(|| Slot::new(&node));
                self.start(id).await
            }
            Change::Leave(id) => {
                let mut table = self.table();
                let slot = table.get_mut(&id);
                slot.ok_or_else(|| format!("there is no node {id}"))?
                    .leaving = true;
                Ok(())
            }
            Change::Forget(id) => {
                let mut table = self.table();
                if table.get(&id).is_some_and(|slot| slot.running.is_some()) {
                    return Err(format!("node {id} runs still"));
                }
                table.remove(&id);
                self.roster.remove(id);
                Ok(())
            }
        }
    }
}
