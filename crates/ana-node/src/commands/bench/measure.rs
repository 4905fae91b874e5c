//! One measured window of writing: what was acknowledged, how fast, and what the processes used meanwhile.
//!
//! Must stay true: the members of the JSON are an interface; members are added, never renamed. What is not known is
//! null.

use std::sync::Arc;
use std::time::Duration;

use ana_env::{Clock, time};
use serde_json::{Value, json};

use super::cpu::{Processes, Used};
use super::figures::{self, Usage};
use super::load::{Counts, Load, Meter, Window};
use super::progress;
use super::requests::Requests;
use crate::commands::Context;
use crate::error::CliError;
use crate::histogram::ms;
use crate::output::{self, Table};

/// What is sent and read before this is not measured.
pub(super) const WARM_UP: Duration = Duration::from_secs(1);

/// What all windows of one command have in common.
#[derive(Debug)]
pub(super) struct Measure<'a> {
    pub(super) context: &'a Context,
    pub(super) load: Load,
    pub(super) requests: Arc<Requests>,
    pub(super) processes: Processes,
    /// How long a window is.
    pub(super) seconds: u64,
    /// Nothing is told on the way.
    pub(super) quiet: bool,
}

/// What a window has shown.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) counts: Counts,
    /// What was used within the window.
    used: Used,
    /// Records acknowledged between the same two looks at which `used` was taken.
    acknowledged_meanwhile: u64,
    /// What the caller counts, between the same two looks.
    pub(super) counted_meanwhile: u64,
}

