//! Reading a hostile body costs memory in proportion to the body, never more.
//!
//! One test in a process of its own: the allocator counts everything that is alive.

#![expect(
    unsafe_code,
    reason = "a counting allocator can only be written with unsafe"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use ana_wire::event_stream::Reader;
use ana_wire::{Format, Operation, decode_request};

/// Counts bytes that are alive, and their peak.
struct Counting;

static ALIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator unchanged; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let alive = ALIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(alive, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        ALIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Large against every bounded cost (a cut message, one list of the greatest length).
const BODY_BYTES: usize = 2 * 1024 * 1024;

/// A body of a few bytes may cost this much.
const ANY_BODY_RISE_MAX: usize = 64 * 1024;

/// `head`, then `piece` until the body is full, then `tail`.
fn filled(head: &[u8], piece: &[u8], tail: &[u8]) -> Vec<u8> {
    let times = (BODY_BYTES - head.len() - tail.len()) / piece.len();
    [head, &piece.repeat(times), tail].concat()
}

/// How far memory rises above what is alive before, while `work` runs.
fn rise_during<T>(work: impl FnOnce() -> T) -> usize {
    let before = ALIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = work();
    let rise = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    drop(result);
    rise
}

type Bodies = Vec<(&'static str, Vec<u8>)>;

fn json_bodies() -> Bodies {
    vec![
        (
            "records",
            filled(
                br#"{"Records":["#,
                br#"{"Data":"","PartitionKey":"a"},"#,
                br#"{}]}"#,
            ),
        ),
        (
            "empty records",
            filled(br#"{"Records":["#, b"{},", br#"{}]}"#),
        ),
        ("nulls", filled(br#"{"Records":["#, b"null,", br#"null]}"#)),
        ("lists", filled(br#"{"Records":["#, b"[],", br#"[]]}"#)),
        ("unknown", filled(br#"{"Unknown":["#, b"[],", br#"[]]}"#)),
        ("unknown members", filled(b"{", br#""a":1,"#, br#""a":1}"#)),
        (
            "repeated members",
            filled(b"{", br#""StreamName":"a","#, br#""b":1}"#),
        ),
        ("deep lists", filled(br#"{"Records":"#, b"[", b"")),
        ("deep maps", filled(b"", br#"{"Records":"#, b"")),
        (
            "one string",
            filled(br#"{"PartitionKey":""#, b"a", br#""}"#),
        ),
        (
            "escapes",
            filled(br#"{"PartitionKey":""#, br"\u0061", br#""}"#),
        ),
        ("base64", filled(br#"{"Data":""#, b"aaaa", br#""}"#)),
        ("bad base64", filled(br#"{"Data":""#, b"aaaa", br#"*aaa"}"#)),
        ("digits", filled(br#"{"Limit":"#, b"9", b"}")),
        (
            "tags",
            filled(br#"{"Tags":{"#, br#""a":"b","#, br#""c":"d"}}"#),
        ),
        (
            "tag keys",
            filled(br#"{"TagKeys":["#, br#""a","#, br#""b"]}"#),
        ),
    ]
}

/// Where the short way for puts must not make a text of the error.
fn bodies_of_puts() -> Bodies {
    vec![
        ("one name", filled(b"{\"", b"a", br#"":1}"#)),
        ("text alone", filled(b"\"", b"a", b"\"")),
        (
            "text for a list",
            filled(br#"{"Records":""#, b"a", br#""}"#),
        ),
        (
            "text for a record",
            filled(br#"{"Records":[""#, b"a", br#""]}"#),
        ),
        (
            "text for true or false",
            filled(br#"{"DryRun":""#, b"a", br#""}"#),
        ),
    ]
}

fn cbor_bodies() -> Bodies {
    let entry = b"\xa2\x64Data\x40\x6cPartitionKey\x61a";
    let records = b"\xa1\x67Records\x9f";
    let bytes = u32::try_from(BODY_BYTES).expect("a small length");
    let length = (bytes - 64).to_be_bytes();
    let whole = |head: &[u8]| filled(&[head, &length].concat(), b"a", b"");
    vec![
        ("records", filled(records, entry, b"\xff")),
        ("empty records", filled(records, b"\xa0", b"\xff")),
        ("nulls", filled(records, b"\xf6", b"\xff")),
        ("lists", filled(records, b"\x80", b"\xff")),
        ("unknown", filled(b"\xa1\x63Zzz\x9f", b"\x80", b"\xff")),
        ("unknown members", filled(b"\xbf", b"\x61a\x01", b"\xff")),
        (
            "repeated members",
            filled(b"\xbf", b"\x6aStreamName\x61a", b"\xff"),
        ),
        ("deep lists", filled(b"\xa1\x67Records", b"\x81", b"\x80")),
        ("deep unknown lists", filled(b"\xa1\x63Zzz", b"\x9f", b"")),
        (
            "deep unknown maps",
            filled(b"\xa1\x63Zzz", b"\xa1\x01", b"\x01"),
        ),
        ("deep maps", filled(b"", b"\xa1\x67Records", b"\x01")),
        ("tags", filled(b"\xa1\x6aStreamName", b"\xc1", b"\x61a")),
        (
            "announced list",
            filled(
                b"\xa1\x67Records\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
                b"\xf6",
                b"",
            ),
        ),
        (
            "announced map",
            filled(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", b"\x01", b""),
        ),
        (
            "announced text",
            b"\xa1\x6cPartitionKey\x7b\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        ),
        (
            "announced bytes",
            b"\xa1\x64Data\x5b\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        ),
        ("one text", whole(b"\xa1\x6cPartitionKey\x7a")),
        ("one blob", whole(b"\xa1\x64Data\x5a")),
        (
            "pieces of text",
            filled(b"\xa1\x6cPartitionKey\x7f", b"\x61a", b"\xff"),
        ),
        (
            "pieces of a blob",
            filled(b"\xa1\x64Data\x5f", b"\x41a", b"\xff"),
        ),
        (
            "empty pieces",
            filled(b"\xa1\x6cPartitionKey\x7f", b"\x60", b"\xff"),
        ),
        (
            "tags of a stream",
            filled(b"\xa1\x64Tags\xbf", b"\x61a\x61b", b"\xff"),
        ),
        (
            "tag keys",
            filled(b"\xa1\x67TagKeys\x9f", b"\x61a", b"\xff"),
        ),
    ]
}

#[test]
fn memory_follows_what_was_sent() {
    // Each operation that is not offered is refused the same way: one stands for all.
    let (offered, refused): (Vec<_>, Vec<_>) = Operation::ALL
        .into_iter()
        .partition(|operation| operation.is_offered());
    let operations: Vec<Operation> = offered
        .into_iter()
        .chain(refused.first().copied())
        .collect();
    let puts = vec![Operation::PutRecord, Operation::PutRecords];
    for (format, bodies, operations) in [
        (Format::Json, json_bodies(), &operations),
        (Format::Json, bodies_of_puts(), &puts),
        (Format::Cbor, cbor_bodies(), &operations),
    ] {
        // The model is read with the first request.
        assert!(decode_request(Operation::PutRecord, format, b"").is_err());
        for (name, body) in &bodies {
            for operation in operations {
                let rise = rise_during(|| decode_request(*operation, format, body));
                let most = (2 * body.len()).max(ANY_BODY_RISE_MAX);
                assert!(rise < most, "{operation:?} with {name}: {rise} bytes");
            }
        }
    }
    frames();
}

/// A frame costs what arrived of it, not what it announces, and many headers are refused unread.
fn frames() {
    let start = |total: u32, headers: u32| [total.to_be_bytes(), headers.to_be_bytes()].concat();
    let read = |bytes: &[u8]| {
        let mut reader = Reader::new();
        reader.push(bytes);
        reader.next_frame().map(drop)
    };
    let announced = start(20 * 1024 * 1024, 0);
    assert!(rise_during(|| read(&announced)) < 1024);
    let headers = u32::try_from(BODY_BYTES - 16).expect("a small length");
    let many = [
        start(headers + 16, headers),
        b"\x01a\x00".repeat(BODY_BYTES / 3),
    ]
    .concat();
    assert!(rise_during(|| read(&many)) < 2 * many.len());
}
