//! The batcher: appends become entries. The cost of a group follows the number of its entries,
//! hardly their bytes, so this is where throughput is made.
//!
//! ```text
//!   append ─┐ queue (bounded in items and bytes)
//!   append ─┼──► batch: sub-batches of one shard merged ──► openraft, several in flight (bounded)
//!   append ─┘         closed at 512 KiB, after 1 ms, or at once when nothing is in flight
//! ```
//!
//! Must stay true
//! - Time stamps never go back within a group: they start from what the machine has seen, and only
//!   after the first entry of this leader's own term is applied, so nothing newer can follow.
//! - Payload bytes are copied once, into the body of the batch.
//! - An append that is answered `Overloaded`, `NotLeader` or `Stopped` is in no entry.
//! - A slot in flight is held until openraft settles it, so a leader without a quorum cannot pile
//!   up proposals; appends behind it end at their own deadline, unproposed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use ana_env::{Clock, time};
use ana_state::shard::{AppendOutcome, AppendRefusal};
use ana_types::planted::{self, Bug, Kept};
use ana_types::record::codec;
use ana_types::{MAX_RECORDS_PER_SUB_BATCH, Position, Record, ShardIndex};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::{mpsc, oneshot};

use crate::assemble::{Assembled, assemble};
use crate::config::{BATCH_BYTES, BATCH_LINGER, BATCH_QUEUE_MAX, BATCHES_IN_FLIGHT_MAX};
use crate::entry::{Answer, Proposal};
use crate::error::{ProposeError, UnknownWhy};
use crate::propose::{self, Pending};
use crate::state_machine::Shared;
use crate::types::{LeaderId, Raft};

/// Records of one shard, to be accepted or refused together. Never split over two entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubBatch {
    /// The shard.
    pub shard: ShardIndex,
    /// 1 to [`MAX_RECORDS_PER_SUB_BATCH`] records.
    pub records: Vec<Record>,
}

impl SubBatch {
    fn encoded_len(&self) -> usize {
        self.records.iter().map(codec::encoded_len).sum()
    }

    fn count_fits(&self) -> bool {
        let most = usize::try_from(MAX_RECORDS_PER_SUB_BATCH).unwrap_or(usize::MAX);
        !self.records.is_empty() && self.records.len() <= most
    }
}

type AppendResult = Result<Vec<AppendOutcome>, ProposeError>;

/// Whether an append is still its caller's or already in an entry.
#[derive(Debug, Default)]
struct Ticket(AtomicU8);

impl Ticket {
    const WAITING: u8 = 0;
    const TAKEN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    /// The batcher puts it into an entry, unless its caller has gone.
    fn take(&self) -> bool {
        self.leave(Self::TAKEN)
    }

    /// The caller goes. True if it is in no entry and never will be.
    fn give_up(&self) -> bool {
        self.leave(Self::GIVEN_UP)
    }

