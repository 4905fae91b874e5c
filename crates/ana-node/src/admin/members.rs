//! The paths about the nodes of the cluster.
//!
//! ```text
//!   GET  /_ana/members           {"nodes": [...], "removed": [...], "moves": [...]}
//!   POST /_ana/members/add       {"id": 4, "zone": "b", "api": "host:port", "peer": "host:port"}
//!   POST /_ana/members/remove    {"id": 2}, or {"id": 2, "force": true}
//!   POST /_ana/members/replace   {"id": 2, "by": {"id": 4, "zone": "b", "api": "...", "peer": "..."}}
//! ```
//! Every one is answered with what GET answers, as of then. What was asked for is only recorded: whoever asked looks
//! until it is done. Asking again is harmless.

use ana_router::nodes::{MembersView, NodesError};
use ana_router::{Member, Router};
use ana_types::NodeId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Answer, wrong};
use crate::config::MemberConfig;
use crate::node;

/// The beginning of every path answered here.
pub(super) const PATH: &str = "/_ana/members";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    id: u64,
    #[serde(default)]
    force: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    id: u64,
    by: MemberConfig,
}

/// Answers one request.
pub(super) async fn answer(router: &Router, method: &str, path: &str, body: &[u8]) -> Answer {
    match carry_out(router, method, path, body).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn carry_out(
    router: &Router,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<Answer, Answer> {
    let rest = path.strip_prefix(PATH).unwrap_or_default();
    let done = match (method, rest) {
        ("GET", "") => router.members().await,
        ("POST", "/add") => router.add_node(member(&read(body)?)?).await,
        ("POST", "/remove") => {
            let Remove { id, force } = read(body)?;
            router.remove_node(NodeId(id), force).await
        }
        ("POST", "/replace") => {
            let Replace { id, by } = read(body)?;
            router.replace_node(NodeId(id), member(&by)?).await
        }
        _ => return Err(wrong(404, &format!("{method} {path} is not known"))),
    };
    done.map_err(|error| refused(&error))
        .map(|view| told(&view))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|error| wrong(400, &error.to_string()))
}

fn member(config: &MemberConfig) -> Result<Member, Answer> {
    config
        .check()
        .map_err(|error| wrong(400, &error.to_string()))?;
    node::member(config).map_err(|error| wrong(400, &error.to_string()))
}

fn told(view: &MembersView) -> Answer {
    match serde_json::to_value(view) {
        Ok(value) => (200, value),
        Err(error) => (500, Value::String(error.to_string())),
    }
}

fn refused(error: &NodesError) -> Answer {
    let status = match error {
        refused if refused.is_unknown_node() => 404,
        NodesError::Refused(_) => 409,
        NodesError::NotReached(_) => 503,
    };
    wrong(status, &error.to_string())
}
