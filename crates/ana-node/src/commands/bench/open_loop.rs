//! Requests sent by the clock, whether or not earlier ones have been answered.
//!
//! Must stay true:
//! - latency counts from when a request was due, not from when it was sent: a server that stalls cannot hide it by
//!   slowing the writer down;
//! - no more requests are under way than there are writers; one that is due beyond that is never sent, and counted.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ana_env::{Clock, runtime};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;

use super::load::{Counts, Outcome, Window, Writer};
use crate::client::error::ClientError;

/// Requests that are due and not yet looked at; when they are more, those who tell them wait. They are late then, and
/// their latency says so.
const DUE_WAITING_MAX: usize = 1024;

/// When requests are due: evenly, from a moment on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    begin: Duration,
    records_per_s: u32,
    records_per_request: u32,
}

impl Schedule {
    /// So many records a second, so many of them in each request.
    pub(super) fn new(begin: Duration, records_per_s: u32, records_per_request: u32) -> Schedule {
        Schedule {
            begin,
            records_per_s: records_per_s.max(1),
            records_per_request,
        }
    }

    /// When a request is due. The first one, 0, is due at once. Counted from the beginning each time, so that no
    /// rounding adds up.
    fn due(&self, request: u64) -> Duration {
        let records = u128::from(request) * u128::from(self.records_per_request);
        let passed_ns = records * 1_000_000_000 / u128::from(self.records_per_s);
        self.begin + Duration::from_nanos(u64::try_from(passed_ns).unwrap_or(u64::MAX))
    }
}

/// One request that has been sent.
#[derive(Debug)]
struct Done {
    writer: Writer,
    due: Duration,
    sent: Duration,
    ended: Duration,
    outcome: Result<Outcome, ClientError>,
}

/// Sends what is due until the end of the window, waits for the answers, and counts what was due within the window.
pub(super) async fn run(
    clock: Arc<dyn Clock>,
    schedule: Schedule,
    mut free: Vec<Writer>,
    window: Window,
) -> Result<Counts, ClientError> {
    let (tell, mut dues) = mpsc::channel(DUE_WAITING_MAX);
    let beat = {
        let clock = Arc::clone(&clock);
        let beat = move || beat(clock.as_ref(), schedule, window.until, &tell);
        runtime::spawn(runtime::spawn_blocking(beat))
    };
    let mut counts = Counts::default();
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            // Writers that are free again come first: they may be needed for what is due.
            biased;
            Some(done) = under_way.next() => free.push(settle(&mut counts, window, done)?),
            due = dues.recv() => match (due, free.pop()) {
                (None, _) => break,
                (Some(due), Some(writer)) => {
                    under_way.push(runtime::spawn(send(Arc::clone(&clock), writer, due)));
                }
                (Some(due), None) => counts.never_sent += u64::from(window.contains(due)),
            },
        }
    }
    while let Some(done) = under_way.next().await {
        settle(&mut counts, window, done)?;
    }
    beat.await.and_then(|beaten| beaten).map_err(broken_off)?;
    Ok(counts)
}

async fn send(clock: Arc<dyn Clock>, writer: Writer, due: Duration) -> Done {
    let sent = clock.elapsed();
    let outcome = writer.send().await;
    Done {
        writer,
        due,
        sent,
        ended: clock.elapsed(),
        outcome,
    }
}

/// Counts a request and gives its writer back.
fn settle(
    counts: &mut Counts,
    window: Window,
    done: Result<Done, tokio::task::JoinError>,
) -> Result<Writer, ClientError> {
    let done = done.map_err(broken_off)?;
    let outcome = done.outcome?;
    if window.contains(done.due) {
        counts.sent_late.record(done.sent.saturating_sub(done.due));
        if outcome.is_good() {
            counts.latency.record(done.ended.saturating_sub(done.due));
        }
        counts.count(outcome);
    }
    Ok(done.writer)
}

/// Tells each request when it is due, on a thread of its own: the timers of the runtime go by whole milliseconds, and
/// what they are late would be counted as the latency of the server.
fn beat(clock: &dyn Clock, schedule: Schedule, until: Duration, tell: &mpsc::Sender<Duration>) {
    for request in 0.. {
        let due = schedule.due(request);
        if due >= until {
            return;
        }
        loop {
            let left = due.saturating_sub(clock.elapsed());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        if tell.blocking_send(due).is_err() {
            // Nobody sends any more.
            return;
        }
    }
}

fn broken_off(error: impl fmt::Display) -> ClientError {
    ClientError::NoAnswer {
        operation: "put",
        why: format!("a part of it broke off: {error}"),
        sent: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_evenly_and_no_rounding_adds_up() {
        let at = |rate: u32, records: u32, request: u64| {
            let schedule = Schedule::new(Duration::from_secs(5), rate, records);
            schedule.due(request)
        };
        let begin = Duration::from_secs(5);
        for (rate, records, request, passed_us) in [
            (1_000, 1, 0, 0),
            (1_000, 1, 1, 1_000),
            (1_000, 500, 1, 500_000),
            (50_000, 500, 3, 30_000),
            // Thirds do not drift away.
            (3, 1, 3, 1_000_000),
            (3, 1, 3_000_000, 1_000_000_000_000),
            (1, 500, 2, 1_000_000_000),
            (1_000_000, 1, u64::MAX / 1_000, u64::MAX / 1_000),
        ] {
            let due = at(rate, records, request);
            assert_eq!(
                due,
                begin + Duration::from_micros(passed_us),
                "{rate} {records} {request}"
            );
        }
    }

    #[tokio::test]
    async fn every_request_before_the_end_is_told_and_none_before_it_is_due() {
        let clock: Arc<dyn Clock> = Arc::new(ana_env::real::RealClock::new());
        let begin = clock.elapsed();
        let schedule = Schedule::new(begin, 2_000, 1);
        let (tell, mut dues) = mpsc::channel(4);
        let until = begin + Duration::from_millis(20);
        let on_thread = {
            let clock = Arc::clone(&clock);
            runtime::spawn_blocking(move || beat(clock.as_ref(), schedule, until, &tell))
        };
        let heard = async {
            let mut told = Vec::new();
            while let Some(due) = dues.recv().await {
                assert!(clock.elapsed() >= due, "it was told early");
                told.push(due);
            }
            told
        };
        let (told, ended) = futures::join!(heard, on_thread);
        ended.expect("the thread ends by itself");
        let expected: Vec<Duration> = (0..40).map(|request| schedule.due(request)).collect();
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn nothing_is_told_to_nobody() {
        let clock = ana_env::real::RealClock::new();
        let schedule = Schedule::new(Duration::ZERO, 1_000_000, 1);
        let (tell, dues) = mpsc::channel(1);
        drop(dues);
        let beaten =
            runtime::spawn_blocking(move || beat(&clock, schedule, Duration::MAX, &tell)).await;
        beaten.expect("it ends though the schedule goes on for ever");
    }
}
