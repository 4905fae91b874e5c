//! `ana node`: stop, kill, pause, wipe and start single nodes of a cluster that `ana up` runs.

use std::time::Duration;

use ana_env::time;
use bytes::Bytes;
use clap::Subcommand;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Context;
use crate::client::error::ACCESS_ADVICE;
use crate::cluster::order::PAUSE_MS_MAX;
use crate::cluster::supervisor::{NodeState, NodeView};
use crate::error::{CliError, Exit};
use crate::output::{self, Format, Table};

/// Stop, kill, pause, wipe or start one node of a cluster that `ana up` runs.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ana node kill 2             pull its plug (SIGKILL); it stays down
  ana node start 2            start it again with the data it has
  ana node stop 2             let it end in order (SIGTERM)
  ana node restart 2          let it end in order and start it again
  ana node pause 2 --for 10s  let it stand still (SIGSTOP); it goes on by itself
  ana node wipe 2             kill it, take all its data away, start it again: the others fill it")]
pub(super) enum Node {
    /// Let a node end in order: SIGTERM, and SIGKILL when it takes too long.
    Stop(Which),
    /// Pull a node's plug: SIGKILL. It stays down until it is started.
    Kill(Which),
    /// Start a node with the data it has, and wait until it answers.
    Start(Which),
    /// Let a node end in order and start it again, and wait until it answers.
    Restart(Which),
    /// Let a node stand still where it is: SIGSTOP. It goes on by itself after --for.
    Pause(Pause),
    /// Let a paused node go on now.
    Resume(Which),
    /// Kill a node, take all its data away and start it again. It is filled from the others under its old id, and does
    /// not vote before that. Only while all other nodes are whole.
    Wipe(Which),
}

#[derive(Debug, clap::Args)]
pub(super) struct Pause {
    #[command(flatten)]
    which: Which,
    /// How long: 200ms, 30s, 5m, 2h.
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = pause_time)]
    lease_ms: u64,
}

/// Reads how long something stands still.
pub(super) fn pause_time(text: &str) -> Result<u64, String> {
    let ms = output::parse_duration_ms(text);
    let ms = ms.filter(|ms| (1..=PAUSE_MS_MAX).contains(ms));
    ms.ok_or_else(|| "use a time such as 200ms, 30s, 5m or 2h, 12 h at most".to_owned())
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The node's id, as `ana status` shows it.
    #[arg(value_name = "ID")]
    id: u64,
}

impl Node {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let (order, which) = match self {
            Node::Stop(which) => (Order::plain("stop"), which),
            Node::Kill(which) => (Order::plain("kill"), which),
            Node::Start(which) => (Order::until_up("start"), which),
            Node::Restart(which) => (Order::until_up("restart"), which),
            Node::Pause(pause) => (Order::pause(pause.lease_ms), pause.which),
            Node::Resume(which) => (Order::plain("resume"), which),
            Node::Wipe(which) => (Order::until_up("wipe"), which),
        };
        order.give(context, "node", &which.id.to_string()).await
    }
}

/// An order to the supervisor.
#[derive(Debug)]
pub(super) struct Order {
    verb: &'static str,
    /// Its parameters.
    body: Value,
    /// Whether it is done only when the nodes answer.
    until_up: bool,
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
    /// What was done to files, in words.
    #[serde(default)]
    pub(super) done: Vec<String>,
}

impl Order {
    /// An order without parameters that is done when the supervisor says so.
    pub(super) fn plain(verb: &'static str) -> Order {
        let (body, until_up) = (json!({}), false);
        Order {
            verb,
            body,
            until_up,
        }
    }

    /// An order without parameters that is done when the nodes answer.
    pub(super) fn until_up(verb: &'static str) -> Order {
        Order {
            until_up: true,
            ..Order::plain(verb)
        }
    }

    /// A pause for so long.
    pub(super) fn pause(lease_ms: u64) -> Order {
        Order {
            body: json!({ "lease_ms": lease_ms }),
            ..Order::plain("pause")
        }
    }

    /// Gives it to the supervisor and prints what became of it.
    pub(super) async fn give(
        self,
        context: &Context,
        kind: &str,
        name: &str,
    ) -> Result<Exit, CliError> {
        let path = format!("/_ana/supervisor/{kind}/{name}/{}", self.verb);
        let body = Bytes::from(self.body.to_string());
        let mut told: Nodes = ask_with(context, Method::POST, &path, body).await?;
        if self.until_up {
            for line in &told.done {
                output::say(line);
            }
            let ids: Vec<u64> = told.nodes.iter().map(|node| node.id).collect();
            told.nodes = wait_until_up(context, &ids).await?;
        }
        match context.format {
            Format::Json => output::json(&json!({ "nodes": told.nodes, "done": told.done }))?,
            Format::Table => output::data(&table(&told.nodes).render())?,
        }
        Ok(Exit::Ok)
    }
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

/// A request to the supervisor, its answer decoded.
pub(super) async fn ask<T: serde::de::DeserializeOwned>(
    context: &Context,
    method: Method,
    path: &str,
) -> Result<T, CliError> {
    ask_with(context, method, path, Bytes::new()).await
}

async fn ask_with<T: serde::de::DeserializeOwned>(
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
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let message = body.get("message").and_then(Value::as_str);
    let exit = match answer.status {
        StatusCode::NOT_FOUND => Exit::NotFound,
        StatusCode::SERVICE_UNAVAILABLE => Exit::Unavailable,
        StatusCode::FORBIDDEN => Exit::Permission,
        StatusCode::BAD_REQUEST => Exit::Usage,
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
            Exit::Usage => "try: ana node --help",
            Exit::Failed if answer.status == StatusCode::CONFLICT => "try: ana status",
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
        NodeState::Paused => "paused",
    }
}
