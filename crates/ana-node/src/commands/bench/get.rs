//! `ana bench get`: how fast records are given back by GetRecords, and whether all of them are.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::cpu::Processes;
use super::figures::{self, Usage};
use super::fill::{self, Filled};
use super::reader::{Plan, ReadMeter};
use super::readers::{AllRead, ReadArgs, Readers};
use super::{progress, stream};
use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::histogram::ms;
use crate::output::{self, Format, Table};

/// Read a stream from its oldest record to its tip with GetRecords, as fast as it is answered.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every reader asks for the next records when it has the answer before, until it is at the tip, or
until the time is over. Latency is from the request to the whole answer, of answers with records;
MB are of data, without keys and base64. Data is not decoded. With --fill-records it is checked that
every reader saw every record that was written: exit code 1 when not.

Examples:
  ana bench get --fill-records 1000000
  ana bench get --stream ana-bench --again --seconds 10      what `ana bench put` has left
  ana bench get --stream read --fill-records 100000 --readers-per-shard 4 -o json")]
pub(in crate::commands) struct BenchGet {
    /// The stream to read; created when it does not exist and is filled.
    #[arg(long, default_value = "ana-bench", value_name = "NAME")]
    stream: String,
    #[command(flatten)]
    how: ReadArgs,
    /// How long to read at most.
    #[arg(long, default_value = "60", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// From the beginning again when the tip is reached, until the time is over.
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    filling: FillArgs,
    /// Say nothing on the way.
    #[arg(long)]
    quiet: bool,
}

/// How a stream is filled before it is read.
#[derive(Debug, Clone, clap::Args)]
struct FillArgs {
    /// Write so many records first, 500 in a request.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    fill_records: Option<u64>,
    /// Data bytes of a record that is written first.
    #[arg(long, default_value = "1024", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    record_bytes: u32,
    /// Shards of the stream when it is created.
    #[arg(long, default_value = "6", value_parser = clap::value_parser!(u32).range(1..))]
    shards: u32,
}

/// One measured reading.
#[derive(Debug)]
struct Reading {
    shards: usize,
    readers: usize,
    all: AllRead,
    /// Records written first.
    filled: Option<u64>,
    elapsed_ms: u64,
    usage: Usage,
}

impl BenchGet {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let filled = self.fill(context).await?;
        let reading = self.read(context, filled.as_ref()).await?;
        reading.print(context, &self.stream)?;
        let total = &reading.all.total;
        if let Some(why) = &total.last_failure {
            let failed = total.failed_requests;
            output::say(&format!("{failed} requests failed, the last one: {why}"));
        }
        let checked = match &filled {
            Some(filled) => reading.all.check(filled),
            None if total.records == 0 => {
                Err(format!("there is nothing to read in {}", self.stream))
            }
            None => Ok(()),
        };
        match checked {
            Ok(()) => Ok(Exit::Ok),
            Err(what) => Err(CliError::new(Exit::Failed, what)
                .context(format!(
                    "endpoint {}, stream {}",
                    context.endpoint, self.stream
                ))
                .advice("try: --fill-records N to write some first, --seconds N for more time")),
        }
    }

    async fn fill(&self, context: &Context) -> Result<Option<Filled>, CliError> {
        let FillArgs {
            fill_records,
            record_bytes,
            shards,
        } = self.filling;
        let Some(records) = fill_records else {
            return Ok(None);
        };
        stream::ensure(context, &self.stream, shards).await?;
        let filled = fill::fill(context, &self.stream, records, record_bytes, self.quiet);
        filled.await.map(Some)
    }

    async fn read(&self, context: &Context, filled: Option<&Filled>) -> Result<Reading, CliError> {
        let shards = stream::shards(context, &self.stream).await?;
        let processes = Processes::find(context, &self.stream).await;
        let clock = &context.env.clock;
        let began = clock.elapsed();
        let until = began + Duration::from_secs(self.seconds);
        let plan = Plan {
            stream: self.stream.clone(),
            limit: self.how.limit,
            until,
            again: self.again,
            key_begins: filled.map(|filled| Arc::clone(&filled.key_begins)),
        };
        let meter = Arc::new(ReadMeter::default());
        let before = processes.used();
        let per_shard = self.how.readers_per_shard;
        let readers = Readers::start(context, &plan, &shards, per_shard, &meter);
        let count = readers.len();
        let line = told(&self.stream, &meter);
        let all = progress::told(self.quiet, line, readers.join(context)).await?;
        let elapsed = clock.elapsed().saturating_sub(began).as_millis();
        let elapsed_ms = u64::try_from(elapsed).unwrap_or(u64::MAX);
        Ok(Reading {
            shards: shards.len(),
            readers: count,
            all,
            filled: filled.map(|filled| filled.records),
            elapsed_ms,
            usage: Usage {
                used: processes.used().since(before),
                elapsed_ms,
                acknowledged_bytes: 0,
                replicas: processes.replicas,
            },
        })
    }
}

