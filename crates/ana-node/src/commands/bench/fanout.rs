//! `ana bench fanout`: how long a record takes from the moment it is due to the moment it is pushed.
//!
//! An open loop: records are sent by the clock, whether or not earlier ones have been answered, and latency counts
//! from when a record was due. So a cluster that stalls cannot hide it by slowing the writer down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ana_env::runtime;
use ana_env::time;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::{full_speed, stream};
use crate::client::error::ClientError;
use crate::client::kinesis::StartAt;
use crate::client::subscription::Subscription;
use crate::client::{Client, Retry};
use crate::commands::{Context, consumer};
use crate::error::{CliError, Exit};
use crate::histogram::{Histogram, ms};
use crate::output::{self, Format, Table};

/// Measure the time from put to push over enhanced fan-out, and how consumers at full speed slow others.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each record carries the moment it was due; every consumer is subscribed to every shard and counts
how long after that moment it was pushed the record. Records are due evenly, whatever the answers
do (an open loop). This program and the cluster share the machine when both run on it.

With --full-speed, producers then send as fast as they are answered (4 requests of 500 x 1 KiB at a
time), alone or with so many consumers of all shards, and the CPU time is told beside the rates:
of the nodes, of the front door of `ana up`, and of this program; 100 % is one CPU.

Examples:
  ana up --limits off &
  ana bench fanout --stream pushed --shards 4 --rate 500 --consumers 2 --seconds 10
  ana bench fanout --consumers 10 --full-speed 0,1,10")]
pub(in crate::commands) struct BenchFanout {
    /// The stream to write to; created when it does not exist.
    #[arg(long, default_value = "ana-bench-fanout", value_name = "NAME")]
    stream: String,
    /// Shards of the stream when it is created.
    #[arg(long, default_value = "4", value_parser = clap::value_parser!(u32).range(1..))]
    shards: u32,
    /// Records due in a second.
    #[arg(long, default_value = "500", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Data bytes of a record.
    #[arg(long, default_value = "200", value_parser = clap::value_parser!(u32).range(16..=1_000_000))]
    record_bytes: u32,
    /// Registered consumers that read all shards at the same time.
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=20))]
    consumers: u32,
    /// How long to measure, after a second of warming up; one subscription lasts five minutes.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u64).range(1..=240))]
    seconds: u64,
    /// Afterwards measure at full speed as well, with so many consumers, one number after the other.
    #[arg(
        long, value_name = "COUNTS", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(0..=20)
    )]
    full_speed: Vec<u32>,
}

/// Records due before this are sent and not measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// Puts under way at once; records due beyond that are left out, and counted.
const IN_FLIGHT_MAX: usize = 4096;
/// How long the last records are waited for.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// The run and the moment: what a record begins with.
const STAMP_BYTES: usize = 16;

/// What a record begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    /// Tells the records of one run from those of an earlier one.
    run: u64,
    /// When the record was due, by the monotonic clock of this process, microseconds.
    due_us: u64,
}

impl Stamp {
    fn to_bytes(self) -> [u8; STAMP_BYTES] {
        let both = u128::from(self.run) << 64 | u128::from(self.due_us);
        both.to_be_bytes()
    }

    fn read(data: &[u8]) -> Option<Stamp> {
        let (run, rest) = data.split_first_chunk::<8>()?;
        let (due, _) = rest.split_first_chunk::<8>()?;
        Some(Stamp {
            run: u64::from_be_bytes(*run),
            due_us: u64::from_be_bytes(*due),
        })
    }
}

/// What became of the puts.
#[derive(Debug, Default)]
struct Puts {
    acknowledged: u64,
    failed: u64,
    left_out: u64,
    latency: Histogram,
}

/// What one subscription saw, or all of them.
#[derive(Debug, Default)]
struct Pushes {
    received: u64,
    /// Acknowledged and not received.
    missing: u64,
    latency: Histogram,
}

