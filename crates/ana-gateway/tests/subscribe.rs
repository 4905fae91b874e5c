//! Subscriptions over real sockets, HTTP/1.1 and HTTP/2: frames in order, and an end for every kind of reader.

use crate::common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ana_env::runtime::{JoinHandle, Tasks, scope};
use ana_env::time::{now, timeout};
use ana_env::{Env, Stream};
use ana_gateway::GatewayConfig;
use ana_wire::event_stream::{Frame, Reader};
use bytes::Bytes;
use common::{Door, FLOOD_EVENT_BYTES, FakeService};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::oneshot;

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(20);

const CONSUMER: &str =
    "arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/reader:1795309323";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

enum Client {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    async fn over(stream: impl ana_env::Io + 'static, protocol: Protocol, tasks: &Tasks) -> Self {
        let io = TokioIo::new(stream);
        match protocol {
            Protocol::Http1 => {
                let (client, connection) = http1::handshake(io).await.expect("HTTP/1.1");
                tasks.spawn(async move {
                    match connection.await {
                        Ok(()) | Err(_) => {}
                    }
                });
                Self::Http1(client)
            }
            Protocol::Http2 => {
                let (client, connection) = http2::handshake(TokioExecutor::new(), io)
                    .await
                    .expect("HTTP/2");
                tasks.spawn(async move {
                    match connection.await {
                        Ok(()) | Err(_) => {}
                    }
                });
                Self::Http2(client)
            }
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let response = match self {
            Self::Http1(client) => client.send_request(request).await,
            Self::Http2(client) => client.send_request(request).await,
        };
        response.expect("an answer")
    }

    async fn subscribe(&mut self, shard: &str) -> Response<Incoming> {
        self.send(request(shard, "application/x-amz-json-1.1"))
            .await
    }
}

fn request(shard: &str, content_type: &str) -> Request<Full<Bytes>> {
    let body = format!(
        r#"{{"ConsumerARN":"{CONSUMER}","ShardId":"{shard}","StartingPosition":{{"Type":"LATEST"}}}}"#
    );
    Request::post("http://localhost:4567/")
        .header("host", "localhost:4567")
        .header("x-amz-target", "Kinesis_20131202.SubscribeToShard")
        .header("content-type", content_type)
        .body(Full::new(Bytes::from(body)))
        .expect("a request")
}

fn put() -> Request<Full<Bytes>> {
    let body = r#"{"StreamName":"clicks","Data":"aGVsbG8=","PartitionKey":"user-1"}"#;
    Request::post("http://localhost:4567/")
        .header("host", "localhost:4567")
        .header("x-amz-target", "Kinesis_20131202.PutRecord")
        .header("content-type", "application/x-amz-json-1.1")
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .expect("a request")
}

/// A gateway on a real socket.
struct Served {
    address: String,
    stop: Option<oneshot::Sender<()>>,
    service: Arc<FakeService>,
    serving: JoinHandle<()>,
    tasks: Tasks,
}

impl Served {
    async fn new(config: GatewayConfig) -> Self {
        let listener = Env::real().net.listen("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr();
        let (stop, service, serving) = common::run(config, listener);
        Self {
            address,
            stop: Some(stop),
            service,
            serving,
            tasks: Tasks::new(),
        }
    }

    async fn client(&self, protocol: Protocol) -> Client {
        let stream: Stream = Env::real()
            .net
            .connect(&self.address)
            .await
            .expect("a connection");
        Client::over(stream, protocol, &self.tasks).await
    }

    async fn until_open(&self, wanted: usize) {
        let mut open = self.service.open.subscribe();
        let reached = timeout(SOON, open.wait_for(|open| *open == wanted)).await;
        let reached = reached.expect("in time").map(|open| *open);
        assert_eq!(reached.ok(), Some(wanted));
    }
}

/// One frame more, if the body goes on; `None` at its clean end.
async fn next_frame(body: &mut Incoming, reader: &mut Reader) -> Option<Frame> {
    loop {
        if let Some(frame) = reader.next_frame().expect("sound frames") {
            return Some(frame);
        }
        let Some(piece) = body.frame().await else {
            assert!(reader.is_between_frames(), "cut off inside of a frame");
            return None;
        };
        let piece = piece.expect("no error").into_data().expect("data");
        reader.push(&piece);
    }
}

async fn all_frames(response: Response<Incoming>) -> Vec<Frame> {
    let (mut body, mut reader) = (response.into_body(), Reader::new());
    let mut frames = Vec::new();
    while let Some(frame) = next_frame(&mut body, &mut reader).await {
        frames.push(frame);
    }
    frames
}

fn is_event(frame: &Frame, behind: usize) -> bool {
    let Frame::Event { kind, payload } = frame else {
        return false;
    };
    let json: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
    kind == "SubscribeToShardEvent" && json["MillisBehindLatest"] == behind
}

#[tokio::test]
async fn frames_come_in_order_and_end_with_the_session() {
    scope(1, async {
        let served = Served::new(GatewayConfig::default()).await;
        for protocol in BOTH {
            let mut client = served.client(protocol).await;
            let response = client.subscribe("three").await;
            assert_eq!(response.status(), 200);
            let headers = response.headers().clone();
            assert_eq!(
                headers["content-type"],
                "application/vnd.amazon.eventstream"
            );
            assert!(headers.contains_key("x-amzn-requestid") && headers.contains_key("x-amz-id-2"));
            assert!(!headers.contains_key("content-length"));
            let chunked = headers
                .get("transfer-encoding")
                .map(|value| value == "chunked");
            assert_eq!(chunked, (protocol == Protocol::Http1).then_some(true));
            let frames = all_frames(response).await;
            assert_eq!(frames.len(), 4);
            assert_eq!(frames[0], Frame::InitialResponse);
            for (behind, frame) in frames[1..].iter().enumerate() {
                assert!(is_event(frame, behind), "{frame:?}");
            }
            assert_eq!(
                client.send(put()).await.status(),
                200,
                "the connection goes on"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn faults_are_answers_before_the_stream_and_frames_in_it() {
    scope(1, async {
        let served = Served::new(GatewayConfig::default()).await;
        for protocol in BOTH {
            let mut client = served.client(protocol).await;
            let frames = all_frames(client.subscribe("fault").await).await;
            assert_eq!(frames.len(), 3);
            let Frame::Exception { kind, message } = &frames[2] else {
                panic!("{frames:?}")
            };
            assert_eq!(
                (kind.as_str(), message.as_deref()),
                ("ResourceInUseException", Some("taken over"))
            );
            let response = client.subscribe("refused").await;
            assert_eq!(response.status(), 400);
            assert_eq!(
                response.headers()["content-type"],
                "application/x-amz-json-1.1"
            );
            let body = response.into_body().collect().await.expect("a body");
            let text = r#"{"__type":"ResourceNotFoundException","message":"no such consumer"}"#;
            assert_eq!(body.to_bytes(), text);
        }
        served.until_open(0).await;
    })
    .await;
}

#[tokio::test]
async fn cbor_gets_no_subscription() {
    scope(1, async {
        let served = Served::new(GatewayConfig::default()).await;
        let mut client = served.client(Protocol::Http1).await;
        // {"ConsumerARN": .., "ShardId": "three", "StartingPosition": {"Type": "LATEST"}}
        let mut body = b"\xa3\x6bConsumerARN\x78".to_vec();
        body.push(u8::try_from(CONSUMER.len()).expect("a short name"));
        body.extend(CONSUMER.as_bytes());
        body.extend(b"\x67ShardId\x65three\x70StartingPosition\xa1\x64Type\x66LATEST");
        let mut request = request("three", "application/x-amz-cbor-1.1");
        *request.body_mut() = Full::new(Bytes::from(body));
        let response = client.send(request).await;
        assert_eq!(response.status(), 500);
        assert_eq!(
            response.headers()["content-type"],
            "application/x-amz-cbor-1.1"
        );
        let body = response.into_body().collect().await.expect("a body");
        let body = body.to_bytes();
        assert!(
            body.starts_with(b"\xbf\x66__type\x6fInternalFailure"),
            "{body:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_subscription_at_once() {
    scope(1, async {
        let served = Served::new(GatewayConfig::default()).await;
        for protocol in BOTH {
            let mut client = served.client(protocol).await;
            let response = client.subscribe("idle").await;
            served.until_open(1).await;
            let start = now();
            drop((response, client));
            served.until_open(0).await;
            assert!(now() - start < Duration::from_secs(5));
        }
        // On HTTP/2 a stream can be cancelled alone.
        let mut client = served.client(Protocol::Http2).await;
        let (first, second) = (
            client.subscribe("idle").await,
            client.subscribe("idle").await,
        );
        served.until_open(2).await;
        drop(first);
        served.until_open(1).await;
        assert_eq!(client.send(put()).await.status(), 200);
        drop(second);
        served.until_open(0).await;
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_never_reads_costs_little_and_is_cut_off() {
    scope(1, async {
        let config = GatewayConfig {
            reader_stalls_max: Duration::from_millis(1500),
            ..GatewayConfig::default()
        };
        let served = Served::new(config).await;
        for protocol in BOTH {
            served.service.taken.store(0, Ordering::Relaxed);
            let mut client = served.client(protocol).await;
            let mut other = match protocol {
                Protocol::Http1 => served.client(protocol).await.subscribe("idle").await,
                Protocol::Http2 => client.subscribe("idle").await,
            };
            let mut unread = client.subscribe("flood").await;
            served.until_open(2).await;
            served.until_open(1).await;
            // What fits into the kernel's buffers or the window of the stream, and not more.
            let taken_bytes = served.service.taken.load(Ordering::Relaxed) * FLOOD_EVENT_BYTES;
            assert!(taken_bytes < 16 << 20, "{protocol:?}: {taken_bytes}");
            let (mut reader, mut broken) = (Reader::new(), false);
            while let (Some(piece), false) = (unread.body_mut().frame().await, broken) {
                match piece {
                    Ok(piece) => reader.push(&piece.into_data().expect("data")),
                    Err(_) => broken = true,
                }
            }
            assert!(broken, "cut off, not ended: {protocol:?}");
            // The others of the gateway, and of the same HTTP/2 connection, do not notice.
            let mut reader = Reader::new();
            let frame = next_frame(other.body_mut(), &mut reader).await;
            assert_eq!(frame, Some(Frame::InitialResponse));
            if protocol == Protocol::Http2 {
                assert_eq!(client.send(put()).await.status(), 200);
            }
            drop(other);
            served.until_open(0).await;
        }
    })
    .await;
}

/// Simulated time: five minutes, which is longer than any other answer may take.
#[tokio::test(start_paused = true)]
async fn a_session_of_five_minutes_is_not_cut() {
    scope(1, async {
        for protocol in BOTH {
            let door = Door::open(GatewayConfig::default());
            let tasks = Tasks::new();
            let stream = door.connect().await.0;
            let mut client = Client::over(stream, protocol, &tasks).await;
            let start = now();
            let frames = all_frames(client.subscribe("session").await).await;
            assert_eq!((now() - start).as_secs(), 300);
            assert_eq!(frames.len(), 76);
        }
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_ends_subscriptions_between_two_frames() {
    scope(1, async {
        for protocol in BOTH {
            let mut served = Served::new(GatewayConfig::default()).await;
            let mut client = served.client(protocol).await;
            let response = client.subscribe("idle").await;
            served.until_open(1).await;
            let stop = served.stop.take().expect("not stopped before");
            let start = now();
            stop.send(()).expect("the gateway runs");
            let frames = all_frames(response).await;
            assert_eq!(frames.len(), 2, "a clean end after what there was");
            let serving = timeout(SOON, served.serving).await;
            serving.expect("it ends").expect("no panic");
            assert!(now() - start < GatewayConfig::default().drain_within);
        }
    })
    .await;
}

#[tokio::test]
async fn subscriptions_are_bounded() {
    scope(1, async {
        let config = GatewayConfig {
            subscriptions_max: 2,
            ..GatewayConfig::default()
        };
        let served = Served::new(config).await;
        let mut client = served.client(Protocol::Http2).await;
        let (first, _second) = (
            client.subscribe("idle").await,
            client.subscribe("idle").await,
        );
        assert_eq!(client.subscribe("idle").await.status(), 503);
        drop(first);
        served.until_open(1).await;
        assert_eq!(client.subscribe("three").await.status(), 200);
    })
    .await;
}
