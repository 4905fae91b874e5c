//! SubscribeToShard at the node that got the request: the events of one subscription, made one at a time when they are
//! asked for.
//!
//! ```text
//!   subscribe ─► place (consumer, shard) ─► iterators (position) ─► lease at the shard's leader ─► Subscription
//!   next ─► lease lost? gone? ─► pace ─► sources ─► follow at a replica (waits there) ─► one event
//! ```
//!
//! Must stay true:
//! - a position never goes back, and moves only together with the event that is handed out: a `next` that is dropped
//!   loses nothing;
//! - nothing is kept between two events but the position, so a reader that stops reading costs a few hundred bytes;
//! - a consumer, shard or stream is said to be gone only after the metadata was brought up to date: clients take it
//!   for the end of the shard;
//! - what is not reached for a while ends nothing before [`UNREAD_MAX`], and then without an error: the client goes on
//!   from the last continuation.

use std::sync::Arc;
use std::time::Duration;

use ana_env::time::{Instant, now, sleep_until};
use ana_types::limits::{SUBSCRIPTION_EVENT_BYTES_MAX, SUBSCRIPTION_EVENT_RECORDS_MAX};
use ana_types::{
    ConsumerName, KinesisError, Position, Record, SequenceNumber, ShardIndex, StreamKey,
    StreamName, SubscriptionError,
};
use tokio::sync::watch;

use crate::config::Limits;
use crate::context::{Context, Deadline};
use crate::get::{end_is_told, stored};
use crate::iterators;
use crate::leader::{Repeat, at_leader};
use crate::messages::{Claim, Read, Reading, Records};
use crate::ops::{ChildShard, GetIterator, StreamRef, Subscribe, SubscriptionEvent};
use crate::router::Answer;

pub(crate) mod follow;
pub(crate) mod leases;
mod pace;
mod place;
pub(crate) mod sessions;
mod sources;

use self::leases::{Claimed, LeaseKey, SessionId};
use self::pace::Pace;
use self::place::Place;
use self::sessions::Session;
use self::sources::{Heard, Sources};

/// An event without records is given after this long without one.
const IDLE_EVERY: Duration = Duration::from_secs(1);
/// Pause before the nodes are asked again when none could serve, or when one did not wait.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long the records may be out of reach before the session ends.
const UNREAD_MAX: Duration = Duration::from_secs(10);
/// How long it may take to make sure that something is gone.
const SURE_WITHIN: Duration = Duration::from_secs(1);

/// A running subscription. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    context: Arc<Context>,
    session: Session,
    place: Place,
    sources: Sources,
    /// The first position that has not been given.
    position: Position,
    /// The last number told; what is told later is greater.
    told: Option<SequenceNumber>,
    /// None without limits.
    pace: Option<Pace>,
    /// As of the last event.
    millis_behind: u64,
    ends_at: Instant,
    /// When an event is due whether or not there are records.
    idle_at: Instant,
    /// Since when no replica could serve.
    unread_since: Option<Instant>,
    meta: Option<watch::Receiver<u64>>,
    is_over: bool,
}

/// SubscribeToShard.
pub(crate) async fn subscribe(context: &Arc<Context>, request: Subscribe) -> Answer<Subscription> {
    let deadline = context.deadline();
    let (place, position) = check(context, request, deadline).await?;
    let slot = context.subscriptions.slot().ok_or_else(|| {
        let max = sessions::SESSIONS_MAX;
        KinesisError::Unavailable {
            why: format!("this node serves {max} subscriptions, which is as many as it may"),
        }
    })?;
    let id = SessionId(context.env.rng.next_u64());
    claim(context, &place, id, deadline).await?;
    let key = LeaseKey {
        group: place.group,
        shard: place.shard,
        consumer: place.consumer.clone(),
    };
    let limited = context.config.limits == Limits::Aws;
    let pace = limited.then(|| Pace::full(context.env.clock.elapsed()));
    Ok(Subscription {
        session: sessions::begin(context, id, key, slot),
        context: Arc::clone(context),
        place,
        sources: Sources::default(),
        position,
        told: None,
        pace,
        millis_behind: 0,
        ends_at: now() + context.config.subscription_life,
        // The first event tells a number at once, from which a client can go on.
        idle_at: now(),
        unread_since: None,
        meta: None,
        is_over: false,
    })
}

