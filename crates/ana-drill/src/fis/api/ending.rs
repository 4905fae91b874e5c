//! What became of a run, as the state of its experiment.
//!
//! Must stay true: an experiment is `completed` only when its run passed; the reason names the first promise that was
//! broken whatever the state, and the run, so that the report can be read.

use super::experiment::Status;

/// Characters of a reason.
pub const REASON_CHARS_MAX: usize = 512;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Everything held or was not exercised.
    Passed,
    /// A promise was broken.
    Broken,
    /// It was refused, or could not go on.
    CouldNotRun,
    /// A guard of the drill ended it.
    Guarded,
    /// Somebody ended it.
    Stopped,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// How it ended.
    pub how: How,
    /// Why, when it did not pass.
    pub why: Option<String>,
    /// The first promise that was broken, and what was found.
    pub first_broken: Option<(String, String)>,
    /// The run, when there was one.
    pub run: Option<String>,
    /// Promises that were looked at, and those of which nothing was seen.
    pub looked_at: usize,
    /// Promises of which nothing was seen.
    pub not_exercised: usize,
}

impl Ending {
    /// An end without a record.
    pub fn without_record(why: impl Into<String>, run: Option<String>) -> Ending {
        Ending {
            how: How::CouldNotRun,
            why: Some(why.into()),
            first_broken: None,
            run,
            looked_at: 0,
            not_exercised: 0,
        }
    }

    /// The state of the experiment.
    pub fn status(&self) -> Status {
        match self.how {
            How::Passed => Status::Completed,
            How::Broken | How::CouldNotRun => Status::Failed,
            How::Guarded | How::Stopped => Status::Stopped,
        }
    }

    /// Why the experiment has this state.
    pub fn reason(&self) -> String {
        let why = self.why.as_deref().unwrap_or("no reason was told");
        let mut parts = vec![match self.how {
            How::Passed => format!(
                "every fault fired; promises looked at and held: {}, not exercised: {}",
                self.looked_at, self.not_exercised
            ),
            How::Broken => match &self.first_broken {
                Some((promise, found)) => format!("broken: {promise}: {found}"),
                None => format!("broken: {why}"),
            },
            How::CouldNotRun => format!("could not run: {why}"),
            How::Guarded => format!("a guard stopped it: {why}"),
            How::Stopped => format!("stopped by {why}"),
        }];
        if let (
            How::Passed | How::CouldNotRun | How::Guarded | How::Stopped,
            Some((promise, found)),
        ) = (self.how, &self.first_broken)
        {
            parts.push(format!("broken: {promise}: {found}"));
        }
        let said = parts.join("; ");
        let report = self
            .run
            .as_ref()
            .map(|run| format!("; ana drill report {run}"));
        let report = report.unwrap_or_default();
        let room = REASON_CHARS_MAX.saturating_sub(report.chars().count());
        let mut reason: String = cut(&said, room);
        reason.push_str(&report);
        reason
    }
}

/// A text shortened to so many characters.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_state_and_its_reason() {
        let ending = |how, why: Option<&str>, broken: Option<(&str, &str)>| Ending {
            how,
            why: why.map(str::to_owned),
            first_broken: broken.map(|(promise, found)| (promise.to_owned(), found.to_owned())),
            run: Some("20261128-090000-x".to_owned()),
            looked_at: 3,
            not_exercised: 17,
        };
        let lost = Some(("no_acked_record_lost", "2 lost"));
        for (end, status, reason) in [
            (
                ending(How::Passed, None, None),
                Status::Completed,
                "every fault fired; promises looked at and held: 3, not exercised: 17",
            ),
            (
                ending(How::Broken, Some("x"), lost),
                Status::Failed,
                "broken: no_acked_record_lost: 2 lost",
            ),
            (
                ending(How::Broken, Some("x"), None),
                Status::Failed,
                "broken: x",
            ),
            (
                ending(How::CouldNotRun, Some("step 1 did not fire: y"), None),
                Status::Failed,
                "could not run: step 1 did not fire: y",
            ),
            (
                ending(How::Guarded, Some("acked_lost > 0: 1"), None),
                Status::Stopped,
                "a guard stopped it: acked_lost > 0: 1",
            ),
            (
                ending(How::Stopped, Some("StopExperiment"), lost),
                Status::Stopped,
                "stopped by StopExperiment; broken: no_acked_record_lost: 2 lost",
            ),
        ] {
            assert_eq!(end.status(), status, "{end:?}");
            let expected = format!("{reason}; ana drill report 20261128-090000-x");
            assert_eq!(end.reason(), expected);
        }
    }

    #[test]
    fn a_long_reason_keeps_the_run() {
        let mut end = Ending::without_record("x".repeat(2000), Some("run-1".to_owned()));
        let reason = end.reason();
        assert_eq!(reason.chars().count(), REASON_CHARS_MAX);
        assert!(reason.ends_with("…; ana drill report run-1"), "{reason}");
        end.run = None;
        assert_eq!(end.reason().chars().count(), REASON_CHARS_MAX);
    }
}
