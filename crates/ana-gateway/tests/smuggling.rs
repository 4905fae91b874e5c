//! Request smuggling: requests that two readers could take for different ones. Whatever the gateway makes of the first,
//! it answers with an error and closes, and what was hidden behind it is never a request.
//!
//! On the wire byte by byte, HTTP/1.1 and HTTP/2. Time is simulated.

use crate::common;

use ana_env::runtime::scope;
use ana_gateway::GatewayConfig;
use common::frames::{self, Field, GOOD};
use common::{BOTO3_HEAD, Door};
use tokio::io::AsyncWriteExt;

const PUT: &str = r#"{"StreamName": "clicks", "Data": "aGVsbG8=", "PartitionKey": "user-1"}"#;

/// What an attacker wants to get past somebody else's eyes: a whole request, hidden behind another.
const HIDDEN: &str = "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: Kinesis_20131202.DeleteStream\r\n\
    Content-Type: application/x-amz-json-1.1\r\nContent-Length: 18\r\n\r\n{\"StreamName\":\"a\"}";

/// Framings by length that no two readers need agree on; a body of three bytes follows each.
const LENGTHS: &[&str] = &[
    "Content-Length: 3\r\nContent-Length: 4\r\n",
    "Content-Length: 4\r\nContent-Length: 3\r\n",
    "Content-Length: 3\r\nX: y\r\nContent-Length: 0\r\n",
    "Content-Length: 3, 4\r\n",
    "Content-Length: 3, 3\r\n",
    "Content-Length: +3\r\n",
    "Content-Length: -3\r\n",
    "Content-Length: 0x3\r\n",
    "Content-Length: 3.0\r\n",
    "Content-Length: 3e0\r\n",
    "Content-Length: 3 4\r\n",
    "Content-Length: 3;a=b\r\n",
    "Content-Length: \"3\"\r\n",
    "Content-Length:\r\n",
    "Content-Length: \r\nContent-Length: 3\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "Content-Length: 18446744073709551619\r\n",
    "Content-Length : 3\r\n",
    "Content-Length\t: 3\r\n",
    "Content-Length\r\n : 3\r\n",
    "Content-Length: \x0b3\r\n",
    "Content-Length: 3\0\r\n",
    "Content-Length: 3\nContent-Length: 4\r\n",
    " Content-Length: 3\r\n",
    "X: a\0b\r\nContent-Length: 3\r\n",
    "X: a\rContent-Length: 9\r\nContent-Length: 3\r\n",
    "X y: z\r\nContent-Length: 3\r\n",
    "no colon\r\nContent-Length: 3\r\n",
    ": no name\r\nContent-Length: 3\r\n",
];

/// Transfer codings that are not exactly `chunked`; a chunked body of three bytes follows each.
const CODINGS: &[&str] = &[
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: chunkedx\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Transfer-Encoding:\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    "Transfer-Encoding: identity, chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding: ,chunked\r\n",
    "Transfer-Encoding: chunked,\r\n",
    "Transfer-Encoding: chunked;q=1\r\n",
    "Transfer-Encoding: \"chunked\"\r\n",
    "Transfer-Encoding: 'chunked'\r\n",
    "Transfer-Encoding: chunked\x0b\r\n",
    "Transfer-Encoding: \x0bchunked\r\n",
    "Transfer-Encoding: chunked\0\r\n",
    "Transfer-Encoding: chun\r\n ked\r\n",
    "Transfer-Encoding:\r\n chunked\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding\t: chunked\r\n",
    " Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "Content-Length: 3\r\nTransfer-Encoding: xchunked\r\n",
    "Content-Length: 3\r\nTransfer-Encoding: identity, chunked\r\n",
    "Transfer-Encoding: identity\r\nContent-Length: 3\r\n",
];

