//! Strings, numbers, truth values and blobs out of their JSON text, with AWS's texts for a wrong type.

use std::borrow::Cow;
use std::fmt::Display;

use bytes::Bytes;
use serde::Deserialize;

use crate::decimal;
use crate::fault::Fault;
use crate::model::Kind;
use crate::refusal::{self, Found};
use crate::tree::Value;
use crate::validate::shortened;

/// A JSON string that stays in the body unless it contains escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Borrowed<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Why a scalar could not be read.
#[derive(Debug)]
pub(crate) enum ScalarError {
    /// Not JSON after all (a lone surrogate, for instance).
    Syntax,
    /// JSON of the wrong type.
    Type(Fault),
}

/// Reads the text of one JSON value as a scalar of the wanted kind.
pub(super) fn read<'a>(text: &'a str, wanted: &Kind) -> Result<Value<'a>, ScalarError> {
    let found = match text.as_bytes().first() {
        Some(b'n') => return Ok(Value::Null),
        Some(b't' | b'f') => Found::Boolean,
        Some(b'"') => Found::Text,
        Some(b'[') => Found::List,
        Some(b'{') => Found::Structure,
        _ => Found::Number,
    };
    match (found, wanted) {
        (Found::Boolean, Kind::Boolean) => Ok(Value::Boolean(text == "true")),
        (Found::Number, Kind::Integer) => Ok(Value::Integer(decimal::floor_clamped(
            text,
            i32::MIN.into(),
            i32::MAX.into(),
        ))),
        (Found::Number, Kind::Long) => Ok(Value::Integer(decimal::floor_clamped(
            text,
            i64::MIN,
            i64::MAX,
        ))),
        (Found::Number, Kind::Timestamp) => Ok(Value::Timestamp(decimal::milliseconds(text))),
        (Found::Text, _) => read_text(string_of(text)?, wanted),
        (found, wanted) => Err(ScalarError::Type(found.refusal(wanted))),
    }
}

fn string_of(text: &str) -> Result<Cow<'_, str>, ScalarError> {
    match serde_json::from_str::<Borrowed<'_>>(text) {
        Ok(string) => Ok(string.0),
        Err(_) => Err(ScalarError::Syntax),
    }
}

fn read_text<'a>(string: Cow<'a, str>, wanted: &Kind) -> Result<Value<'a>, ScalarError> {
    match wanted {
        Kind::Text => Ok(Value::Text(string)),
        Kind::Blob => match base64_simd::STANDARD.decode_to_vec(string.as_bytes()) {
            Ok(bytes) => Ok(Value::Blob(Bytes::from(bytes))),
            Err(_) => Err(ScalarError::Type(blob_fault(&string))),
        },
        Kind::Boolean => Err(ScalarError::Type(refusal::text_for_boolean(&string))),
        other => Err(ScalarError::Type(Found::Text.refusal(other))),
    }
}

/// Why `string` is not base64: the length first, then a foreign character, else its last character.
fn blob_fault(string: &str) -> Fault {
    let fault = |why: &dyn Display| {
        let value = shortened(string);
        Fault::serialization(format!("'{value}' can not be converted to a Blob: {why}"))
    };
    let length = string.chars().count();
    if !length.is_multiple_of(4) {
        let why = "Base64 encoded length is expected a multiple of 4 bytes but found:";
        return fault(&format_args!("{why} {length}"));
    }
    match foreign_character(string) {
        Some(foreign) => fault(&format_args!("Invalid Base64 character: '{foreign}'")),
        None => fault(&"Invalid last non-pad Base64 character dectected"),
    }
}

/// The first character that is not of the alphabet; padding before the end counts as foreign.
fn foreign_character(string: &str) -> Option<char> {
    let mut letters = string.chars().peekable();
    while let Some(letter) = letters.next() {
        let foreign = match letter {
            '=' => letters.peek().is_some_and(|next| *next != '='),
            letter => !(letter.is_ascii_alphanumeric() || letter == '+' || letter == '/'),
        };
        if foreign {
            return Some(letter);
        }
    }
    None
}
