//! Frames byte by byte, and what is read back from them however they arrive.

use ana_types::{HashKey, HashRange, Position, SequenceNumber, ShardIndex, StoredRecord};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{FRAME_BYTES_MAX, Frame, FrameError, Reader, event, exception, initial_response};
use crate::fault::{Fault, FaultKind};
use crate::shapes::{ChildShard, SubscribeToShardEvent};

/// Measured against boto3 and the AWS SDK for JavaScript.
const INITIAL_RESPONSE_HEX: &str = "0000007200000060ab820d9e\
    0d3a6d6573736167652d747970650700056576656e74\
    0b3a6576656e742d74797065070010696e697469616c2d726573706f6e7365\
    0d3a636f6e74656e742d7479706507001a6170706c69636174696f6e2f782d616d7a2d6a736f6e2d312e31\
    7b7de16e66e4";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sequence(position: u64) -> SequenceNumber {
    SequenceNumber {
        created_s: 1_542_776_258,
        shard: ShardIndex(6),
        position: Position(position),
        time_s: 1_545_084_650,
    }
}

fn shard_event(data: Vec<Vec<u8>>) -> SubscribeToShardEvent {
    let records = data.into_iter().map(|data| StoredRecord {
        sequence: sequence(7),
        arrival_ms: 1_545_084_650_987,
        partition_key: Bytes::from_static(b"key"),
        data: Bytes::from(data),
        encrypted: false,
    });
    SubscribeToShardEvent {
        records: records.collect(),
        continuation: Some(sequence(7)),
        millis_behind_latest: 5,
        child_shards: vec![],
    }
}

/// Every frame of an answer that arrives in one piece.
fn read_all(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut reader = Reader::new();
    reader.push(bytes);
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        frames.push(frame);
    }
    assert!(reader.is_between_frames());
    Ok(frames)
}

fn read_one(bytes: &[u8]) -> Frame {
    let frames = read_all(bytes).expect("our own frame");
    assert_eq!(frames.len(), 1);
    frames.into_iter().next().expect("one frame")
}

/// Where each header stands: AWS's order is part of the contract.
fn header_names(frame: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(frame);
    let mut places: Vec<(usize, &str)> = [
        ":message-type",
        ":event-type",
        ":exception-type",
        ":content-type",
        ":error-code",
        ":error-message",
    ]
    .into_iter()
    .filter_map(|name| text.find(name).map(|at| (at, name)))
    .collect();
    places.sort_unstable();
    places
        .into_iter()
        .map(|(_, name)| name.to_owned())
        .collect()
}

#[test]
fn the_initial_response_is_the_measured_one() {
    let wanted: String = INITIAL_RESPONSE_HEX.split_whitespace().collect();
    assert_eq!(hex(&initial_response()), wanted);
    assert_eq!(read_one(&initial_response()), Frame::InitialResponse);
}

#[test]
fn an_event_says_what_get_records_would_say() {
    let frame = event(&shard_event(vec![b"hello".to_vec(), vec![]]));
    assert_eq!(
        header_names(&frame),
        [":message-type", ":event-type", ":content-type"]
    );
    let Frame::Event { kind, payload } = read_one(&frame) else {
        panic!("an event");
    };
    assert_eq!(kind, "SubscribeToShardEvent");
    let record = |data: &str| {
        json!({
            "SequenceNumber": sequence(7).to_string(),
            "ApproximateArrivalTimestamp": 1_545_084_650.987,
            "Data": data,
            "PartitionKey": "key",
        })
    };
    assert_eq!(
        serde_json::from_slice::<Json>(&payload).expect("JSON"),
        json!({
            "Records": [record("aGVsbG8="), record("")],
            "ContinuationSequenceNumber": sequence(7).to_string(),
            "MillisBehindLatest": 5,
        })
    );
}

#[test]
fn the_end_of_a_shard_names_the_children_and_no_continuation() {
    let mut last = shard_event(vec![]);
    last.continuation = None;
    last.child_shards = vec![ChildShard {
        shard: ShardIndex(7),
        parents: vec![ShardIndex(6)],
        range: HashRange {
            start: HashKey(0),
            end: HashKey(9),
        },
    }];
    let Frame::Event { payload, .. } = read_one(&event(&last)) else {
        panic!("an event");
    };
    assert_eq!(
        serde_json::from_slice::<Json>(&payload).expect("JSON"),
        json!({
            "Records": [],
            "MillisBehindLatest": 5,
            "ChildShards": [{
                "ShardId": "shardId-000000000007",
                "ParentShards": ["shardId-000000000006"],
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "9" },
            }],
        })
    );
}

