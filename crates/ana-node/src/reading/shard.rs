//! One shard, read from a position to its tip or its end.
//!
//! Must stay true: after a failure the reading goes on right after the last record handed over, so
//! that no record is given twice and none is left out.

use std::sync::Arc;
use std::time::Duration;

use ana_env::time;
use tokio::sync::mpsc;

use super::{Batch, Until};
use crate::client::Client;
use crate::client::error::ClientError;
use crate::client::kinesis::{ChildShard, GetRecordsOutput, StartAt};

/// Pause after an answer that was not full: the limit is five reads per second and shard.
const POLL_PAUSE: Duration = Duration::from_millis(250);
/// Records asked for at once.
const PAGE_RECORDS: u32 = 10_000;
/// An empty answer at the tip must be repeated before it is believed: it may be that of a replica
/// that has just not heard of the last write.
pub(super) const TIPS_BELIEVED: u32 = 2;

/// What a shard's task tells the follower.
#[derive(Debug)]
pub(super) enum Event {
    Records(Batch),
    /// Read to the newest record (only with `Until::Tip`).
    Tip,
    /// A closed shard was read out.
    End {
        shard: String,
        children: Vec<ChildShard>,
    },
    Failed(ClientError),
}

#[derive(Debug)]
pub(super) struct ShardReader {
    pub(super) client: Arc<Client>,
    pub(super) stream: String,
    pub(super) shard: String,
    pub(super) until: Until,
    pub(super) events: mpsc::Sender<Event>,
}

impl ShardReader {
    /// Reads until the end, the tip, a lasting failure, or until nobody listens any more.
    pub(super) async fn run(self, start: StartAt) {
        let last = match self.read(start).await {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => Event::Failed(error),
        };
        if self.events.send(last).await.is_err() {
            // The follower was dropped: nobody wants to know.
        }
    }

    async fn read(&self, start: StartAt) -> Result<Option<Event>, ClientError> {
        let mut position = start;
        let mut iterator = self.iterator(&mut position).await?;
        let mut tips = 0;
        loop {
            let answer = match self.client.get_records(&iterator, PAGE_RECORDS).await {
                Ok(answer) => answer,
                Err(error) if error.kind() == Some("ExpiredIteratorException") => {
                    iterator = self.iterator(&mut position).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let GetRecordsOutput {
                records,
                next_shard_iterator,
                millis_behind_latest,
                child_shards,
            } = answer;
            let caught_up = records.is_empty() && millis_behind_latest == 0;
            let keep_pace = millis_behind_latest == 0;
            if let Some(last) = records.last() {
                position = StartAt::AfterSequence(last.sequence_number.clone());
                let batch = Batch {
                    shard: self.shard.clone(),
                    records,
                };
                if self.events.send(Event::Records(batch)).await.is_err() {
                    return Ok(None);
                }
            }
            let Some(next) = next_shard_iterator else {
                let shard = self.shard.clone();
                return Ok(Some(Event::End {
                    shard,
                    children: child_shards,
                }));
            };
            iterator = next;
            tips = if caught_up { tips + 1 } else { 0 };
            if self.until == Until::Tip && tips >= TIPS_BELIEVED {
                return Ok(Some(Event::Tip));
            }
            if keep_pace {
                time::sleep(POLL_PAUSE).await;
            }
        }
    }

    /// An iterator at `position`, where a later renewal goes on.
    async fn iterator(&self, position: &mut StartAt) -> Result<String, ClientError> {
        let before = self.client.env().clock.now_ms();
        let iterator = self
            .client
            .shard_iterator(&self.stream, &self.shard, position)
            .await?;
        position.hold_latest(before);
        Ok(iterator)
    }
}
