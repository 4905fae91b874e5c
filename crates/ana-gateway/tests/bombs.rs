//! Memory bombs through the whole gateway: each gets the error that AWS gives, in a small answer, reaches nobody, and
//! costs less than three times its own bytes while it is judged.
//!
//! One test in a process of its own: the allocator counts everything that is alive.

#![expect(
    unsafe_code,
    reason = "a counting allocator can only be written with unsafe"
)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use ana_env::runtime::scope;
use ana_gateway::GatewayConfig;
use common::{Door, RawReply};

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

    /// Large blocks are moved by their pages, not by a copy: the old one is not there beside the new one.
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        let alive = ALIVE.fetch_add(new_size, Ordering::Relaxed) + new_size;
        PEAK.fetch_max(alive, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a connection costs besides its body: buffers of both sides and the answer.
const ANY_BODY_RISE_MAX: usize = 512 * 1024;

/// The longest answer to a bomb.
const ANSWER_BYTES_MAX: usize = 10_000;

const MIB: usize = 1024 * 1024;
const DEPTH: usize = 100_000;
const JSON: &str = "application/x-amz-json-1.1";
const CBOR: &str = "application/x-amz-cbor-1.1";

const VALIDATION: &str = "ValidationException";
const SERIALIZATION: &str = "SerializationException";

struct Bomb {
    what: &'static str,
    operation: &'static str,
    /// Content type, and whatever else stands in the head.
    head: &'static str,
    body: Vec<u8>,
    status: u16,
    /// Parts of the answer.
    says: &'static [&'static str],
}

fn bomb(
    what: &'static str,
    operation: &'static str,
    head: &'static str,
    body: Vec<u8>,
    says: &'static [&'static str],
) -> Bomb {
    Bomb {
        what,
        operation,
        head,
        body,
        status: 400,
        says,
    }
}

fn json(
    what: &'static str,
    operation: &'static str,
    body: String,
    says: &'static [&'static str],
) -> Bomb {
    bomb(what, operation, JSON, body.into_bytes(), says)
}

fn cbor(
    what: &'static str,
    operation: &'static str,
    body: Vec<u8>,
    says: &'static [&'static str],
) -> Bomb {
    bomb(what, operation, CBOR, body, says)
}

