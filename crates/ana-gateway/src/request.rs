//! One request: its body is read, its operation found, its caller admitted, its answer asked for.
//!
//! Every step is a function of another file; their order stands here.

use std::convert::Infallible;
use std::sync::Arc;

use ana_wire::{Fault, decode_request};
use http::header::EXPECT;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;

use crate::body::{BodyError, BodyLimits, ReadBody};
use crate::exchange::Exchanges;
use crate::ids::RequestIds;
use crate::listen::Shared;
use crate::reply::{Reply, ReplyBody};
use crate::service::RequestContext;
use crate::{auth, dispatch};

const ADMIN_PREFIX: &str = "/_ana/";
const TEXT: &str = "text/plain; charset=utf-8";

/// Answers one request; it cannot fail, because every failure is an answer.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    peer: Arc<str>,
    exchanges: Arc<Exchanges>,
    request: http::Request<Incoming>,
) -> Result<http::Response<ReplyBody>, Infallible> {
    let exchange = exchanges.begin();
    let ids = RequestIds::draw(&*shared.rng);
    let (head, body) = request.into_parts();
    let reply = if head.uri.path().starts_with(ADMIN_PREFIX) {
        answer_admin(&shared, &head, body).await
    } else {
        let context = RequestContext {
            request_id: ids.request_id,
            peer,
        };
        let reply = answer_kinesis(&shared, &head, body, context).await;
        dispatch::open_to_browsers(&head, reply)
    };
    Ok(reply.into_http(ids, head.version, exchange))
}

async fn answer_kinesis(
    shared: &Shared,
    head: &Parts,
    body: Incoming,
    context: RequestContext,
) -> Reply {
    let config = &shared.config;
    let body = match read_body(shared, head, body, config.body_bytes_max).await {
        Ok(body) => body,
        Err(BodyError::NoRoom) => return Reply::fault(&Fault::unavailable()).closing(),
        Err(error) => return Reply::new(status_of(error), "").closing(),
    };
    if let Some(reply) = dispatch::answer_by_head(head) {
        return reply;
    }
    let operation = match dispatch::operation_of(head, &body.bytes) {
        Ok(operation) => operation,
        Err(reply) => return reply,
    };
    let request = auth::admit(config.authentication, head, &body.bytes)
        .and_then(|()| decode_request(operation, &body.bytes));
    // The request has its own copy of what it needs; the share of the budget stands for that copy
    // until the call ends.
    let ReadBody { bytes, share } = body;
    drop(bytes);
    let result = match request {
        Ok(request) => shared.service.call(context, request).await,
        Err(fault) => Err(fault),
    };
    drop(share);
    match result {
        Ok(response) => Reply::answer(&response),
        Err(fault) => Reply::fault(&fault),
    }
}

async fn answer_admin(shared: &Shared, head: &Parts, body: Incoming) -> Reply {
    if head.method != Method::GET && head.method != Method::POST {
        return Reply::new(StatusCode::METHOD_NOT_ALLOWED, "GET or POST\n")
            .of_type(TEXT)
            .closing();
    }
    let body = match read_body(shared, head, body, shared.config.admin_body_bytes_max).await {
        Ok(body) => body.bytes,
        Err(error) => return Reply::new(status_of(error), "").closing(),
    };
    let path = head
        .uri
        .path_and_query()
        .map_or(ADMIN_PREFIX, |path| path.as_str());
    Reply::admin(shared.admin.handle(head.method.as_str(), path, body).await)
}

async fn read_body(
    shared: &Shared,
    head: &Parts,
    body: Incoming,
    bytes_max: usize,
) -> Result<ReadBody, BodyError> {
    let limits = BodyLimits {
        bytes_max,
        discard_bytes_max: shared.config.discard_bytes_max,
        within: shared.config.body_within,
    };
    let waits_for_leave = head.headers.contains_key(EXPECT);
    shared.budget.read(body, limits, !waits_for_leave).await
}

fn status_of(error: BodyError) -> StatusCode {
    match error {
        BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
        BodyError::Broken => StatusCode::BAD_REQUEST,
        BodyError::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
    }
}