    fn leave(&self, to: u8) -> bool {
        self.0
            .compare_exchange(Self::WAITING, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

/// Bytes that count against the group's bound until this is dropped.
#[derive(Debug)]
struct Hold {
    queued: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.queued.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[derive(Debug)]
struct Append {
    subs: Vec<SubBatch>,
    ticket: Arc<Ticket>,
    hold: Hold,
    answer: oneshot::Sender<AppendResult>,
}

#[derive(Debug)]
enum Request {
    Append(Append),
    Point(oneshot::Sender<Result<(), ProposeError>>),
}

/// The side that takes appends.
#[derive(Debug)]
pub(crate) struct Batcher {
    queue: mpsc::Sender<Request>,
    queued: Arc<AtomicUsize>,
    queued_max: usize,
    deadline: std::time::Duration,
}

impl Batcher {
    /// The two sides of a batcher. The second is to be run as a task; when it ends, appends answer
    /// `Stopped`.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        raft: Raft,
        shared: Arc<Shared>,
        queued_max: usize,
        deadline: std::time::Duration,
    ) -> (Self, BatchLoop) {
        let (queue, requests) = mpsc::channel(BATCH_QUEUE_MAX);
        let batcher = Self {
            queue,
            queued: Arc::default(),
            queued_max,
            deadline,
        };
        let work = BatchLoop {
            clock,
            raft,
            shared,
            deadline,
            requests,
            pending: VecDeque::new(),
            pending_bytes: 0,
            linger_until: None,
            blocked: false,
            last_stamp_ms: 0,
            counted: Kept::default(),
            in_flight: FuturesUnordered::new(),
        };
        (batcher, work)
    }

    /// Bytes waiting or in flight.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }

    /// Appends records; one outcome for each sub-batch, in order.
    pub(crate) async fn append(&self, subs: Vec<SubBatch>) -> AppendResult {
        if subs.iter().any(|sub| !sub.count_fits()) {
            let refused = |sub: &SubBatch| AppendOutcome::Refused {
                shard: sub.shard,
                why: AppendRefusal::Count,
            };
            return Ok(subs.iter().map(refused).collect());
        }
        if subs.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = subs.iter().map(SubBatch::encoded_len).sum();
        let hold = self.hold(bytes).ok_or(ProposeError::Overloaded)?;
        let ticket = Arc::new(Ticket::default());
        let (answer, answered) = oneshot::channel();
        let append = Append {
            subs,
            ticket: Arc::clone(&ticket),
            hold,
            answer,
        };
        self.queue
            .try_send(Request::Append(append))
            .map_err(|error| refused(&error))?;
        match time::timeout(self.deadline, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_dropped)) if ticket.give_up() => Err(ProposeError::Stopped),
            Ok(Err(_dropped)) => Err(ProposeError::Unknown {
                why: UnknownWhy::Stopped,
            }),
            Err(_elapsed) if ticket.give_up() => Err(ProposeError::Overloaded),
            Err(_elapsed) => Err(ProposeError::Unknown {
                why: UnknownWhy::TimedOut,
            }),
        }
    }

    /// Proposes a point behind everything appended before, stamped by the same clock.
    pub(crate) async fn point(&self) -> Result<(), ProposeError> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Request::Point(answer))
            .map_err(|error| refused(&error))?;
        match time::timeout(self.deadline, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_dropped)) => Err(ProposeError::Unknown {
                why: UnknownWhy::Stopped,
            }),
            Err(_elapsed) => Err(ProposeError::Unknown {
                why: UnknownWhy::TimedOut,
            }),
        }
    }

    fn hold(&self, bytes: usize) -> Option<Hold> {
        let before = self.queued.fetch_add(bytes, Ordering::AcqRel);
        let hold = Hold {
            queued: Arc::clone(&self.queued),
            bytes,
        };
        (before.saturating_add(bytes) <= self.queued_max).then_some(hold)
    }
}

fn refused(error: &mpsc::error::TrySendError<Request>) -> ProposeError {
    match error {
        mpsc::error::TrySendError::Full(_) => ProposeError::Overloaded,
        mpsc::error::TrySendError::Closed(_) => ProposeError::Stopped,
    }
}

enum Wake {
    Request(Request),
    Settled,
    Lingered,
    Raft,
    Closed,
}

