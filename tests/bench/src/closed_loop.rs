//! The loop that all peers are driven by: so many messages in flight, the next one when one was acknowledged.
//!
//! Must stay true, as in `ana bench put`: the rate counts what was acknowledged within the window, latency and failures
//! those of the messages that began in it, however late they were answered; no message is sent twice.

use std::future::Future;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// One connection to a peer.
pub(crate) trait Peer: Send + Sync + 'static {
    /// Appends a message to one of the logs; returns when the peer has acknowledged it.
    fn put(&self, log: usize, body: Bytes) -> impl Future<Output = Result<()>> + Send;
}

/// What is sent, and for how long.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Load {
    /// Messages under way at the same time, over all connections.
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) in_flight: u32,
    /// Bytes of a message.
    #[arg(long, default_value = "1024", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    record_bytes: u32,
    /// How long to measure, after a second of warming up.
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

const WARM_UP: Duration = Duration::from_secs(1);
/// Different messages of one sender, sent in turn.
const BODIES: usize = 4;
/// A message that failed is not followed by the next one at once.
const FAILED_PAUSE: Duration = Duration::from_millis(10);
/// Latencies are kept up to this, to three digits.
const LATENCY_US_MAX: u64 = 60_000_000;

/// What the senders of one connection have seen.
struct Counts {
    acknowledged: u64,
    failed: u64,
    last_failure: Option<Error>,
    latency_us: Histogram<u64>,
}

impl Counts {
    fn new() -> Result<Counts> {
        Ok(Counts {
            acknowledged: 0,
            failed: 0,
            last_failure: None,
            latency_us: Histogram::new_with_max(LATENCY_US_MAX, 3)?,
        })
    }

    /// What is acknowledged in the window counts for the rate, what began in it for the rest.
    fn count(
        &mut self,
        outcome: Result<()>,
        began: Instant,
        ended: Instant,
        window: &Range<Instant>,
    ) {
        match outcome {
            Ok(()) => {
                self.acknowledged += u64::from(window.contains(&ended));
                if window.contains(&began) {
                    let took = u64::try_from((ended - began).as_micros()).unwrap_or(u64::MAX);
                    self.latency_us.saturating_record(took);
                }
            }
            Err(failure) if window.contains(&began) => {
                self.failed += 1;
                self.last_failure = Some(failure);
            }
            Err(_while_warming_up) => {}
        }
    }
}

impl Load {
    /// Sends over all connections, to all logs, and reports in the members that `ana bench put -o json` has.
    pub(crate) async fn run<P: Peer>(&self, connections: Vec<P>, logs: usize) -> Result<Value> {
        let count = connections.len();
        let peers: Vec<(Arc<P>, Arc<Mutex<Counts>>)> = connections
            .into_iter()
            .map(|peer| Ok((Arc::new(peer), Arc::new(Mutex::new(Counts::new()?)))))
            .collect::<Result<_>>()?;
        let from = Instant::now() + WARM_UP;
        let window = from..from + Duration::from_secs(self.seconds);
        let mut senders = JoinSet::new();
        for number in 0..usize::try_from(self.in_flight)? {
            let (peer, counts) = peers[number % count].clone();
            // Neighbours share a connection's log no more often than others: the logs take turns slower.
            let log = number / count % logs;
            let bodies = bodies(usize::try_from(self.record_bytes)?);
            senders.spawn(send(peer, counts, log, bodies, window.clone()));
        }
        while let Some(ended) = senders.join_next().await {
            ended.context("a sender broke off")?;
        }
        let mut total = Counts::new()?;
        for (_, counts) in peers {
            let counts = Arc::into_inner(counts).context("all senders have ended")?;
            let counts = counts.into_inner().expect("no sender has panicked");
            total.acknowledged += counts.acknowledged;
            total.failed += counts.failed;
            total.last_failure = counts.last_failure.or(total.last_failure);
            total.latency_us.add(&counts.latency_us)?;
        }
        if let Some(failure) = &total.last_failure {
            eprintln!("{} messages failed, one of them: {failure:#}", total.failed);
        }
        ensure!(total.acknowledged > 0, "nothing was acknowledged");
        Ok(self.report(&total, count, logs))
    }

    fn report(&self, total: &Counts, connections: usize, logs: usize) -> Value {
        let per_second = total.acknowledged / self.seconds;
        let latency = |quantile| total.latency_us.value_at_quantile(quantile);
        json!({
            "operation": "put",
            "seconds": self.seconds,
            "records_per_request": 1,
            "record_bytes": self.record_bytes,
            "in_flight": self.in_flight,
            "connections": connections,
            "logs": logs,
            "acknowledged": total.acknowledged,
            "failed_requests": total.failed,
            "records_per_s": per_second,
            "mb_per_s": (per_second * u64::from(self.record_bytes) / 100_000) as f64 / 10.0,
            "latency_us_p50": latency(0.5),
            "latency_us_p90": latency(0.9),
            "latency_us_p99": latency(0.99),
            "latency_us_p999": latency(0.999),
            "latency_us_max": total.latency_us.max(),
        })
    }
}

/// Random, so that nothing on the way can make it smaller.
fn bodies(bytes: usize) -> Vec<Bytes> {
    let body = |_| {
        std::iter::repeat_with(|| fastrand::u8(..))
            .take(bytes)
            .collect()
    };
    (0..BODIES).map(body).collect()
}

/// One message after the other until the end.
async fn send<P: Peer>(
    peer: Arc<P>,
    counts: Arc<Mutex<Counts>>,
    log: usize,
    bodies: Vec<Bytes>,
    window: Range<Instant>,
) {
    for body in bodies.iter().cycle() {
        let began = Instant::now();
        if began >= window.end {
            break;
        }
        let outcome = peer.put(log, body.clone()).await;
        let ended = Instant::now();
        let failed = outcome.is_err();
        counts
            .lock()
            .expect("no sender has panicked")
            .count(outcome, began, ended, &window);
        if failed {
            sleep(FAILED_PAUSE).await;
        }
    }
}
