//! The verdict of a run in one word, as every form of a report but the terminal's first line has it.
//!
//! Must stay true: a run in which nothing was looked at is "not exercised", however well it ended.

use super::super::record::{Expectation, Judgement, Outcome};

/// What a run says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::drill) enum Verdict {
    /// At least one expectation held, and none broke.
    Held,
    /// It ran to its end, and nothing that was expected could have broken.
    NotExercised,
    /// An expectation did not hold.
    Broken,
    /// A guard ended it.
    StoppedByGuard,
    /// A person ended it.
    StoppedByPerson,
    /// It was refused, or could not go on.
    CouldNotRun,
}

/// How many expectations came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::drill) struct Tally {
    pub(super) held: usize,
    pub(super) broken: usize,
    pub(super) not_exercised: usize,
}

impl Tally {
    /// Of what was expected.
    pub(in crate::drill) fn of(all: &[Expectation]) -> Tally {
        let mut tally = Tally::default();
        for each in all {
            match each.judgement {
                Judgement::Held { .. } => tally.held += 1,
                Judgement::Broken { .. } => tally.broken += 1,
                Judgement::NotExercised { .. } => tally.not_exercised += 1,
            }
        }
        tally
    }

    /// All of them.
    pub(super) fn all(self) -> usize {
        self.held + self.broken + self.not_exercised
    }

    /// `5 of 7 checks held, 2 not exercised`.
    pub(super) fn in_words(self) -> String {
        if self.all() == 0 {
            return "nothing was expected".to_owned();
        }
        let mut words = vec![format!("{} of {} checks held", self.held, self.all())];
        for (count, what) in [
            (self.broken, "broken"),
            (self.not_exercised, "not exercised"),
        ] {
            if count > 0 {
                words.push(format!("{count} {what}"));
            }
        }
        words.join(", ")
    }
}

impl Verdict {
    /// Of a run that ended so.
    pub(in crate::drill) fn new(outcome: Outcome, tally: Tally) -> Verdict {
        match outcome {
            Outcome::Passed if tally.held > 0 => Verdict::Held,
            Outcome::Passed => Verdict::NotExercised,
            Outcome::Broken => Verdict::Broken,
            Outcome::CouldNotRun => Verdict::CouldNotRun,
            Outcome::StoppedByGuard => Verdict::StoppedByGuard,
            Outcome::StoppedByPerson => Verdict::StoppedByPerson,
        }
    }

    /// What a person reads.
    pub(super) fn words(self) -> &'static str {
        match self {
            Verdict::Held => "held",
            Verdict::NotExercised => "not exercised",
            Verdict::Broken => "broken",
            Verdict::StoppedByGuard => "stopped by guard",
            Verdict::StoppedByPerson => "stopped",
            Verdict::CouldNotRun => "could not run",
        }
    }
}

#[cfg(test)]
mod verdict_test;
