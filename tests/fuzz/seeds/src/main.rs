//! Writes the committed seeds: `cargo run --release -p ana-fuzz-seeds` in `tests/fuzz`, after operations were added or formats changed.
//!
//! A file has the name of what it shows. Seeds only save time: what a target then finds on its own is not committed.

use std::fs;
use std::path::Path;

use ana_types::{
    IteratorKind, Position, SequenceNumber, ShardIndex, StoredRecord, StreamKey, StreamName,
};
use ana_wire::event_stream::{event, exception, initial_response};
use ana_wire::iterator::{Secret, ShardIterator};
use ana_wire::token::{NextPage, PageFilter};
use ana_wire::{Fault, FaultKind, Operation, SubscribeToShardEvent};
use bytes::Bytes;
use minicbor::Encoder;
use minicbor::data::IanaTag;
use serde_json::Value as Json;

mod operation {
    pub(crate) use ana_wire::Operation;
}
/// One good request per operation.
#[path = "../../../../crates/ana-wire/src/decode/samples.rs"]
mod samples;

const SECRET: Secret = [7; 32];
const NOW_MS: u64 = 1_795_309_323_456;
const NO_ERROR: &str = "writing to memory cannot fail";

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let targets = [
        ("json", json()),
        ("cbor", cbor()),
        ("event_stream", event_stream()),
        ("iterator", iterator()),
    ];
    for (target, seeds) in targets {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}

type Seeds = Vec<(String, Vec<u8>)>;

/// An input of the targets `json` and `cbor`.
fn input(operation: Operation, body: &[u8]) -> Vec<u8> {
    let place = Operation::ALL
        .iter()
        .position(|of| *of == operation)
        .expect("ALL has all");
    let first = u8::try_from(place).expect("fewer than 256 operations");
    [&[first], body].concat()
}

