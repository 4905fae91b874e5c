//! A gateway over in-memory connections (or a real socket) with a fake service behind it.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod floods;
pub(crate) mod frames;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ana_env::memory::SeededRng;
use ana_env::real::RealClock;
use ana_env::time::{sleep, timeout};
use ana_env::{Listener, Stream};
use ana_gateway::{
    AdminHandler, AdminReply, Events, Gateway, GatewayConfig, RequestContext, Service,
};
use ana_types::{KinesisError, Position, SequenceNumber, ShardIndex, StoredRecord, StreamName};
use ana_wire::{
    Fault, FaultKind, GetRecordsOutput, PutRecordOutput, Request, Response, SubscribeToShardEvent,
    SubscribeToShardInput,
};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot, watch};

/// The head of a request as boto3 sends it, without the length.
pub(crate) const BOTO3_HEAD: &str = "POST / HTTP/1.1\r\n\
    Host: localhost:4567\r\n\
    Accept-Encoding: identity\r\n\
    X-Amz-Target: Kinesis_20131202.OPERATION\r\n\
    Content-Type: application/x-amz-json-1.1\r\n\
    User-Agent: Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1 os/linux#6.8 md/arch#x86_64 lang/python#3.12.3 md/pyimpl#CPython m/Z,b cfg/retry-mode#legacy Botocore/1.43.11\r\n\
    X-Amz-Date: 20261122T101112Z\r\n\
    Authorization: AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/kinesis/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n\
    amz-sdk-invocation-id: 7d2c8d8e-6f0a-4c5e-9f0e-0a1b2c3d4e5f\r\n\
    amz-sdk-request: attempt=1\r\n";

