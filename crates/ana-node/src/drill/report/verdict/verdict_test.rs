//! A verdict claims no more than was seen.

use super::super::report_test::record;
use super::*;
use crate::drill::record::Record;

fn verdict(run: &Record) -> Verdict {
    Verdict::new(run.outcome, Tally::of(&run.expectations))
}

#[test]
fn nothing_is_held_that_was_not_looked_at() {
    let mut run = record();
    assert_eq!(verdict(&run), Verdict::Held);
    assert_eq!(
        Tally::of(&run.expectations).in_words(),
        "2 of 3 checks held, 1 not exercised"
    );
    run.expectations
        .retain(|each| matches!(each.judgement, Judgement::NotExercised { .. }));
    assert_eq!(verdict(&run), Verdict::NotExercised);
    assert_eq!(
        Tally::of(&run.expectations).in_words(),
        "0 of 1 checks held, 1 not exercised"
    );
    run.expectations.clear();
    assert_eq!(verdict(&run), Verdict::NotExercised);
    assert_eq!(
        Tally::of(&run.expectations).in_words(),
        "nothing was expected"
    );
}

#[test]
fn how_it_ended_comes_before_what_held() {
    for (outcome, words) in [
        (Outcome::Passed, "held"),
        (Outcome::Broken, "broken"),
        (Outcome::CouldNotRun, "could not run"),
        (Outcome::StoppedByGuard, "stopped by guard"),
        (Outcome::StoppedByPerson, "stopped"),
    ] {
        let mut run = record();
        run.outcome = outcome;
        assert_eq!(verdict(&run).words(), words);
    }
}
