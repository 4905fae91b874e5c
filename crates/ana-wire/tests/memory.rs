//! Reading a hostile body costs memory in proportion to the body, never more.
//!
//! One test in a process of its own: the allocator counts everything that is alive.

#![expect(
    unsafe_code,
    reason = "a counting allocator can only be written with unsafe"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use ana_wire::{Operation, decode_request};

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

/// `head`, then `piece` until the body is full, then `tail`.
fn filled(head: &str, piece: &str, tail: &str) -> String {
    let times = (BODY_BYTES - head.len() - tail.len()) / piece.len();
    [head, &piece.repeat(times), tail].concat()
}

#[test]
fn peak_memory_stays_below_twice_the_body() {
    let bodies = [
        (
            "records",
            filled(
                r#"{"Records":["#,
                r#"{"Data":"","PartitionKey":"a"},"#,
                r#"{}]}"#,
            ),
        ),
        ("empty records", filled(r#"{"Records":["#, "{},", r#"{}]}"#)),
        ("nulls", filled(r#"{"Records":["#, "null,", r#"null]}"#)),
        ("lists", filled(r#"{"Records":["#, "[],", r#"[]]}"#)),
        ("unknown", filled(r#"{"Unknown":["#, "[],", r#"[]]}"#)),
        ("unknown members", filled("{", r#""a":1,"#, r#""a":1}"#)),
        (
            "repeated members",
            filled("{", r#""StreamName":"a","#, r#""b":1}"#),
        ),
        ("deep lists", filled(r#"{"Records":"#, "[", "")),
        ("deep maps", filled("", r#"{"Records":"#, "")),
        ("one string", filled(r#"{"PartitionKey":""#, "a", r#""}"#)),
        (
            "escapes",
            filled(r#"{"PartitionKey":""#, r"\u0061", r#""}"#),
        ),
        ("base64", filled(r#"{"Data":""#, "aaaa", r#""}"#)),
        ("bad base64", filled(r#"{"Data":""#, "aaaa", r#"*aaa"}"#)),
        ("digits", filled(r#"{"Limit":"#, "9", "}")),
        (
            "tags",
            filled(r#"{"Tags":{"#, r#""a":"b","#, r#""c":"d"}}"#),
        ),
        ("tag keys", filled(r#"{"TagKeys":["#, r#""a","#, r#""b"]}"#)),
    ];
    let operations = Operation::ALL
        .into_iter()
        .filter(|operation| operation.is_offered());
    for operation in operations {
        for (name, body) in &bodies {
            let before = ALIVE.load(Ordering::Relaxed);
            PEAK.store(before, Ordering::Relaxed);
            let answer = decode_request(operation, body.as_bytes());
            let rise = PEAK.load(Ordering::Relaxed).saturating_sub(before);
            drop(answer);
            assert!(
                rise < 2 * body.len(),
                "{operation:?} with {name}: {rise} bytes"
            );
        }
    }
}
