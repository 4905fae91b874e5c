//! What the front door answers by itself: the supervisor's paths, and 503 when no node lives.
//!
//! ```text
//!   GET  /_ana/supervisor/status
//!   POST /_ana/supervisor/node/{id}/{stop|kill|start|restart|resume|wipe}
//!   POST /_ana/supervisor/node/{id}/{pause|down}                            {"lease_ms": 30000}
//!   POST /_ana/supervisor/node/{id}/flip_bit                                {"file": "log", "seed": 1}
//!   POST /_ana/supervisor/node/{id}/tear_tail                               {"bytes": 512, "seed": 1}
//!   POST /_ana/supervisor/node/{id}/power_cut                               {"lease_ms": 30000}, with --real
//!   POST /_ana/supervisor/node/{id}/hold_fault                              a fault of the kernel, with --real
//!   POST /_ana/supervisor/node/{id}/end_fault                               {"id": "x"}
//!   POST /_ana/supervisor/zone/{zone}/...                                   the same for all of a zone
//!   POST /_ana/supervisor/members/add            {"zone": "b"}, or {} for the zone with the fewest nodes
//!   POST /_ana/supervisor/members/forget/{id}
//! ```
//! Every answer is JSON; a POST answers when the order was carried out: `nodes` as they are then, and in `done` what
//! was done to files, in words.

use std::path::PathBuf;
use std::time::Duration;

use ana_gateway::Authentication;
use http::request::Parts;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::meddle::{DamagedFile, Meddle, TORN_BYTES_MAX};
use super::members::Members;
use super::order::{PAUSE_MS_MAX, Verb};
use super::real::{KINDS, KernelFault, KernelFaults};
use super::supervisor::Handle;

/// Why a cluster of `--real` takes no more nodes.
const PLACES_ARE_MADE_ONCE: &str = "the nodes of a cluster of --real have a network and a disk of their own, made when \
                                    it is started: nodes are added to a cluster without --real";

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
    kernel: Option<KernelFaults>,
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
            kernel: None,
        }
    }

    /// With faults of the kernel, where the nodes have places of their own.
    #[must_use]
    pub fn with_kernel(mut self, kernel: Option<KernelFaults>) -> SupervisorApi {
        self.kernel = kernel;
        self
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
            (&Method::POST, ["node", name, verb @ ("hold_fault" | "end_fault")]) => {
                self.fault(name, verb, body).await
            }
            (&Method::POST, ["members", "add"]) if self.kernel.is_some() => {
                wrong(StatusCode::CONFLICT, PLACES_ARE_MADE_ONCE)
            }
            (&Method::POST, ["members", "add"]) => self.members.add(body).await,
            (&Method::POST, ["members", "forget", id]) => self.members.forget(id).await,
            (&Method::POST, [kind, name, verb]) => match read_verb(verb, body) {
                Ok(Some(verb)) => self.order(kind, name, verb).await,
                Ok(None) => wrong(StatusCode::NOT_FOUND, &format!("{verb} is not an order")),
                Err(why) => wrong(StatusCode::BAD_REQUEST, &format!("{verb}: {why}")),
            },
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
            // Faults that the kernel carries out; none where nodes have no places of their own.
            "kernel_faults": self.kernel.as_ref().map_or(&[][..], |_| &KINDS[..]),
            "nodes": self.supervisor.nodes(),
        })
    }

    async fn order(&self, kind: &str, name: &str, verb: Verb) -> Answer {
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
            Ok(done) => {
                let mut views = self.supervisor.nodes();
                views.retain(|view| nodes.contains(&view.id));
                (StatusCode::OK, json!({ "nodes": views, "done": done }))
            }
            Err(why) => wrong(StatusCode::CONFLICT, &why),
        }
    }
}

impl SupervisorApi {
    /// Switches a fault of the kernel on or off.
    async fn fault(&self, name: &str, verb: &str, body: &[u8]) -> Answer {
        let Some(kernel) = &self.kernel else {
            return wrong(
                StatusCode::CONFLICT,
                "this cluster was not started with --real: the kernel has no part in its faults",
            );
        };
        let nodes = self.supervisor.nodes();
        let Some(node) = nodes.iter().find(|node| node.id.to_string() == name) else {
            return wrong(StatusCode::NOT_FOUND, &format!("there is no node {name}"));
        };
        let read = if verb == "hold_fault" {
            read::<KernelFault>(body).map(|fault| (fault.id.clone(), Some(fault)))
        } else {
            read::<Ended>(body).map(|ended| (ended.id, None))
        };
        let done = match read {
            Ok((_, Some(fault))) => kernel.hold(node.id, fault).await,
            Ok((id, None)) => kernel.end(node.id, id).await,
            Err(why) => return wrong(StatusCode::BAD_REQUEST, &format!("{verb}: {why}")),
        };
        match done {
            Ok(()) => (StatusCode::OK, json!({})),
            Err(why) => wrong(StatusCode::CONFLICT, &why),
        }
    }
}