/// A dry run of SubscribeToShard.
pub(crate) async fn would_subscribe(context: &Context, request: Subscribe) -> Answer<()> {
    let deadline = context.deadline();
    check(context, request, deadline).await.map(drop)
}

/// Checks everything that needs no lease, in the order of GetShardIterator behind the consumer.
async fn check(
    context: &Context,
    request: Subscribe,
    deadline: Deadline,
) -> Answer<(Place, Position)> {
    let consumer = place::consumer(context, &request.consumer_arn, deadline).await?;
    let start = GetIterator {
        stream: StreamRef::by_name(consumer.stream.as_str()),
        shard_id: request.shard_id,
        kind: request.kind,
        sequence: request.sequence,
        timestamp_ms: request.timestamp_ms,
    };
    let at = iterators::locate(context, &start, deadline).await?;
    let place = place::shard(context, consumer, at.stream, at.shard)?;
    Ok((place, at.position))
}

async fn claim(
    context: &Context,
    place: &Place,
    session: SessionId,
    deadline: Deadline,
) -> Answer<()> {
    let claim = Claim {
        group: place.group,
        shard: place.shard,
        consumer: place.consumer.clone(),
        session,
    };
    let (consumer, stream) = (place.consumer.name.clone(), place.stream.clone());
    let shard = place.shard;
    Err(
        match at_leader(context, place.group, &claim, Repeat::Safe, deadline).await? {
            Claimed::Granted => return Ok(()),
            Claimed::TooSoon => SubscriptionError::TooSoon {
                consumer,
                stream,
                shard,
            }
            .into(),
            Claimed::TooOften => SubscriptionError::TooOften {
                consumer,
                stream,
                shard,
            }
            .into(),
            Claimed::NoShard => place::no_shard(context, place, deadline).await,
            Claimed::Full => KinesisError::Unavailable {
                why: "the leader of the shard knows as many subscriptions as it may".to_owned(),
            },
        },
    )
}

/// What became of one question to a replica.
enum Step {
    Event(SubscriptionEvent),
    /// Nothing to tell; ask again.
    Again,
    /// Nothing to tell; ask again when something has changed, or then.
    AgainAt(Instant),
    /// The session has come to its end.
    End,
}

impl Subscription {
    /// Its consumer.
    pub fn consumer(&self) -> &ConsumerName {
        &self.place.consumer.name
    }

    /// The stream it reads.
    pub fn stream(&self) -> &StreamName {
        &self.place.stream
    }

    /// The same by its identity.
    pub fn stream_key(&self) -> StreamKey {
        self.place.key
    }

    /// The first position that has not been given.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What tells its session apart from all others.
    pub fn session(&self) -> u64 {
        self.session.id()
    }

    /// The shard it reads.
    pub fn shard(&self) -> ShardIndex {
        self.place.shard
    }

    /// The next event. None: the session is over, and so is it after an error. May be dropped at any time and called
    /// again: nothing is lost.
    ///
    /// # Errors
    /// `TakenOver`, or what says that the consumer, the shard or the stream is gone.
    pub async fn next(&mut self) -> Answer<Option<SubscriptionEvent>> {
        if self.is_over {
            return Ok(None);
        }
        let next = self.go_on().await;
        self.is_over = match &next {
            Ok(Some(event)) => event.continuation.is_none(),
            Ok(None) | Err(_) => true,
        };
        next
    }

