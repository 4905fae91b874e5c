//! Reading the whole file.

use super::{Drill, DrillName, Load, Step, WHOLE, Watch, checks};
use crate::document::Value;
use crate::error::{DrillError, Fault};
use crate::fields::{Fields, within, wrong_kind};

/// Steps of one drill: more are no longer one screen, and nobody reads the report.
pub(crate) const STEPS_MAX: usize = 40;
/// Characters of `about`: as many as the description of a FIS template has.
const ABOUT_CHARS_MAX: usize = 512;
/// The greatest seed: TOML's whole numbers are signed.
const SEED_MAX: u64 = i64::MAX.unsigned_abs();

pub(super) fn drill(value: Value) -> Result<Drill, DrillError> {
    let mut fields = Fields::of(WHOLE, WHOLE, value)?;
    let name: String = fields.required("drill")?;
    let name = DrillName::new(&name).map_err(|fault| fault.at(WHOLE))?;
    let about: String = fields.required("about")?;
    if about.trim().is_empty() {
        return Err(Fault::Nothing("about".to_owned()).at(WHOLE));
    }
    within(
        "about",
        count(about.chars().count()),
        1,
        count(ABOUT_CHARS_MAX),
    )
    .map_err(|fault| fault.at(WHOLE))?;
    let seed: Option<u64> = fields.optional("seed")?;
    if let Some(seed) = seed {
        within("seed", seed, 0, SEED_MAX).map_err(|fault| fault.at(WHOLE))?;
    }
    let steady = match fields.optional("steady")? {
        Some(texts) => checks::steady(texts)?,
        None => Vec::new(),
    };
    let load = match fields.raw("load") {
        Some(value) => Some(Load::read(value)?),
        None => None,
    };
    let watch = match fields.raw("watch") {
        Some(value) => Some(Watch::read(value)?),
        None => None,
    };
    if load.is_some() && watch.is_some() {
        return Err(Fault::LoadAndWatch.at(WHOLE));
    }
    let steps = fields.raw("step");
    let stop = match fields.raw("stop") {
        Some(value) => checks::stop(value)?,
        None => Vec::new(),
    };
    let expect = match fields.raw("expect") {
        Some(value) => checks::expect(value)?,
        None => Vec::new(),
    };
    // Before the steps: a misspelt section is what is wrong, not that it is missing.
    fields.finish()?;
    let steps = steps_of(steps.ok_or_else(|| Fault::Missing("step").at(WHOLE))?)?;
    Ok(Drill {
        name,
        about,
        seed,
        steady,
        load,
        watch,
        steps,
        stop,
        expect,
    })
}

fn steps_of(value: Value) -> Result<Vec<Step>, DrillError> {
    let Value::List(list) = value else {
        return Err(wrong_kind("step", "a list of steps", &value).at(WHOLE));
    };
    entries("step", list.len(), 1, STEPS_MAX).map_err(|fault| fault.at(WHOLE))?;
    let numbered = list.into_iter().enumerate();
    numbered
        .map(|(at, value)| Step::read(at + 1, value))
        .collect()
}

/// Refuses a list of the wrong length.
pub(super) fn entries(
    key: &'static str,
    found: usize,
    least: usize,
    most: usize,
) -> Result<(), Fault> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(Fault::Entries {
        key,
        found,
        least,
        most,
    })
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
