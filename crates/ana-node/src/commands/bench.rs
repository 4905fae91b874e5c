//! `ana bench`: how fast this cluster takes and pushes records, through the public protocol.

mod fanout;
mod full_speed;

use std::sync::Arc;
use std::time::Duration;

use ana_env::runtime;
use bytes::Bytes;
use clap::Subcommand;
use futures::future::try_join_all;
use serde_json::json;

use self::fanout::BenchFanout;
use super::Context;
use super::stream::wait_until_active;
use crate::client::error::ClientError;
use crate::client::kinesis::{PutEntry, PutRecordsOutput};
use crate::client::{Client, Retry};
use crate::error::{CliError, Exit};
use crate::histogram::{Histogram, ms};
use crate::output::{self, Format, Table};

/// Measure how fast the cluster takes and pushes records, through the public protocol.
#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    /// Write records with PutRecords, as fast as they are acknowledged.
    Put(BenchPut),
    /// Measure the time from put to push over enhanced fan-out, at a given rate.
    Fanout(BenchFanout),
}

/// Write records with PutRecords, as fast as they are acknowledged.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only acknowledged records count; each is on the disks of a majority of zones by then. A request is
sent when the answer to one before it has come (a closed loop), so latency and rate belong
together. JSON and base64 are encoded once, before the clock starts; this program and the cluster
share the machine when both run on it. Shard limits hold unless the cluster has --limits off.

Example:
  ana up --limits off &
  ana bench put --stream speed --shards 6 --in-flight 8 --seconds 10")]
pub(super) struct BenchPut {
    /// The stream to write to; created when it does not exist.
    #[arg(long, default_value = "ana-bench", value_name = "NAME")]
    stream: String,
    /// Shards of the stream when it is created.
    #[arg(long, default_value = "6", value_parser = clap::value_parser!(u32).range(1..))]
    shards: u32,
    /// Records of one request.
    #[arg(long, default_value = "500", value_parser = clap::value_parser!(u32).range(1..=500))]
    records_per_request: u32,
    /// Data bytes of a record.
    #[arg(long, default_value = "1024", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    record_bytes: u32,
    /// Requests under way at the same time.
    #[arg(long, default_value = "8", value_parser = clap::value_parser!(u32).range(1..=1024))]
    in_flight: u32,
    /// How long to measure, after a second of warming up.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

/// Requests before this are sent and not counted.
const WARM_UP: Duration = Duration::from_secs(1);
/// Different bodies of one writer, sent in turn.
const BODIES: usize = 4;

impl Bench {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Bench::Put(put) => put.run(context).await,
            Bench::Fanout(fanout) => fanout.run(context).await,
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    acknowledged: u64,
    refused: u64,
    failed_requests: u64,
    latency: Histogram,
}

impl BenchPut {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        ensure_stream(context, &self.stream, self.shards).await?;
        let from = context.env.clock.elapsed() + WARM_UP;
        let until = from + Duration::from_secs(self.seconds);
        let total = self.measure(context, from, until).await?;
        self.print(context, &total)?;
        Ok(if total.acknowledged > 0 {
            Exit::Ok
        } else {
            Exit::Failed
        })
    }

    /// Writes from now on and counts what is acknowledged between two moments.
    async fn measure(
        &self,
        context: &Context,
        from: Duration,
        until: Duration,
    ) -> Result<Counts, CliError> {
        let writers = (0..self.in_flight).map(|_| {
            let bodies = (0..BODIES).map(|_| self.body(context)).collect();
            let client = context.client().with_retry(Retry::never());
            runtime::spawn(write(client, bodies, from, until))
        });
        let counts = try_join_all(writers.collect::<Vec<_>>())
            .await
            .map_err(|error| CliError::new(Exit::Failed, format!("a writer broke off: {error}")))?;
        let mut total = Counts::default();
        for counts in counts {
            let counts = counts.map_err(|error| context.explain(error))?;
            total.acknowledged += counts.acknowledged;
            total.refused += counts.refused;
            total.failed_requests += counts.failed_requests;
            total.latency.merge(&counts.latency);
        }
        Ok(total)
    }

