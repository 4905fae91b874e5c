//! Connections that made one request, were answered, and stay open without a word: what SDKs keep in their pools.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections being opened at a time.
const OPENING_MAX: usize = 32;
/// A node that is busy with nothing else answers at once.
const ANSWER_MAX: Duration = Duration::from_secs(5);

const HTTP1: &[u8] = b"GET /_ana/health HTTP/1.1\r\nHost: crowd\r\n\r\n";
/// The connection preface, empty SETTINGS, and as stream 1 the same GET: HPACK's static entries 2 (GET) and 6 (http),
/// and the path and authority as literals.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\0\x04\0\0\0\0\0\
    \0\0\x17\x01\x05\0\0\0\x01\x82\x86\x04\x0c/_ana/health\x01\x05crowd";
const FRAME_HEAD_BYTES: usize = 9;
const END_STREAM: u8 = 1;

/// Opens `count` connections, half of them HTTP/1.1 and half HTTP/2.
pub(crate) async fn open(address: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut openers = JoinSet::new();
    for _ in 0..OPENING_MAX {
        let next = Arc::clone(&next);
        openers.spawn(async move {
            let mut opened = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(opened);
                }
                let opening = timeout(ANSWER_MAX, stranger(address, number.is_multiple_of(2)));
                let context = || format!("connection {number}");
                let stream = opening.await.with_context(context)?.with_context(context)?;
                opened.push(stream);
            }
        });
    }
    let mut all = Vec::with_capacity(count);
    while let Some(opened) = openers.join_next().await {
        all.extend(opened??);
    }
    Ok(all)
}

async fn stranger(address: SocketAddr, is_http2: bool) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(if is_http2 { HTTP2 } else { HTTP1 })
        .await?;
    let mut answer = Vec::new();
    loop {
        let is_whole = if is_http2 {
            is_whole_http2(&answer)
        } else {
            is_whole_http1(&answer)
        };
        if is_whole {
            return Ok(stream);
        }
        let count = stream.read_buf(&mut answer).await?;
        ensure!(count > 0, "closed after {}", answer.escape_ascii());
    }
}

fn is_whole_http1(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()) == Some(body.len())
}

/// Whether the frames include the last one of stream 1. They are short, and flags of SETTINGS are of stream 0.
fn is_whole_http2(answer: &[u8]) -> bool {
    let mut left = answer;
    while let Some((head, rest)) = left.split_first_chunk::<FRAME_HEAD_BYTES>() {
        let [_, high, low, _, flags, stream @ ..] = *head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(rest) = rest.get(length..) else {
            return false;
        };
        if u32::from_be_bytes(stream) == 1 && flags & END_STREAM != 0 {
            return true;
        }
        left = rest;
    }
    false
}

/// How many connections the node has not closed.
pub(crate) fn count_open(streams: &[TcpStream]) -> usize {
    let is_open = |stream: &&TcpStream| {
        let mut piece = [0; 1024];
        loop {
            match stream.try_read(&mut piece) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
    };
    streams.iter().filter(is_open).count()
}
