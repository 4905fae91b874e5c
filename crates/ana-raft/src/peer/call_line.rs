//! The calls to one peer: large ones are requests of their own on one connection, small ones frames of one stream on
//! another. A request costs several times as much as a frame.
//!
//! Must stay true: [`CallError::Unreachable`] means that no handler has seen or will see the call;
//! whatever might have arrived is [`CallError::TimedOut`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ana_env::runtime::Tasks;
use ana_env::time;
use ana_proto::node::v1::frame::Body;
use ana_proto::node::v1::peer_client::PeerClient;
use ana_proto::node::v1::{
    CallFaultReason, CallRequest, CallResponse, RefusalReason, call_response,
};
use ana_types::GroupId;
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Notify, Semaphore};
use tonic::{Code, Status};

use super::connection::{Connection, DialError, Dialer, Http2, never_left};
use super::limits::{BULK_LIVENESS, CALL_BODY_BYTES_MAX, CALL_MAX, CALLS_IN_FLIGHT_MAX};
use super::line::{Life, Line, Opener};
use super::link::{Lane, LinkError, LinkOpener, OpenLink};
use crate::peers::{CallError, RemoteFault};

/// Calls to one peer.
#[derive(Debug)]
pub(crate) struct CallLine {
    line: Line<OpenCalls>,
    small: Line<OpenLink>,
    dialer: Dialer,
    in_flight: Semaphore,
}

/// A connection that takes calls.
pub(crate) struct OpenCalls {
    client: PeerClient<Http2>,
    lost: Arc<Notify>,
}

impl fmt::Debug for OpenCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenCalls").finish_non_exhaustive()
    }
}

impl CallLine {
    pub(crate) fn start(tasks: &Tasks, dialer: &Dialer) -> Self {
        let opener = CallOpener {
            dialer: dialer.clone(),
        };
        let small = LinkOpener {
            dialer: dialer.clone(),
            lane: Lane::Calls,
        };
        Self {
            line: Line::start(tasks, opener),
            small: Line::start(tasks, small),
            dialer: dialer.clone(),
            in_flight: Semaphore::new(CALLS_IN_FLIGHT_MAX),
        }
    }

    /// The stream of small calls.
    pub(crate) fn small(&self) -> &Line<OpenLink> {
        &self.small
    }

    /// One call whose question and answer are small, answered or given up within `within`.
    pub(crate) async fn call_small(
        &self,
        kind: u32,
        body: Bytes,
        within: Duration,
    ) -> Result<Bytes, CallError> {
        let within = within.min(CALL_MAX);
        let deadline = time::now() + within;
        let Ok(Ok(_permit)) = time::timeout_at(deadline, self.in_flight.acquire()).await else {
            return Err(CallError::Unreachable);
        };
        let Ok(link) = self.small.get(deadline).await else {
            return Err(CallError::Unreachable);
        };
        let left = deadline.saturating_duration_since(time::now());
        let call = CallRequest {
            kind,
            body,
            within_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        };
        // A call is of no group; whatever number stands there is not read.
        match link
            .ask(GroupId::METADATA, Body::Call(call), deadline)
            .await
        {
            Ok(Body::CallReply(answer)) => read(answer),
            Ok(_) => Err(from_link(&LinkError::Nonsense)),
            Err(error) => Err(from_link(&error)),
        }
    }

