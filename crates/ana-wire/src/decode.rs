//! The crate's verbs: a body becomes a request or a refusal, an answer becomes a body.

use serde::de::IgnoredAny;

use crate::fast;
use crate::fault::Fault;
use crate::json::{self, JsonWriter};
use crate::model::Model;
use crate::operation::Operation;
use crate::shapes::{Request, Response};
use crate::validate::validate;

/// Reads and checks the JSON body of `operation`.
///
/// # Errors
/// In this order: `SerializationException` for a body that is no JSON object,
/// `UnknownOperationException` for an operation that is not offered, `SerializationException` for a
/// member of the wrong type, `ValidationException` for members that are missing or break a constraint.
pub fn decode_request(operation: Operation, body: &[u8]) -> Result<Request, Fault> {
    let short_way = match operation {
        Operation::PutRecord => fast::put_record(body).map(Request::PutRecord),
        Operation::PutRecords => fast::put_records(body).map(Request::PutRecords),
        _ => None,
    };
    match short_way {
        Some(request) => Ok(request),
        None if operation.is_offered() => decode_by_model(operation, body),
        None => Err(refuse(body, Fault::not_offered(operation))),
    }
}

/// The fault of a request whose target is unknown to AWS: a body that is no JSON object is the worse
/// of two faults.
pub fn refuse_unknown_operation(body: &[u8]) -> Fault {
    refuse(body, Fault::unknown_operation())
}

/// Writes an answer as JSON. An operation without output has an empty body.
pub fn encode_response(response: &Response) -> Vec<u8> {
    let mut out = JsonWriter::new();
    response.write(&mut out);
    out.into_bytes()
}

/// The general way: any operation, every fault found.
fn decode_by_model(operation: Operation, body: &[u8]) -> Result<Request, Fault> {
    let fields = json::read(body, Model::get().input(operation))?;
    validate(&fields)?;
    Request::from_fields(operation, fields).ok_or_else(|| Fault::not_offered(operation))
}

fn refuse(body: &[u8], otherwise: Fault) -> Fault {
    let is_object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let is_json =
        str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    if is_object && is_json {
        otherwise
    } else {
        Fault::not_an_object()
    }
}

#[cfg(test)]
#[path = "decode/samples.rs"]
mod samples;
#[cfg(test)]
#[path = "decode/decode_test.rs"]
mod decode_test;
#[cfg(test)]
#[path = "decode/hostile_test.rs"]
mod hostile_test;
#[cfg(test)]
#[path = "decode/property_test.rs"]
mod property_test;
