//! The answer of `SubscribeToShard`: frames of `application/vnd.amazon.eventstream`, written and read.
//!
//! A frame is a length, headers, a payload and two checksums. The first frame of an answer is always
//! [`initial_response`], because boto3 gives up without it; then come events; a fault behind the
//! start of the answer is an exception (one of the types that the model allows there) or an error
//! (any other). Payloads are JSON whatever the client sent: AWS has no CBOR here.
//!
//! Must stay true: headers stand in AWS's order; the records of an event are written once as JSON and
//! copied once into their frame; [`Reader`] holds no more than one frame and what was pushed behind it.

mod read;

use std::sync::OnceLock;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Bytes, BytesMut};

use crate::fault::{Fault, FaultKind};
use crate::format::Format;
use crate::json::JsonWriter;
use crate::shapes::SubscribeToShardEvent;
use crate::validate::shortened;
use crate::writer::Writer;

pub use read::{FRAME_BYTES_MAX, Frame, FrameError, Reader};

/// The `Content-Type` of the answer as a whole.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

const MESSAGE_TYPE: &str = ":message-type";
const EVENT_TYPE: &str = ":event-type";
const EXCEPTION_TYPE: &str = ":exception-type";
const PAYLOAD_TYPE: &str = ":content-type";
const ERROR_CODE: &str = ":error-code";
const ERROR_MESSAGE: &str = ":error-message";

const INITIAL_RESPONSE: &str = "initial-response";
const SHARD_EVENT: &str = "SubscribeToShardEvent";

/// Room for lengths, checksums and the headers of an event or exception.
const FRAME_OVERHEAD_BYTES: usize = 192;

/// The first frame of every answer.
pub fn initial_response() -> Bytes {
    static FRAME: OnceLock<Bytes> = OnceLock::new();
    FRAME
        .get_or_init(|| {
            let headers = [
                (MESSAGE_TYPE, "event"),
                (EVENT_TYPE, INITIAL_RESPONSE),
                (PAYLOAD_TYPE, Format::Json.content_type()),
            ];
            frame(&headers, Bytes::from_static(b"{}"))
        })
        .clone()
}

/// One event.
pub fn event(event: &SubscribeToShardEvent) -> Bytes {
    let mut payload = JsonWriter::new();
    event.write(&mut payload);
    let headers = [
        (MESSAGE_TYPE, "event"),
        (EVENT_TYPE, SHARD_EVENT),
        (PAYLOAD_TYPE, Format::Json.content_type()),
    ];
    frame(&headers, payload.into_bytes().into())
}

/// The last frame of an answer that ends with a fault.
pub fn exception(fault: &Fault) -> Bytes {
    let Some(kind) = exception_type(fault.kind) else {
        let message = shortened(fault.message.as_deref().unwrap_or_default());
        let headers = [
            (MESSAGE_TYPE, "error"),
            (ERROR_CODE, fault.kind.name()),
            (ERROR_MESSAGE, &message),
        ];
        return frame(&headers, Bytes::new());
    };
    let headers = [
        (MESSAGE_TYPE, "exception"),
        (EXCEPTION_TYPE, kind),
        (PAYLOAD_TYPE, Format::Json.content_type()),
    ];
    let mut payload = JsonWriter::new();
    payload.open_structure();
    if let Some(message) = &fault.message {
        payload.member("message").text(message);
    }
    payload.close_structure();
    frame(&headers, payload.into_bytes().into())
}

/// The exceptions that the model allows inside an answer; every other fault is an unmodelled error.
fn exception_type(kind: FaultKind) -> Option<&'static str> {
    match kind {
        // Outside of streams the name has no such ending.
        FaultKind::InternalFailure => Some("InternalFailureException"),
        FaultKind::ResourceNotFound
        | FaultKind::ResourceInUse
        | FaultKind::KmsDisabled
        | FaultKind::KmsInvalidState
        | FaultKind::KmsAccessDenied
        | FaultKind::KmsNotFound
        | FaultKind::KmsOptInRequired
        | FaultKind::KmsThrottling => Some(kind.name()),
        FaultKind::LimitExceeded
        | FaultKind::InvalidArgument
        | FaultKind::Validation
        | FaultKind::ProvisionedThroughputExceeded
        | FaultKind::ExpiredIterator
        | FaultKind::ExpiredNextToken
        | FaultKind::AccessDenied
        | FaultKind::Serialization
        | FaultKind::UnknownOperation
        | FaultKind::ServiceUnavailable
        | FaultKind::MissingAuthenticationToken
        | FaultKind::IncompleteSignature
        | FaultKind::InvalidSignature
        | FaultKind::UnrecognizedClient
        | FaultKind::ExpiredToken
        | FaultKind::Throttling
        | FaultKind::DryRunOperation => None,
    }
}

fn frame(headers: &[(&'static str, &str)], payload: Bytes) -> Bytes {
    let text_bytes: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let mut buffer = BytesMut::with_capacity(FRAME_OVERHEAD_BYTES + text_bytes + payload.len());
    let message = headers
        .iter()
        .fold(Message::new(payload), |message, (name, value)| {
            let value = HeaderValue::String((*value).to_owned().into());
            message.add_header(Header::new(*name, value))
        });
    write_message_to(&message, &mut buffer)
        .expect("our headers are short, and an event is far smaller than 4 GiB");
    buffer.freeze()
}

#[cfg(test)]
#[path = "event_stream/event_stream_test.rs"]
mod event_stream_test;
