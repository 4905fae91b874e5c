//! The clients of the simulation: AWS JSON 1.1 over HTTP/1.1. Those of runs have one connection per request, every wait
//! bounded.
//!
//! Written by hand so that nothing in it is random and a timed-out connection is dropped, never reused.

use std::time::Duration;

use ana_env::time::timeout;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turmoil::net::TcpStream;

/// Longer than the 5 s within which a node must answer.
const REQUEST_MAX: Duration = Duration::from_secs(6);

/// What came back, if anything did.
#[derive(Debug)]
pub enum Answer {
    /// HTTP 200 and its JSON (`Null` for an empty body).
    Ok(Value),
    /// A clear refusal: HTTP status, AWS error type, message.
    Refused(u16, String, String),
    /// No answer: the request may have been carried out.
    Unknown(String),
}

/// Calls one AWS operation at `host`.
pub async fn aws(host: &str, operation: &str, body: &Value) -> Answer {
    let head = aws_head(host, operation);
    match timeout(
        REQUEST_MAX,
        exchange(host, &head, body.to_string().as_bytes()),
    )
    .await
    {
        Ok(Ok((200, body))) => match parse(&body) {
            Ok(value) => Answer::Ok(value),
            Err(error) => Answer::Unknown(format!("{error:#}")),
        },
        Ok(Ok((status, body))) => {
            let value = parse(&body).unwrap_or(Value::Null);
            let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
            Answer::Refused(status, text("__type"), text("message"))
        }
        Ok(Err(error)) => Answer::Unknown(format!("{error:#}")),
        Err(_) => Answer::Unknown("timed out".to_owned()),
    }
}

/// The head of a request for an AWS operation, but for what [`exchange_over`] adds.
#[must_use]
pub fn aws_head(host: &str, operation: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: Kinesis_20131202.{operation}\r\n\
         Content-Type: application/x-amz-json-1.1\r\n"
    )
}

/// GETs a path of a node's own pages.
///
/// # Errors
/// When the node does not answer 200 with JSON in time.
pub async fn get(host: &str, path: &str) -> Result<Value> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
    let (status, body) = timeout(REQUEST_MAX, exchange(host, &head, b""))
        .await
        .context("timed out")??;
    if status != 200 {
        bail!(
            "{host}{path}: HTTP {status} {}",
            String::from_utf8_lossy(&body)
        );
    }
    parse(&body)
}

fn parse(body: &[u8]) -> Result<Value> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).context("not JSON")
}

async fn exchange(host: &str, head: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(host).await?;
    exchange_over(&mut stream, &format!("{head}Connection: close\r\n"), body).await
}

/// Sends one request over an open connection and waits for its answer: HTTP status and body.
///
/// # Errors
/// When the connection ends before the answer does, or the answer is none of HTTP.
pub async fn exchange_over(
    stream: &mut TcpStream,
    head: &str,
    body: &[u8],
) -> Result<(u16, Vec<u8>)> {
    let request = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(request.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.flush().await?;
    let mut received = Vec::new();
    loop {
        if let Some(answer) = complete(&received)? {
            return Ok(answer);
        }
        if stream.read_buf(&mut received).await? == 0 {
            bail!("the connection ended in the middle of an answer");
        }
    }
}

/// Status and body once the head and `Content-Length` bytes are there.
fn complete(received: &[u8]) -> Result<Option<(u16, Vec<u8>)>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end])?;
    let status = head.split(' ').nth(1).context("a status line")?.parse()?;
    let length: usize = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Ok(0), |(_, value)| value.trim().parse())?;
    let body = &received[end + 4..];
    Ok((body.len() >= length).then(|| (status, body[..length].to_vec())))
}
