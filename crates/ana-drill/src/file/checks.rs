//! The three places of checks, and which checks say something in each.

use super::read::entries;
use crate::check::{Check, Subject, Window};
use crate::document::Value;
use crate::error::{DrillError, Fault};
use crate::fields::Fields;

/// Checks in one place.
const CHECKS_MAX: usize = 40;

/// What must hold before the start.
pub(super) fn steady(texts: Vec<String>) -> Result<Vec<Check>, DrillError> {
    let at_start = |check: &Check| match (check.subject, check.window) {
        (Subject::Flag(_), _) => Err("it is decided at the end, and nothing has happened yet"),
        (_, Window::WithinOfHeal(_)) => Err("nothing is broken yet that could heal"),
        _ => Ok(()),
    };
    all("steady", "steady", texts, at_start)
}

/// What ends the drill.
pub(super) fn stop(value: Value) -> Result<Vec<Check>, DrillError> {
    let mut fields = Fields::of("[stop]", "stop", value)?;
    let texts: Vec<String> = fields.required("when")?;
    fields.finish()?;
    let while_running = |check: &Check| match (check.subject, check.window) {
        (Subject::Flag(_), _) => {
            Err("it is decided at the end; name a metric that grows, such as acked_lost > 0")
        }
        (Subject::AllShardsWritable, _) => {
            Err("a drill stops when something is wrong; write shards_unwritable > 0 for 30s")
        }
        (_, Window::WithinOfHeal(_)) => Err("a drill that healed needs no stopping"),
        _ => Ok(()),
    };
    all("[stop]", "when", texts, while_running)
}

/// What must have held at the end.
pub(super) fn expect(value: Value) -> Result<Vec<Check>, DrillError> {
    let mut fields = Fields::of("[expect]", "expect", value)?;
    let texts: Vec<String> = fields.required("all")?;
    fields.finish()?;
    all("[expect]", "all", texts, |_| Ok(()))
}

fn all(
    place: &str,
    key: &'static str,
    texts: Vec<String>,
    fits: impl Fn(&Check) -> Result<(), &'static str>,
) -> Result<Vec<Check>, DrillError> {
    entries(key, texts.len(), 0, CHECKS_MAX).map_err(|fault| fault.at(place))?;
    let mut checks = Vec::new();
    for text in texts {
        let check: Check = match text.parse() {
            Ok(check) => check,
            Err(error) => return Err(Fault::Check { text, error }.at(place)),
        };
        match fits(&check) {
            Ok(()) => checks.push(check),
            Err(why) => return Err(Fault::CheckOutOfPlace { text, why }.at(place)),
        }
    }
    Ok(checks)
}
