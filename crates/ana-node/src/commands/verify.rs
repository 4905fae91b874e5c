//! `ana verify`: write, keep a book, read everything back, and say what became of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ana_env::runtime;
use ana_env::time;
use futures::future::try_join_all;
use tokio::sync::watch;

use super::Context;
use super::stream::wait_until_active;
use crate::client::kinesis::seconds;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};
use crate::reading::{self, Follower, From, Until};
use crate::signals::EndSignals;
use crate::verify::judge::Judge;
use crate::verify::ledger::Ledger;
use crate::verify::producer::{Meter, Plan, Producer};
use crate::verify::report::{Report, Run};

/// Write records, remember what was acknowledged, read everything back: is it all there?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Run it while you do harm: kill nodes and zones, split and merge shards. Records that were sent but
never acknowledged carry no promise; they are counted, and may be there or not.
Ctrl-C ends the writing early; what was acknowledged is verified all the same.

Exit code 11 when an acknowledged record is lost, 1 when another promise is broken (a duplicate no
retry explains, a key out of order, a sequence number used twice).

Examples:
  ana verify                                 ten seconds, four producers
  ana verify --seconds 60 --rate 2000 & ana zone kill b; wait
  ana verify --stream orders --records 10000 -o json")]
pub(super) struct Verify {
    /// The stream to write to; created when it does not exist.
    #[arg(long, default_value = "ana-verify", value_name = "NAME")]
    stream: String,
    /// Shards of the stream when it is created.
    #[arg(long, default_value = "4", value_parser = clap::value_parser!(u32).range(1..))]
    shards: u32,
    /// Producers that write at the same time.
    #[arg(long, default_value = "4", value_parser = clap::value_parser!(u32).range(1..=256))]
    producers: u32,
    /// How long to write.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Records per second of all producers together; 0 for as fast as it goes.
    #[arg(long, default_value = "1000")]
    rate: u64,
    /// End after so many records of all producers together.
    #[arg(long)]
    records: Option<u64>,
    /// Data bytes of a record at least.
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    record_bytes: u32,
    /// Write the acknowledged records to a file: producer, counter, sequence number.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// Partition keys of one producer, and the most records of one request.
const KEYS: u64 = 50;
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

impl Verify {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let mut signals = EndSignals::take_over().map_err(|error| {
            CliError::new(Exit::Failed, format!("cannot listen for Ctrl-C: {error}"))
        })?;
        self.ensure_stream(context).await?;
        let run = format!("{:08x}", context.env.rng.next_u64() >> 32);
        let began = context.env.clock.elapsed();
        let meter = Arc::new(Meter::default());
        let ledgers = self.write(context, &run, &meter, &mut signals).await?;
        let elapsed = context.env.clock.elapsed().saturating_sub(began);
        self.save_ledger(context, &ledgers).await?;

        output::say(&format!(
            "{} acknowledged; reading back",
            meter.acknowledged()
        ));
        let judge = Judge::new(run.clone(), KEYS, ledgers);
        let (findings, shards) = tokio::select! {
            biased;
            () = signals.next() => return Ok(Exit::Interrupted),
            read = self.read_back(context, judge) => read?,
        };
        let seconds = seconds(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        let run = Run {
            stream: self.stream.clone(),
            run,
            seconds,
            shards,
        };
        let report = Report::new(run, &meter.counts(), findings);
        match context.format {
            Format::Json => {
                let value = serde_json::to_value(&report).map_err(|error| {
                    CliError::new(Exit::Failed, format!("the report is not JSON: {error}"))
                })?;
                output::json(&value)?;
            }
            Format::Table => output::data(&report.table(context.paint()))?,
        }
        Ok(report.exit())
    }

    async fn ensure_stream(&self, context: &Context) -> Result<(), CliError> {
        let client = context.client();
        match client.create_stream(&self.stream, Some(self.shards)).await {
            Ok(()) => output::say(&format!(
                "created {} of {} shards",
                self.stream, self.shards
            )),
            // It is there already, and keeps its shards.
            Err(error) if error.exit() == Exit::Exists => {}
            Err(error) => return Err(context.explain(error)),
        }
        wait_until_active(context, &client, &self.stream).await
    }

