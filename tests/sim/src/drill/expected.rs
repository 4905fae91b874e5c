//! What a drill expects, judged by what a simulated run showed.
//!
//! Must stay true: what depends on how fast a machine is is not judged, and says so: simulated processors cost nothing.

use ana_check::{Anomaly, Judgement, Verdict};
use ana_drill::Drill;
use ana_drill::check::{Check, Comparison, Subject, Window};
use ana_drill::observations::{Flag, Metric};
use ana_node::drill::judge::anomalies_of;
use ana_node::drill::simulated::{BrokenCheck, SeedExpectation, SeedRun};

use crate::run::Report;

const NO_MACHINE: &str = "times and rates are those of a machine; run it on a cluster";
const NO_OWN_READERS: &str =
    "it is about consumers of your own; run it on a cluster with --watch-mine";

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
        let mut judged = judged.filter(|judgement| judgement.found > 0);
        match judged.find(|it| it.promise == broken.promise) {
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
    let anomalies = anomalies_of(flag);
    if anomalies.is_empty() {
        seen.not_judged = Some(NO_OWN_READERS.to_owned());
    }
    for anomaly in anomalies {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ana_check::{History, check};

    use super::*;
    use crate::counters::Counters;
    use crate::invariants::Broken;

    fn report(elections: usize, leader_changes: u64) -> Report {
        Report {
            seed: 3,
            broken: Vec::new(),
            verdict: check(&History::new(ana_check::history::Rules::default())),
            acknowledged: 0,
            unknown: 0,
            read: 0,
            reshards: 0,
            elections,
            leader_changes,
            counters: Counters::default(),
            simulated: Duration::from_secs(9),
            fingerprint: 0,
            events: 0,
            lines: Vec::new(),
        }
    }

    fn drill(checks: &[&str]) -> Drill {
        let text = format!(
            "drill = \"d\"\nabout = \"a\"\n[[step]]\nat = \"1s\"\ndo = \"node.kill\"\non = \"node 1\"\nfor = \"1s\"\n\
             [expect]\nall = {checks:?}\n"
        );
        Drill::from_toml(&text).expect("it reads")
    }

    fn verdict(checks: &str, report: &Report) -> &'static str {
        let judged = expected(&drill(&[checks]), report);
        match &judged[0] {
            it if it.broken.is_some() => "broken",
            it if it.not_judged.is_some() => "not judged",
            it if it.looked_at == 0 => "nothing to look at",
            _ => "held",
        }
    }

    #[test]
    fn what_was_seen_is_judged_and_times_are_not() {
        let seen = report(4, 1);
        for (check, expected) in [
            ("leader_changes <= 1", "held"),
            ("leader_changes <= 0", "broken"),
            ("leader_changes >= 0", "held"),
            // Throughout: it began with none.
            ("leader_changes >= 1", "broken"),
            ("leader_changes >= 1 within 30s of heal", "held"),
            ("leader_changes == 2 within 30s of heal", "broken"),
            ("write_gap <= 5s", "not judged"),
            ("all_shards_writable within 30s of heal", "not judged"),
            ("no_acked_record_lost", "nothing to look at"),
            ("no_record_skipped", "not judged"),
            ("acked_lost == 0", "nothing to look at"),
        ] {
            assert_eq!(verdict(check, &seen), expected, "{check}");
        }
        let nothing = report(0, 0);
        assert_eq!(
            verdict("leader_changes <= 1", &nothing),
            "nothing to look at"
        );
    }

    #[test]
    fn a_run_that_got_stuck_is_told_in_its_words() {
        let mut stuck = report(1, 0);
        stuck.broken.push(Broken {
            promise: "the run comes to its end",
            what: "clients still wait".to_owned(),
        });
        let told = told(&drill(&["leader_changes <= 1"]), &stuck);
        let first = told.first_broken().expect("broken");
        assert_eq!((told.seed, first.found.as_str()), (3, "clients still wait"));
        assert!(told.broke("the run comes to its end"));
    }
}
