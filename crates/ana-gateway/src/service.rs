//! What stands behind the front door.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use ana_wire::{Fault, Request, Response, SubscribeToShardEvent, SubscribeToShardInput};
use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use uuid::Uuid;

use crate::auth::Principal;

/// Answers the operations of Kinesis. The request has passed every check that needs no state.
///
/// A call may be dropped before it ends: the client has gone or the gateway is being shut down.
#[async_trait]
pub trait Service: Debug + Send + Sync {
    /// Answers one request.
    async fn call(&self, context: RequestContext, request: Request) -> Result<Response, Fault>;

    /// Begins a subscription. An error is the whole answer; once this is `Ok` the client is told 200, and what goes
    /// wrong later is the last item of the stream.
    async fn subscribe(
        &self,
        context: RequestContext,
        input: SubscribeToShardInput,
    ) -> Result<Events, Fault>;
}

/// The events of a subscription. Polled only when the client's window has room, so a reader that stops reading stops
/// the work behind it; dropped when the client has gone.
pub type Events = Pin<Box<dyn Stream<Item = Result<SubscribeToShardEvent, Fault>> + Send>>;

/// What is known of a request besides its body.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The id that the client is told in `x-amzn-RequestId`.
    pub request_id: Uuid,
    /// The other end of the connection, as text.
    pub peer: Arc<str>,
    /// Who calls. Only the verifier makes one, so nothing reaches a service unjudged.
    pub principal: Principal,
}

/// Answers paths under `/_ana/`.
#[async_trait]
pub trait AdminHandler: Debug + Send + Sync {
    /// Answers one request. `method` is `GET` or `POST`; `path` is the whole path with its query.
    async fn handle(&self, method: &str, path: &str, body: Bytes) -> AdminReply;
}

/// An answer of the [`AdminHandler`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminReply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}
