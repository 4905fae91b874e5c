//! Nodes that come and go while the cluster runs.
//!
//! Must stay true: a node that is forgotten has no process, and no lease starts one; one that is added again under its
//! id is the one that was there.

use super::{Slot, Supervisor};
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