    async fn go_on(&mut self) -> Answer<Option<SubscriptionEvent>> {
        loop {
            if now() >= self.ends_at {
                return Ok(None);
            }
            if *self.session.lost.borrow() {
                return Err(self.taken_over());
            }
            self.watch_metadata();
            self.refresh().await?;
            let step = match self.owed_until() {
                Some(until) => self.owe(until),
                None => self.ask().await,
            };
            match step {
                Step::Event(event) => {
                    self.idle_at = now() + IDLE_EVERY;
                    return Ok(Some(event));
                }
                Step::Again => {}
                Step::AgainAt(until) => self.pause(until).await,
                Step::End => return Ok(None),
            }
        }
    }

    fn taken_over(&self) -> KinesisError {
        SubscriptionError::TakenOver {
            consumer: self.place.consumer.name.clone(),
            stream: self.place.stream.clone(),
            shard: self.place.shard,
        }
        .into()
    }

    /// Follows the changes of the metadata from before the look that comes now.
    fn watch_metadata(&mut self) {
        if self.meta.is_none() {
            self.meta = self.context.meta().ok().map(|meta| meta.watch_changes());
        }
        if let Some(meta) = &mut self.meta {
            meta.borrow_and_update();
        }
    }

    /// Brings the retention up to date, and ends the subscription when what it reads is gone.
    async fn refresh(&mut self) -> Answer<()> {
        let (context, place) = (&self.context, &self.place);
        let look = || context.look(|meta| place.retention_ms(&context.config, meta));
        match look() {
            Ok(Ok(retention_ms)) => self.place.retention_ms = retention_ms,
            // The metadata of this node may have been set back by a repair.
            Ok(Err(_gone)) => {
                let deadline = Deadline::after(SURE_WITHIN);
                if context.barrier(deadline).await.is_ok()
                    && let Ok(found) = look()
                {
                    self.place.retention_ms = found?;
                }
            }
            Err(_starting) => {}
        }
        Ok(())
    }

    /// Until when the reader's throughput is used up.
    fn owed_until(&self) -> Option<Instant> {
        let wait = self.pace.as_ref()?.wait(self.context.env.clock.elapsed());
        (!wait.is_zero()).then(|| now() + wait)
    }

    fn owe(&mut self, until: Instant) -> Step {
        if now() < self.idle_at {
            return Step::AgainAt(until.min(self.idle_at));
        }
        match self.told {
            // After a very large record: nothing new, but the client sees that the connection lives.
            Some(told) => Step::Event(SubscriptionEvent {
                records: Vec::new(),
                continuation: Some(told),
                millis_behind: self.millis_behind,
                children: Vec::new(),
            }),
            None => Step::AgainAt(until),
        }
    }

    /// Asks a replica for records, and waits there until an event is due in any case.
    async fn ask(&mut self) -> Step {
        let until = self.idle_at.min(self.ends_at);
        let read = Read {
            group: self.place.group,
            shard: self.place.shard,
            start: self.position,
            limit: u32::try_from(SUBSCRIPTION_EVENT_RECORDS_MAX).expect("1,000"),
            bytes_max: u32::try_from(SUBSCRIPTION_EVENT_BYTES_MAX).expect("256 KiB"),
            retention_ms: self.place.retention_ms,
        };
        let wait = until.saturating_duration_since(now());
        let heard = tokio::select! {
            biased;
            () = lost(&mut self.session.lost) => return Step::Again,
            () = changed(&mut self.meta) => return Step::Again,
            heard = self.sources.ask(&self.context, &read, wait) => heard,
        };
        match heard {
            Some(Heard {
                reading: Reading::Records(found),
                node,
            }) => {
                self.unread_since = None;
                let is_here = node == self.context.config.this.id;
                self.take(found, is_here)
            }
            // The metadata has the shard, so this replica is new, or behind.
            Some(Heard { node, .. }) => {
                self.sources.leave_out(node);
                self.unread()
            }
            None => self.unread(),
        }
    }