/// What all tasks of one run share.
#[derive(Debug, Clone)]
struct Run {
    id: u64,
    /// Measured are records due from here on.
    measured_from: Duration,
    /// Records pushed, all consumers together.
    pushed: Arc<AtomicU64>,
}

impl BenchFanout {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        stream::ensure(context, &self.stream, self.shards).await?;
        let (stop, stopped) = watch::channel(false);
        let (ready, mut readies) = mpsc::channel(1);
        let subscriptions = subscriptions(context, &self.stream, self.consumers).await?;
        let count = subscriptions.len();
        let run_id = context.env.rng.next_u64();
        let pushed = Arc::new(AtomicU64::new(0));
        let mut readers = Vec::with_capacity(count);
        let (start, started) = watch::channel(Duration::MAX);
        for (_consumer, subscription) in subscriptions {
            let reader = Reader {
                subscription,
                clock: Arc::clone(&context.env.clock),
                run: run_id,
                pushed: Arc::clone(&pushed),
                measured_from: started.clone(),
                stopped: stopped.clone(),
            };
            readers.push(runtime::spawn(reader.run(ready.clone())));
        }
        // It closes when each reader is ready or has failed.
        drop(ready);
        let mut are_ready = 0;
        while readies.recv().await.is_some() {
            are_ready += 1;
        }
        let run = Run {
            id: run_id,
            measured_from: context.env.clock.elapsed() + WARM_UP,
            pushed,
        };
        start.send_replace(run.measured_from);
        let puts = if are_ready == count {
            self.put_all(context, &run).await
        } else {
            Puts::default()
        };
        let expected = puts.acknowledged * u64::from(self.consumers);
        drain(context, &run, expected).await;
        stop.send_replace(true);
        let mut pushes = Pushes::default();
        for reader in readers {
            let read = reader.await.map_err(|error| {
                CliError::new(Exit::Failed, format!("a reader broke off: {error}"))
            })?;
            let read = read.map_err(|error| context.explain(error))?;
            pushes.received += read.received;
            pushes.latency.merge(&read.latency);
        }
        pushes.missing = expected.saturating_sub(pushes.received);
        let mut steps = Vec::new();
        for consumers in &self.full_speed {
            steps.push(full_speed::step(context, &self.stream, *consumers, self.seconds).await?);
        }
        self.print(context, &puts, &pushes, &steps)?;
        let missing = pushes.missing;
        let good = missing == 0 && pushes.latency.total() > 0;
        Ok(if good { Exit::Ok } else { Exit::Failed })
    }

    async fn put_all(&self, context: &Context, run: &Run) -> Puts {
        let client = Arc::new(context.client().with_retry(Retry::never()));
        let clock = &context.env.clock;
        let begin = clock.elapsed();
        let total = u64::from(self.rate) * (self.seconds + WARM_UP.as_secs());
        let mut puts = Puts::default();
        let mut under_way = FuturesUnordered::new();
        for number in 0..total {
            let due = begin + Duration::from_micros(number * 1_000_000 / u64::from(self.rate));
            loop {
                let left = due.saturating_sub(clock.elapsed());
                if left.is_zero() {
                    break;
                }
                tokio::select! {
                    () = time::sleep(left) => {}
                    Some(done) = under_way.next() => puts.count(&done),
                }
            }
            if under_way.len() >= IN_FLIGHT_MAX {
                puts.left_out += 1;
                continue;
            }
            let body = self.body(context, run, due);
            let put = put(Arc::clone(&client), body, due, due >= run.measured_from);
            under_way.push(runtime::spawn(put));
        }
        while let Some(done) = under_way.next().await {
            puts.count(&done);
        }
        puts
    }

    fn body(&self, context: &Context, run: &Run, due: Duration) -> Bytes {
        let mut data = vec![0; usize::try_from(self.record_bytes).unwrap_or(STAMP_BYTES)];
        context.env.rng.fill(&mut data);
        let stamp = Stamp {
            run: run.id,
            due_us: u64::try_from(due.as_micros()).unwrap_or(u64::MAX),
        };
        if let Some(start) = data.first_chunk_mut() {
            *start = stamp.to_bytes();
        }
        let body = json!({
            "StreamName": self.stream,
            "PartitionKey": format!("{:016x}", context.env.rng.next_u64()),
            "Data": base64_simd::STANDARD.encode_to_string(&data),
        });
        Bytes::from(body.to_string())
    }

    fn print(
        &self,
        context: &Context,
        puts: &Puts,
        pushes: &Pushes,
        steps: &[full_speed::Step],
    ) -> Result<(), CliError> {
        let (put, push, missing) = (&puts.latency, &pushes.latency, pushes.missing);
        if context.format == Format::Json {
            return output::json(&json!({
                "stream": self.stream,
                "seconds": self.seconds,
                "rate": self.rate,
                "record_bytes": self.record_bytes,
                "consumers": self.consumers,
                "acknowledged": puts.acknowledged,
                "failed": puts.failed,
                "left_out": puts.left_out,
                "pushed": pushes.received,
                "missing": missing,
                "put_us": as_json(put),
                "push_us": as_json(push),
                "full_speed": steps.iter().map(full_speed::Step::json).collect::<Vec<_>>(),
            }));
        }
        let mut table = Table::new(&["DUE TO", ">RECORDS", ">P50 MS", ">P99 MS", ">MAX MS"]);
        for (what, latency) in [("acknowledged", put), ("pushed", push)] {
            table.row(vec![
                what.to_owned(),
                latency.total().to_string(),
                ms(latency.quantile_us(500)),
                ms(latency.quantile_us(990)),
                ms(latency.max_us()),
            ]);
        }
        if puts.failed + puts.left_out + missing > 0 {
            output::say(&format!(
                "{} puts failed, {} were left out because {IN_FLIGHT_MAX} were under way, \
                 {missing} acknowledged records were not pushed",
                puts.failed, puts.left_out
            ));
        }
        output::data(&table.render())?;
        if steps.is_empty() {
            return Ok(());
        }
        output::data(&full_speed::table(steps).render())
    }
}

