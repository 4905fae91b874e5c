//! What a node answers below `/_ana/`: status, health, and two tools for operators and tests.
//!
//! ```text
//!   GET  /_ana/health                                  200 when ready, else 503
//!   GET  /_ana/status                                  the document of `document`
//!   GET  /_ana/metrics                                 what was counted, as OpenMetrics text
//!   GET  /_ana/digest?group=G&from=I&upto=J            a digest of this replica's own log
//!   POST /_ana/leader/transfer?group=G&to=N            asks the leader (this node) to hand over
//!   GET  /_ana/leaders                                 zones that are to have no leaders (`leaders`)
//!   POST /_ana/leaders/move                            moves the leader of a group, or all of a zone
//!   GET  /_ana/members                                 the nodes of the cluster, and replicas on the move
//!   POST /_ana/members/{add|remove|replace}            changes them (`members`)
//!   GET  /_ana/faults                                  the faults that are on at this node, with the time they have left
//!   POST /_ana/faults                                  switches a fault on, or renews it; the body is one fault
//!   POST /_ana/faults/stop                             ends {"id": "..."} or {"all": true}
//! ```
//! Must stay true:
//! - status and health answer without a quorum;
//! - the paths of faults answer 403 unless the node is disposable (`faults::admin`).

mod digest;
pub mod document;
pub mod leaders;
mod members;

use ana_gateway::{AdminHandler, AdminReply};
use ana_router::Router;
use ana_types::{GroupId, NodeId};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};

use self::document::StatusDocument;
use crate::faults::{self, FaultAdmin};
use crate::metrics::{self, Metrics};

/// The admin paths of one node.
#[derive(Debug, Clone)]
pub struct NodeAdmin {
    router: Router,
    metrics: Metrics,
    supervisor: Option<String>,
    faults: Option<FaultAdmin>,
}

/// Status and JSON body.
type Answer = (u16, Value);

impl NodeAdmin {
    /// Admin paths over `router` and what its service counts; `supervisor` is told in the status, `faults` are those
    /// of a disposable node.
    pub fn new(
        router: Router,
        metrics: Metrics,
        supervisor: Option<String>,
        faults: Option<FaultAdmin>,
    ) -> NodeAdmin {
        NodeAdmin {
            router,
            metrics,
            supervisor,
            faults,
        }
    }

    fn metrics(&self) -> AdminReply {
        let text = self
            .metrics
            .render(self.router.monitored(), self.router.replicas());
        AdminReply {
            status: 200,
            content_type: metrics::CONTENT_TYPE,
            body: text.into_bytes(),
        }
    }

    async fn answer(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if path.starts_with(faults::admin::PATH) {
            return self.faults(method, path, body);
        }
        if path.starts_with(leaders::PATH) {
            return leaders::answer(&self.router, method, path, body).await;
        }
        if path.starts_with(members::PATH) {
            return members::answer(&self.router, method, path, body).await;
        }
        match (method, path) {
            ("GET", "/_ana/health") => self.health(),
            ("GET", "/_ana/status") => self.status().await,
            ("GET", "/_ana/digest") => self.digest(query).await,
            ("POST", "/_ana/leader/transfer") => self.transfer(query).await,
            ("GET" | "POST", _) => wrong(404, &format!("{path} is not known")),
            _ => wrong(405, &format!("{method} is not offered")),
        }
    }

    fn faults(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let Some(faults) = &self.faults else {
            return faults::admin::not_disposable();
        };
        let answer = faults.answer(method, path, body);
        answer.unwrap_or_else(|| wrong(404, &format!("{method} {path} is not known")))
    }

    fn health(&self) -> Answer {
        let node = self.router.node().0;
        if self.router.is_ready() {
            return (200, json!({ "node": node, "state": "ready" }));
        }
        (503, json!({ "node": node, "state": "starting" }))
    }

    async fn status(&self) -> Answer {
        let endpoint = format!("http://{}", self.router.config().this.api_addr);
        let status = self.router.status().await;
        let mut document = StatusDocument::new(status, endpoint, self.supervisor.clone());
        document.disposable = self.faults.is_some();
        document.faults = self
            .faults
            .as_ref()
            .map(FaultAdmin::entries)
            .unwrap_or_default();
        match serde_json::to_value(&document) {
            Ok(value) => (200, value),
            Err(error) => wrong(500, &error.to_string()),
        }
    }

    async fn digest(&self, query: &str) -> Answer {
        let (Some(group), Some(from), Some(upto)) = (
            number(query, "group"),
            number(query, "from"),
            number(query, "upto"),
        ) else {
            return wrong(400, "group, from and upto are needed");
        };
        let Some(held) = self.router.group(GroupId(group)) else {
            return wrong(404, &format!("this node has no replica of group {group}"));
        };
        // Taken before the log is read: what was applied then is committed, and cannot change any more.
        let applied_index = held.applied();
        match digest::of_log(held.log(), from, upto).await {
            Ok(digest) => (
                200,
                json!({
                    "group": group,
                    "from": from,
                    "upto": upto,
                    "applied_index": applied_index,
                    "entries": digest.entries,
                    "digest": digest.hex,
                }),
            ),
            Err(error) => wrong(500, &format!("the log cannot be read: {error}")),
        }
    }

    async fn transfer(&self, query: &str) -> Answer {
        let (Some(group), Some(to)) = (number(query, "group"), number(query, "to")) else {
            return wrong(400, "group and to are needed");
        };
        let Some(held) = self.router.group(GroupId(group)) else {
            return wrong(404, &format!("this node has no replica of group {group}"));
        };
        let leader = held.leader().map(|leader| leader.0);
        if !held.is_leader() {
            let message = format!("this node does not lead group {group}");
            return (409, json!({ "message": message, "leader": leader }));
        }
        match held.transfer_leader(NodeId(to)).await {
            Ok(()) => (200, json!({ "group": group, "from": leader, "to": to })),
            Err(error) => wrong(409, &error.to_string()),
        }
    }
}

fn wrong(status: u16, message: &str) -> Answer {
    (status, json!({ "message": message }))
}

/// A number among the parameters of a query.
fn number(query: &str, name: &str) -> Option<u64> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(key, _)| *key == name)
        .find_map(|(_, value)| value.parse().ok())
}

#[async_trait]
impl AdminHandler for NodeAdmin {
    async fn handle(&self, method: &str, path: &str, body: Bytes) -> AdminReply {
        if (method, path) == ("GET", "/_ana/metrics") {
            return self.metrics();
        }
        let (status, value) = self.answer(method, path, &body).await;
        let body = format!("{value}\n").into_bytes();
        AdminReply {
            status,
            content_type: "application/json",
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_found_by_name() {
        let query = "group=3&from=1&upto=18446744073709551615&x";
        assert_eq!(number(query, "group"), Some(3));
        assert_eq!(number(query, "upto"), Some(u64::MAX));
        assert_eq!(number(query, "x"), None);
        assert_eq!(number("group=-1", "group"), None);
        assert_eq!(number("", "group"), None);
    }
}
