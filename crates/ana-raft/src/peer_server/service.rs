//! The door of the node: checks who is meant, then hands streams to sessions and calls to
//! [`Calls`].

use std::pin::Pin;
use std::sync::{Arc, Weak};

use ana_env::runtime::Tasks;
use ana_proto::node::v1::peer_server::Peer;
use ana_proto::node::v1::{CallRequest, CallResponse, Frame};
use ana_types::names::NodeId;
use async_trait::async_trait;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::GroupLookup;
use super::calls::Calls;
use super::session::Session;
use crate::peer::connection::{check_addressee, removed};
use crate::peer::limits::REPLIES_QUEUE_MAX;
use crate::peer::link::Lane;
use crate::peers::CallHandler;

type Frames = Pin<Box<dyn Stream<Item = Result<Frame, Status>> + Send>>;

/// What tonic calls, for each request of each connection.
#[derive(Debug)]
pub(super) struct PeerService {
    this: NodeId,
    groups: Arc<dyn GroupLookup>,
    calls: Arc<Calls>,
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
            calls: Arc::new(Calls::new(calls, tasks)),
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
        let groups = Arc::clone(&self.groups);
        let session = Session::new(
            lane,
            from,
            Arc::clone(&groups),
            Arc::clone(&self.calls),
            replies,
        );
        let run = async move {
            session.run(request.into_inner()).await;
            // A leader that is there sends over the other lanes.
            if lane != Lane::Calls {
                groups.peer_lost(from);
            }
        };
        let spawned = self.tasks.upgrade().and_then(|tasks| tasks.spawn(run));
        if spawned.is_none() {
            return Err(Status::unavailable("the node is stopping"));
        }
        let frames = stream::poll_fn(move |cx| written.poll_recv(cx)).map(Ok);
        Ok(Response::new(Box::pin(frames)))
    }
}

#[async_trait]
impl Peer for PeerService {
    type BulkStream = Frames;
    type ControlStream = Frames;
    type CallsStream = Frames;

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
        let answer = self.calls.carry_out(request.into_inner()).await;
        Ok(Response::new(answer))
    }

    async fn calls(&self, request: Request<Streaming<Frame>>) -> Result<Response<Frames>, Status> {
        self.open(Lane::Calls, request)
    }
}
