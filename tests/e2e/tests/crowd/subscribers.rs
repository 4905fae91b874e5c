//! Fan-out subscriptions as lean as they can be, many on one HTTP/2 connection or one on each HTTP/1.1 connection:
//! those that read what they are pushed, and those that never read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Context;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::Request;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Of five subscriptions, so many share HTTP/2 connections, as those of the Kinesis Client Library do.
const HTTP2_OF_FIVE: usize = 4;
/// Subscriptions on one HTTP/2 connection.
const STREAMS_PER_CONNECTION: usize = 100;
/// The window of one HTTP/2 stream: the standard's own. What a reader that never reads makes us hold for it.
const WINDOW_BYTES: u32 = 65_535;
/// All streams of a connection are held up by their own windows, never by the connection's.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;
/// Little: on HTTP/1.1 the kernels of both sides take what a reader that never reads is sent.
const RECEIVE_BUFFER_BYTES: u32 = 16 << 10;
/// The node begins an answer within this, even in the middle of a crowd.
const BEGIN_MAX: Duration = Duration::from_secs(10);
const TARGET: &str = "Kinesis_20131202.SubscribeToShard";

/// A consumer and a shard, and where to begin.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) consumer_arn: String,
    pub(crate) shard: String,
    pub(crate) start: &'static str,
}

impl Place {
    fn body(&self) -> Bytes {
        let body = json!({
            "ConsumerARN": self.consumer_arn,
            "ShardId": self.shard,
            "StartingPosition": { "Type": self.start },
        });
        Bytes::from(body.to_string())
    }
}

/// A subscription that has begun and of which nothing was read but the head of the answer.
#[derive(Debug)]
pub(crate) enum Subscription {
    /// With what came behind the head.
    Http1(TcpStream, Vec<u8>),
    /// With the request's side, which tells of a reset without reading.
    Http2(RecvStream, SendStream<Bytes>),
}

/// Subscribes to all places, in order, on connections of their own.
pub(crate) async fn subscribe(address: SocketAddr, places: &[Place]) -> Result<Vec<Subscription>> {
    let (shared, single) = places.split_at(places.len() * HTTP2_OF_FIVE / 5);
    let mut opening = JoinSet::new();
    for places in shared.chunks(STREAMS_PER_CONNECTION) {
        let places = places.to_vec();
        opening.spawn(async move {
            let connection = connect_http2(address).await?;
            let mut begun = Vec::new();
            for place in &places {
                let begin = timeout(BEGIN_MAX, over_http2(connection.clone(), place));
                begun.push(begin.await.context("no answer")??);
            }
            anyhow::Ok(begun)
        });
    }
    for places in single.chunks(STREAMS_PER_CONNECTION) {
        let places = places.to_vec();
        opening.spawn(async move {
            let mut begun = Vec::new();
            for place in &places {
                let begin = timeout(BEGIN_MAX, over_http1(address, place));
                begun.push(begin.await.context("no answer")??);
            }
            anyhow::Ok(begun)
        });
    }
    let mut all = Vec::with_capacity(places.len());
    while let Some(begun) = opening.join_next().await {
        all.extend(begun??);
    }
    Ok(all)
}

async fn connect_http2(address: SocketAddr) -> Result<SendRequest<Bytes>> {
    let stream = TcpStream::connect(address).await?;
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(stream)
        .await?;
    #[expect(clippy::disallowed_methods, reason = "test clients are not simulated")]
    tokio::spawn(async move {
        // It ends with the last of its streams; what goes wrong is seen by these.
        drop(connection.await);
    });
    Ok(sender)
}

async fn over_http2(sender: SendRequest<Bytes>, place: &Place) -> Result<Subscription> {
    let request = Request::post("http://crowd/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", TARGET)
        .body(())?;
    let mut sender = sender.ready().await?;
    let (response, mut body) = sender.send_request(request, false)?;
    body.send_data(place.body(), true)?;
    let mut response = response.await?;
    if !response.status().is_success() {
        let body = response.body_mut().data().await;
        bail!("{place:?}: {:?} {body:?}", response.status());
    }
    Ok(Subscription::Http2(response.into_body(), body))
}