/// What a fault is ended with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ended {
    id: String,
}

/// What something that ends by itself is asked for with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Leased {
    lease_ms: u64,
}

/// What a bit is flipped with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FlipBit {
    file: String,
    seed: u64,
}

/// What a tail is torn with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TearTail {
    bytes: u64,
    seed: u64,
}

/// What has no parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// An order by its name, with its parameters; none when there is none of that name.
fn read_verb(name: &str, body: &[u8]) -> Result<Option<Verb>, String> {
    let verb = match name {
        "pause" | "down" | "power_cut" => {
            let Leased { lease_ms } = read(body)?;
            if !(1..=PAUSE_MS_MAX).contains(&lease_ms) {
                return Err(format!("lease_ms has to be 1 to {PAUSE_MS_MAX}"));
            }
            let lease = Duration::from_millis(lease_ms);
            return Ok(Some(match name {
                "pause" => Verb::Pause { lease },
                "power_cut" => Verb::PowerCut { lease },
                _ => Verb::Down { lease },
            }));
        }
        "flip_bit" => {
            let FlipBit { file, seed } = read(body)?;
            let file = DamagedFile::of_name(&file).ok_or_else(|| {
                let names = DamagedFile::NAMES.map(|(name, _)| name).join(", ");
                format!("file has to be one of {names}")
            })?;
            return Ok(Some(Verb::Meddle(Meddle::FlipBit { file, seed })));
        }
        "tear_tail" => {
            let TearTail { bytes, seed } = read(body)?;
            if !(1..=TORN_BYTES_MAX).contains(&bytes) {
                return Err(format!("bytes has to be 1 to {TORN_BYTES_MAX}"));
            }
            return Ok(Some(Verb::Meddle(Meddle::TearTail { bytes, seed })));
        }
        "stop" => Verb::Stop,
        "kill" => Verb::Kill,
        "start" => Verb::Start,
        "restart" => Verb::Restart,
        "resume" => Verb::Resume,
        "wipe" => Verb::Meddle(Meddle::Wipe),
        _ => return Ok(None),
    };
    let Nothing {} = read(body)?;
    Ok(Some(verb))
}

/// Parameters; none at all are `{}`.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

pub(super) fn wrong(status: StatusCode, message: &str) -> Answer {
    (status, json!({ "message": message }))
}

/// What a Kinesis client reads when every node is down; SDKs try again after it.
fn no_node() -> Value {
    json!({ "__type": "ServiceUnavailable", "message": "No node of the cluster is running." })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_with_their_parameters_and_no_others() {
        let pause = |ms| {
            Ok(Some(Verb::Pause {
                lease: Duration::from_millis(ms),
            }))
        };
        let cases = [
            ("kill", "", Ok(Some(Verb::Kill))),
            ("restart", "{}", Ok(Some(Verb::Restart))),
            ("wipe", "", Ok(Some(Verb::Meddle(Meddle::Wipe)))),
            ("pause", r#"{"lease_ms":1500}"#, pause(1500)),
            (
                "down",
                r#"{"lease_ms":1500}"#,
                Ok(Some(Verb::Down {
                    lease: Duration::from_millis(1500),
                })),
            ),
            (
                "power_cut",
                r#"{"lease_ms":1500}"#,
                Ok(Some(Verb::PowerCut {
                    lease: Duration::from_millis(1500),
                })),
            ),
            ("power_cut", "", Err(())),
            ("down", "", Err(())),
            ("pause", "", Err(())),
            ("pause", r#"{"lease_ms":0}"#, Err(())),
            ("pause", r#"{"lease_ms":99999999999}"#, Err(())),
            ("pause", r#"{"lease_ms":1,"all":true}"#, Err(())),
            ("kill", r#"{"lease_ms":1}"#, Err(())),
            ("tickle", "", Ok(None)),
            (
                "flip_bit",
                r#"{"file":"vote","seed":7}"#,
                Ok(Some(Verb::Meddle(Meddle::FlipBit {
                    file: DamagedFile::Vote,
                    seed: 7,
                }))),
            ),
            ("flip_bit", r#"{"file":"mail","seed":7}"#, Err(())),
            ("flip_bit", r#"{"file":"log"}"#, Err(())),
            (
                "tear_tail",
                r#"{"bytes":512,"seed":7}"#,
                Ok(Some(Verb::Meddle(Meddle::TearTail {
                    bytes: 512,
                    seed: 7,
                }))),
            ),
            ("tear_tail", r#"{"bytes":0,"seed":7}"#, Err(())),
        ];
        for (name, body, expected) in cases {
            let read = read_verb(name, body.as_bytes()).map_err(drop);
            assert_eq!(read, expected, "{name} {body}");
        }
    }
}
