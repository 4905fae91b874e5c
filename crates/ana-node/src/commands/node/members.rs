//! What `ana node add`, `remove` and `replace` have in common: what the cluster says of its members, and the wait until
//! it has done what was asked.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_env::time;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Nodes, ask, ask_with};
use crate::commands::Context;
use crate::config::MemberConfig;
use crate::error::{CliError, Exit};
use crate::output::{self, Format, Table};

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a question that nobody answers is repeated.
const AGAIN_MAX: Duration = Duration::from_secs(15);

/// What `/_ana/members` answers.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct View {
    pub(super) nodes: Vec<Member>,
    pub(super) removed: Vec<u64>,
    pub(super) moves: Vec<Move>,
}

/// One node.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Member {
    pub(super) id: u64,
    pub(super) zone: String,
    pub(super) api: String,
    pub(super) peer: String,
    pub(super) phase: String,
    pub(super) replicas: usize,
}

/// One replica on the move.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Move {
    pub(super) group: u64,
    pub(super) from: Option<u64>,
    pub(super) to: Option<u64>,
    pub(super) step: String,
}

impl View {
    pub(super) fn node(&self, id: u64) -> Option<&Member> {
        self.nodes.iter().find(|node| node.id == id)
    }

    pub(super) fn is_removed(&self, id: u64) -> bool {
        self.removed.contains(&id)
    }

    /// Nothing is left to be done about a node that was added: it is up and has its share.
    pub(super) fn is_settled(&self, id: u64) -> bool {
        let moves = self.moves.iter().any(|it| it.to == Some(id));
        self.node(id).is_some_and(|node| node.phase == "active") && !moves
    }
}

/// A node that is reached at addresses of its own, as given on the command line.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Elsewhere {
    /// Its id, never used before: for a node that `ana up` does not run.
    #[arg(long, value_name = "ID", requires_all = ["api", "peer"])]
    pub(super) id: Option<u64>,
    /// Where clients reach it.
    #[arg(long, value_name = "HOST:PORT", requires = "id")]
    pub(super) api: Option<String>,
    /// Where other nodes reach it.
    #[arg(long, value_name = "HOST:PORT", requires = "id")]
    pub(super) peer: Option<String>,
}

impl Elsewhere {
    /// The node, when one was given.
    pub(super) fn member(&self, zone: &str) -> Option<MemberConfig> {
        Some(MemberConfig {
            id: self.id?,
            zone: zone.to_owned(),
            api: self.api.clone()?,
            peer: self.peer.clone()?,
        })
    }
}

/// What the cluster says of its members now.
pub(super) async fn view(context: &Context) -> Result<View, CliError> {
    again(context, async || {
        ask(context, Method::GET, "/_ana/members").await
    })
    .await
}

/// Asks the cluster for a change of its members.
pub(super) async fn change(context: &Context, what: &str, body: Value) -> Result<View, CliError> {
    let path = format!("/_ana/members/{what}");
    again(context, async || {
        ask_with(context, Method::POST, &path, body.to_string().into()).await
    })
    .await
}

/// Asks again while nobody answers: whoever was asked may be dead, or without a leader for a moment. Everything about
/// members may be asked for twice.
async fn again(
    context: &Context,
    question: impl AsyncFn() -> Result<View, CliError>,
) -> Result<View, CliError> {
    let began = context.env.clock.elapsed();
    loop {
        let answer = question().await;
        let over = context.env.clock.elapsed().saturating_sub(began) > AGAIN_MAX;
        match answer {
            Err(error) if !over && matches!(error.exit(), Exit::Unavailable | Exit::TimedOut) => {
                time::sleep(LOOK_EVERY).await;
            }
            answer => return answer,
        }
    }
}

/// Has the supervisor plan and start a node; one that it has planned before and that the cluster does not know, because
/// a command was cut off, is taken in place of a new one.
pub(super) async fn start(
    context: &Context,
    view: &View,
    zone: Option<&str>,
) -> Result<MemberConfig, CliError> {
    let Nodes { nodes, .. } = ask(context, Method::GET, "/_ana/supervisor/status").await?;
    let known: BTreeSet<u64> = view.nodes.iter().map(|node| node.id).collect();
    let stray = nodes.into_iter().find(|node| {
        let fits = zone.is_none_or(|zone| zone == node.zone);
        fits && !known.contains(&node.id) && !view.is_removed(node.id)
    });
    if let Some(node) = stray {
        if node.pid.is_none() {
            let path = format!("/_ana/supervisor/node/{}/start", node.id);
            let _started: Nodes = ask(context, Method::POST, &path).await?;
        }
        return Ok(MemberConfig {
            id: node.id,
            zone: node.zone,
            api: node.api,
            peer: node.peer,
        });
    }
    let body = match zone {
        Some(zone) => json!({ "zone": zone }),
        None => json!({}),
    };
    let path = "/_ana/supervisor/members/add";
    ask_with(context, Method::POST, path, body.to_string().into()).await
}

/// Has the supervisor end the process of a removed node and forget it. A cluster without one has nothing to forget.
pub(super) async fn forget(context: &Context, id: u64) -> Result<Option<String>, CliError> {
    let path = "/_ana/supervisor/status";
    let Ok(Nodes { nodes, .. }) = ask(context, Method::GET, path).await else {
        return Ok(None);
    };
    if nodes.iter().all(|node| node.id != id) {
        return Ok(None);
    }
    let path = format!("/_ana/supervisor/members/forget/{id}");
    let forgotten: Value = ask(context, Method::POST, &path).await?;
    let left = forgotten.get("data_dir").and_then(Value::as_str);
    Ok(left.map(str::to_owned))
}

/// Waits until the members are as wanted, and tells the progress. A cluster that does not answer for a while is asked
/// again: leaders change while replicas move.
pub(super) async fn wait(
    context: &Context,
    seconds: u64,
    done: impl Fn(&View) -> bool,
    progress: impl Fn(&View) -> String,
) -> Result<View, CliError> {
    let began = context.env.clock.elapsed();
    let mut told = String::new();
    loop {
        let seen = view(context).await;
        match &seen {
            Ok(seen) if done(seen) => return Ok(seen.clone()),
            Ok(seen) => {
                let now = progress(seen);
                if now != told {
                    output::say(&now);
                    told = now;
                }
            }
            Err(_for_a_moment) => {}
        }
        if context.env.clock.elapsed().saturating_sub(began) > Duration::from_secs(seconds) {
            let what = format!("not done after {seconds} s; it goes on by itself");
            return Err(CliError::new(Exit::TimedOut, what)
                .context(told)
                .advice("try: ana status, and the same command again"));
        }
        time::sleep(LOOK_EVERY).await;
    }
}

/// How far a node is from being empty.
pub(super) fn draining(view: &View, id: u64) -> String {
    let left = view.node(id).map_or(0, |node| node.replicas);
    let moving = view.moves.iter().filter(|it| it.from == Some(id)).count();
    format!("node {id}: {left} replicas left, {moving} on the move")
}

/// Prints a node as the cluster has it.
pub(super) fn show(context: &Context, member: &Member) -> Result<(), CliError> {
    match context.format {
        Format::Json => output::json(&json!({ "node": member })),
        Format::Table => {
            let mut table = Table::new(&[">NODE", "ZONE", "MEMBER", ">REPLICAS", "API", "PEER"]);
            table.row(vec![
                member.id.to_string(),
                member.zone.clone(),
                member.phase.clone(),
                member.replicas.to_string(),
                member.api.clone(),
                member.peer.clone(),
            ]);
            output::data(&table.render())
        }
    }
}
