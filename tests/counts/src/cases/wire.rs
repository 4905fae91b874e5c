//! AWS's JSON to requests, and answers to JSON; iterators.

use ana_types::{IteratorKind, Position, SequenceNumber, ShardIndex, StoredRecord, StreamKey};
use ana_wire::iterator::ShardIterator;
use ana_wire::{
    Format, GetRecordsOutput, Operation, PutRecordsOutput, PutRecordsResultEntry, Response,
    decode_request, encode_response,
};
use bytes::Bytes;

use super::Case;
use crate::measured;

/// Entries of one PutRecords.
const ENTRIES: usize = 500;
/// Payload of each record, bytes.
const RECORD_BYTES: usize = 1024;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "put-record-read",
        units: 1,
        unit: "PutRecord of 1 KiB",
        at_most: 17_500,
        run: put_record_read,
    },
    Case {
        name: "put-records-read",
        units: 500,
        unit: "record of 1 KiB",
        at_most: 10_500,
        run: put_records_read,
    },
    Case {
        name: "put-records-answer",
        units: 500,
        unit: "record",
        at_most: 2400,
        run: put_records_answer,
    },
    Case {
        name: "get-records-answer",
        units: 500,
        unit: "record of 1 KiB",
        at_most: 4600,
        run: get_records_answer,
    },
    Case {
        name: "iterator",
        units: 1,
        unit: "iterator sealed and opened",
        at_most: 23_000,
        run: iterator,
    },
];

/// A PutRecord as an SDK sends it.
pub(super) fn put_record_body(key: usize) -> String {
    let data = base64_simd::STANDARD.encode_to_string([b'x'; RECORD_BYTES]);
    format!(r#"{{"StreamName":"river","Data":"{data}","PartitionKey":"key-{key}"}}"#)
}

/// A PutRecords as an SDK sends it.
pub(super) fn put_records_body(first_key: usize) -> String {
    let data = base64_simd::STANDARD.encode_to_string([b'x'; RECORD_BYTES]);
    let entries: Vec<_> = (first_key..first_key + ENTRIES)
        .map(|key| format!(r#"{{"Data":"{data}","PartitionKey":"key-{key}"}}"#))
        .collect();
    format!(
        r#"{{"StreamName":"river","Records":[{}]}}"#,
        entries.join(",")
    )
}

/// Decodes once outside of what is measured: tables are made by the first request of a process.
fn read(operation: Operation, body: &str) {
    let decode =
        || decode_request(operation, Format::Json, body.as_bytes()).expect("a good request");
    drop(decode());
    drop(measured(decode));
}

fn put_record_read() {
    read(Operation::PutRecord, &put_record_body(7));
}

fn put_records_read() {
    read(Operation::PutRecords, &put_records_body(0));
}

fn sequence(place: usize) -> SequenceNumber {
    let place = u64::try_from(place).expect("a small number");
    SequenceNumber {
        created_s: 1_767_225_600,
        shard: ShardIndex(3),
        position: Position((1_000_000 << 16) + place),
        time_s: 1_767_300_000,
    }
}

fn answer(response: &Response) {
    let encode = || encode_response(Format::Json, response);
    drop(encode());
    drop(measured(encode));
}

fn put_records_answer() {
    let entry = |place| PutRecordsResultEntry {
        shard: ShardIndex(3),
        sequence: sequence(place),
    };
    answer(&Response::PutRecords(PutRecordsOutput {
        records: (0..ENTRIES).map(|place| Ok(entry(place))).collect(),
        encrypted: false,
    }));
}

fn get_records_answer() {
    let record = |place| StoredRecord {
        sequence: sequence(place),
        arrival_ms: 1_767_300_000_123,
        partition_key: Bytes::from(format!("key-{place}")),
        data: Bytes::from_static(&[b'x'; RECORD_BYTES]),
        encrypted: false,
    };
    answer(&Response::GetRecords(GetRecordsOutput {
        records: (0..ENTRIES).map(record).collect(),
        next_shard_iterator: Some("A".repeat(200)),
        millis_behind_latest: 0,
        child_shards: Vec::new(),
    }));
}

fn iterator() {
    let secret = [7; 32];
    let iterator = ShardIterator {
        stream: StreamKey(12),
        shard: ShardIndex(3),
        position: Position(1_000_000 << 16),
        issued_ms: 1_767_300_000_123,
        kind: Some(IteratorKind::TrimHorizon),
    };
    let there_and_back = || {
        let text = iterator.seal(&secret, &[9; 24]);
        ShardIterator::open(&text, &secret, iterator.issued_ms).expect("it was sealed here")
    };
    there_and_back();
    measured(there_and_back);
}