/// The side that makes entries.
pub(crate) struct BatchLoop {
    clock: Arc<dyn Clock>,
    raft: Raft,
    shared: Arc<Shared>,
    deadline: std::time::Duration,
    requests: mpsc::Receiver<Request>,
    pending: VecDeque<Request>,
    pending_bytes: usize,
    /// When the batch being gathered is closed whatever it holds.
    linger_until: Option<time::Instant>,
    /// This leader's own first entry is not applied yet.
    blocked: bool,
    last_stamp_ms: u64,
    /// The index that this leader thinks it gave last.
    counted: Kept<u64>,
    in_flight: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl BatchLoop {
    /// Runs until every [`Batcher`] is gone or openraft stops.
    pub(crate) async fn run(mut self) {
        let mut metrics = self.raft.metrics();
        loop {
            self.advance().await;
            // With every slot taken only a settled one lets the next batch go.
            let lingering = self
                .linger_until
                .filter(|_| self.in_flight.len() < BATCHES_IN_FLIGHT_MAX);
            let waiting = !self.pending.is_empty();
            let wake = tokio::select! {
                biased;
                Some(()) = self.in_flight.next(), if !self.in_flight.is_empty() => Wake::Settled,
                request = self.requests.recv(), if self.pending_bytes < BATCH_BYTES => {
                    request.map_or(Wake::Closed, Wake::Request)
                }
                changed = metrics.changed(), if waiting => match changed {
                    Ok(()) => Wake::Raft,
                    Err(_) => Wake::Closed,
                },
                () = until(lingering), if lingering.is_some() && !self.blocked => {
                    Wake::Lingered
                }
            };
            match wake {
                Wake::Request(request) => self.gather(request),
                Wake::Lingered => self.linger_until = Some(time::now()),
                Wake::Settled | Wake::Raft => {}
                Wake::Closed => return,
            }
        }
    }

    /// Takes a request and whatever else already waits.
    fn gather(&mut self, first: Request) {
        let mut next = Some(first);
        while let Some(request) = next {
            self.pending_bytes += request_bytes(&request);
            self.pending.push_back(request);
            next = if self.pending_bytes < BATCH_BYTES {
                self.requests.try_recv().ok()
            } else {
                None
            };
        }
        self.linger_until
            .get_or_insert_with(|| time::now() + BATCH_LINGER);
    }

    /// Proposes what is ready.
    async fn advance(&mut self) {
        self.blocked = false;
        while !self.pending.is_empty() {
            let leader = match propose::leadership(&self.raft) {
                Ok(leader) => leader,
                Err(error) => {
                    self.fail_pending(&error);
                    return;
                }
            };
            // Until then a stamp of an earlier leader may still be on its way to the machine.
            if self
                .shared
                .applied()
                .is_none_or(|applied| applied.leader_id != leader)
            {
                self.blocked = true;
                return;
            }
            if !self.due() {
                return;
            }
            self.propose_next(leader).await;
        }
    }

    fn due(&self) -> bool {
        if self.in_flight.len() >= BATCHES_IN_FLIGHT_MAX {
            return false;
        }
        self.in_flight.is_empty()
            || self.pending_bytes >= BATCH_BYTES
            || self.linger_until.is_none_or(|until| until <= time::now())
    }

    fn fail_pending(&mut self, error: &ProposeError) {
        for request in std::mem::take(&mut self.pending) {
            match request {
                Request::Append(append) => answer(append.answer, Err(error.clone())),
                Request::Point(point) => answer(point, Err(error.clone())),
            }
        }
        self.pending_bytes = 0;
        self.linger_until = None;
    }

    async fn propose_next(&mut self, leader: LeaderId) {
        let stamp_ms = self.stamp();
        if planted::is(Bug::SequenceReused) {
            let applied = || self.shared.applied().map_or(0, |id| id.index);
            let last = self.counted.get().unwrap_or_else(applied);
            self.counted.keep(|| last + 1);
        }
        if let Some(Request::Point(_)) = self.pending.front()
            && let Some(Request::Point(waiter)) = self.pending.pop_front()
        {
            let proposal = Proposal::Point { time_ms: stamp_ms };
            match propose::submit(&self.raft, leader, proposal, self.deadline).await {
                Ok(pending) => self.in_flight.push(Box::pin(finish_point(pending, waiter))),
                Err(error) => answer(waiter, Err(error)),
            }
        } else {
            let taken = self.take_batch();
            if !taken.is_empty() {
                self.propose_batch(leader, taken, stamp_ms).await;
            }
        }
        self.linger_until = (!self.pending.is_empty()).then(|| time::now() + BATCH_LINGER);
    }

    async fn propose_batch(&mut self, leader: LeaderId, taken: Vec<Append>, stamp_ms: u64) {
        let mut subs = Vec::with_capacity(taken.len());
        let mut waiters = Vec::with_capacity(taken.len());
        for append in taken {
            subs.push(append.subs);
            waiters.push((append.answer, append.hold));
        }
        let Assembled { batch, places } = assemble(&subs, stamp_ms);
        drop(subs);
        let proposal = Proposal::Batch(batch);
        let counted = self.counted.get();
        match propose::submit(&self.raft, leader, proposal, self.deadline).await {
            Ok(pending) => self.in_flight.push(Box::pin(async move {
                let settled = propose::settle(pending).await;
                for ((waiter, hold), places) in waiters.into_iter().zip(places) {
                    let outcomes = settled.as_ref().map_err(Clone::clone).map(|answer| {
                        places
                            .iter()
                            .map(|place| place.outcome(outcomes_of(answer)))
                            .map(|outcome| as_counted(outcome, counted))
                            .collect()
                    });
                    drop(hold);
                    answer(waiter, outcomes);
                }
            })),
            Err(error) => {
                for (waiter, hold) in waiters {
                    drop(hold);
                    answer(waiter, Err(error.clone()));
                }
            }
        }
    }

    /// Appends for one entry: up to [`BATCH_BYTES`], up to the next point, and no shard beyond the
    /// ordinals of one position. Those whose callers have gone are dropped.
    fn take_batch(&mut self) -> Vec<Append> {
        let mut taken: Vec<Append> = Vec::new();
        let mut counts = BTreeMap::<ShardIndex, usize>::new();
        let mut bytes = 0;
        let most = usize::try_from(MAX_RECORDS_PER_SUB_BATCH).unwrap_or(usize::MAX);
        while let Some(Request::Append(append)) = self.pending.front() {
            let mut fits = true;
            for sub in &append.subs {
                let count = counts.entry(sub.shard).or_default();
                *count += sub.records.len();
                fits &= *count <= most;
            }
            if !taken.is_empty() && (bytes >= BATCH_BYTES || !fits) {
                break;
            }
            let Some(Request::Append(append)) = self.pending.pop_front() else {
                break;
            };
            self.pending_bytes = self.pending_bytes.saturating_sub(append.hold.bytes);
            if append.ticket.take() {
                bytes += append.hold.bytes;
                taken.push(append);
            }
        }
        taken
    }

    /// A time not before any this group has seen.
    fn stamp(&mut self) -> u64 {
        let seen = self.shared.read(|core| {
            let point_ms = core.points.newest().map_or(0, |point| point.time_ms);
            core.machine.last_time_ms().max(point_ms)
        });
        self.last_stamp_ms = self.clock.now_ms().max(seen).max(self.last_stamp_ms);
        self.last_stamp_ms
    }
}

async fn until(deadline: Option<time::Instant>) {
    if let Some(deadline) = deadline {
        time::sleep_until(deadline).await;
    }
}

async fn finish_point(pending: Pending, waiter: oneshot::Sender<Result<(), ProposeError>>) {
    answer(waiter, propose::settle(pending).await.map(|_| ()));
}

fn request_bytes(request: &Request) -> usize {
    match request {
        Request::Append(append) => append.hold.bytes,
        Request::Point(_) => 0,
    }
}

/// The outcome itself, unless a mistake is planted.
fn as_counted(outcome: AppendOutcome, counted: Option<u64>) -> AppendOutcome {
    match (outcome, counted) {
        (
            AppendOutcome::Accepted {
                shard,
                first,
                created_s,
                time_ms,
            },
            Some(index),
        ) if planted::is(Bug::SequenceReused) => AppendOutcome::Accepted {
            shard,
            first: Position::new(index, first.ordinal()),
            created_s,
            time_ms,
        },
        (outcome, _) => outcome,
    }
}

fn outcomes_of(answer: &Answer) -> &[AppendOutcome] {
    match answer {
        Answer::Batch(outcomes) => outcomes,
        _ => &[],
    }
}

/// A caller that has gone needs no answer.
fn answer<T>(waiter: oneshot::Sender<T>, value: T) {
    if waiter.send(value).is_err() {
        tracing::trace!("nobody waits for this answer any more");
    }
}
