//! A report as JUnit's XML, for whatever collects tests.
//!
//! ```text
//!   testsuites > testsuite (the drill) > testcase "run", then one for each check
//!     broken -> failure      not exercised -> skipped      could not run, or stopped by a person -> error
//! ```
//! The case "run" is the drill itself: that it came to its end. It is always there, so that a run that judged nothing
//! is not a file without tests. What a check has as its time is how long it was watched: to its break, or the whole run.
//!
//! Must stay true: whatever a record holds, the text is well-formed XML 1.0; nothing but a check that held passes.

use maud::{Markup, PreEscaped, html};

use super::super::record::{Expectation, Judgement, Outcome, Record};
use super::markup::document;
use super::verdict::Tally;
use super::{first_broken, seconds, text};
use crate::output::{Paint, iso_time};

/// `ana drill` tests are told from others by it.
const PACKAGE: &str = "drill";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// What became of a case.
#[derive(Debug)]
enum Fate {
    Passed,
    Skipped(String),
    Failed { message: String, more: String },
    Error { message: String, more: String },
}

/// The report as JUnit's XML.
pub fn junit(record: &Record) -> String {
    let run = fate_of_run(record);
    let tally = Tally::of(record);
    let failures = tally.broken + usize::from(matches!(run, Fate::Failed { .. }));
    let errors = usize::from(matches!(run, Fate::Error { .. }));
    let time = time(record.duration_ms);
    let tests = tally.all() + 1;
    // Readers take the moment without fraction and zone, and as UTC.
    let moment: String = iso_time(record.started_at_ms).chars().take(19).collect();
    let xml = html! {
        (PreEscaped(DECLARATION))
        testsuites name="ana drill" tests=(tests) failures=(failures) errors=(errors) time=(time) {
            testsuite name=(record.drill) tests=(tests) failures=(failures) errors=(errors)
                skipped=(tally.not_exercised) time=(time) timestamp=(moment) hostname=(record.endpoint) {
                properties {
                    @for (name, value) in properties(record) {
                        property name=(name) value=(value) {}
                    }
                }
                "\n" (case(record, "run", record.duration_ms, &run)) "\n"
                @for each in &record.expectations {
                    (case(record, &each.check, watched_ms(record, each), &fate_of_check(record, each))) "\n"
                }
                system-out { (text(record, None, Paint::default())) }
            }
        }
    };
    document(xml)
}

/// What is known of a run that was refused before it had a record: what would have been run, and why it was not.
pub fn junit_of_refusal(drill: &str, why: &str, advice: &str) -> String {
    let fate = Fate::Error {
        message: why.to_owned(),
        more: advice.to_owned(),
    };
    let xml = html! {
        (PreEscaped(DECLARATION))
        testsuites name="ana drill" tests="1" failures="0" errors="1" time="0.000" {
            testsuite name=(drill) tests="1" failures="0" errors="1" skipped="0" time="0.000" {
                testcase name="run" classname={ (PACKAGE) "." (drill) } time="0.000" { (told(&fate)) }
            }
        }
    };
    document(xml)
}

fn properties(record: &Record) -> [(&'static str, String); 6] {
    [
        ("run", record.id.clone()),
        ("outcome", record.outcome.word().to_lowercase()),
        ("seed", record.seed.to_string()),
        ("build", record.build.clone()),
        ("endpoint", record.endpoint.clone()),
        ("again", record.again.clone()),
    ]
}

fn case(record: &Record, name: &str, time_ms: u64, fate: &Fate) -> Markup {
    html! {
        testcase name=(name) classname={ (PACKAGE) "." (record.drill) } time=(time(time_ms)) { (told(fate)) }
    }
}

fn told(fate: &Fate) -> Markup {
    html! {
        @match fate {
            Fate::Passed => {},
            Fate::Skipped(why) => skipped message=(why) {},
            Fate::Failed { message, more } => failure message=(message) type="broken" { (more) },
            Fate::Error { message, more } => error message=(message) type="could_not_run" { (more) },
        }
    }
}

/// Seconds with thousandths.
fn time(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
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
        Judgement::NotExercised { why } => Fate::Skipped(format!("not exercised: {why}")),
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
