//! What can go wrong between a command and the endpoint, and what it means for a person.

use std::time::Duration;

use serde_json::Value;

use super::RawAnswer;
use super::endpoint::Endpoint;
use crate::error::{CliError, Exit};

/// A call that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The service answered with an error.
    #[error("{0}")]
    Aws(AwsError),
    /// No answer: refused, reset, closed. When `sent`, the request may have been carried out.
    #[error("{operation}: no answer ({why})")]
    NoAnswer {
        /// The operation.
        operation: &'static str,
        /// The cause as the network layer tells it.
        why: String,
        /// At least a part of the request left this machine.
        sent: bool,
    },
    /// No answer in time; the request may have been carried out.
    #[error("{operation}: no answer within {after:?}")]
    TimedOut {
        /// The operation.
        operation: &'static str,
        /// The bound.
        after: Duration,
    },
    /// The answer (or the request) is not what this client understands.
    #[error("{operation}: unreadable: {why}")]
    Unreadable {
        /// The operation.
        operation: &'static str,
        /// What was wrong.
        why: String,
    },
}

/// An error answer of the service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {kind}: {message}")]
pub struct AwsError {
    /// The operation.
    pub operation: &'static str,
    /// HTTP status.
    pub status: u16,
    /// `ResourceNotFoundException` and so on.
    pub kind: String,
    /// The service's text.
    pub message: String,
    /// The request's id.
    pub request_id: Option<String>,
}

impl AwsError {
    pub(super) fn read(operation: &'static str, raw: &RawAnswer) -> AwsError {
        let body: Value = serde_json::from_slice(&raw.body).unwrap_or(Value::Null);
        let member = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = member("__type").unwrap_or_else(|| format!("HTTP {}", raw.status.as_u16()));
        let kind = kind.rsplit('#').next().unwrap_or_default().to_owned();
        let message = member("message")
            .or_else(|| member("Message"))
            .unwrap_or_default();
        let request_id = raw.request_id.clone();
        AwsError {
            operation,
            status: raw.status.as_u16(),
            kind,
            message,
            request_id,
        }
    }

    /// The caller is too fast; trying again later helps.
    pub fn is_throttle(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "ProvisionedThroughputExceededException"
                | "LimitExceededException"
                | "ThrottlingException"
        )
    }
}

impl ClientError {
    /// Whether the same request may succeed in a moment.
    pub fn is_worth_a_retry(&self) -> bool {
        match self {
            ClientError::Aws(error) => error.status >= 500 || error.is_throttle(),
            ClientError::NoAnswer { .. } | ClientError::TimedOut { .. } => true,
            ClientError::Unreadable { .. } => false,
        }
    }

    /// Whether the service may have done what was asked although no good answer came.
    pub fn may_have_happened(&self) -> bool {
        match self {
            ClientError::Aws(error) => error.status >= 500,
            ClientError::NoAnswer { sent, .. } => *sent,
            ClientError::TimedOut { .. } => true,
            ClientError::Unreadable { .. } => false,
        }
    }

    /// The name of the service's error, when the service answered.
    pub fn kind(&self) -> Option<&str> {
        match self {
            ClientError::Aws(error) => Some(&error.kind),
            _ => None,
        }
    }

    /// The exit code that belongs to it.
    pub fn exit(&self) -> Exit {
        match self {
            ClientError::Aws(error) if error.is_throttle() => Exit::Throttled,
            ClientError::Aws(error) if error.status >= 500 => Exit::Unavailable,
            ClientError::Aws(error) => match error.kind.as_str() {
                "ResourceNotFoundException" => Exit::NotFound,
                "ResourceInUseException" => Exit::Exists,
                kind if is_of_access(kind) => Exit::Permission,
                _ => Exit::Failed,
            },
            ClientError::NoAnswer { .. } => Exit::Unavailable,
            ClientError::TimedOut { .. } => Exit::TimedOut,
            ClientError::Unreadable { .. } => Exit::Failed,
        }
    }