async fn over_http1(address: SocketAddr, place: &Place) -> Result<Subscription> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    let mut stream = socket.connect(address).await?;
    let body = place.body();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: crowd\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: {TARGET}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await?;
    let mut answer = Vec::new();
    let end = loop {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            break end + 4;
        }
        let count = stream.read_buf(&mut answer).await?;
        ensure!(count > 0, "{place:?}: {}", answer.escape_ascii());
    };
    let behind = answer.split_off(end);
    let is_good = answer.starts_with(b"HTTP/1.1 200 ");
    ensure!(
        is_good,
        "{place:?}: {}{}",
        answer.escape_ascii(),
        behind.escape_ascii()
    );
    Ok(Subscription::Http1(stream, behind))
}

impl Subscription {
    /// The next bytes of the answer's body; `None` at its end. On HTTP/1.1 with the lengths of the chunks in between.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::Http1(_, behind) if !behind.is_empty() => {
                Ok(Some(Bytes::from(std::mem::take(behind))))
            }
            Self::Http1(stream, _) => {
                let mut piece = Vec::with_capacity(4096);
                let count = stream.read_buf(&mut piece).await?;
                Ok((count > 0).then(|| Bytes::from(piece)))
            }
            Self::Http2(stream, _) => {
                let piece = stream.data().await.transpose()?;
                if let Some(piece) = &piece {
                    stream.flow_control().release_capacity(piece.len())?;
                }
                Ok(piece)
            }
        }
    }

    /// Whether all that fits between the node and a reader that never reads is there. Seen on HTTP/2 alone.
    pub(crate) fn is_stalled(&mut self) -> bool {
        match self {
            Self::Http1(..) => true,
            Self::Http2(stream, _) => {
                stream.flow_control().used_capacity() >= usize::try_from(WINDOW_BYTES).unwrap_or(0)
            }
        }
    }

    /// Whether the node has reset it. Seen on HTTP/2 alone; of the others the node's open files tell.
    pub(crate) fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Http1(..) => true,
            Self::Http2(_, request) => request.poll_reset(cx).is_ready(),
        }
    }

    pub(crate) fn is_http1(&self) -> bool {
        matches!(self, Self::Http1(..))
    }
}

/// Subscriptions that are read for as long as this lives.
#[derive(Debug)]
pub(crate) struct Readers {
    counts: Vec<Arc<AtomicU64>>,
    tasks: JoinSet<Result<()>>,
}

impl Readers {
    pub(crate) fn start(subscriptions: Vec<Subscription>) -> Readers {
        let mut tasks = JoinSet::new();
        let counts = subscriptions.into_iter().map(|mut subscription| {
            let count = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&count);
            tasks.spawn(async move {
                let mut events = Events::default();
                while let Some(piece) = subscription.next().await? {
                    counted.fetch_add(events.push(&piece)?, Ordering::Relaxed);
                }
                bail!("the node ended a subscription")
            });
            count
        });
        Readers {
            counts: counts.collect(),
            tasks,
        }
    }

    /// Events that the subscription with the fewest has seen. Fails when one has ended.
    pub(crate) fn fewest(&mut self) -> Result<u64> {
        if let Some(ended) = self.tasks.try_join_next() {
            ended??;
        }
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        counts.min().context("nobody is subscribed")
    }

    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Finds events in the bytes of a body by what each contains exactly once.
#[derive(Debug, Default)]
struct Events {
    tail: Vec<u8>,
}

impl Events {
    const EVENT: &'static [u8] = b"SubscribeToShardEvent";
    const FAULT: &'static [u8] = b":exception-type";

    /// How many events begin in `piece`, or began with what came before it.
    fn push(&mut self, piece: &[u8]) -> Result<u64> {
        self.tail.extend_from_slice(piece);
        let has = |what: &[u8]| {
            self.tail
                .windows(what.len())
                .filter(|it| *it == what)
                .count()
        };
        ensure!(has(Self::FAULT) == 0, "{}", self.tail.escape_ascii());
        let events = has(Self::EVENT);
        // Too short to contain one that was counted, long enough for the beginning of one that was not.
        let last = self
            .tail
            .windows(Self::EVENT.len())
            .rposition(|it| it == Self::EVENT);
        let counted = last.map_or(0, |at| at + Self::EVENT.len());
        let keep_from = counted.max(self.tail.len().saturating_sub(Self::EVENT.len() - 1));
        self.tail.drain(..keep_from);
        Ok(u64::try_from(events)?)
    }
}
