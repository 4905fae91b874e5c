//! A consumer as an application would be one: the AWS SDK for Rust, one subscription to each shard, every record kept
//! with the moment at which it came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ana_e2e::cluster::{now, pause};
use ana_e2e::ledger::{Entries, Ledger, Value};
use ana_e2e::verdict::{Read, arrived_ms};
use anyhow::{Context, Result, bail, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{
    ShardIteratorType, StartingPosition, SubscribeToShardEvent, SubscribeToShardEventStream,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Everything acknowledged is pushed within this once the producers have stopped.
const REST_MAX: Duration = Duration::from_secs(10);

/// A running consumer.
#[derive(Debug)]
pub(crate) struct Consumer {
    received: Arc<Mutex<Vec<(Read, Instant)>>>,
    tasks: JoinSet<Result<()>>,
}

impl Consumer {
    /// Subscribes to all shards, from now on; when this has returned, what is put from then on will come.
    pub(crate) async fn start(client: &Client, arn: &str, shards: &[String]) -> Result<Consumer> {
        let (received, mut tasks) = (Arc::default(), JoinSet::new());
        let ready = Arc::new(Semaphore::new(0));
        for shard in shards {
            let (client, arn) = (client.clone(), arn.to_owned());
            let (received, ready) = (Arc::clone(&received), Arc::clone(&ready));
            tasks.spawn(read(client, arn, shard.clone(), received, ready));
        }
        let all = u32::try_from(shards.len())?;
        tokio::select! {
            all = ready.acquire_many(all) => drop(all?),
            ended = tasks.join_next() => bail!("{ended:?}"),
        }
        Ok(Consumer { received, tasks })
    }

    fn received(&self) -> MutexGuard<'_, Vec<(Read, Instant)>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until as many records have come as were acknowledged, and ends.
    pub(crate) async fn finish(mut self, ledger: &Ledger) -> Result<Vec<(Read, Instant)>> {
        let (started, wanted) = (now(), ledger.count());
        while self.received().len() < wanted {
            if let Some(ended) = self.tasks.try_join_next() {
                ended??;
            }
            let got = self.received().len();
            ensure!(started.elapsed() < REST_MAX, "{got} of {wanted} records");
            pause(10).await;
        }
        self.tasks.shutdown().await;
        let all = std::mem::take(&mut *self.received());
        Ok(all)
    }
}

/// How long after it was sent each acknowledged record came that was sent in a time.
pub(crate) fn delays(
    entries: &Entries,
    received: &[(Read, Instant)],
    (from, until): (Instant, Instant),
) -> Vec<Duration> {
    let times: BTreeMap<&Value, Instant> = received
        .iter()
        .filter_map(|(read, at)| Some((read.value.as_ref()?, *at)))
        .collect();
    let sent = entries
        .acknowledged
        .iter()
        .filter(|(_, it)| it.sent >= from && it.sent < until);
    sent.filter_map(|(value, it)| Some(times.get(value)?.saturating_duration_since(it.sent)))
        .collect()
}

async fn read(
    client: Client,
    arn: String,
    shard: String,
    received: Arc<Mutex<Vec<(Read, Instant)>>>,
    ready: Arc<Semaphore>,
) -> Result<()> {
    let start = StartingPosition::builder().r#type(ShardIteratorType::Latest);
    let request = client
        .subscribe_to_shard()
        .consumer_arn(arn)
        .shard_id(&shard);
    let mut output = request.starting_position(start.build()?).send().await?;
    let mut is_first = true;
    loop {
        let event = output.event_stream.recv().await?;
        let at = now();
        match event.context("the node ended the honest consumer's subscription")? {
            SubscribeToShardEventStream::SubscribeToShardEvent(event) => {
                let reads = reads(&shard, event).map(|read| (read, at));
                received
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(reads);
            }
            other => bail!("{other:?}"),
        }
        if std::mem::take(&mut is_first) {
            // From its position on it is sure to get everything.
            ready.add_permits(1);
        }
    }
}

fn reads(shard: &str, event: SubscribeToShardEvent) -> impl Iterator<Item = Read> + use<'_> {
    event.records.into_iter().map(move |record| Read {
        shard: shard.to_owned(),
        value: Value::decode(record.data.as_ref()),
        arrived_ms: arrived_ms(record.approximate_arrival_timestamp.as_ref()),
        sequence: record.sequence_number,
    })
}
