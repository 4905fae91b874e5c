//! What lies on disk and travels between nodes.

use ana_types::record::codec::{self, CodecError};
use ana_types::{
    IteratorKind, KinesisError, Position, Record, SequenceNumber, ShardIndex, StreamMode,
    StreamName, StreamStatus,
};
use bytes::Bytes;
use proptest::prelude::*;

fn record(key: &str, data: &[u8]) -> Record {
    Record {
        partition_key: Bytes::copy_from_slice(key.as_bytes()),
        data: Bytes::copy_from_slice(data),
        encrypted: false,
    }
}

fn encrypted(record: Record) -> Record {
    Record {
        encrypted: true,
        ..record
    }
}

#[test]
fn the_layout_of_a_sub_batch_is_fixed() {
    let mut body = Vec::new();
    codec::encode_into(&mut body, &record("key", b"data"));
    codec::encode_into(&mut body, &record("", b""));
    codec::encode_into(&mut body, &encrypted(record("k", b"")));
    assert_eq!(
        body,
        b"\x00\x03\x00\x00\x00\x04keydata\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00k"
    );
    let decoded: Result<Vec<Record>, CodecError> = codec::decode(body.into()).collect();
    let put = [
        record("key", b"data"),
        record("", b""),
        encrypted(record("k", b"")),
    ];
    assert_eq!(decoded, Ok(put.to_vec()));
    assert_eq!(codec::decode(Bytes::new()).count(), 0);
}

#[test]
fn decoding_copies_nothing() {
    let mut body = Vec::new();
    codec::encode_into(&mut body, &record("key", b"data"));
    let body = Bytes::from(body);
    let start = body.as_ptr();
    let decoded = codec::decode(body).next().expect("one").expect("whole");
    assert_eq!(
        decoded.data.as_ptr(),
        start.wrapping_add(codec::HEADER_BYTES + 3)
    );
}

#[test]
fn a_cut_body_ends_in_one_error() {
    let mut body = Vec::new();
    codec::encode_into(&mut body, &record("k", b"1"));
    let whole = body.len();
    codec::encode_into(&mut body, &record("key", b"data"));
    for cut in whole + 1..body.len() {
        let cut = Bytes::copy_from_slice(&body[..cut]);
        let left = cut.len() - whole;
        let needed = if left < codec::HEADER_BYTES {
            codec::HEADER_BYTES
        } else {
            13
        };
        let decoded: Vec<_> = codec::decode(cut).collect();
        let error = Err(CodecError::Truncated { needed, left });
        assert_eq!(decoded, [Ok(record("k", b"1")), error]);
    }
    let huge = Bytes::from_static(&[0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(codec::decode(huge).filter(Result::is_err).count(), 1);
}

proptest! {
    #[test]
    fn records_survive_a_round_trip(
        records in proptest::collection::vec(
            ("\\PC{0,256}", proptest::collection::vec(any::<u8>(), 0..300), any::<bool>()),
            0..20,
        )
    ) {
        let record_of = |(key, data, encrypted): &(String, Vec<u8>, bool)| Record {
            encrypted: *encrypted,
            ..record(key, data)
        };
        let records: Vec<Record> = records.iter().map(record_of).collect();
        let mut body = Vec::new();
        for record in &records {
            let before = body.len();
            codec::encode_into(&mut body, record);
            prop_assert_eq!(body.len() - before, codec::encoded_len(record));
        }
        let decoded: Result<Vec<Record>, CodecError> = codec::decode(body.into()).collect();
        prop_assert_eq!(decoded, Ok(records));
    }

    #[test]
    fn no_body_makes_decoding_panic(body: Vec<u8>) {
        let errors = codec::decode(body.into()).filter(Result::is_err).count();
        prop_assert!(errors <= 1);
    }
}

#[test]
fn names_are_checked_when_they_are_read() {
    let name: StreamName = postcard::from_bytes(b"\x03abc").expect("a name");
    assert_eq!(postcard::to_allocvec(&name).expect("encodes"), b"\x03abc");
    postcard::from_bytes::<StreamName>(b"\x03a c").expect_err("not a name");
}

#[test]
fn encodings_do_not_change() {
    let sequence = SequenceNumber {
        created_s: 1,
        shard: ShardIndex(2),
        position: Position(300),
        time_s: 4,
    };
    let encode = |value: &dyn Fn() -> postcard::Result<Vec<u8>>| value().expect("encodes");
    assert_eq!(
        encode(&|| postcard::to_allocvec(&sequence)),
        [1, 2, 0xac, 2, 4]
    );
    assert_eq!(
        encode(&|| postcard::to_allocvec(&StreamStatus::Deleting)),
        [3]
    );
    assert_eq!(
        encode(&|| postcard::to_allocvec(&StreamMode::OnDemand)),
        [1]
    );
}

#[test]
fn errors_travel_whole() {
    let stream = StreamName::new("s").expect("a name");
    let errors = [
        KinesisError::StreamNotActive {
            stream: stream.clone(),
            status: StreamStatus::Updating,
        },
        KinesisError::IteratorNeedsSequence {
            kind: IteratorKind::Latest,
            given: true,
        },
        KinesisError::Throughput {
            shard: ShardIndex(9),
            stream,
        },
        KinesisError::Internal { why: "x".into() },
    ];
    for error in errors {
        let bytes = postcard::to_allocvec(&error).expect("encodes");
        assert_eq!(postcard::from_bytes::<KinesisError>(&bytes), Ok(error));
    }
    assert!(
        size_of::<KinesisError>() <= 128,
        "an error is moved about by value"
    );
}
