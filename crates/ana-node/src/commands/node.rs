//! `ana node`: stop, kill and start single nodes of a cluster that `ana up` runs.

mod members;
mod add;
mod remove;
mod replace;

use std::time::Duration;

use ana_env::time;
use bytes::Bytes;
use clap::Subcommand;
use http::{Method, StatusCode};
use serde::Deserialize;

use super::Context;
use crate::client::error::ACCESS_ADVICE;
use crate::cluster::supervisor::{NodeState, NodeView};
use crate::error::{CliError, Exit};
use crate::output::{self, Format, Table};

/// Stop, kill, start, add, remove or replace a node.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ana node kill 2      pull its plug (SIGKILL); it stays down
  ana node start 2     start it again with the data it has
  ana node stop 2      let it end in order (SIGTERM)
  ana node add         a node more, in the zone with the fewest
  ana node replace 2   another node in the place of a dead one
  ana node remove 4    a node less: its replicas move to others first")]
pub(super) enum Node {
    /// Let a node end in order: SIGTERM, and SIGKILL when it takes too long.
    Stop(Which),
    /// Pull a node's plug: SIGKILL. It stays down until it is started.
    Kill(Which),
    /// Start a node with the data it has, and wait until it answers.
    Start(Which),
    Add(add::Add),
    Remove(remove::Remove),
    Replace(replace::Replace),
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The node's id, as `ana status` shows it.
    #[arg(value_name = "ID")]
    id: u64,
}

impl Node {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let (verb, which) = match self {
            Node::Stop(which) => ("stop", which),
            Node::Kill(which) => ("kill", which),
            Node::Start(which) => ("start", which),
            Node::Add(add) => return add.run(context).await,
            Node::Remove(remove) => return remove.run(context).await,
            Node::Replace(replace) => return replace.run(context).await,
        };
        order(context, "node", &which.id.to_string(), verb).await
    }
}

/// The supervisor lets a node stop for ten seconds before it kills it.
const ORDER_MAX: Duration = Duration::from_secs(20);
/// A node with a long log and no checkpoint reads it all before it answers.
const START_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What the supervisor tells of nodes, in its status and after an order.
#[derive(Debug, Deserialize)]
pub(super) struct Nodes {
    /// One per node.
    pub(super) nodes: Vec<NodeView>,
}

/// Gives an order to the supervisor and prints what became of it.
pub(super) async fn order(
    context: &Context,
    kind: &str,
    name: &str,
    verb: &str,
) -> Result<Exit, CliError> {
    let path = format!("/_ana/supervisor/{kind}/{name}/{verb}");
    let mut nodes: Nodes = ask(context, Method::POST, &path).await?;
    if verb == "start" {
        let ids: Vec<u64> = nodes.nodes.iter().map(|node| node.id).collect();
        nodes.nodes = wait_until_up(context, &ids).await?;
    }
    match context.format {
        Format::Json => output::json(&serde_json::json!({ "nodes": nodes.nodes }))?,
        Format::Table => output::data(&table(&nodes.nodes).render())?,
    }
    Ok(Exit::Ok)
}

async fn wait_until_up(context: &Context, ids: &[u64]) -> Result<Vec<NodeView>, CliError> {
    let began = context.env.clock.elapsed();
    loop {
        let mut nodes: Nodes = ask(context, Method::GET, "/_ana/supervisor/status").await?;
        nodes.nodes.retain(|node| ids.contains(&node.id));
        if nodes.nodes.iter().all(|node| node.state == NodeState::Up) {
            return Ok(nodes.nodes);
        }
        if let Some(down) = nodes
            .nodes
            .iter()
            .find(|node| node.state == NodeState::Down)
        {
            return Err(
                CliError::new(Exit::Failed, format!("node {} did not stay up", down.id))
                    .context(down.reason.clone())
                    .advice("look into logs/ in the data directory"),
            );
        }
        if context.env.clock.elapsed().saturating_sub(began) > START_MAX {
            return Err(CliError::new(
                Exit::TimedOut,
                format!(
                    "started, but it does not answer after {} s",
                    START_MAX.as_secs()
                ),
            )
            .context(format!("endpoint {}", context.endpoint))
            .advice("try: ana status (it may need two zones up to be ready)"));
        }
        time::sleep(LOOK_EVERY).await;
    }
}

/// A request to a node or the supervisor, its answer decoded.
pub(super) async fn ask<T: serde::de::DeserializeOwned>(
    context: &Context,
    method: Method,
    path: &str,
) -> Result<T, CliError> {
    ask_bytes(context, method, path, Bytes::new()).await
}

/// The same with a body.
async fn ask_with<T: serde::de::DeserializeOwned>(
    context: &Context,
    method: Method,
    path: &str,
    body: &serde_json::Value,
) -> Result<T, CliError> {
    ask_bytes(context, method, path, body.to_string().into()).await
}

async fn ask_bytes<T: serde::de::DeserializeOwned>(
    context: &Context,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<T, CliError> {
    let answer = context
        .client()
        .plain_with(method, path, body, ORDER_MAX)
        .await
        .map_err(|e| context.explain(e))?;
    if answer.status.is_success() {
        return serde_json::from_slice(&answer.body).map_err(|error| {
            CliError::new(
                Exit::Failed,
                format!("the supervisor's answer is unreadable: {error}"),
            )
            .context(format!("endpoint {}", context.endpoint))
        });
    }
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let message = body.get("message").and_then(serde_json::Value::as_str);
    let exit = match answer.status {
        StatusCode::NOT_FOUND => Exit::NotFound,
        StatusCode::SERVICE_UNAVAILABLE => Exit::Unavailable,
        StatusCode::FORBIDDEN => Exit::Permission,
        _ => Exit::Failed,
    };
    let what = message.map_or_else(
        || {
            format!(
                "the endpoint has no supervisor (HTTP {})",
                answer.status.as_u16()
            )
        },
        str::to_owned,
    );
    Err(CliError::new(exit, what)
        .context(format!("endpoint {}", context.endpoint))
        .advice(match exit {
            Exit::NotFound => "try: ana status",
            Exit::Permission => ACCESS_ADVICE,
            _ => "try: ana status (only a cluster started by `ana up` has a supervisor)",
        }))
}

/// Nodes as the supervisor sees them.
pub(super) fn table(nodes: &[NodeView]) -> Table {
    let mut table = Table::new(&[">NODE", "ZONE", ">PID", "STATE", "API", "LAST END"]);
    for node in nodes {
        table.row(vec![
            node.id.to_string(),
            node.zone.clone(),
            node.pid.map_or(String::new(), |pid| pid.to_string()),
            state_word(node.state).to_owned(),
            node.api.clone(),
            node.reason.clone(),
        ]);
    }
    table
}

/// A state in lower case, as in the JSON.
pub(super) fn state_word(state: NodeState) -> &'static str {
    match state {
        NodeState::Starting => "starting",
        NodeState::Up => "up",
        NodeState::Stopping => "stopping",
        NodeState::Down => "down",
    }
}
