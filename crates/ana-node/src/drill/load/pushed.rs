//! One registered consumer of the load, to whom records are pushed: subscribes to every shard, children after parents,
//! and subscribes again where it was whenever a session ends.
//!
//! Must stay true: it never gives up while the load goes on; what it registered is taken away when it ends, and what an
//! earlier runner left is taken away before it begins.

use std::sync::Arc;
use std::time::Duration;

use ana_check::Sequence;
use ana_check::history::{ChainId, Way};
use ana_drill::quantity::Span;
use ana_env::time;
use serde_json::json;
use tokio::sync::watch;

use super::Going;
use super::consumer::{Ended, Reading, bounded, follow, start_of};
use crate::client::Client;
use crate::client::error::ClientError;
use crate::client::kinesis::{ChildShard, StartAt};
use crate::client::subscription::{Pushed, Subscription};
use crate::drill::book::{Book, Got};
use crate::reading::lineage::Lineage;

/// What every consumer of a drill is named by.
const PREFIX: &str = "drill-";
/// How long a consumer may take to be registered, and to be gone.
const REGISTER_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The service takes one call a second for each consumer and shard.
const SUBSCRIBE_PAUSE: Duration = Duration::from_secs(1);
/// How often the first subscription to a shard is asked for.
const OPEN_TRIES: u32 = 10;
/// Events come when there are records, and every few seconds when there are none.
const USUAL_PAUSE: Span = Span::from_secs(5);

/// A consumer.
#[derive(Debug)]
pub(super) struct PushedConsumer {
    shared: Shared,
    stream_arn: String,
    name: String,
    lineage: Lineage,
    first: Vec<ShardReader>,
}

/// What a consumer's readers have in common.
#[derive(Debug, Clone)]
struct Shared {
    client: Arc<Client>,
    arn: String,
    book: Book,
    consumer: usize,
}

/// A consumer's place in one shard.
#[derive(Debug)]
struct ShardReader {
    shared: Shared,
    shard: String,
    position: StartAt,
    session: Option<(Subscription, ChainId)>,
}

/// Deregisters what drills before this one have left.
///
/// # Errors
/// When the stream's consumers cannot be listed.
pub(super) async fn tidy(client: &Client, stream: &str) -> Result<(), ClientError> {
    let stream_arn = client.describe_summary(stream).await?.stream.stream_arn;
    let left = Box::pin(client.list_consumers(&stream_arn)).await?;
    for consumer in left {
        let name = &consumer.consumer_name;
        if name.starts_with(PREFIX) && consumer.consumer_status != "DELETING" {
            client.deregister_consumer(&stream_arn, name).await?;
        }
    }
    Ok(())
}

impl PushedConsumer {
    /// Registers the consumer and subscribes to the shards that take writes now, at their newest record.
    ///
    /// # Errors
    /// When that cannot be had.
    pub(super) async fn open(
        client: Client,
        stream: &str,
        book: Book,
        number: u32,
    ) -> Result<PushedConsumer, ClientError> {
        let stream_arn = client.describe_summary(stream).await?.stream.stream_arn;
        let name = format!("{PREFIX}{}-{number}", book.run());
        let arn = register(&client, &stream_arn, &name).await?;
        let consumer = book.consumer(&format!("fan-out-{number}"));
        let shared = Shared {
            client: Arc::new(client),
            arn,
            book,
            consumer,
        };
        let filter = Some(json!({ "Type": "AT_LATEST" }));
        let mut lineage = Lineage::default();
        let mut first = Vec::new();
        for shard in shared.client.list_shards(stream, filter).await? {
            lineage.add(shard.shard_id.clone(), Vec::new());
            let mut reader = ShardReader::new(&shared, &shard.shard_id, StartAt::Latest);
            reader.open_patiently().await?;
            first.push(reader);
        }
        // They are begun; only their children will be ready later.
        lineage.take_ready();
        Ok(PushedConsumer {
            shared,
            stream_arn,
            name,
            lineage,
            first,
        })
    }

    /// Reads until told to stop, or, when told to finish, up to the newest record; then deregisters itself.
    pub(super) async fn run(mut self, going: watch::Receiver<Going>) {
        let first = std::mem::take(&mut self.first);
        let first = first
            .into_iter()
            .map(|reader| read(reader, &going))
            .collect();
        let lineage = std::mem::take(&mut self.lineage);
        follow(lineage, first, |shard| {
            let reader = ShardReader::new(&self.shared, shard, StartAt::Horizon);
            read(reader, &going)
        })
        .await;
        let client = &self.shared.client;
        let gone = client.deregister_consumer(&self.stream_arn, &self.name);
        if let Err(error) = Box::pin(gone).await {
            tracing::warn!(name = self.name, %error, "a consumer stays registered until the next drill");
        }
    }
}