/// The bytes of a whole request as boto3 sends it.
pub(crate) fn boto3(operation: &str, body: &str) -> Vec<u8> {
    let head = BOTO3_HEAD.replace("OPERATION", operation);
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A service that remembers what it was asked and answers by the name of the stream.
#[derive(Debug, Default)]
pub(crate) struct FakeService {
    pub(crate) seen: Mutex<Vec<Request>>,
    /// Events that the gateway has taken out of subscriptions.
    pub(crate) taken: Arc<AtomicUsize>,
    /// Subscriptions that are not yet dropped.
    pub(crate) open: Arc<watch::Sender<usize>>,
}

/// Bytes of data in each event of the shard `flood`.
pub(crate) const FLOOD_EVENT_BYTES: usize = 100_000;

/// Counts a subscription as open until it is dropped.
struct Open(Arc<watch::Sender<usize>>);

impl Open {
    fn new(open: &Arc<watch::Sender<usize>>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(Arc::clone(open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl FakeService {
    /// The next event of a subscription, by the name of its shard.
    async fn event(shard: &str, number: u64) -> Option<Result<SubscribeToShardEvent, Fault>> {
        match (shard, number) {
            ("three", 3) => return None,
            ("fault", 1) => return Some(Err(Fault::new(FaultKind::ResourceInUse, "taken over"))),
            ("fault" | "idle", 1..) => std::future::pending().await,
            ("session", 75) => return None,
            ("session", _) => sleep(Duration::from_secs(4)).await,
            _ => {}
        }
        let data = match shard {
            "flood" => Bytes::from(vec![7; FLOOD_EVENT_BYTES]),
            _ => Bytes::from_static(b"hello"),
        };
        Some(Ok(SubscribeToShardEvent {
            records: vec![StoredRecord {
                sequence: stored().sequence,
                arrival_ms: 1,
                partition_key: Bytes::from_static(b"k"),
                data,
                encrypted: false,
            }],
            continuation: Some(stored().sequence),
            millis_behind_latest: number,
            child_shards: vec![],
        }))
    }
}

#[async_trait]
impl Service for FakeService {
    async fn call(&self, context: RequestContext, request: Request) -> Result<Response, Fault> {
        assert!(!context.peer.is_empty());
        self.seen
            .lock()
            .expect("not poisoned")
            .push(request.clone());
        match request {
            Request::PutRecord(put) => match put.stream.name.as_deref() {
                Some("slow") => {
                    sleep(Duration::from_secs(2)).await;
                    Ok(Response::PutRecord(stored()))
                }
                Some("stuck") => std::future::pending().await,
                Some("missing") => {
                    let stream = StreamName::new("missing").expect("a legal name");
                    let error = KinesisError::StreamNotFound { stream };
                    Err(Fault::from((
                        &error,
                        &Default::default(),
                        &Default::default(),
                    )))
                }
                Some("down") => Err(Fault::unavailable()),
                _ => Ok(Response::PutRecord(stored())),
            },
            Request::GetRecords(_) => Ok(Response::GetRecords(GetRecordsOutput {
                records: vec![StoredRecord {
                    sequence: stored().sequence,
                    arrival_ms: 1,
                    partition_key: Bytes::from_static(b"k"),
                    data: Bytes::from(vec![7; 8 * 1024 * 1024]),
                    encrypted: false,
                }],
                next_shard_iterator: Some("AAAA".to_owned()),
                millis_behind_latest: 0,
                child_shards: vec![],
            })),
            _ => Ok(Response::Empty),
        }
    }

    async fn subscribe(
        &self,
        context: RequestContext,
        input: SubscribeToShardInput,
    ) -> Result<Events, Fault> {
        assert!(!context.peer.is_empty());
        if input.shard_id == "refused" {
            return Err(Fault::new(FaultKind::ResourceNotFound, "no such consumer"));
        }
        let open = Open::new(&self.open);
        let taken = Arc::clone(&self.taken);
        let start = (open, taken, input.shard_id, 0);
        let events = futures::stream::unfold(start, |(open, taken, shard, number)| async move {
            let event = FakeService::event(&shard, number).await?;
            taken.fetch_add(1, Ordering::Relaxed);
            Some((event, (open, taken, shard, number + 1)))
        });
        Ok(Box::pin(events))
    }
}

pub(crate) fn stored() -> PutRecordOutput {
    let sequence = SequenceNumber {
        created_s: 1,
        shard: ShardIndex(0),
        position: Position(1),
        time_s: 2,
    };
    PutRecordOutput {
        shard: ShardIndex(0),
        sequence,
        encrypted: false,
    }
}

/// Answers with what it was asked.
#[derive(Debug)]
pub(crate) struct FakeAdmin;

#[async_trait]
impl AdminHandler for FakeAdmin {
    async fn handle(&self, method: &str, path: &str, body: Bytes) -> AdminReply {
        let body = format!("{method} {path} {}", String::from_utf8_lossy(&body)).into_bytes();
        AdminReply {
            status: 202,
            content_type: "text/plain",
            body,
        }
    }
}

struct MemoryListener(mpsc::Receiver<Stream>);

#[async_trait]
impl Listener for MemoryListener {
    async fn accept(&mut self) -> std::io::Result<(Stream, String)> {
        match self.0.recv().await {
            Some(stream) => Ok((stream, "memory".to_owned())),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> String {
        "memory".to_owned()
    }
}

/// A gateway that runs.
pub(crate) struct Door {
    connect: mpsc::Sender<Stream>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) service: Arc<FakeService>,
    pub(crate) serving: ana_env::runtime::JoinHandle<()>,
}

impl Door {
    pub(crate) fn open(config: GatewayConfig) -> Self {
        let (connect, connections) = mpsc::channel(64);
        let (stop, service, serving) = run(config, Box::new(MemoryListener(connections)));
        Self {
            connect,
            stop: Some(stop),
            service,
            serving,
        }
    }

    pub(crate) async fn connect(&self) -> RawClient<DuplexStream> {
        let (ours, theirs) = duplex(64 * 1024);
        self.connect
            .send(Box::new(theirs))
            .await
            .expect("the gateway runs");
        RawClient(ours)
    }

    pub(crate) fn stop(&mut self) {
        let stop = self.stop.take().expect("not stopped before");
        stop.send(()).expect("the gateway runs");
    }
}

/// Starts a gateway on any listener.
pub(crate) fn run(
    config: GatewayConfig,
    listener: Box<dyn Listener>,
) -> (
    oneshot::Sender<()>,
    Arc<FakeService>,
    ana_env::runtime::JoinHandle<()>,
) {
    let (stop, stopped) = oneshot::channel::<()>();
    let service = Arc::new(FakeService::default());
    let behind: Arc<dyn Service> = Arc::clone(&service) as _;
    let gateway = Gateway::new(
        Arc::new(SeededRng::new(1)),
        Arc::new(RealClock::new()),
        config,
        behind,
        Arc::new(FakeAdmin),
    );
    let serving = ana_env::runtime::spawn(async move {
        let shutdown = async {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        gateway.serve(listener, shutdown).await;
    });
    (stop, service, serving)
}

/// Speaks HTTP/1.1 byte by byte.
pub(crate) struct RawClient<S>(pub(crate) S);

/// One answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RawReply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// As text; what is no UTF-8 is replaced.
    pub(crate) body: String,
    pub(crate) bytes: Vec<u8>,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> RawClient<S> {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the gateway reads");
    }

    /// Sends as much as the gateway takes.
    pub(crate) async fn send_what_is_taken(&mut self, bytes: &[u8]) {
        match self.0.write_all(bytes).await {
            Ok(()) | Err(_) => {}
        }
    }

    pub(crate) async fn call(&mut self, operation: &str, body: &str) -> RawReply {
        self.send(&boto3(operation, body)).await;
        self.reply().await
    }

    pub(crate) async fn reply(&mut self) -> RawReply {
        self.try_reply().await.expect("an answer")
    }

    /// `None` when the connection ends before an answer.
    pub(crate) async fn try_reply(&mut self) -> Option<RawReply> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(
                timeout(Duration::from_secs(600), self.0.read_u8())
                    .await
                    .ok()?
                    .ok()?,
            );
        }
        let head = String::from_utf8(head).expect("ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers
            .get("content-length")
            .map_or(0, |text| text.parse().expect("a length"));
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).await.ok()?;
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Some(RawReply {
            status,
            headers,
            body,
            bytes,
        })
    }

    /// True when the gateway has closed the connection, with nothing more to read.
    pub(crate) async fn is_closed(&mut self) -> bool {
        matches!(
            timeout(Duration::from_secs(600), self.0.read_u8()).await,
            Ok(Err(_))
        )
    }
}

impl RawReply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn error_type(&self) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).expect("a JSON error");
        json["__type"].as_str().expect("a type").to_owned()
    }
}
