//! Anything a client may send: no panic, always AWS's error, and both ways in agree.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::samples::SAMPLES;
use super::{decode_by_model, decode_request};
use crate::fault::{Fault, FaultKind};
use crate::format::Format;
use crate::model::{Kind, Model, Structure};
use crate::operation::Operation;

/// Names that lead somewhere, and one that does not.
const NAMES: [&str; 16] = [
    "StreamName",
    "StreamARN",
    "StreamId",
    "Data",
    "PartitionKey",
    "ExplicitHashKey",
    "Records",
    "DryRun",
    "SequenceNumberForOrdering",
    "Limit",
    "Tags",
    "TagKeys",
    "ShardFilter",
    "Type",
    "Timestamp",
    "Zzz",
];

pub(crate) fn check_fault(fault: &Fault) -> Result<(), TestCaseError> {
    let body: Json =
        serde_json::from_slice(&fault.body(Format::Json)).expect("an error body is JSON");
    prop_assert_eq!(body["__type"].as_str(), Some(fault.kind.name()));
    let allowed = matches!(
        fault.kind,
        FaultKind::Serialization | FaultKind::Validation | FaultKind::UnknownOperation
    );
    prop_assert!(allowed, "{:?}", fault);
    prop_assert!(fault.body(Format::Json).len() < 200_000);
    Ok(())
}

pub(crate) fn any_operation() -> impl Strategy<Value = Operation> {
    proptest::sample::select(Operation::ALL.to_vec())
}

pub(crate) fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,8}".prop_map(Json::String),
        "[A-Za-z0-9+/]{0,8}={0,2}".prop_map(Json::String),
        "[a-z]{1,4}".prop_map(Json::String),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Json::Array),
            vec((proptest::sample::select(&NAMES[..]), inner), 0..6).prop_map(|members| {
                Json::Object(
                    members
                        .into_iter()
                        .map(|(k, v)| (k.to_owned(), v))
                        .collect(),
                )
            }),
        ]
    })
}

