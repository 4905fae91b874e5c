//! One open stream to a peer: frames out, answers back, matched by id.
//!
//! ```text
//! send() -> [queue: frames and bytes bounded] -> HTTP/2 ~~~> peer
//! PendingAnswer <- by id <- reader task <- HTTP/2 <~~~ peer
//! ```
//!
//! Must stay true:
//! - frames of one sender leave in the order of its `send` calls;
//! - when the stream ends, every pending answer ends too, with [`LinkError::Lost`];
//! - a pending answer that is dropped leaves nothing behind.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ana_env::time::{self, Instant};
use ana_proto::node::v1::frame::Body;
use ana_proto::node::v1::{Frame, RefusalReason};
use ana_types::names::GroupId;
use async_trait::async_trait;
use futures::Stream;
use futures::stream;
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tonic::Streaming;

use super::connection::{Connection, DialError, Dialer};
use super::limits::{
    ANSWERS_WAITED_MAX, BULK_LIVENESS, CONTROL_LIVENESS, FRAME_BYTES_MAX, QUEUE_BYTES_MAX,
    QUEUE_FRAMES_MAX,
};
use super::line::{Life, NotReached, Opener};

/// Which of the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Appends and snapshots.
    Bulk,
    /// Votes, heartbeats, leader transfers.
    Control,
    /// Small calls of the router.
    Calls,
}

/// Why a frame got no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// Nothing was sent: the peer is not reached.
    #[error("peer not reached")]
    NotReached,
    /// Nothing was sent: too much waits for this peer already.
    #[error("too much waits for this peer")]
    Overloaded,
    /// Nothing was sent: larger than a frame may be.
    #[error("{bytes} bytes are more than a frame may hold")]
    TooLarge { bytes: usize },
    /// The stream ended before the answer.
    #[error("connection lost before the answer")]
    Lost,
    /// The answer did not come in time.
    #[error("no answer in time")]
    TimedOut,
    /// The receiver did not carry it out.
    #[error("peer refused: {0:?}")]
    Refused(RefusalReason),
    /// The answer makes no sense.
    #[error("peer answered nonsense")]
    Nonsense,
}

impl From<NotReached> for LinkError {
    fn from(_: NotReached) -> Self {
        Self::NotReached
    }
}

/// One stream, as long as it lives.
pub(crate) struct OpenLink {
    queue: mpsc::Sender<Outgoing>,
    queue_bytes: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    last_id: AtomicU64,
    last_session: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    closed: bool,
    answers: BTreeMap<u64, oneshot::Sender<Body>>,
}

struct Outgoing {
    frame: Frame,
    /// Given back when HTTP/2 takes the frame.
    _bytes: OwnedSemaphorePermit,
}

impl fmt::Debug for OpenLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenLink")
            .field("waiting", &self.lock().answers.len())
            .finish()
    }
}

impl OpenLink {
    fn new() -> (Arc<Self>, mpsc::Receiver<Outgoing>) {
        let (queue, outgoing) = mpsc::channel(QUEUE_FRAMES_MAX);
        let link = Self {
            queue,
            queue_bytes: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            waiting: Mutex::default(),
            last_id: AtomicU64::new(0),
            last_session: AtomicU64::new(0),
        };
        (Arc::new(link), outgoing)
    }

    /// A number for a new append stream; larger than all before on this connection.
    pub(crate) fn new_session(&self) -> u64 {
        self.last_session.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Queues one request; waits for room until `deadline`.
    pub(crate) async fn send(
        self: &Arc<Self>,
        group: GroupId,
        body: Body,
        deadline: Instant,
    ) -> Result<PendingAnswer, LinkError> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let frame = Frame {
            group: group.0,
            id,
            body: Some(body),
        };
        let bytes = frame.encoded_len();
        let permits = match u32::try_from(bytes) {
            Ok(permits) if bytes <= FRAME_BYTES_MAX => permits,
            _ => return Err(LinkError::TooLarge { bytes }),
        };
        let answer = self.register(id)?;
        let room = time::timeout_at(deadline, async {
            let bytes = Arc::clone(&self.queue_bytes)
                .acquire_many_owned(permits)
                .await;
            let slot = self.queue.reserve().await;
            (bytes, slot)
        });
        match room.await {
            Ok((Ok(bytes), Ok(slot))) => {
                slot.send(Outgoing {
                    frame,
                    _bytes: bytes,
                });
                Ok(answer)
            }
            Ok(_) => Err(LinkError::NotReached),
            Err(_) => Err(LinkError::Overloaded),
        }
    }

