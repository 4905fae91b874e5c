//! One consumer of the load: polls every shard, children after parents, and goes on where it was whatever is answered.
//!
//! Must stay true:
//! - it never gives up: a refusal is written down and the same is asked again;
//! - all consumers together ask a shard no more often than AWS allows, so that none throttles another.

use std::sync::Arc;
use std::time::Duration;

use ana_check::Sequence;
use ana_check::history::{ChainId, Start};
use ana_drill::quantity::Span;
use ana_env::time;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use serde_json::json;
use tokio::sync::watch;

use super::{ATTEMPT_MAX, Going};
use crate::client::Client;
use crate::client::error::ClientError;
use crate::client::kinesis::{ChildShard, GetRecordsOutput, StartAt};
use crate::drill::book::{Book, Got};
use crate::reading::lineage::Lineage;

/// A shard is asked five times a second by all its consumers together; one of the five is left for the person.
const PAUSE_EACH: Duration = Duration::from_millis(250);
/// The pause after a refusal.
const PAUSE_REFUSED: Duration = Duration::from_millis(200);
/// Records asked for at once.
const PAGE_RECORDS: u32 = 10_000;
/// Empty answers at the tip that make it believed.
const TIPS_BELIEVED: u32 = 2;

/// A consumer.
#[derive(Debug)]
pub(super) struct Consumer {
    shared: Shared,
    number: usize,
    lineage: Lineage,
    first: Vec<ShardReader>,
}

/// What a consumer's readers have in common.
#[derive(Debug, Clone)]
struct Shared {
    client: Arc<Client>,
    stream: String,
    book: Book,
    pause: Duration,
}

/// A consumer's place in one shard.
#[derive(Debug)]
struct ShardReader {
    shared: Shared,
    consumer: usize,
    shard: String,
    chain: ChainId,
    position: StartAt,
    iterator: Option<String>,
    has_read: bool,
}

/// A shard that was read out, and its children.
type Ended = (String, Vec<ChildShard>);

impl Consumer {
    /// Opens the shards that take writes now, at their newest record. Consumer `number` of so many.
    ///
    /// # Errors
    /// When the shards or an iterator cannot be had.
    pub(super) async fn open(
        client: Client,
        stream: &str,
        book: Book,
        (number, consumers): (u32, u32),
    ) -> Result<Consumer, ClientError> {
        let number = book.consumer(&format!("polling-{number}"));
        let shared = Shared {
            client: Arc::new(client),
            stream: stream.to_owned(),
            book,
            pause: PAUSE_EACH * consumers,
        };
        let filter = Some(json!({ "Type": "AT_LATEST" }));
        let mut lineage = Lineage::default();
        let mut first = Vec::new();
        for shard in shared.client.list_shards(stream, filter).await? {
            lineage.add(shard.shard_id.clone(), Vec::new());
            let mut reader = ShardReader::new(&shared, number, &shard.shard_id, StartAt::Latest);
            reader.open().await?;
            first.push(reader);
        }
        // They are begun; only their children will be ready later.
        lineage.take_ready();
        Ok(Consumer {
            shared,
            number,
            lineage,
            first,
        })
    }

    /// Reads until told to stop, or, when told to finish, up to the newest record.
    pub(super) async fn run(mut self, going: watch::Receiver<Going>) {
        let mut readers: FuturesUnordered<BoxFuture<'static, Option<Ended>>> =
            FuturesUnordered::new();
        for reader in std::mem::take(&mut self.first) {
            readers.push(Box::pin(reader.run(going.clone())));
        }
        while let Some(ended) = readers.next().await {
            let Some((shard, children)) = ended else {
                continue;
            };
            self.lineage.finish(&shard);
            for child in children {
                self.lineage.add(child.shard_id, child.parent_shards);
            }
            for shard in self.lineage.take_ready() {
                let reader = ShardReader::new(&self.shared, self.number, &shard, StartAt::Horizon);
                readers.push(Box::pin(reader.run(going.clone())));
            }
        }
    }
}

impl ShardReader {
    fn new(shared: &Shared, consumer: usize, shard: &str, position: StartAt) -> ShardReader {
        let chain = shared
            .book
            .begin_reading(consumer, shard, start_of(&position));
        ShardReader {
            shared: shared.clone(),
            consumer,
            shard: shard.to_owned(),
            chain,
            position,
            iterator: None,
            has_read: false,
        }
    }

