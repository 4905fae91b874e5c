//! The door of the node: checks who is meant, then hands streams to sessions and calls to the
//! call handler.
//!
//! Must stay true: a call runs in a task of its own until it is done or its caller's time is over;
//! that the connection broke does not cut it off halfway.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ana_env::runtime::Tasks;
use ana_env::time;
use ana_proto::node::v1::peer_server::Peer;
use ana_proto::node::v1::{
    CallFault, CallFaultReason, CallRequest, CallResponse, Frame, call_response,
};
use ana_types::names::NodeId;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::GroupLookup;
use super::session::Session;
use crate::peer::connection::{check_addressee, removed};
use crate::peer::limits::{CALL_BODY_BYTES_MAX, CALL_MAX, CALLS_IN_FLIGHT_MAX, REPLIES_QUEUE_MAX};
use crate::peer::link::Lane;
use crate::peers::{CallError, CallHandler, RemoteFault};

type Frames = Pin<Box<dyn Stream<Item = Result<Frame, Status>> + Send>>;

/// What tonic calls, for each request of each connection.
#[derive(Debug)]
pub(super) struct PeerService {
    this: NodeId,
    groups: Arc<dyn GroupLookup>,
    calls: Arc<dyn CallHandler>,
    calls_in_flight: Arc<Semaphore>,
    /// The server's; weak because its tasks hold this service.
    tasks: Weak<Tasks>,
}

impl PeerService {
    pub(super) fn new(
        this: NodeId,
        groups: Arc<dyn GroupLookup>,
        calls: Arc<dyn CallHandler>,
        tasks: &Arc<Tasks>,
    ) -> Self {
        Self {
            this,
            groups,
            calls,
            calls_in_flight: Arc::new(Semaphore::new(CALLS_IN_FLIGHT_MAX)),
            tasks: Arc::downgrade(tasks),
        }
    }

    /// Who asks, when it may.
    fn admit(&self, metadata: &MetadataMap) -> Result<NodeId, Status> {
        let from = check_addressee(self.this, metadata).map_err(|status| *status)?;
        if self.groups.is_removed(from) {
            tracing::debug!(%from, "a removed node is refused");
            return Err(removed());
        }
        Ok(from)
    }

    fn open(
        &self,
        lane: Lane,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Frames>, Status> {
        let from = self.admit(request.metadata())?;
        let (replies, mut written) = mpsc::channel(REPLIES_QUEUE_MAX);
        let session = Session::new(lane, from, Arc::clone(&self.groups), replies);
        let groups = Arc::clone(&self.groups);
        let run = async move {
            session.run(request.into_inner()).await;
            groups.peer_lost(from);
        };
        let spawned = self.tasks.upgrade().and_then(|tasks| tasks.spawn(run));
        if spawned.is_none() {
            return Err(Status::unavailable("the node is stopping"));
        }
        let frames = stream::poll_fn(move |cx| written.poll_recv(cx)).map(Ok);
        Ok(Response::new(Box::pin(frames)))
    }

    async fn carry_out(&self, request: CallRequest) -> Result<Bytes, CallError> {
        let Ok(permit) = Arc::clone(&self.calls_in_flight).try_acquire_owned() else {
            return Err(CallError::Remote(RemoteFault::Overloaded));
        };
        let (give, take) = oneshot::channel();
        let run = run_call(Arc::clone(&self.calls), request, permit, give);
        let spawned = self.tasks.upgrade().and_then(|tasks| tasks.spawn(run));
        if spawned.is_none() {
            return Err(CallError::Remote(RemoteFault::Stopping));
        }
        match take.await {
            Ok(Ok(body)) if body.len() > CALL_BODY_BYTES_MAX => {
                // It has happened, but the caller will not see what.
                tracing::error!(bytes = body.len(), "answer of a call is too large to send");
                Err(CallError::TimedOut)
            }
            Ok(answer) => answer,
            // The node is shutting down and has cut the handler off.
            Err(_) => Err(CallError::TimedOut),
        }
    }
}

async fn run_call(
    calls: Arc<dyn CallHandler>,
    request: CallRequest,
    permit: OwnedSemaphorePermit,
    give: oneshot::Sender<Result<Bytes, CallError>>,
) {
    let within = Duration::from_millis(request.within_ms).min(CALL_MAX);
    let called = time::timeout(within, calls.call(request.kind, request.body)).await;
    let answer = called.unwrap_or(Err(CallError::TimedOut));
    drop(permit);
    // The caller may have gone.
    drop(give.send(answer));
}

fn fault(error: CallError) -> CallFault {
    let mut why = String::new();
    let remote = match error {
        CallError::Remote(remote) => remote,
        // The handler itself asked somebody else in vain.
        CallError::Unreachable => RemoteFault::Failed {
            why: error.to_string(),
        },
        CallError::TimedOut => {
            return CallFault {
                reason: CallFaultReason::OutcomeUnknown.into(),
                why,
            };
        }
    };
    let reason = match remote {
        RemoteFault::UnknownKind => CallFaultReason::UnknownKind,
        RemoteFault::Malformed => CallFaultReason::Malformed,
        RemoteFault::Overloaded => CallFaultReason::Overloaded,
        RemoteFault::Stopping => CallFaultReason::Stopping,
        RemoteFault::TooLarge => CallFaultReason::TooLarge,
        RemoteFault::Failed { why: given } => {
            why = given;
            CallFaultReason::Failed
        }
    };
    CallFault {
        reason: reason.into(),
        why,
    }
}

#[async_trait]
impl Peer for PeerService {
    type BulkStream = Frames;
    type ControlStream = Frames;

    async fn bulk(&self, request: Request<Streaming<Frame>>) -> Result<Response<Frames>, Status> {
        self.open(Lane::Bulk, request)
    }

    async fn control(
        &self,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Frames>, Status> {
        self.open(Lane::Control, request)
    }

    async fn call(&self, request: Request<CallRequest>) -> Result<Response<CallResponse>, Status> {
        self.admit(request.metadata())?;
        let result = match self.carry_out(request.into_inner()).await {
            Ok(body) => call_response::Result::Body(body),
            Err(error) => call_response::Result::Fault(fault(error)),
        };
        Ok(Response::new(CallResponse {
            result: Some(result),
        }))
    }
}