/// Chunks that are none; `Transfer-Encoding: chunked` stands before each.
const CHUNKS: &[&str] = &[
    "10000000000000000\r\n{}\n\r\n0\r\n\r\n",
    "10000000000000003\r\n{}\n\r\n0\r\n\r\n",
    "ffffffffffffffff3\r\n{}\n\r\n0\r\n\r\n",
    "ffffffffffffffff\r\n{}\n\r\n0\r\n\r\n",
    "00000000000000000000000000000000zz\r\n{}\n\r\n0\r\n\r\n",
    "\r\n{}\n\r\n0\r\n\r\n",
    "zz\r\n{}\n\r\n0\r\n\r\n",
    "-3\r\n{}\n\r\n0\r\n\r\n",
    "+3\r\n{}\n\r\n0\r\n\r\n",
    "0x3\r\n{}\n\r\n0\r\n\r\n",
    " 3\r\n{}\n\r\n0\r\n\r\n",
    "3 3\r\n{}\n\r\n0\r\n\r\n",
    "3,3\r\n{}\n\r\n0\r\n\r\n",
    "3\n{}\n\n0\n\n",
    "3\r{}\n\r\n0\r\n\r\n",
    "3\n\r\n{}\n\r\n0\r\n\r\n",
    "3;a\n{}\n\r\n0\r\n\r\n",
    "3\r\n{}\n0\r\n\r\n",
    "3\r\n{}\n\n0\r\n\r\n",
    "3\r\n{}\nxx0\r\n\r\n",
    "2\r\n{}\n\r\n0\r\n\r\n",
    "3\r\n{}\n\r\n0\r\n\n",
    "3\r\n{}\n\r\n0\nX: y\r\n\r\n",
    "3\r\n{}\n\r\n0\r\nno colon\r\n\r\n",
    "3\r\n{}\n\r\n0\r\nContent-Length: 9\r\n\r\n",
    "3\r\n{}\n\r\n0\r\nX: y\r\n\r\n",
];

/// First lines that a reader could split in another place.
const FIRST_LINES: &[&str] = &[
    "POST  / HTTP/1.1\r\n",
    "POST / HTTP/1.1 \r\n",
    "POST / HTTP/1.1 HTTP/1.1\r\n",
    "POST / a HTTP/1.1\r\n",
    "POST\t/ HTTP/1.1\r\n",
    " POST / HTTP/1.1\r\n",
    "POST / HTTP/1.1\r\n X: y\r\n",
    "POST / HTTP/1.2\r\n",
    "POST / HTTP/0.9\r\n",
    "POST / HTTP/11\r\n",
    "POST / http/1.1\r\n",
    "POST /\r\n",
    "PO ST / HTTP/1.1\r\n",
    "PO\0ST / HTTP/1.1\r\n",
    "POST /\0 HTTP/1.1\r\n",
    "POST /\x0b HTTP/1.1\r\n",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n",
];

fn http1() -> Vec<(String, Vec<u8>)> {
    let boto3 = BOTO3_HEAD.replace("OPERATION", "PutRecord");
    let after = |head: String, body: &str| {
        let bytes = format!("{head}\r\n{body}{HIDDEN}").into_bytes();
        (head, bytes)
    };
    let mut cases = Vec::new();
    for length in LENGTHS {
        cases.push(after(format!("{boto3}{length}"), "{}\n"));
    }
    for coding in CODINGS {
        cases.push(after(format!("{boto3}{coding}"), "3\r\n{}\n\r\n0\r\n\r\n"));
    }
    let chunked = format!("{boto3}Transfer-Encoding: chunked\r\n");
    let long_extension = format!("3;{}\r\n{{}}\n\r\n0\r\n\r\n", "e".repeat(1 << 20));
    let many_extensions = "1;eeeeeeeeeeeeeee\r\n \r\n".repeat(1 << 16) + "0\r\n\r\n";
    let long_trailer = format!("0\r\nX: {}\r\n\r\n", "t".repeat(1 << 20));
    let many_trailers = format!("0\r\n{}\r\n", "X: y\r\n".repeat(1 << 16));
    let made = [long_extension, many_extensions, long_trailer, many_trailers];
    for chunks in CHUNKS
        .iter()
        .copied()
        .chain(made.iter().map(String::as_str))
    {
        let (_, bytes) = after(chunked.clone(), chunks);
        cases.push((chunks.chars().take(40).collect(), bytes));
    }
    let (_, fields) = boto3.split_once("\r\n").expect("a first line");
    for line in FIRST_LINES {
        let length = if line.contains("Transfer") {
            ""
        } else {
            "Content-Length: 3\r\n"
        };
        cases.push(after(format!("{line}{fields}{length}"), "{}\n"));
    }
    cases
}