    /// Gets an iterator at its place.
    async fn open(&mut self) -> Result<(), ClientError> {
        let client = &self.shared.client;
        let before = client.env().clock.now_ms();
        let asked = client.shard_iterator(&self.shared.stream, &self.shard, &self.position);
        let iterator = bounded("GetShardIterator", Box::pin(asked)).await?;
        if !self.has_read && self.iterator.is_some() {
            // It had an iterator, and no record by it: the new one begins a chain of its own.
            let start = start_of(&self.position);
            self.chain = self
                .shared
                .book
                .new_chain(self.consumer, &self.shard, start);
        }
        self.position.hold_latest(before);
        self.iterator = Some(iterator);
        Ok(())
    }

    /// Reads until the shard's end, or until told to end.
    async fn run(mut self, going: watch::Receiver<Going>) -> Option<Ended> {
        let mut tips = 0;
        let mut issued = self.shared.book.watch().now();
        let ended = loop {
            let now = *going.borrow();
            if now == Going::Stop || (now == Going::Finish && tips >= TIPS_BELIEVED) {
                break None;
            }
            let Some(iterator) = self.iterator.clone() else {
                if self.open().await.is_err() {
                    self.shared.book.get_failed();
                    time::sleep(PAUSE_REFUSED).await;
                }
                issued = self.shared.book.watch().now();
                continue;
            };
            let asked = self.shared.book.watch().at();
            let client = &self.shared.client;
            let asking = Box::pin(client.get_records(&iterator, PAGE_RECORDS));
            let answer = bounded("GetRecords", asking).await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    self.refused(&error, issued).await;
                    continue;
                }
            };
            issued = self.shared.book.watch().now();
            let at_tip = answer.records.is_empty() && answer.millis_behind_latest == 0;
            let full = answer.millis_behind_latest > 0 && !answer.records.is_empty();
            tips = if at_tip { tips + 1 } else { 0 };
            if let Some(children) = self.take(asked, answer) {
                break Some((self.shard.clone(), children));
            }
            if !full {
                time::sleep(self.shared.pause).await;
            }
        };
        self.shared.book.end_reading(self.consumer, &self.shard);
        ended
    }

    /// Writes an answer down; the children when it was the shard's end.
    fn take(&mut self, asked: ana_check::At, answer: GetRecordsOutput) -> Option<Vec<ChildShard>> {
        let GetRecordsOutput {
            records,
            next_shard_iterator,
            millis_behind_latest,
            child_shards,
        } = answer;
        self.shared.book.got(&Got {
            consumer: self.consumer,
            shard: &self.shard,
            chain: self.chain,
            asked,
            records: &records,
            behind_ms: millis_behind_latest,
            is_end: next_shard_iterator.is_none(),
            pause: Span::from_micros(u64::try_from(self.shared.pause.as_micros()).unwrap_or(0)),
        });
        if let Some(last) = records.last() {
            self.position = StartAt::AfterSequence(last.sequence_number.clone());
            self.has_read = true;
        }
        self.iterator = next_shard_iterator;
        self.iterator.is_none().then_some(child_shards)
    }

    async fn refused(&mut self, error: &ClientError, issued: Span) {
        let book = &self.shared.book;
        book.get_failed();
        if error.kind() == Some("ExpiredIteratorException") {
            let used = book.watch().now();
            book.iterator_expired(self.consumer, &self.shard, (issued, used));
            if self.open().await.is_ok() {
                return;
            }
        }
        time::sleep(PAUSE_REFUSED).await;
    }
}

fn start_of(position: &StartAt) -> Start {
    match position {
        StartAt::Horizon => Start::TrimHorizon,
        StartAt::Latest => Start::Latest,
        StartAt::Sequence(number) => Start::At(Sequence::read(number)),
        StartAt::AfterSequence(number) => Start::After(Sequence::read(number)),
        StartAt::TimeMs(ms) => Start::AtTimestamp(*ms),
    }
}

async fn bounded<T>(
    operation: &'static str,
    asked: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let timed_out = Err(ClientError::TimedOut {
        operation,
        after: ATTEMPT_MAX,
    });
    time::timeout(ATTEMPT_MAX, asked).await.unwrap_or(timed_out)
}
