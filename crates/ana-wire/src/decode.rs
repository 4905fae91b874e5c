//! The crate's verbs: a body becomes a request or a refusal, an answer becomes a body.

use serde::de::IgnoredAny;

use crate::cbor::{self, CborWriter};
use crate::fast;
use crate::fault::Fault;
use crate::format::Format;
use crate::json::{self, JsonWriter};
use crate::model::Model;
use crate::operation::Operation;
use crate::shapes::{Request, Response};
use crate::validate::validate;

/// Reads and checks the body of `operation`.
///
/// # Errors
/// In this order: `SerializationException` for a body that is no object of its format,
/// `UnknownOperationException` for an operation that is not offered, `SerializationException` for a
/// member of the wrong type, `ValidationException` for members that are missing or break a constraint.
pub fn decode_request(operation: Operation, format: Format, body: &[u8]) -> Result<Request, Fault> {
    let short_way = match (format, operation) {
        (Format::Json, Operation::PutRecord) => fast::put_record(body).map(Request::PutRecord),
        (Format::Json, Operation::PutRecords) => fast::put_records(body).map(Request::PutRecords),
        _ => None,
    };
    match short_way {
        Some(request) => Ok(request),
        None if operation.is_offered() => decode_by_model(operation, format, body),
        None => Err(refuse(format, body, Fault::not_offered(operation))),
    }
}

/// The fault of a request whose target is unknown to AWS: a body that is no object is the worse of
/// two faults.
pub fn refuse_unknown_operation(format: Format, body: &[u8]) -> Fault {
    refuse(format, body, Fault::unknown_operation())
}

/// Writes an answer. An operation without output has an empty body.
pub fn encode_response(format: Format, response: &Response) -> Vec<u8> {
    match format {
        Format::Json => {
            let mut out = JsonWriter::new();
            response.write(&mut out);
            out.into_bytes()
        }
        Format::Cbor => {
            let mut out = CborWriter::new();
            response.write(&mut out);
            out.into_bytes()
        }
    }
}

/// The general way: any operation, every fault found.
fn decode_by_model(operation: Operation, format: Format, body: &[u8]) -> Result<Request, Fault> {
    let input = Model::get().input(operation);
    let fields = match format {
        Format::Json => json::read(body, input)?,
        Format::Cbor => cbor::read(body, input)?,
    };
    validate(&fields)?;
    Request::from_fields(operation, fields).ok_or_else(|| Fault::not_offered(operation))
}

fn refuse(format: Format, body: &[u8], otherwise: Fault) -> Fault {
    let is_object = match format {
        Format::Json => is_json_object(body),
        Format::Cbor => cbor::is_structure(body),
    };
    if is_object {
        otherwise
    } else {
        Fault::not_an_object()
    }
}

fn is_json_object(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
        && str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

#[cfg(test)]
#[path = "decode/samples.rs"]
pub(crate) mod samples;
#[cfg(test)]
#[path = "decode/decode_test.rs"]
mod decode_test;
#[cfg(test)]
#[path = "decode/hostile_test.rs"]
mod hostile_test;
#[cfg(test)]
#[path = "decode/property_test.rs"]
pub(crate) mod property_test;
