//! A report as JUnit's XML, for whatever collects tests.
//!
//! ```text
//!   testsuites > testsuite (the drill) > testcase "run", then one for each check, then (with classes of their own) what
//!                                        was found of the user's own traffic: the cluster, the application
//!     broken -> failure      not exercised -> skipped      could not run, or stopped by a person -> error
//! ```
//! The case "run" is the drill itself: that it came to its end. It is always there, so that a run that judged nothing
//! is not a file without tests. What a check has as its time is how long it was watched: to its break, or the whole run.
//!
//! Must stay true: whatever a record holds, the text is well-formed XML 1.0; nothing but a check that held passes
//! (the shape of the text is in `suite`).

mod suite;

use super::super::record::{Expectation, Judgement, Outcome, Record};
use super::own::{self, State};
use super::{first_broken, seconds, text};
use crate::output::{Paint, iso_time};

pub(in crate::drill) use self::suite::{Case, Fate, Suite};

/// The name of the case that is the drill itself.
pub(in crate::drill) const RUN: &str = "run";

/// The report as JUnit's XML.
pub fn junit(record: &Record) -> String {
    let run = Case::of(RUN, record.duration_ms, fate_of_run(record));
    let check = |each: &Expectation| {
        let fate = fate_of_check(record, each);
        Case::of(&each.check, watched_ms(record, each), fate)
    };
    let mut cases = vec![run];
    cases.extend(record.expectations.iter().map(check));
    cases.extend(own_cases(record));
    let suite = Suite {
        drill: record.drill.clone(),
        time_ms: record.duration_ms,
        timestamp: Some(iso_time(record.started_at_ms).chars().take(19).collect()),
        hostname: Some(record.endpoint.clone()),
        properties: properties(record),
        cases,
        out: Some(text(record, None, Paint::default())),
    };
    suite.xml()
}

/// What is known of a run that was refused before it had a record: what would have been run, and why it was not.
pub fn junit_of_refusal(drill: &str, why: &str, advice: &str) -> String {
    let fate = Fate::Error {
        message: why.to_owned(),
        more: advice.to_owned(),
    };
    let suite = Suite {
        drill: drill.to_owned(),
        cases: vec![Case::of(RUN, 0, fate)],
        ..Suite::default()
    };
    suite.xml()
}

fn properties(record: &Record) -> Vec<(&'static str, String)> {
    vec![
        ("run", record.id.clone()),
        ("outcome", record.outcome.word().to_lowercase()),
        ("seed", record.seed.to_string()),
        ("build", record.build.clone()),
        ("endpoint", record.endpoint.clone()),
        ("again", record.again.clone()),
    ]
}

/// What was found of the user's own traffic: class, name and fate of each case. What nobody expected anything of does not
/// fail where it is the application's, and does not pass either.
fn own_cases(record: &Record) -> Vec<Case> {
    let findings = own::findings(record).into_iter();
    let case = |finding: own::Finding| {
        let class = if finding.is_application {
            "application"
        } else {
            "cluster"
        };
        let fate = match finding.state {
            State::Clean => Fate::Passed,
            State::NotExercised(why) => Fate::not_exercised(&why),
            State::Found(what) if finding.is_application => {
                let how = "an expectation of it would fail: no_record_skipped, no_record_read_twice, \
                           checkpoint_never_back";
                Fate::Skipped(format!("found: {what}; {how}"))
            }
            State::Found(what) => Fate::Failed {
                message: format!("broken: {what}"),
                more: again(record),
            },
        };
        Case {
            class: Some(class),
            name: finding.name,
            time_ms: record.duration_ms,
            fate,
        }
    };
    findings.map(case).collect()
}

/// How long a check was watched.
fn watched_ms(record: &Record, each: &Expectation) -> u64 {
    let broke_at = match &each.judgement {
        Judgement::Broken { at_ms, .. } => at_ms.and_then(|at| u64::try_from(at).ok()),
        Judgement::Held { .. } | Judgement::NotExercised { .. } => None,
    };
    broke_at.unwrap_or(record.duration_ms)
}

fn fate_of_run(record: &Record) -> Fate {
    let message = record.why.clone();
    let message = message.unwrap_or_else(|| record.outcome.word().to_lowercase());
    let more = again(record);
    match record.outcome {
        Outcome::Passed | Outcome::Broken => Fate::Passed,
        Outcome::StoppedByGuard => Fate::Failed {
            message: format!("stopped by guard: {message}"),
            more: record
                .first_broken
                .as_ref()
                .map_or(String::new(), first_broken)
                + &more,
        },
        Outcome::StoppedByPerson => Fate::Error {
            message: format!("stopped by a person: {message}"),
            more,
        },
        Outcome::CouldNotRun => Fate::Error {
            message: format!("could not run: {message}"),
            more,
        },
    }
}

fn fate_of_check(record: &Record, each: &Expectation) -> Fate {
    match &each.judgement {
        Judgement::Held { .. } => Fate::Passed,
        Judgement::NotExercised { why } => Fate::not_exercised(why),
        Judgement::Broken { at_ms, found } => {
            let at = at_ms.map_or(String::new(), |at| format!(" at {}", seconds(at)));
            let first = record.first_broken.as_ref();
            let first = first.filter(|broken| broken.check == each.check);
            let more = match first {
                Some(broken) => first_broken(broken),
                None => format!("{}{at}: {found}\n", each.check),
            };
            Fate::Failed {
                message: format!("broken{at}: {found}"),
                more: more + &again(record),
            }
        }
    }
}

fn again(record: &Record) -> String {
    format!("again: {}\n", record.again)
}

#[cfg(test)]
mod junit_test;
