//! The second half of `ana bench fanout`: producers and fan-out consumers at full speed, with more and more consumers.
//!
//! A closed loop: producers send the next request when one was answered, consumers read what they are pushed and do
//! nothing else. Whether consumers slow one another or the producers by more than the CPU they use is seen from the
//! CPU time beside the rates: on a machine whose CPUs are all busy every consumer takes something from somebody.

use std::fs::read_to_string;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ana_env::{Clock, runtime, time};
use http::Method;
use serde_json::json;
use tokio::sync::watch;

use super::{BenchPut, Counts, WARM_UP, fanout};
use crate::client::error::ClientError;
use crate::client::subscription::Subscription;
use crate::commands::{Context, node};
use crate::error::{CliError, Exit};
use crate::histogram::ms;
use crate::output::Table;

/// Records and bytes of a request, and requests under way: those of the figure in docs/PERFORMANCE.md.
const RECORDS_PER_REQUEST: u32 = 500;
const RECORD_BYTES: u32 = 1024;
const IN_FLIGHT: u32 = 4;
/// `/proc` counts CPU time in hundredths of a second on every Linux (`USER_HZ`).
const MS_PER_TICK: u64 = 10;

/// What was seen with so many consumers.
#[derive(Debug)]
pub(super) struct Step {
    consumers: u32,
    seconds: u64,
    puts: Counts,
    /// Records that each consumer was pushed.
    pushed: Vec<u64>,
    cpu: Cpu,
}

/// CPU time in milliseconds; none where it cannot be known, as on another machine.
#[derive(Debug, Clone, Copy)]
struct Cpu {
    /// All nodes together.
    nodes: Option<u64>,
    /// `ana up`, through whose front door all bytes go.
    door: Option<u64>,
    /// This program: producers and consumers.
    own: Option<u64>,
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
    let producers = BenchPut {
        stream: stream.to_owned(),
        shards: 1,
        records_per_request: RECORDS_PER_REQUEST,
        record_bytes: RECORD_BYTES,
        in_flight: IN_FLIGHT,
        seconds,
    };
    let clock = context.env.clock.as_ref();
    let from = clock.elapsed() + WARM_UP;
    let until = from + Duration::from_secs(seconds);
    let nodes = processes(context).await;
    let look = || {
        let count = |it: &Arc<AtomicU64>| it.load(Ordering::Relaxed);
        (
            pushed.iter().map(count).collect::<Vec<_>>(),
            Cpu::used(&nodes),
        )
    };
    let looks = async {
        sleep_until(clock, from).await;
        let first = look();
        sleep_until(clock, until).await;
        (first, look())
    };
    let (puts, (first, last)) = futures::join!(producers.measure(context, from, until), looks);
    stop.send_replace(true);
    for reader in readers {
        let read = reader
            .await
            .map_err(|error| CliError::new(Exit::Failed, format!("a reader broke off: {error}")))?;
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
        cpu: last.1.since(first.1),
    })
}

async fn sleep_until(clock: &dyn Clock, at: Duration) {
    time::sleep(at.saturating_sub(clock.elapsed())).await;
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

/// Process ids of the nodes, when a supervisor on this machine runs them.
async fn processes(context: &Context) -> Vec<String> {
    let asked = node::ask::<node::Nodes>(context, Method::GET, "/_ana/supervisor/status").await;
    let nodes = asked.map_or_else(|_none| Vec::new(), |asked| asked.nodes);
    let pids = nodes.into_iter().filter_map(|node| node.pid);
    pids.map(|pid| pid.to_string()).collect()
}

impl Cpu {
    /// What was used so far.
    fn used(nodes: &[String]) -> Cpu {
        let used = |pid: &String| ticks(&stat(pid)?).map(|ticks| ticks * MS_PER_TICK);
        let parent = nodes.first().and_then(|pid| parent(&stat(pid)?));
        Cpu {
            nodes: nodes
                .iter()
                .map(used)
                .sum::<Option<u64>>()
                .filter(|_| !nodes.is_empty()),
            door: parent.as_ref().and_then(used),
            own: used(&"self".to_owned()),
        }
    }

    fn since(self, first: Cpu) -> Cpu {
        let since = |last: Option<u64>, first: Option<u64>| Some(last?.saturating_sub(first?));
        Cpu {
            nodes: since(self.nodes, first.nodes),
            door: since(self.door, first.door),
            own: since(self.own, first.own),
        }
    }
}

/// What the kernel tells of a process of this machine; none where there is no `/proc`.
fn stat(pid: &String) -> Option<String> {
    read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// The fields of `stat` from the third on: behind the name, which may contain anything.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(") ")
        .into_iter()
        .flat_map(|(_, behind)| behind.split(' '))
}

/// Field 4.
fn parent(stat: &str) -> Option<String> {
    fields(stat).nth(1).map(str::to_owned)
}

/// User and system time: fields 14 and 15.
fn ticks(stat: &str) -> Option<u64> {
    let mut times = fields(stat)
        .skip(11)
        .map_while(|field| field.parse::<u64>().ok());
    Some(times.next()? + times.next()?)
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
            "nodes_cpu_ms": self.cpu.nodes,
            "front_door_cpu_ms": self.cpu.door,
            "own_cpu_ms": self.cpu.own,
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
            busy(step.cpu.nodes),
            busy(step.cpu.door),
            busy(step.cpu.own),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_whatever_the_name_of_the_process() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 21 4 0 0 20 0";
        assert_eq!(
            (ticks(stat), parent(stat).as_deref()),
            (Some(25), Some("1"))
        );
        assert_eq!(ticks("7 (a) S 1 2"), None);
    }
}
