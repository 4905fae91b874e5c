//! The ledger of one node: what it notes, while it is switched on, of the puts it acknowledged and of what it gave to
//! readers. Whoever switched it on collects the notes page by page, and judges them.
//!
//! ```text
//!   put: begin ── carried out ──> settle: one note per acknowledged record (sampled) or per open outcome
//!   read, event ────────────────> read: one note per answer
//!   admin ── switch_on (a lease), page, switch_off
//! ```
//! Must stay true:
//! - switched off, a put or a read costs one relaxed load;
//! - switched on, nobody waits for room: a full ring drops its oldest note and counts it; under the lock are a few
//!   additions, or the copy of one page;
//! - it ends by itself with its lease, and then holds nothing;
//! - a put that was begun is noted whatever becomes of it: one that was dropped on its way has an open outcome.

mod notes;
mod ring;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::{Clock, Rng};
use ana_types::{HashKey, Record, StreamKey, StreamName};
use md5::{Digest, Md5};

pub use self::notes::{Counts, Page, PutNote, ReadNote, Reader};
use self::ring::Ring;
use crate::ops::Placed;

/// Notes of puts that are kept: some 5 MiB.
pub const PUTS_MAX: usize = 65_536;
/// Notes of reads that are kept.
pub const READS_MAX: usize = 16_384;
/// Longest lease: whoever collects renews it.
pub const LEASE_MAX: Duration = Duration::from_secs(600);

/// What is to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// One of so many acknowledged records; 1 is each.
    pub one_in: u64,
    /// Which ones: the same seed draws the same sequence numbers at every node.
    pub seed: u64,
    /// The streams; all when it is empty.
    pub streams: BTreeSet<StreamName>,
}

/// What became of a record that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Acknowledged.
    Placed(Placed),
    /// It may be written.
    Open,
    /// Certainly not written.
    NotWritten,
}

/// The ledger of one node.
#[derive(Debug)]
pub struct Ledger {
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    /// Whether anything is noted. The truth is in `inner`: this may be late by a moment.
    is_on: AtomicBool,
    /// A plain lock: see above.
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Changes whenever it was off in between: notes may be missing then.
    run: u64,
    watched: Option<Arc<Watched>>,
    /// When it ends, by the clock's `elapsed`.
    until: Duration,
    puts: Ring<PutNote>,
    reads: Ring<ReadNote>,
    counts: Counts,
    /// Requests under way, by number, and when they arrived.
    under_way: BTreeMap<u64, u64>,
    requests: u64,
}

/// A put that is under way. What is not settled when this is dropped has an open outcome.
#[derive(Debug)]
pub(crate) struct Begun {
    ledger: Arc<Ledger>,
    run: u64,
    watched: Arc<Watched>,
    number: u64,
    arrived_us: u64,
    stream: (StreamKey, StreamName),
    /// Cheap copies: the bytes are shared.
    records: Vec<(HashKey, Record)>,
}

