//! A template as a client writes it.
//!
//! Must stay true: a body that passes [`Body::check`] can be carried over to a drill, and nothing that it says is
//! passed over in silence.

use super::refusal::Refusal;
use crate::fis::{Import, import};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const DESCRIPTION_CHARS_MAX: usize = 512;
const NAME_CHARS_MAX: usize = 64;
const ARN_CHARS: std::ops::RangeInclusive<usize> = 20..=2048;
const ARNS_MAX: usize = 5;
const TAGS_MAX: usize = 50;
const TAG_KEY_CHARS_MAX: usize = 128;
const TAG_VALUE_CHARS_MAX: usize = 256;
const TOKEN_CHARS_MAX: usize = 1024;
/// Where a stop condition comes from when there is none.
const NONE: &str = "none";
const ALARM: &str = "aws:cloudwatch:alarm";

/// Texts by name.
pub type Texts = BTreeMap<String, String>;

/// What a template says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Body {
    /// What it is for.
    pub description: String,
    /// What is hit, by name.
    #[serde(default)]
    pub targets: BTreeMap<String, TargetBody>,
    /// What is done, by name.
    pub actions: BTreeMap<String, ActionBody>,
    /// What ends it early.
    pub stop_conditions: Vec<StopCondition>,
    /// The role under which FIS would act.
    pub role_arn: String,
    /// Tags of the template.
    #[serde(default)]
    pub tags: Texts,
    /// Options; those of AWS and their defaults.
    #[serde(default)]
    pub experiment_options: Options,
    /// Where FIS would write its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_configuration: Option<Map<String, Value>>,
    /// Where FIS would write its report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment_report_configuration: Option<Map<String, Value>>,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetBody {
    /// `aws:kinesis:stream`, `aws:iam:role`.
    pub resource_type: String,
    /// Its members by ARN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_arns: Vec<String>,
    /// Its members by tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_tags: Texts,
    /// Its members by their state; nothing here knows any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// How many of them.
    pub selection_mode: String,
    /// Parameters of the type; nothing here knows any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: Texts,
}

/// A filter of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The attribute.
    pub path: String,
    /// Its values.
    pub values: Vec<String>,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActionBody {
    /// What it does.
    pub action_id: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: Texts,
    /// To which target.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: Texts,
    /// After which actions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start_after: Vec<String>,
}

/// What ends an experiment early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopCondition {
    /// `none`, or where it comes from.
    pub source: String,
    /// The alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Options of an experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Options {
    /// One account or several.
    pub account_targeting: AccountTargeting,
    /// What to do where a target is empty.
    pub empty_target_resolution_mode: EmptyTargets,
}

/// Whose accounts are hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is FIS's word")]
pub enum AccountTargeting {
    #[default]
    SingleAccount,
    MultiAccount,
}

/// What becomes of an action without targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is FIS's word")]
pub enum EmptyTargets {
    #[default]
    Fail,
    Skip,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            account_targeting: AccountTargeting::SingleAccount,
            empty_target_resolution_mode: EmptyTargets::Fail,
        }
    }
}

/// A request of CreateExperimentTemplate.
///
/// # Errors
/// When it cannot stand.
pub fn create(bytes: &[u8]) -> Result<(String, Body), Refusal> {
    let mut object = object(bytes)?;
    let token = token(&mut object)?;
    let body = body(object)?;
    body.check()?;
    Ok((token, body))
}

/// A body changed by a request of UpdateExperimentTemplate: what the request has replaces what was there.
///
/// # Errors
/// When the outcome cannot stand.
pub fn update(old: &Body, bytes: &[u8]) -> Result<Body, Refusal> {
    let mut changed = old.object();
    for (key, mut value) in object(bytes)? {
        if key == "tags" || key == "clientToken" {
            return Err(Refusal::validation(format!(
                "{key} cannot be changed by an update"
            )));
        }
        if let ("experimentOptions", Value::Object(options)) = (key.as_str(), &mut value)
            && let Some(Value::Object(before)) = changed.get(&key)
        {
            // Who is hit is settled when the template is made.
            for (option, value) in before {
                options.entry(option).or_insert_with(|| value.clone());
            }
        }
        changed.insert(key, value);
    }
    let body = body(changed)?;
    body.check()?;
    Ok(body)
}