/// A member of a put as a client might write it: mostly right, sometimes not.
fn put_member() -> impl Strategy<Value = String> {
    let text = |name: &'static str, values: &'static [&'static str]| {
        proptest::sample::select(values).prop_map(move |value| format!(r#""{name}":{value}"#))
    };
    prop_oneof![
        text(
            "StreamName",
            &[
                r#""a""#,
                r#""a_b.c-D""#,
                r#""a b""#,
                r#""""#,
                "null",
                "1",
                r#""\u0061""#
            ]
        ),
        text(
            "StreamARN",
            &[
                r#""arn:aws:kinesis:r:123456789012:stream/x""#,
                "null",
                r#""arn""#
            ]
        ),
        text(
            "StreamId",
            &[r#""aaaaaaaaaaaaaaaaaaaa-bbb""#, r#""x""#, "null"]
        ),
        text("DryRun", &["true", "false", "null", r#""true""#]),
        text("Unknown", &["1", "[[]]", r#"{"a":"b"}"#]),
        text(
            "SequenceNumberForOrdering",
            &[r#""0""#, r#""123""#, r#""01""#, "null"]
        ),
    ]
}

fn entry_member() -> impl Strategy<Value = String> {
    let text = |name: &'static str, values: &'static [&'static str]| {
        proptest::sample::select(values).prop_map(move |value| format!(r#""{name}":{value}"#))
    };
    prop_oneof![
        3 => "[A-Za-z0-9+/]{0,12}={0,2}".prop_map(|data| format!(r#""Data":"{data}""#)),
        3 => vec(any::<u8>(), 0..40).prop_map(|data| {
            format!(r#""Data":"{}""#, base64_simd::STANDARD.encode_to_string(data))
        }),
        1 => text("Data", &["null", "5", r#""aGVs\nbG8=""#, r#""\u0061GVsbG8=""#, r#""a\/b+""#]),
        4 => ".{0,5}".prop_map(|key| format!(r#""PartitionKey":{}"#, Json::String(key))),
        1 => text("PartitionKey", &["null", "5", r#""""#, r#""\ud83d\ude00""#, r#""\ud83d""#]),
        1 => text("ExplicitHashKey", &[r#""0""#, r#""17""#, r#""-1""#, r#""007""#, "null", "3"]),
        1 => (37_usize..42).prop_map(|digits| format!(r#""ExplicitHashKey":"{}""#, "9".repeat(digits))),
    ]
}

fn object(members: &[String]) -> String {
    format!("{{{}}}", members.join(" , "))
}

fn put_record() -> impl Strategy<Value = (Operation, String)> {
    (vec(put_member(), 0..4), vec(entry_member(), 0..5)).prop_map(|(mut members, entry)| {
        members.extend(entry);
        (Operation::PutRecord, object(&members))
    })
}

fn put_records() -> impl Strategy<Value = (Operation, String)> {
    let entry = prop_oneof![9 => vec(entry_member(), 0..5).prop_map(|m| object(&m)), 1 => Just("null".to_owned())];
    let several = prop_oneof![8 => Just(1_usize), 1 => Just(100), 1 => Just(251)];
    (vec(put_member(), 0..4), vec(entry, 0..3), several).prop_map(
        |(mut members, entries, times)| {
            let all: Vec<String> = entries
                .iter()
                .cycle()
                .take(entries.len() * times)
                .cloned()
                .collect();
            members.insert(
                members.len() / 2,
                format!(r#""Records":[{}]"#, all.join(",")),
            );
            (Operation::PutRecords, object(&members))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_get_an_answer(operation in any_operation(), body in vec(any::<u8>(), 0..200)) {
        if let Err(fault) = decode_request(operation, Format::Json, &body) {
            check_fault(&fault)?;
        }
    }

    #[test]
    fn any_json_gets_an_answer(operation in any_operation(), body in any_json()) {
        if let Err(fault) = decode_request(operation, Format::Json, body.to_string().as_bytes()) {
            check_fault(&fault)?;
        }
    }

    #[test]
    fn any_spoilt_sample_gets_an_answer(
        which in 0..SAMPLES.len(), place in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<bool>(),
    ) {
        let (operation, body) = SAMPLES[which];
        let mut body = body.as_bytes().to_vec();
        let place = place.index(body.len());
        if cut { body.truncate(place) } else { body[place] = with }
        let both = (decode_request(operation, Format::Json, &body), decode_by_model(operation, Format::Json, &body));
        prop_assert_eq!(&both.0, &both.1);
        if let Err(fault) = both.0 {
            check_fault(&fault)?;
        }
    }

    #[test]
    fn both_ways_in_agree((operation, body) in prop_oneof![put_record(), put_records()]) {
        let short = decode_request(operation, Format::Json, body.as_bytes());
        let general = decode_by_model(operation, Format::Json, body.as_bytes());
        prop_assert_eq!(short, general, "{}", body);
    }
}

/// The property above is worth something only when the short way is really taken.
#[test]
fn the_short_way_is_taken_by_ordinary_puts() {
    for (operation, body) in SAMPLES {
        match operation {
            Operation::PutRecord => assert!(crate::fast::put_record(body.as_bytes()).is_some()),
            Operation::PutRecords => assert!(crate::fast::put_records(body.as_bytes()).is_some()),
            _ => {}
        }
    }
}

/// What the short way ignored it would not judge: a body is text throughout, also in members that mean nothing.
#[test]
fn the_short_way_ignores_nothing() {
    let good = r#"{"StreamName":"s","Data":"","PartitionKey":"k"}"#;
    let with = |member: &[u8]| [b"{", member, b",", &good.as_bytes()[1..]].concat();
    let unknown = with(br#""Unknown":"x""#);
    assert!(crate::fast::put_record(good.as_bytes()).is_some());
    assert!(crate::fast::put_record(&unknown).is_none());
    let of_batch = |entry: &[u8], more: &[u8]| {
        [br#"{"StreamName":"s","Records":["#, entry, b"]", more, b"}"].concat()
    };
    let entry = br#"{"Data":"","PartitionKey":"k"}"#;
    let odd_entry = br#"{"Data":"","PartitionKey":"k","Unknown":1}"#;
    assert!(crate::fast::put_records(&of_batch(entry, b"")).is_some());
    assert!(crate::fast::put_records(&of_batch(odd_entry, b"")).is_none());
    assert!(crate::fast::put_records(&of_batch(entry, br#","Unknown":1"#)).is_none());

    let decode = |operation, body: &[u8]| decode_request(operation, Format::Json, body);
    assert!(decode(Operation::PutRecord, &unknown).is_ok());
    assert!(decode(Operation::PutRecords, &of_batch(odd_entry, b"")).is_ok());
    let not_text = with(b"\"Unknown\":\"4\xac2\"");
    for operation in [Operation::PutRecord, Operation::ListStreams] {
        let refused = decode(operation, &not_text);
        assert_eq!(refused, Err(Fault::not_an_object()), "{operation:?}");
    }
}

/// A member that the short way did not know would send ordinary puts the long way; one of the wrong type it refuses.
#[test]
fn the_short_way_knows_every_member() {
    let model = Model::get();
    let names = |structure: &Structure| -> Vec<String> {
        structure
            .members
            .iter()
            .map(|member| member.name.clone())
            .collect()
    };
    let put = |more: &str| {
        let body = format!(r#"{{{more}"StreamName":"s","Data":"","PartitionKey":"k"}}"#);
        crate::fast::put_record(body.as_bytes()).is_some()
    };
    let puts = |more: &str, of_entry: &str| {
        let entry = format!(r#"{{{of_entry}"Data":"","PartitionKey":"k"}}"#);
        let body = format!(r#"{{{more}"StreamName":"s","Records":[{entry}]}}"#);
        crate::fast::put_records(body.as_bytes()).is_some()
    };
    // No member is a structure.
    let wrong = |name: &str| format!(r#""{name}":{{}},"#);
    let absent = |name: &str| format!(r#""{name}":null,"#);
    let in_every_body = ["StreamName", "Data", "PartitionKey", "Records"];
    let is_optional = |name: &str| !in_every_body.contains(&name);
    for name in names(model.input(Operation::PutRecord)) {
        assert!(!put(&wrong(&name)), "{name}");
        assert_eq!(put(&absent(&name)), is_optional(&name), "{name}");
    }
    let input = model.input(Operation::PutRecords);
    for name in names(input) {
        assert!(!puts(&wrong(&name), ""), "{name}");
        assert_eq!(puts(&absent(&name), ""), is_optional(&name), "{name}");
    }
    let records = input
        .place("Records")
        .expect("a member in the committed model");
    let Kind::List(entry) = model.shape(input.members[records].shape).kind else {
        panic!("a list in the committed model")
    };
    let Kind::Structure(entry) = &model.shape(entry).kind else {
        panic!("a structure in the committed model")
    };
    for name in names(entry) {
        assert!(!puts("", &wrong(&name)), "{name}");
        assert_eq!(puts("", &absent(&name)), is_optional(&name), "{name}");
    }
}