    /// Sends one request and waits for its answer until `deadline`.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        group: GroupId,
        body: Body,
        deadline: Instant,
    ) -> Result<Body, LinkError> {
        let mut answer = self.send(group, body, deadline).await?;
        match time::timeout_at(deadline, answer.wait()).await {
            Ok(answered) => answered,
            Err(_) => Err(LinkError::TimedOut),
        }
    }

    fn register(self: &Arc<Self>, id: u64) -> Result<PendingAnswer, LinkError> {
        let (give, take) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(LinkError::NotReached);
        }
        if waiting.answers.len() >= ANSWERS_WAITED_MAX {
            return Err(LinkError::Overloaded);
        }
        waiting.answers.insert(id, give);
        Ok(PendingAnswer {
            link: Arc::clone(self),
            id,
            answer: take,
        })
    }

    fn settle(&self, frame: Frame) {
        let waiter = self.lock().answers.remove(&frame.id);
        if let (Some(waiter), Some(body)) = (waiter, frame.body) {
            // Nobody waits any more: the caller has gone.
            drop(waiter.send(body));
        }
    }

    fn close(&self) {
        self.queue_bytes.close();
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.answers.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer to one frame, still to come. Dropping it forgets the request, not the sending.
#[derive(Debug)]
pub(crate) struct PendingAnswer {
    link: Arc<OpenLink>,
    id: u64,
    answer: oneshot::Receiver<Body>,
}

impl PendingAnswer {
    /// Waits without a bound: the caller sets one. Cancelling loses nothing.
    pub(crate) async fn wait(&mut self) -> Result<Body, LinkError> {
        match (&mut self.answer).await {
            Ok(Body::Refusal(refusal)) => Err(LinkError::Refused(refusal.reason())),
            Ok(body) => Ok(body),
            Err(_) => Err(LinkError::Lost),
        }
    }
}

impl Drop for PendingAnswer {
    fn drop(&mut self) {
        drop(self.link.lock().answers.remove(&self.id));
    }
}

/// Opens streams of one lane to one peer.
#[derive(Debug)]
pub(crate) struct LinkOpener {
    pub(crate) dialer: Dialer,
    pub(crate) lane: Lane,
}

#[async_trait]
impl Opener for LinkOpener {
    type Open = OpenLink;

    async fn open(&mut self) -> Result<(Arc<OpenLink>, Life), DialError> {
        let liveness = match self.lane {
            Lane::Bulk | Lane::Calls => BULK_LIVENESS,
            Lane::Control => CONTROL_LIVENESS,
        };
        let connection = self.dialer.connect(liveness).await?;
        let (link, outgoing) = OpenLink::new();
        let closing = CloseOnDrop(Arc::clone(&link));
        let request = self.dialer.request(frames(outgoing));
        let mut client = connection.client();
        let answers = match self.lane {
            Lane::Bulk => client.bulk(request).await,
            Lane::Control => client.control(request).await,
            Lane::Calls => client.calls(request).await,
        };
        let answers = answers.inspect_err(|status| self.dialer.heed(status))?;
        let life = read_answers(answers.into_inner(), closing, connection);
        Ok((link, Box::pin(life)))
    }

    fn describe(&self) -> String {
        format!(
            "{:?} to node {} at {}",
            self.lane, self.dialer.peer, self.dialer.address
        )
    }
}

fn frames(mut outgoing: mpsc::Receiver<Outgoing>) -> impl Stream<Item = Frame> + Send + 'static {
    stream::poll_fn(move |cx| outgoing.poll_recv(cx).map(|next| next.map(|out| out.frame)))
}

/// Ends every wait when the stream ends, however it ends.
struct CloseOnDrop(Arc<OpenLink>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

async fn read_answers(mut answers: Streaming<Frame>, link: CloseOnDrop, connection: Connection) {
    loop {
        match answers.message().await {
            Ok(Some(frame)) => link.0.settle(frame),
            Ok(None) => break,
            Err(status) => {
                tracing::debug!(%status, "stream of answers ended");
                break;
            }
        }
    }
    drop(link);
    drop(connection);
}
