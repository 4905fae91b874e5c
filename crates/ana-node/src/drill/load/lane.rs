//! One producer of the load: puts records at its rate, sends each again until it is settled, keeps keys in order.
//!
//! Must stay true:
//! - a key is free again only when its record is settled;
//! - a rate that cannot be kept because keys are held up is not made up for later: what was not offered is not offered;
//! - what is not settled when the lane ends is written down as such.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ana_check::{At, Sequence};
use ana_drill::Load;
use ana_drill::chance::Chance;
use ana_drill::quantity::Span;
use ana_env::time;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::{ATTEMPT_MAX, Going};
use crate::client::Client;
use crate::client::error::ClientError;
use crate::client::kinesis::{PutEntry, PutResult};
use crate::drill::book::{Book, Settled, producer_name};
use crate::verify::payload::Payload;

/// How often records become due.
const TICK: Duration = Duration::from_millis(50);
/// Requests of a lane at the same time.
const IN_FLIGHT_MAX: usize = 32;
/// Records of one request, and their bytes: half of what PutRecords takes.
const BATCH_RECORDS_MAX: usize = 250;
const BATCH_BYTES_MAX: usize = 4 << 20;
/// A record that is not settled after so long is given up.
const SETTLE_MAX: Span = Span::from_secs(60);
/// The pause before the first repetition; it doubles up to the greatest.
const PAUSE_FIRST: Span = Span::from_millis(20);
const PAUSE_MAX: Span = Span::from_millis(300);

/// A record under way.
#[derive(Debug, Clone)]
struct Open {
    counter: u32,
    key: usize,
    size: usize,
    first_sent: Option<Span>,
    sent: At,
    attempts: u32,
    unanswered: u32,
    /// Not again before.
    due: Span,
}

/// A request and what came of it.
struct Attempt {
    shard: Option<String>,
    sent: At,
    records: Vec<Open>,
    answer: Result<Vec<PutResult>, ClientError>,
}

/// A producer.
pub(super) struct Lane {
    client: Arc<Client>,
    stream: String,
    number: u32,
    keys: Vec<String>,
    /// The shard of each key, once a record of it was acknowledged.
    shards: Vec<Option<String>>,
    free: VecDeque<usize>,
    waiting: Vec<Open>,
    /// Records of requests that are not answered yet, by counter.
    in_flight: BTreeMap<u32, Open>,
    rate: f64,
    sizes: (usize, usize),
    book: Book,
    chance: Chance,
    next_counter: u32,
}

impl Lane {
    /// Lane `number` of so many. Each has every so-manieth key.
    pub(super) fn new(
        client: Client,
        load: &Load,
        (number, lanes): (u32, u32),
        book: Book,
        seed: u64,
    ) -> Lane {
        let mine = (0..load.keys).filter(|key| key % lanes == number);
        let keys: Vec<String> = mine.map(|key| format!("{}-k{key}", book.run())).collect();
        // Consumers may be given a record before its acknowledgement comes, and must know whose it is.
        book.with(|inner| inner.history.producer(&producer_name(number)));
        let size = |size: ana_drill::quantity::Size| usize::try_from(size.0).unwrap_or(usize::MAX);
        Lane {
            client: Arc::new(client),
            stream: load.stream.as_str().to_owned(),
            number,
            shards: vec![None; keys.len()],
            free: (0..keys.len()).collect(),
            keys,
            waiting: Vec::new(),
            in_flight: BTreeMap::new(),
            rate: f64::from(load.puts_per_second) / f64::from(lanes),
            sizes: (size(load.record_bytes.0), size(load.record_bytes.1)),
            chance: Chance::of_step(seed, usize::try_from(number).unwrap_or(0) + LANES_APART),
            book,
            next_counter: 0,
        }
    }

