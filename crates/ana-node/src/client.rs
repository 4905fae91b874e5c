//! A small client of the public endpoint: AWS JSON 1.1 over HTTP/1.1, with TLS or without, for the commands of `ana`.
//!
//! It exists so that `ana put`, `tail`, `stream`, `verify` and `bench` see the cluster exactly as a
//! user's SDK does. Must stay true:
//! - it speaks to the public endpoint only, never to a node's inner ports;
//! - every wait and every number of attempts is bounded;
//! - an answer says how many earlier attempts ended without one (`unsure`): such an attempt may have
//!   written, so a record may be there twice.

pub mod access;
pub mod endpoint;
pub mod error;
pub mod kinesis;
pub mod control;
pub mod prepared;
pub mod subscription;
mod connections;
mod retry;

use std::sync::Arc;
use std::time::Duration;

use ana_env::{Env, time};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::access::Access;
use self::connections::{Connections, Protection, SendFailure};
use self::endpoint::Endpoint;
use self::error::{AwsError, ClientError};
pub use self::retry::Retry;
use crate::cluster::supervisor_api::PREFIX as SUPERVISOR_PREFIX;
use crate::output;

/// One attempt is given up after this long; the gateway itself answers 503 within 5 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client of one endpoint; cheap connections are kept and used again.
#[derive(Debug)]
pub struct Client {
    env: Env,
    endpoint: Endpoint,
    access: Access,
    connections: Arc<Connections>,
    retry: Retry,
}

/// A good answer and what it took to get it.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// The decoded body.
    pub value: T,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// Earlier attempts that may have been carried out although no good answer came.
    pub unsure: u32,
}

/// An answer before it is judged: status, request id, body.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// HTTP status.
    pub status: StatusCode,
    /// `x-amzn-RequestId`, for the person who reads an error.
    pub request_id: Option<String>,
    /// The whole body.
    pub body: Bytes,
}

impl Client {
    /// A client that opens its connections through the seams of `env`.
    pub fn new(env: Env, endpoint: Endpoint, access: Access) -> Client {
        let connections = Connections::new(env.clone(), endpoint.clone(), access.clone());
        let connections = Arc::new(connections);
        Client {
            env,
            endpoint,
            access,
            connections,
            retry: Retry::default(),
        }
    }

