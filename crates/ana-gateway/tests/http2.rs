//! HTTP/2 with prior knowledge on the same port, as the JavaScript SDK and the Kinesis Client Library
//! speak it; and both protocols over a real socket.

use crate::common;

use std::time::Duration;

use ana_env::runtime::{Tasks, scope};
use ana_env::{Env, Stream};
use ana_gateway::GatewayConfig;
use bytes::Bytes;
use common::{Door, RawClient};
use futures::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};

const PUT: &str = r#"{"StreamName":"clicks","Data":"aGVsbG8=","PartitionKey":"user-1"}"#;

/// A request as the JavaScript SDK sends it.
fn request(operation: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("http://localhost:4567/")
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-user-agent", "aws-sdk-js/3.1143.0")
        .header("amz-sdk-request", "attempt=1; max=3")
        .body(Full::new(body.into()))
        .expect("a request")
}

async fn connect(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    tasks: &Tasks,
) -> SendRequest<Full<Bytes>> {
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tasks.spawn(async move {
        match connection.await {
            Ok(()) | Err(_) => {}
        }
    });
    client
}

async fn text(response: Response<hyper::body::Incoming>) -> String {
    let bytes = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[tokio::test(start_paused = true)]
async fn many_requests_at_a_time_on_one_connection() {
    scope(1, async {
        let door = Door::open(GatewayConfig::default());
        let tasks = Tasks::new();
        let client = connect(door.connect().await.0, &tasks).await;
        let calls = (0..1000).map(|_| {
            let mut client = client.clone();
            async move {
                client.ready().await.expect("open");
                let response = client
                    .send_request(request("PutRecord", PUT))
                    .await
                    .expect("an answer");
                assert_eq!(response.status(), StatusCode::OK);
                assert_eq!(
                    response.headers()["content-type"],
                    "application/x-amz-json-1.1"
                );
                assert!(response.headers().contains_key("x-amzn-requestid"));
                assert!(text(response).await.contains("SequenceNumber"));
            }
        });
        join_all(calls).await;
        assert_eq!(door.service.seen.lock().expect("not poisoned").len(), 1000);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn large_bodies_both_ways_and_one_too_large() {
    scope(1, async {
        let door = Door::open(GatewayConfig::default());
        let tasks = Tasks::new();
        let mut client = connect(door.connect().await.0, &tasks).await;
        let data = "aaaa".repeat(2_000_000);
        let put = request("PutRecord", PUT.replace("aGVsbG8=", &data));
        let response = client.send_request(put).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        let get = request("GetRecords", r#"{"ShardIterator":"AAAA"}"#);
        let response = client.send_request(get).await.expect("an answer");
        assert!(text(response).await.len() > 8 * 1024 * 1024);
        let huge = request("PutRecord", vec![b'x'; 16 * 1024 * 1024 + 1]);
        let response = client.send_request(huge).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(text(response).await, "");
        let response = client
            .send_request(request("PutRecord", PUT))
            .await
            .expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "the connection goes on");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_requests_end() {
    scope(1, async {
        let mut door = Door::open(GatewayConfig::default());
        let tasks = Tasks::new();
        let mut client = connect(door.connect().await.0, &tasks).await;
        let slow = client.send_request(request("PutRecord", PUT.replace("clicks", "slow")));
        let stuck = client.send_request(request("PutRecord", PUT.replace("clicks", "stuck")));
        ana_env::time::sleep(Duration::from_millis(10)).await;
        door.stop();
        let (slow, stuck) = futures::join!(slow, stuck);
        assert_eq!(slow.expect("an answer").status(), StatusCode::OK);
        assert!(stuck.is_err());
        door.serving.await.expect("no panic");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_client_leaves_no_window_for_is_dropped() {
    scope(1, async {
        let door = Door::open(GatewayConfig::default());
        let tasks = Tasks::new();
        let mut client = connect(door.connect().await.0, &tasks).await;
        let get = request("GetRecords", r#"{"ShardIterator":"AAAA"}"#);
        let mut response = client.send_request(get).await.expect("a head");
        ana_env::time::sleep(Duration::from_secs(200)).await;
        let mut broken = false;
        while let (Some(frame), false) = (response.body_mut().frame().await, broken) {
            broken = frame.is_err();
        }
        assert!(broken, "the gateway gave up before the end");
    })
    .await;
}

/// The one test with a socket: HTTP/1.1 and HTTP/2 side by side on one port.
#[tokio::test]
async fn both_protocols_share_a_port() {
    scope(1, async {
        let net = Env::real().net;
        let listener = net.listen("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr();
        let (stop, service, serving) = common::run(GatewayConfig::default(), listener);
        let tasks = Tasks::new();

        let stream: Stream = net.connect(&address).await.expect("a connection");
        let mut http1 = RawClient(stream);
        let stream: Stream = net.connect(&address).await.expect("a connection");
        let mut http2 = connect(stream, &tasks).await;
        for _ in 0..10 {
            assert_eq!(http1.call("PutRecord", PUT).await.status, 200);
            let response = http2
                .send_request(request("PutRecord", PUT))
                .await
                .expect("an answer");
            assert_eq!(response.status(), StatusCode::OK);
        }
        let stream: Stream = net.connect(&address).await.expect("a connection");
        let mut http1_large = RawClient(stream);
        let reply = http1_large
            .call("PutRecord", &"x".repeat(17 * 1024 * 1024))
            .await;
        assert_eq!(
            reply.status, 413,
            "read through a real socket, not lost in a reset"
        );

        assert_eq!(service.seen.lock().expect("not poisoned").len(), 20);
        stop.send(()).expect("the gateway runs");
        serving.await.expect("no panic");
        assert!(
            net.connect(&address).await.is_err(),
            "nothing listens any more"
        );
    })
    .await;
}
