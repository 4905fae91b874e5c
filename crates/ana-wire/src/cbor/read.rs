//! From the bytes of a body to the tree of one structure, guided by the model.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

use crate::decimal;
use crate::fault::Fault;
use crate::model::{Kind, Model, Shape, ShapeId, Structure};
use crate::refusal::{self, Found};
use crate::tree::{Entries, Fields, Items, Value, kept_max};

/// A value that is skipped may be nested so deep. No known member of any client comes near; without a
/// bound, a body of opening bytes alone would cost sixteen times its size.
pub(super) const SKIPPED_DEPTH_MAX: usize = 64;

/// Beyond every integer type: where a float is cut before it is printed.
const FLOAT_MAX: f64 = 1e19;

/// Reads a whole body as `structure`.
///
/// # Errors
/// `SerializationException`: without a message when the body is not one CBOR map, with AWS's
/// message when a known member has the wrong type.
pub(crate) fn read<'a>(body: &'a [u8], structure: &'static Structure) -> Result<Fields<'a>, Fault> {
    let mut reader = Reader::new(body);
    let value = reader
        .structure(structure)
        .and_then(|value| reader.end().map(|()| value));
    match (value, reader.fault) {
        (Ok(Some(Value::Structure(_))), Some(fault)) => Err(fault),
        (Ok(Some(Value::Structure(fields))), None) => Ok(fields),
        _ => Err(Fault::not_an_object()),
    }
}

/// True for a body that is one well-formed map.
pub(crate) fn is_structure(body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    matches!(reader.found(), Ok(Some(Found::Structure)))
        && reader.skip().and_then(|()| reader.end()).is_ok()
}

/// The body is not CBOR, or is nested too deep.
#[derive(Debug)]
struct Malformed;

impl From<Error> for Malformed {
    fn from(_: Error) -> Self {
        Self
    }
}

struct Reader<'a> {
    decoder: Decoder<'a>,
    /// The first fault of type in the body. Reading goes on behind it, because malformed input
    /// further on would win.
    fault: Option<Fault>,
}

impl<'a> Reader<'a> {
    fn new(body: &'a [u8]) -> Self {
        Self {
            decoder: Decoder::new(body),
            fault: None,
        }
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.decoder.position() == self.decoder.input().len() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// What comes next, behind any tags; `None` is null.
    fn found(&mut self) -> Result<Option<Found>, Malformed> {
        loop {
            return Ok(Some(match self.decoder.datatype()? {
                Type::Tag => {
                    self.decoder.tag()?;
                    continue;
                }
                Type::Null | Type::Undefined => return Ok(None),
                Type::Bool => Found::Boolean,
                Type::U8
                | Type::U16
                | Type::U32
                | Type::U64
                | Type::I8
                | Type::I16
                | Type::I32
                | Type::I64
                | Type::Int
                | Type::F16
                | Type::F32
                | Type::F64 => Found::Number,
                Type::Bytes | Type::BytesIndef => Found::Bytes,
                Type::String | Type::StringIndef => Found::Text,
                Type::Array | Type::ArrayIndef => Found::List,
                Type::Map | Type::MapIndef => Found::Structure,
                Type::Simple | Type::Break | Type::Unknown(_) => return Err(Malformed),
            }));
        }
    }

    /// A value of any shape. `None` stands for a value of the wrong type, which has been noted.
    fn value(&mut self, id: ShapeId) -> Result<Option<Value<'a>>, Malformed> {
        let shape = Model::get().shape(id);
        match &shape.kind {
            Kind::Structure(structure) => self.structure(structure),
            Kind::List(member) => self.list(shape, *member),
            Kind::Map(_, member) => self.map(shape, *member),
            kind => self.scalar(kind),
        }
    }

