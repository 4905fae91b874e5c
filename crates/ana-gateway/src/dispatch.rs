//! From a request's head and body to its operation, in AWS's order of checks (method, body, content
//! type, JSON, operation), and AWS's odd answers to what is no call of its protocol.
//!
//! Pure. The order is part of the contract: clients' test suites send requests with several faults at
//! once.

use ana_wire::{Fault, Operation, refuse_unknown_operation};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderName, ORIGIN,
};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use crate::reply::{JSON_1_1, Reply};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const CBOR_1_1: &str = "application/x-amz-cbor-1.1";
const PLAIN_JSON: &str = "application/json";

const PREFLIGHT_SECONDS: &str = "172800";
const EXPOSED_HEADERS: &str = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,\
                               x-amzn-ErrorMessage,Date";

const ACCESS_DENIED_XML: &str = "<AccessDeniedException>\n  \
    <Message>Unable to determine service/operation name to be authorized</Message>\n\
    </AccessDeniedException>\n";
const UNKNOWN_OPERATION_XML: &str = "<UnknownOperationException/>\n";
const PLAIN_SERIALIZATION: &str =
    r#"{"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}"#;
const PLAIN_UNKNOWN_OPERATION: &str =
    r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
const CBOR_REFUSED: &str = "This version of Anabranch does not offer CBOR. Use AWS JSON 1.1 \
    (AWS SDK for Java: -Daws.cborEnabled=false, or the environment variable CBOR_ENABLED=false).";

/// The answer to a request that is settled by its head alone.
pub(crate) fn answer_by_head(head: &Parts) -> Option<Reply> {
    if head.method == Method::OPTIONS && head.headers.contains_key(ORIGIN) {
        return Some(preflight(head));
    }
    if head.method != Method::POST {
        return Some(Reply::xml(StatusCode::FORBIDDEN, ACCESS_DENIED_XML));
    }
    None
}

/// The operation of a request, or the answer to a request without one.
#[expect(
    clippy::result_large_err,
    reason = "the reply is sent, not passed up through layers"
)]
pub(crate) fn operation_of(head: &Parts, body: &[u8]) -> Result<Operation, Reply> {
    let text = |name: &HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let target = text(&TARGET);
    let operation = target.and_then(Operation::of_target);
    if body.is_empty() {
        return Err(match operation {
            Some(_) => Reply::fault(&Fault::not_an_object()),
            None => Reply::fault(&Fault::unknown_operation()),
        });
    }
    let content_type = text(&CONTENT_TYPE).unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    match content_type {
        JSON_1_1 => operation.ok_or_else(|| Reply::fault(&refuse_unknown_operation(body))),
        CBOR_1_1 => Err(Reply::fault(&Fault::new(
            ana_wire::FaultKind::UnknownOperation,
            CBOR_REFUSED,
        ))
        .of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
        PLAIN_JSON => Err(plain_json(body)),
        _ if target.is_none() => Err(Reply::xml(StatusCode::FORBIDDEN, ACCESS_DENIED_XML)),
        _ => Err(Reply::xml(StatusCode::NOT_FOUND, UNKNOWN_OPERATION_XML)),
    }
}

/// Adds what a browser needs to let a page read the answer.
pub(crate) fn open_to_browsers(head: &Parts, reply: Reply) -> Reply {
    if !head.headers.contains_key(ORIGIN) {
        return reply;
    }
    let reply = reply.with(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if head.method == Method::OPTIONS {
        return reply;
    }
    reply.with(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED_HEADERS),
    )
}

fn preflight(head: &Parts) -> Reply {
    let echo = [
        (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
        (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
    ];
    let reply = Reply::new(StatusCode::OK, "")
        .with(
            ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static(PREFLIGHT_SECONDS),
        )
        .without_id_2();
    echo.into_iter().fold(reply, |reply, (asked, allowed)| {
        match head.headers.get(asked) {
            Some(value) => reply.with(allowed, value.clone()),
            None => reply,
        }
    })
}

fn plain_json(body: &[u8]) -> Reply {
    let reply = if refuse_unknown_operation(body) == Fault::unknown_operation() {
        Reply::new(StatusCode::NOT_FOUND, PLAIN_UNKNOWN_OPERATION)
    } else {
        Reply::new(StatusCode::BAD_REQUEST, PLAIN_SERIALIZATION)
    };
    reply.of_type(PLAIN_JSON)
}

#[cfg(test)]
#[path = "dispatch/dispatch_test.rs"]
mod dispatch_test;
