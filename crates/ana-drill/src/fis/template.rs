//! The outer shape of a template.

use super::action::Planned;
use super::target::Selected;
use super::{Import, NotCarried, Slot, schedule};
use crate::document::{Table, Value, find};
use crate::error::{DrillError, Fault};
use crate::fields::{Fields, wrong_kind};
use crate::file::{Drill, DrillName, STEPS_MAX};
use std::collections::BTreeMap;

const PLACE: &str = "the template";
/// What the answer of `get-experiment-template` wraps a template in.
const WRAPPED: &str = "experimentTemplate";
/// Parts of an answer that say nothing about the experiment.
const BOOKKEEPING: &[&str] = &[
    "arn",
    "clientToken",
    "creationTime",
    "id",
    "lastUpdateTime",
    "targetAccountConfigurationsCount",
];
/// Options and their defaults.
const OPTIONS: &[(&str, &str)] = &[
    ("accountTargeting", "single-account"),
    ("emptyTargetResolutionMode", "fail"),
];
/// The name of a drill whose template has none.
const NAMELESS: &str = "fis-import";

/// Whether a JSON text is a template, right or wrong, and not a drill.
pub(crate) fn is_template(text: &str) -> bool {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Table(table)) => {
            let has = |key: &str| find(&table, key).is_some();
            !has("drill") && (has("actions") || has(WRAPPED))
        }
        _ => false,
    }
}

pub(super) fn import(text: &str) -> Result<Import, DrillError> {
    let value = serde_json::from_str(text).map_err(|error| Fault::NotJson(error).at(PLACE))?;
    let mut outer = Fields::of(PLACE, PLACE, value)?;
    let Some(inner) = outer.raw(WRAPPED) else {
        return template(outer);
    };
    outer.finish()?;
    template(Fields::of(PLACE, WRAPPED, inner)?)
}

fn template(mut fields: Fields) -> Result<Import, DrillError> {
    let description: Option<String> = fields.optional("description")?;
    let tags = texts(&mut fields, "tags")?;
    let not_carried = not_carried(&mut fields)?;
    let (targets, actions) = tables(&mut fields)?;
    for key in BOOKKEEPING {
        fields.raw(key);
    }
    fields.finish()?;
    let planned = planned(&targets, actions)?;
    let name = tags
        .iter()
        .find(|(key, _)| key == "Name")
        .map(|(_, value)| value);
    let drill = Drill {
        name: drill_name(name.or(description.as_ref()))?,
        about: description
            .filter(|text| !text.trim().is_empty())
            .unwrap_or_else(|| "An experiment template of AWS FIS".to_owned()),
        seed: None,
        steady: Vec::new(),
        load: None,
        steps: schedule::steps(planned)?,
        stop: Vec::new(),
        expect: Vec::new(),
    };
    Ok(Import { drill, not_carried })
}

/// What targets select, and the actions unread.
fn tables(fields: &mut Fields) -> Result<(BTreeMap<String, Selected>, Table), DrillError> {
    let mut targets = BTreeMap::new();
    for (name, value) in table(fields, "targets")? {
        let selected = Selected::read(&name, value)?;
        targets.insert(name, selected);
    }
    Ok((targets, table(fields, "actions")?))
}

/// The actions, each with its target.
fn planned(
    targets: &BTreeMap<String, Selected>,
    actions: Table,
) -> Result<Vec<Planned>, DrillError> {
    if !(1..=STEPS_MAX).contains(&actions.len()) {
        let found = actions.len();
        let fault = Fault::Entries {
            key: "actions",
            found,
            least: 1,
            most: STEPS_MAX,
        };
        return Err(fault.at(PLACE));
    }
    let planned = actions
        .into_iter()
        .map(|(name, value)| Planned::read(name, value, targets));
    planned.collect()
}

/// The actions with their times alone.
pub(super) fn outline(text: &str) -> Result<Vec<Slot>, DrillError> {
    let value = serde_json::from_str(text).map_err(|error| Fault::NotJson(error).at(PLACE))?;
    let mut fields = Fields::of(PLACE, PLACE, value)?;
    let (targets, actions) = tables(&mut fields)?;
    schedule::outline(planned(&targets, actions)?)
}

fn not_carried(fields: &mut Fields) -> Result<Vec<NotCarried>, DrillError> {
    let mut found = Vec::new();
    for value in fields.list("stopConditions")? {
        let mut condition = Fields::of("stopConditions", "stopConditions", value)?;
        let source: String = condition.required("source")?;
        let alarm: Option<String> = condition.optional("value")?;
        condition.finish()?;
        if source != "none" {
            found.push(NotCarried::Alarm(alarm.unwrap_or(source)));
        }
    }
    let named = [
        ("roleArn", NotCarried::Role),
        ("logConfiguration", NotCarried::Log),
        ("experimentReportConfiguration", NotCarried::Report),
    ];
    for (key, what) in named {
        if fields.raw(key).is_some() {
            found.push(what);
        }
    }
    for (option, value) in texts(fields, "experimentOptions")? {
        if !OPTIONS.contains(&(option.as_str(), value.as_str())) {
            found.push(NotCarried::Option(format!("{option} = {value}")));
        }
    }
    Ok(found)
}

/// A table that may be absent.
pub(super) fn table(fields: &mut Fields, key: &'static str) -> Result<Table, DrillError> {
    match fields.raw(key) {
        None | Some(Value::Nothing) => Ok(Table::new()),
        Some(Value::Table(table)) => Ok(table),
        Some(other) => Err(wrong_kind(key, "a table", &other).at(fields.place())),
    }
}

/// A table of texts that may be absent.
pub(super) fn texts(
    fields: &mut Fields,
    key: &'static str,
) -> Result<Vec<(String, String)>, DrillError> {
    let mut all = Vec::new();
    for (name, value) in table(fields, key)? {
        match value {
            Value::Text(text) => all.push((name, text)),
            other => return Err(wrong_kind(&name, "a text", &other).at(fields.place())),
        }
    }
    Ok(all)
}

/// A name from whatever the template calls itself.
fn drill_name(text: Option<&String>) -> Result<DrillName, DrillError> {
    let mut slug = String::new();
    for c in text.map_or("", String::as_str).chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let cut: String = slug.chars().take(DrillName::CHARS_MAX).collect();
    let name = match cut.trim_end_matches('-') {
        "" => NAMELESS,
        name => name,
    };
    DrillName::new(name).map_err(|fault| fault.at(PLACE))
}
