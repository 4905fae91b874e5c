//! One request: its body is read, its operation found, its caller admitted, its answer asked for.
//!
//! Every step is a function of another file; their order stands here.

use std::convert::Infallible;
use std::sync::Arc;

use ana_wire::{Fault, FaultKind, Format, Request, decode_request};
use http::header::EXPECT;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use uuid::Uuid;

use crate::body::{BodyError, BodyLimits, CountedBody, ReadBody};
use crate::dispatch::Call;
use crate::exchange::Exchanges;
use crate::ids::RequestIds;
use crate::listen::Shared;
use crate::noise::Noise;
use crate::reply::{Reply, ReplyBody};
use crate::service::RequestContext;
use crate::subscribe::EventFrames;
use crate::{auth, dispatch};

const ADMIN_PREFIX: &str = "/_ana/";
/// Open to everybody: load balancers cannot sign, and it says no more than that the node is ready.
const HEALTH_PATH: &str = "/_ana/health";
const NOT_IN_CBOR: &str = "SubscribeToShard is offered in AWS JSON 1.1 only.";
const TEXT: &str = "text/plain; charset=utf-8";

/// What the requests of one connection share.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) peer: Arc<str>,
    pub(crate) exchanges: Arc<Exchanges>,
    pub(crate) noise: Arc<Noise>,
}

/// Answers one request; it cannot fail, because every failure is an answer.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    connection: Connection,
    request: http::Request<Incoming>,
) -> Result<http::Response<ReplyBody>, Infallible> {
    let exchange = connection.exchanges.begin();
    let ids = RequestIds::draw(&*shared.rng);
    let (head, body) = request.into_parts();
    connection.noise.head(&head);
    let body = CountedBody::new(body, connection.noise);
    let reply = if !dispatch::is_framed_clearly(&head) {
        Reply::new(StatusCode::BAD_REQUEST, "").closing()
    } else if head.uri.path().starts_with(ADMIN_PREFIX) {
        answer_admin(&shared, &head, body).await
    } else {
        let of = (ids.request_id, connection.peer);
        let reply = answer_kinesis(&shared, &head, body, of).await;
        dispatch::open_to_browsers(&head, reply)
    };
    Ok(reply.into_http(ids, head.version, exchange))
}

async fn answer_kinesis(
    shared: &Shared,
    head: &Parts,
    body: CountedBody,
    (request_id, peer): (Uuid, Arc<str>),
) -> Reply {
    let config = &shared.config;
    let body = match read_body(shared, head, body, config.body_bytes_max).await {
        Ok(body) => body,
        Err(BodyError::NoRoom) => {
            return Reply::fault(dispatch::format_by_head(head), &Fault::unavailable()).closing();
        }
        Err(error) => return Reply::new(status_of(error), "").closing(),
    };
    if let Some(reply) = dispatch::preflight(head).or_else(|| dispatch::no_fis(head)) {
        return reply;
    }
    let admitted = || {
        let now_ms = shared.clock.now_ms();
        config.authentication.admit(head, &body.bytes, now_ms)
    };
    if head.method != Method::POST {
        return match admitted() {
            Ok(_) => dispatch::no_operation(),
            Err(fault) => Reply::xml(StatusCode::FORBIDDEN, auth::fault_as_xml(&fault)),
        };
    }
    let Call { operation, format } = match dispatch::call_of(head, &body.bytes) {
        Ok(call) => call,
        Err(reply) => return reply,
    };
    let request = admitted()
        .map_err(|refusal| dispatch::form_before(refusal, format, &body.bytes))
        .and_then(|principal| Ok((principal, decode_request(operation, format, &body.bytes)?)));
    // The request has its own copy of what it needs; the share of the budget stands for that copy
    // until the call ends.
    let ReadBody { bytes, share } = body;
    drop(bytes);
    let reply = match request {
        Ok((principal, request)) => {
            let context = RequestContext {
                request_id,
                peer,
                principal,
            };
            call(shared, context, request, format).await
        }
        Err(fault) => Err(fault),
    };
    drop(share);
    reply.unwrap_or_else(|fault| Reply::fault(format, &fault))
}

/// Has the service answer.
async fn call(
    shared: &Shared,
    context: RequestContext,
    request: Request,
    format: Format,
) -> Result<Reply, Fault> {
    let Request::SubscribeToShard(input) = request else {
        let response = shared.service.call(context, request).await?;
        return Ok(Reply::answer(format, &response));
    };
    if format != Format::Json {
        // AWS answers 500 as well.
        return Err(Fault::new(FaultKind::InternalFailure, NOT_IN_CBOR));
    }
    let Ok(place) = Arc::clone(&shared.subscriptions).try_acquire_owned() else {
        tracing::warn!("a subscription was refused: as many as allowed are open");
        return Err(Fault::unavailable());
    };
    let events = shared.service.subscribe(context, input).await?;
    let frames = EventFrames::new(events, place, shared.stop.subscribe());
    Ok(Reply::events(frames))
}

async fn answer_admin(shared: &Shared, head: &Parts, body: CountedBody) -> Reply {
    if head.method != Method::GET && head.method != Method::POST {
        return Reply::new(StatusCode::METHOD_NOT_ALLOWED, "GET or POST\n")
            .of_type(TEXT)
            .closing();
    }
    let body = match read_body(shared, head, body, shared.config.admin_body_bytes_max).await {
        Ok(body) => body.bytes,
        Err(error) => return Reply::new(status_of(error), "").closing(),
    };
    let is_open = head.method == Method::GET && head.uri.path() == HEALTH_PATH;
    if !is_open {
        let now_ms = shared.clock.now_ms();
        if let Err(fault) = shared.config.authentication.admit(head, &body, now_ms) {
            return Reply::fault(Format::Json, &fault).of_status(StatusCode::FORBIDDEN);
        }
    }
    let path = head
        .uri
        .path_and_query()
        .map_or(ADMIN_PREFIX, |path| path.as_str());
    Reply::admin(shared.admin.handle(head.method.as_str(), path, body).await)
}

async fn read_body(
    shared: &Shared,
    head: &Parts,
    body: CountedBody,
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
