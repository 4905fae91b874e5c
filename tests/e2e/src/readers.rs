//! Readers that poll while faults go on, each at one node and one shard, from the trim horizon. Every answer is kept,
//! with when it was asked for: an answer that says it is at the tip must hold what was acknowledged before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Result;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType;
use tokio::task::JoinSet;

use crate::cluster::{client, now, pause};
use crate::verdict::{Read, read_of};

/// Milliseconds between two questions of one reader.
const POLL_MS: u64 = 10;

/// One answer of GetRecords.
#[derive(Debug, Clone)]
pub struct Look {
    pub asked: Instant,
    pub answered: Instant,
    pub behind_ms: Option<u64>,
    /// The end of a closed shard: there is no next iterator.
    pub is_end: bool,
    pub records: Vec<Read>,
}

/// What one reader got of one shard, in order.
#[derive(Debug, Clone)]
pub struct Polled {
    /// At which node.
    pub at: String,
    pub shard: String,
    pub began: Instant,
    pub looks: Vec<Look>,
}

/// Running readers; `stop` ends them.
#[derive(Debug)]
pub struct Readers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Polled>,
}

impl Readers {
    /// One at each of the addresses for each of the shards.
    #[must_use]
    pub fn start(addresses: &[String], stream: &str, shards: &[String]) -> Readers {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for at in addresses {
            for shard in shards {
                let polled = Polled {
                    at: at.clone(),
                    shard: shard.clone(),
                    began: now(),
                    looks: Vec::new(),
                };
                tasks.spawn(poll(polled, stream.to_owned(), Arc::clone(&stop)));
            }
        }
        Readers { stop, tasks }
    }

    /// Ends them; what they got.
    ///
    /// # Errors
    /// When a reader panicked.
    pub async fn stop(mut self) -> Result<Vec<Polled>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(polled) = self.tasks.join_next().await {
            all.push(polled?);
        }
        Ok(all)
    }
}

async fn poll(mut polled: Polled, stream: String, stop: Arc<AtomicBool>) -> Polled {
    let client = client(&format!("http://{}", polled.at), 1);
    let mut iterator = None;
    while !stop.load(Ordering::Relaxed) {
        pause(POLL_MS).await;
        let Some(position) = iterator.clone() else {
            iterator = begin(&client, &stream, &polled).await;
            continue;
        };
        let asked = now();
        // A node that is down or cut off does not answer: the same iterator is asked with again.
        let answer = client.get_records().shard_iterator(position).send().await;
        let Ok(answer) = answer else { continue };
        iterator = answer.next_shard_iterator;
        let records = answer.records.iter();
        polled.looks.push(Look {
            asked,
            answered: now(),
            behind_ms: answer
                .millis_behind_latest
                .and_then(|ms| ms.try_into().ok()),
            is_end: iterator.is_none(),
            records: records.map(|it| read_of(&polled.shard, it)).collect(),
        });
        if iterator.is_none() {
            break;
        }
    }
    polled
}

/// An iterator for where the chain stands.
async fn begin(client: &Client, stream: &str, polled: &Polled) -> Option<String> {
    let request = client
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id(&polled.shard)
        .shard_iterator_type(ShardIteratorType::TrimHorizon);
    request.send().await.ok()?.shard_iterator
}
