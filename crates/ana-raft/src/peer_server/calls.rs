//! Calls of peers, handed to the call handler.
//!
//! Must stay true: a call runs in a task of its own until it is done or its caller's time is over;
//! that the connection broke does not cut it off halfway.

use std::sync::{Arc, Weak};
use std::time::Duration;

use ana_env::runtime::Tasks;
use ana_env::time;
use ana_proto::node::v1::frame::Body;
use ana_proto::node::v1::{
    CallFault, CallFaultReason, CallRequest, CallResponse, Frame, call_response,
};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::peer::limits::{CALL_BODY_BYTES_MAX, CALL_MAX, CALLS_IN_FLIGHT_MAX};
use crate::peers::{CallError, CallHandler, RemoteFault};

/// All calls of a node that are under way.
#[derive(Debug)]
pub(super) struct Calls {
    handler: Arc<dyn CallHandler>,
    in_flight: Arc<Semaphore>,
    /// The server's; weak because its tasks hold this.
    tasks: Weak<Tasks>,
}

impl Calls {
    pub(super) fn new(handler: Arc<dyn CallHandler>, tasks: &Arc<Tasks>) -> Self {
        Self {
            handler,
            in_flight: Arc::new(Semaphore::new(CALLS_IN_FLIGHT_MAX)),
            tasks: Arc::downgrade(tasks),
        }
    }

    /// Carries out one call and waits for its answer.
    pub(super) async fn carry_out(&self, request: CallRequest) -> CallResponse {
        let (give, take) = oneshot::channel();
        let begun = self.begin(request, |answer| async move {
            // The caller may have gone.
            drop(give.send(answer));
        });
        match begun {
            // The node is shutting down and has cut the handler off.
            Ok(()) => take
                .await
                .unwrap_or_else(|_| response(Err(CallError::TimedOut))),
            Err(answer) => answer,
        }
    }

    /// Begins the call of one frame; its answer goes to `replies`. What is given back is the answer already.
    pub(super) fn begin_frame(
        &self,
        id: u64,
        request: CallRequest,
        replies: mpsc::Sender<Frame>,
    ) -> Option<Frame> {
        let begun = self.begin(request, move |answer| async move {
            // The caller may have gone.
            drop(replies.send(frame(id, answer)).await);
        });
        begun.err().map(|answer| frame(id, answer))
    }

    /// Begins a call in a task of its own, which holds one of the places until its answer is taken.
    fn begin<F>(
        &self,
        request: CallRequest,
        give: impl FnOnce(CallResponse) -> F + Send + 'static,
    ) -> Result<(), CallResponse>
    where
        F: Future<Output = ()> + Send,
    {
        let refused = |fault| Err(response(Err(CallError::Remote(fault))));
        let Ok(place) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            return refused(RemoteFault::Overloaded);
        };
        let handler = Arc::clone(&self.handler);
        let run = async move {
            let place: OwnedSemaphorePermit = place;
            give(response(run(&*handler, request).await)).await;
            drop(place);
        };
        match self.tasks.upgrade().and_then(|tasks| tasks.spawn(run)) {
            Some(_handle) => Ok(()),
            None => refused(RemoteFault::Stopping),
        }
    }
}

async fn run(handler: &dyn CallHandler, request: CallRequest) -> Result<Bytes, CallError> {
    let within = Duration::from_millis(request.within_ms).min(CALL_MAX);
    let called = time::timeout(within, handler.call(request.kind, request.body)).await;
    let body = called.unwrap_or(Err(CallError::TimedOut))?;
    if body.len() > CALL_BODY_BYTES_MAX {
        // It has happened, but the caller will not see what.
        tracing::error!(bytes = body.len(), "answer of a call is too large to send");
        return Err(CallError::TimedOut);
    }
    Ok(body)
}

fn frame(id: u64, answer: CallResponse) -> Frame {
    Frame {
        group: 0,
        id,
        body: Some(Body::CallReply(answer)),
    }
}

fn response(answer: Result<Bytes, CallError>) -> CallResponse {
    let result = match answer {
        Ok(body) => call_response::Result::Body(body),
        Err(error) => call_response::Result::Fault(fault(error)),
    };
    CallResponse {
        result: Some(result),
    }
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
