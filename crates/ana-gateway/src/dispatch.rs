//! From a request's head and body to its operation, in AWS's order of checks (method, body, content
//! type, form of the body, operation), and AWS's odd answers to what is no call of its protocol.
//!
//! Pure. The order is part of the contract: clients' test suites send requests with several faults at
//! once.

use ana_wire::{Fault, FaultKind, Format, Operation, TARGET_PREFIX, refuse_unknown_operation};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderName, ORIGIN, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use crate::auth::fault_as_xml;
use crate::reply::Reply;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// The one transfer coding there is.
const CHUNKED: &str = "chunked";
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

/// How the paths of AWS FIS begin; Kinesis has none but `/`.
const FIS_PATHS: [&str; 3] = ["/actions", "/experimentTemplates", "/experiments"];
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const NO_FIS: &str = r#"{"message":"This node has no AWS FIS. Clusters of `ana up` have, at the address it prints, over plain http."}"#;

/// What a request calls, and the format it is written in and answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) format: Format,
}

/// Whether everybody who reads this head finds the same end of the body. hyper takes any list of codings that ends in
/// `chunked`; somebody before us may have taken another part of it for the truth ("request smuggling").
pub(crate) fn is_framed_clearly(head: &Parts) -> bool {
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked =
        |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(CHUNKED.as_bytes());
    codings.next().is_none_or(is_chunked) && codings.next().is_none()
}

/// The answer to a browser that asks what a page may call; it comes before every judgement.
pub(crate) fn preflight(head: &Parts) -> Option<Reply> {
    let asks = head.method == Method::OPTIONS && head.headers.contains_key(ORIGIN);
    asks.then(|| answer_preflight(head))
}

/// The answer to a client of AWS FIS, in its form: drills are driven through the front door of `ana up` alone.
pub(crate) fn no_fis(head: &Parts) -> Option<Reply> {
    let path = head.uri.path();
    let is_fis = FIS_PATHS.iter().any(|each| path.starts_with(each));
    is_fis.then(|| {
        let error_type = HeaderValue::from_static("ValidationException");
        Reply::new(StatusCode::BAD_REQUEST, NO_FIS)
            .of_type(PLAIN_JSON)
            .with(ERROR_TYPE, error_type)
    })
}

/// The answer to an admitted caller whose method is not POST.
pub(crate) fn no_operation() -> Reply {
    Reply::xml(StatusCode::FORBIDDEN, ACCESS_DENIED_XML)
}

/// The format of a request whose body was not read.
pub(crate) fn format_by_head(head: &Parts) -> Format {
    content_type(head)
        .and_then(Format::of_content_type)
        .unwrap_or(Format::Json)
}

/// What a request calls, or the answer to a request that calls nothing.
#[expect(
    clippy::result_large_err,
    reason = "the reply is sent, not passed up through layers"
)]
pub(crate) fn call_of(head: &Parts, body: &[u8]) -> Result<Call, Reply> {
    let target = text(head, &TARGET);
    let operation = target.and_then(Operation::of_target);
    let content_type = content_type(head);
    let format = content_type.and_then(Format::of_content_type);
    if body.is_empty() {
        // AWS answers what has no format in CBOR.
        let format = format.unwrap_or(Format::Cbor);
        return Err(match operation {
            Some(_) => Reply::fault(format, &Fault::not_an_object()),
            None => Reply::fault(format, &Fault::unknown_operation()),
        });
    }
    if let Some(format) = format {
        let unknown = || Reply::fault(format, &refuse_unknown_operation(format, body));
        let operation = operation.ok_or_else(unknown)?;
        return Ok(Call { operation, format });
    }
    let essence = content_type.and_then(|text| text.split(';').next());
    Err(match (essence.map(str::trim), target) {
        (Some(PLAIN_JSON), _) => plain_json(body),
        (_, None) => Reply::xml(StatusCode::FORBIDDEN, ACCESS_DENIED_XML),
        (None, Some(target)) => unknown_service(target)
            .unwrap_or_else(|| Reply::xml(StatusCode::NOT_FOUND, UNKNOWN_OPERATION_XML)),
        (Some(_), Some(_)) => Reply::xml(StatusCode::NOT_FOUND, UNKNOWN_OPERATION_XML),
    })
}

fn text<'a>(head: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

fn content_type(head: &Parts) -> Option<&str> {
    text(head, &CONTENT_TYPE)
}

/// AWS's answer to a target of another service, when no content type says which protocol it is.
fn unknown_service(target: &str) -> Option<Reply> {
    let (service, operation) = target.split_once('.')?;
    if service == TARGET_PREFIX {
        return None;
    }
    let message = format!(
        "No authorization strategy was found for service: {service}, operation: {operation}"
    );
    let fault = Fault::new(FaultKind::UnrecognizedClient, message);
    Some(Reply::xml(StatusCode::FORBIDDEN, fault_as_xml(&fault)))
}

/// Of two faults the one that AWS finds first: that a body is no object comes before the caller's refusal. Looked at
/// only then, so that the bodies of admitted callers are read once.
pub(crate) fn form_before(refusal: Fault, format: Format, body: &[u8]) -> Fault {
    let of_form = refuse_unknown_operation(format, body);
    if of_form == Fault::not_an_object() {
        of_form
    } else {
        refusal
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

fn answer_preflight(head: &Parts) -> Reply {
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
    let reply = if refuse_unknown_operation(Format::Json, body) == Fault::unknown_operation() {
        Reply::new(StatusCode::NOT_FOUND, PLAIN_UNKNOWN_OPERATION)
    } else {
        Reply::new(StatusCode::BAD_REQUEST, PLAIN_SERIALIZATION)
    };
    reply.of_type(PLAIN_JSON)
}

#[cfg(test)]
#[path = "dispatch/dispatch_test.rs"]
mod dispatch_test;
