//! Writers: what they send, how much at a time, and what became of it.
//!
//! Two loops. The closed one sends the next request when one was answered, so latency and rate belong together. The
//! open one (`open_loop`) sends by the clock. Must stay true in both:
//! - a record counts as acknowledged only when the service said so;
//! - no request is sent twice: a repeated one would be counted as another;
//! - latency and failures are those of the requests that began (or were due) within the window, however late they are
//!   answered, so that a stall at the end is seen.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ana_env::{runtime, time};
use futures::future::try_join_all;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::open_loop::{self, Schedule};
use super::requests::Requests;
use crate::client::error::ClientError;
use crate::client::{Client, Retry};
use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::histogram::Histogram;

/// A writer whose request failed waits so long, so that a server that is down is not flooded.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(10);

/// What is written, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Load {
    /// To where.
    pub(super) stream: String,
    /// PutRecord instead of PutRecords.
    pub(super) single: bool,
    /// Records of one request; 1 when `single`.
    pub(super) records_per_request: u32,
    /// Data bytes of a record.
    pub(super) record_bytes: u32,
    /// Requests under way at the same time: so many in a closed loop, at most so many in an open one.
    pub(super) in_flight: u32,
    /// Records due in a second; none for a closed loop.
    pub(super) rate_per_s: Option<u32>,
}

/// What is measured, by the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Measured from here on.
    pub(super) from: Duration,
    /// Up to here; nothing is sent afterwards.
    pub(super) until: Duration,
}

impl Window {
    /// Whether a moment is measured.
    pub(super) fn contains(&self, moment: Duration) -> bool {
        (self.from..self.until).contains(&moment)
    }
}

/// What was acknowledged and what failed so far, warming up included: for those who watch.
#[derive(Debug, Default)]
pub(super) struct Meter {
    acknowledged: AtomicU64,
    failed_requests: AtomicU64,
}

impl Meter {
    /// Records acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Requests that failed.
    pub(super) fn failed_requests(&self) -> u64 {
        self.failed_requests.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Answered { acknowledged, .. } => {
                self.acknowledged
                    .fetch_add(*acknowledged, Ordering::Relaxed);
            }
            Outcome::Failed(_) => {
                self.failed_requests.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// What became of the requests of a window.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Records acknowledged.
    pub(super) acknowledged: u64,
    /// Records that the service refused, as it does when a shard is at its limit.
    pub(super) refused: u64,
    /// Requests without a good answer.
    pub(super) failed_requests: u64,
    /// Requests that were due while as many were under way as may be.
    pub(super) never_sent: u64,
    /// Of requests of which a record was acknowledged.
    pub(super) latency: Histogram,
    /// How long after they were due requests were sent: the part of the latency that is this program's own.
    pub(super) sent_late: Histogram,
    /// Why the last request failed that did.
    pub(super) last_failure: Option<String>,
}

impl Counts {
    /// Counts what was answered, or was not.
    pub(super) fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answered {
                acknowledged,
                refused,
            } => {
                self.acknowledged += acknowledged;
                self.refused += refused;
            }
            Outcome::Failed(why) => {
                self.failed_requests += 1;
                self.last_failure = Some(why);
            }
        }
    }

    fn add(&mut self, other: Counts) {
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.failed_requests += other.failed_requests;
        self.never_sent += other.never_sent;
        self.latency.merge(&other.latency);
        self.sent_late.merge(&other.sent_late);
        self.last_failure = other.last_failure.or(self.last_failure.take());
    }
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was answered, record by record.
    Answered {
        /// Records acknowledged.
        acknowledged: u64,
        /// Records refused.
        refused: u64,
    },
    /// It has no good answer, and the next one may have.
    Failed(String),
}

impl Outcome {
    /// Whether a record was acknowledged.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Outcome::Answered { acknowledged, .. } if *acknowledged > 0)
    }
}