    /// One call, answered or given up within `within`.
    pub(crate) async fn call(
        &self,
        kind: u32,
        body: Bytes,
        within: Duration,
    ) -> Result<Bytes, CallError> {
        if body.len() > CALL_BODY_BYTES_MAX {
            return Err(CallError::Remote(RemoteFault::TooLarge));
        }
        let within = within.min(CALL_MAX);
        let deadline = time::now() + within;
        let Ok(Ok(_permit)) = time::timeout_at(deadline, self.in_flight.acquire()).await else {
            return Err(CallError::Unreachable);
        };
        // A connection that turns out to be closed died while idle: one more is asked for.
        let mut dead = None;
        for _ in 0..2 {
            let Ok(open) = self.line.get_other(dead.as_ref(), deadline).await else {
                return Err(CallError::Unreachable);
            };
            let left = deadline.saturating_duration_since(time::now());
            let within_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            let message = CallRequest {
                kind,
                body: body.clone(),
                within_ms,
            };
            let mut client = open.client.clone();
            let request = self.dialer.request(message);
            match time::timeout_at(deadline, client.call(request)).await {
                Err(_) => return Err(CallError::TimedOut),
                Ok(Ok(answer)) => return read(answer.into_inner()),
                Ok(Err(status)) if never_left(&status) => {
                    open.lost.notify_one();
                    dead = Some(open);
                }
                Ok(Err(status)) => {
                    self.dialer.heed(&status);
                    return Err(from_status(&status));
                }
            }
        }
        Err(CallError::Unreachable)
    }
}

fn read(answer: CallResponse) -> Result<Bytes, CallError> {
    let fault = match answer.result {
        Some(call_response::Result::Body(body)) => return Ok(body),
        Some(call_response::Result::Fault(fault)) => fault,
        None => return Err(CallError::Remote(RemoteFault::Malformed)),
    };
    Err(CallError::Remote(match fault.reason() {
        CallFaultReason::OutcomeUnknown => return Err(CallError::TimedOut),
        CallFaultReason::UnknownKind => RemoteFault::UnknownKind,
        CallFaultReason::Overloaded => RemoteFault::Overloaded,
        CallFaultReason::Stopping => RemoteFault::Stopping,
        CallFaultReason::TooLarge => RemoteFault::TooLarge,
        CallFaultReason::Malformed | CallFaultReason::Unspecified => RemoteFault::Malformed,
        CallFaultReason::Failed => RemoteFault::Failed { why: fault.why },
    }))
}

/// A small call that ended below the handler.
fn from_link(error: &LinkError) -> CallError {
    match error {
        // It never left, or was refused by somebody who does not know calls.
        LinkError::NotReached
        | LinkError::Overloaded
        | LinkError::Refused(RefusalReason::Malformed) => CallError::Unreachable,
        LinkError::TooLarge { .. } => CallError::Remote(RemoteFault::TooLarge),
        LinkError::Lost | LinkError::TimedOut | LinkError::Refused(_) | LinkError::Nonsense => {
            tracing::debug!(%error, "call lost");
            CallError::TimedOut
        }
    }
}

/// A call that ended below the handler.
fn from_status(status: &Status) -> CallError {
    match status.code() {
        // Said by the door of the other node, before any handler.
        Code::FailedPrecondition | Code::PermissionDenied => CallError::Unreachable,
        Code::OutOfRange => CallError::Remote(RemoteFault::TooLarge),
        _ => {
            tracing::debug!(%status, "call lost");
            CallError::TimedOut
        }
    }
}

#[derive(Debug)]
struct CallOpener {
    dialer: Dialer,
}

#[async_trait]
impl Opener for CallOpener {
    type Open = OpenCalls;

    async fn open(&mut self) -> Result<(Arc<OpenCalls>, Life), DialError> {
        let connection = self.dialer.connect(BULK_LIVENESS).await?;
        let lost = Arc::new(Notify::new());
        let open = OpenCalls {
            client: connection.client(),
            lost: Arc::clone(&lost),
        };
        Ok((Arc::new(open), Box::pin(until_lost(connection, lost))))
    }

    fn describe(&self) -> String {
        format!(
            "Call to node {} at {}",
            self.dialer.peer, self.dialer.address
        )
    }
}

async fn until_lost(mut connection: Connection, lost: Arc<Notify>) {
    tokio::select! {
        biased;
        () = connection.ended() => {}
        () = lost.notified() => {}
    }
}
