//! The way of a request to the service.

use std::sync::Arc;
use std::time::Duration;

use ana_drill::fis::api::{BODY_BYTES_MAX, Operation, Refusal};
use ana_env::{Rng, time};
use ana_gateway::Authentication;
use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::Full;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::answer;

/// Requests that may wait for the service.
pub(super) const ASKS_WAITING: usize = 64;
/// Taking faults away and writing the record down, when the cluster ends.
const END_MAX: Duration = Duration::from_secs(20);

/// The outcome of a request.
pub(super) type Outcome = Result<Value, Refusal>;

/// What the service is asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// To carry out an operation.
    Call {
        operation: Operation,
        body: Bytes,
        done: oneshot::Sender<Outcome>,
    },
    /// To end what it has begun.
    End(oneshot::Sender<()>),
}

/// Answers requests of FIS.
#[derive(Debug, Clone)]
pub struct Fis {
    asks: mpsc::Sender<Ask>,
    authentication: Authentication,
    rng: Arc<dyn Rng>,
}

impl Fis {
    pub(super) fn new(
        asks: mpsc::Sender<Ask>,
        authentication: Authentication,
        rng: Arc<dyn Rng>,
    ) -> Fis {
        Fis {
            asks,
            authentication,
            rng,
        }
    }

    /// Answers one request that came at `now_ms`.
    pub async fn answer(&self, head: &Parts, body: Bytes, now_ms: u64) -> Response<Full<Bytes>> {
        let ids = self.rng.as_ref();
        if let Err(fault) = self.authentication.admit(head, &body, now_ms) {
            return answer::not_admitted(&fault, ids);
        }
        answer::of(&self.call(head, body).await, ids)
    }

    async fn call(&self, head: &Parts, body: Bytes) -> Outcome {
        let ending = || Refusal::unavailable("the cluster is ending");
        let (path, query) = (head.uri.path(), head.uri.query());
        let operation = Operation::read(head.method.as_str(), path, query)?;
        if body.len() > BODY_BYTES_MAX {
            return Err(Refusal::validation(format!(
                "a request has at most {BODY_BYTES_MAX} bytes"
            )));
        }
        let (done, outcome) = oneshot::channel();
        let ask = Ask::Call {
            operation,
            body,
            done,
        };
        self.asks.send(ask).await.map_err(|_gone| ending())?;
        outcome.await.map_err(|_gone| ending())?
    }

    /// Ends the experiment that runs, if one does, and takes no more requests. To be called while the nodes still run.
    pub async fn end(&self) {
        let (done, ended) = oneshot::channel();
        let ending = async {
            self.asks.send(Ask::End(done)).await.ok()?;
            ended.await.ok()
        };
        if time::timeout(END_MAX, ending).await.is_err() {
            tracing::warn!("an experiment does not end; its faults end with their leases");
        }
    }
}