impl Load {
    /// The operation it measures.
    pub(super) fn operation(&self) -> &'static str {
        if self.single {
            "PutRecord"
        } else {
            "PutRecords"
        }
    }

    /// The requests of this load, made ahead.
    pub(super) fn requests(&self, context: &Context) -> Result<Arc<Requests>, CliError> {
        let made = Requests::make(&context.client(), self);
        made.map(Arc::new).map_err(|error| context.explain(error))
    }

    /// As many writers as requests may be under way.
    pub(super) fn writers(
        &self,
        context: &Context,
        requests: &Arc<Requests>,
        meter: &Arc<Meter>,
    ) -> Vec<Writer> {
        let writer = |_| Writer {
            client: context.client().with_retry(Retry::never()),
            load: self.clone(),
            requests: Arc::clone(requests),
            meter: Arc::clone(meter),
        };
        (0..self.in_flight).map(writer).collect()
    }

    /// Writes from now on until the end of the window, and counts what belongs to it.
    pub(super) async fn run(
        &self,
        context: &Context,
        requests: &Arc<Requests>,
        window: Window,
        meter: &Arc<Meter>,
    ) -> Result<Counts, CliError> {
        let writers = self.writers(context, requests, meter);
        let tasks = match self.rate_per_s {
            None => {
                let loops = writers.into_iter().map(|it| closed_loop(it, window));
                loops.map(runtime::spawn).collect::<Vec<_>>()
            }
            Some(rate) => {
                let clock = Arc::clone(&context.env.clock);
                let schedule = Schedule::new(clock.elapsed(), rate, self.records_per_request);
                let open = open_loop::run(clock, schedule, writers, window);
                vec![runtime::spawn(open)]
            }
        };
        // The first fault ends it: what cannot be mended is not tried to the end of the window.
        let ended = tasks.into_iter().map(async |task| {
            let counts = task.await.map_err(broken_off)?;
            counts.map_err(|error| context.explain(error))
        });
        let mut total = Counts::default();
        for counts in try_join_all(ended).await? {
            total.add(counts);
        }
        Ok(total)
    }

    /// What a good answer says of the records.
    fn judge(&self, body: &[u8]) -> Result<Outcome, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct One {
            #[serde(rename = "SequenceNumber")]
            _sequence_number: IgnoredAny,
        }
        // Told in full by the service, and read only as far as it must be: reading costs CPU.
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Many {
            #[serde(default)]
            failed_record_count: u64,
            records: Vec<IgnoredAny>,
        }
        let operation = self.operation();
        let unreadable = |why: String| ClientError::Unreadable { operation, why };
        if self.single {
            let read = serde_json::from_slice::<One>(body);
            read.map_err(|error| unreadable(error.to_string()))?;
            return Ok(Outcome::Answered {
                acknowledged: 1,
                refused: 0,
            });
        }
        let read = serde_json::from_slice::<Many>(body);
        let read = read.map_err(|error| unreadable(error.to_string()))?;
        let told = u64::try_from(read.records.len()).unwrap_or(u64::MAX);
        let sent = u64::from(self.records_per_request);
        if told != sent {
            return Err(unreadable(format!("{told} results for {sent} records")));
        }
        let refused = read.failed_record_count.min(sent);
        Ok(Outcome::Answered {
            acknowledged: sent - refused,
            refused,
        })
    }
}

/// A task that ended without a result.
pub(super) fn broken_off(error: impl fmt::Display) -> CliError {
    CliError::new(Exit::Failed, format!("a part of it broke off: {error}"))
}

/// One connection to send requests over, one at a time.
#[derive(Debug)]
pub(super) struct Writer {
    client: Client,
    load: Load,
    requests: Arc<Requests>,
    meter: Arc<Meter>,
}

