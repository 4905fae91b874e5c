//! HTTP/2 frame by frame, for clients that no library would be: nothing here stops what the protocol forbids.

use std::time::Duration;

use ana_env::time::timeout;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GO_AWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// The setting of the window that new streams begin with.
pub(crate) const INITIAL_WINDOW: u16 = 4;

/// `:status 200` as HPACK's static table has it: how the head of an ordinary answer begins.
pub(crate) const STATUS_200: u8 = 0x88;

/// Longer than any bound of the gateway.
const FOR_EVER: Duration = Duration::from_secs(600);

pub(crate) type Field<'a> = (&'a [u8], &'a [u8]);

/// The fields of a PutRecord that is as it should be.
pub(crate) const GOOD: [Field<'static>; 6] = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/"),
    (b":authority", b"localhost:4567"),
    (b"x-amz-target", b"Kinesis_20131202.PutRecord"),
    (b"content-type", b"application/x-amz-json-1.1"),
];

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub(crate) fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in pairs {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

/// A header block: every field as a literal that is not indexed and not compressed.
pub(crate) fn block(fields: &[Field<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        text(&mut bytes, name);
        text(&mut bytes, value);
    }
    bytes
}

fn text(bytes: &mut Vec<u8>, text: &[u8]) {
    if let Some(short) = u8::try_from(text.len()).ok().filter(|length| *length < 127) {
        bytes.push(short);
    } else {
        bytes.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            bytes.push(u8::try_from(rest % 128).expect("seven bits") | 128);
            rest /= 128;
        }
        bytes.push(u8::try_from(rest).expect("seven bits"));
    }
    bytes.extend(text);
}

/// The head of a request, whole in one frame.
pub(crate) fn head(stream: u32, flags: u8, fields: &[Field<'_>]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, &block(fields))
}

/// A whole request with a body.
pub(crate) fn request(stream: u32, fields: &[Field<'_>], body: &[u8]) -> Vec<u8> {
    [
        head(stream, 0, fields),
        frame(DATA, END_STREAM, stream, body),
    ]
    .concat()
}

/// A frame that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The next frame; `None` once the gateway has closed.
pub(crate) async fn next(connection: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let read = async {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, s, t, r, e] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut payload = vec![0; usize::try_from(length).expect("24 bits")];
        connection.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes([s, t, r, e]);
        Some(Frame {
            kind,
            flags,
            stream,
            payload,
        })
    };
    timeout(FOR_EVER, read).await.ok().flatten()
}

/// A connection over which the preface, `first` and the gateway's own settings have gone.
pub(crate) async fn open<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, first: &[u8]) -> S {
    let hello = [PREFACE, first].concat();
    stream.write_all(&hello).await.expect("the gateway reads");
    loop {
        let frame = next(&mut stream).await.expect("the gateway's settings");
        if frame.kind == SETTINGS && frame.flags & ACK == 0 {
            break;
        }
    }
    let ack = frame(SETTINGS, ACK, 0, b"");
    stream.write_all(&ack).await.expect("the gateway reads");
    stream
}