/// Every consumer, by its number, on every open shard, from now on.
pub(super) async fn subscriptions(
    context: &Context,
    stream: &str,
    consumers: u32,
) -> Result<Vec<(u32, Subscription)>, CliError> {
    let client = context.client();
    let explain = |error| context.explain(error);
    let stream_arn = consumer::stream_arn(&client, stream).await;
    let stream_arn = stream_arn.map_err(explain)?;
    let shards = client
        .list_shards(stream, Some(json!({ "Type": "AT_LATEST" })))
        .await
        .map_err(explain)?;
    let mut subscriptions = Vec::new();
    for number in 0..consumers {
        let name = format!("ana-bench-{}", number + 1);
        let arn = consumer::ensure(context, &client, &stream_arn, &name).await?;
        for shard in &shards {
            let arn = &arn.consumer_arn;
            let subscription = subscribe(context, &client, arn, &shard.shard_id).await?;
            subscriptions.push((number, subscription));
        }
    }
    Ok(subscriptions)
}

pub(super) fn as_json(latency: &Histogram) -> serde_json::Value {
    json!({
        "count": latency.total(),
        "p50": latency.quantile_us(500),
        "p99": latency.quantile_us(990),
        "max": latency.max_us(),
    })
}

/// The outcome of one put: how long after it was due it was acknowledged, when that is measured.
type Put = Result<Option<Duration>, ClientError>;

impl Puts {
    fn count(&mut self, done: &Result<Put, tokio::task::JoinError>) {
        match done {
            Ok(Ok(latency)) => {
                self.acknowledged += 1;
                if let Some(latency) = latency {
                    self.latency.record(*latency);
                }
            }
            Ok(Err(_)) | Err(_) => self.failed += 1,
        }
    }
}

