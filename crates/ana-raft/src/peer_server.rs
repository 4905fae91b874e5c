//! The other end: what peers send to this node.
//!
//! ```text
//! Listener -> connection (hyper, HTTP/2) -> service -> session, one per stream
//!                                                        |- appends: one openraft stream per group
//!                                                        '- the rest: one future per request
//! ```
//! All tasks, hyper's included, belong to the [`PeerServer`] and run inside the seeded scope.
//!
//! Must stay true:
//! - every request gets exactly one answer, or its stream ends;
//! - no request of one group waits for another group;
//! - a group that is not here answers so at once;
//! - nothing that a removed node sends reaches a replica or a handler, also not on a stream that was
//!   open before the removal was known.

mod appends;
mod calls;
pub mod replica;
mod service;
mod session;

use std::convert::Infallible;
use std::fmt;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ana_env::net::{Listener, Stream};
use ana_env::runtime::Tasks;
use ana_env::time;
use ana_proto::node::v1::peer_server::PeerServer as Routes;
use ana_proto::raft::v1 as wire;
use ana_types::names::{GroupId, NodeId};
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prost::Message;
use tower::Service;

pub use self::replica::{Replica, ReplicaStopped};
use self::service::PeerService;
use crate::entry::KIND_BATCH;
use crate::peer::connection::OwnedExecutor;
use crate::peer::limits::{
    ACCEPT_PAUSE, CALLS_IN_FLIGHT_MAX, CONNECTIONS_MAX, FRAME_BYTES_MAX, HTTP2_FRAME_BYTES,
    SEND_BUFFER_BYTES, SERVER_LIVENESS, SMALL_APPEND_BYTES, WINDOW_BYTES,
};
use crate::peers::CallHandler;
use crate::rest::Heard;
use crate::types::LogId;

/// Finds the replicas of this node and says what they take.
pub trait GroupLookup: Send + Sync + Debug {
    /// The running replica of a group on this node.
    fn replica(&self, group: GroupId) -> Option<Arc<dyn Replica>>;

    /// Whether the group's log takes entries: not while its disk is full, never while it is
    /// corrupt. An append that the log refuses would stop the replica, so it is refused before.
    fn admits_entries(&self, group: GroupId) -> bool;

    /// The same for an append of at most `SMALL_APPEND_BYTES` without records: a group on a full
    /// disk must still agree on the trim that makes room.
    fn admits_small(&self, group: GroupId) -> bool {
        self.admits_entries(group)
    }

    /// Whether a node was removed from the cluster: nothing it sends may reach a replica.
    fn is_removed(&self, _node: NodeId) -> bool {
        false
    }

    /// Whether the group may vote for one whose log ends with `last`. Not within one election timeout after the node's
    /// start: it may have promised a lease to a leader before. Not while its log is corrupt. Not when an earlier replica
    /// here had more than that.
    fn may_vote_for(&self, group: GroupId, last: Option<&LogId>) -> bool;

    /// Something came for a group from another replica of it: one that rests wakes. Answers whether a ballot may be looked
    /// at now.
    fn heard(&self, _group: GroupId, _what: Heard) -> bool {
        true
    }

    /// A stream of `node` to this one has ended: it may be dead.
    fn peer_lost(&self, node: NodeId);
}

/// An append, as a replica that rests hears it.
fn heard_of(append: &wire::Append) -> Heard {
    if append.entries.is_empty() {
        Heard::Heartbeat
    } else {
        Heard::Work
    }
}

/// Whether the group takes this append. One without entries is always taken.
fn admits(groups: &dyn GroupLookup, group: GroupId, append: &wire::Append) -> bool {
    let records = |entry: &wire::Entry| entry.kind == u32::from(KIND_BATCH);
    if append.entries.is_empty() {
        true
    } else if append.encoded_len() <= SMALL_APPEND_BYTES && !append.entries.iter().any(records) {
        groups.admits_small(group)
    } else {
        groups.admits_entries(group)
    }
}

/// Accepts peers and serves them until shut down or dropped.
pub struct PeerServer {
    address: String,
    tasks: Arc<Tasks>,
}

impl Debug for PeerServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl PeerServer {
    /// Serves at `listener` for node `this`, from now on.
    ///
    /// # Panics
    /// Outside of `ana_env::runtime::scope`.
    #[must_use]
    pub fn start(
        listener: Box<dyn Listener>,
        this: NodeId,
        groups: Arc<dyn GroupLookup>,
        calls: Arc<dyn CallHandler>,
    ) -> Self {
        let address = listener.local_addr();
        let tasks = Arc::new(Tasks::new());
        let service = PeerService::new(this, groups, calls, &tasks);
        let routes = Routes::new(service)
            .max_decoding_message_size(FRAME_BYTES_MAX)
            .max_encoding_message_size(FRAME_BYTES_MAX);
        let door = Door {
            routes,
            executor: OwnedExecutor::new(&tasks),
            open: Arc::default(),
        };
        let _handle = tasks.spawn(accept(listener, door));
        Self { address, tasks }
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> &str {
        &self.address
    }

    /// Ends all connections and waits until their tasks are gone. Calls under way are cut off.
    pub async fn shutdown(&self) {
        self.tasks.shutdown().await;
    }
}

#[derive(Clone)]
struct Door {
    routes: Routes<PeerService>,
    executor: OwnedExecutor,
    /// Connections now open.
    open: Arc<AtomicUsize>,
}

#[expect(
    clippy::infinite_loop,
    reason = "accepting ends when the server is dropped"
)]
async fn accept(mut listener: Box<dyn Listener>, door: Door) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => door.admit(stream, from),
            Err(error) => {
                tracing::warn!(%error, "cannot accept peers");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Door {
    fn admit(&self, stream: Stream, from: String) {
        let Some(place) = Place::take(&self.open) else {
            tracing::warn!(from, "too many connections of peers");
            return;
        };
        let routes = self.routes.clone();
        let executor = self.executor.clone();
        hyper::rt::Executor::execute(&self.executor, async move {
            serve(stream, routes, executor, &from).await;
            drop(place);
        });
    }
}

/// One of the `CONNECTIONS_MAX` places.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(open));
        // Dropping the place gives it back, also when it was one too many.
        (open.fetch_add(1, Ordering::Relaxed) < CONNECTIONS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(stream: Stream, routes: Routes<PeerService>, executor: OwnedExecutor, from: &str) {
    let streams = u32::try_from(CALLS_IN_FLIGHT_MAX).unwrap_or(u32::MAX);
    let served = Builder::new(executor)
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(HTTP2_FRAME_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_concurrent_streams(streams)
        .keep_alive_interval(SERVER_LIVENESS.ping_after)
        .keep_alive_timeout(SERVER_LIVENESS.answer_within)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                let mut routes = routes.clone();
                async move { Ok::<_, Infallible>(answer(&mut routes, request).await) }
            }),
        )
        .await;
    if let Err(error) = served {
        tracing::debug!(from, %error, "connection of a peer ended");
    }
}

async fn answer(
    routes: &mut Routes<PeerService>,
    request: http::Request<hyper::body::Incoming>,
) -> http::Response<tonic::body::Body> {
    let Ok(response) = routes.call(request).await;
    response
}

#[cfg(test)]
mod fakes;
#[cfg(test)]
mod appends_test;
#[cfg(test)]
mod wire_test;
#[cfg(test)]
mod faults_test;