    /// One encoded request: random keys, so that it spreads over all shards, and random data, so
    /// that nothing on the way can make it smaller.
    fn body(&self, context: &Context) -> Bytes {
        let random = || context.env.rng.next_u64();
        let mut data = vec![0; usize::try_from(self.record_bytes).unwrap_or(0)];
        let records: Vec<PutEntry> = (0..self.records_per_request)
            .map(|_| {
                context.env.rng.fill(&mut data);
                PutEntry::new(format!("{:016x}", random()), &data)
            })
            .collect();
        let body = json!({ "StreamName": self.stream, "Records": records });
        Bytes::from(body.to_string())
    }

    fn print(&self, context: &Context, total: &Counts) -> Result<(), CliError> {
        let records_per_s = total.acknowledged / self.seconds;
        let bytes_per_s = records_per_s * u64::from(self.record_bytes);
        // Megabytes of 10^6 bytes with one decimal.
        let mb_per_s = format!("{}.{}", bytes_per_s / 1_000_000, bytes_per_s / 100_000 % 10);
        let latency = &total.latency;
        let (p50, p99) = (latency.quantile_us(500), latency.quantile_us(990));
        if context.format == Format::Json {
            return output::json(&json!({
                "stream": self.stream,
                "seconds": self.seconds,
                "records_per_request": self.records_per_request,
                "record_bytes": self.record_bytes,
                "in_flight": self.in_flight,
                "acknowledged": total.acknowledged,
                "refused": total.refused,
                "failed_requests": total.failed_requests,
                "records_per_s": records_per_s,
                "mb_per_s": mb_per_s.parse::<f64>().unwrap_or(0.0),
                "latency_us_p50": p50,
                "latency_us_p99": p99,
                "latency_us_max": latency.max_us(),
            }));
        }
        let mut table = Table::new(&[
            ">RECORDS/S",
            ">MB/S",
            ">P50 MS",
            ">P99 MS",
            ">MAX MS",
            ">ACKED",
            ">REFUSED",
            ">FAILED",
        ]);
        table.row(vec![
            records_per_s.to_string(),
            mb_per_s,
            ms(p50),
            ms(p99),
            ms(latency.max_us()),
            total.acknowledged.to_string(),
            total.refused.to_string(),
            total.failed_requests.to_string(),
        ]);
        output::data(&table.render())
    }
}

/// The stream, ACTIVE; created first when there is none of that name.
async fn ensure_stream(context: &Context, stream: &str, shards: u32) -> Result<(), CliError> {
    let client = context.client();
    match client.create_stream(stream, Some(shards)).await {
        Ok(()) => {}
        // It is there already, and keeps its shards.
        Err(error) if error.exit() == Exit::Exists => {}
        Err(error) => return Err(context.explain(error)),
    }
    wait_until_active(context, &client, stream).await
}

/// One request after the other until the end; counts what is acknowledged after the warm-up.
async fn write(
    client: Client,
    bodies: Vec<Bytes>,
    from: Duration,
    until: Duration,
) -> Result<Counts, ClientError> {
    let clock = Arc::clone(&client.env().clock);
    let mut counts = Counts::default();
    for body in bodies.iter().cycle() {
        let began = clock.elapsed();
        if began >= until {
            break;
        }
        let outcome = client.call_encoded("PutRecords", body.clone()).await;
        let ended = clock.elapsed();
        if ended < from || ended > until {
            continue;
        }
        let body = match outcome {
            Ok(answer) => answer.value,
            Err(error) if error.is_worth_a_retry() => {
                counts.failed_requests += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        let output: PutRecordsOutput =
            serde_json::from_slice(&body).map_err(|error| ClientError::Unreadable {
                operation: "PutRecords",
                why: error.to_string(),
            })?;
        let records = u64::try_from(output.records.len()).unwrap_or(0);
        counts.acknowledged += records.saturating_sub(output.failed_record_count);
        counts.refused += output.failed_record_count;
        counts.latency.record(ended.saturating_sub(began));
    }
    Ok(counts)
}