    fn unread(&mut self) -> Step {
        let since = *self.unread_since.get_or_insert_with(now);
        if since.elapsed() >= UNREAD_MAX {
            tracing::warn!(stream = %self.place.stream, shard = %self.place.shard, "no replica serves a subscription: it ends");
            return Step::End;
        }
        Step::AgainAt(now() + ASK_AGAIN_AFTER)
    }

    /// Makes an event of what was read, if there is anything to tell.
    fn take(&mut self, found: Records, is_here: bool) -> Step {
        let Records { facts, records } = found;
        let ended = facts.ended && self.end_is_told() && !facts.children.is_empty();
        let next = self.position.max(facts.next);
        let is_due = now() >= self.idle_at;
        if records.is_empty() && !ended && !is_due {
            let has_moved = next > self.position;
            self.position = next;
            return match (facts.ended, is_here && has_moved) {
                // Children are shown when the reshard is committed.
                (true, _) => Step::AgainAt(self.idle_at),
                (false, true) => Step::Again,
                (false, false) => Step::AgainAt(self.idle_at.min(now() + ASK_AGAIN_AFTER)),
            };
        }
        let bytes: usize = records.iter().map(Record::payload_bytes).sum();
        let elapsed = self.context.env.clock.elapsed();
        if let Some(pace) = &mut self.pace {
            pace.charge(u64::try_from(bytes).unwrap_or(u64::MAX), elapsed);
        }
        let records = stored(self.place.shard, facts.created_s, facts.places, records);
        let last = records.last().map(|record| record.sequence);
        let children = if ended { facts.children } else { Vec::new() };
        self.position = next;
        self.millis_behind = facts.millis_behind;
        Step::Event(SubscriptionEvent {
            records,
            continuation: (!ended).then(|| self.tell(facts.created_s, last)),
            millis_behind: facts.millis_behind,
            children: children
                .into_iter()
                .map(|child| ChildShard {
                    shard: child.shard,
                    parents: child.parents,
                    range: child.range,
                })
                .collect(),
        })
    }

    fn end_is_told(&self) -> bool {
        let (stream, shard) = (self.place.key, self.place.shard);
        let told = self.context.look(|meta| end_is_told(meta, stream, shard));
        told.ok().flatten() == Some(true)
    }

    /// The number from which to go on: the greatest below the position. It is the last record's when the position
    /// follows that at once; else there is no record between, so reading at it and after it is the same.
    fn tell(&mut self, created_s: u64, last: Option<SequenceNumber>) -> SequenceNumber {
        let now_s = self.context.now_ms() / 1000;
        let number = continuation(self.place.shard, created_s, self.position, last, now_s);
        let number = self.told.map_or(number, |told| told.max(number));
        self.told = Some(number);
        number
    }

    async fn pause(&mut self, until: Instant) {
        tokio::select! {
            biased;
            () = lost(&mut self.session.lost) => {}
            () = changed(&mut self.meta) => {}
            () = sleep_until(until.min(self.ends_at)) => {}
        }
    }
}

fn continuation(
    shard: ShardIndex,
    created_s: u64,
    position: Position,
    last: Option<SequenceNumber>,
    now_s: u64,
) -> SequenceNumber {
    let before = Position(position.0.saturating_sub(1));
    match last {
        Some(last) if last.position == before => last,
        _ => SequenceNumber {
            created_s,
            shard,
            position: before,
            time_s: now_s,
        },
    }
}

/// Waits until the lease is lost.
async fn lost(lease: &mut watch::Receiver<bool>) {
    if lease.wait_for(|lost| *lost).await.is_err() {
        // The table keeps the sender as long as the session lives.
        std::future::pending::<()>().await;
    }
}

/// Waits until the metadata of this node has changed.
async fn changed(meta: &mut Option<watch::Receiver<u64>>) {
    let Some(receiver) = meta else {
        return std::future::pending().await;
    };
    if receiver.changed().await.is_err() {
        // The replica was closed: the next look finds another one.
        *meta = None;
    }
}

#[cfg(test)]
#[path = "subscribe/subscribe_test.rs"]
mod subscribe_test;
