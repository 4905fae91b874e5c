//! The address book: every other node this one may talk to, and the calls to them.
//!
//! Addresses come from the metadata machine and change while the node runs; a changed address
//! replaces the connections. Nothing is dialled before it is needed. A node that was removed from the
//! cluster is not dialled any more, and refused when it calls.
//!
//! Must stay true: [`CallError::Unreachable`] is said only of calls that no handler has seen and
//! none will see. A caller may repeat those; `TimedOut` may have happened, or may happen yet.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::Env;
use ana_types::names::{GroupId, NodeId};
use async_trait::async_trait;
use bytes::Bytes;

use crate::network::GroupNetwork;
use crate::peer::Peer;
use crate::peer::connection::Dialer;
use crate::removals::Removals;

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Certainly not delivered: the node has no known address or does not answer there.
    #[error("the node is not reached")]
    Unreachable,
    /// No answer in time, or the connection broke: it may have been carried out, or may be yet.
    #[error("the call had no answer: its outcome is unknown")]
    TimedOut,
    /// The node answered that it did not carry it out.
    #[error("the node failed the call: {0}")]
    Remote(#[from] RemoteFault),
}

/// Why a node did not carry out a call that reached it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteFault {
    /// It knows no calls of this kind: an older version.
    #[error("unknown kind of call")]
    UnknownKind,
    /// The body does not decode, or the answer does not.
    #[error("malformed call")]
    Malformed,
    /// Too many calls are under way there.
    #[error("too many calls")]
    Overloaded,
    /// It is shutting down.
    #[error("the node is stopping")]
    Stopping,
    /// The body or the answer is larger than a call may carry.
    #[error("body larger than a call may carry")]
    TooLarge,
    /// The handler failed.
    #[error("{why}")]
    Failed {
        /// For people.
        why: String,
    },
}

/// Carries out the calls of other nodes.
#[async_trait]
pub trait CallHandler: Send + Sync + Debug {
    /// Carries out one call. It is dropped when the caller's time is over.
    async fn call(&self, kind: u32, body: Bytes) -> Result<Bytes, CallError>;
}

/// All other nodes. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Peers {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    env: Env,
    this: NodeId,
    removals: Removals,
    stands_aside: AtomicBool,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    closed: bool,
    peers: BTreeMap<NodeId, Arc<Peer>>,
}

impl Peers {
    /// An empty address book of node `this`.
    #[must_use]
    pub fn new(env: Env, this: NodeId) -> Self {
        Self {
            inner: Arc::new(Inner {
                env,
                this,
                removals: Removals::default(),
                stands_aside: AtomicBool::new(false),
                book: Mutex::default(),
            }),
        }
    }

    /// This node.
    #[must_use]
    pub fn this(&self) -> NodeId {
        self.inner.this
    }

    /// Says where a node is (`host:port`). A changed address ends the old connections. An address
    /// for this node itself is ignored.
    ///
    /// # Panics
    /// Outside of `ana_env::runtime::scope`.
    pub fn set(&self, node: NodeId, address: impl Into<String>) {
        let address: String = address.into();
        let mut book = self.book();
        let known = book
            .peers
            .get(&node)
            .is_some_and(|peer| peer.address() == address);
        if known || book.closed || node == self.inner.this || self.is_removed(node) {
            return;
        }
        let dialer = Dialer {
            env: self.inner.env.clone(),
            this: self.inner.this,
            peer: node,
            address: address.into(),
            removals: self.inner.removals.clone(),
        };
        book.peers.insert(node, Arc::new(Peer::start(&dialer)));
    }

    /// Forgets a node and ends the connections to it.
    pub fn remove(&self, node: NodeId) {
        drop(self.book().peers.remove(&node));
    }

    /// A node was removed from the cluster: from now on whatever it sends is refused. Connections to
    /// it stay until [`Peers::remove`], so that it can be told. True the first time.
    pub fn refuse(&self, node: NodeId) -> bool {
        self.inner.removals.insert(node)
    }

    /// Whether a node was removed from the cluster, as far as this one was told.
    #[must_use]
    pub fn is_removed(&self, node: NodeId) -> bool {
        self.inner.removals.contains(node)
    }

    /// Whether this node keeps out of all groups: it asks for no vote, gives none, and takes no entry. For a node that
    /// does not know (yet) what it had promised before. Calls go both ways all the same.
    pub fn stand_aside(&self, aside: bool) {
        self.inner.stands_aside.store(aside, Ordering::Release);
    }

    pub(crate) fn stands_aside(&self) -> bool {
        self.inner.stands_aside.load(Ordering::Acquire)
    }

    /// Waits until another node refuses this one because it was removed, and answers which.
    pub async fn until_removed(&self) -> NodeId {
        self.inner.removals.until_told().await
    }

    /// The known nodes and their addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<(NodeId, String)> {
        let book = self.book();
        book.peers
            .iter()
            .map(|(node, peer)| (*node, peer.address().to_owned()))
            .collect()
    }

    /// Asks another node; answered or given up within `deadline` from now. A call to this node
    /// itself is [`CallError::Unreachable`]: the caller has the handler at hand.
    pub async fn call(
        &self,
        node: NodeId,
        kind: u32,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, CallError> {
        match self.peer(node) {
            Some(peer) => peer.call(kind, body, deadline).await,
            None => Err(CallError::Unreachable),
        }
    }

    /// As [`Peers::call`], for a call whose answer is small: many at a time cost less. A large answer would stand in the
    /// way of others.
    pub async fn call_small(
        &self,
        node: NodeId,
        kind: u32,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, CallError> {
        match self.peer(node) {
            Some(peer) => peer.call_small(kind, body, deadline).await,
            None => Err(CallError::Unreachable),
        }
    }

    /// The network of one group, for openraft.
    #[must_use]
    pub fn network(&self, group: GroupId) -> GroupNetwork {
        GroupNetwork::new(self.clone(), group)
    }

    /// Ends all connections and waits until their tasks are gone. Later calls are unreachable.
    pub async fn shutdown(&self) {
        let peers = {
            let mut book = self.book();
            book.closed = true;
            std::mem::take(&mut book.peers)
        };
        for peer in peers.into_values() {
            peer.shutdown().await;
        }
    }

    pub(crate) fn peer(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.book().peers.get(&node).cloned()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.inner
            .book
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
