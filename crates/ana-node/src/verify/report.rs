//! The verdict as a person and as a program reads it.

use ana_check::Judgement;
use serde::Serialize;

use super::judge::Findings;
use super::producer::Counts;
use crate::error::Exit;
use crate::histogram::ms;
use crate::output::{Paint, Table};

/// Everything `ana verify` has to say.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The stream.
    pub stream: String,
    /// Identity of the run, the beginning of its partition keys.
    pub run: String,
    /// Seconds of writing.
    pub seconds: f64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records read back that belong to the run, copies included.
    pub read: u64,
    /// Acknowledged and gone.
    pub lost: u64,
    /// Acknowledged and found at another sequence number.
    pub misplaced: u64,
    /// There more than once without a reason.
    pub duplicated: u64,
    /// There more than once because a client tried again.
    pub retried_duplicates: u64,
    /// Read before an earlier record of the same key.
    pub out_of_order: u64,
    /// Sequence numbers that were given twice or did not rise.
    pub sequence_reused: u64,
    /// Damaged.
    pub corrupt: u64,
    /// Sent, never acknowledged.
    pub unacknowledged: u64,
    /// Never acknowledged, there nevertheless.
    pub unacknowledged_found: u64,
    /// Record attempts that were throttled.
    pub throttled_attempts: u64,
    /// Record attempts without an answer.
    pub unsure_attempts: u64,
    /// Longest time without an acknowledgement on any shard, ms.
    pub write_gap_ms_max: u64,
    /// First attempt to acknowledgement, median, ms.
    pub latency_ms_p50: f64,
    /// The same, 99 % of all.
    pub latency_ms_p99: f64,
    /// The same, the longest.
    pub latency_ms_max: f64,
    /// Shards read, closed ones included.
    pub shards: usize,
    /// A few lost records.
    pub lost_examples: Vec<String>,
    /// What the checker looked at, by anomaly, and what it found.
    pub anomalies: Vec<Judgement>,
    /// `ok`, `lost` or `violated`.
    pub verdict: &'static str,
}

/// What the run was.
#[derive(Debug, Clone)]
pub struct Run {
    /// The stream.
    pub stream: String,
    /// Identity.
    pub run: String,
    /// Seconds of writing.
    pub seconds: f64,
    /// Shards read.
    pub shards: usize,
}

impl Report {
    /// Joins what was written with what was read.
    pub fn new(run: Run, counts: &Counts, findings: Findings) -> Report {
        let broken = [
            findings.misplaced,
            findings.duplicated,
            findings.out_of_order,
            findings.sequence_reused,
            findings.corrupt,
        ];
        let is_broken = broken.iter().any(|count| *count > 0)
            || findings.anomalies.iter().any(|anomaly| anomaly.found > 0);
        let verdict = if findings.lost > 0 {
            "lost"
        } else if is_broken {
            "violated"
        } else {
            "ok"
        };
        Report {
            stream: run.stream,
            run: run.run,
            seconds: run.seconds,
            acknowledged: counts.acknowledged,
            read: findings.read,
            lost: findings.lost,
            misplaced: findings.misplaced,
            duplicated: findings.duplicated,
            retried_duplicates: findings.retried_duplicates,
            out_of_order: findings.out_of_order,
            sequence_reused: findings.sequence_reused,
            corrupt: findings.corrupt,
            unacknowledged: findings.unacknowledged,
            unacknowledged_found: findings.unacknowledged_found,
            throttled_attempts: counts.throttled,
            unsure_attempts: counts.unsure,
            write_gap_ms_max: u64::try_from(counts.gap_max.as_millis()).unwrap_or(u64::MAX),
            latency_ms_p50: tenths(counts.latency.quantile_us(500)),
            latency_ms_p99: tenths(counts.latency.quantile_us(990)),
            latency_ms_max: tenths(counts.latency.max_us()),
            shards: run.shards,
            lost_examples: findings.lost_examples,
            anomalies: findings.anomalies,
            verdict,
        }
    }