fn json() -> Seeds {
    let samples = samples::SAMPLES.iter();
    let mut seeds: Seeds = samples
        .map(|(operation, body)| {
            (
                operation.name().to_owned(),
                input(*operation, body.as_bytes()),
            )
        })
        .collect();
    let odd = [
        (
            "escapes",
            r#"{"StreamName":"\u0061","Data":"\u0061GVsbG8=","PartitionKey":"\ud83d\ude00\n"}"#,
        ),
        (
            "lone_surrogate",
            r#"{"StreamName":"a","Data":"","PartitionKey":"\ud83d"}"#,
        ),
        (
            "bad_base64",
            r#"{"StreamName":"a","Data":"aGVs*G8=","PartitionKey":"a"}"#,
        ),
        (
            "nulls",
            r#"{"StreamName":null,"Data":null,"PartitionKey":null,"Zzz":[[{"a":[]}]]}"#,
        ),
        (
            "wrong_types",
            r#"{"StreamName":1,"Data":[],"PartitionKey":{},"ExplicitHashKey":true}"#,
        ),
        (
            "twice",
            r#"{"StreamName":"a","StreamName":"b","Data":"","PartitionKey":"k"}"#,
        ),
        ("trailing", "{} x"),
        ("open", r#"{"StreamName":"#),
    ];
    seeds.extend(odd.map(|(name, body)| {
        (
            name.to_owned(),
            input(Operation::PutRecord, body.as_bytes()),
        )
    }));
    let numbers =
        r#"{"StreamName":"a","ShardCount":-1.5e3,"MaxRecordSizeInKiB":99999999999999999999e-4}"#;
    seeds.push((
        "numbers".to_owned(),
        input(Operation::CreateStream, numbers.as_bytes()),
    ));
    let not_text =
        b"{\"StreamName\":\"a\",\"Data\":\"\",\"PartitionKey\":\"k\",\"Unknown\":\"4\xac2\"}";
    seeds.push((
        "not_text_where_it_is_ignored".to_owned(),
        input(Operation::PutRecord, not_text),
    ));
    seeds
}

fn cbor() -> Seeds {
    let mut seeds = Seeds::new();
    for (operation, body) in samples::SAMPLES {
        let body: Json = serde_json::from_str(body).expect("samples are JSON");
        for (form, indefinite) in [("definite", false), ("indefinite", true)] {
            let mut out = Encoder::new(Vec::new());
            write(&mut out, &body, "", indefinite);
            let name = format!("{}_{form}", operation.name());
            seeds.push((name, input(*operation, &out.into_writer())));
        }
    }
    let odd: [(&str, &[u8]); 10] = [
        ("empty_map", b"\xa0"),
        (
            "huge_text",
            b"\xa1\x6aStreamName\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
        ),
        ("huge_map", b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff"),
        (
            "huge_list",
            b"\xa1\x67Records\x9b\x80\x00\x00\x00\x00\x00\x00\x00",
        ),
        (
            "deep_lists",
            b"\xa1\x63Zzz\x81\x81\x81\x81\x9f\x9f\x9f\xff\xff\xff",
        ),
        ("tags", b"\xd9\xd9\xf7\xa1\x6aStreamName\xc1\xc1\x61a"),
        (
            "floats",
            b"\xa2\x65Limit\xf9\x3c\x00\x64Zzzz\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00",
        ),
        (
            "wrong_types",
            b"\xa3\x6aStreamName\x41a\x64Data\x61a\x6cPartitionKey\x80",
        ),
        ("simple", b"\xa1\x63Zzz\xf8\xff"),
        ("number_keys", b"\xbf\x01\x02\x20\xf7\x41a\xf6\xff"),
    ];
    seeds.extend(odd.map(|(name, body)| (name.to_owned(), input(Operation::PutRecord, body))));
    seeds
}

/// As the AWS SDK for Java writes it: blobs as bytes, times as milliseconds under tag 1.
fn write(out: &mut Encoder<Vec<u8>>, json: &Json, member: &str, indefinite: bool) {
    match json {
        Json::Null => drop(out.null().expect(NO_ERROR)),
        Json::Bool(flag) => drop(out.bool(*flag).expect(NO_ERROR)),
        Json::Number(number) if member.ends_with("Timestamp") => {
            let seconds = number.as_f64().expect("a time");
            let at_ms = (seconds * 1000.0).round() as i64;
            out.tag(IanaTag::Timestamp)
                .and_then(|out| out.i64(at_ms))
                .expect(NO_ERROR);
        }
        Json::Number(number) => drop(out.i64(number.as_i64().expect("whole")).expect(NO_ERROR)),
        Json::String(text) if member == "Data" => {
            let bytes = base64_simd::STANDARD.decode_to_vec(text).expect("base64");
            out.bytes(&bytes).expect(NO_ERROR);
        }
        Json::String(text) => drop(out.str(text).expect(NO_ERROR)),
        Json::Array(items) => {
            if indefinite {
                out.begin_array().expect(NO_ERROR);
            } else {
                out.array(items.len() as u64).expect(NO_ERROR);
            }
            for item in items {
                write(out, item, "", indefinite);
            }
            if indefinite {
                out.end().expect(NO_ERROR);
            }
        }
        Json::Object(members) => {
            if indefinite {
                out.begin_map().expect(NO_ERROR);
            } else {
                out.map(members.len() as u64).expect(NO_ERROR);
            }
            for (name, value) in members {
                out.str(name).expect(NO_ERROR);
                write(out, value, name, indefinite);
            }
            if indefinite {
                out.end().expect(NO_ERROR);
            }
        }
    }
}

fn sequence(position: u64) -> SequenceNumber {
    SequenceNumber {
        created_s: 1_542_776_258,
        shard: ShardIndex(6),
        position: Position(position),
        time_s: 1_545_084_650,
    }
}

fn event_stream() -> Seeds {
    let shard_event = |data: &[&'static [u8]]| SubscribeToShardEvent {
        records: data
            .iter()
            .map(|data| StoredRecord {
                sequence: sequence(7),
                arrival_ms: 1_545_084_650_987,
                partition_key: Bytes::from_static(b"key"),
                data: Bytes::from_static(data),
                encrypted: false,
            })
            .collect(),
        continuation: Some(sequence(7)),
        millis_behind_latest: 5,
        child_shards: vec![],
    };
    let frames = [
        ("initial_response", initial_response()),
        ("idle_event", event(&shard_event(&[]))),
        ("event", event(&shard_event(&[b"hello", b""]))),
        (
            "exception",
            exception(&Fault::new(FaultKind::ResourceInUse, "taken over")),
        ),
        ("error", exception(&Fault::unavailable())),
    ];
    let all: Vec<u8> = frames
        .iter()
        .flat_map(|(_, frame)| frame.to_vec())
        .collect();
    let mut seeds = Seeds::new();
    for (pieces, first) in [("whole", 0xfe), ("by_byte", 0), ("by_20_bytes", 38)] {
        seeds.push((
            format!("answer_{pieces}"),
            [&[first], all.as_slice()].concat(),
        ));
    }
    for (name, frame) in &frames {
        seeds.push((format!("{name}_frame"), [&[0xfe], frame.as_ref()].concat()));
        // Without lengths and checksums: the target puts them there.
        let content = &frame[12..frame.len() - 4];
        seeds.push((
            format!("{name}_content"),
            [&[0xff], &frame[6..8], content].concat(),
        ));
    }
    // A header of every type of value, and odd ones.
    let headers: [(&str, &[u8]); 6] = [
        (
            "types",
            b"\x01a\x00\x01b\x01\x01c\x02\x07\x01d\x03\x00\x07\x01e\x04\x00\x00\x00\x07",
        ),
        (
            "long_types",
            b"\x01f\x05\x00\x00\x00\x00\x00\x00\x00\x07\x01g\x08\x00\x00\x00\x00\x00\x00\x00\x07",
        ),
        (
            "bytes_and_uuid",
            b"\x01h\x06\x00\x02ab\x01i\x090123456789abcdef",
        ),
        (
            "event_type_twice",
            b"\x0b:event-type\x07\x00\x01a\x0b:event-type\x07\x00\x01b",
        ),
        ("number_for_text", b"\x0d:message-type\x04\x00\x00\x00\x07"),
        ("unknown_type_of_value", b"\x01a\x0a"),
    ];
    for (name, headers) in headers {
        let length = u16::try_from(headers.len()).expect("short").to_be_bytes();
        seeds.push((
            format!("headers_{name}"),
            [&[0xff], length.as_slice(), headers, b"{}"].concat(),
        ));
    }
    seeds
}

fn iterator() -> Seeds {
    let mut seeds = Seeds::new();
    let kinds = [
        ("handed_on", None),
        ("at_sequence", Some(IteratorKind::AtSequenceNumber)),
        ("after_sequence", Some(IteratorKind::AfterSequenceNumber)),
        ("trim_horizon", Some(IteratorKind::TrimHorizon)),
        ("latest", Some(IteratorKind::Latest)),
        ("at_timestamp", Some(IteratorKind::AtTimestamp)),
    ];
    for (name, kind) in kinds {
        let iterator = ShardIterator {
            stream: StreamKey(9),
            shard: ShardIndex(3),
            position: Position(77),
            issued_ms: NOW_MS,
            kind,
        };
        let text = iterator.seal(&SECRET, &[3; 24]);
        seeds.push((
            format!("{name}_in_quotes"),
            format!("\"{text}\"").into_bytes(),
        ));
        seeds.push((name.to_owned(), text.into_bytes()));
        let old = ShardIterator {
            issued_ms: 0,
            ..iterator
        };
        seeds.push((
            format!("{name}_expired"),
            old.seal(&SECRET, &[4; 24]).into_bytes(),
        ));
    }
    let filters = [
        ("from_trim_horizon", PageFilter::FromTrimHorizon),
        ("at_trim_horizon", PageFilter::AtTrimHorizon),
        ("at_latest", PageFilter::AtLatest),
        ("at_timestamp", PageFilter::AtTimestamp(5)),
        ("from_timestamp", PageFilter::FromTimestamp(u64::MAX)),
    ];
    for (name, filter) in filters {
        let page = NextPage::Shards {
            stream: StreamKey(9),
            after: ShardIndex(3),
            filter,
        };
        seeds.push((
            format!("shards_{name}"),
            page.seal(&SECRET, &[5; 24], NOW_MS).into_bytes(),
        ));
    }
    let after = StreamName::new("clicks").expect("a legal name");
    let page = NextPage::Streams { after };
    seeds.push((
        "streams".to_owned(),
        page.seal(&SECRET, &[6; 24], NOW_MS).into_bytes(),
    ));
    seeds.push(("no_base64".to_owned(), b"not base64".to_vec()));
    let numbers: Vec<u8> = (0..64).collect();
    seeds.push((
        "to_be_sealed".to_owned(),
        [numbers.as_slice(), b"clicks"].concat(),
    ));
    seeds.push(("to_be_sealed_without_name".to_owned(), vec![0xff; 64]));
    seeds
}
