//! Resource policies of streams and consumers: what one may say, put, get, delete.
//!
//! A policy is stored and given back as it was put. It is checked here, where requests come in, and not in the
//! metadata machine: replicas of two builds with two JSON readers must not disagree about a command.

use ana_state::MetaCommand;
use ana_state::meta::{ConsumerCommand, ConsumerState, SettingCommand, StreamState};
use ana_types::limits::POLICY_BYTES_MAX;
use ana_types::{AccountId, SettingError};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::ops::PutResourcePolicy;
use crate::router::Answer;
use crate::settings::Resource;
use crate::streams::carry_out;

/// Actions on a stream that other accounts can be given.
const STREAM_ACTIONS: &[&str] = &[
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
    "kinesis:PutRecord",
    "kinesis:PutRecords",
];
/// Actions on a consumer that other accounts can be given.
const CONSUMER_ACTIONS: &[&str] = &["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"];
/// Versions of the policy language.
const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];
/// Elements of a policy.
const POLICY_ELEMENTS: &[&str] = &["Version", "Id", "Statement"];
/// Elements of a statement. `NotAction`, `NotPrincipal` and `NotResource` would grant what is not named.
const STATEMENT_ELEMENTS: &[&str] = &[
    "Sid",
    "Effect",
    "Principal",
    "Action",
    "Resource",
    "Condition",
];

/// PutResourcePolicy.
pub(crate) async fn put(context: &Context, request: PutResourcePolicy) -> Answer<()> {
    let resource = Resource::of_arn(context, &request.resource_arn)?;
    let actions = match &resource {
        Resource::Stream(_) => STREAM_ACTIONS,
        Resource::Consumer(..) => CONSUMER_ACTIONS,
    };
    check(&request.policy, actions)?;
    carry_out(context, set(resource, Some(request.policy))).await
}

/// DeleteResourcePolicy.
pub(crate) async fn delete(context: &Context, resource_arn: &str) -> Answer<()> {
    let resource = Resource::of_arn(context, resource_arn)?;
    carry_out(context, set(resource, None)).await
}

fn set(resource: Resource, policy: Option<String>) -> MetaCommand {
    match resource {
        Resource::Stream(stream) => {
            MetaCommand::Setting(SettingCommand::SetPolicy { stream, policy })
        }
        Resource::Consumer(stream, consumer, created_s) => {
            MetaCommand::Consumer(ConsumerCommand::SetPolicy {
                stream,
                consumer,
                created_s,
                policy,
            })
        }
    }
}

/// GetResourcePolicy.
pub(crate) async fn get(context: &Context, resource_arn: &str) -> Answer<String> {
    let resource = Resource::of_arn(context, resource_arn)?;
    let none = match &resource {
        Resource::Stream(stream) => SettingError::NoPolicy {
            stream: stream.clone(),
            consumer: None,
        },
        Resource::Consumer(stream, consumer, created_s) => SettingError::NoPolicy {
            stream: stream.clone(),
            consumer: Some((consumer.clone(), *created_s)),
        },
    };
    let of_stream = |stream: &StreamState| stream.settings.policy.clone();
    let of_consumer = |consumer: &ConsumerState| consumer.policy.clone();
    let policy = resource.look_at(context, of_stream, of_consumer).await?;
    policy.ok_or_else(|| none.into())
}

/// Whether a policy may be attached to a resource with these actions.
fn check(policy: &str, actions: &[&str]) -> Result<(), SettingError> {
    if policy.len() > POLICY_BYTES_MAX {
        return Err(SettingError::PolicyTooLarge {
            bytes: policy.len(),
        });
    }
    checked(policy, actions).map_err(|why| SettingError::InvalidPolicy { why })
}

