//! Anything a client may send as CBOR: no panic, always AWS's error, and what JSON says CBOR says too.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

use super::samples::{Style, request};
use crate::decode::property_test::{any_json, any_operation, check_fault};
use crate::decode::samples::SAMPLES;
use crate::decode_request;
use crate::format::Format;
use crate::model::{Kind, Model, Shape, ShapeId, Structure};
use crate::operation::Operation;
use crate::validate::text_fits;

/// Texts of which every pattern of an offered operation's members allows one.
const TEXTS: [&str; 8] = [
    "clicks",
    "0",
    "49590338271490256608559692538361571095921575989136588898",
    "aaaaaaaaaaaaaaaaaaaa-bbb",
    "arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
    "arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/c:1459799926",
    "\u{fc}\u{1f600} \"\n",
    "",
];

/// Makes valid requests by the model; each choice takes the next number.
struct Maker {
    numbers: Vec<u8>,
    at: usize,
}

impl Maker {
    fn below(&mut self, end: usize) -> usize {
        self.at += 1;
        usize::from(self.numbers[self.at % self.numbers.len()]) % end
    }

    fn structure(&mut self, structure: &Structure) -> Json {
        let mut members = Map::new();
        for member in &structure.members {
            if !member.required && self.below(2) == 0 {
                continue;
            }
            if let Some(value) = self.value(member.shape) {
                members.insert(member.name.clone(), value);
            }
        }
        Json::Object(members)
    }

    /// `None` when no text is known that the pattern allows.
    fn value(&mut self, id: ShapeId) -> Option<Json> {
        let shape = Model::get().shape(id);
        Some(match &shape.kind {
            Kind::Boolean => Json::from(self.below(2) == 0),
            Kind::Integer | Kind::Long => {
                let min = shape.min.unwrap_or(0);
                let max = shape.max.unwrap_or(1_000_000);
                Json::from(match self.below(3) {
                    0 => min,
                    1 => max,
                    _ => min.midpoint(max),
                })
            }
            Kind::Timestamp => match self.below(3) {
                0 => Json::from(1_795_309_323),
                1 => Json::from(1_795_309_323.456),
                _ => Json::from(0),
            },
            Kind::Text => Json::from(self.text(shape)?),
            Kind::Blob => {
                let length = self.below(60);
                let bytes: Vec<u8> = (0..length).map(|_| self.numbers[self.at % 7]).collect();
                Json::from(base64_simd::STANDARD.encode_to_string(bytes))
            }
            Kind::List(member) => {
                let items = (0..self.count(shape)).map(|_| self.value(*member));
                Json::Array(items.collect::<Option<_>>()?)
            }
            Kind::Map(_, member) => {
                let count = self.count(shape);
                let entries = (0..count).map(|n| Some((format!("key{n}"), self.value(*member)?)));
                Json::Object(entries.collect::<Option<_>>()?)
            }
            Kind::Structure(structure) => self.structure(structure),
        })
    }

    fn count(&mut self, shape: &Shape) -> usize {
        let bound = |limit: Option<i64>| limit.and_then(|limit| usize::try_from(limit).ok());
        let min = bound(shape.min).unwrap_or(0);
        min + self.below(bound(shape.max).unwrap_or(4).min(4) - min + 1)
    }

    fn text(&mut self, shape: &Shape) -> Option<String> {
        if !shape.choices.is_empty() {
            let choice = self.below(shape.choices.len());
            return shape.choices.get(choice).cloned();
        }
        let fitting = |text: &&&str| text_fits(text, shape);
        let count = TEXTS.iter().filter(fitting).count();
        let choice = self.below(count.max(1));
        TEXTS
            .iter()
            .filter(fitting)
            .nth(choice)
            .map(ToString::to_string)
    }
}

fn offered() -> impl Strategy<Value = Operation> {
    let offered = Operation::ALL
        .into_iter()
        .filter(|operation| operation.is_offered());
    proptest::sample::select(offered.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn valid_requests_arrive_the_same_in_both_formats(
        operation in offered(), numbers in vec(any::<u8>(), 16..64), style in any::<u64>(),
    ) {
        let input = Model::get().input(operation);
        let json = Maker { numbers, at: 0 }.structure(input);
        let in_json = decode_request(operation, Format::Json, json.to_string().as_bytes());
        prop_assert!(in_json.is_ok(), "{:?} of {}", in_json, json);
        let in_cbor = request(&json, input, Style(style));
        prop_assert_eq!(decode_request(operation, Format::Cbor, &in_cbor), in_json, "{}", json);
    }

    #[test]
    fn any_tree_gets_the_same_answer_in_both_formats(
        operation in any_operation(), json in any_json(), style in any::<u64>(),
    ) {
        let in_json = decode_request(operation, Format::Json, json.to_string().as_bytes());
        let in_cbor = request(&json, Model::get().input(operation), Style(style));
        let in_cbor = decode_request(operation, Format::Cbor, &in_cbor);
        // Text that is no base64 is a wrong text in JSON and a wrong type in CBOR.
        let is_blob = |text: &String| text.contains("converted to a Blob");
        if let Err(fault) = &in_json && fault.message.as_ref().is_some_and(is_blob) {
            prop_assert!(in_cbor.is_err());
        } else {
            prop_assert_eq!(in_cbor, in_json, "{}", json);
        }
    }

    #[test]
    fn any_bytes_get_an_answer(operation in any_operation(), body in vec(any::<u8>(), 0..200)) {
        if let Err(fault) = decode_request(operation, Format::Cbor, &body) {
            check_fault(&fault)?;
        }
    }

    #[test]
    fn any_spoilt_sample_gets_an_answer(
        which in 0..SAMPLES.len(), style in any::<u64>(), place in any::<prop::sample::Index>(),
        with in any::<u8>(), cut in any::<bool>(),
    ) {
        let (operation, body) = SAMPLES[which];
        let json: Json = serde_json::from_str(body).expect("samples are JSON");
        let mut body = request(&json, Model::get().input(operation), Style(style));
        let place = place.index(body.len());
        if cut { body.truncate(place) } else { body[place] = with }
        let answer = decode_request(operation, Format::Cbor, &body);
        if let Err(fault) = &answer {
            check_fault(fault)?;
        }
        prop_assert!(!cut || answer.is_err(), "a cut body is malformed");
    }
}

/// The ends of what a JSON integer of ours can be; the property above draws them once in thousands of runs.
#[test]
fn the_greatest_and_least_integers_get_the_same_answer_in_both_formats() {
    let operation = Operation::GetRecords;
    for limit in [i64::MIN, i64::MIN + 1, -1, i64::MAX] {
        let json = serde_json::json!({ "ShardIterator": "a", "Limit": limit });
        let in_json = decode_request(operation, Format::Json, json.to_string().as_bytes());
        assert!(in_json.is_err(), "{limit} is no limit");
        for style in 0..64 {
            let in_cbor = request(&json, Model::get().input(operation), Style(style));
            let in_cbor = decode_request(operation, Format::Cbor, &in_cbor);
            assert_eq!(in_cbor, in_json, "{limit}");
        }
    }
}
