//! A drill as its file says it.
//!
//! Must stay true: the TOML and the JSON of one shape are the same drill; a drill prints as TOML that reads as
//! the same drill; nothing here refers to a running cluster.

mod read;
mod step;
mod load;
mod watch;
mod checks;
mod write;

pub use load::Load;
pub(crate) use read::STEPS_MAX;
pub use step::Step;
pub use watch::Watch;

use crate::check::Check;
use crate::error::{DrillError, Fault};
use crate::fis::{self, Import};
use std::fmt;

/// Where a fault of the whole file stands.
pub(crate) const WHOLE: &str = "the file";

/// A drill as its file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// Its name.
    pub name: DrillName,
    /// What it shows, in a sentence.
    pub about: String,
    /// The seed of its picks; where absent, whoever runs it draws one and records it.
    pub seed: Option<u64>,
    /// What must hold before it starts.
    pub steady: Vec<Check>,
    /// The load to put on meanwhile; where absent, the user's own application does.
    pub load: Option<Load>,
    /// What of that application's traffic is looked at; all of it where absent. Not beside a load.
    pub watch: Option<Watch>,
    /// The faults, in the order of the file.
    pub steps: Vec<Step>,
    /// What ends it at once.
    pub stop: Vec<Check>,
    /// What must have held at the end.
    pub expect: Vec<Check>,
}

/// The name of a drill: 1 to 64 characters of `[a-z0-9-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrillName(String);

impl DrillName {
    /// Characters of a name.
    pub(crate) const CHARS_MAX: usize = 64;

    /// Checks and wraps `text`.
    pub fn new(text: &str) -> Result<DrillName, Fault> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > DrillName::CHARS_MAX || !text.chars().all(allowed) {
            return Err(Fault::DrillName(text.to_owned()));
        }
        Ok(DrillName(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DrillName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Drill {
    /// What of the user's own traffic is looked at: something, unless the drill has a load.
    pub fn watched(&self) -> Option<Watch> {
        let watch = || self.watch.clone().unwrap_or_default();
        self.load.is_none().then(watch)
    }

    /// Reads a drill from TOML.
    pub fn from_toml(text: &str) -> Result<Drill, DrillError> {
        let value =
            toml::from_str(text).map_err(|error| Fault::NotToml(Box::new(error)).at(WHOLE))?;
        read::drill(value)
    }

    /// Reads a drill from JSON of the same shape.
    pub fn from_json(text: &str) -> Result<Drill, DrillError> {
        let value = serde_json::from_str(text).map_err(|error| Fault::NotJson(error).at(WHOLE))?;
        read::drill(value)
    }

    /// Reads whatever stands there: a table in braces is JSON, and a FIS template if it has actions and is not
    /// called a drill; everything else is TOML.
    pub fn from_text(text: &str) -> Result<Import, DrillError> {
        let drill = if !text.trim_start().starts_with('{') {
            Drill::from_toml(text)
        } else if fis::is_template(text) {
            return fis::import(text);
        } else {
            Drill::from_json(text)
        };
        Ok(Import {
            drill: drill?,
            not_carried: Vec::new(),
        })
    }
}

#[cfg(test)]
#[path = "file/file_test.rs"]
mod file_test;
