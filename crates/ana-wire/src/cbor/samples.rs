//! Test help: a JSON request in the many ways of CBOR, and an answer in CBOR as a JSON tree.

use minicbor::data::{IanaTag, Tag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Value as Json};

use crate::decimal;
use crate::model::{Kind, Model, ShapeId, Structure};

/// "This is CBOR": a tag that says nothing.
const SELF_DESCRIBED: Tag = Tag::new(55_799);

/// Integers up to here are exact as floats.
const EXACT_AS_FLOAT: u64 = 1 << 53;

const NO_ERROR: &str = "writing to memory cannot fail";

/// Which of CBOR's ways to write a value is taken: each choice takes the next bit, round and round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style(pub(crate) u64);

impl Style {
    /// Definite lengths, no tags but that of times, whole numbers.
    pub(crate) const PLAIN: Self = Self(0);

    fn choose(&mut self) -> bool {
        self.0 = self.0.rotate_left(1);
        self.0 & 1 == 1
    }
}

/// The request as a client that knows the model writes it: blobs as bytes, times in milliseconds.
pub(crate) fn request(json: &Json, input: &'static Structure, style: Style) -> Vec<u8> {
    let mut writer = RequestWriter {
        out: Encoder::new(Vec::new()),
        style,
    };
    writer.structure(json, input);
    writer.out.into_writer()
}

struct RequestWriter {
    out: Encoder<Vec<u8>>,
    style: Style,
}

impl RequestWriter {
    fn structure(&mut self, json: &Json, structure: &'static Structure) {
        let Json::Object(members) = json else {
            return self.value(json, None);
        };
        self.object(members, |name| {
            structure
                .place(name)
                .map(|place| structure.members[place].shape)
        });
    }

    fn value(&mut self, json: &Json, shape: Option<ShapeId>) {
        let kind = shape.map(|shape| &Model::get().shape(shape).kind);
        if self.style.choose() {
            self.out.tag(SELF_DESCRIBED).expect(NO_ERROR);
        }
        match (json, kind) {
            (Json::Null, _) => {
                if self.style.choose() {
                    self.out.undefined().expect(NO_ERROR);
                } else {
                    self.out.null().expect(NO_ERROR);
                }
            }
            (Json::Bool(flag), _) => {
                self.out.bool(*flag).expect(NO_ERROR);
            }
            (Json::Number(number), Some(Kind::Timestamp)) => {
                if !self.style.choose() {
                    self.out.tag(IanaTag::Timestamp).expect(NO_ERROR);
                }
                self.integer(decimal::milliseconds(&number.to_string()));
            }
            (Json::Number(number), _) => match number.as_i64() {
                Some(value) => self.integer(value),
                None => match number.as_u64() {
                    Some(value) => drop(self.out.u64(value).expect(NO_ERROR)),
                    None => drop(
                        self.out
                            .f64(number.as_f64().unwrap_or_default())
                            .expect(NO_ERROR),
                    ),
                },
            },
            (Json::String(text), Some(Kind::Blob)) => {
                match base64_simd::STANDARD.decode_to_vec(text) {
                    Ok(bytes) => self.bytes(&bytes),
                    Err(_) => self.text(text),
                }
            }
            (Json::String(text), _) => self.text(text),
            (Json::Array(items), kind) => {
                let member = match kind {
                    Some(Kind::List(member)) => Some(*member),
                    _ => None,
                };
                self.array(items, member);
            }
            (Json::Object(_), Some(Kind::Structure(structure))) => self.structure(json, structure),
            (Json::Object(entries), Some(Kind::Map(_, member))) => {
                self.object(entries, |_| Some(*member));
            }
            (Json::Object(entries), _) => self.object(entries, |_| None),
        }
    }

    fn integer(&mut self, value: i64) {
        if value.unsigned_abs() < EXACT_AS_FLOAT && self.style.choose() {
            self.out.f64(value as f64).expect(NO_ERROR);
        } else {
            self.out.i64(value).expect(NO_ERROR);
        }
    }

