//! What the front door answers by itself: the supervisor's paths, and 503 when no node lives.
//!
//! ```text
//!   GET  /_ana/supervisor/status
//!   POST /_ana/supervisor/node/{id}/{stop|kill|start}
//!   POST /_ana/supervisor/zone/{zone}/{stop|kill|start}
//!   POST /_ana/supervisor/members/add            {"zone": "b"}, or {} for the zone with the fewest nodes
//!   POST /_ana/supervisor/members/forget/{id}
//! ```
//! Every answer is JSON; a POST answers when the order was carried out.

use std::path::PathBuf;

use ana_gateway::Authentication;
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::members::Members;
use super::supervisor::{Handle, Verb};

/// The beginning of every path answered here.
pub const PREFIX: &str = "/_ana/supervisor/";

/// An answer: status and body.
pub type Answer = (StatusCode, Value);

/// Carries out requests to the supervisor.
#[derive(Debug, Clone)]
pub struct SupervisorApi {
    supervisor: Handle,
    members: Members,
    about: About,
    authentication: Authentication,
}

/// Facts of the whole cluster, told in every status.
#[derive(Debug, Clone)]
pub struct About {
    /// The front door, `http://host:port` or `https://host:port`.
    pub endpoint: String,
    /// The data directory.
    pub data_dir: String,
    /// The certificates to trust for https; none without TLS.
    pub ca: Option<PathBuf>,
}

impl SupervisorApi {
    /// An API over the table behind `supervisor`, for those whom `authentication` admits.
    pub fn new(
        supervisor: Handle,
        members: Members,
        about: About,
        authentication: Authentication,
    ) -> SupervisorApi {
        SupervisorApi {
            supervisor,
            members,
            about,
            authentication,
        }
    }

    /// Answers one request that came at `now_ms`.
    pub async fn answer(&self, head: &Parts, body: &[u8], now_ms: u64) -> Answer {
        let (method, path) = (&head.method, head.uri.path());
        let Some(rest) = path.strip_prefix(PREFIX) else {
            return (StatusCode::SERVICE_UNAVAILABLE, no_node());
        };
        if let Err(fault) = self.authentication.admit(head, body, now_ms) {
            let message = fault.message.as_deref().unwrap_or_default();
            return wrong(StatusCode::FORBIDDEN, message);
        }
        let parts: Vec<&str> = rest.split('/').collect();
        match (method, parts.as_slice()) {
            (&Method::GET, ["status"]) => (StatusCode::OK, self.status()),
            (&Method::POST, ["members", "add"]) => self.members.add(body).await,
            (&Method::POST, ["members", "forget", id]) => self.members.forget(id).await,
            (&Method::POST, [kind, name, verb]) => self.order(kind, name, verb).await,
            _ => wrong(
                StatusCode::NOT_FOUND,
                &format!("{method} {path} is not known"),
            ),
        }
    }

    fn status(&self) -> Value {
        json!({
            "endpoint": self.about.endpoint,
            "data_dir": self.about.data_dir,
            "ca": self.about.ca,
            "pid": std::process::id(),
            "nodes": self.supervisor.nodes(),
        })
    }

    async fn order(&self, kind: &str, name: &str, verb: &str) -> Answer {
        let verb = match verb {
            "stop" => Verb::Stop,
            "kill" => Verb::Kill,
            "start" => Verb::Start,
            other => return wrong(StatusCode::NOT_FOUND, &format!("{other} is not an order")),
        };
        let all = self.supervisor.nodes();
        let nodes: Vec<u64> = all
            .iter()
            .filter(|node| match kind {
                "node" => node.id.to_string() == name,
                "zone" => node.zone == name,
                _ => false,
            })
            .map(|node| node.id)
            .collect();
        if nodes.is_empty() {
            return wrong(StatusCode::NOT_FOUND, &format!("there is no {kind} {name}"));
        }
        match self.supervisor.order(verb, nodes.clone()).await {
            Ok(()) => {
                let mut views = self.supervisor.nodes();
                views.retain(|view| nodes.contains(&view.id));
                (StatusCode::OK, json!({ "nodes": views }))
            }
            Err(why) => wrong(StatusCode::CONFLICT, &why),
        }
    }
}

pub(super) fn wrong(status: StatusCode, message: &str) -> Answer {
    (status, json!({ "message": message }))
}

/// What a Kinesis client reads when every node is down; SDKs try again after it.
fn no_node() -> Value {
    json!({ "__type": "ServiceUnavailable", "message": "No node of the cluster is running." })
}