/// The object that a request's body must be. A member that is null is one that is not there.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let mut object: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| {
        Refusal::validation(format!(
            "the request's body is not an object in JSON: {error}"
        ))
    })?;
    object.retain(|_, value| !value.is_null());
    Ok(object)
}

/// The token by which a request that is sent again is known.
pub(super) fn token(object: &mut Map<String, Value>) -> Result<String, Refusal> {
    match object.remove("clientToken") {
        Some(Value::String(token))
            if (1..=TOKEN_CHARS_MAX).contains(&token.chars().count())
                && !token.contains(char::is_whitespace) =>
        {
            Ok(token)
        }
        Some(_) => Err(Refusal::validation(format!(
            "clientToken is a text of 1 to {TOKEN_CHARS_MAX} characters without spaces"
        ))),
        None => Err(Refusal::validation("clientToken is missing")),
    }
}

fn body(object: Map<String, Value>) -> Result<Body, Refusal> {
    serde_json::from_value(Value::Object(object))
        .map_err(|error| Refusal::validation(format!("the template: {error}")))
}

/// Refuses tags that cannot be kept.
pub(super) fn check_tags(tags: &Texts) -> Result<(), Refusal> {
    if tags.len() > TAGS_MAX {
        return Err(Refusal::validation(format!(
            "there are at most {TAGS_MAX} tags"
        )));
    }
    for (key, value) in tags {
        at_most("the key of a tag", key, TAG_KEY_CHARS_MAX)?;
        let chars = value.chars().count();
        if chars > TAG_VALUE_CHARS_MAX {
            return Err(Refusal::validation(format!(
                "the value of a tag has at most {TAG_VALUE_CHARS_MAX} characters"
            )));
        }
    }
    Ok(())
}

fn at_most(what: &str, text: &str, chars_max: usize) -> Result<(), Refusal> {
    if (1..=chars_max).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "{what} has 1 to {chars_max} characters"
    )))
}

impl Body {
    /// The drill that it means.
    ///
    /// # Errors
    /// When it asks for what is not known here, or contradicts itself.
    pub fn import(&self) -> Result<Import, Refusal> {
        import(&self.text()).map_err(|error| Refusal::validation(error.to_string()))
    }

    /// The template in JSON.
    pub(super) fn text(&self) -> String {
        Value::Object(self.object()).to_string()
    }

    pub(super) fn object(&self) -> Map<String, Value> {
        match serde_json::to_value(self).expect("texts, lists and maps by text") {
            Value::Object(object) => object,
            other => unreachable!("a structure is an object, not {other}"),
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        at_most("description", &self.description, DESCRIPTION_CHARS_MAX)?;
        if !ARN_CHARS.contains(&self.role_arn.chars().count())
            || self.role_arn.contains(char::is_whitespace)
        {
            return Err(Refusal::validation(
                "roleArn is an ARN; no role is ever taken, so any will do: arn:aws:iam::000000000000:role/fis",
            ));
        }
        check_tags(&self.tags)?;
        for condition in &self.stop_conditions {
            let stands = match condition.source.as_str() {
                NONE => condition.value.is_none(),
                ALARM => condition.value.is_some(),
                _ => false,
            };
            if !stands {
                return Err(Refusal::validation(format!(
                    "stopConditions: the source is {NONE:?}, or {ALARM:?} with the alarm's ARN as its value"
                )));
            }
        }
        for name in self.targets.keys().chain(self.actions.keys()) {
            at_most("the name of a target or an action", name, NAME_CHARS_MAX)?;
        }
        for (name, target) in &self.targets {
            if target.resource_arns.len() > ARNS_MAX {
                return Err(Refusal::validation(format!(
                    "target {name:?}: there are at most {ARNS_MAX} resourceArns"
                )));
            }
        }
        for (name, action) in &self.actions {
            if let Some(description) = &action.description {
                let what = format!("action {name:?}: description");
                at_most(&what, description, DESCRIPTION_CHARS_MAX)?;
            }
        }
        self.import().map(|_| ())
    }
}

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
#[path = "body/body_test.rs"]
mod body_test;