    fn array(&mut self, items: &[Json], member: Option<ShapeId>) {
        let indefinite = self.style.choose();
        if indefinite {
            self.out.begin_array().expect(NO_ERROR);
        } else {
            self.out.array(length(items.len())).expect(NO_ERROR);
        }
        for item in items {
            self.value(item, member);
        }
        if indefinite {
            self.out.end().expect(NO_ERROR);
        }
    }

    fn object(&mut self, entries: &Map<String, Json>, shape: impl Fn(&str) -> Option<ShapeId>) {
        let indefinite = self.style.choose();
        if indefinite {
            self.out.begin_map().expect(NO_ERROR);
        } else {
            self.out.map(length(entries.len())).expect(NO_ERROR);
        }
        for (name, value) in entries {
            self.text(name);
            self.value(value, shape(name));
        }
        if indefinite {
            self.out.end().expect(NO_ERROR);
        }
    }

    fn text(&mut self, text: &str) {
        if !self.style.choose() {
            self.out.str(text).expect(NO_ERROR);
            return;
        }
        self.out.begin_str().expect(NO_ERROR);
        let (first, rest) = text.split_at(text.floor_char_boundary(text.len() / 2));
        for piece in [first, "", rest] {
            self.out.str(piece).expect(NO_ERROR);
        }
        self.out.end().expect(NO_ERROR);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if !self.style.choose() {
            self.out.bytes(bytes).expect(NO_ERROR);
            return;
        }
        self.out.begin_bytes().expect(NO_ERROR);
        for piece in bytes.chunks(7) {
            self.out.bytes(piece).expect(NO_ERROR);
        }
        self.out.end().expect(NO_ERROR);
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).expect("a test's lengths are small")
}

/// An answer as the same answer in JSON would be parsed: blobs in base64, times in seconds.
pub(crate) fn answer_as_json(bytes: &[u8]) -> Json {
    let mut decoder = Decoder::new(bytes);
    let value = value_as_json(&mut decoder);
    assert_eq!(decoder.position(), bytes.len(), "nothing stands behind");
    value
}

fn value_as_json(decoder: &mut Decoder<'_>) -> Json {
    const WELL_FORMED: &str = "an answer is well-formed CBOR";
    match decoder.datatype().expect(WELL_FORMED) {
        Type::Tag => {
            assert_eq!(decoder.tag().expect(WELL_FORMED), IanaTag::Timestamp.tag());
            let at_ms = decoder.u64().expect("a time is a whole number");
            if at_ms.is_multiple_of(1000) {
                Json::from(at_ms / 1000)
            } else {
                Json::from(at_ms as f64 / 1000.0)
            }
        }
        Type::Bool => Json::from(decoder.bool().expect(WELL_FORMED)),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            Json::from(decoder.u64().expect(WELL_FORMED))
        }
        Type::String => Json::from(decoder.str().expect(WELL_FORMED)),
        Type::Bytes => {
            Json::from(base64_simd::STANDARD.encode_to_string(decoder.bytes().expect(WELL_FORMED)))
        }
        Type::ArrayIndef => {
            assert_eq!(decoder.array().expect(WELL_FORMED), None);
            let mut items = Vec::new();
            while decoder.datatype().expect(WELL_FORMED) != Type::Break {
                items.push(value_as_json(decoder));
            }
            decoder.set_position(decoder.position() + 1);
            Json::Array(items)
        }
        Type::MapIndef => {
            assert_eq!(decoder.map().expect(WELL_FORMED), None);
            let mut members = Map::new();
            while decoder.datatype().expect(WELL_FORMED) != Type::Break {
                let name = decoder.str().expect(WELL_FORMED).to_owned();
                let earlier = members.insert(name, value_as_json(decoder));
                assert_eq!(earlier, None, "no member stands twice");
            }
            decoder.set_position(decoder.position() + 1);
            Json::Object(members)
        }
        other => panic!("an answer contains {other}"),
    }
}
