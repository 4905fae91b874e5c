//! The paths below `/_ana/faults`, answered from bytes to JSON.
//!
//! ```text
//!   GET  /_ana/faults         {"node": 1, "faults": [...]}
//!   POST /_ana/faults         one fault: on, or renewed       {"node": 1, "fault": {...}}
//!   POST /_ana/faults/stop    {"id": "x"} or {"all": true}    {"node": 1, "stopped": ["x"]}
//! ```
//! Must stay true: a node without a board answers 403 to all of them and names the key that would change it.

use ana_env::time;
use ana_raft::Peers;
use ana_types::NodeId;
use serde_json::{Value, json};

use super::board::Board;
use super::document::{FaultDocument, FaultEntry};
use super::request::{FaultRequest, OtherNodes, StopRequest, WrongField, read_fault, read_stop};

/// Where the faults are.
pub const PATH: &str = "/_ana/faults";
/// Where they are stopped.
pub const STOP_PATH: &str = "/_ana/faults/stop";
/// The key of the settings without which there are none.
pub const KEY: &str = "disposable";

/// Status and JSON body.
pub type Answer = (u16, Value);

/// The faults of one disposable node, for those who may administer it.
#[derive(Debug, Clone)]
pub struct FaultAdmin {
    board: Board,
    peers: Peers,
}

/// What a node that is not disposable answers.
pub fn not_disposable() -> Answer {
    let message = format!(
        "this node takes no faults: they are offered only where its settings say `{KEY} = true`"
    );
    (403, json!({ "message": message, "key": KEY }))
}

impl FaultAdmin {
    /// The faults of `board`; links lead to the nodes of `peers`.
    pub fn new(board: Board, peers: Peers) -> FaultAdmin {
        FaultAdmin { board, peers }
    }

    /// Answers one request; `None` when the path is none of ours.
    pub fn answer(&self, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
        let others = self.peers.addresses().into_iter().collect();
        answer(
            &self.board,
            (self.peers.this(), &others),
            method,
            path,
            body,
        )
    }

    /// What is on, for the status.
    pub fn entries(&self) -> Vec<FaultEntry> {
        entries(&self.board, self.peers.this())
    }
}

fn entries(board: &Board, this: NodeId) -> Vec<FaultEntry> {
    let now = time::now();
    let faults = board.list();
    let entry = |fault| FaultEntry {
        on_node: this.0,
        fault: FaultDocument::of(fault, now),
    };
    faults.iter().map(entry).collect()
}

fn answer(
    board: &Board,
    (this, others): (NodeId, &OtherNodes),
    method: &str,
    path: &str,
    body: &[u8],
) -> Option<Answer> {
    let answered = match (method, path) {
        ("GET", PATH) => {
            let faults = entries(board, this);
            let faults: Vec<FaultDocument> = faults.into_iter().map(|it| it.fault).collect();
            Ok((200, json!({ "node": this.0, "faults": faults })))
        }
        ("POST", PATH) => read_fault(body, others).map(|request| put(board, this, request)),
        ("POST", STOP_PATH) => read_stop(body).map(|request| {
            let stopped = stop(board, &request);
            (200, json!({ "node": this.0, "stopped": stopped }))
        }),
        _ => return None,
    };
    Some(answered.unwrap_or_else(|wrong: WrongField| {
        let message = wrong.to_string();
        (400, json!({ "message": message, "field": wrong.field }))
    }))
}

fn put(board: &Board, this: NodeId, request: FaultRequest) -> Answer {
    let FaultRequest { id, effect, lease } = request;
    match board.put(id, effect, lease) {
        Ok(fault) => {
            let fault = FaultDocument::of(&fault, time::now());
            (200, json!({ "node": this.0, "fault": fault }))
        }
        Err(error) => (409, json!({ "message": error.to_string() })),
    }
}

/// Stopping what is not on is no error: its lease may have ended a moment ago.
fn stop(board: &Board, request: &StopRequest) -> Vec<String> {
    match request {
        StopRequest::One(id) => {
            let stopped = board.stop(id).then(|| id.to_string());
            stopped.into_iter().collect()
        }
        StopRequest::All => board.stop_all().iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ana_env::faults::FaultPlan;
    use ana_env::memory::SeededRng;

    use super::super::FAULTS_MAX;
    use super::*;

    fn ask(board: &Board, method: &str, path: &str, body: &str) -> Answer {
        let others = [(NodeId(2), "h:2".to_owned())].into();
        let asked = answer(board, (NodeId(1), &others), method, path, body.as_bytes());
        asked.expect("a path of ours")
    }

    fn board() -> Board {
        Board::new(FaultPlan::new(), Arc::new(SeededRng::new(1)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_is_put_listed_renewed_and_stopped() {
        let board = board();
        let body = r#"{"id":"slow","kind":"disk.slow","lease_ms":30000,"delay_ms":200}"#;
        let (status, answer) = ask(&board, "POST", PATH, body);
        let told: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!((status, answer), (200, json!({ "node": 1, "fault": told })));
        time::sleep(std::time::Duration::from_secs(10)).await;
        let (status, listed) = ask(&board, "GET", PATH, "");
        let left = json!({"id":"slow","kind":"disk.slow","lease_ms":20000,"delay_ms":200});
        assert_eq!(
            (status, listed),
            (200, json!({ "node": 1, "faults": [left] }))
        );
        assert_eq!(ask(&board, "POST", PATH, body).0, 200);
        assert_eq!(ask(&board, "GET", PATH, "").1["faults"], json!([told]));
        let stop = |body| ask(&board, "POST", STOP_PATH, body).1["stopped"].clone();
        assert_eq!(stop(r#"{"id":"other"}"#), json!([]));
        assert_eq!(stop(r#"{"id":"slow"}"#), json!(["slow"]));
        assert_eq!(stop(r#"{"all":true}"#), json!([]));
        assert_eq!(ask(&board, "GET", PATH, "").1["faults"], json!([]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_done_is_said_so() {
        let board = board();
        let (status, told) = ask(&board, "POST", PATH, r#"{"id":"x","kind":"disk.full"}"#);
        assert_eq!((status, &told["field"]), (400, &json!("lease_ms")));
        let message = told["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("lease_ms: is missing"), "{message}");
        let (status, told) = ask(&board, "POST", STOP_PATH, "{}");
        assert_eq!((status, &told["field"]), (400, &json!("id")));
        let (status, told) = not_disposable();
        assert_eq!((status, &told["key"]), (403, &json!("disposable")));
        for number in 0..=FAULTS_MAX {
            let body = format!(r#"{{"id":"f{number}","kind":"disk.full","lease_ms":1000}}"#);
            let status = ask(&board, "POST", PATH, &body).0;
            assert_eq!(status, if number < FAULTS_MAX { 200 } else { 409 });
        }
        let others = OtherNodes::new();
        for (method, path) in [("GET", STOP_PATH), ("GET", "/_ana/faults/x"), ("PUT", PATH)] {
            let told = answer(&board, (NodeId(1), &others), method, path, b"");
            assert_eq!(told, None, "{method} {path}");
        }
    }
}