async fn put(client: Arc<Client>, body: Bytes, due: Duration, measured: bool) -> Put {
    client.call_encoded("PutRecord", body).await?;
    let latency = client.env().clock.elapsed().saturating_sub(due);
    Ok(measured.then_some(latency))
}

/// An earlier run may have subscribed less than five seconds ago: that passes.
async fn subscribe(
    context: &Context,
    client: &Client,
    consumer_arn: &str,
    shard: &str,
) -> Result<Subscription, CliError> {
    const ATTEMPTS_MAX: u32 = 10;
    const PAUSE: Duration = Duration::from_secs(1);
    let mut attempt = 1;
    loop {
        match client
            .subscribe(consumer_arn, shard, &StartAt::Latest)
            .await
        {
            Ok(subscription) => return Ok(subscription),
            Err(error)
                if attempt < ATTEMPTS_MAX
                    && (error.exit() == Exit::Exists || error.is_worth_a_retry()) =>
            {
                attempt += 1;
                time::sleep(PAUSE).await;
            }
            Err(error) => return Err(context.explain(error)),
        }
    }
}

/// Waits until everything that was acknowledged has been pushed, for a bounded time.
async fn drain(context: &Context, run: &Run, expected: u64) {
    const LOOK_EVERY: Duration = Duration::from_millis(20);
    let began = context.env.clock.elapsed();
    while run.pushed.load(Ordering::Relaxed) < expected
        && context.env.clock.elapsed().saturating_sub(began) < DRAIN_MAX
    {
        time::sleep(LOOK_EVERY).await;
    }
}

/// One subscription of one consumer.
#[derive(Debug)]
struct Reader {
    subscription: Subscription,
    clock: Arc<dyn ana_env::Clock>,
    run: u64,
    pushed: Arc<AtomicU64>,
    measured_from: watch::Receiver<Duration>,
    stopped: watch::Receiver<bool>,
}

impl Reader {
    /// Counts what is pushed until told to stop. Says that it is ready with the first event: LATEST is behind it then.
    async fn run(mut self, ready: mpsc::Sender<()>) -> Result<Pushes, ClientError> {
        let mut ready = Some(ready);
        let mut pushes = Pushes::default();
        loop {
            let pushed = tokio::select! {
                pushed = self.subscription.next() => pushed?,
                _ = self.stopped.wait_for(|stopped| *stopped) => return Ok(pushes),
            };
            let now = self.clock.elapsed();
            let Some(pushed) = pushed else {
                return Err(ended("the service ended the subscription early"));
            };
            let measured_from = *self.measured_from.borrow();
            for record in &pushed.records {
                let stamp = record.bytes().as_deref().and_then(Stamp::read);
                let Some(stamp) = stamp.filter(|stamp| stamp.run == self.run) else {
                    continue;
                };
                pushes.received += 1;
                self.pushed.fetch_add(1, Ordering::Relaxed);
                let due = Duration::from_micros(stamp.due_us);
                if due >= measured_from {
                    pushes.latency.record(now.saturating_sub(due));
                }
            }
            if pushed.continuation_sequence_number.is_none() {
                return Err(ended("a shard was split or merged"));
            }
            if let Some(ready) = ready.take()
                && ready.send(()).await.is_err()
            {
                return Ok(pushes);
            }
        }
    }
}

pub(super) fn ended(why: &str) -> ClientError {
    ClientError::NoAnswer {
        operation: "SubscribeToShard",
        why: why.to_owned(),
        sent: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let stamp = Stamp {
            run: 7 << 60,
            due_us: 1_234_567,
        };
        let mut data = stamp.to_bytes().to_vec();
        data.extend_from_slice(b"random");
        assert_eq!(Stamp::read(&data), Some(stamp));
        assert_eq!(Stamp::read(&data[..15]), None);
    }
}