    /// The three lines a person reads.
    pub fn into_cli(self, endpoint: &Endpoint) -> CliError {
        let exit = self.exit();
        let advice = self.advice();
        match self {
            ClientError::Aws(error) => {
                let what = if error.message.is_empty() {
                    &error.kind
                } else {
                    &error.message
                };
                let id = error
                    .request_id
                    .map_or(String::new(), |id| format!(", request id {id}"));
                CliError::new(exit, what.clone()).context(format!(
                    "endpoint {endpoint}, {}, {}{id}",
                    error.operation, error.kind
                ))
            }
            ClientError::NoAnswer { operation, why, .. } => {
                CliError::new(exit, format!("no answer from {endpoint}"))
                    .context(format!("{operation}: {why}"))
            }
            other => CliError::new(exit, other.to_string()).context(format!("endpoint {endpoint}")),
        }
        .advice(advice)
    }

    fn advice(&self) -> &'static str {
        match self {
            ClientError::Aws(error) if error.is_throttle() => {
                "try: more shards (ana stream split), a lower rate, or a cluster with --limits off"
            }
            ClientError::Aws(error) if error.status >= 500 => {
                "try: ana status (two of three zones must be up)"
            }
            ClientError::Aws(error) => match error.kind.as_str() {
                "ResourceNotFoundException" => "try: ana stream ls",
                "ResourceInUseException" => "try: ana stream describe NAME (it must be ACTIVE)",
                kind if is_of_access(kind) => ACCESS_ADVICE,
                _ => "try: the command with --help",
            },
            ClientError::NoAnswer { .. } => {
                "try: ana up (starts a cluster), or --endpoint URL if it is somewhere else"
            }
            ClientError::TimedOut { .. } => "try: ana status",
            ClientError::Unreadable { .. } => "is this a Kinesis endpoint?",
        }
    }
}

/// What to do when the cluster does not know the caller.
pub const ACCESS_ADVICE: &str = "try: --credentials FILE (as the cluster has it), or AWS_ACCESS_KEY_ID and \
                                 AWS_SECRET_ACCESS_KEY; is the clock right?";

/// Errors that say who may call, not what is wrong with the call.
fn is_of_access(kind: &str) -> bool {
    matches!(
        kind,
        "AccessDeniedException"
            | "UnrecognizedClientException"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignatureException"
            | "InvalidSignatureException"
            | "ExpiredTokenException"
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;

    use super::*;

    fn aws(status: u16, body: &'static str) -> ClientError {
        let status = StatusCode::from_u16(status).expect("the tests use valid codes");
        let raw = RawAnswer {
            status,
            request_id: None,
            body: Bytes::from(body),
        };
        ClientError::Aws(AwsError::read("PutRecord", &raw))
    }

    #[test]
    fn errors_map_to_exit_codes_and_retries() {
        let cases = [
            (
                400,
                r#"{"__type":"ResourceNotFoundException"}"#,
                Exit::NotFound,
                false,
                false,
            ),
            (
                400,
                r#"{"__type":"x#ResourceInUseException"}"#,
                Exit::Exists,
                false,
                false,
            ),
            (
                400,
                r#"{"__type":"ProvisionedThroughputExceededException"}"#,
                Exit::Throttled,
                true,
                false,
            ),
            (
                500,
                r#"{"__type":"InternalFailure"}"#,
                Exit::Unavailable,
                true,
                true,
            ),
            (503, "not json", Exit::Unavailable, true, true),
            (413, "", Exit::Failed, false, false),
            (
                400,
                r#"{"__type":"InvalidSignatureException"}"#,
                Exit::Permission,
                false,
                false,
            ),
        ];
        for (status, body, exit, retry, unsure) in cases {
            let error = aws(status, body);
            assert_eq!(error.exit(), exit, "{body}");
            assert_eq!(error.is_worth_a_retry(), retry, "{body}");
            assert_eq!(error.may_have_happened(), unsure, "{body}");
        }
    }

    #[test]
    fn the_context_names_endpoint_operation_and_error() {
        let endpoint: Endpoint = "http://h:1".parse().expect("a good endpoint");
        let error = aws(
            400,
            r#"{"__type":"ResourceNotFoundException","message":"Stream x"}"#,
        );
        let text = error.into_cli(&endpoint).to_string();
        assert_eq!(
            text,
            "error: Stream x\n  endpoint http://h:1, PutRecord, ResourceNotFoundException\n  try: \
             ana stream ls"
        );
    }
}
