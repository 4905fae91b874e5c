//! Outcomes as HTTP: JSON, with the headers that AWS's clients read.

use ana_drill::fis::api::Refusal;
use ana_env::Rng;
use ana_wire::Fault;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::ask::Outcome;

/// The answer to an operation.
pub(super) fn of(outcome: &Outcome, rng: &dyn Rng) -> Response<Full<Bytes>> {
    match outcome {
        Ok(value) => response(StatusCode::OK, None, value, rng),
        Err(Refusal {
            status, error_type, ..
        }) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST);
            let body = outcome.as_ref().err().map(Refusal::body);
            response(status, Some(*error_type), &body.unwrap_or_default(), rng)
        }
    }
}

/// The answer to somebody who may not call.
pub(super) fn not_admitted(fault: &Fault, rng: &dyn Rng) -> Response<Full<Bytes>> {
    let body = json!({ "message": fault.message });
    let error_type = Some(fault.kind.name());
    response(StatusCode::FORBIDDEN, error_type, &body, rng)
}

fn response(
    status: StatusCode,
    error_type: Option<&'static str>,
    body: &Value,
    rng: &dyn Rng,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if let Some(error_type) = error_type {
        headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
    }
    if let Ok(id) = HeaderValue::try_from(request_id(rng)) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// A request id, a UUID of version 4.
fn request_id(rng: &dyn Rng) -> String {
    let (high, low) = (rng.next_u64(), rng.next_u64());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0x0fff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff,
    )
}
