//! From ledgers to what a record tells: the cluster's section, the application's section, and what flags are told. Pure.
//!
//! Must stay true: the two are kept apart. What the cluster lost is the cluster's fault; that a consumer went back is not.

use ana_check::ledger::{Consumer, StreamLedger, consumers, history};
use ana_check::{Anomaly, Judgement, Verdict, check};
use ana_drill::observations::{Audit, Flag};

use super::notes::{Collected, OfStream};
use crate::drill::record::{
    ApplicationSection, ClusterSection, ForeignConsumer, ForeignPuts, PollGap,
};

/// Sequence numbers of lost records that are told.
const EXAMPLES_MAX: usize = 5;

/// What was found of the user's own traffic.
#[derive(Debug)]
pub struct Own {
    /// The checker's words on the cluster; `None` when there was nothing at all.
    pub verdict: Option<Verdict>,
    /// By stream.
    pub cluster: ClusterSection,
    /// By consumer.
    pub application: ApplicationSection,
    /// What flags about the application are told.
    pub audits: Vec<(Flag, Audit)>,
}

/// Judges the ledgers, whose logs are in them. `start_us` is when the drill's clock started.
pub fn judge(collected: &Collected, ledgers: &[OfStream], start_us: u64) -> Own {
    let mut own = Own {
        verdict: None,
        cluster: ClusterSection::default(),
        application: ApplicationSection::default(),
        audits: Vec::new(),
    };
    for OfStream { name, ledger } in ledgers {
        let verdict = check(&history(ledger));
        if !ledger.puts.is_empty() {
            own.cluster.puts.push(puts(name, ledger, &verdict));
        }
        own.verdict = Some(match own.verdict.take() {
            Some(before) => before.join(verdict),
            None => verdict,
        });
        let found = consumers(ledger);
        let rows = found.iter().map(|each| row(name, each, start_us));
        own.application.consumers.extend(rows);
    }
    (own.cluster.acknowledged, own.cluster.open) = collected.counts();
    own.cluster.missing = collected.missing().to_vec();
    own.audits = audits(&own.application.consumers);
    own
}

fn puts(stream: &str, ledger: &StreamLedger, verdict: &Verdict) -> ForeignPuts {
    let count = |of: &Judgement| of.is_exercised().then_some(of.found);
    let lost = verdict.of(Anomaly::LostWrite);
    let mut not_exercised = Vec::new();
    if ledger.log.is_none() {
        not_exercised.push("lost, duplicated: the stream was not read back".to_owned());
    } else if ledger.one_in > 1 {
        let some = ledger.one_in;
        not_exercised.push(format!("duplicated: one in {some} records was noted"));
    } else if !ledger.has_every_put() {
        not_exercised.push("duplicated: notes of some puts are missing".to_owned());
    } else if !ledger.knows_copies() {
        not_exercised.push("duplicated: no put came late enough".to_owned());
    }
    let is_known = ledger.knows_copies();
    let duplicates = count(verdict.of(Anomaly::Duplicate)).filter(|_| is_known);
    let noted = ledger.covered().count();
    let examples = lost.findings.iter().flat_map(|finding| &finding.records);
    let examples = examples.filter_map(|record| record.sequence.clone());
    ForeignPuts {
        stream: stream.to_owned(),
        sampled: u64::try_from(noted).unwrap_or(u64::MAX),
        lost: count(lost),
        duplicated: duplicates,
        duplicated_by_retries: is_known.then_some(verdict.figures.retried_duplicates),
        reordered: count(verdict.of(Anomaly::SendOrder)),
        examples: examples.take(EXAMPLES_MAX).collect(),
        not_exercised,
    }
}

fn row(stream: &str, consumer: &Consumer, start_us: u64) -> ForeignConsumer {
    let ms = |us: u64| us / 1000;
    let longest = consumer.longest.iter().map(|pause| PollGap {
        shard: pause.shard.clone(),
        at_ms: (i64::try_from(pause.at_us).unwrap_or(i64::MAX)
            - i64::try_from(start_us).unwrap_or(0))
            / 1000,
        length_ms: ms(pause.length_us),
    });
    let longest: Vec<PollGap> = longest.collect();
    ForeignConsumer {
        name: name(consumer),
        stream: stream.to_owned(),
        is_pushed: consumer.is_pushed,
        records: consumer.records,
        looked_at: consumer.looked_at,
        skipped: consumer.skipped,
        read_again: consumer.read_again,
        perhaps_again: consumer.perhaps_again,
        went_back: consumer.went_back,
        not_judged: consumer.not_judged,
        gaps: consumer.pauses,
        gap_max_ms: longest.first().map(|gap| gap.length_ms),
        longest,
        lag_max_ms: consumer.behind_max_ms,
        caught_up_after_ms: consumer.caught_up_after_us.map(ms),
        is_behind: consumer.is_behind,
        findings: consumer.findings.clone(),
    }
}

/// A registered consumer's name out of its ARN: `arn:..:stream/orders/consumer/billing:1767225600`.
fn name(consumer: &Consumer) -> String {
    let after = consumer.name.split_once("/consumer/");
    let short = after.and_then(|(_, rest)| rest.split_once(':'));
    short.map_or_else(|| consumer.name.clone(), |(name, _)| name.to_owned())
}

fn audits(rows: &[ForeignConsumer]) -> Vec<(Flag, Audit)> {
    let of = |flag, count: fn(&ForeignConsumer) -> u64, what: &str| {
        let looked_at = rows.iter().map(|row| row.looked_at).sum();
        let wrong = rows.iter().find(|row| count(row) > 0).map(|row| {
            let first = row.findings.first().map_or("", String::as_str);
            format!(
                "{} {what} by {} of {}: {first}",
                count(row),
                row.name,
                row.stream
            )
        });
        (flag, Audit { looked_at, wrong })
    };
    vec![
        of(Flag::NoRecordSkipped, |row| row.skipped, "skipped"),
        of(Flag::NoRecordReadTwice, |row| row.read_again, "read again"),
        of(
            Flag::CheckpointNeverBack,
            |row| row.went_back,
            "checkpoints back",
        ),
    ]
}

#[cfg(test)]
mod verdict_test;
