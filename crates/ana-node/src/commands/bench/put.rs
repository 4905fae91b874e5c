//! `ana bench put`: how fast records are taken, in a closed loop or at a given rate.

use super::load::Load;
use super::measure::Measure;
use super::stream;
use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

/// Write records, as fast as they are acknowledged or at a given rate.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only acknowledged records count; each is on the disks of a majority of zones by then. Without --rate
a request is sent when the answer to one before it has come (a closed loop), so latency and rate
belong together. With --rate requests are due by the clock, whatever the answers do (an open loop),
and latency counts from when a request was due: what a stall delays is seen.

Requests are encoded and signed before the clock starts; this program and the cluster share the
machine when both run on it. CPU is that of the nodes, of the front door of `ana up` and of this
program, 100 % is one CPU; WRITTEN/BYTE is what a replica wrote to its disk for one byte of data.
Other servers of the Kinesis API can be measured too; what only our nodes can tell is `-` then, null
in JSON. Requests are signed as AWS wants it: as `test` where there are no credentials. Shard limits
hold unless the cluster has --limits off.

Examples:
  ana up --limits off &
  ana bench put --stream speed --shards 6 --in-flight 8 --seconds 10
  ana bench put --single --in-flight 64                  PutRecord
  ana bench put --single --rate 2000 -o json             2000 a second, by the clock
  ana bench put --endpoint http://127.0.0.1:4566 --records-per-request 100")]
pub(in crate::commands) struct BenchPut {
    #[command(flatten)]
    what: LoadArgs,
    /// Records due in a second, by the clock; without it as many as are acknowledged.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
}

/// What is written: the same for all commands that write.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct LoadArgs {
    /// The stream to write to; created when it does not exist.
    #[arg(long, default_value = "ana-bench", value_name = "NAME")]
    pub(super) stream: String,
    /// Shards of the stream when it is created.
    #[arg(long, default_value = "6", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) shards: u32,
    /// Send PutRecord, which has one record, instead of PutRecords.
    #[arg(long, conflicts_with = "records_per_request")]
    single: bool,
    /// Records of one request.
    #[arg(long, default_value = "500", value_parser = clap::value_parser!(u32).range(1..=500))]
    records_per_request: u32,
    /// Data bytes of a record.
    #[arg(long, default_value = "1024", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(super) record_bytes: u32,
    /// Requests under way at the same time. By the clock at most so many; what is due beyond that is not sent.
    /// [default: 8, by the clock 1024]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    in_flight: Option<u32>,
    /// How long to measure, after a second of warming up.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seconds: u64,
    /// Say nothing on the way.
    #[arg(long)]
    pub(super) quiet: bool,
}

/// Requests under way in a closed loop, when not told.
const IN_FLIGHT: u32 = 8;
/// Requests that may be outstanding in an open loop, when not told.
const OUTSTANDING_MAX: u32 = 1024;

impl LoadArgs {
    /// What is written, at a rate or as fast as it goes.
    pub(super) fn load(&self, rate_per_s: Option<u32>) -> Load {
        let in_flight = match rate_per_s {
            None => IN_FLIGHT,
            Some(_) => OUTSTANDING_MAX,
        };
        Load {
            stream: self.stream.clone(),
            single: self.single,
            records_per_request: if self.single {
                1
            } else {
                self.records_per_request
            },
            record_bytes: self.record_bytes,
            in_flight: self.in_flight.unwrap_or(in_flight),
            rate_per_s,
        }
    }
}

impl BenchPut {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let what = &self.what;
        stream::ensure(context, &what.stream, what.shards).await?;
        let load = what.load(self.rate);
        let measure = Measure::prepare(context, load, what.seconds, what.quiet).await?;
        let doing = format!("writing to {}", what.stream);
        let measured = measure.run(measure.window(), &doing, || 0).await?;
        measure.say_faults(&measured);
        match context.format {
            Format::Json => output::json(&measure.json(&measured))?,
            Format::Table => {
                let windows = [(measure.load.operation(), &measured)];
                output::data(&measure.tables(&windows))?;
            }
        }
        Ok(if measured.counts.acknowledged > 0 {
            Exit::Ok
        } else {
            Exit::Failed
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        put: BenchPut,
    }

    fn parse(line: &str) -> Option<Load> {
        let arguments = ["put"].into_iter().chain(line.split_whitespace());
        let put = Line::try_parse_from(arguments).ok()?.put;
        Some(put.what.load(put.rate))
    }

    #[test]
    fn arguments_make_a_load() {
        let load = |line: &str| {
            let load = parse(line)?;
            let shape = (load.records_per_request, load.in_flight, load.rate_per_s);
            Some((load.operation(), shape))
        };
        for (line, expected) in [
            ("", Some(("PutRecords", (500, 8, None)))),
            (
                "--records-per-request 1",
                Some(("PutRecords", (1, 8, None))),
            ),
            ("--single", Some(("PutRecord", (1, 8, None)))),
            (
                "--single --in-flight 1024",
                Some(("PutRecord", (1, 1024, None))),
            ),
            ("--rate 5000", Some(("PutRecords", (500, 1024, Some(5000))))),
            (
                "--single --rate 9 --in-flight 2",
                Some(("PutRecord", (1, 2, Some(9)))),
            ),
            ("--single --records-per-request 1", None),
            ("--records-per-request 501", None),
            ("--records-per-request 0", None),
            ("--in-flight 1025", None),
            ("--in-flight 0", None),
            ("--rate 0", None),
            ("--seconds 0", None),
        ] {
            assert_eq!(load(line), expected, "{line}");
        }
    }
}
