//! Faults of answers to clients: held by every node, since any of them may be asked.

use std::collections::BTreeSet;

use ana_drill::action::ApiAction;
use ana_drill::quantity::{Percent, Span};
use ana_drill::{Pick, Target};
use serde_json::{Map, Value, json};

use super::{Leased, Means, Needs, Stage, Unable, ms, not_offered, staged, whole, whole_percent};

/// How long something that is done once is held, so that every session that is there meets it.
const ONCE: Span = Span::from_millis(500);

fn kind(action: ApiAction) -> Result<&'static str, Unable> {
    Ok(match action {
        ApiAction::Throttle { .. } => "api.throttle",
        ApiAction::Error { .. } => "api.error",
        ApiAction::Latency { .. } => "api.latency",
        ApiAction::ExpiredIterator { .. } => "api.expired_iterator",
        ApiAction::PartialPuts { .. } => "api.partial_put",
        ApiAction::DropSubscriptions => "api.drop_subscription",
        ApiAction::StaleDescribe { .. } => {
            return Err(not_offered(
                "api.stale_describe",
                "nodes do not keep what they answered before",
            ));
        }
    })
}

pub(super) fn needs(action: ApiAction, on: &Target) -> Result<Needs, Unable> {
    if let Target::Requests(requests) = on {
        if requests.shard.is_some() {
            return Err(not_offered(
                "a fault of one shard's requests",
                "nodes tell requests apart by stream and operation",
            ));
        }
        if !requests.principals.is_empty() {
            return Err(not_offered(
                "a fault of one caller's requests",
                "nodes tell requests apart by stream and operation",
            ));
        }
    }
    let kind = kind(action)?;
    body(action)?;
    Ok(Needs::kind(kind))
}

pub(super) fn means(action: ApiAction, lasts: Span, pick: &Pick) -> Result<Means, Unable> {
    let Pick::Requests {
        streams,
        operations,
        ..
    } = pick
    else {
        return Ok(staged(Vec::new()));
    };
    let kind = kind(action)?;
    let operations: BTreeSet<Option<&str>> = if operations.is_empty() {
        BTreeSet::from([None])
    } else {
        operations.iter().map(|each| Some(each.name())).collect()
    };
    let mut faults = Vec::new();
    for stream in streams {
        for operation in &operations {
            let mut body = body(action)?;
            body.insert("kind".to_owned(), json!(kind));
            body.insert("stream".to_owned(), json!(stream));
            if let Some(operation) = operation {
                body.insert("operation".to_owned(), json!(operation));
            }
            faults.push(Leased {
                on: None,
                name: faults.len().to_string(),
                body: Value::Object(body),
            });
        }
    }
    if action == ApiAction::DropSubscriptions {
        return Ok(staged(vec![Stage {
            from: Span::ZERO,
            until: ONCE,
            faults,
        }]));
    }
    Ok(whole(lasts, faults))
}

/// The parameters of the kind.
fn body(action: ApiAction) -> Result<Map<String, Value>, Unable> {
    let mut body = Map::new();
    let mut put = |key: &str, value: u64| body.insert(key.to_owned(), json!(value));
    let share = |percent: Percent| whole_percent(percent);
    match action {
        ApiAction::Throttle { percent }
        | ApiAction::ExpiredIterator { percent }
        | ApiAction::PartialPuts { percent } => {
            put("percent", share(percent)?);
        }
        ApiAction::Latency {
            delay,
            jitter,
            percent,
        } => {
            put("delay_ms", ms(delay));
            if let Some(jitter) = jitter {
                put("jitter_ms", ms(jitter));
            }
            put("percent", share(percent)?);
        }
        ApiAction::Error { error, percent } => {
            put("percent", share(percent)?);
            body.insert("error".to_owned(), json!(error.name()));
        }
        ApiAction::DropSubscriptions => {
            put("after_ms", 0);
        }
        ApiAction::StaleDescribe { age } => {
            put("age_ms", ms(age));
        }
    }
    Ok(body)
}
