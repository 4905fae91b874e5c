//! The second half of `ana bench fanout`: producers and fan-out consumers at full speed, with more and more consumers.
//!
//! A closed loop: producers send the next request when one was answered, consumers read what they are pushed and do
//! nothing else. Whether consumers slow one another or the producers by more than the CPU they use is seen from the
//! CPU time beside the rates: on a machine whose CPUs are all busy every consumer takes something from somebody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ana_env::runtime;
use serde_json::json;
use tokio::sync::watch;

use super::cpu::{Processes, Used};
use super::fanout;
use super::load::{Counts, Load, Meter, Window, broken_off};
use super::measure::{WARM_UP, sleep_until};
use crate::client::error::ClientError;
use crate::client::subscription::Subscription;
use crate::commands::Context;
use crate::error::CliError;
use crate::histogram::ms;
use crate::output::Table;

/// Records and bytes of a request, and requests under way: those of the figure in docs/PERFORMANCE.md.
const RECORDS_PER_REQUEST: u32 = 500;
const RECORD_BYTES: u32 = 1024;
const IN_FLIGHT: u32 = 4;

/// What was seen with so many consumers.
#[derive(Debug)]
pub(super) struct Step {
    consumers: u32,
    seconds: u64,
    puts: Counts,
    /// Records that each consumer was pushed.
    pushed: Vec<u64>,
    used: Used,
}

/// Producers alone, or with consumers of every shard of the stream.
pub(super) async fn step(
    context: &Context,
    stream: &str,
    consumers: u32,
    seconds: u64,
) -> Result<Step, CliError> {
    let subscriptions = fanout::subscriptions(context, stream, consumers).await?;
    let pushed: Vec<Arc<AtomicU64>> = (0..consumers).map(|_| Arc::default()).collect();
    let (stop, stopped) = watch::channel(false);
    let readers: Vec<_> = subscriptions
        .into_iter()
        .filter_map(|(consumer, subscription)| {
            let count = pushed.get(usize::try_from(consumer).ok()?)?;
            let reader = read(subscription, Arc::clone(count), stopped.clone());
            Some(runtime::spawn(reader))
        })
        .collect();
    let producers = Load {
        stream: stream.to_owned(),
        single: false,
        records_per_request: RECORDS_PER_REQUEST,
        record_bytes: RECORD_BYTES,
        in_flight: IN_FLIGHT,
        rate_per_s: None,
    };
    let requests = producers.requests(context)?;
    let processes = Processes::find(context, stream).await;
    let clock = context.env.clock.as_ref();
    let from = clock.elapsed() + WARM_UP;
    let until = from + Duration::from_secs(seconds);
    let look = || {
        let count = |it: &Arc<AtomicU64>| it.load(Ordering::Relaxed);
        (
            pushed.iter().map(count).collect::<Vec<_>>(),
            processes.used(),
        )
    };
    let looks = async {
        sleep_until(clock, from).await;
        let first = look();
        sleep_until(clock, until).await;
        (first, look())
    };
    let meter = Arc::new(Meter::default());
    let window = Window { from, until };
    let puts = producers.run(context, &requests, window, &meter);
    let (puts, (first, last)) = futures::join!(puts, looks);
    stop.send_replace(true);
    for reader in readers {
        let read = reader.await.map_err(broken_off)?;
        read.map_err(|error| context.explain(error))?;
    }
    let passed = last
        .0
        .iter()
        .zip(&first.0)
        .map(|(last, first)| last - first);
    Ok(Step {
        consumers,
        seconds,
        puts: puts?,
        pushed: passed.collect(),
        used: last.1.since(first.1),
    })
}

/// Counts what is pushed until told to stop.
async fn read(
    mut subscription: Subscription,
    count: Arc<AtomicU64>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), ClientError> {
    loop {
        let pushed = tokio::select! {
            pushed = subscription.next() => pushed?,
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
        };
        let Some(pushed) = pushed else {
            return Err(fanout::ended("the service ended the subscription early"));
        };
        let records = u64::try_from(pushed.records.len()).unwrap_or(u64::MAX);
        count.fetch_add(records, Ordering::Relaxed);
    }
}

impl Step {
    fn puts_per_s(&self) -> u64 {
        self.puts.acknowledged / self.seconds
    }

    /// The slowest and the fastest consumer, records a second.
    fn spread_per_s(&self) -> Option<(u64, u64)> {
        let per_s = || self.pushed.iter().map(|records| records / self.seconds);
        Some((per_s().min()?, per_s().max()?))
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let latency = &self.puts.latency;
        json!({
            "consumers": self.consumers,
            "seconds": self.seconds,
            "put_records_per_s": self.puts_per_s(),
            "put_us": fanout::as_json(latency),
            "failed_requests": self.puts.failed_requests,
            "refused": self.puts.refused,
            "pushed_records_per_s":
                self.pushed.iter().map(|records| records / self.seconds).collect::<Vec<_>>(),
            "nodes_cpu_ms": self.used.nodes_cpu_ms,
            "front_door_cpu_ms": self.used.door_cpu_ms,
            "own_cpu_ms": self.used.own_cpu_ms,
        })
    }
}

/// One line for each step.
pub(super) fn table(steps: &[Step]) -> Table {
    let mut table = Table::new(&[
        ">CONSUMERS",
        ">PUT/S",
        ">P50 MS",
        ">P99 MS",
        ">PUSHED/S EACH",
        ">NODES CPU",
        ">DOOR CPU",
        ">OWN CPU",
    ]);
    for step in steps {
        let latency = &step.puts.latency;
        // Of one CPU, percent.
        let busy = |cpu_ms: Option<u64>| {
            cpu_ms.map_or_else(
                || "-".to_owned(),
                |it| format!("{} %", it / step.seconds / 10),
            )
        };
        table.row(vec![
            step.consumers.to_string(),
            step.puts_per_s().to_string(),
            ms(latency.quantile_us(500)),
            ms(latency.quantile_us(990)),
            step.spread_per_s()
                .map_or_else(|| "-".to_owned(), |(least, most)| format!("{least}-{most}")),
            busy(step.used.nodes_cpu_ms),
            busy(step.used.door_cpu_ms),
            busy(step.used.own_cpu_ms),
        ]);
    }
    table
}