    /// 11 when something was lost, 1 when another promise was broken.
    pub fn exit(&self) -> Exit {
        match self.verdict {
            "ok" => Exit::Ok,
            "lost" => Exit::LostRecord,
            _ => Exit::Failed,
        }
    }

    /// One line per figure, the verdict last.
    pub fn table(&self, paint: Paint) -> String {
        let mut table = Table::new(&["WHAT", ">COUNT", "MEANING"]);
        for (what, count, meaning) in self.counts() {
            table.row(vec![what.to_owned(), count.to_string(), meaning.to_owned()]);
        }
        let gap = format!("{} ms", self.write_gap_ms_max);
        let latency = format!(
            "{} / {} / {} ms",
            self.latency_ms_p50, self.latency_ms_p99, self.latency_ms_max
        );
        for (what, time, meaning) in [
            ("write gap max", gap, "longest wait on any shard"),
            ("latency", latency, "p50 / p99 / max until confirmed"),
        ] {
            table.row(vec![what.to_owned(), time, meaning.to_owned()]);
        }
        let verdict = match self.verdict {
            "ok" => paint.verdict(true, "nothing acknowledged was lost"),
            "lost" => paint.verdict(false, "ACKNOWLEDGED RECORDS WERE LOST"),
            _ => paint.verdict(false, "nothing lost, but a promise was broken"),
        };
        let examples: String = self
            .lost_examples
            .iter()
            .map(|example| format!("lost: {example}\n"))
            .collect();
        let broken = self.anomalies.iter().filter(|anomaly| anomaly.found > 0);
        let broken: String = broken.map(|anomaly| format!("{anomaly}\n")).collect();
        format!("{}{examples}{broken}verdict: {verdict}\n", table.render())
    }
}

impl Report {
    fn counts(&self) -> [(&'static str, u64, &'static str); 10] {
        [
            (
                "acknowledged",
                self.acknowledged,
                "records the service confirmed",
            ),
            ("lost", self.lost, "confirmed, and not there"),
            (
                "misplaced",
                self.misplaced,
                "there, at another sequence number",
            ),
            (
                "duplicated",
                self.duplicated,
                "there twice, without a reason",
            ),
            (
                "retried",
                self.retried_duplicates,
                "there twice, after a retry",
            ),
            (
                "out of order",
                self.out_of_order,
                "before an earlier one of their key",
            ),
            (
                "reused",
                self.sequence_reused,
                "sequence numbers given twice or falling",
            ),
            ("corrupt", self.corrupt, "damaged data"),
            (
                "unacknowledged",
                self.unacknowledged,
                "sent, never confirmed: no promise",
            ),
            (
                "throttled",
                self.throttled_attempts,
                "attempts refused by shard limits",
            ),
        ]
    }
}

fn tenths(us: u64) -> f64 {
    ms(us).parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(findings: Findings) -> Report {
        let run = Run {
            stream: "s".to_owned(),
            run: "r".to_owned(),
            seconds: 1.0,
            shards: 1,
        };
        Report::new(run, &Counts::default(), findings)
    }

    #[test]
    fn the_exit_code_tells_loss_from_other_harm() {
        let lost = Findings {
            lost: 1,
            duplicated: 1,
            ..Findings::default()
        };
        assert_eq!(report(lost).exit(), Exit::LostRecord);
        for broken in [
            Findings {
                duplicated: 1,
                ..Findings::default()
            },
            Findings {
                out_of_order: 1,
                ..Findings::default()
            },
            Findings {
                sequence_reused: 1,
                ..Findings::default()
            },
            Findings {
                misplaced: 1,
                ..Findings::default()
            },
            Findings {
                corrupt: 1,
                ..Findings::default()
            },
        ] {
            assert_eq!(report(broken).exit(), Exit::Failed);
        }
        let harmless = Findings {
            retried_duplicates: 3,
            unacknowledged: 2,
            ..Findings::default()
        };
        assert_eq!(report(harmless).exit(), Exit::Ok);
    }
}
