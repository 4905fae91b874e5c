//! From the bytes of a body to the tree of one structure, guided by the model.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar::{self, Borrowed, ScalarError};
use crate::fault::Fault;
use crate::model::{Kind, Model, Shape, ShapeId, Structure};
use crate::refusal::Found;
use crate::tree::{Entries, Fields, Items, Value, kept_max};

/// Reads a whole body as `structure`.
///
/// # Errors
/// `SerializationException`: without a message when the body is not a JSON object in UTF-8, with
/// AWS's message when a known member has the wrong type.
pub(crate) fn read<'a>(body: &'a [u8], structure: &'static Structure) -> Result<Fields<'a>, Fault> {
    let Ok(text) = str::from_utf8(body) else {
        return Err(Fault::not_an_object());
    };
    let faults = Faults::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = StructureSeed {
        structure,
        faults: &faults,
    };
    let value = seed
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match (value, faults.0.into_inner()) {
        (Ok(Some(Value::Structure(_))), Some(fault)) => Err(fault),
        (Ok(Some(Value::Structure(fields))), None) => Ok(fields),
        _ => Err(Fault::not_an_object()),
    }
}

/// The first fault of type in the body. Reading goes on behind it, because a fault of syntax
/// further on would win.
#[derive(Debug, Default)]
struct Faults(RefCell<Option<Fault>>);

impl Faults {
    fn note(&self, fault: Fault) {
        self.0.borrow_mut().get_or_insert(fault);
    }
}

/// Reads a value of any shape. `None` stands for a value of the wrong type, which has been noted.
#[derive(Clone, Copy)]
struct ValueSeed<'f> {
    shape: ShapeId,
    faults: &'f Faults,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Option<Value<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let shape: &'static Shape = Model::get().shape(self.shape);
        match &shape.kind {
            Kind::Structure(structure) => StructureSeed {
                structure,
                faults: self.faults,
            }
            .deserialize(deserializer),
            Kind::List(_) | Kind::Map(..) => deserializer.deserialize_any(CollectionVisitor {
                shape,
                faults: self.faults,
            }),
            kind => {
                let raw: &'de RawValue = serde::Deserialize::deserialize(deserializer)?;
                match scalar::read(raw.get(), kind) {
                    Ok(value) => Ok(Some(value)),
                    Err(ScalarError::Syntax) => Err(D::Error::custom("not a string")),
                    Err(ScalarError::Type(fault)) => {
                        self.faults.note(fault);
                        Ok(None)
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct StructureSeed<'f> {
    structure: &'static Structure,
    faults: &'f Faults,
}

impl<'de> DeserializeSeed<'de> for StructureSeed<'_> {
    type Value = Option<Value<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(StructureVisitor(self))
    }
}

/// The answers of a visitor to values that are neither null nor what it waits for.
macro_rules! refuse {
    ($($method:ident($kind:ty) => $found:expr,)*) => {$(
        fn $method<E: Error>(self, _: $kind) -> Result<Self::Value, E> {
            Ok(self.refuse($found))
        }
    )*};
    (scalars) => {
        refuse! {
            visit_bool(bool) => Found::Boolean,
            visit_i64(i64) => Found::Number,
            visit_u64(u64) => Found::Number,
            visit_f64(f64) => Found::Number,
            visit_str(&str) => Found::Text,
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Some(Value::Null))
        }
    };
}

struct StructureVisitor<'f>(StructureSeed<'f>);

impl StructureVisitor<'_> {
    fn refuse<'de>(&self, found: Found) -> Option<Value<'de>> {
        self.0.faults.note(found.refusal_of_structure());
        None
    }
}

impl<'de> Visitor<'de> for StructureVisitor<'_> {
    type Value = Option<Value<'de>>;

    refuse!(scalars);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a structure")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        skip_list(seq)?;
        Ok(self.refuse(Found::List))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let StructureSeed { structure, faults } = self.0;
        let mut fields = Fields::empty(structure);
        while let Some(Borrowed(name)) = map.next_key()? {
            let Some(place) = structure.place(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let seed = ValueSeed {
                shape: structure.members[place].shape,
                faults,
            };
            let value = map.next_value_seed(seed)?;
            fields.values[place] = value.filter(|value| !matches!(value, Value::Null));
        }
        Ok(Some(Value::Structure(fields)))
    }
}

/// Reads a list or a map.
struct CollectionVisitor<'f> {
    shape: &'static Shape,
    faults: &'f Faults,
}

impl CollectionVisitor<'_> {
    fn refuse<'de>(&self, found: Found) -> Option<Value<'de>> {
        self.faults.note(found.refusal(&self.shape.kind));
        None
    }
}

impl<'de> Visitor<'de> for CollectionVisitor<'_> {
    type Value = Option<Value<'de>>;

    refuse!(scalars);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list or a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Kind::List(member) = self.shape.kind else {
            skip_list(seq)?;
            return Ok(self.refuse(Found::List));
        };
        let seed = ValueSeed {
            shape: member,
            faults: self.faults,
        };
        let mut items = Items {
            kept: Vec::new(),
            count: 0,
        };
        while items.count < kept_max(self.shape) {
            let Some(value) = seq.next_element_seed(seed)? else {
                return Ok(Some(Value::List(items)));
            };
            items.kept.extend(value);
            items.count += 1;
        }
        // Too many in any case: the others are only counted.
        while seq.next_element::<IgnoredAny>()?.is_some() {
            items.count += 1;
        }
        Ok(Some(Value::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Kind::Map(_, member) = self.shape.kind else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(self.refuse(Found::Structure));
        };
        let seed = ValueSeed {
            shape: member,
            faults: self.faults,
        };
        let mut kept: BTreeMap<Cow<'de, str>, Value<'de>> = BTreeMap::new();
        while kept.len() < kept_max(self.shape) {
            let Some(Borrowed(key)) = map.next_key()? else {
                return Ok(Some(Value::Map(Entries { kept })));
            };
            let value = map.next_value_seed(seed)?.unwrap_or(Value::Null);
            kept.insert(key, value);
        }
        // Too many in any case: the others are only skipped.
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(Value::Map(Entries { kept })))
    }
}

fn skip_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}
