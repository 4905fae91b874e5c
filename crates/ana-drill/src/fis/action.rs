//! An action of a template, before it has its time.

use super::duration;
use super::target::Selected;
use super::template::texts;
use crate::action::{Action, ApiAction, ApiError};
use crate::document::Value;
use crate::error::{DrillError, Fault, FisFault};
use crate::fields::Fields;
use crate::near::nearest;
use crate::operation::Operation;
use crate::quantity::{Percent, Span};
use crate::targets::Target;
use std::collections::{BTreeMap, BTreeSet};

/// The action that only waits.
const WAIT: &str = "aws:fis:wait";
/// The service whose requests are ours.
const SERVICE: &str = "kinesis";

/// An action of a template.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) after: Vec<String>,
    pub(super) lasts: Span,
    /// What it does and to whom; nothing for one that only waits.
    pub(super) fault: Option<(Action, Target)>,
}

impl Planned {
    pub(super) fn read(
        name: String,
        value: Value,
        targets: &BTreeMap<String, Selected>,
    ) -> Result<Planned, DrillError> {
        let place = format!("action {name:?}");
        let mut fields = Fields::of(place.clone(), "actions", value)?;
        let id: String = fields.required("actionId")?;
        let _about: Option<String> = fields.optional("description")?;
        let after: Vec<String> = fields.optional("startAfter")?.unwrap_or_default();
        let aimed = texts(&mut fields, "targets")?;
        let parameters = fields.raw("parameters").unwrap_or(Value::Table(Vec::new()));
        fields.finish()?;
        let mut parameters = Fields::of(place.clone(), "parameters", parameters)?;
        let lasts: String = parameters.required("duration")?;
        let lasts = duration::read(&lasts).map_err(|fault| fault.at(place.clone()))?;
        let fault = if id == WAIT {
            None
        } else {
            let action = injected(&id, &mut parameters)?;
            let operations = operations(&mut parameters)?;
            if id.starts_with("aws:fis:") && operations.is_empty() {
                return Err(Fault::Missing("operations").at(place));
            }
            let target = target(&aimed, targets).map_err(|fault| fault.at(place.clone()))?;
            Some((action, target.requests(operations)))
        };
        parameters.finish()?;
        Ok(Planned {
            name,
            after,
            lasts,
            fault,
        })
    }
}

/// The fault of an action id. Two guides of AWS name the Kinesis actions differently; both are taken.
fn injected(id: &str, parameters: &mut Fields) -> Result<Action, DrillError> {
    let percent = match parameters.optional::<Percent>("percentage")? {
        Some(percent) if percent.thousandths() == 0 => {
            return Err(Fault::Nothing("percentage".to_owned()).at(parameters.place()));
        }
        Some(percent) => percent,
        None => Percent::ALL,
    };
    let error = |error| ApiAction::Error { error, percent };
    Ok(Action::Api(match id {
        "aws:kinesis:stream-provisioned-throughput-exception"
        | "aws:kinesis:inject-api-provisioned-throughput-exception" => {
            ApiAction::Throttle { percent }
        }
        "aws:kinesis:stream-expired-iterator-exception"
        | "aws:kinesis:inject-api-expired-iterator-exception" => {
            ApiAction::ExpiredIterator { percent }
        }
        "aws:fis:inject-api-internal-error" => error(ApiError::InternalFailure),
        "aws:fis:inject-api-throttle-error" => error(ApiError::ThrottlingException),
        "aws:fis:inject-api-unavailable-error" => error(ApiError::ServiceUnavailable),
        _ => return Err(FisFault::NoSuchAction(id.to_owned()).at(parameters.place())),
    }))
}

/// The operations a template lists, with commas between them.
fn operations(parameters: &mut Fields) -> Result<BTreeSet<Operation>, DrillError> {
    let service: Option<String> = parameters.optional("service")?;
    if let Some(other) = service.filter(|service| service != SERVICE) {
        return Err(FisFault::Service(other).at(parameters.place()));
    }
    let listed: Option<String> = parameters.optional("operations")?;
    let mut operations = BTreeSet::new();
    for name in listed
        .iter()
        .flat_map(|listed| listed.split(','))
        .map(str::trim)
    {
        let operation = name.parse().map_err(|_unknown| {
            let near = nearest(name, Operation::ALL.iter().map(|each| each.name()));
            FisFault::NoSuchOperation {
                name: name.to_owned(),
                near,
            }
            .at(parameters.place())
        })?;
        operations.insert(operation);
    }
    Ok(operations)
}

fn target<'a>(
    aimed: &[(String, String)],
    targets: &'a BTreeMap<String, Selected>,
) -> Result<&'a Selected, FisFault> {
    let [(key, name)] = aimed else {
        return Err(FisFault::OneTarget);
    };
    let selected = targets
        .get(name)
        .ok_or_else(|| FisFault::NoSuchTarget(name.clone()))?;
    let expected = match selected {
        Selected::Streams(_) => "KinesisStreams",
        Selected::Roles(_) => "Roles",
    };
    if key == expected {
        return Ok(selected);
    }
    Err(FisFault::TargetKey {
        key: key.clone(),
        expected,
    })
}
