//! Which traffic of the user's own application a drill without a load looks at.

use crate::document::Value;
use crate::error::DrillError;
use crate::fields::{Fields, within_u32};
use ana_types::StreamName;
use std::collections::BTreeSet;
use std::fmt;

const PLACE: &str = "[watch]";
/// Beyond it the few that are left say nothing of a run.
const ONE_IN_MAX: u32 = 10_000;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The streams; all where none is named.
    pub streams: BTreeSet<StreamName>,
    /// One of so many acknowledged records is looked at; 1 is each.
    pub one_in: u32,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            streams: BTreeSet::new(),
            one_in: 1,
        }
    }
}

impl Watch {
    pub(super) fn read(value: Value) -> Result<Watch, DrillError> {
        let mut fields = Fields::of(PLACE, "watch", value)?;
        let streams: Option<Vec<StreamName>> = fields.optional("streams")?;
        let one_in: Option<u64> = fields.optional("one_in")?;
        fields.finish()?;
        let one_in = within_u32("one_in", one_in.unwrap_or(1), 1, ONE_IN_MAX);
        Ok(Watch {
            streams: streams.into_iter().flatten().collect(),
            one_in: one_in.map_err(|fault| fault.at(PLACE))?,
        })
    }
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.streams.iter().map(StreamName::as_str).collect();
        let streams = if names.is_empty() {
            "all streams".to_owned()
        } else {
            names.join(", ")
        };
        write!(f, "your own traffic of {streams}")?;
        match self.one_in {
            1 => Ok(()),
            some => write!(f, ", one in {some} of its records"),
        }
    }
}
