//! What the front door answers by itself: the supervisor's paths, and 503 when no node lives.
//!
//! ```text
//!   GET  /_ana/supervisor/status
//!   POST /_ana/supervisor/node/{id}/{stop|kill|start}
//!   POST /_ana/supervisor/zone/{zone}/{stop|kill|start}
//! ```
//! Every answer is JSON; a POST answers when the order was carried out.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::supervisor::{Handle, Verb};

/// The beginning of every path answered here.
pub const PREFIX: &str = "/_ana/supervisor/";

/// An answer: status and body.
pub type Answer = (StatusCode, Value);

/// Carries out requests to the supervisor.
#[derive(Debug, Clone)]
pub struct SupervisorApi {
    supervisor: Handle,
    about: About,
}

/// Facts of the whole cluster, told in every status.
#[derive(Debug, Clone)]
pub struct About {
    /// The front door, `http://host:port`.
    pub endpoint: String,
    /// The data directory.
    pub data_dir: String,
}

impl SupervisorApi {
    /// An API over the table behind `supervisor`.
    pub fn new(supervisor: Handle, about: About) -> SupervisorApi {
        SupervisorApi { supervisor, about }
    }

    /// Answers one request.
    pub async fn answer(&self, method: &Method, path: &str) -> Answer {
        let Some(rest) = path.strip_prefix(PREFIX) else {
            return (StatusCode::SERVICE_UNAVAILABLE, no_node());
        };
        let parts: Vec<&str> = rest.split('/').collect();
        match (method, parts.as_slice()) {
            (&Method::GET, ["status"]) => (StatusCode::OK, self.status()),
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

fn wrong(status: StatusCode, message: &str) -> Answer {
    (status, json!({ "message": message }))
}

/// What a Kinesis client reads when every node is down; SDKs try again after it.
fn no_node() -> Value {
    json!({ "__type": "ServiceUnavailable", "message": "No node of the cluster is running." })
}
