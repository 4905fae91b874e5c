//! The strict reading of one table: each key is taken once by who knows it, and what is left is refused.

use crate::document::{Table, Value};
use crate::error::{DrillError, Fault};
use crate::near::nearest;
use crate::quantity::{Drift, Offset, Percent, QuantityError, Rate, Size, Span};
use ana_types::{NameError, StreamName, Zone};
use std::str::FromStr;

/// A table of which keys are taken.
#[derive(Debug)]
pub(crate) struct Fields {
    place: String,
    left: Table,
    known: Vec<&'static str>,
}

/// A value that can be read from a file.
pub(crate) trait FromValue: Sized {
    /// Reads the value of `key`.
    fn from_value(key: &str, value: &Value) -> Result<Self, Fault>;
}

impl Fields {
    /// The fields of a table that stands at `place`.
    pub(crate) fn new(place: impl Into<String>, table: Table) -> Fields {
        Fields {
            place: place.into(),
            left: table,
            known: Vec::new(),
        }
    }

    /// The fields of a value that must be a table.
    pub(crate) fn of(
        place: impl Into<String>,
        key: &str,
        value: Value,
    ) -> Result<Fields, DrillError> {
        let place = place.into();
        match value {
            Value::Table(table) => Ok(Fields::new(place, table)),
            other => Err(wrong_kind(key, "a table", &other).at(place)),
        }
    }

    /// Says more exactly where the table stands, once that is known.
    pub(crate) fn stands_at(&mut self, place: impl Into<String>) {
        self.place = place.into();
    }

    /// The place, for errors about what was read here.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The value of a key that may be absent, unread.
    pub(crate) fn raw(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        let at = self.left.iter().position(|(each, _)| each == key)?;
        Some(self.left.remove(at).1)
    }

    /// The value of a key that may be absent.
    pub(crate) fn optional<T: FromValue>(
        &mut self,
        key: &'static str,
    ) -> Result<Option<T>, DrillError> {
        let Some(value) = self.raw(key) else {
            return Ok(None);
        };
        let read = T::from_value(key, &value);
        read.map(Some).map_err(|fault| fault.at(self.place.clone()))
    }

    /// The value of a key that must be there. Where a key near to it stands instead, that is the error.
    pub(crate) fn required<T: FromValue>(&mut self, key: &'static str) -> Result<T, DrillError> {
        match self.optional(key)? {
            Some(value) => Ok(value),
            None => Err(self.absent(&[key], Fault::Missing(key))),
        }
    }

    /// The error where none of several keys stands.
    pub(crate) fn at_least_one(&self, keys: &'static [&'static str]) -> DrillError {
        self.absent(keys, Fault::AtLeastOne(keys))
    }

    /// The fault, unless a key near to one of those wanted stands instead: then that is what is wrong.
    fn absent(&self, wanted: &[&'static str], fault: Fault) -> DrillError {
        let mut unread = self.left.iter().map(|(each, _)| each);
        let misspelt = unread.find_map(|each| {
            nearest(each, wanted.iter().copied()).map(|near| (each.clone(), near))
        });
        let fault = match misspelt {
            Some((key, near)) => Fault::UnknownKey {
                key,
                near: Some(near),
            },
            None => fault,
        };
        fault.at(self.place.clone())
    }

    /// The entries of a list that may be absent, unread.
    pub(crate) fn list(&mut self, key: &'static str) -> Result<Vec<Value>, DrillError> {
        match self.raw(key) {
            None | Some(Value::Nothing) => Ok(Vec::new()),
            Some(Value::List(list)) => Ok(list),
            Some(other) => Err(wrong_kind(key, "a list", &other).at(self.place.clone())),
        }
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<(), DrillError> {
        let Some((key, _)) = self.left.into_iter().next() else {
            return Ok(());
        };
        let near = nearest(&key, self.known);
        Err(Fault::UnknownKey { key, near }.at(self.place))
    }
}

/// The fault of a value of the wrong kind.
pub(crate) fn wrong_kind(key: &str, expected: &'static str, found: &Value) -> Fault {
    Fault::WrongKind {
        key: key.to_owned(),
        expected,
        found: found.kind(),
    }
}

impl FromValue for String {
    fn from_value(key: &str, value: &Value) -> Result<String, Fault> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            other => Err(wrong_kind(key, "a text", other)),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(key: &str, value: &Value) -> Result<Vec<T>, Fault> {
        match value {
            Value::List(list) => list.iter().map(|each| T::from_value(key, each)).collect(),
            other => Err(wrong_kind(key, "a list", other)),
        }
    }
}

/// A text, or a number where its unit goes without saying.
fn written(key: &str, expected: &'static str, value: &Value) -> Result<String, Fault> {
    match value {
        Value::Text(text) | Value::Number(text) => Ok(text.clone()),
        other => Err(wrong_kind(key, expected, other)),
    }
}

macro_rules! quantities {
    ($($name:ty: $expected:literal),* $(,)?) => {$(
        impl FromValue for $name {
            fn from_value(key: &str, value: &Value) -> Result<$name, Fault> {
                let text = written(key, $expected, value)?;
                <$name>::from_str(&text).map_err(|error: QuantityError| {
                    Fault::Quantity { key: key.to_owned(), error }
                })
            }
        }
    )*};
}
quantities!(
    Span: "a duration such as \"30s\"",
    Percent: "a percentage such as 25",
    Size: "a size such as \"64KiB\"",
    Rate: "a rate such as \"64KiB/s\"",
    Offset: "a step of a clock such as \"+30s\"",
    Drift: "a drift such as \"+500ppm\"",
);

macro_rules! names {
    ($($name:ty),*) => {$(
        impl FromValue for $name {
            fn from_value(key: &str, value: &Value) -> Result<$name, Fault> {
                let text = String::from_value(key, value)?;
                <$name>::new(&text).map_err(|error: NameError| {
                    Fault::Name { key: key.to_owned(), error }
                })
            }
        }
    )*};
}
names!(Zone, StreamName);

impl FromValue for u64 {
    fn from_value(key: &str, value: &Value) -> Result<u64, Fault> {
        const EXPECTED: &str = "a whole number, not negative";
        match value {
            Value::Number(text) => text.parse().or(Err(wrong_kind(key, EXPECTED, value))),
            other => Err(wrong_kind(key, EXPECTED, other)),
        }
    }
}

/// Refuses a number outside `least..=most`.
pub(crate) fn within(key: &str, found: u64, least: u64, most: u64) -> Result<u64, Fault> {
    if (least..=most).contains(&found) {
        return Ok(found);
    }
    let (key, found) = (key.to_owned(), found.to_string());
    Err(Fault::OutOfBounds {
        key,
        found,
        least,
        most,
    })
}

/// A number in `least..=most` that fits 32 bits, as `most` does.
pub(crate) fn within_u32(key: &str, found: u64, least: u32, most: u32) -> Result<u32, Fault> {
    let found = within(key, found, least.into(), most.into())?;
    Ok(u32::try_from(found).unwrap_or(most))
}

/// One of a closed set of words.
pub(crate) fn one_of<T: Copy>(
    key: &str,
    found: &str,
    known: &[(&'static str, T)],
) -> Result<T, Fault> {
    if let Some((_, value)) = known.iter().find(|(name, _)| *name == found) {
        return Ok(*value);
    }
    let known: Vec<&'static str> = known.iter().map(|(name, _)| *name).collect();
    let near = nearest(found, known.iter().copied());
    Err(Fault::NotOneOf {
        key: key.to_owned(),
        found: found.to_owned(),
        known,
        near,
    })
}
