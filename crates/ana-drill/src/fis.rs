//! AWS FIS experiment templates, taken as they are and carried over to drills.
//!
//! A template knows the faults of the API alone. What it says and a cluster cannot do is an error; what names
//! other services of AWS (alarms, logs, roles of the experiment) is listed as not carried over, never dropped
//! in silence.

mod template;
mod target;
mod action;
mod duration;
mod schedule;
pub mod api;

pub(crate) use template::is_template;

use crate::error::DrillError;
use crate::file::Drill;
use crate::quantity::Span;
use std::fmt;

/// A drill, and what of its source it does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The drill.
    pub drill: Drill,
    /// What a template says and a drill cannot.
    pub not_carried: Vec<NotCarried>,
}

/// A part of a template that has no meaning outside AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCarried {
    /// A stop condition on an alarm of CloudWatch, by its ARN.
    Alarm(String),
    /// The role under which FIS acts.
    Role,
    /// Where FIS writes its log.
    Log,
    /// Where FIS writes its report.
    Report,
    /// An option that is not at its default.
    Option(String),
}

/// Reads a template: what `create-experiment-template` takes, or what `get-experiment-template` answers.
pub fn import(text: &str) -> Result<Import, DrillError> {
    template::import(text)
}

/// An action with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) at: Span,
    pub(crate) lasts: Span,
    /// Whether it is no step of the drill.
    pub(crate) only_waits: bool,
}

/// The actions of a template in the order of its text, which is that of the drill's steps.
pub(crate) fn outline(text: &str) -> Result<Vec<Slot>, DrillError> {
    template::outline(text)
}

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotCarried::Alarm(arn) => {
                write!(
                    f,
                    "the stop condition on alarm {arn}: add a [stop] of your own"
                )
            }
            NotCarried::Role => {
                f.write_str("roleArn: the cluster asks its own rules who may drill")
            }
            NotCarried::Log => {
                f.write_str("logConfiguration: the report and its history replace it")
            }
            NotCarried::Report => {
                f.write_str("experimentReportConfiguration: the report replaces it")
            }
            NotCarried::Option(option) => write!(f, "experimentOptions {option}"),
        }
    }
}

#[cfg(test)]
#[path = "fis/fis_test.rs"]
mod fis_test;