    /// Puts records until told to finish, then settles what is open.
    pub(super) async fn run(mut self, mut going: watch::Receiver<Going>) {
        let mut under_way = FuturesUnordered::new();
        let mut tick = time::interval(TICK);
        let mut due = 0.0;
        loop {
            let now_going = *going.borrow_and_update();
            let idle = under_way.is_empty() && self.waiting.is_empty();
            if now_going == Going::Stop || (now_going == Going::Finish && idle) {
                break;
            }
            tokio::select! {
                biased;
                Some(attempt) = under_way.next(), if !under_way.is_empty() => self.note(attempt),
                changed = going.changed() => if changed.is_err() { break },
                _ = tick.tick() => {
                    if now_going == Going::On {
                        due = (due + self.rate * TICK.as_secs_f64()).min(self.rate.max(1.0));
                        due -= self.open_new(due);
                    }
                    self.send(&mut under_way);
                }
            }
        }
        drop(under_way);
        self.give_up();
    }

    /// Takes up to `due` free keys; says how many.
    fn open_new(&mut self, due: f64) -> f64 {
        let mut opened = 0.0;
        while opened + 1.0 <= due {
            let Some(key) = self.free.pop_front() else {
                break;
            };
            let (least, most) = self.sizes;
            let size = least + self.chance.below(most.saturating_sub(least) + 1);
            self.waiting.push(Open {
                counter: self.next_counter,
                key,
                size,
                first_sent: None,
                sent: At::default(),
                attempts: 0,
                unanswered: 0,
                due: Span::ZERO,
            });
            self.next_counter = self.next_counter.saturating_add(1);
            opened += 1.0;
        }
        opened
    }

    /// Sends what is due, shard by shard.
    fn send(&mut self, under_way: &mut FuturesUnordered<BoxFuture<'static, Attempt>>) {
        let sent = self.book.watch().at();
        let now = Span::from_micros(sent.us);
        let mut by_shard: BTreeMap<Option<String>, Vec<Open>> = BTreeMap::new();
        for mut open in std::mem::take(&mut self.waiting) {
            if open.due > now {
                self.waiting.push(open);
                continue;
            }
            open.sent = sent;
            open.first_sent.get_or_insert(now);
            open.attempts += 1;
            let shard = self.shards.get(open.key).cloned().flatten();
            by_shard.entry(shard).or_default().push(open);
        }
        for (shard, records) in by_shard {
            for batch in batches(records) {
                if under_way.len() >= IN_FLIGHT_MAX {
                    // They stay due; the next answer makes room.
                    self.waiting.extend(batch.into_iter().map(Open::not_sent));
                    continue;
                }
                let copies = batch.iter().map(|open| (open.counter, open.clone()));
                self.in_flight.extend(copies);
                under_way.push(self.attempt(shard.clone(), sent, batch));
            }
        }
    }

