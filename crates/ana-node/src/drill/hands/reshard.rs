//! Streams that are split and merged, by the API, as an operator would.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ana_drill::Pick;
use ana_drill::action::Reshape;
use ana_drill::quantity::Span;
use ana_env::time;
use ana_types::StreamName;
use serde_json::json;

use super::Hand;
use crate::client::error::ClientError;
use crate::client::kinesis::Shard;
use crate::client::{Client, Retry};

/// How long one split or merge may take, ACTIVE before and after it: it is made while other faults are on.
const CHANGE_MAX: Span = Span::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One operation.
#[derive(Debug, Clone)]
enum Change {
    Split(Shard),
    Merge(String, String),
    Scale(u32),
}

impl Hand {
    pub(super) async fn reshard(
        &mut self,
        streams: &BTreeSet<StreamName>,
        reshape: Reshape,
        pick: Pick,
    ) {
        let client = self.shared.cluster.client().with_retry(Retry::never());
        let client = Arc::new(client);
        self.fired(&pick).await;
        let rounds = match reshape {
            Reshape::Shards(_) => 1,
            Reshape::Split(rounds) | Reshape::Merge(rounds) => rounds,
        };
        for stream in streams {
            for _ in 0..rounds {
                if let Err(why) = Box::pin(self.round(&client, stream.as_str(), reshape)).await {
                    return self.trouble(format!("{stream}: {why}")).await;
                }
            }
        }
    }

    /// Every open shard once.
    async fn round(&self, client: &Client, stream: &str, reshape: Reshape) -> Result<(), String> {
        let changes = match reshape {
            Reshape::Shards(shards) => vec![Change::Scale(shards)],
            Reshape::Split(_) => {
                let open = self.open_shards(client, stream).await?;
                open.into_iter().map(Change::Split).collect()
            }
            Reshape::Merge(_) => pairs(self.open_shards(client, stream).await?),
        };
        for change in changes {
            if self.is_ending() {
                return Ok(());
            }
            self.until_done(|| carry_out(client, stream, &change))
                .await?;
            self.until_done(|| is_active(client, stream)).await?;
        }
        Ok(())
    }

    /// The open shards in the order of their keys.
    async fn open_shards(&self, client: &Client, stream: &str) -> Result<Vec<Shard>, String> {
        let filter = || Some(json!({ "Type": "AT_LATEST" }));
        let mut shards = self
            .until_done(|| client.list_shards(stream, filter()))
            .await?;
        shards.retain(Shard::is_open);
        shards.sort_by_key(|shard| shard.hash_key_range.start());
        Ok(shards)
    }

    /// Tries until it succeeds; the last refusal when it does not in time.
    async fn until_done<T, F: Future<Output = Result<T, ClientError>>>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, String> {
        let began = self.shared.watch.now();
        loop {
            let error = match Box::pin(attempt()).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if self.is_ending() || self.shared.watch.now().less(began) > CHANGE_MAX {
                return Err(error.to_string());
            }
            time::sleep(LOOK_EVERY).await;
        }
    }
}

/// An attempt whose answer was lost may have been carried out: what is there already is not asked for again.
async fn carry_out(client: &Client, stream: &str, change: &Change) -> Result<(), ClientError> {
    let filter = Some(json!({ "Type": "AT_LATEST" }));
    let mut shards = client.list_shards(stream, filter).await?;
    shards.retain(Shard::is_open);
    let is_open = |id: &str| shards.iter().any(|shard| shard.shard_id == id);
    match change {
        Change::Split(shard) if is_open(&shard.shard_id) => match shard.hash_key_range.middle() {
            Some(at) => client.split_shard(stream, &shard.shard_id, &at).await,
            None => Ok(()),
        },
        Change::Merge(lower, upper) if is_open(lower) && is_open(upper) => {
            client.merge_shards(stream, lower, upper).await
        }
        Change::Scale(count) if usize::try_from(*count) != Ok(shards.len()) => {
            client.update_shard_count(stream, *count).await.map(drop)
        }
        Change::Split(_) | Change::Merge(..) | Change::Scale(_) => Ok(()),
    }
}

async fn is_active(client: &Client, stream: &str) -> Result<(), ClientError> {
    let summary = client.describe_summary(stream).await?;
    if summary.stream.stream_status == "ACTIVE" {
        return Ok(());
    }
    Err(ClientError::Unreadable {
        operation: "DescribeStreamSummary",
        why: format!("the stream is {}", summary.stream.stream_status),
    })
}

/// Neighbours, two by two.
fn pairs(shards: Vec<Shard>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut shards = shards.into_iter();
    while let (Some(lower), Some(upper)) = (shards.next(), shards.next()) {
        changes.push(Change::Merge(lower.shard_id, upper.shard_id));
    }
    changes
}