    async fn write(
        &self,
        context: &Context,
        run: &str,
        meter: &Arc<Meter>,
        signals: &mut EndSignals,
    ) -> Result<Vec<Ledger>, CliError> {
        let (stop, stopped) = watch::channel(false);
        let tasks: Vec<_> = (0..self.producers)
            .map(|producer| {
                let plan = self.plan(run, producer);
                let meter = Arc::clone(meter);
                let producer = Producer::new(context.client(), plan, meter, stopped.clone());
                runtime::spawn(producer.run())
            })
            .collect();
        let joined = try_join_all(tasks);
        tokio::pin!(joined);
        let mut end = Box::pin(time::sleep(Duration::from_secs(self.seconds)));
        let mut progress = time::interval(PROGRESS_EVERY);
        let mut stopping = false;
        let results = loop {
            tokio::select! {
                biased;
                results = &mut joined => break results,
                () = &mut end, if !stopping => stopping = true,
                () = signals.next(), if !stopping => stopping = true,
                _ = progress.tick() => self.say_progress(meter),
            }
            if stopping && stop.send(true).is_err() {
                // All producers have ended; their results come next.
            }
        };
        let results = results.map_err(|error| {
            CliError::new(Exit::Failed, format!("a producer broke off: {error}"))
        })?;
        results
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| context.explain(error))
    }

    fn say_progress(&self, meter: &Meter) {
        if output::person_is_watching() {
            let counts = meter.counts();
            output::say(&format!(
                "{}: {} acknowledged, {} attempts without answer, {} throttled",
                self.stream, counts.acknowledged, counts.unsure, counts.throttled
            ));
        }
    }

    fn plan(&self, run: &str, producer: u32) -> Plan {
        let producers = u64::from(self.producers);
        let rate = self.rate.div_ceil(producers);
        // About ten requests a second, so that a low rate is still spread evenly.
        let batch = if self.rate == 0 {
            KEYS
        } else {
            (rate / 10).clamp(1, KEYS)
        };
        let interval = if self.rate == 0 {
            Duration::ZERO
        } else {
            Duration::from_micros(batch * 1_000_000 * producers / self.rate.max(1))
        };
        let share = |records: u64| {
            records / producers + u64::from(u64::from(producer) < records % producers)
        };
        Plan {
            stream: self.stream.clone(),
            run: run.to_owned(),
            producer,
            keys: KEYS,
            batch,
            record_bytes: usize::try_from(self.record_bytes).unwrap_or(0),
            interval,
            records_max: self.records.map(share),
        }
    }

    async fn read_back(
        &self,
        context: &Context,
        mut judge: Judge,
    ) -> Result<(crate::verify::judge::Findings, usize), CliError> {
        let client = Arc::new(reading::patient(context.client()));
        let mut follower = Follower::start(client, &self.stream, &From::Horizon, Until::Tip)
            .await
            .map_err(|error| context.explain(error))?;
        while let Some(batch) = follower.next().await {
            let batch = batch.map_err(|error| context.explain(error))?;
            for record in &batch.records {
                judge.read(&batch.shard, record);
            }
        }
        Ok((judge.verdict(), follower.shards_known()))
    }

    async fn save_ledger(&self, context: &Context, ledgers: &[Ledger]) -> Result<(), CliError> {
        let Some(path) = &self.ledger else {
            return Ok(());
        };
        let mut text = String::new();
        for (producer, ledger) in ledgers.iter().enumerate() {
            for (counter, slot) in ledger.slots() {
                if let Some(at) = slot.acknowledged {
                    text.push_str(&format!("{producer} {counter} {at}\n"));
                }
            }
        }
        let failed = |error: std::io::Error| CliError::file("write the ledger", path, &error);
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| failed(std::io::Error::other("it has no name")))?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or_else(|| std::path::Path::new("."));
        let saved = crate::cluster::layout::save(context.env.disk.as_ref(), dir, name, text.into());
        saved.await.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        verify: Verify,
    }

    fn verify(arguments: &[&str]) -> Verify {
        Line::parse_from(["verify"].iter().chain(arguments)).verify
    }

    #[test]
    fn quota_and_rate_are_shared_out() {
        let verify = verify(&["--records", "10", "--producers", "4", "--rate", "4000"]);
        let plans: Vec<Plan> = (0..4).map(|producer| verify.plan("r", producer)).collect();
        let quotas: Vec<_> = plans.iter().map(|plan| plan.records_max).collect();
        assert_eq!(quotas, [Some(3), Some(3), Some(2), Some(2)]);
        assert_eq!(plans[0].batch, KEYS);
        assert_eq!(plans[0].interval, Duration::from_millis(50));
    }

    #[test]
    fn a_low_rate_is_one_record_at_a_time() {
        let plan = verify(&["--rate", "2", "--producers", "4"]).plan("r", 0);
        assert_eq!((plan.batch, plan.interval), (1, Duration::from_secs(2)));
        let plan = verify(&["--rate", "0"]).plan("r", 0);
        assert_eq!((plan.batch, plan.interval), (KEYS, Duration::ZERO));
    }
}
