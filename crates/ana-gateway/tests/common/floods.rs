//! Floods over HTTP/2: what a client sends that wants work done for nothing.

use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOOD, HEADERS, INITIAL_WINDOW, PING, RESET,
    WINDOW_UPDATE, block, frame, head, request, settings,
};

const PUT: &[u8] = br#"{"StreamName":"clicks","Data":"aGVsbG8=","PartitionKey":"user-1"}"#;
const PRIORITY: u8 = 2;
const UNKNOWN: u8 = 0x7f;

/// Frames of one burst of those that mean nothing.
const FRAMES: usize = 4000;
/// The same of those that begin requests.
const REQUESTS: u32 = 500;

/// One flood: a connection that begins like an honest one, and then bursts.
pub(crate) struct Flood {
    pub(crate) what: &'static str,
    /// Sent once.
    pub(crate) opening: Vec<u8>,
    /// The burst of each round.
    pub(crate) burst: fn(u32) -> Vec<u8>,
}

fn flood(what: &'static str, burst: fn(u32) -> Vec<u8>) -> Flood {
    // It has made a request, so it is no stranger: an idle connection is left alone for long.
    let opening = request(1, &GOOD, PUT);
    Flood {
        what,
        opening,
        burst,
    }
}

/// The numbers of the streams of a round.
fn streams(round: u32) -> impl Iterator<Item = u32> {
    (0..REQUESTS).map(move |number| 3 + 2 * (round * REQUESTS + number))
}

/// A head that is not whole, on a stream that is new.
fn half_a_head() -> Vec<u8> {
    [request(1, &GOOD, PUT), frame(HEADERS, 0, 3, &block(&GOOD))].concat()
}

/// A request whose body has not come.
fn no_body() -> Vec<u8> {
    [request(1, &GOOD, PUT), head(3, 0, &GOOD)].concat()
}

/// Frames that mean nothing.
pub(crate) fn of_nothing() -> Vec<Flood> {
    vec![
        flood("PING", |_| frame(PING, 0, 0, b"12345678").repeat(FRAMES)),
        flood("acknowledged PINGs", |_| {
            frame(PING, ACK, 0, b"12345678").repeat(FRAMES)
        }),
        flood("SETTINGS", |_| settings(&[]).repeat(FRAMES)),
        flood("changing SETTINGS", |round| {
            settings(&[(INITIAL_WINDOW, 65_535 + round % 2), (1, 4096)]).repeat(FRAMES / 2)
        }),
        flood("WINDOW_UPDATE", |_| {
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).repeat(FRAMES)
        }),
        flood("PRIORITY", |_| {
            frame(PRIORITY, 0, 5, &[0, 0, 0, 0, 1]).repeat(FRAMES)
        }),
        flood("frames of no known kind", |_| {
            frame(UNKNOWN, 0, 0, b"").repeat(FRAMES)
        }),
        Flood {
            opening: no_body(),
            ..flood("DATA of one byte in padding", |_| {
                let padded = [&[250][..], b"x", &[0; 250]].concat();
                frame(DATA, 8, 3, &padded).repeat(FRAMES / 40)
            })
        },
    ]
}

/// Frames that begin requests, or go on with one for ever.
pub(crate) fn of_requests() -> Vec<Flood> {
    vec![
        flood("rapid reset", |round| {
            streams(round)
                .flat_map(|stream| {
                    [
                        head(stream, END_STREAM, &GOOD),
                        frame(RESET, 0, stream, &[0, 0, 0, 8]),
                    ]
                })
                .flatten()
                .collect()
        }),
        flood("requests that must be reset", |round| {
            streams(round)
                .flat_map(|stream| head(stream, END_STREAM, &[(b"x", b"a\r\nb")]))
                .collect()
        }),
        Flood {
            opening: half_a_head(),
            ..flood("CONTINUATION", |_| {
                frame(CONTINUATION, 0, 3, &block(&[(b"x", b"y")])).repeat(FRAMES)
            })
        },
        Flood {
            opening: half_a_head(),
            ..flood("empty CONTINUATION", |_| {
                frame(CONTINUATION, 0, 3, b"").repeat(FRAMES)
            })
        },
        Flood {
            opening: half_a_head(),
            ..flood("CONTINUATION of a field without an end", |_| {
                frame(CONTINUATION, 0, 3, &[b'x'; 16_000])
            })
        },
        Flood {
            opening: no_body(),
            ..flood("empty DATA", |_| frame(DATA, 0, 3, b"").repeat(FRAMES))
        },
        flood("heads that are long once unpacked", |round| {
            // A field of 4,000 bytes goes into the table, and each further byte means it once more.
            let mut bomb = vec![0x40, 1, b'x', 127, 0xa1, 0x1e];
            bomb.extend([b'y'; 4000]);
            bomb.extend([0xbe; 8000]);
            let stream = 3 + 2 * round;
            frame(HEADERS, END_HEADERS | END_STREAM, stream, &bomb)
        }),
    ]
}
