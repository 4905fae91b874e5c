//! A target of a template: streams by ARN or tags, or the roles whose requests are meant.

use super::template::{table, texts};
use crate::document::Value;
use crate::error::{DrillError, FisFault};
use crate::fields::Fields;
use crate::operation::Operation;
use crate::quantity::Percent;
use crate::targets::{Count, Requests, StreamSet, Streams, Target};
use ana_types::StreamArn;
use std::collections::BTreeSet;

/// What a target of a template selects.
#[derive(Debug, Clone)]
pub(super) enum Selected {
    /// Requests on streams, anybody's.
    Streams(Streams),
    /// Requests of callers, on any stream.
    Roles(BTreeSet<String>),
}

impl Selected {
    pub(super) fn read(name: &str, value: Value) -> Result<Selected, DrillError> {
        let place = format!("target {name:?}");
        let mut fields = Fields::of(place.clone(), "targets", value)?;
        let kind: String = fields.required("resourceType")?;
        let arns: Vec<String> = fields.optional("resourceArns")?.unwrap_or_default();
        let tags = texts(&mut fields, "resourceTags")?;
        let mode: Option<String> = fields.optional("selectionMode")?;
        let filters = fields.list("filters")?;
        let parameters = table(&mut fields, "parameters")?;
        fields.finish()?;
        let narrowed = [
            ("filters", filters.is_empty()),
            ("parameters", parameters.is_empty()),
        ];
        let select = || {
            if let Some((what, _)) = narrowed.iter().find(|(_, empty)| !empty) {
                return Err(FisFault::Narrowed(what));
            }
            if arns.is_empty() == tags.is_empty() {
                return Err(FisFault::ArnsOrTags);
            }
            let count = count(mode.as_deref())?;
            match kind.as_str() {
                "aws:kinesis:stream" if arns.is_empty() => {
                    let tags = tags.into_iter().collect();
                    Ok(Selected::Streams(Streams::Some(
                        count,
                        StreamSet::Tagged(tags),
                    )))
                }
                "aws:kinesis:stream" => streams(count, &arns).map(Selected::Streams),
                "aws:iam:role" if tags.is_empty() && count == Count::All => roles(arns),
                "aws:iam:role" => Err(FisFault::Roles),
                _ => Err(FisFault::ResourceType(kind)),
            }
        };
        select().map_err(|fault| fault.at(place))
    }

    /// The requests that are meant, narrowed to some operations; all where empty.
    pub(super) fn requests(&self, operations: BTreeSet<Operation>) -> Target {
        let (streams, principals) = match self {
            Selected::Streams(streams) => (streams.clone(), BTreeSet::new()),
            Selected::Roles(roles) => (Streams::Some(Count::All, StreamSet::All), roles.clone()),
        };
        Target::Requests(Requests {
            streams,
            shard: None,
            operations,
            principals,
        })
    }
}

/// How many are selected. FIS takes fewer where there are fewer than `COUNT(n)`.
fn count(mode: Option<&str>) -> Result<Count, FisFault> {
    let Some(mode) = mode.filter(|mode| *mode != "ALL") else {
        return Ok(Count::All);
    };
    let inside = |prefix: &str| mode.strip_prefix(prefix)?.strip_suffix(')');
    let up_to = inside("COUNT(")
        .and_then(|number| number.parse().ok())
        .filter(|n| *n > 0);
    let share = inside("PERCENT(").and_then(|share| share.parse::<Percent>().ok());
    let share = share.filter(|share| share.thousandths() > 0);
    let count = up_to.map(Count::UpTo).or(share.map(Count::Share));
    count.ok_or_else(|| FisFault::SelectionMode(mode.to_owned()))
}

fn streams(count: Count, arns: &[String]) -> Result<Streams, FisFault> {
    let mut names = BTreeSet::new();
    for arn in arns {
        let parsed: StreamArn = arn.parse().map_err(|error| FisFault::Arn {
            arn: arn.clone(),
            error,
        })?;
        names.insert(parsed.name);
    }
    match (count, names.len()) {
        (Count::All, 1) => Ok(names
            .pop_first()
            .map_or_else(|| Streams::Some(count, StreamSet::All), Streams::Named)),
        _ => Ok(Streams::Some(count, StreamSet::Named(names))),
    }
}

fn roles(arns: Vec<String>) -> Result<Selected, FisFault> {
    let is_role = |arn: &str| {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", partition, "iam", "", _, role]
            if partition.starts_with("aws") && role.starts_with("role/"))
    };
    match arns.iter().find(|arn| !is_role(arn)) {
        Some(wrong) => Err(FisFault::RoleArn(wrong.clone())),
        None => Ok(Selected::Roles(arns.into_iter().collect())),
    }
}
