//! The answer to SubscribeToShard: a body without an end known beforehand, made of frames.
//!
//! ```text
//!   initial-response -> event -> event ... -> the end             the session is over, or the gateway stops
//!                                         \-> exception -> the end   a fault of the service
//! ```
//! Must stay true: the service is polled only while nothing made from an earlier event waits here, so one event is
//! the most that a reader who does not read costs; the service's stream is dropped with the last frame.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use ana_wire::event_stream;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::service::Events;

/// How much of an event is handed on at once: a reader makes progress when it has taken this much.
const PIECE_BYTES: usize = 64 * 1024;

/// The frames of one subscription.
pub(crate) struct EventFrames {
    /// What is left of the frame under way.
    left: Bytes,
    /// `None` once no more events will come; the permit is the subscription's place in the gateway.
    events: Option<(Events, OwnedSemaphorePermit)>,
    /// Ready when the gateway stops.
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl EventFrames {
    pub(crate) fn new(
        events: Events,
        place: OwnedSemaphorePermit,
        mut stopping: watch::Receiver<bool>,
    ) -> Self {
        let stopped = async move {
            match stopping.wait_for(|stopping| *stopping).await {
                Ok(_) | Err(_) => {}
            }
        };
        Self {
            left: event_stream::initial_response(),
            events: Some((events, place)),
            stopped: Box::pin(stopped),
        }
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if self.left.len() > PIECE_BYTES {
                return Poll::Ready(Some(self.left.split_to(PIECE_BYTES)));
            }
            if !self.left.is_empty() {
                // A copy: while it waits for the reader it must not hold all of its event beside the next one.
                return Poll::Ready(Some(Bytes::copy_from_slice(&mem::take(&mut self.left))));
            }
            let Some((events, _place)) = &mut self.events else {
                return Poll::Ready(None);
            };
            if self.stopped.as_mut().poll(cx).is_ready() {
                // Between two frames: the client subscribes again, at another node, and misses nothing.
                self.events = None;
                continue;
            }
            match events.as_mut().poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => self.events = None,
                Poll::Ready(Some(Ok(event))) => self.left = event_stream::event(&event),
                Poll::Ready(Some(Err(fault))) => {
                    self.left = event_stream::exception(&fault);
                    self.events = None;
                }
            }
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left.is_empty() && self.events.is_none()
    }
}

impl fmt::Debug for EventFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventFrames")
            .field("left_bytes", &self.left.len())
            .field("over", &self.events.is_none())
            .finish_non_exhaustive()
    }
}
