//! One HTTP/2 connection to a peer: dialled, owned, gone when dropped.
//!
//! hyper spawns tasks of its own; [`OwnedExecutor`] puts them into [`Tasks`] inside of the seeded
//! scope, so that nothing is detached and a simulated run stays deterministic.
//!
//! Must stay true: a connection never dials again by itself; whoever lost one asks its line for
//! the next, and the line keeps the pauses.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use ana_env::Env;
use ana_env::runtime::Tasks;
use ana_env::time;
use ana_proto::node::v1::peer_client::PeerClient;
use ana_types::names::NodeId;
use http::Uri;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};

use crate::removals::Removals;

use super::limits::{
    DIAL_MAX, FRAME_BYTES_MAX, HTTP2_FRAME_BYTES, Liveness, SEND_BUFFER_BYTES, WINDOW_BYTES,
};

/// Version of the protocol between nodes; both ends must speak the same.
const PROTOCOL: u64 = 1;
const META_FROM: &str = "ana-from";
const META_TO: &str = "ana-to";
const META_PROTOCOL: &str = "ana-protocol";

/// Why a peer was not reached. Nothing was sent to any replica.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// No connection.
    #[error("no connection: {0}")]
    Connect(#[from] io::Error),
    /// Connected, but not to something that speaks HTTP/2.
    #[error("no http/2: {0}")]
    Http(#[from] hyper::Error),
    /// Connected, but the node does not take the stream.
    #[error("stream refused: {0}")]
    Refused(Box<Status>),
    /// Nobody answered in time.
    #[error("nobody answered within {DIAL_MAX:?}")]
    TimedOut,
}

impl From<Status> for DialError {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

/// What it takes to dial one peer.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    pub(crate) env: Env,
    pub(crate) this: NodeId,
    pub(crate) peer: NodeId,
    pub(crate) address: Arc<str>,
    pub(crate) removals: Removals,
}

impl Dialer {
    /// Opens a connection. The caller bounds the wait.
    pub(crate) async fn connect(&self, liveness: Liveness) -> Result<Connection, DialError> {
        let stream = self.env.net.connect(&self.address).await?;
        let tasks = Arc::new(Tasks::new());
        let mut builder = Builder::new(OwnedExecutor::new(&tasks));
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_frame_size(HTTP2_FRAME_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .keep_alive_interval(liveness.ping_after)
            .keep_alive_timeout(liveness.answer_within)
            .keep_alive_while_idle(true);
        let (sender, driver) = builder.handshake(TokioIo::new(stream)).await?;
        let peer = self.peer;
        let (alive, ended) = oneshot::channel();
        let _handle = tasks.spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%peer, %error, "connection to peer ended");
            }
            drop(alive);
        });
        Ok(Connection {
            sender,
            ended,
            _tasks: tasks,
        })
    }

    /// Takes note when the peer refuses this node because it was removed from the cluster.
    pub(crate) fn heed(&self, status: &Status) {
        if status.code() == Code::PermissionDenied {
            self.removals.told_by(self.peer);
        }
    }

    /// `message` with who asks whom.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(META_FROM, self.this.0.into());
        metadata.insert(META_TO, self.peer.0.into());
        metadata.insert(META_PROTOCOL, PROTOCOL.into());
        request
    }
}

/// Checks that a request is meant for `this` and speaks our protocol; answers who asks.
pub(crate) fn check_addressee(this: NodeId, metadata: &MetadataMap) -> Result<NodeId, Box<Status>> {
    let number = |key: &str| {
        let text = metadata.get(key).and_then(|value| value.to_str().ok());
        text.and_then(|text| text.parse::<u64>().ok())
    };
    if number(META_PROTOCOL) != Some(PROTOCOL) {
        return Err(Box::new(Status::failed_precondition(
            "another protocol is spoken here",
        )));
    }
    if number(META_TO) != Some(this.0) {
        return Err(Box::new(Status::failed_precondition(
            "another node lives here",
        )));
    }
    match number(META_FROM) {
        Some(from) => Ok(NodeId(from)),
        None => Err(Box::new(Status::failed_precondition(
            "the sender does not say who it is",
        ))),
    }
}

/// What a node hears that was removed from the cluster. No other refusal has this code.
pub(crate) fn removed() -> Status {
    Status::permission_denied("this node was removed from the cluster")
}

/// A live connection; its tasks end when it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Body>,
    ended: oneshot::Receiver<Infallible>,
    _tasks: Arc<Tasks>,
}

impl Connection {
    /// A client on this connection.
    pub(crate) fn client(&self) -> PeerClient<Http2> {
        let origin = Uri::from_static("http://peer");
        PeerClient::with_origin(Http2(self.sender.clone()), origin)
            .max_decoding_message_size(FRAME_BYTES_MAX)
            .max_encoding_message_size(FRAME_BYTES_MAX)
    }

    /// Waits until the connection is gone: closed by the peer, or silent for too long.
    pub(crate) async fn ended(&mut self) {
        // Nothing is ever sent: the other half is dropped with the driver.
        drop((&mut self.ended).await);
    }
}

/// tonic's view of hyper's sender.
#[derive(Debug, Clone)]
pub(crate) struct Http2(SendRequest<Body>);

impl tower::Service<http::Request<Body>> for Http2 {
    type Response = http::Response<Incoming>;
    type Error = SendFailed;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, SendFailed>> + Send>>;

    /// Always ready: a closed connection is noticed by `call`, which knows that nothing was sent.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendFailed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: http::Request<Body>) -> Self::Future {
        let sent = self.0.try_send_request(req);
        Box::pin(async move {
            sent.await.map_err(|mut failed| SendFailed {
                kept: failed.take_message().is_some(),
                source: failed.into_error(),
            })
        })
    }
}

/// A request that got no answer.
#[derive(Debug)]
pub(crate) struct SendFailed {
    /// The request never left.
    kept: bool,
    source: hyper::Error,
}

impl fmt::Display for SendFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)
    }
}

impl Error for SendFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Whether the request of this failure certainly never left the machine.
pub(crate) fn never_left(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if let Some(failed) = error.downcast_ref::<SendFailed>() {
            return failed.kept;
        }
        cause = error.source();
    }
    false
}

/// Spawns hyper's tasks into [`Tasks`], which may already be gone.
#[derive(Debug, Clone)]
pub(crate) struct OwnedExecutor {
    tasks: Weak<Tasks>,
}

impl OwnedExecutor {
    /// Holds `tasks` weakly: its own tasks hold the executor, and must not keep themselves alive.
    pub(crate) fn new(tasks: &Arc<Tasks>) -> Self {
        Self {
            tasks: Arc::downgrade(tasks),
        }
    }
}

impl<F> hyper::rt::Executor<F> for OwnedExecutor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, fut: F) {
        if let Some(tasks) = self.tasks.upgrade() {
            let _handle = tasks.spawn(async move { drop(fut.await) });
        }
    }
}

/// A dial, bounded.
pub(crate) async fn within_dial<T>(
    dial: impl Future<Output = Result<T, DialError>>,
) -> Result<T, DialError> {
    time::timeout(DIAL_MAX, dial)
        .await
        .unwrap_or(Err(DialError::TimedOut))
}
