//! `ana fault`: switch faults on at the nodes that are to have them, list them, end them.
//!
//! ```text
//!   target   where: what --on and its short forms mean, in nodes of the status
//!   add      what: one body for each node, checked here as the node will check it
//!   reach    the nodes, one by one, at the address where each serves clients
//!   show     many nodes' faults as lines
//! ```
//! Must stay true: nothing here has to go on for a fault to end; the node ends it by itself.

mod add;
mod reach;
pub(super) mod show;
mod target;

use bytes::Bytes;
use clap::Subcommand;
use futures::future::join_all;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use self::add::Add;
pub(super) use self::reach::faults_of;
use self::reach::{answering, ask};
use super::{Context, status};
use crate::admin::document::StatusDocument;
use crate::error::{CliError, Exit};
use crate::faults::admin::{STOP_PATH, not_disposable};
use crate::output::{self, Format};

/// Make things go wrong on purpose, for a while: errors, slow disks, cut links.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Faults are for clusters whose data nobody needs: those of `ana up`, and nodes with `disposable = true` in
their settings. Each fault ends by itself after --for, whatever happens to whoever asked for it, and with
its node's process. What each kind does: docs/FAULTS.md.

Examples:
  ana fault add api.expired_iterator --on 'stream orders' --for 20s
  ana fault add api.throttle --on 'stream orders op PutRecords' --percent 50
  ana fault add disk.slow --on 'leader of orders/0' --delay 200ms
  ana fault add link.cut --from 1 --to 2 --both
  ana fault ls
  ana fault stop --all")]
pub(super) enum Fault {
    /// List the faults that are on, with the time they have left.
    Ls,
    /// Switch a fault on; asked again with the same --id, renew it.
    Add(Box<Add>),
    /// End a fault now, or all of them, on every node.
    Stop(Stop),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ana fault stop api.throttle-3f2a
  ana fault stop --all")]
pub(super) struct Stop {
    /// The fault's name, as `ana fault ls` shows it.
    #[arg(value_name = "ID", required_unless_present = "all")]
    id: Option<String>,
    /// Every fault of every node.
    #[arg(long, conflicts_with = "id")]
    all: bool,
}

impl Fault {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Fault::Ls => list(context).await,
            Fault::Add(add) => add.run(context).await,
            Fault::Stop(stop) => stop.run(context).await,
        }
    }
}

/// The cluster as it is, when faults may be switched on in it.
async fn disposable_cluster(context: &Context) -> Result<StatusDocument, CliError> {
    let document = status::collect(context).await?;
    if document.disposable {
        return Ok(document);
    }
    if document.nodes.iter().all(|node| node.state != "up") {
        return Err(
            CliError::new(Exit::Unavailable, "no node of the cluster answers")
                .context(format!("endpoint {}", context.endpoint))
                .advice("try: ana status"),
        );
    }
    let (_, body) = not_disposable();
    let message = body.get("message").and_then(serde_json::Value::as_str);
    Err(CliError::new(Exit::Permission, message.unwrap_or_default())
        .context(format!("endpoint {}", context.endpoint))
        .advice(reach::DISPOSABLE_ADVICE))
}

async fn list(context: &Context) -> Result<Exit, CliError> {
    let document = disposable_cluster(context).await?;
    match context.format {
        Format::Json => output::json(&json!({ "faults": document.faults }))?,
        Format::Table => {
            if document.faults.is_empty() {
                output::say("no fault is on");
            }
            output::data(&show::table(&document.faults).render())?;
        }
    }
    Ok(Exit::Ok)
}

/// What a node answers when it has stopped faults.
#[derive(Debug, Deserialize)]
struct Stopped {
    stopped: Vec<String>,
}

impl Stop {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let document = disposable_cluster(context).await?;
        let body = match &self.id {
            Some(id) => json!({ "id": id }),
            None => json!({ "all": true }),
        };
        let body = Bytes::from(body.to_string());
        let asked = answering(&document.nodes).map(|node| {
            let body = body.clone();
            async move {
                let stopped = ask::<Stopped>(context, node, Method::POST, STOP_PATH, body).await;
                (node.id, stopped)
            }
        });
        let mut ended = Vec::new();
        let mut failed = None;
        for (node, answer) in join_all(asked).await {
            match answer {
                Ok(answer) => ended.extend(answer.stopped.into_iter().map(|id| (node, id))),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let (Some(id), true) = (&self.id, ended.is_empty() && failed.is_none()) {
            return Err(
                CliError::new(Exit::NotFound, format!("no fault {id} is on"))
                    .advice("try: ana fault ls (faults end by themselves when their time is over)"),
            );
        }
        match context.format {
            Format::Json => {
                let stopped = ended
                    .iter()
                    .map(|(node, id)| json!({ "on_node": node, "id": id }));
                output::json(&json!({ "stopped": stopped.collect::<Vec<_>>() }))?;
            }
            Format::Table => {
                for (node, id) in &ended {
                    output::line(&format!("node {node}: {id} is over"))?;
                }
            }
        }
        failed.map_or(Ok(Exit::Ok), Err)
    }
}