    fn structure(&mut self, structure: &'static Structure) -> Result<Option<Value<'a>>, Malformed> {
        match self.found()? {
            None => return self.null(),
            Some(Found::Structure) => {}
            Some(found) => return self.refuse(found.refusal_of_structure()),
        }
        let mut fields = Fields::empty(structure);
        let mut remaining = self.decoder.map()?;
        while self.more(&mut remaining)? {
            let place = self.key()?.and_then(|name| structure.place(&name));
            let Some(place) = place else {
                self.skip()?;
                continue;
            };
            let value = self.value(structure.members[place].shape)?;
            fields.values[place] = value.filter(|value| !matches!(value, Value::Null));
        }
        Ok(Some(Value::Structure(fields)))
    }

    fn list(&mut self, shape: &Shape, member: ShapeId) -> Result<Option<Value<'a>>, Malformed> {
        match self.found()? {
            None => return self.null(),
            Some(Found::List) => {}
            Some(found) => return self.refuse(found.refusal(&shape.kind)),
        }
        let kept_max = kept_max(shape);
        let mut items = Items {
            kept: Vec::new(),
            count: 0,
        };
        let mut remaining = self.decoder.array()?;
        while self.more(&mut remaining)? {
            if items.count < kept_max {
                items.kept.extend(self.value(member)?);
            } else {
                // Too many in any case: the others are only counted.
                self.skip()?;
            }
            items.count += 1;
        }
        Ok(Some(Value::List(items)))
    }

