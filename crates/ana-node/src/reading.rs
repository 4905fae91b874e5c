//! Reading a whole stream the way a good consumer does: all shards at once, children after parents.
//!
//! ```text
//!   ListShards -> Lineage -> one task per readable shard --batches--> Follower::next -> caller
//!                    ^                                                    |
//!                    '------------- a shard ended: its children ----------'
//! ```
//! Must stay true:
//! - a child is begun only after the batches of all its parents have been handed to the caller, so
//!   the order of a partition key survives splits and merges;
//! - the queue between shard tasks and caller is bounded; dropping the follower ends its tasks.

pub mod lineage;
mod shard;
mod fan_out;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ana_env::runtime::Tasks;
use ana_types::SequenceNumber;
use serde_json::json;
use tokio::sync::mpsc;

use self::fan_out::FanOutReader;
use self::lineage::Lineage;
use self::shard::{Event, ShardReader};
use crate::client::error::ClientError;
use crate::client::kinesis::{Record, StartAt, seconds};
use crate::client::{Client, Retry};

/// Batches that wait for the caller, besides one in each shard task's hand.
const BATCHES_WAITING: usize = 4;

/// Where the reading of a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// The oldest record that is kept.
    Horizon,
    /// Only what comes from now on.
    Latest,
    /// What arrived at or after this time, milliseconds since 1970.
    TimeMs(u64),
    /// This record in its shard; the other shards from its second of arrival on.
    Sequence(SequenceNumber),
}

/// When the reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When every shard has been read up to its newest record.
    Tip,
    /// Never; new records and new shards are waited for.
    Forever,
}

/// Some records of one shard, in order.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Their shard.
    pub shard: String,
    /// At least one.
    pub records: Vec<Record>,
}

/// A reading under way.
#[derive(Debug)]
pub struct Follower {
    client: Arc<Client>,
    stream: String,
    /// Reads as this registered consumer instead of asking for records.
    consumer_arn: Option<String>,
    until: Until,
    starts: BTreeMap<String, StartAt>,
    lineage: Lineage,
    shards_under_way: usize,
    events: mpsc::Receiver<Event>,
    events_from_shards: mpsc::Sender<Event>,
    tasks: Tasks,
}

/// A client whose patience suits a reader: read limits make calls fail for five seconds on end.
pub fn patient(client: Client) -> Client {
    client.with_retry(Retry {
        attempts_max: 200,
        spent_max: Duration::from_secs(60),
        pause_first: Duration::from_millis(100),
        pause_max: Duration::from_secs(1),
    })
}

impl Follower {
    /// Lists the shards and gets ready; the first `next` begins to read.
    pub async fn start(
        client: Arc<Client>,
        stream: &str,
        from: &From,
        until: Until,
    ) -> Result<Follower, ClientError> {
        let filter = match from {
            From::Horizon => None,
            From::Latest => Some(json!({ "Type": "AT_LATEST" })),
            From::TimeMs(ms) => {
                Some(json!({ "Type": "FROM_TIMESTAMP", "Timestamp": seconds(*ms) }))
            }
            From::Sequence(number) => {
                Some(json!({ "Type": "FROM_TIMESTAMP", "Timestamp": number.time_s }))
            }
        };
        let mut lineage = Lineage::default();
        let mut starts = BTreeMap::new();
        for shard in client.list_shards(stream, filter).await? {
            starts.insert(shard.shard_id.clone(), start_of(from, &shard.shard_id));
            let parents = shard.parents();
            lineage.add(shard.shard_id, parents);
        }
        let (events_from_shards, events) = mpsc::channel(BATCHES_WAITING);
        Ok(Follower {
            client,
            stream: stream.to_owned(),
            consumer_arn: None,
            until,
            starts,
            lineage,
            shards_under_way: 0,
            events,
            events_from_shards,
            tasks: Tasks::new(),
        })
    }

    /// Reads as a registered consumer, to whom records are pushed. To be said before the first `next`.
    #[must_use]
    pub fn for_consumer(mut self, consumer_arn: String) -> Follower {
        self.consumer_arn = Some(consumer_arn);
        self
    }

    /// The next records; `None` when everything asked for has been read.
    ///
    /// Safe to drop while it waits: nothing is lost.
    pub async fn next(&mut self) -> Option<Result<Batch, ClientError>> {
        loop {
            self.begin_what_is_ready();
            if self.shards_under_way == 0 {
                return None;
            }
            // `self` holds a sender too, so the channel is never closed.
            match self.events.recv().await? {
                Event::Records(batch) => return Some(Ok(batch)),
                Event::Tip => self.shards_under_way -= 1,
                Event::End { shard, children } => {
                    self.shards_under_way -= 1;
                    self.lineage.finish(&shard);
                    for child in children {
                        self.lineage.add(child.shard_id, child.parent_shards);
                    }
                }
                Event::Failed(error) => {
                    self.shards_under_way -= 1;
                    return Some(Err(error));
                }
            }
        }
    }

    /// Shards known so far, children included.
    pub fn shards_known(&self) -> usize {
        self.lineage.len()
    }

    fn begin_what_is_ready(&mut self) {
        for shard in self.lineage.take_ready() {
            let start = self.starts.get(&shard).cloned().unwrap_or(StartAt::Horizon);
            let (client, until) = (Arc::clone(&self.client), self.until);
            let events = self.events_from_shards.clone();
            self.shards_under_way += 1;
            if let Some(consumer_arn) = self.consumer_arn.clone() {
                let reader = FanOutReader {
                    client,
                    consumer_arn,
                    shard,
                    until,
                    events,
                };
                self.tasks.spawn(reader.run(start));
            } else {
                let reader = ShardReader {
                    client,
                    stream: self.stream.clone(),
                    shard,
                    until,
                    events,
                };
                self.tasks.spawn(reader.run(start));
            }
        }
    }
}

fn start_of(from: &From, shard: &str) -> StartAt {
    match from {
        From::Horizon => StartAt::Horizon,
        From::Latest => StartAt::Latest,
        From::TimeMs(ms) => StartAt::TimeMs(*ms),
        From::Sequence(number) if number.shard.to_string() == shard => {
            StartAt::Sequence(number.to_string())
        }
        From::Sequence(number) => StartAt::TimeMs(number.time_s.saturating_mul(1000)),
    }
}