#[test]
fn modelled_faults_are_exceptions_and_others_errors() {
    let modelled = [
        (FaultKind::ResourceInUse, "ResourceInUseException"),
        (FaultKind::ResourceNotFound, "ResourceNotFoundException"),
        (FaultKind::InternalFailure, "InternalFailureException"),
        (FaultKind::KmsOptInRequired, "KMSOptInRequired"),
        (FaultKind::KmsDisabled, "KMSDisabledException"),
    ];
    for (fault, kind) in modelled {
        let frame = exception(&Fault::new(fault, "a \"b\""));
        assert_eq!(
            header_names(&frame),
            [":message-type", ":exception-type", ":content-type"]
        );
        let wanted = Frame::Exception {
            kind: kind.to_owned(),
            message: Some("a \"b\"".to_owned()),
        };
        assert_eq!(read_one(&frame), wanted);
        assert!(
            frame
                .windows(19)
                .any(|part| part == br#"{"message":"a \"b\""#.as_slice())
        );
    }
    let frame = exception(&Fault::unavailable());
    assert_eq!(
        header_names(&frame),
        [":message-type", ":error-code", ":error-message"]
    );
    let wanted = Frame::Error {
        code: "ServiceUnavailable".to_owned(),
        message: Fault::unavailable().message,
    };
    assert_eq!(read_one(&frame), wanted);
    // A text longer than a header may be is cut.
    let frame = exception(&Fault::new(
        FaultKind::Throttling,
        "\u{1f600}".repeat(100_000),
    ));
    assert!(matches!(read_one(&frame), Frame::Error { .. }));
}

#[test]
fn frames_that_are_not_to_be_read() {
    let length = |bytes: usize| FrameError::Length {
        bytes: u32::try_from(bytes).expect("a small length"),
    };
    let announced = |total: usize, headers: u32| {
        let total = u32::try_from(total).expect("a small length");
        [total.to_be_bytes(), headers.to_be_bytes()].concat()
    };
    // Refused as soon as it is announced, long before it could have arrived.
    for total in [0, 1, 15, FRAME_BYTES_MAX + 1] {
        assert_eq!(read_all(&announced(total, 0)), Err(length(total)));
    }
    let mut reader = Reader::new();
    reader.push(&announced(FRAME_BYTES_MAX, 128 * 1024));
    assert_eq!(reader.next_frame(), Ok(None), "the largest is waited for");
    let many_headers = read_all(&announced(FRAME_BYTES_MAX, 128 * 1024 + 1));
    assert!(matches!(many_headers, Err(FrameError::Damaged { .. })));
    let mut damaged = initial_response().to_vec();
    damaged[112] ^= 1;
    assert!(matches!(
        read_all(&damaged),
        Err(FrameError::Damaged { .. })
    ));
    let mut reader = Reader::new();
    reader.push(&damaged);
    let first = reader.next_frame();
    assert_eq!(reader.next_frame(), first, "asked again, it says the same");
    // Sound frames that say nothing known: no headers at all, and another message type.
    let foreign = super::frame(&[], Bytes::new());
    assert!(matches!(
        read_all(&foreign),
        Err(FrameError::Unknown { message_type: None })
    ));
    let foreign = super::frame(&[(":message-type", "ping")], Bytes::new());
    assert!(matches!(
        read_all(&foreign),
        Err(FrameError::Unknown {
            message_type: Some(_)
        })
    ));
    let twice = [(":message-type", "event"), (":message-type", "event")];
    let twice = super::frame(&twice, Bytes::new());
    assert!(matches!(read_all(&twice), Err(FrameError::Damaged { .. })));
}

proptest! {
    #[test]
    fn frames_come_back_however_they_are_cut(
        events in vec(vec(vec(any::<u8>(), 0..50), 0..3), 0..4), cuts in vec(1_usize..200, 1..20),
    ) {
        let mut answer = initial_response().to_vec();
        for data in &events {
            answer.extend_from_slice(&event(&shard_event(data.clone())));
        }
        answer.extend_from_slice(&exception(&Fault::new(FaultKind::ResourceInUse, "over")));
        let whole = read_all(&answer).expect("our own frames");
        prop_assert_eq!(whole.len(), events.len() + 2);
        let mut reader = Reader::new();
        let mut frames = Vec::new();
        let (mut rest, mut cuts) = (answer.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at((*cuts.next().expect("endless")).min(rest.len()));
            reader.push(piece);
            while let Some(frame) = reader.next_frame().expect("our own frames") {
                frames.push(frame);
            }
            rest = behind;
        }
        prop_assert!(reader.is_between_frames());
        prop_assert_eq!(frames, whole);
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in vec(any::<u8>(), 0..300)) {
        let mut reader = Reader::new();
        reader.push(&bytes);
        while let Ok(Some(_)) = reader.next_frame() {}
    }

    #[test]
    fn no_single_changed_byte_passes(place in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut frame = event(&shard_event(vec![b"hello".to_vec()])).to_vec();
        let place = place.index(frame.len());
        prop_assume!(frame[place] != with);
        frame[place] = with;
        let mut reader = Reader::new();
        reader.push(&frame);
        prop_assert!(!matches!(reader.next_frame(), Ok(Some(_))), "a checksum covers every byte");
    }
}
