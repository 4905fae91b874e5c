//! `ana bench mixed`: what a reader of the whole stream does to those who write at the same time.
//!
//! Must stay true: both windows are of the same load at the same rate, one after the other in one run; only the
//! readers are more in the second.

use std::sync::Arc;

use serde_json::{Value, json};

use super::measure::{Measure, Measured};
use super::put::LoadArgs;
use super::reader::{Plan, ReadMeter};
use super::readers::{AllRead, ReadArgs, Readers};
use super::{figures, fill, stream};
use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

/// Write at a given rate, first alone, then while the stream is read from its beginning.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Requests are due by the clock (an open loop) and latency counts from when a request was due. The
rate should be about half of what `ana bench put` tells, so that it is the reader that is seen and
not a lack of CPU. In the second half every shard is read from its oldest record to its tip with
GetRecords, again and again, as fast as it is answered.

Examples:
  ana up --limits off &
  ana bench mixed --rate 40000 --fill-records 1000000
  ana bench mixed --single --rate 1000 --seconds 30 -o json")]
pub(in crate::commands) struct BenchMixed {
    /// Records due in a second, by the clock.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    #[command(flatten)]
    what: LoadArgs,
    #[command(flatten)]
    how: ReadArgs,
    /// Write so many records first, so that there is more to read.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    fill_records: Option<u64>,
}

/// Both windows.
#[derive(Debug)]
struct Mixed {
    without: Measured,
    with: Measured,
    all: AllRead,
}

impl BenchMixed {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let what = &self.what;
        stream::ensure(context, &what.stream, what.shards).await?;
        if let Some(records) = self.fill_records {
            fill::fill(
                context,
                &what.stream,
                records,
                what.record_bytes,
                what.quiet,
            )
            .await?;
        }
        let load = what.load(Some(self.rate));
        let measure = Measure::prepare(context, load, what.seconds, what.quiet).await?;
        let mixed = self.measure(&measure).await?;
        for measured in [&mixed.without, &mixed.with] {
            measure.say_faults(measured);
        }
        let total = &mixed.all.total;
        if let Some(why) = &total.last_failure {
            let failed = total.failed_requests;
            output::say(&format!("{failed} reads failed, the last one: {why}"));
        }
        match context.format {
            Format::Json => output::json(&mixed.json(&measure))?,
            Format::Table => output::data(&mixed.tables(&measure))?,
        }
        let written = [&mixed.without, &mixed.with].map(|it| it.counts.acknowledged);
        let good = written.iter().all(|count| *count > 0) && mixed.with.counted_meanwhile > 0;
        Ok(if good { Exit::Ok } else { Exit::Failed })
    }

    async fn measure(&self, measure: &Measure<'_>) -> Result<Mixed, CliError> {
        let (context, name) = (measure.context, &self.what.stream);
        let doing = format!("writing to {name}");
        let without = measure.run(measure.window(), &doing, || 0).await?;
        let shards = stream::shards(context, name).await?;
        let window = measure.window();
        let plan = Plan {
            stream: name.clone(),
            limit: self.how.limit,
            until: window.until,
            again: true,
            key_begins: None,
        };
        let meter = Arc::new(ReadMeter::default());
        let per_shard = self.how.readers_per_shard;
        let readers = Readers::start(context, &plan, &shards, per_shard, &meter);
        let doing = format!("writing to {name} and reading it");
        let with = measure.run(window, &doing, || meter.records());
        let (with, all) = futures::try_join!(with, readers.join(context))?;
        Ok(Mixed { without, with, all })
    }
}

impl Mixed {
    /// How many times as large a quantile is with the readers.
    fn ratio(&self, permille: u64) -> Option<f64> {
        let quantile = |it: &Measured| it.counts.latency.quantile_us(permille);
        figures::ratio(quantile(&self.with), quantile(&self.without))
    }

    fn read_records_per_s(&self, measure: &Measure<'_>) -> u64 {
        self.with.counted_meanwhile / measure.seconds.max(1)
    }

    fn json(&self, measure: &Measure<'_>) -> Value {
        json!({
            "stream": measure.load.stream,
            "without_reader": measure.json(&self.without),
            "with_reader": measure.json(&self.with),
            "readers": self.all.rounds.iter().map(Vec::len).sum::<usize>(),
            "read_records_per_s": self.read_records_per_s(measure),
            "failed_reads": self.all.total.failed_requests,
            "p50_ratio": self.ratio(500),
            "p99_ratio": self.ratio(990),
        })
    }

    fn tables(&self, measure: &Measure<'_>) -> String {
        let operation = measure.load.operation();
        let beside = format!("{operation} beside readers");
        let windows = [(operation, &self.without), (beside.as_str(), &self.with)];
        let times = |permille| {
            let ratio = self.ratio(permille);
            ratio.map_or_else(|| "-".to_owned(), |it| format!("{it:.2}"))
        };
        format!(
            "{}\nread meanwhile: {} records/s; latency beside readers: p50 {} times, p99 {} times that without\n",
            measure.tables(&windows),
            self.read_records_per_s(measure),
            times(500),
            times(990)
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        mixed: BenchMixed,
    }

    #[test]
    fn a_rate_is_needed() {
        for (line, good) in [
            ("--rate 1000", true),
            (
                "--rate 1000 --single --limit 100 --readers-per-shard 2",
                true,
            ),
            ("--rate 1000 --fill-records 5 --seconds 1 --quiet", true),
            ("", false),
            ("--rate 0", false),
            ("--rate 1000 --limit 0", false),
            ("--rate 1000 --fill-records 0", false),
        ] {
            let arguments = ["mixed"].into_iter().chain(line.split_whitespace());
            assert_eq!(Line::try_parse_from(arguments).is_ok(), good, "{line}");
        }
    }
}