    /// The same client with other bounds on its retries.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Client {
        self.retry = retry;
        self
    }

    /// The endpoint it talks to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Seams, for callers that wait or need the time.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Carries out `operation` with `input` and decodes its answer.
    pub async fn call<I, O>(
        &self,
        operation: &'static str,
        input: &I,
    ) -> Result<Answer<O>, ClientError>
    where
        I: Serialize + Sync,
        O: DeserializeOwned,
    {
        let body = serde_json::to_vec(input).map_err(|error| ClientError::Unreadable {
            operation,
            why: format!("the request could not be encoded: {error}"),
        })?;
        let raw = self.call_encoded(operation, Bytes::from(body)).await?;
        // Operations without output answer an empty body.
        let text: &[u8] = if raw.value.is_empty() {
            b"{}"
        } else {
            &raw.value
        };
        let value = serde_json::from_slice(text).map_err(|error| ClientError::Unreadable {
            operation,
            why: error.to_string(),
        })?;
        Ok(Answer {
            value,
            attempts: raw.attempts,
            unsure: raw.unsure,
        })
    }

    /// Carries out `operation` with a body that is JSON already; retries what is worth it.
    pub async fn call_encoded(
        &self,
        operation: &'static str,
        body: Bytes,
    ) -> Result<Answer<Bytes>, ClientError> {
        let began = self.env.clock.elapsed();
        let mut unsure = 0;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self.attempt(operation, body.clone()).await {
                Ok(body) => {
                    return Ok(Answer {
                        value: body,
                        attempts,
                        unsure,
                    });
                }
                Err(error) => error,
            };
            unsure += u32::from(error.may_have_happened());
            let spent = self.env.clock.elapsed().saturating_sub(began);
            if !error.is_worth_a_retry() || !self.retry.allows(attempts, spent) {
                return Err(error);
            }
            time::sleep(self.retry.pause(attempts, self.env.rng.next_u64())).await;
        }
    }

    async fn attempt(&self, operation: &'static str, body: Bytes) -> Result<Bytes, ClientError> {
        let request = self.kinesis_request(operation, body)?;
        self.carry_out(operation, request).await
    }

    /// Sends a request once and judges the answer.
    async fn carry_out(
        &self,
        operation: &'static str,
        request: Request<Full<Bytes>>,
    ) -> Result<Bytes, ClientError> {
        let raw = self.send(operation, request, ATTEMPT_TIMEOUT).await?;
        if raw.status.is_success() {
            return Ok(raw.body);
        }
        Err(ClientError::Aws(AwsError::read(operation, &raw)))
    }

    /// A plain GET or POST on a path of the endpoint (status, supervisor); one attempt.
    pub async fn plain(
        &self,
        method: Method,
        path: &str,
        wait_max: Duration,
    ) -> Result<RawAnswer, ClientError> {
        self.plain_with(method, path, Bytes::new(), wait_max).await
    }

    /// The same with a body, which is JSON.
    pub async fn plain_with(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        wait_max: Duration,
    ) -> Result<RawAnswer, ClientError> {
        const OPERATION: &str = "status request";
        // The front door decides by the first bytes of a connection who answers: one request each.
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.endpoint.authority())
            .header("connection", "close")
            .body(Full::new(body.clone()))
            .map_err(|error| unwritable(OPERATION, &error))?;
        let request = self.signed(OPERATION, request, &body)?;
        // The front door looks for the supervisor's paths in the first bytes; it cannot see into TLS.
        let protection = if path.starts_with(SUPERVISOR_PREFIX) {
            Protection::Plain
        } else {
            Protection::OfEndpoint
        };
        let send = self.connections.send_on_new(request, protection);
        self.bounded(OPERATION, wait_max, send).await
    }

    async fn send(
        &self,
        operation: &'static str,
        request: Request<Full<Bytes>>,
        wait_max: Duration,
    ) -> Result<RawAnswer, ClientError> {
        self.bounded(operation, wait_max, self.connections.send(request))
            .await
    }

    async fn bounded<T>(
        &self,
        operation: &'static str,
        wait_max: Duration,
        send: impl Future<Output = Result<T, SendFailure>>,
    ) -> Result<T, ClientError> {
        match time::timeout(wait_max, send).await {
            Ok(Ok(raw)) => Ok(raw),
            Ok(Err(SendFailure { why, sent })) => Err(ClientError::NoAnswer {
                operation,
                why,
                sent,
            }),
            Err(_elapsed) => Err(ClientError::TimedOut {
                operation,
                after: wait_max,
            }),
        }
    }

    fn kinesis_request(
        &self,
        operation: &'static str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header("host", self.endpoint.authority())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
            .header("user-agent", concat!("ana/", env!("CARGO_PKG_VERSION")));
        if self.access.signer().is_some() {
            let request = request.body(Full::new(body.clone()));
            let request = request.map_err(|error| unwritable(operation, &error))?;
            return self.signed(operation, request, &body);
        }
        let date = compact_time(self.env.clock.now_ms());
        let day = date.get(..8).unwrap_or_default();
        // Without credentials the signature is all zeros on purpose; the header has the right shape for
        // anything in between that looks at it.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=anabranch/{day}/us-east-1/kinesis/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-target, Signature={:064}",
            0
        );
        request
            .header("x-amz-date", date)
            .header("authorization", authorization)
            .body(Full::new(body))
            .map_err(|error| unwritable(operation, &error))
    }

    /// The request with a signature, when there are credentials to sign with.
    fn signed(
        &self,
        operation: &'static str,
        request: Request<Full<Bytes>>,
        body: &Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let Some(signer) = self.access.signer() else {
            return Ok(request);
        };
        let (mut head, full) = request.into_parts();
        signer
            .sign(&mut head, body, self.env.clock.now_ms())
            .map_err(|error| unwritable(operation, &error))?;
        Ok(Request::from_parts(head, full))
    }
}

fn unwritable(operation: &'static str, error: &dyn std::error::Error) -> ClientError {
    ClientError::Unreadable {
        operation,
        why: error.to_string(),
    }
}

/// The time as SigV4 writes it: `20261122T010203Z`.
fn compact_time(now_ms: u64) -> String {
    let mut text: String = output::iso_time(now_ms)
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    text.truncate("20261122T010203".len());
    text.push('Z');
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_date_header_is_compact() {
        assert_eq!(super::compact_time(1_795_309_323_456), "20261122T010203Z");
    }
}