impl Writer {
    /// Sends the next request once.
    ///
    /// # Errors
    /// What no other request will do better at, such as an unknown stream.
    pub(super) async fn send(&self) -> Result<Outcome, ClientError> {
        let Some(request) = self.requests.next() else {
            return Ok(Outcome::Failed("there is no request to send".to_owned()));
        };
        let outcome = match self.client.send_prepared(request).await {
            Ok(body) => self.load.judge(&body)?,
            // The throttle of a PutRecord is what PutRecords says of one of its records.
            Err(ClientError::Aws(error)) if self.load.single && error.is_throttle() => {
                Outcome::Answered {
                    acknowledged: 0,
                    refused: 1,
                }
            }
            Err(error) if error.is_worth_a_retry() => Outcome::Failed(error.to_string()),
            Err(error) => return Err(error),
        };
        self.meter.count(&outcome);
        Ok(outcome)
    }
}

/// One request after the other. What is acknowledged in the window counts for the rate, what began in it for the rest.
async fn closed_loop(writer: Writer, window: Window) -> Result<Counts, ClientError> {
    let clock = Arc::clone(&writer.client.env().clock);
    let mut counts = Counts::default();
    loop {
        let began = clock.elapsed();
        if began >= window.until {
            return Ok(counts);
        }
        let outcome = writer.send().await?;
        let ended = clock.elapsed();
        let is_failure = matches!(outcome, Outcome::Failed(_));
        if outcome.is_good() && window.contains(began) {
            counts.latency.record(ended.saturating_sub(began));
        }
        let counted_at = if is_failure { began } else { ended };
        if window.contains(counted_at) {
            counts.count(outcome);
        }
        if is_failure {
            time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(records_per_request: u32, single: bool) -> Load {
        Load {
            stream: "s".to_owned(),
            single,
            records_per_request,
            record_bytes: 1,
            in_flight: 1,
            rate_per_s: None,
        }
    }

    #[test]
    fn answers_are_judged_record_by_record() {
        let good = |acknowledged, refused| {
            Some(Outcome::Answered {
                acknowledged,
                refused,
            })
        };
        let record = r#"{"SequenceNumber":"1","ShardId":"s"}"#;
        for (single, records, body, expected) in [
            (true, 1, record.to_owned(), good(1, 0)),
            (true, 1, "{}".to_owned(), None),
            (true, 1, "<html>".to_owned(), None),
            (
                false,
                2,
                format!(r#"{{"FailedRecordCount":1,"Records":[{record},{{"ErrorCode":"x"}}]}}"#),
                good(1, 1),
            ),
            // Some servers leave the count out when it is zero.
            (false, 1, format!(r#"{{"Records":[{record}]}}"#), good(1, 0)),
            (
                false,
                2,
                format!(r#"{{"FailedRecordCount":0,"Records":[{record}]}}"#),
                None,
            ),
            (
                false,
                1,
                format!(r#"{{"FailedRecordCount":9,"Records":[{record}]}}"#),
                good(0, 1),
            ),
            (false, 1, "{}".to_owned(), None),
        ] {
            let judged = load(records, single).judge(body.as_bytes());
            assert_eq!(judged.ok(), expected, "{body}");
        }
    }

    #[test]
    fn a_window_has_its_begin_and_not_its_end() {
        let second = Duration::from_secs;
        let window = Window {
            from: second(1),
            until: second(3),
        };
        let measured: Vec<bool> = (0..4).map(|at| window.contains(second(at))).collect();
        assert_eq!(measured, [false, true, true, false]);
    }

    #[test]
    fn counts_add_up_and_the_last_failure_is_kept() {
        let mut total = Counts::default();
        let mut one = Counts::default();
        one.count(Outcome::Answered {
            acknowledged: 3,
            refused: 2,
        });
        one.count(Outcome::Failed("first".to_owned()));
        one.count(Outcome::Failed("second".to_owned()));
        total.add(one);
        total.add(Counts::default());
        assert_eq!(
            (total.acknowledged, total.refused, total.failed_requests),
            (3, 2, 2)
        );
        assert_eq!(total.last_failure.as_deref(), Some("second"));
    }
}