async fn register(client: &Client, stream_arn: &str, name: &str) -> Result<String, ClientError> {
    let none = std::collections::BTreeMap::new();
    let registered = Box::pin(client.register_consumer(stream_arn, name, &none)).await?;
    let clock = Arc::clone(&client.env().clock);
    let began = clock.elapsed();
    loop {
        let described = Box::pin(client.describe_consumer(stream_arn, name)).await?;
        if described.consumer_status == "ACTIVE" {
            return Ok(registered.consumer_arn);
        }
        if clock.elapsed().saturating_sub(began) > REGISTER_MAX {
            return Err(ClientError::TimedOut {
                operation: "DescribeStreamConsumer",
                after: REGISTER_MAX,
            });
        }
        time::sleep(LOOK_EVERY).await;
    }
}

fn read(reader: ShardReader, going: &watch::Receiver<Going>) -> Reading {
    Box::pin(reader.run(going.clone()))
}

impl ShardReader {
    fn new(shared: &Shared, shard: &str, position: StartAt) -> ShardReader {
        shared.book.begin_reading(shared.consumer, shard);
        ShardReader {
            shared: shared.clone(),
            shard: shard.to_owned(),
            position,
            session: None,
        }
    }

    async fn open_patiently(&mut self) -> Result<(), ClientError> {
        let mut tries = 1;
        while let Err(error) = self.open().await {
            if tries >= OPEN_TRIES {
                return Err(error);
            }
            tries += 1;
            time::sleep(SUBSCRIBE_PAUSE).await;
        }
        Ok(())
    }

    /// Subscribes at its place: a session is a chain of its own.
    async fn open(&mut self) -> Result<(), ClientError> {
        let Shared {
            client,
            arn,
            book,
            consumer,
        } = &self.shared;
        let before = client.env().clock.now_ms();
        let number = u32::try_from(*consumer).unwrap_or(u32::MAX);
        let way = Way::Pushed { consumer: number };
        let place = (*consumer, self.shard.as_str());
        let chain = book.new_chain(place, start_of(&self.position), way);
        let asked = Box::pin(client.subscribe(arn, &self.shard, &self.position));
        let subscription = bounded("SubscribeToShard", asked).await?;
        self.position.hold_latest(before);
        self.session = Some((subscription, chain));
        Ok(())
    }

    /// Reads until the shard's end, or until told to end.
    async fn run(mut self, mut going: watch::Receiver<Going>) -> Option<Ended> {
        let ended = loop {
            let Some((mut subscription, chain)) = self.session.take() else {
                if *going.borrow() == Going::Stop {
                    break None;
                }
                if self.open().await.is_err() {
                    self.shared.book.get_failed();
                    time::sleep(SUBSCRIBE_PAUSE).await;
                }
                continue;
            };
            let session = self.receive(&mut subscription, chain, &mut going);
            match Box::pin(session).await {
                Session::ReadOut(children) => break Some((self.shard.clone(), children)),
                Session::Told => break None,
                Session::Ended => {
                    self.shared.book.renewed(self.shared.consumer);
                    time::sleep(SUBSCRIBE_PAUSE).await;
                }
            }
        };
        let Shared { book, consumer, .. } = &self.shared;
        book.end_reading(*consumer, &self.shard);
        ended
    }

    async fn receive(
        &mut self,
        subscription: &mut Subscription,
        chain: ChainId,
        going: &mut watch::Receiver<Going>,
    ) -> Session {
        loop {
            let pushed = tokio::select! {
                biased;
                changed = going.changed() => {
                    if changed.is_err() || *going.borrow() == Going::Stop {
                        return Session::Told;
                    }
                    continue;
                }
                pushed = subscription.next() => pushed,
            };
            let pushed = match pushed {
                Ok(Some(pushed)) => pushed,
                Ok(None) => return Session::Ended,
                Err(_) => {
                    self.shared.book.get_failed();
                    return Session::Ended;
                }
            };
            let at_tip = pushed.records.is_empty() && pushed.millis_behind_latest == 0;
            if let Some(children) = self.take(chain, pushed) {
                return Session::ReadOut(children);
            }
            if at_tip && *going.borrow() == Going::Finish {
                return Session::Told;
            }
        }
    }

    /// Writes an event down; the children when it was the shard's end.
    fn take(&mut self, chain: ChainId, pushed: Pushed) -> Option<Vec<ChildShard>> {
        let Pushed {
            records,
            continuation_sequence_number,
            millis_behind_latest,
            child_shards,
        } = pushed;
        let Shared { book, consumer, .. } = &self.shared;
        book.got(&Got {
            consumer: *consumer,
            shard: &self.shard,
            chain,
            asked: book.watch().at(),
            records: &records,
            behind_ms: millis_behind_latest,
            pushed: true,
            continuation: continuation_sequence_number.as_deref().map(Sequence::read),
            is_end: continuation_sequence_number.is_none(),
            pause: USUAL_PAUSE,
        });
        match continuation_sequence_number {
            Some(continuation) => {
                self.position = StartAt::AfterSequence(continuation);
                None
            }
            None => Some(child_shards),
        }
    }
}

/// How a session ended.
enum Session {
    /// There is no more to read; the children.
    ReadOut(Vec<ChildShard>),
    /// Somebody asked for the end.
    Told,
    /// By the service, or because the connection did.
    Ended,
}