/// A hash of a record's content: partition key and data.
pub fn content_hash(partition_key: &[u8], data: &[u8]) -> u64 {
    let mut hash = Md5::new();
    let len = u64::try_from(partition_key.len()).unwrap_or(u64::MAX);
    hash.update(len.to_be_bytes());
    hash.update(partition_key);
    hash.update(data);
    let digest: [u8; 16] = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Spreads numbers evenly (the finish of SplitMix64).
fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Watched {
    fn takes(&self, stream: &StreamName) -> bool {
        self.streams.is_empty() || self.streams.contains(stream)
    }

    fn samples(&self, placed: &Placed) -> bool {
        let shard = u64::from(placed.shard.0);
        let number = self.seed ^ placed.sequence.position.0 ^ shard.rotate_right(16);
        mixed(number).is_multiple_of(self.one_in.max(1))
    }
}

impl Ledger {
    pub(crate) fn new(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Ledger {
        Ledger {
            clock,
            rng,
            is_on: AtomicBool::new(false),
            inner: Mutex::new(Inner::default()),
        }
    }

    /// Switches it on for `lease` from now on, or goes on: what was noted stays if the same is watched still.
    pub fn switch_on(&self, watched: Watched, lease: Duration) {
        let run = self.rng.next_u64() >> 12;
        let until = self.clock.elapsed() + lease.min(LEASE_MAX);
        let mut inner = self.current();
        if inner.watched.as_deref() != Some(&watched) {
            *inner = Inner {
                run,
                watched: Some(Arc::new(watched)),
                puts: Ring::new(PUTS_MAX),
                reads: Ring::new(READS_MAX),
                ..Inner::default()
            };
        }
        inner.until = until;
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// Switches it off, and forgets what was noted.
    pub fn switch_off(&self) {
        self.end(&mut self.lock());
    }

    /// Notes after these numbers, `max` of each kind at most; `None` when it is off.
    pub fn page(&self, (puts_after, reads_after): (u64, u64), max: usize) -> Option<Page> {
        let inner = self.current();
        let watched = Watched::clone(inner.watched.as_deref()?);
        let now_us = self.now_us();
        Some(Page {
            run: inner.run,
            watched,
            now_us,
            lease: inner.until.saturating_sub(self.clock.elapsed()),
            counts: inner.counts,
            oldest_under_way_us: inner.under_way.values().copied().min(),
            puts: inner.puts.after(puts_after, max),
            puts_dropped: inner.puts.dropped(),
            reads: inner.reads.after(reads_after, max),
            reads_dropped: inner.reads.dropped(),
        })
    }

    /// A request to put these records has arrived. `None` when nothing is noted of it.
    pub(crate) fn begin(
        self: &Arc<Self>,
        stream: (StreamKey, &StreamName),
        records: &[(HashKey, Record)],
    ) -> Option<Begun> {
        if !self.is_on() {
            return None;
        }
        let arrived_us = self.now_us();
        let mut inner = self.current();
        let watched = inner.watched.clone().filter(|it| it.takes(stream.1))?;
        inner.requests += 1;
        let number = inner.requests;
        inner.under_way.insert(number, arrived_us);
        Some(Begun {
            ledger: Arc::clone(self),
            run: inner.run,
            watched,
            number,
            arrived_us,
            stream: (stream.0, stream.1.clone()),
            records: records.to_vec(),
        })
    }

    /// Whether anything is noted: one relaxed load.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// The time of its notes, microseconds of this process.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Notes what a reader was given.
    pub fn read(&self, note: ReadNote) {
        let mut inner = self.current();
        let is_watched = inner
            .watched
            .as_ref()
            .is_some_and(|watched| watched.takes(&note.stream));
        if is_watched {
            inner.counts.reads += 1;
            inner.reads.push(note);
        }
    }

    fn settled(&self, run: u64, number: u64, acknowledged: u64, notes: Vec<PutNote>) {
        let mut inner = self.current();
        if inner.run != run {
            return;
        }
        inner.under_way.remove(&number);
        inner.counts.acknowledged += acknowledged;
        for note in notes {
            match note.placed {
                Some(_) => inner.counts.noted += 1,
                None => inner.counts.open += 1,
            }
            inner.puts.push(note);
        }
    }

    /// The inside, ended when its lease is over.
    fn current(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        if inner.watched.is_some() && self.clock.elapsed() >= inner.until {
            self.end(&mut inner);
        }
        inner
    }

    fn end(&self, inner: &mut Inner) {
        self.is_on.store(false, Ordering::Relaxed);
        *inner = Inner::default();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun {
    /// Notes what became of each record, in the order of the request.
    pub(crate) fn settle(mut self, outcomes: impl Iterator<Item = Outcome>) {
        self.note(outcomes);
    }

    fn note(&mut self, outcomes: impl Iterator<Item = Outcome>) {
        let records = std::mem::take(&mut self.records);
        let answered_us = self.ledger.now_us();
        let mut acknowledged = 0;
        let notes = records
            .iter()
            .zip(outcomes)
            .filter_map(|(record, outcome)| {
                let (hash_key, record) = record;
                let placed = match outcome {
                    Outcome::Placed(placed) => {
                        acknowledged += 1;
                        if !self.watched.samples(&placed) {
                            return None;
                        }
                        Some(placed)
                    }
                    Outcome::Open => None,
                    Outcome::NotWritten => return None,
                };
                Some(PutNote {
                    stream: self.stream.clone(),
                    placed,
                    hash_key: *hash_key,
                    content: content_hash(&record.partition_key, &record.data),
                    arrived_us: self.arrived_us,
                    answered_us,
                })
            });
        let notes = notes.collect();
        let ledger = &self.ledger;
        ledger.settled(self.run, self.number, acknowledged, notes);
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.records.is_empty() {
            self.note(std::iter::repeat(Outcome::Open));
        }
    }
}

#[cfg(test)]
mod ledger_test;
