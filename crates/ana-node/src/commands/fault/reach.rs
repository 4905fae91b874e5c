//! The nodes of a cluster one by one: each is asked at the address where it serves clients.
//!
//! Must stay true: every wait is bounded; what a node refuses is told with what to do about it.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::admin::document::NodeEntry;
use crate::client::error::ACCESS_ADVICE;
use crate::client::{Client, RawAnswer};
use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::faults::admin::{KEY, PATH};
use crate::faults::{FaultDocument, FaultEntry};

/// A node answers from memory; one that takes longer is not there.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// What to do about a node that takes no faults.
pub(super) const DISPOSABLE_ADVICE: &str = "try: a cluster of `ana up`; elsewhere write `disposable = true` into the \
                                            settings of nodes whose data nobody needs, and start them again";

/// The nodes whose processes run and do not stand still, as far as known.
pub(super) fn answering(nodes: &[NodeEntry]) -> impl Iterator<Item = &NodeEntry> {
    let gone = |state: &str| matches!(state, "down" | "stopping" | "paused");
    nodes.iter().filter(move |node| !gone(&node.state))
}

/// A node's list.
#[derive(Debug, Deserialize)]
struct Listed {
    faults: Vec<FaultDocument>,
}

/// The faults of all nodes that answer.
pub(in crate::commands) async fn faults_of(
    context: &Context,
    nodes: &[NodeEntry],
) -> Vec<FaultEntry> {
    let asked = answering(nodes).map(|node| async move {
        let listed = ask::<Listed>(context, node, Method::GET, PATH, Bytes::new()).await;
        // A node that does not answer is missing from the rest of the status as well.
        let faults = listed.map(|listed| listed.faults).unwrap_or_default();
        let on_node = node.id;
        let entries = faults
            .into_iter()
            .map(|fault| FaultEntry { on_node, fault });
        entries.collect::<Vec<_>>()
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Asks one node, and decodes its answer.
pub(super) async fn ask<T: DeserializeOwned>(
    context: &Context,
    node: &NodeEntry,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<T, CliError> {
    let scheme = if context.endpoint.is_tls() {
        "https"
    } else {
        "http"
    };
    let endpoint = format!("{scheme}://{}", node.api);
    let endpoint = endpoint.parse().map_err(|error| {
        let what = format!("the address of node {} cannot be used: {error}", node.id);
        CliError::new(Exit::Failed, what).context(node.api.clone())
    })?;
    let client = Client::new(context.env.clone(), endpoint, context.access.clone());
    let asked = client.plain_with(method, path, body, ANSWER_MAX).await;
    let answer = asked.map_err(|error| error.into_cli(client.endpoint()))?;
    if !answer.status.is_success() {
        return Err(explain(node, &answer));
    }
    serde_json::from_slice(&answer.body).map_err(|error| {
        let what = format!("the answer of node {} is unreadable: {error}", node.id);
        CliError::new(Exit::Failed, what).context(node.api.clone())
    })
}

fn explain(node: &NodeEntry, answer: &RawAnswer) -> CliError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let member = |name: &str| body.get(name).and_then(Value::as_str);
    let takes_none = member("key") == Some(KEY);
    let (exit, advice) = match answer.status {
        StatusCode::FORBIDDEN if takes_none => (Exit::Permission, DISPOSABLE_ADVICE),
        StatusCode::FORBIDDEN => (Exit::Permission, ACCESS_ADVICE),
        StatusCode::BAD_REQUEST => (Exit::Usage, "try: ana fault add --help"),
        StatusCode::CONFLICT => (Exit::Failed, "try: ana fault ls, then ana fault stop ID"),
        StatusCode::NOT_FOUND => (
            Exit::Failed,
            "is the node of an older version, without faults?",
        ),
        _ => (Exit::Failed, "try: ana status"),
    };
    let what = member("message").map_or_else(
        || format!("it answered HTTP {}", answer.status.as_u16()),
        str::to_owned,
    );
    CliError::new(exit, format!("node {}: {what}", node.id))
        .context(format!("address {}", node.api))
        .advice(advice)
}
