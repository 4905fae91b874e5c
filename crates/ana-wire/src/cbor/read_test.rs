//! Tables over CBOR's ways to write a value, over wrong types, and over bodies that are made to hurt.

use minicbor::Encoder;
use minicbor::data::Tag;
use serde_json::Value as Json;

use super::read::SKIPPED_DEPTH_MAX;
use super::samples::{Style, request};
use crate::decode::samples::SAMPLES;
use crate::fault::{Fault, FaultKind};
use crate::format::Format;
use crate::model::Model;
use crate::operation::Operation;
use crate::shapes::Request;
use crate::{decode_request, refuse_unknown_operation};

const NO_ERROR: &str = "writing to memory cannot fail";

/// A map of one member whose value is `value`.
fn one_member(name: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    out.map(1).and_then(|out| out.str(name)).expect(NO_ERROR);
    [out.into_writer().as_slice(), value].concat()
}

fn decode(operation: Operation, body: &[u8]) -> Result<Request, Fault> {
    decode_request(operation, Format::Cbor, body)
}

#[test]
fn samples_say_the_same_in_every_style_as_in_json() {
    for (operation, body) in SAMPLES {
        let json: Json = serde_json::from_str(body).expect("samples are JSON");
        let in_json = decode_request(*operation, Format::Json, body.as_bytes());
        assert!(in_json.is_ok(), "{body}");
        for style in [0, u64::MAX, 0x5555_5555_5555_5555, 0x1234_5678_9abc_def0] {
            let in_cbor = request(&json, Model::get().input(*operation), Style(style));
            assert_eq!(decode(*operation, &in_cbor), in_json, "{style:x} {body}");
        }
    }
}

/// The bytes that the AWS SDK for Java 2 sends for a put (Jackson, indefinite map).
#[test]
fn a_put_byte_by_byte() {
    let body = b"\xbf\x6aStreamName\x66clicks\x64Data\x45hello\x6cPartitionKey\x61k\xff";
    let Ok(Request::PutRecord(put)) = decode(Operation::PutRecord, body) else {
        panic!("a good put");
    };
    assert_eq!(put.data, "hello");
    assert_eq!(put.stream.name.as_deref(), Some("clicks"));
    let data = put.data.as_ptr();
    assert!(
        !body.as_ptr_range().contains(&data),
        "the record does not keep the body alive"
    );
}

#[test]
fn times_are_milliseconds_in_every_way_to_write_them() {
    let read = |time: &[u8]| {
        let body = [
            b"\xa3\x67ShardId\x61s\x71ShardIteratorType\x6cAT_TIMESTAMP\x69Timestamp".as_slice(),
            time,
        ];
        match decode(Operation::GetShardIterator, &body.concat()) {
            Ok(Request::GetShardIterator(get)) => Ok(get.timestamp_ms),
            Ok(other) => panic!("{other:?}"),
            Err(fault) => Err(fault.message),
        }
    };
    let at_ms = 1_459_799_926_480_u64;
    let float = |value: f64| [b"\xfb".as_slice(), &value.to_be_bytes()].concat();
    let whole = [b"\x1b".as_slice(), &at_ms.to_be_bytes()].concat();
    let table = [
        (whole.clone(), Some(at_ms)),
        ([b"\xc1".as_slice(), &whole].concat(), Some(at_ms)),
        (
            [b"\xd9\xd9\xf7\xc1\xc1".as_slice(), &whole].concat(),
            Some(at_ms),
        ),
        (float(1_459_799_926_480.0), Some(at_ms)),
        (float(1_459_799_926_479.6), Some(at_ms)),
        (b"\xf9\x3c\x00".to_vec(), Some(1)),
        (b"\xfa\x3f\x80\x00\x00".to_vec(), Some(1)),
        (b"\x20".to_vec(), Some(0)),
        (float(-1e300), Some(0)),
        (float(f64::INFINITY), u64::try_from(i64::MAX).ok()),
        (
            [b"\x1b".as_slice(), &[0xff; 8]].concat(),
            u64::try_from(i64::MAX).ok(),
        ),
        ([b"\x3b".as_slice(), &[0xff; 8]].concat(), Some(0)),
        (b"\xf6".to_vec(), None),
        (b"\xf7".to_vec(), None),
    ];
    for (bytes, time) in table {
        assert_eq!(read(&bytes), Ok(time), "{bytes:x?}");
    }
    let refused = |class: &str| {
        Err(Some(format!(
            "class {class} can not be converted to milliseconds since epoch"
        )))
    };
    assert_eq!(
        read(&float(f64::NAN)),
        refused("com.amazon.coral.value.json.numbers.TruncatingBigNumber")
    );
    assert_eq!(read(b"\xc0\x61x"), refused("java.lang.String"));
}

