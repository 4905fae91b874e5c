//! What stands behind the front door.

use std::fmt::Debug;
use std::sync::Arc;

use ana_wire::{Fault, Request, Response};
use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

/// Answers the operations of Kinesis. The request has passed every check that needs no state.
///
/// A call may be dropped before it ends: the client has gone or the gateway is being shut down.
#[async_trait]
pub trait Service: Debug + Send + Sync {
    /// Answers one request.
    async fn call(&self, context: RequestContext, request: Request) -> Result<Response, Fault>;
}

/// What is known of a request besides its body.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The id that the client is told in `x-amzn-RequestId`.
    pub request_id: Uuid,
    /// The other end of the connection, as text.
    pub peer: Arc<str>,
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
