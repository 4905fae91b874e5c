//! Which nodes were removed from the cluster, and whether this one was.
//!
//! Who follows the metadata knows of a removal and refuses whatever comes from the removed node: calls,
//! appends, votes. That is also how a node that was away learns of it: it is told at the door.
//!
//! Must stay true: a node that is in here never leaves again, because its id is never used again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ana_types::names::NodeId;
use tokio::sync::watch;

/// Shared by everything that connects a node to others. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Removals {
    removed: Arc<Mutex<BTreeSet<NodeId>>>,
    /// Who said that this node was removed.
    told: watch::Sender<Option<NodeId>>,
}

impl Default for Removals {
    fn default() -> Self {
        let (told, _nobody_waits_yet) = watch::channel(None);
        Self {
            removed: Arc::default(),
            told,
        }
    }
}

impl Removals {
    /// A node was removed. True the first time.
    pub(crate) fn insert(&self, node: NodeId) -> bool {
        self.lock().insert(node)
    }

    pub(crate) fn contains(&self, node: NodeId) -> bool {
        self.lock().contains(&node)
    }

    /// Another node refuses this one because it was removed.
    pub(crate) fn told_by(&self, node: NodeId) {
        self.told.send_if_modified(|told| {
            let first = told.is_none();
            *told = told.or(Some(node));
            first
        });
    }

    /// Waits until a node says so, and answers which.
    pub(crate) async fn until_told(&self) -> NodeId {
        let mut told = self.told.subscribe();
        loop {
            let by = *told.borrow_and_update();
            if let Some(by) = by {
                return by;
            }
            if told.changed().await.is_err() {
                // Cannot be: `self` has the sender. A wait without an end says the same: nobody told.
                std::future::pending::<()>().await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<NodeId>> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