/// What is wrong with the answer to `bytes`, if anything is.
async fn judge(door: &Door, bytes: &[u8]) -> Result<(), String> {
    door.service.seen.lock().expect("not poisoned").clear();
    let mut client = door.connect().await;
    // What the gateway does not take any more it does not read either.
    client.send_what_is_taken(bytes).await;
    if let Some(reply) = client.try_reply().await {
        let refused = (400..=431).contains(&reply.status) || reply.status == 505;
        if !refused {
            return Err(format!("it was answered with {reply:?}"));
        }
        if let Some(second) = client.try_reply().await {
            return Err(format!("it was two requests: {second:?}"));
        }
    }
    if !client.is_closed().await {
        return Err("the connection went on".to_owned());
    }
    let seen = door.service.seen.lock().expect("not poisoned").clone();
    if !seen.is_empty() {
        return Err(format!("it reached the service: {seen:?}"));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_hides_behind_a_broken_request_is_no_request() {
    scope(1, async {
        let door = Door::open(GatewayConfig::default());
        let cases = http1();
        assert!(cases.len() >= 100, "{}", cases.len());
        let mut failures = Vec::new();
        for (what, bytes) in cases {
            if let Err(why) = judge(&door, &bytes).await {
                failures.push(format!("{}: {why}", what.escape_debug()));
            }
        }
        assert!(failures.is_empty(), "{failures:#?}");
    })
    .await;
}

/// Length and chunks together: HTTP takes the chunks, and nothing after them, because somebody before us may have taken
/// the length.
#[tokio::test(start_paused = true)]
async fn after_length_and_chunks_together_nothing_is_read() {
    scope(1, async {
        let door = Door::open(GatewayConfig::default());
        let whole = format!("{:x}\r\n{PUT}\r\n0\r\n\r\n", PUT.len());
        let mut expected = 0;
        for framing in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n",
            "Transfer-Encoding: CHUNKED\r\nContent-Length: x\r\n",
            // One line of each, as a reader that lets a bare LF end a line has it.
            "Content-Length: 3\nTransfer-Encoding: chunked\n",
            "X: y\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        ] {
            let mut client = door.connect().await;
            let head = BOTO3_HEAD.replace("OPERATION", "PutRecord");
            let bytes = format!("{head}{framing}\r\n{whole}{HIDDEN}");
            client.send_what_is_taken(bytes.as_bytes()).await;
            assert_eq!(client.reply().await.status, 200, "{framing:?}");
            let second = client.try_reply().await;
            assert!(second.is_none(), "{framing:?} was two requests: {second:?}");
            assert!(client.is_closed().await, "{framing:?}");
            expected += 1;
            let seen = door.service.seen.lock().expect("not poisoned").len();
            assert_eq!(seen, expected, "{framing:?}");
        }
    })
    .await;
}

/// The good fields with some replaced (all of that name), or added.
fn with(changes: &[Field<'static>]) -> Vec<Field<'static>> {
    let kept = GOOD
        .iter()
        .filter(|(name, _)| changes.iter().all(|(it, _)| it != name));
    let (pseudo, plain): (Vec<_>, Vec<_>) = kept
        .chain(changes)
        .copied()
        .partition(|(name, _)| name.starts_with(b":"));
    [pseudo, plain].concat()
}

fn without(name: &[u8]) -> Vec<Field<'static>> {
    GOOD.iter().copied().filter(|(it, _)| *it != name).collect()
}

fn and_then(mut fields: Vec<Field<'static>>, last: Field<'static>) -> Vec<Field<'static>> {
    fields.push(last);
    fields
}

/// Heads that would be something else, or two of it, once somebody wrote them down as HTTP/1.1.
fn http2_heads() -> Vec<Vec<Field<'static>>> {
    let plain: [Field<'static>; 26] = [
        (b"X-Upper", b"a"),
        (b"Content-Length", b"3"),
        (b"", b"a"),
        (b"x y", b"a"),
        (b"x:y", b"a"),
        (b"x\r\ny", b"a"),
        (b"x\ny", b"a"),
        (b"x\0y", b"a"),
        (b"x", b"a\r\ntransfer-encoding: chunked"),
        (b"x", b"a\r\n\r\nPOST / HTTP/1.1\r\nhost: a\r\n\r\n"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\0b"),
        (b"connection", b"keep-alive"),
        (b"connection", b"x-amz-target"),
        (b"keep-alive", b"timeout=5"),
        (b"proxy-connection", b"keep-alive"),
        (b"transfer-encoding", b"chunked"),
        (b"transfer-encoding", b"identity"),
        (b"upgrade", b"h2c"),
        (b"te", b"chunked"),
        (b"te", b"trailers, chunked"),
        (b"content-length", b"3"),
        (b"content-length", b"999"),
        (b"content-length", b"+71"),
        (b"content-length", b"18446744073709551616"),
    ];
    let mut heads: Vec<_> = plain.iter().map(|field| with(&[*field])).collect();
    let pseudo: [Field<'static>; 16] = [
        (b":method", b"POST / HTTP/1.1\r\nhost: a\r\n\r\nGET"),
        (b":method", b"PO ST"),
        (b":method", b""),
        (b":scheme", b"http://a/?"),
        (b":scheme", b"ht tp"),
        (b":path", b"/ HTTP/1.1\r\nhost: a\r\n\r\nPOST /"),
        (b":path", b"/\r\nx: y"),
        (b":path", b"/ a"),
        (b":path", b"/\0"),
        (b":path", b""),
        (b":path", b"a"),
        (b":authority", b"a\r\nx: y"),
        (b":authority", b"a b"),
        (b":status", b"200"),
        (b":protocol", b"websocket"),
        (b":unknown", b"a"),
    ];
    heads.extend(pseudo.iter().map(|field| with(&[*field])));
    for name in [&b":method"[..], b":scheme", b":path"] {
        heads.push(without(name));
    }
    for field in [GOOD[0], GOOD[1], GOOD[2], GOOD[3]] {
        // A second time, and after a field that is no pseudo header.
        heads.push([&[field], &GOOD[..]].concat());
        heads.push(and_then(without(field.0), field));
    }
    heads.push(with(&[
        (b"content-length", b"71"),
        (b"content-length", b"3"),
    ]));
    heads
}

/// Frames after the settings that are no request.
fn http2_frames() -> Vec<(&'static str, Vec<u8>)> {
    use frames::{CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, block, frame, head};
    let good = block(&GOOD);
    let (half, rest) = good.split_at(good.len() / 2);
    let begun = frame(HEADERS, 0, 1, half);
    let put = frame(DATA, END_STREAM, 1, PUT.as_bytes());
    let trailers = |field: Field<'_>| {
        let body = frame(DATA, 0, 1, PUT.as_bytes());
        [head(1, 0, &GOOD), body, head(1, END_STREAM, &[field])].concat()
    };
    vec![
        (
            "a length of 2^24 - 1",
            [0xff, 0xff, 0xff, HEADERS, 4, 0, 0, 0, 1].to_vec(),
        ),
        ("stream 0", [head(0, 0, &GOOD), put.clone()].concat()),
        (
            "a stream of the server's",
            frames::request(2, &GOOD, PUT.as_bytes()),
        ),
        ("data before a head", put.clone()),
        (
            "a continuation of nothing",
            frame(CONTINUATION, END_HEADERS, 1, &good),
        ),
        (
            "another stream in between",
            [begun.clone(), head(3, END_STREAM, &GOOD)].concat(),
        ),
        ("data in between", [begun.clone(), put].concat()),
        (
            "a continuation elsewhere",
            [begun, frame(CONTINUATION, END_HEADERS, 3, rest)].concat(),
        ),
        (
            "padding beyond the end",
            frame(HEADERS, END_HEADERS | 8, 1, &[&[255], &good[..20]].concat()),
        ),
        (
            "an index beyond the tables",
            frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\x7f"),
        ),
        ("index 0", frame(HEADERS, END_HEADERS, 1, b"\x80")),
        (
            "an endless number",
            frame(HEADERS, END_HEADERS, 1, &[0xff; 64]),
        ),
        (
            "a string beyond the block",
            frame(HEADERS, END_HEADERS, 1, b"\x00\x7f\xff\xff\x03a"),
        ),
        (
            "bad Huffman code",
            frame(HEADERS, END_HEADERS, 1, b"\x00\x84\xff\xff\xff\xff\x01a"),
        ),
        ("a path in trailers", trailers((b":path", b"/"))),
        (
            "a connection header in trailers",
            trailers((b"transfer-encoding", b"chunked")),
        ),
        (
            "HTTP/1.1 in between",
            [b"\r\n\r\n", HIDDEN.as_bytes()].concat(),
        ),
    ]
}

