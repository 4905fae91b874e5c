//! Any text as a shard iterator and as a token of a listing; and true ones with one byte changed.

#![no_main]

use ana_types::{IteratorKind, KinesisError, Position, ShardIndex, StreamKey, StreamName};
use ana_wire::iterator::{Secret, ShardIterator};
use ana_wire::token::{NextPage, PageFilter};
use libfuzzer_sys::fuzz_target;

const SECRET: Secret = [7; 32];

/// All texts of the corpus are opened at this time.
const NOW_MS: u64 = 1_795_309_323_456;

const KINDS: [Option<IteratorKind>; 6] = [
    None,
    Some(IteratorKind::AtSequenceNumber),
    Some(IteratorKind::AfterSequenceNumber),
    Some(IteratorKind::TrimHorizon),
    Some(IteratorKind::Latest),
    Some(IteratorKind::AtTimestamp),
];

fn run(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        open_any(text);
    }
    if let Some((numbers, rest)) = input.split_first_chunk::<64>() {
        seal_and_open(numbers, rest);
    }
}

/// What opens was sealed, so it can be sealed again; what does not open says so in one of two ways.
fn open_any(text: &str) {
    match ShardIterator::open(text, &SECRET, NOW_MS) {
        Ok(iterator) => {
            let again = iterator.seal(&SECRET, &[1; 24]);
            assert_eq!(ShardIterator::open(&again, &SECRET, NOW_MS), Ok(iterator));
        }
        Err(KinesisError::InvalidIterator | KinesisError::ExpiredIterator { .. }) => {}
        Err(other) => panic!("{other:?}"),
    }
    match NextPage::open(text, &SECRET, NOW_MS) {
        Ok(_) | Err(KinesisError::InvalidToken | KinesisError::ExpiredToken) => {}
        Err(other) => panic!("{other:?}"),
    }
}

/// Whatever is sealed comes back, and with one byte changed it does not.
fn seal_and_open(numbers: &[u8; 64], name: &[u8]) {
    let number = |at: usize| {
        let bytes = numbers[at..].first_chunk().expect("64 bytes are given");
        u64::from_be_bytes(*bytes)
    };
    let shard = ShardIndex(u32::try_from(number(8) >> 32).expect("32 bits"));
    let nonce = numbers[40..].first_chunk().expect("64 bytes are given");
    let iterator = ShardIterator {
        stream: StreamKey(number(0)),
        shard,
        position: Position(number(16)),
        issued_ms: number(24),
        kind: KINDS[usize::from(numbers[32]) % KINDS.len()],
    };
    let text = iterator.seal(&SECRET, nonce);
    assert_eq!(
        ShardIterator::open(&text, &SECRET, iterator.issued_ms),
        Ok(iterator)
    );
    let changed = changed(&text, numbers[33], numbers[34]);
    let opened = ShardIterator::open(&changed, &SECRET, iterator.issued_ms);
    assert_eq!(opened, Err(KinesisError::InvalidIterator));
    assert_eq!(
        NextPage::open(&text, &SECRET, 0),
        Err(KinesisError::InvalidToken)
    );

    let time_ms = number(16);
    let filter = match numbers[32] % 5 {
        0 => PageFilter::FromTrimHorizon,
        1 => PageFilter::AtTrimHorizon,
        2 => PageFilter::AtLatest,
        3 => PageFilter::AtTimestamp(time_ms),
        _ => PageFilter::FromTimestamp(time_ms),
    };
    let mut pages = vec![NextPage::Shards {
        stream: StreamKey(number(0)),
        after: shard,
        filter,
    }];
    let name = str::from_utf8(name)
        .ok()
        .and_then(|name| StreamName::new(name).ok());
    pages.extend(name.map(|after| NextPage::Streams { after }));
    for page in pages {
        let text = page.seal(&SECRET, nonce, number(24));
        assert_eq!(NextPage::open(&text, &SECRET, number(24)), Ok(page));
        let opened = ShardIterator::open(&text, &SECRET, 0);
        assert_eq!(opened, Err(KinesisError::InvalidIterator));
    }
}

/// `text` with one of its bytes, before base64, changed.
fn changed(text: &str, place: u8, by: u8) -> String {
    let mut bytes = base64_simd::STANDARD.decode_to_vec(text).expect("base64");
    let place = usize::from(place) % bytes.len();
    bytes[place] ^= by.max(1);
    base64_simd::STANDARD.encode_to_string(bytes)
}

fuzz_target!(|input: &[u8]| run(input));