impl<'a> Measure<'a> {
    /// Gets everything ready that would disturb the first window.
    pub(super) async fn prepare(
        context: &'a Context,
        load: Load,
        seconds: u64,
        quiet: bool,
    ) -> Result<Measure<'a>, CliError> {
        Ok(Measure {
            context,
            requests: load.requests(context)?,
            processes: Processes::find(context, &load.stream).await,
            load,
            seconds,
            quiet,
        })
    }

    /// The next window: it begins when the load has been warm for a while.
    pub(super) fn window(&self) -> Window {
        let from = self.context.env.clock.elapsed() + WARM_UP;
        let until = from + Duration::from_secs(self.seconds);
        Window { from, until }
    }

    /// Writes until the end of a window. `counted` is something else that goes up meanwhile, `doing` is what a person
    /// who watches is told of it.
    pub(super) async fn run(
        &self,
        window: Window,
        doing: &str,
        counted: impl Fn() -> u64,
    ) -> Result<Measured, CliError> {
        let meter = Arc::new(Meter::default());
        let clock = self.context.env.clock.as_ref();
        let look = || (self.processes.used(), meter.acknowledged(), counted());
        let looks = async {
            sleep_until(clock, window.from).await;
            let first = look();
            sleep_until(clock, window.until).await;
            (first, look())
        };
        let load = self.load.run(self.context, &self.requests, window, &meter);
        let work = async { futures::join!(load, looks) };
        let told = self.told(&meter, doing, window);
        let (counts, (first, last)) = progress::told(self.quiet, told, work).await;
        Ok(Measured {
            counts: counts?,
            used: last.0.since(first.0),
            acknowledged_meanwhile: last.1 - first.1,
            counted_meanwhile: last.2 - first.2,
        })
    }

    /// The line of a person who watches: what the last second has brought.
    fn told(&self, meter: &Meter, doing: &str, window: Window) -> impl FnMut() -> String {
        let clock = &self.context.env.clock;
        let mut before = 0;
        move || {
            let acknowledged = meter.acknowledged();
            let per_s = acknowledged - std::mem::replace(&mut before, acknowledged);
            let left_s = window.until.saturating_sub(clock.elapsed()).as_secs();
            format!(
                "{doing}: {per_s} records/s, {} requests failed, {left_s} s to go",
                meter.failed_requests()
            )
        }
    }

    /// Records acknowledged in a second.
    fn records_per_s(&self, measured: &Measured) -> u64 {
        measured.counts.acknowledged / self.seconds.max(1)
    }

    fn usage(&self, measured: &Measured) -> Usage {
        let bytes = measured.acknowledged_meanwhile * u64::from(self.load.record_bytes);
        Usage {
            used: measured.used,
            elapsed_ms: self.seconds * 1000,
            acknowledged_bytes: bytes,
            replicas: self.processes.replicas,
        }
    }

    /// The members of a window.
    pub(super) fn json(&self, measured: &Measured) -> Value {
        let (load, counts) = (&self.load, &measured.counts);
        let records_per_s = self.records_per_s(measured);
        let sent_late = load.rate_per_s.map(|_| counts.sent_late.quantile_us(990));
        let mut members = json!({
            "operation": load.operation(),
            "stream": load.stream,
            "seconds": self.seconds,
            "records_per_request": load.records_per_request,
            "record_bytes": load.record_bytes,
            "in_flight": load.in_flight,
            "rate_per_s": load.rate_per_s,
            "acknowledged": counts.acknowledged,
            "refused": counts.refused,
            "failed_requests": counts.failed_requests,
            "never_sent": counts.never_sent,
            "sent_late_us_p99": sent_late,
            "records_per_s": records_per_s,
            "mb_per_s": figures::mb(records_per_s * u64::from(load.record_bytes)),
        });
        figures::extend(&mut members, figures::latency(&counts.latency));
        figures::extend(&mut members, self.usage(measured).json());
        members
    }

    /// The same for people: one row for each window, named in the first column.
    pub(super) fn tables(&self, windows: &[(&str, &Measured)]) -> String {
        let mut rates = Table::new(&[
            "OPERATION",
            ">RECORDS/S",
            ">MB/S",
            ">P50 MS",
            ">P90 MS",
            ">P99 MS",
            ">P99.9 MS",
            ">MAX MS",
            ">ACKED",
            ">REFUSED",
            ">FAILED",
            ">NEVER SENT",
        ]);
        let mut usages = Table::new(&[
            "OPERATION",
            ">NODES CPU",
            ">DOOR CPU",
            ">OWN CPU",
            ">WRITTEN/BYTE",
        ]);
        for (name, measured) in windows {
            let counts = &measured.counts;
            let records_per_s = self.records_per_s(measured);
            let bytes_per_s = records_per_s * u64::from(self.load.record_bytes);
            let mut row = vec![
                (*name).to_owned(),
                records_per_s.to_string(),
                figures::mb_text(bytes_per_s),
            ];
            let latency = &counts.latency;
            row.extend(figures::QUANTILES.map(|(_, it)| ms(latency.quantile_us(it))));
            let refused = [counts.refused, counts.failed_requests, counts.never_sent];
            row.extend([ms(latency.max_us()), counts.acknowledged.to_string()]);
            row.extend(refused.map(|count| count.to_string()));
            rates.row(row);
            let usage = self.usage(measured);
            let mut row = vec![(*name).to_owned()];
            row.extend(usage.cpu_cells());
            row.push(usage.written_cell());
            usages.row(row);
        }
        format!("{}\n{}", rates.render(), usages.render())
    }

    /// Says what went wrong in a window, in words, when something did.
    pub(super) fn say_faults(&self, measured: &Measured) {
        let counts = &measured.counts;
        if let Some(why) = &counts.last_failure {
            let failed = counts.failed_requests;
            output::say(&format!("{failed} requests failed, the last one: {why}"));
        }
        if counts.never_sent > 0 {
            output::say(&format!(
                "{} requests were never sent: {} were under way when they were due (--in-flight)",
                counts.never_sent, self.load.in_flight
            ));
        }
    }
}

/// Waits until a moment of the monotonic clock.
pub(super) async fn sleep_until(clock: &dyn Clock, at: Duration) {
    time::sleep(at.saturating_sub(clock.elapsed())).await;
}
