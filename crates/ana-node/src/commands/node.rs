//! `ana node`: stop, kill, pause, wipe and start single nodes of a cluster that `ana up` runs; add, remove and replace
//! nodes of any cluster.

mod add;
mod members;
mod remove;
mod replace;

use std::time::Duration;

use ana_drill::quantity::Size;
use ana_env::time;
use bytes::Bytes;
use clap::Subcommand;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Context;
use crate::client::error::ACCESS_ADVICE;
use crate::cluster::meddle::DamagedFile;
use crate::cluster::order::PAUSE_MS_MAX;
use crate::cluster::supervisor::{NodeState, NodeView};
use crate::error::{CliError, Exit};
use crate::output::{self, Format, Table};

/// Stop, kill, pause, wipe, start, add, remove or replace a node.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ana node kill 2             pull its plug (SIGKILL); it stays down
  ana node start 2            start it again with the data it has
  ana node stop 2             let it end in order (SIGTERM)
  ana node restart 2          let it end in order and start it again
  ana node pause 2 --for 10s  let it stand still (SIGSTOP); it goes on by itself
  ana node wipe 2             kill it, take all its data away, start it again: the others fill it
  ana node flip-bit 2 --file log
                              kill it, turn a bit over in its files, start it again
  ana node tear-tail 2 --bytes 512
                              kill it, leave a write that was cut short in its logs, start it again
  ana node add                a node more, in the zone with the fewest
  ana node replace 2          another node in the place of a dead one
  ana node remove 4           a node less: its replicas move to others first")]
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
    /// Kill a node, turn one bit over in its files and start it again. It notices, and repairs itself from the others.
    /// Only while all other nodes are whole.
    FlipBit(FlipBit),
    /// Kill a node, leave a write that was cut short behind the end of each of its logs, and start it again. Nothing
    /// that anybody was told of is touched.
    TearTail(TearTail),
    Add(add::Add),
    Remove(remove::Remove),
    Replace(replace::Replace),
}

#[derive(Debug, clap::Args)]
pub(super) struct FlipBit {
    #[command(flatten)]
    which: Which,
    /// In which kind of file.
    #[arg(long, value_enum, value_name = "KIND")]
    file: DamagedFile,
    /// Decides which bit; another one each time without it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(super) struct TearTail {
    #[command(flatten)]
    which: Which,
    /// How much of the write is there: 512, 4KiB.
    #[arg(long, value_name = "SIZE", default_value = "512")]
    bytes: Size,
    /// Decides which bytes; others each time without it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
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
            Node::FlipBit(flip) => {
                let seed = flip.seed.unwrap_or_else(|| context.env.rng.next_u64());
                let body = json!({ "file": flip.file.to_string(), "seed": seed });
                let order = Order::until_up("flip_bit");
                (Order { body, ..order }, flip.which)
            }
            Node::TearTail(tear) => {
                let seed = tear.seed.unwrap_or_else(|| context.env.rng.next_u64());
                let body = json!({ "bytes": tear.bytes.0, "seed": seed });
                let order = Order::until_up("tear_tail");
                (Order { body, ..order }, tear.which)
            }
            Node::Add(add) => return add.run(context).await,
            Node::Remove(remove) => return remove.run(context).await,
            Node::Replace(replace) => return replace.run(context).await,
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

/// A request to a node or the supervisor, its answer decoded.
pub(super) async fn ask<T: serde::de::DeserializeOwned>(
    context: &Context,
    method: Method,
    path: &str,
) -> Result<T, CliError> {
    ask_with(context, method, path, Bytes::new()).await
}

/// The same with a body, which is JSON.
pub(super) async fn ask_with<T: serde::de::DeserializeOwned>(
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
            node.state.word().to_owned(),
            node.api.clone(),
            node.reason.clone(),
        ]);
    }
    table
}