    fn attempt(
        &self,
        shard: Option<String>,
        sent: At,
        records: Vec<Open>,
    ) -> BoxFuture<'static, Attempt> {
        let entries: Vec<PutEntry> = records.iter().map(|open| self.entry(open)).collect();
        let client = Arc::clone(&self.client);
        let stream = self.stream.clone();
        Box::pin(async move {
            let asked = time::timeout(ATTEMPT_MAX, client.put_records(&stream, &entries)).await;
            let answer = asked.unwrap_or(Err(ClientError::TimedOut {
                operation: "PutRecords",
                after: ATTEMPT_MAX,
            }));
            Attempt {
                shard,
                sent,
                records,
                answer: answer.map(|answer| answer.value.records),
            }
        })
    }

    fn entry(&self, open: &Open) -> PutEntry {
        let payload = Payload {
            run: self.book.run().to_owned(),
            producer: self.number,
            counter: u64::from(open.counter),
        };
        let key = self.keys.get(open.key).cloned().unwrap_or_default();
        PutEntry::new(key, &payload.encode(open.size))
    }

    fn note(&mut self, attempt: Attempt) {
        let Attempt {
            shard,
            sent,
            records,
            answer,
        } = attempt;
        let now = self.book.watch().now();
        for open in &records {
            self.in_flight.remove(&open.counter);
        }
        let results = match answer {
            Ok(results) => results,
            Err(error) => return self.note_failure(shard.as_deref(), records, &error, now),
        };
        let good = results
            .iter()
            .filter(|result| result.sequence_number.is_some());
        let good = u64::try_from(good.count()).unwrap_or(u64::MAX);
        let all = u64::try_from(results.len()).unwrap_or(u64::MAX);
        self.book
            .with(|inner| inner.meter.put_answers(now, good, all.saturating_sub(good)));
        for (mut open, result) in records.into_iter().zip(results) {
            if let (Some(number), Some(shard)) = (&result.sequence_number, result.shard_id) {
                let at = Sequence::read(number);
                open.sent = sent;
                self.settle(&open, Some((shard, at)));
                continue;
            }
            let throttled =
                result.error_code.as_deref() == Some("ProvisionedThroughputExceededException");
            self.book.with(|inner| {
                inner.puts.throttled += u64::from(throttled);
                inner.puts.retried += u64::from(!throttled);
                if let Some(shard) = &shard {
                    inner.meter.put_failed(shard);
                }
            });
            open.unanswered += u32::from(!throttled);
            self.again(open, now);
        }
    }

    /// A request failed as a whole. What was refused with a 4xx was not done; everything else may have been.
    fn note_failure(
        &mut self,
        shard: Option<&str>,
        records: Vec<Open>,
        error: &ClientError,
        now: Span,
    ) {
        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let unsure = error.may_have_happened();
        let throttled = matches!(error, ClientError::Aws(error) if error.is_throttle());
        self.book.with(|inner| {
            inner.meter.put_answers(now, 0, count);
            if let Some(shard) = shard {
                inner.meter.put_failed(shard);
            }
            if throttled {
                inner.puts.throttled += count;
            } else {
                inner.puts.retried += count;
            }
        });
        for mut open in records {
            open.unanswered += u32::from(unsure);
            self.again(open, now);
        }
    }

    fn again(&mut self, mut open: Open, now: Span) {
        let first = open.first_sent.unwrap_or(now);
        if now.less(first) > SETTLE_MAX {
            return self.settle(&open, None);
        }
        let doubled = PAUSE_FIRST.micros() << open.attempts.saturating_sub(1).min(8);
        let most = usize::try_from(doubled.min(PAUSE_MAX.micros())).unwrap_or(0);
        let half = most / 2;
        let pause = u64::try_from(half + self.chance.below(half + 1)).unwrap_or(0);
        open.due = now.plus(Span::from_micros(pause));
        self.waiting.push(open);
    }

    fn settle(&mut self, open: &Open, place: Option<(String, Sequence)>) {
        if let (Some((shard, _)), Some(known)) = (&place, self.shards.get_mut(open.key))
            && known.as_ref() != Some(shard)
        {
            *known = Some(shard.clone());
        }
        self.free.push_back(open.key);
        self.book.settled(Settled {
            producer: self.number,
            counter: open.counter,
            key: self.keys.get(open.key).cloned().unwrap_or_default(),
            first_sent: open.first_sent.unwrap_or_default(),
            sent: open.sent,
            unanswered: open.unanswered,
            place,
        });
    }

    /// What is open at the end may be there or not.
    fn give_up(&mut self) {
        for (_, mut open) in std::mem::take(&mut self.in_flight) {
            open.unanswered += 1;
            self.settle(&open, None);
        }
        for open in std::mem::take(&mut self.waiting) {
            if open.first_sent.is_some() {
                self.settle(&open, None);
            }
        }
    }
}

/// Lanes draw from generators far from those of the drill's steps.
const LANES_APART: usize = 1 << 20;

impl Open {
    /// It was taken up and not sent after all.
    fn not_sent(mut self) -> Open {
        self.attempts -= 1;
        if self.attempts == 0 {
            self.first_sent = None;
        }
        self
    }
}

/// Requests of these records, none too large.
fn batches(records: Vec<Open>) -> Vec<Vec<Open>> {
    let mut batches: Vec<Vec<Open>> = Vec::new();
    let mut bytes = 0;
    for record in records {
        let full = batches.last().is_none_or(|batch| {
            batch.len() >= BATCH_RECORDS_MAX || bytes + record.size > BATCH_BYTES_MAX
        });
        if full {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += record.size;
        if let Some(batch) = batches.last_mut() {
            batch.push(record);
        }
    }
    batches
}
