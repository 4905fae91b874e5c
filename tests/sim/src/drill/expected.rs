//! What a drill expects, judged by what a simulated run showed.
//!
//! Must stay true: what depends on how fast a machine is is not judged, and says so: simulated processors cost nothing.

use ana_check::{Anomaly, Judgement, Verdict};
use ana_drill::Drill;
use ana_drill::check::{Check, Comparison, Subject, Window};
use ana_drill::observations::{Flag, Metric};
use ana_node::drill::simulated::{BrokenCheck, SeedExpectation, SeedRun};

use crate::run::Report;

/// The anomalies that break a flag, as on a real cluster.
fn of_flag(flag: Flag) -> &'static [Anomaly] {
    match flag {
        Flag::NoAckedRecordLost => &[Anomaly::LostWrite, Anomaly::DirtyRead],
        Flag::NoDuplicateSequence => &[Anomaly::SequenceReuse],
        Flag::OrderPerKeyKept => &[Anomaly::SendOrder],
        Flag::ReplicasIdentical => &[Anomaly::ReplicaDivergence, Anomaly::CommittedTruncation],
    }
}

const NO_MACHINE: &str = "times and rates are those of a machine; run it on a cluster";

/// What a run says of each expectation of the drill.
#[must_use]
pub fn expected(drill: &Drill, report: &Report) -> Vec<SeedExpectation> {
    drill
        .expect
        .iter()
        .map(|check| one(check, report))
        .collect()
}

/// A run of a drill, for whoever asked for it.
#[must_use]
pub fn told(drill: &Drill, report: &Report) -> SeedRun {
    let broken = report.broken.iter().map(|broken| {
        let judged = report.verdict.judgements.iter();
        let judged = judged.filter(|judgement| judgement.found > 0);
        match judged.into_iter().find(|it| it.promise == broken.promise) {
            Some(judgement) => of_judgement(judgement),
            None => BrokenCheck {
                check: broken.promise.to_owned(),
                found: broken.what.clone(),
                records: Vec::new(),
            },
        }
    });
    SeedRun {
        seed: report.seed,
        acknowledged: report.acknowledged,
        read: report.read,
        elections: count(report.elections),
        simulated_ms: u64::try_from(report.simulated.as_millis()).unwrap_or(u64::MAX),
        broken: broken.collect(),
        expectations: expected(drill, report),
    }
}

fn of_judgement(judgement: &Judgement) -> BrokenCheck {
    let first = judgement.findings.first();
    let records = judgement.findings.iter().flat_map(|it| &it.records);
    BrokenCheck {
        check: format!("{} {}", judgement.anomaly, judgement.promise),
        found: first.map_or_else(String::new, |finding| finding.what.clone()),
        records: records.map(ToString::to_string).collect(),
    }
}

fn one(check: &Check, report: &Report) -> SeedExpectation {
    let mut seen = SeedExpectation {
        check: check.to_string(),
        looked_at: 0,
        broken: None,
        not_judged: None,
    };
    match check.subject {
        Subject::Flag(flag) => flagged(&report.verdict, flag, &mut seen),
        Subject::Measure {
            metric: Metric::AckedLost,
            comparison,
            limit,
        } => {
            let lost = report.verdict.of(Anomaly::LostWrite);
            seen.looked_at = lost.looked_at;
            measured((comparison, limit), (lost.found, check.window), &mut seen);
        }
        Subject::Measure {
            metric: Metric::LeaderChanges,
            comparison,
            limit,
        } => {
            seen.looked_at = count(report.elections);
            let changes = (report.leader_changes, check.window);
            measured((comparison, limit), changes, &mut seen);
        }
        Subject::Measure { .. } => seen.not_judged = Some(NO_MACHINE.to_owned()),
        Subject::AllShardsWritable => {
            let why = "in every simulation each producer must be acknowledged again after the faults (A13)";
            seen.not_judged = Some(why.to_owned());
        }
    }
    seen
}

fn flagged(verdict: &Verdict, flag: Flag, seen: &mut SeedExpectation) {
    for anomaly in of_flag(flag) {
        let judgement = verdict.of(*anomaly);
        seen.looked_at = seen.looked_at.saturating_add(judgement.looked_at);
        if judgement.found > 0 && seen.broken.is_none() {
            seen.broken = Some(of_judgement(judgement).found);
        }
    }
}

/// A number that begins at nothing and only grows.
fn measured(
    (comparison, limit): (Comparison, u64),
    (last, window): (u64, Window),
    seen: &mut SeedExpectation,
) {
    if seen.looked_at == 0 {
        return;
    }
    let from_the_start = window == Window::Throughout && !comparison.holds(0, limit);
    if from_the_start || !comparison.holds(last, limit) {
        let found = if from_the_start { 0 } else { last };
        seen.broken = Some(found.to_string());
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
