//! Kept connections: one request at a time on each, as HTTP/1.1 wants it.
//!
//! Danger: a kept connection may have been closed by the other side in the meantime. Such a failure
//! comes before anything was sent and is answered here by a new connection; every later failure is
//! the caller's, because the request may have been carried out.

use std::error::Error;
use std::sync::Mutex;

use ana_env::Env;
use ana_env::runtime::Tasks;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::RawAnswer;
use super::access::Access;
use super::endpoint::Endpoint;

/// Idle connections kept; more are closed after use.
const IDLE_MAX: usize = 64;
/// GetRecords answers 10 MiB of data at most, 13.4 MiB in base64, plus keys and sequence numbers.
const BODY_BYTES_MAX: usize = 64 << 20;

type Sender = SendRequest<Full<Bytes>>;

/// A request that got no answer.
#[derive(Debug)]
pub(super) struct SendFailure {
    pub(super) why: String,
    pub(super) sent: bool,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// As the endpoint's scheme says.
    OfEndpoint,
    /// Not at all: what the front door answers by itself, on loopback.
    Plain,
}

#[derive(Debug)]
pub(super) struct Connections {
    env: Env,
    endpoint: Endpoint,
    access: Access,
    idle: Mutex<Vec<Sender>>,
    tasks: Tasks,
}

impl Connections {
    pub(super) fn new(env: Env, endpoint: Endpoint, access: Access) -> Connections {
        Connections {
            env,
            endpoint,
            access,
            idle: Mutex::new(Vec::new()),
            tasks: Tasks::new(),
        }
    }

    pub(super) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<RawAnswer, SendFailure> {
        while let Some(mut sender) = self.take_idle() {
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => return self.finish(sender, response).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(failure(error.error(), true)),
                },
            }
        }
        let mut sender = self.connect().await?;
        match sender.send_request(request).await {
            Ok(response) => self.finish(sender, response).await,
            Err(error) => Err(failure(&error, !error.is_canceled())),
        }
    }

    /// The same on a connection of its own, which is closed afterwards.
    pub(super) async fn send_on_new(
        &self,
        request: Request<Full<Bytes>>,
        protection: Protection,
    ) -> Result<RawAnswer, SendFailure> {
        let mut sender = self.connect_by(protection).await?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|e| failure(&e, true))?;
        read_answer(response).await
    }

    /// Sends on a connection of its own and gives back the body as it comes, when the answer is good; else the whole
    /// answer. The connection ends with the body.
    pub(super) async fn open(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Result<Incoming, RawAnswer>, SendFailure> {
        let mut sender = self.connect().await?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| failure(&error, !error.is_canceled()))?;
        if response.status().is_success() {
            return Ok(Ok(response.into_body()));
        }
        read_answer(response).await.map(Err)
    }

    async fn finish(
        &self,
        sender: Sender,
        response: http::Response<Incoming>,
    ) -> Result<RawAnswer, SendFailure> {
        let answer = read_answer(response).await?;
        let mut idle = self
            .idle
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push(sender);
        }
        Ok(answer)
    }

    fn take_idle(&self) -> Option<Sender> {
        self.idle
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .pop()
    }

    async fn connect(&self) -> Result<Sender, SendFailure> {
        self.connect_by(Protection::OfEndpoint).await
    }

    async fn connect_by(&self, protection: Protection) -> Result<Sender, SendFailure> {
        let unsent = |why: String| SendFailure { why, sent: false };
        let stream = self
            .env
            .net
            .connect(self.endpoint.authority())
            .await
            .map_err(|e| unsent(e.to_string()))?;
        let stream = match protection {
            Protection::OfEndpoint if self.endpoint.is_tls() => {
                let secured = self.access.secure(stream, self.endpoint.host()).await;
                secured.map_err(|why| unsent(format!("TLS: {why}")))?
            }
            Protection::OfEndpoint | Protection::Plain => stream,
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| unsent(e.to_string()))?;
        // The task ends when the sender is dropped or the other side closes; its error is the
        // error of the request that was under way, which is told there.
        self.tasks.spawn(async move {
            if connection.await.is_err() {
                // Told by the request on it.
            }
        });
        Ok(sender)
    }
}

async fn read_answer(response: http::Response<Incoming>) -> Result<RawAnswer, SendFailure> {
    let status = response.status();
    let request_id = response
        .headers()
        .get("x-amzn-requestid")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| SendFailure {
            why: chain(error.as_ref()),
            sent: true,
        })?;
    Ok(RawAnswer {
        status,
        request_id,
        body: body.to_bytes(),
    })
}

fn failure(error: &hyper::Error, sent: bool) -> SendFailure {
    SendFailure {
        why: chain(error),
        sent,
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