/// The reason why not, for the client.
fn checked(policy: &str, actions: &[&str]) -> Result<(), String> {
    let policy: Value =
        serde_json::from_str(policy).map_err(|_error| "Policy is not valid JSON.".to_owned())?;
    let policy = policy.as_object().ok_or("Policy is not a JSON object.")?;
    check_elements(policy, POLICY_ELEMENTS)?;
    let version = policy.get("Version").map(Value::as_str);
    if version.is_some_and(|it| it.is_none_or(|it| !VERSIONS.contains(&it))) {
        return Err("Version is not a version of the policy language.".to_owned());
    }
    if policy.get("Id").is_some_and(|id| !id.is_string()) {
        return Err("Id is not a string.".to_owned());
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    if statements.is_empty() {
        return Err("Policy has no Statement.".to_owned());
    }
    for statement in statements {
        let statement = statement.as_object().ok_or("Statement is not an object.")?;
        check_statement(statement, actions)?;
    }
    Ok(())
}

fn check_elements(object: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    let other = object.keys().find(|key| !known.contains(&key.as_str()));
    other.map_or(Ok(()), |key| {
        Err(format!("{key} is not supported in a resource policy."))
    })
}

fn check_statement(statement: &Map<String, Value>, actions: &[&str]) -> Result<(), String> {
    check_elements(statement, STATEMENT_ELEMENTS)?;
    if statement.get("Sid").is_some_and(|sid| !sid.is_string()) {
        return Err("Sid is not a string.".to_owned());
    }
    let effect = statement.get("Effect").and_then(Value::as_str);
    if !matches!(effect, Some("Allow" | "Deny")) {
        return Err("Effect is neither Allow nor Deny.".to_owned());
    }
    check_principal(statement.get("Principal"))?;
    for action in texts("Action", statement.get("Action"))? {
        if has_wildcard(action) {
            return Err(format!("Action {action} contains a wildcard."));
        }
        if !actions.iter().any(|it| it.eq_ignore_ascii_case(action)) {
            return Err(format!(
                "Action {action} cannot be shared by the policy of this resource."
            ));
        }
    }
    for resource in texts("Resource", statement.get("Resource"))? {
        if !resource.starts_with("arn:") {
            return Err(format!("Resource {resource} is not an ARN."));
        }
    }
    if statement.get("Condition").is_some_and(|it| !it.is_object()) {
        return Err("Condition is not an object.".to_owned());
    }
    Ok(())
}

fn check_principal(principal: Option<&Value>) -> Result<(), String> {
    let kinds = match principal {
        Some(Value::Object(kinds)) => kinds,
        Some(Value::String(text)) => return Err(format!("Principal {text} is not supported.")),
        Some(_) | None => return Err("Principal is missing or not an object.".to_owned()),
    };
    if let Some(kind) = kinds.keys().find(|kind| *kind != "AWS") {
        return Err(format!("Principal of type {kind} is not supported."));
    }
    for text in texts("Principal", kinds.get("AWS"))? {
        if has_wildcard(text) {
            return Err(format!("Principal {text} contains a wildcard."));
        }
        if !is_principal(text) {
            return Err(format!(
                "Principal {text} is neither an account nor a user or role."
            ));
        }
    }
    Ok(())
}

/// An account id, or the ARN of an account, a user or a role.
fn is_principal(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts.as_slice() else {
        return AccountId::new(text).is_ok();
    };
    let named = ["user/", "role/"]
        .iter()
        .filter_map(|kind| resource.strip_prefix(kind))
        .any(|name| !name.is_empty());
    *arn == "arn"
        && partition.starts_with("aws")
        && *service == "iam"
        && region.is_empty()
        && AccountId::new(account).is_ok()
        && (*resource == "root" || named)
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// An element that is one text or a list of them, and not empty.
fn texts<'a>(element: &str, value: Option<&'a Value>) -> Result<Vec<&'a str>, String> {
    let found: Option<Vec<&str>> = match value {
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
        Some(_) | None => None,
    };
    found.filter(|texts| !texts.is_empty()).ok_or_else(|| {
        format!("{element} is missing, or is neither a string nor a list of strings.")
    })
}

#[cfg(test)]
#[path = "policies/policies_test.rs"]
mod policies_test;
