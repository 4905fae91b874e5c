//! The constraint table: types, required members, lengths, ranges, patterns and enumerations of the
//! public service model (`model/kinesis.json`), parsed once.
//!
//! Reading and checking are driven by this table alone, so that an operation's limits stand in one
//! place. What we hold differently from the model stands in [`REQUIRED_HERE`] and
//! [`CHOICE_ORDER`], each with its reason.
//!
//! Must stay true: every structure is reachable by index for the life of the program; the model has
//! no recursive shape (reading descends by shape, so its depth is the model's, not the client's).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex_lite::Regex;
use serde::Deserialize;

use crate::operation::Operation;

/// Members that we require although the model does not: (structure, member).
///
/// Since November 2026 the model leaves `PartitionKey` out for streams whose record distribution
/// strategy is `AUTO`. No stream here has that strategy, and for every other stream AWS still needs
/// the key.
const REQUIRED_HERE: [(&str, &str); 2] = [
    ("PutRecordInput", "PartitionKey"),
    ("PutRecordsRequestEntry", "PartitionKey"),
];

/// Orders in which AWS prints an enumeration when it is not the model's: (shape, names).
const CHOICE_ORDER: [(&str, [&str; 5]); 1] = [(
    "ShardIteratorType",
    [
        "AFTER_SEQUENCE_NUMBER",
        "LATEST",
        "AT_TIMESTAMP",
        "AT_SEQUENCE_NUMBER",
        "TRIM_HORIZON",
    ],
)];

const MODEL_JSON: &str = include_str!("../model/kinesis.json");

/// The parsed table.
#[derive(Debug)]
pub(crate) struct Model {
    shapes: Vec<Shape>,
    inputs: BTreeMap<Operation, ShapeId>,
}

/// A shape's place in the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShapeId(usize);

/// One type of the model with its constraints.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    /// Least length (characters, bytes, elements) or value.
    pub(crate) min: Option<i64>,
    /// Greatest length or value.
    pub(crate) max: Option<i64>,
    pub(crate) pattern: Option<Pattern>,
    /// Allowed names, in the order in which AWS prints them; empty when any text is allowed.
    pub(crate) choices: Vec<String>,
}

/// What kind of value a shape is.
#[derive(Debug)]
pub(crate) enum Kind {
    Boolean,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    Timestamp,
    Text,
    Blob,
    List(ShapeId),
    /// Keys and values.
    Map(ShapeId, ShapeId),
    Structure(Structure),
}

/// A pattern that a whole string must match.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// As the model has it and AWS prints it.
    pub(crate) text: String,
    pub(crate) regex: Regex,
}

/// The members of a structure, ordered by name.
#[derive(Debug)]
pub(crate) struct Structure {
    pub(crate) name: String,
    pub(crate) members: Vec<Member>,
}

/// One member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The name as error texts print it: first letter in lower case.
    pub(crate) path: String,
    pub(crate) shape: ShapeId,
    pub(crate) required: bool,
}

impl Model {
    /// The one table of the program.
    pub(crate) fn get() -> &'static Self {
        static MODEL: OnceLock<Model> = OnceLock::new();
        MODEL.get_or_init(|| {
            let raw: RawModel =
                serde_json::from_str(MODEL_JSON).expect("the committed model is well-formed");
            Self::build(&raw)
        })
    }

    /// The shape at a place.
    pub(crate) fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0]
    }

    /// The structure of an operation's request.
    pub(crate) fn input(&self, operation: Operation) -> &Structure {
        match &self.shape(self.inputs[&operation]).kind {
            Kind::Structure(structure) => structure,
            other => unreachable!("the input of {operation:?} is a structure, not {other:?}"),
        }
    }

    fn build(raw: &RawModel) -> Self {
        let places: BTreeMap<&str, ShapeId> = raw
            .shapes
            .keys()
            .enumerate()
            .map(|(place, name)| (name.as_str(), ShapeId(place)))
            .collect();
        let shapes = raw
            .shapes
            .iter()
            .map(|(name, shape)| shape.build(name, &places))
            .collect();
        let inputs = raw.operations.iter().map(|(name, operation)| {
            let known =
                Operation::of_name(name).expect("every operation of the model has a variant");
            (known, places[operation.input.as_str()])
        });
        Self {
            shapes,
            inputs: inputs.collect(),
        }
    }
}

impl Structure {
    /// The place of a member among `members`.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.members
            .binary_search_by(|member| member.name.as_str().cmp(name))
            .ok()
    }
}

#[derive(Deserialize)]
struct RawModel {
    operations: BTreeMap<String, RawOperation>,
    shapes: BTreeMap<String, RawShape>,
}

#[derive(Deserialize)]
struct RawOperation {
    input: String,
}

#[derive(Deserialize)]
struct RawShape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    members: BTreeMap<String, RawRef>,
    #[serde(default)]
    required: Vec<String>,
    member: Option<RawRef>,
    key: Option<RawRef>,
    value: Option<RawRef>,
    min: Option<i64>,
    max: Option<i64>,
    pattern: Option<String>,
    #[serde(default, rename = "enum")]
    choices: Vec<String>,
}

#[derive(Deserialize)]
struct RawRef {
    shape: String,
}

impl RawShape {
    fn build(&self, name: &str, places: &BTreeMap<&str, ShapeId>) -> Shape {
        let place = |reference: &Option<RawRef>| {
            let reference = reference
                .as_ref()
                .expect("lists and maps name their elements");
            places[reference.shape.as_str()]
        };
        let kind = match self.kind.as_str() {
            "boolean" => Kind::Boolean,
            "integer" => Kind::Integer,
            "long" => Kind::Long,
            "timestamp" => Kind::Timestamp,
            "string" => Kind::Text,
            "blob" => Kind::Blob,
            "list" => Kind::List(place(&self.member)),
            "map" => Kind::Map(place(&self.key), place(&self.value)),
            "structure" => Kind::Structure(self.structure(name, places)),
            other => unreachable!("the committed model has no shape of type {other}"),
        };
        Shape {
            kind,
            min: self.min,
            max: self.max,
            pattern: self.pattern.as_ref().map(|text| Pattern {
                text: text.clone(),
                regex: Regex::new(&format!(r"\A(?:{text})\z"))
                    .expect("the committed patterns are regular expressions"),
            }),
            choices: choices_in_print_order(name, &self.choices),
        }
    }

    fn structure(&self, name: &str, places: &BTreeMap<&str, ShapeId>) -> Structure {
        let members = self.members.iter().map(|(member, reference)| Member {
            name: member.clone(),
            path: lower_first(member),
            shape: places[reference.shape.as_str()],
            required: self.required.contains(member)
                || REQUIRED_HERE.contains(&(name, member.as_str())),
        });
        Structure {
            name: name.to_owned(),
            members: members.collect(),
        }
    }
}

fn choices_in_print_order(shape: &str, model_order: &[String]) -> Vec<String> {
    match CHOICE_ORDER.iter().find(|(name, _)| *name == shape) {
        Some((_, names)) => names.iter().map(ToString::to_string).collect(),
        None => model_order.to_vec(),
    }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(letters)
        .collect()
}

#[cfg(test)]
#[path = "model/model_test.rs"]
mod model_test;