#[test]
fn integers_are_floored_and_clamped() {
    let limit = |value: &[u8]| {
        let body = [b"\xa2\x6dShardIterator\x61i\x65Limit".as_slice(), value].concat();
        match decode(Operation::GetRecords, &body) {
            Ok(Request::GetRecords(get)) => format!("{:?}", get.limit),
            Ok(other) => panic!("{other:?}"),
            Err(fault) => fault.message.expect("a text"),
        }
    };
    assert_eq!(limit(b"\x07"), "Some(7)");
    assert_eq!(limit(b"\xfa\x40\xf9\x99\x9a"), "Some(7)", "7.8");
    assert_eq!(limit(b"\xf6"), "None");
    for (value, printed) in [
        (
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff".as_slice(),
            "2147483647",
        ),
        (b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff", "-2147483648"),
        (b"\xf9\xfc\x00", "-2147483648"),
        (b"\x38\x63", "-100"),
        (b"\xf9\xb8\x00", "-1"),
    ] {
        let text = limit(value);
        let wanted = format!("Value '{printed}' at 'limit'");
        assert!(text.contains(&wanted), "{value:x?}: {text}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn wrong_types_have_the_texts_of_json() {
    const NUMBER: &str = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
    let number = |wanted: &str| format!("{NUMBER} can not be converted to {wanted}");
    let class =
        |class: &str, wanted: &str| format!("class {class} can not be converted to {wanted}");
    let list = "Start of list found where not expected".to_owned();
    let structure = "Start of structure or map found where not expected.".to_owned();
    let table = [
        (
            Operation::PutRecord,
            "StreamName",
            b"\x01".as_slice(),
            number("an String"),
        ),
        (
            Operation::PutRecord,
            "StreamName",
            b"\x41a",
            class("java.nio.HeapByteBuffer", "an String"),
        ),
        (Operation::PutRecord, "StreamName", b"\x80", list.clone()),
        (
            Operation::PutRecord,
            "StreamName",
            b"\xbf\xff",
            structure.clone(),
        ),
        (
            Operation::PutRecord,
            "Data",
            b"\x61a",
            class("java.lang.String", "a Blob"),
        ),
        (
            Operation::PutRecord,
            "Data",
            b"\xf4",
            class("java.lang.Boolean", "a Blob"),
        ),
        (Operation::PutRecords, "Records", b"\xa0", structure),
        (
            Operation::PutRecords,
            "Records",
            b"\x61a",
            "Expected list or null".to_owned(),
        ),
        (
            Operation::PutRecords,
            "Records",
            b"\x81\x01",
            "Expected null".to_owned(),
        ),
        (Operation::PutRecords, "Records", b"\x81\x80", list.clone()),
        (
            Operation::CreateStream,
            "Tags",
            b"\x01",
            "Expected map or null".to_owned(),
        ),
        (Operation::CreateStream, "Tags", b"\x9f\xff", list),
        (
            Operation::CreateStream,
            "Tags",
            b"\xa1\x01\x61a",
            "Expected map or null".to_owned(),
        ),
        (
            Operation::CreateStream,
            "StreamModeDetails",
            b"\x41a",
            "Expected null".to_owned(),
        ),
        (
            Operation::CreateStream,
            "ShardCount",
            b"\x61a",
            class("java.lang.String", "an Integer"),
        ),
        (
            Operation::DeleteStream,
            "EnforceConsumerDeletion",
            b"\x7f\x61y\x62es\xff",
            "'YES' can not be converted to an Boolean".to_owned(),
        ),
    ];
    for (operation, member, value, text) in table {
        let fault = decode(operation, &one_member(member, value)).expect_err("a wrong type");
        assert_eq!(fault, Fault::serialization(text), "{member} {value:x?}");
    }
}

#[test]
fn the_last_of_a_repeated_member_counts_and_null_is_absent() {
    let body = b"\xa4\x6aStreamName\x61a\x6aStreamName\x61b\x01\x02\x41k\x80";
    let Ok(Request::DeleteStream(delete)) = decode(Operation::DeleteStream, body) else {
        panic!("keys that are no text are unknown members");
    };
    assert_eq!(delete.stream.name.as_deref(), Some("b"));
    let body = b"\xa2\x6aStreamName\x61a\x6aStreamName\xf6";
    let Ok(Request::DeleteStream(delete)) = decode(Operation::DeleteStream, body) else {
        panic!("nothing is required");
    };
    assert_eq!(delete.stream.name, None);
}

#[test]
fn malformed_bodies_have_no_message_even_behind_a_wrong_type() {
    let odd: [&[u8]; 20] = [
        b"",
        b"\xf6",
        b"\x01",
        b"\x61a",
        b"\x80",
        b"\x81\xa0",
        b"\xa1",
        b"\xa1\x61a",
        b"\xbf",
        b"\xbf\x61a\xff",
        b"\xa0\xa0",
        b"\xa0\x00",
        b"\xff",
        b"\xa1\x6aStreamName\x61\xff",
        b"\xa1\x6aStreamName\x7f\x61a\x41a\xff",
        b"\xa1\x6aStreamName\x7f\x61a",
        b"\xa2\x6aStreamName\x01\x61a\x1c",
        b"\xa2\x6aStreamName\x01\x61a",
        b"\xa1\x6aStreamName\xe0",
        b"{}",
    ];
    for body in odd {
        for operation in [Operation::DeleteStream, Operation::PutRecord] {
            assert_eq!(
                decode(operation, body),
                Err(Fault::not_an_object()),
                "{body:x?}"
            );
        }
    }
    for (body, fault) in [
        (b"\xa0".as_slice(), Fault::unknown_operation()),
        (
            b"\xc1\xbf\x61a\x82\x01\x9f\xff\xff",
            Fault::unknown_operation(),
        ),
        (b"\x80", Fault::not_an_object()),
        (b"\xa0\xa0", Fault::not_an_object()),
        (b"\xa1\x61a", Fault::not_an_object()),
    ] {
        assert_eq!(
            refuse_unknown_operation(Format::Cbor, body),
            fault,
            "{body:x?}"
        );
    }
}

#[test]
fn announced_lengths_cost_nothing() {
    let huge: [&[u8]; 4] = [
        &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x80, 0, 0, 0, 0, 0, 0, 0],
        &[0xff; 8],
        &[0, 0, 0, 1, 0, 0, 0, 0],
    ];
    for length in huge {
        // Bytes, text, list, map, as the value of a known and of an unknown member, and as the body.
        for major in [0x5b, 0x7b, 0x9b, 0xbb] {
            let value = [&[major], length].concat();
            for (operation, _) in SAMPLES {
                assert_eq!(decode(*operation, &value), Err(Fault::not_an_object()));
                let names = Model::get().input(*operation).members.iter();
                for name in names.map(|member| member.name.as_str()).chain(["Zzz"]) {
                    let body = one_member(name, &value);
                    assert_eq!(decode(*operation, &body), Err(Fault::not_an_object()));
                }
            }
        }
    }
}

#[test]
fn nesting_is_bounded() {
    const DEPTH: usize = 100_000;
    let nested = |open: &[u8], depth: usize, inner: &[u8], close: &[u8]| {
        [open.repeat(depth), inner.to_vec(), close.repeat(depth)].concat()
    };
    for (open, close) in [
        (b"\x81".as_slice(), b"".as_slice()),
        (b"\x9f", b"\xff"),
        (b"\xa1\x61a", b""),
        (b"\xbf\x61a", b"\xff"),
    ] {
        let unknown = |depth| one_member("Zzz", &nested(open, depth, b"\x01", close));
        assert!(decode(Operation::DeleteStream, &unknown(SKIPPED_DEPTH_MAX)).is_ok());
        for depth in [SKIPPED_DEPTH_MAX + 1, DEPTH] {
            let fault = decode(Operation::DeleteStream, &unknown(depth));
            assert_eq!(fault, Err(Fault::not_an_object()));
        }
        for (operation, _) in SAMPLES {
            for member in &Model::get().input(*operation).members {
                let body = one_member(&member.name, &nested(open, DEPTH, b"\x01", close));
                let fault = decode(*operation, &body).expect_err("too deep");
                assert_eq!(fault.kind, FaultKind::Serialization);
            }
        }
    }
    // Tags may stand before one another without end, and say nothing.
    let mut out = Encoder::new(Vec::new());
    for _ in 0..DEPTH {
        out.tag(Tag::new(1)).expect(NO_ERROR);
    }
    out.str("a").expect(NO_ERROR);
    let body = one_member("StreamName", &out.into_writer());
    assert!(decode(Operation::DeleteStream, &body).is_ok());
}

#[test]
fn a_refusal_in_cbor_is_a_map() {
    let table = [
        (
            Fault::not_an_object(),
            b"\xbf\x66__type\x76SerializationException\xff".to_vec(),
        ),
        (
            Fault::serialization("m"),
            b"\xbf\x66__type\x76SerializationException\x67Message\x61m\xff".to_vec(),
        ),
        (
            Fault::validation("m"),
            b"\xbf\x66__type\x73ValidationException\x67message\x61m\xff".to_vec(),
        ),
    ];
    for (fault, body) in table {
        assert_eq!(fault.body(Format::Cbor), body);
    }
}
