//! Requests that are made to hurt: no panic, no recursion, a small answer, AWS's error.

use serde_json::json;

use super::decode_request;
use super::decode_test::{refused, with};
use super::samples::SAMPLES;
use crate::fault::{Fault, FaultKind};
use crate::format::Format;
use crate::model::Model;
use crate::operation::Operation;

#[test]
fn bodies_that_are_no_object() {
    let odd: [&[u8]; 17] = [
        b"",
        b" ",
        b"null",
        b"1",
        b"true",
        b"\"a\"",
        b"[]",
        b"[{}]",
        b"{",
        b"{}}",
        b"{}{}",
        b"{\"a\"}",
        b"{\"StreamName\":\"\xff\"}",
        b"{\"StreamName\":\"\\ud800\"}",
        b"{'a':1}",
        b"{\"StreamName\":01}",
        b"\xef\xbb\xbf{}",
    ];
    for (operation, _) in SAMPLES {
        for body in odd {
            // A string without a pair of surrogates is only seen where the string is read.
            let named = Model::get().input(*operation).place("StreamName").is_some();
            match decode_request(*operation, Format::Json, body) {
                Err(fault) if named => assert_eq!(fault, Fault::not_an_object(), "{body:?}"),
                Err(_) => {}
                Ok(request) => {
                    assert!(!named && body.contains(&b'\\'), "{body:?} gave {request:?}");
                }
            }
        }
    }
}

#[test]
fn deep_json_is_skipped_or_refused_without_recursion() {
    const DEPTH: usize = 100_000;
    let lists = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let maps = format!("{}1{}", r#"{"a":"#.repeat(DEPTH), "}".repeat(DEPTH));
    for deep in [&lists, &maps] {
        for (operation, _) in SAMPLES {
            if let Ok(request) = decode_request(*operation, Format::Json, deep.as_bytes()) {
                assert_eq!(
                    deep, &maps,
                    "a structure whose one member is unknown: {request:?}"
                );
            }
            let unknown = format!(r#"{{"Unknown":{deep}}}"#);
            if let Err(fault) = decode_request(*operation, Format::Json, unknown.as_bytes()) {
                assert_eq!(
                    fault.kind,
                    FaultKind::Validation,
                    "the unknown member is ignored"
                );
            }
            for member in &Model::get().input(*operation).members {
                let body = format!(r#"{{"{}":{deep}}}"#, member.name);
                let fault = decode_request(*operation, Format::Json, body.as_bytes())
                    .expect_err("wrong type");
                assert!(matches!(
                    fault.kind,
                    FaultKind::Serialization | FaultKind::Validation
                ));
            }
        }
    }
    assert_eq!(
        refused(Operation::PutRecord, &"[".repeat(DEPTH)),
        Fault::not_an_object()
    );
    assert_eq!(
        refused(Operation::PutRecord, &r#"{"a":"#.repeat(DEPTH)),
        Fault::not_an_object()
    );
}

#[test]
fn very_large_numbers_and_strings() {
    let digits = "9".repeat(1_000_000);
    let text = refused(
        Operation::GetRecords,
        &format!(r#"{{"ShardIterator":"a","Limit":{digits}}}"#),
    );
    assert!(
        text.message
            .expect("a message")
            .contains("Value '2147483647' at 'limit'")
    );
    let body = format!(r#"{{"ShardId":"s","ShardIteratorType":"LATEST","Timestamp":{digits}}}"#);
    assert!(decode_request(Operation::GetShardIterator, Format::Json, body.as_bytes()).is_ok());
    let key = "k".repeat(5_000_000);
    let fault = refused(
        Operation::PutRecord,
        &with(Operation::PutRecord, "PartitionKey", json!(key)),
    );
    assert!(
        fault.body(Format::Json).len() < 10_000,
        "an answer stays small"
    );
    let fault = refused(
        Operation::PutRecord,
        &with(Operation::PutRecord, "StreamName", json!(key)),
    );
    assert_eq!(fault.kind, FaultKind::Validation);
}
