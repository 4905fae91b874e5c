//! A request between bytes and shapes: only members that the model knows, each of its model type.
//!
//! Every format is read into this tree, the constraint table judges the tree, and a
//! shape takes its members out of it. Must stay true: what a shape takes has been judged before, so
//! that a missing required member here is a fault of the program, not of a client.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::model::{Shape, Structure};

/// A value of the model's type. `Null` stands only where a null is an element (of a list or a map);
/// a null member is an absent member.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Null,
    Boolean(bool),
    /// Already floored and clamped to its type.
    Integer(i64),
    /// Unix milliseconds.
    Timestamp(i64),
    Text(Cow<'a, str>),
    Blob(Bytes),
    List(Items<'a>),
    Map(Entries<'a>),
    Structure(Fields<'a>),
}

/// The elements of a list. No more are kept than are needed to see that there are too many.
#[derive(Debug)]
pub(crate) struct Items<'a> {
    pub(crate) kept: Vec<Value<'a>>,
    /// How many the client sent.
    pub(crate) count: usize,
}

/// The entries of a map, ordered by key. No more are kept than are needed to see that there are
/// too many.
#[derive(Debug)]
pub(crate) struct Entries<'a> {
    pub(crate) kept: BTreeMap<Cow<'a, str>, Value<'a>>,
}

/// How many elements are kept of a list or map that the model does not limit.
const KEPT_WITHOUT_LIMIT: usize = 1000;

/// How many elements of a list or map are kept: one more than are allowed, so that "too many" can be
/// seen.
pub(crate) fn kept_max(shape: &Shape) -> usize {
    let max = shape.max.and_then(|max| usize::try_from(max).ok());
    max.map_or(KEPT_WITHOUT_LIMIT, |max| max.saturating_add(1))
}

/// The members of one structure, by their place in the model.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) structure: &'static Structure,
    pub(crate) values: Vec<Option<Value<'a>>>,
}

impl<'a> Fields<'a> {
    /// A structure whose members are all absent.
    pub(crate) fn empty(structure: &'static Structure) -> Self {
        Self {
            structure,
            values: structure.members.iter().map(|_| None).collect(),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let place = self.structure.place(name);
        place
            .and_then(|place| self.values.get_mut(place))
            .and_then(Option::take)
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }

    pub(crate) fn required_text(&mut self, name: &str) -> String {
        self.text(name)
            .expect("the constraint table requires this string")
    }

    /// A member of an enumeration.
    pub(crate) fn required_choice<T>(
        &mut self,
        name: &str,
        of: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        of(&self.required_text(name)).expect("the constraint table allows only known names")
    }

    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Boolean(flag) => Some(flag),
            _ => None,
        }
    }

    fn integer(&mut self, name: &str) -> Option<i32> {
        match self.take(name)? {
            Value::Integer(value) => i32::try_from(value).ok(),
            _ => None,
        }
    }

    pub(crate) fn required_integer(&mut self, name: &str) -> i32 {
        self.integer(name)
            .expect("the constraint table requires this integer")
    }

    /// An integer that the model bounds below by 0 or 1.
    pub(crate) fn count(&mut self, name: &str) -> Option<u32> {
        self.integer(name).map(|value| {
            u32::try_from(value).expect("the constraint table refuses negative counts")
        })
    }

    pub(crate) fn required_count(&mut self, name: &str) -> u32 {
        self.count(name)
            .expect("the constraint table requires this integer")
    }

    /// Unix milliseconds; a time before 1970 counts as 0.
    pub(crate) fn timestamp_ms(&mut self, name: &str) -> Option<u64> {
        match self.take(name)? {
            Value::Timestamp(at_ms) => Some(u64::try_from(at_ms).unwrap_or(0)),
            _ => None,
        }
    }

    pub(crate) fn required_blob(&mut self, name: &str) -> Bytes {
        match self.take(name) {
            Some(Value::Blob(bytes)) => Some(bytes),
            _ => None,
        }
        .expect("the constraint table requires this blob")
    }

    pub(crate) fn required_structure(&mut self, name: &str) -> Self {
        self.structure(name)
            .expect("the constraint table requires this structure")
    }

    pub(crate) fn structure(&mut self, name: &str) -> Option<Self> {
        match self.take(name)? {
            Value::Structure(fields) => Some(fields),
            _ => None,
        }
    }

    /// The structures of a list; empty when the list is absent.
    pub(crate) fn structures(&mut self, name: &str) -> Vec<Self> {
        let Some(Value::List(items)) = self.take(name) else {
            return Vec::new();
        };
        let structures = items.kept.into_iter().filter_map(|item| match item {
            Value::Structure(fields) => Some(fields),
            _ => None,
        });
        structures.collect()
    }

    /// The strings of a list; empty when the list is absent.
    pub(crate) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(Value::List(items)) = self.take(name) else {
            return Vec::new();
        };
        let texts = items.kept.into_iter().filter_map(|item| match item {
            Value::Text(text) => Some(text.into_owned()),
            _ => None,
        });
        texts.collect()
    }

    /// The pairs of a map of strings; empty when the map is absent.
    pub(crate) fn text_map(&mut self, name: &str) -> BTreeMap<String, String> {
        let Some(Value::Map(entries)) = self.take(name) else {
            return BTreeMap::new();
        };
        let pairs = entries
            .kept
            .into_iter()
            .filter_map(|(key, value)| match value {
                Value::Text(text) => Some((key.into_owned(), text.into_owned())),
                _ => None,
            });
        pairs.collect()
    }
}
