//! Reading a request's body within its bounds: length, time, and memory over all connections.
//!
//! Danger: a body's declared length is a claim. Memory is charged for what has arrived, and the budget
//! is never waited for: two half-read bodies that wait for each other would wait for ever.

use std::sync::Arc;
use std::time::Duration;

use ana_env::time::{Instant, now, timeout_at};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::noise::Noise;

/// The budget counts in pieces of this size, because semaphores count in `u32`.
const BUDGET_PIECE_BYTES: usize = 1024;

/// Memory for bodies, shared by all connections.
#[derive(Debug, Clone)]
pub(crate) struct BodyBudget {
    pieces: Arc<Semaphore>,
}

/// A body in memory, and its share of the budget.
#[derive(Debug)]
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    pub(crate) share: Option<OwnedSemaphorePermit>,
}

/// A body that tells the connection of what has come.
#[derive(Debug)]
pub(crate) struct CountedBody {
    body: Incoming,
    noise: Arc<Noise>,
}

/// Bounds of one body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) bytes_max: usize,
    pub(crate) discard_bytes_max: usize,
    pub(crate) within: Duration,
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Longer than allowed.
    TooLarge,
    /// Did not arrive in time.
    TooSlow,
    /// The connection or the framing broke.
    Broken,
    /// The gateway holds as many bodies as it may.
    NoRoom,
}

impl BodyBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        let pieces = (bytes / BUDGET_PIECE_BYTES).min(Semaphore::MAX_PERMITS);
        Self {
            pieces: Arc::new(Semaphore::new(pieces)),
        }
    }

    /// Reads a whole body. `may_discard` is false when the client waits for our leave to send it.
    pub(crate) async fn read(
        &self,
        mut body: CountedBody,
        limits: BodyLimits,
        may_discard: bool,
    ) -> Result<ReadBody, BodyError> {
        let deadline = now() + limits.within;
        let at_least = body.body.size_hint().lower();
        let fits = usize::try_from(at_least).is_ok_and(|bytes| bytes <= limits.bytes_max);
        let read = if fits {
            self.collect(&mut body, limits.bytes_max, deadline).await
        } else {
            Err(BodyError::TooLarge)
        };
        if may_discard && matches!(read, Err(BodyError::TooLarge)) {
            discard(&mut body, limits.discard_bytes_max, deadline).await;
        }
        read
    }

    async fn collect(
        &self,
        body: &mut CountedBody,
        bytes_max: usize,
        deadline: Instant,
    ) -> Result<ReadBody, BodyError> {
        let declared = body
            .body
            .size_hint()
            .exact()
            .and_then(|bytes| usize::try_from(bytes).ok());
        let mut bytes = BytesMut::new();
        let mut share = None;
        loop {
            let next = body.next_data(deadline).await?;
            let Some(data) = next else {
                return Ok(ReadBody {
                    bytes: bytes.freeze(),
                    share,
                });
            };
            let length = bytes.len() + data.len();
            if length > bytes_max {
                return Err(BodyError::TooLarge);
            }
            self.charge(&mut share, length)?;
            if bytes.is_empty() && body.body.is_end_stream() {
                // The usual small request is one piece: no copy.
                return Ok(ReadBody { bytes: data, share });
            }
            if bytes.is_empty() {
                // Address space only: pages are taken as data arrive.
                bytes.reserve(declared.unwrap_or_default());
            }
            bytes.extend_from_slice(&data);
        }
    }

    /// Raises a share to cover `bytes`.
    fn charge(
        &self,
        share: &mut Option<OwnedSemaphorePermit>,
        bytes: usize,
    ) -> Result<(), BodyError> {
        let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(BUDGET_PIECE_BYTES).saturating_sub(held);
        let Ok(more) = u32::try_from(more) else {
            return Err(BodyError::NoRoom);
        };
        let Ok(permit) = Arc::clone(&self.pieces).try_acquire_many_owned(more) else {
            return Err(BodyError::NoRoom);
        };
        match share {
            Some(share) => share.merge(permit),
            None => *share = Some(permit),
        }
        Ok(())
    }
}

impl CountedBody {
    pub(crate) fn new(body: Incoming, noise: Arc<Noise>) -> Self {
        Self { body, noise }
    }

    async fn next_data(&mut self, deadline: Instant) -> Result<Option<Bytes>, BodyError> {
        match timeout_at(deadline, self.body.frame()).await {
            Err(_) => Err(BodyError::TooSlow),
            Ok(None) => Ok(None),
            Ok(Some(Err(_))) => Err(BodyError::Broken),
            Ok(Some(Ok(frame))) => {
                // Trailers are sent by no client of AWS, and another reader may take what stands in them for a request.
                let data = frame.into_data().map_err(|_trailers| BodyError::Broken)?;
                self.noise.body(data.len());
                Ok(Some(data))
            }
        }
    }
}

/// Reads and throws away, so that a client that is still sending gets to see the answer.
async fn discard(body: &mut CountedBody, bytes_max: usize, deadline: Instant) {
    let mut discarded = 0;
    while let Ok(Some(data)) = body.next_data(deadline).await {
        discarded += data.len();
        if discarded > bytes_max {
            return;
        }
    }
}
