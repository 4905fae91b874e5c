//! What readers were given, for the ledger of this node.
//!
//! A polling reader is known by its access key, its connection, and the iterators it used and was handed, hashed: one
//! that it was handed before says that it goes on. A registered consumer is known by its ARN.
//!
//! Must stay true: while the ledger is off, one relaxed load is all there is.

use std::sync::Arc;

use ana_gateway::RequestContext;
use ana_router::ledger::{ReadNote, Reader, content_hash};
use ana_router::ops::{ReadAnswer, SubscriptionEvent};
use ana_router::{Router, Subscription};
use ana_types::{IteratorKind, Position, StoredRecord};
use ana_wire::iterator::ShardIterator;

/// The time a request arrived, if that is noted.
pub(super) fn asked(router: &Router) -> Option<u64> {
    let ledger = router.ledger();
    ledger.is_on().then(|| ledger.now_us())
}

/// What GetRecords was asked.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) at_us: u64,
    pub(super) context: &'a RequestContext,
    pub(super) text: &'a str,
    pub(super) iterator: ShardIterator,
}

/// Notes an answer of GetRecords that hands out `next`.
pub(super) fn polled(router: &Router, asked: &Asked<'_>, answer: &ReadAnswer, next: Option<&str>) {
    let iterator = asked.iterator;
    let Some(stream) = router.stream_name(iterator.stream) else {
        return;
    };
    let ledger = router.ledger();
    let hash = |text: &str| content_hash(&[], text.as_bytes());
    let access_key = asked.context.principal.access_key();
    // Quotes around an iterator are allowed, and no part of it.
    let bare = asked.text.trim_matches('"');
    ledger.read(ReadNote {
        key: iterator.stream,
        stream,
        shard: iterator.shard,
        reader: Reader::Polling {
            access_key: access_key.map(Arc::from),
            peer: Arc::clone(&asked.context.peer),
            iterator: hash(bare),
            next_iterator: next.map(hash),
        },
        begins: iterator.kind,
        from: iterator.position,
        next: answer.next,
        records: ends(&answer.records),
        count: count(&answer.records),
        millis_behind: answer.millis_behind,
        asked_us: asked.at_us,
        answered_us: ledger.now_us(),
    });
}

/// Notes the events of a subscription.
#[derive(Debug)]
pub(super) struct Pushes {
    router: Router,
    consumer_arn: Arc<str>,
    /// Until the first event was made.
    begins: Option<IteratorKind>,
}

impl Pushes {
    pub(super) fn new(router: &Router, consumer_arn: &str, kind: IteratorKind) -> Pushes {
        Pushes {
            router: router.clone(),
            consumer_arn: Arc::from(consumer_arn),
            begins: Some(kind),
        }
    }

    /// An event was made; `from` is where the subscription stood before it.
    pub(super) fn made(
        &mut self,
        subscription: &Subscription,
        from: Position,
        event: &SubscriptionEvent,
    ) {
        let begins = self.begins.take();
        let ledger = self.router.ledger();
        if !ledger.is_on() {
            return;
        }
        let now_us = ledger.now_us();
        ledger.read(ReadNote {
            key: subscription.stream_key(),
            stream: subscription.stream().clone(),
            shard: subscription.shard(),
            reader: Reader::Pushed {
                consumer_arn: Arc::clone(&self.consumer_arn),
                session: subscription.session(),
            },
            begins,
            from,
            next: event.continuation.map(|_| subscription.position()),
            records: ends(&event.records),
            count: count(&event.records),
            millis_behind: event.millis_behind,
            asked_us: now_us,
            answered_us: now_us,
        });
    }
}

fn ends(
    records: &[StoredRecord],
) -> Option<(ana_types::SequenceNumber, ana_types::SequenceNumber)> {
    let (first, last) = (records.first()?, records.last()?);
    Some((first.sequence, last.sequence))
}

fn count(records: &[StoredRecord]) -> u64 {
    u64::try_from(records.len()).unwrap_or(u64::MAX)
}