/// What is wrong with the answer to frames, if anything is.
async fn judge_http2(door: &Door, bytes: &[u8]) -> Result<(), String> {
    door.service.seen.lock().expect("not poisoned").clear();
    let mut connection = frames::open(door.connect().await.0, &frames::settings(&[])).await;
    connection
        .write_all(bytes)
        .await
        .expect("the gateway reads");
    let mut refused = false;
    while let Some(frame) = frames::next(&mut connection).await {
        if frame.kind == frames::HEADERS && frame.payload.first() == Some(&frames::STATUS_200) {
            return Err("it was answered with 200".to_owned());
        }
        refused |= [frames::RESET, frames::GO_AWAY, frames::HEADERS].contains(&frame.kind);
    }
    if !refused {
        return Err("it was ignored".to_owned());
    }
    let seen = door.service.seen.lock().expect("not poisoned").clone();
    if !seen.is_empty() {
        return Err(format!("it reached the service: {seen:?}"));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn http2_that_would_be_something_else_in_http1_is_no_request() {
    scope(1, async {
        let door = Door::open(GatewayConfig::default());
        let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
        for fields in http2_heads() {
            let text = fields.iter().map(|(name, value)| {
                format!("{}: {}\n", name.escape_ascii(), value.escape_ascii())
            });
            cases.push((text.collect(), frames::request(1, &fields, PUT.as_bytes())));
        }
        let broken = http2_frames().into_iter();
        cases.extend(broken.map(|(what, bytes)| (what.to_owned(), bytes)));
        let mut failures = Vec::new();
        for (what, bytes) in cases {
            if let Err(why) = judge_http2(&door, &bytes).await {
                failures.push(format!("{what}: {why}"));
            }
        }
        assert!(failures.is_empty(), "{failures:#?}");
        // The bytes are right, so it was the changes that were refused.
        let good = frames::request(1, &GOOD, PUT.as_bytes());
        let mut connection = frames::open(door.connect().await.0, &frames::settings(&[])).await;
        connection
            .write_all(&good)
            .await
            .expect("the gateway reads");
        while frames::next(&mut connection).await.expect("an answer").kind != frames::HEADERS {}
        assert_eq!(door.service.seen.lock().expect("not poisoned").len(), 1);
    })
    .await;
}