    fn map(&mut self, shape: &Shape, member: ShapeId) -> Result<Option<Value<'a>>, Malformed> {
        match self.found()? {
            None => return self.null(),
            Some(Found::Structure) => {}
            Some(found) => return self.refuse(found.refusal(&shape.kind)),
        }
        let kept_max = kept_max(shape);
        let mut kept: BTreeMap<Cow<'a, str>, Value<'a>> = BTreeMap::new();
        let mut remaining = self.decoder.map()?;
        while self.more(&mut remaining)? {
            if kept.len() >= kept_max {
                // Too many in any case: the others are only skipped.
                self.skip()?;
                self.skip()?;
                continue;
            }
            match self.key()? {
                Some(key) => {
                    let value = self.value(member)?.unwrap_or(Value::Null);
                    kept.insert(key, value);
                }
                None => {
                    self.note(Fault::serialization("Expected map or null"));
                    self.skip()?;
                }
            }
        }
        Ok(Some(Value::Map(Entries { kept })))
    }

    fn scalar(&mut self, wanted: &Kind) -> Result<Option<Value<'a>>, Malformed> {
        let Some(found) = self.found()? else {
            return self.null();
        };
        let value = match (found, wanted) {
            (Found::Boolean, Kind::Boolean) => Value::Boolean(self.decoder.bool()?),
            (Found::Number, Kind::Integer | Kind::Long | Kind::Timestamp) => {
                let number = self.number()?;
                match number.as_wanted(wanted) {
                    Some(value) => value,
                    None => {
                        self.note(found.refusal(wanted));
                        return Ok(None);
                    }
                }
            }
            (Found::Text, Kind::Text) => Value::Text(self.text()?),
            (Found::Bytes, Kind::Blob) => Value::Blob(self.blob()?),
            (Found::Text, Kind::Boolean) => {
                let fault = refusal::text_for_boolean(&self.text()?);
                self.note(fault);
                return Ok(None);
            }
            (found, wanted) => return self.refuse(found.refusal(wanted)),
        };
        Ok(Some(value))
    }

    fn null(&mut self) -> Result<Option<Value<'a>>, Malformed> {
        self.step();
        Ok(Some(Value::Null))
    }

    /// Passes over a value of the wrong type.
    fn refuse(&mut self, fault: Fault) -> Result<Option<Value<'a>>, Malformed> {
        self.skip()?;
        self.note(fault);
        Ok(None)
    }

    fn note(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// True when the collection has another element; `remaining` is `None` for one that ends with
    /// a break.
    fn more(&mut self, remaining: &mut Option<u64>) -> Result<bool, Malformed> {
        match remaining {
            Some(0) => Ok(false),
            Some(count) => {
                *count -= 1;
                Ok(true)
            }
            None if self.decoder.datatype()? == Type::Break => {
                self.step();
                Ok(false)
            }
            None => Ok(true),
        }
    }

    /// Passes over one byte that has been looked at.
    fn step(&mut self) {
        self.decoder.set_position(self.decoder.position() + 1);
    }

    /// The key of an entry; `None` for one that is no text.
    fn key(&mut self) -> Result<Option<Cow<'a, str>>, Malformed> {
        if self.found()? == Some(Found::Text) {
            return self.text().map(Some);
        }
        self.skip()?;
        Ok(None)
    }

    fn text(&mut self) -> Result<Cow<'a, str>, Malformed> {
        if self.decoder.datatype()? == Type::String {
            return Ok(Cow::Borrowed(self.decoder.str()?));
        }
        // Pieces: measured first, so that the whole takes no more than its length.
        let start = self.decoder.position();
        let mut length = 0;
        for piece in self.decoder.str_iter()? {
            length += piece?.len();
        }
        self.decoder.set_position(start);
        let mut whole = String::with_capacity(length);
        for piece in self.decoder.str_iter()? {
            whole.push_str(piece?);
        }
        Ok(Cow::Owned(whole))
    }

    /// The one copy of a record's data on its way in: it must outlive the body, which holds more.
    fn blob(&mut self) -> Result<Bytes, Malformed> {
        if self.decoder.datatype()? == Type::Bytes {
            return Ok(Bytes::copy_from_slice(self.decoder.bytes()?));
        }
        let start = self.decoder.position();
        let mut length = 0;
        for piece in self.decoder.bytes_iter()? {
            length += piece?.len();
        }
        self.decoder.set_position(start);
        let mut whole = Vec::with_capacity(length);
        for piece in self.decoder.bytes_iter()? {
            whole.extend_from_slice(piece?);
        }
        Ok(Bytes::from(whole))
    }

    fn number(&mut self) -> Result<Number, Malformed> {
        match self.decoder.datatype()? {
            Type::F16 | Type::F32 | Type::F64 => Ok(Number::Float(self.decoder.f64()?)),
            _ => Ok(Number::Whole(self.decoder.int()?.into())),
        }
    }

    /// Passes over one value of any kind, in a loop.
    fn skip(&mut self) -> Result<(), Malformed> {
        // Of each collection that is open: how many values are to come, `None` until a break.
        let mut open: Vec<Option<u64>> = Vec::new();
        loop {
            match self.decoder.datatype()? {
                Type::Tag => {
                    self.decoder.tag()?;
                    continue;
                }
                Type::Array | Type::ArrayIndef => open.push(self.decoder.array()?),
                Type::Map | Type::MapIndef => open.push(match self.decoder.map()? {
                    Some(pairs) => Some(pairs.checked_mul(2).ok_or(Malformed)?),
                    None => None,
                }),
                _ => self.skip_scalar()?,
            }
            if open.len() > SKIPPED_DEPTH_MAX {
                return Err(Malformed);
            }
            loop {
                let Some(innermost) = open.last_mut() else {
                    return Ok(());
                };
                if self.more(innermost)? {
                    break;
                }
                open.pop();
            }
        }
    }

    fn skip_scalar(&mut self) -> Result<(), Malformed> {
        match self.decoder.datatype()? {
            Type::Bool | Type::Null | Type::Undefined => self.step(),
            Type::F16 | Type::F32 | Type::F64 => {
                self.decoder.f64()?;
            }
            Type::Simple => {
                self.decoder.simple()?;
            }
            Type::Bytes | Type::BytesIndef => {
                for piece in self.decoder.bytes_iter()? {
                    piece?;
                }
            }
            Type::String | Type::StringIndef => {
                for piece in self.decoder.str_iter()? {
                    piece?;
                }
            }
            _ => {
                self.decoder.int()?;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    /// Floored and clamped, times to the nearest millisecond; `None` for what is no number.
    fn as_wanted(self, wanted: &Kind) -> Option<Value<'static>> {
        let (min, max) = match wanted {
            Kind::Integer => (i32::MIN.into(), i32::MAX.into()),
            _ => (i64::MIN, i64::MAX),
        };
        let is_time = matches!(wanted, Kind::Timestamp);
        let value = match self {
            Self::Whole(value) => i64::try_from(value.clamp(min.into(), max.into())).ok()?,
            Self::Float(value) if value.is_nan() => return None,
            Self::Float(value) => {
                let value = if is_time { value.round() } else { value };
                let text = value.clamp(-FLOAT_MAX, FLOAT_MAX).to_string();
                decimal::floor_clamped(&text, min, max)
            }
        };
        Some(if is_time {
            Value::Timestamp(value)
        } else {
            Value::Integer(value)
        })
    }
}