/// The line of a person who watches: what the last second has brought.
fn told(stream: &str, meter: &ReadMeter) -> impl FnMut() -> String {
    let mut before = 0;
    move || {
        let records = meter.records();
        let per_s = records - std::mem::replace(&mut before, records);
        format!("reading {stream}: {per_s} records/s, {records} so far")
    }
}

impl Reading {
    fn records_per_s(&self) -> u64 {
        figures::per_s(self.all.total.records, self.elapsed_ms)
    }

    fn bytes_per_s(&self) -> u64 {
        figures::per_s(self.all.total.payload_bytes, self.elapsed_ms)
    }

    fn print(&self, context: &Context, stream: &str) -> Result<(), CliError> {
        match context.format {
            Format::Json => output::json(&self.json(stream)),
            Format::Table => output::data(&self.tables()),
        }
    }

    fn json(&self, stream: &str) -> serde_json::Value {
        let total = &self.all.total;
        let mut members = json!({
            "operation": "GetRecords",
            "stream": stream,
            "shards": self.shards,
            "readers": self.readers,
            "seconds": figures::thousandths(self.elapsed_ms),
            "passes": self.all.passes(),
            "records": total.records,
            "failed_requests": total.failed_requests,
            "records_per_s": self.records_per_s(),
            "mb_per_s": figures::mb(self.bytes_per_s()),
            "filled_records": self.filled,
            "filled_records_read": self.filled.map(|_| self.all.filled_read()),
        });
        figures::extend(&mut members, figures::latency(&total.latency));
        figures::extend(&mut members, self.usage.cpu_json());
        members
    }

    fn tables(&self) -> String {
        let total = &self.all.total;
        let mut rates = Table::new(&[
            "OPERATION",
            ">RECORDS/S",
            ">MB/S",
            ">P50 MS",
            ">P90 MS",
            ">P99 MS",
            ">P99.9 MS",
            ">MAX MS",
            ">RECORDS",
            ">SECONDS",
            ">FAILED",
        ]);
        let mut row = vec![
            "GetRecords".to_owned(),
            self.records_per_s().to_string(),
            figures::mb_text(self.bytes_per_s()),
        ];
        let latency = &total.latency;
        row.extend(figures::QUANTILES.map(|(_, it)| ms(latency.quantile_us(it))));
        row.push(ms(latency.max_us()));
        row.push(total.records.to_string());
        row.push(ms(self.elapsed_ms));
        row.push(total.failed_requests.to_string());
        rates.row(row);
        let mut usages = Table::new(&[
            ">SHARDS",
            ">READERS",
            ">PASSES",
            ">NODES CPU",
            ">DOOR CPU",
            ">OWN CPU",
        ]);
        let counts = [
            self.shards.to_string(),
            self.readers.to_string(),
            self.all.passes().to_string(),
        ];
        usages.row(counts.into_iter().chain(self.usage.cpu_cells()).collect());
        format!("{}\n{}", rates.render(), usages.render())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::commands::bench::cpu::Used;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        get: BenchGet,
    }

    #[test]
    fn arguments_have_bounds() {
        for (line, good) in [
            ("", true),
            ("--limit 1 --readers-per-shard 4 --again --seconds 3", true),
            (
                "--fill-records 10 --record-bytes 0 --shards 2 --quiet",
                true,
            ),
            ("--limit 0", false),
            ("--limit 10001", false),
            ("--readers-per-shard 0", false),
            ("--fill-records 0", false),
            ("--seconds 0", false),
        ] {
            let arguments = ["get"].into_iter().chain(line.split_whitespace());
            assert_eq!(Line::try_parse_from(arguments).is_ok(), good, "{line}");
        }
    }

    #[test]
    fn the_members_are_those_that_scripts_know() {
        let mut all = AllRead::default();
        all.total.records = 3_000;
        all.total.payload_bytes = 3_000_000;
        all.total.latency.record(Duration::from_micros(9));
        let reading = Reading {
            shards: 2,
            readers: 4,
            all,
            filled: None,
            elapsed_ms: 1_500,
            usage: Usage {
                used: Used::default(),
                elapsed_ms: 1_500,
                acknowledged_bytes: 0,
                replicas: None,
            },
        };
        let expected = json!({
            "operation": "GetRecords", "stream": "s", "shards": 2, "readers": 4, "seconds": 1.5,
            "passes": 0, "records": 3_000, "failed_requests": 0, "records_per_s": 2_000,
            "mb_per_s": 2.0, "filled_records": null, "filled_records_read": null,
            "latency_us_p50": 9, "latency_us_p90": 9, "latency_us_p99": 9, "latency_us_p999": 9,
            "latency_us_max": 9, "cpu_percent_nodes": null, "cpu_percent_front_door": null,
            "cpu_percent_own": null,
        });
        assert_eq!(reading.json("s"), expected);
        assert!(reading.tables().contains("GetRecords"));
    }
}