fn put(data: &str, key: &str) -> String {
    format!(r#"{{"StreamName":"clicks","Data":"{data}","PartitionKey":"{key}"}}"#)
}

/// Bodies, records and lists that are too long.
#[expect(clippy::too_many_lines, reason = "a table")]
fn too_long() -> Vec<Bomb> {
    // Groups of three bytes, and two bytes more.
    let ten_mib_and_one = "AAAA".repeat(10 * MIB / 3) + "AAA=";
    let entries = vec![r#"{"Data":"","PartitionKey":"k"}"#; 501].join(",");
    vec![
        json(
            "10 MiB and a byte of data",
            "PutRecord",
            put(&ten_mib_and_one, "k"),
            &[
                VALIDATION,
                "at 'data' failed",
                "less than or equal to 10485760",
            ],
        ),
        json(
            "501 records",
            "PutRecords",
            format!(r#"{{"StreamName":"clicks","Records":[{entries}]}}"#),
            &[
                VALIDATION,
                "at 'records' failed",
                "less than or equal to 500",
            ],
        ),
        json(
            "a key of 5 MB",
            "PutRecord",
            put("", &"k".repeat(5_000_000)),
            &[
                VALIDATION,
                "at 'partitionKey' failed",
                "less than or equal to 256",
            ],
        ),
        json(
            "a member's name of 5 MB",
            "PutRecord",
            format!(r#"{{"{}":1}}"#, "n".repeat(5_000_000)),
            &[VALIDATION, "Value null at 'data'"],
        ),
        json(
            "text of 5 MB where a list should be",
            "PutRecords",
            format!(r#"{{"Records":"{}"}}"#, "n".repeat(5_000_000)),
            &[SERIALIZATION, "Expected list or null"],
        ),
        json(
            "text of 5 MB where a record should be",
            "PutRecords",
            format!(r#"{{"Records":["{}"]}}"#, "n".repeat(5_000_000)),
            &[SERIALIZATION, "Expected null"],
        ),
        json(
            "text of 5 MB and nothing else",
            "PutRecords",
            format!(r#""{}""#, "n".repeat(5_000_000)),
            &[SERIALIZATION],
        ),
        json(
            "escapes for 5 MB",
            "PutRecord",
            put("", &r"\u0041".repeat(800_000)),
            &[VALIDATION, "at 'partitionKey' failed"],
        ),
        Bomb {
            status: 413,
            ..json(
                "16 MiB and a byte",
                "PutRecord",
                "x".repeat(16 * MIB + 1),
                &[],
            )
        },
        Bomb {
            status: 413,
            ..json("64 MiB", "PutRecord", " ".repeat(64 * MIB), &[])
        },
    ]
}

/// Depth, digits, junk and storms in JSON.
#[expect(clippy::too_many_lines, reason = "a table")]
fn in_json() -> Vec<Bomb> {
    let lists = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
    let tags: Vec<String> = (0..200_000).map(|i| format!(r#""{i}":"v""#)).collect();
    let keys = vec![r#""a""#; 1_000_000].join(",");
    let wrong = vec!["{}"; 200_000].join(",");
    vec![
        json(
            "lists 10^5 deep where a name should be",
            "PutRecord",
            format!(r#"{{"StreamName":{lists}}}"#),
            &[SERIALIZATION],
        ),
        json("lists 10^5 deep", "PutRecord", lists, &[SERIALIZATION]),
        json(
            "lists 10^5 deep and not closed",
            "PutRecord",
            "[".repeat(DEPTH),
            &[SERIALIZATION],
        ),
        json(
            "maps 10^5 deep",
            "PutRecord",
            r#"{"a":"#.repeat(DEPTH) + "1" + &"}".repeat(DEPTH),
            &[VALIDATION, "Value null at 'data'"],
        ),
        json(
            "10^6 digits",
            "GetRecords",
            format!(
                r#"{{"ShardIterator":"a","Limit":{}}}"#,
                "9".repeat(1_000_000)
            ),
            &[VALIDATION, "Value '2147483647' at 'limit'"],
        ),
        json(
            "5 MB that are no base64",
            "PutRecord",
            put(&"*".repeat(5_000_000), "k"),
            &[SERIALIZATION, "can not be converted to a Blob"],
        ),
        json(
            "5 MB that are base64 up to the end",
            "PutRecord",
            put(&("A".repeat(4_999_999) + "*"), "k"),
            &[SERIALIZATION, "can not be converted to a Blob"],
        ),
        json(
            "200,000 tags",
            "AddTagsToStream",
            format!(r#"{{"StreamName":"clicks","Tags":{{{}}}}}"#, tags.join(",")),
            &[VALIDATION, "at 'tags' failed", "less than or equal to 200"],
        ),
        json(
            "10^6 keys of tags",
            "RemoveTagsFromStream",
            format!(r#"{{"StreamName":"clicks","TagKeys":[{keys}]}}"#),
            &[
                VALIDATION,
                "at 'tagKeys' failed",
                "less than or equal to 50",
            ],
        ),
        json(
            "200,000 records that are wrong",
            "PutRecords",
            format!(r#"{{"StreamName":"clicks","Records":[{wrong}]}}"#),
            &[VALIDATION],
        ),
        bomb(
            "JSON in gzip",
            "PutRecord",
            "application/x-amz-json-1.1\r\nContent-Encoding: gzip",
            gzip(put("aGVsbG8=", "k").as_bytes()),
            &[SERIALIZATION],
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn in_cbor() -> Vec<Bomb> {
    let records = b"\xa1\x67Records".to_vec();
    let data = b"\xa1\x64Data".to_vec();
    let and = |head: &[u8], tail: &[u8]| [head, tail].concat();
    vec![
        cbor(
            "lists 10^5 deep",
            "PutRecords",
            and(&records, &[0x81; DEPTH]),
            &[SERIALIZATION],
        ),
        cbor(
            "open lists 10^5 deep",
            "PutRecords",
            and(&records, &[0x9f; DEPTH]),
            &[SERIALIZATION],
        ),
        cbor(
            "maps 10^5 deep",
            "PutRecords",
            b"\xa1\x61a".repeat(DEPTH),
            &[SERIALIZATION],
        ),
        cbor(
            "tags 10^5 deep",
            "PutRecords",
            and(&records, &[0xc1; DEPTH]),
            &[SERIALIZATION],
        ),
        cbor(
            "2^63 bytes",
            "PutRecord",
            and(&data, b"\x5b\x80\0\0\0\0\0\0\0abc"),
            &[SERIALIZATION],
        ),
        cbor(
            "2^64 - 1 bytes",
            "PutRecord",
            and(&data, b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff"),
            &[SERIALIZATION],
        ),
        cbor(
            "2^63 records",
            "PutRecords",
            and(&records, b"\x9b\x80\0\0\0\0\0\0\0\xa0"),
            &[SERIALIZATION],
        ),
        cbor(
            "2^63 members",
            "PutRecord",
            b"\xbb\x80\0\0\0\0\0\0\0\x61a\x01".to_vec(),
            &[SERIALIZATION],
        ),
        cbor(
            "pieces without an end",
            "PutRecord",
            and(&and(&data, b"\x5f"), &b"\x41a".repeat(MIB)),
            &[SERIALIZATION],
        ),
        cbor(
            "a list without an end",
            "PutRecords",
            and(&and(&records, b"\x9f"), &[0xa0; MIB]),
            &[SERIALIZATION],
        ),
        cbor(
            "pieces in pieces",
            "PutRecord",
            and(&data, &[0x5f; MIB]),
            &[SERIALIZATION],
        ),
    ]
}

/// As a gzip with one stored block, so that whoever unpacks it finds a good request.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in content {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let length = u16::try_from(content.len()).expect("a short request");
    let mut bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(content);
    bytes.extend((!crc).to_le_bytes());
    bytes.extend(u32::from(length).to_le_bytes());
    bytes
}

/// The answer to one bomb, and how far memory rose above what was alive before.
async fn throw(door: &Door, bomb: &Bomb) -> (RawReply, usize) {
    let mut client = door.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: Kinesis_20131202.{}\r\nContent-Type: {}\r\n\
         Content-Length: {}\r\n\r\n",
        bomb.operation,
        bomb.head,
        bomb.body.len()
    );
    let before = ALIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    client.send(head.as_bytes()).await;
    client.send_what_is_taken(&bomb.body).await;
    let reply = client.reply().await;
    let rise = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    (reply, rise)
}

#[tokio::test(start_paused = true)]
async fn bombs_are_refused_and_cost_little() {
    scope(1, async {
        let door = Door::open(GatewayConfig::default());
        let good = bomb(
            "no bomb",
            "PutRecord",
            JSON,
            put("aGVsbG8=", "k").into_bytes(),
            &[],
        );
        // The model is read with the first request.
        assert_eq!(throw(&door, &good).await.0.status, 200);
        door.service.seen.lock().expect("not poisoned").clear();
        for bomb in too_long().into_iter().chain(in_json()).chain(in_cbor()) {
            let what = bomb.what;
            let (reply, rise) = throw(&door, &bomb).await;
            assert_eq!(reply.status, bomb.status, "{what}: {reply:?}");
            assert!(
                reply.bytes.len() < ANSWER_BYTES_MAX,
                "{what}: {}",
                reply.bytes.len()
            );
            for part in bomb.says {
                assert!(
                    reply.body.contains(part),
                    "{what}: no {part} in {}",
                    reply.body
                );
            }
            let most = (3 * bomb.body.len()).max(ANY_BODY_RISE_MAX);
            println!("{what}: {} bytes cost {rise}", bomb.body.len());
            assert!(rise < most, "{what}: {} bytes cost {rise}", bomb.body.len());
            let seen = door.service.seen.lock().expect("not poisoned").clone();
            assert!(seen.is_empty(), "{what}: {seen:?}");
        }
    })
    .await;
}
