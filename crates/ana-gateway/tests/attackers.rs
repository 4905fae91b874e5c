//! Attackers who cost little and want much: slow ones, ones that do not read, floods of frames. With the bounds of
//! production each is cut off within half a minute, and those who work are not.
//!
//! Time is simulated.

use crate::common;

use std::time::Duration;

use ana_env::runtime::{Tasks, scope};
use ana_env::time::{now, sleep, timeout};
use ana_gateway::GatewayConfig;
use bytes::Bytes;
use common::floods::{self, Flood};
use common::frames::{self, Frame, GOOD, frame, head, settings};
use common::{BOTO3_HEAD, Door, RawClient, boto3};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, split};

const CUT_WITHIN: Duration = Duration::from_secs(30);
/// Far beyond it, so that a failure says how long it took.
const GIVE_UP_AFTER: Duration = Duration::from_secs(300);
const ROUND: Duration = Duration::from_millis(50);

const GET: &str = r#"{"ShardIterator":"AAAA"}"#;

fn door() -> Door {
    Door::open(GatewayConfig::default())
}

/// Floods until the gateway ends the connection; how long that took.
async fn flooded(door: &Door, flood: &Flood) -> Duration {
    let start = now();
    let connection = frames::open(door.connect().await.0, &settings(&[])).await;
    let (mut reading, mut writing) = split(connection);
    let drain = async {
        let mut buffer = vec![0; 64 * 1024];
        while matches!(reading.read(&mut buffer).await, Ok(1..)) {}
    };
    let send = async {
        let mut sent = writing.write_all(&flood.opening).await;
        for round in 0.. {
            if sent.is_err() {
                return;
            }
            sleep(ROUND).await;
            sent = writing.write_all(&(flood.burst)(round)).await;
        }
    };
    let both = async { tokio::join!(drain, send) };
    match timeout(GIVE_UP_AFTER, both).await {
        Ok(_) | Err(_) => now() - start,
    }
}

#[tokio::test(start_paused = true)]
async fn floods_of_frames_that_mean_nothing_are_cut() {
    scope(1, async {
        let door = door();
        for flood in floods::of_nothing() {
            let after = flooded(&door, &flood).await;
            assert!(after < CUT_WITHIN, "{}: {after:?}", flood.what);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn floods_of_requests_are_cut_at_once() {
    scope(1, async {
        let door = door();
        for flood in floods::of_requests() {
            let after = flooded(&door, &flood).await;
            assert!(after < CUT_WITHIN / 10, "{}: {after:?}", flood.what);
            let seen = door.service.seen.lock().expect("not poisoned").split_off(0);
            assert_eq!(seen.len(), 1, "{}: the first request alone", flood.what);
        }
    })
    .await;
}

/// Sends `opening`, then `drop` every second, and reads nothing until the connection ends; how long that took.
async fn dripped(connection: DuplexStream, opening: &[u8], drop: &[u8]) -> Duration {
    let start = now();
    let mut client = RawClient(connection);
    client.send_what_is_taken(opening).await;
    while client.0.write_all(drop).await.is_ok() {
        sleep(Duration::from_secs(1)).await;
        if now() - start > GIVE_UP_AFTER {
            break;
        }
    }
    now() - start
}

#[tokio::test(start_paused = true)]
async fn those_who_send_slowly_are_cut() {
    scope(1, async {
        let door = door();
        let boto3 = BOTO3_HEAD.replace("OPERATION", "PutRecord");
        let body = format!("{boto3}Content-Length: 1000\r\n\r\n");
        let chunks = format!("{boto3}Transfer-Encoding: chunked\r\n\r\n");
        for (what, opening, drop) in [
            ("a head", boto3.as_str(), "x"),
            ("fields of a head", boto3.as_str(), "X: y\r\n"),
            ("empty lines", "", "\r\n"),
            ("a body", body.as_str(), "x"),
            ("a chunked body", chunks.as_str(), "1\r\nx\r\n"),
        ] {
            let connection = door.connect().await.0;
            let after = dripped(connection, opening.as_bytes(), drop.as_bytes()).await;
            // A body may take the half minute; then there is the answer.
            assert!(
                after <= CUT_WITHIN + Duration::from_secs(1),
                "{what}: {after:?}"
            );
        }
        let http2 = [
            (
                "windows",
                vec![],
                frame(frames::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
            ),
            ("PINGs", vec![], frame(frames::PING, 0, 0, b"12345678")),
            (
                "a head",
                frame(frames::HEADERS, 0, 1, &frames::block(&GOOD)),
                frame(frames::CONTINUATION, 0, 1, b""),
            ),
        ];
        for (what, opening, drop) in http2 {
            let connection = frames::open(door.connect().await.0, &settings(&[])).await;
            let after = dripped(connection, &opening, &drop).await;
            assert!(after < CUT_WITHIN, "{what} over HTTP/2: {after:?}");
        }
        assert!(door.service.seen.lock().expect("not poisoned").is_empty());
    })
    .await;
}

/// Frames of the gateway up to the one that ends stream 1, and when that came.
async fn until_reset(mut connection: DuplexStream) -> (Frame, Duration) {
    let start = now();
    loop {
        let frame = frames::next(&mut connection)
            .await
            .expect("the connection goes on");
        if frame.stream == 1
            && (frame.kind == frames::RESET || frame.flags & frames::END_STREAM != 0)
        {
            return (frame, now() - start);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_do_not_read_are_cut() {
    scope(1, async {
        let door = door();
        let mut client = door.connect().await;
        client.send(&boto3("GetRecords", GET)).await;
        let start = now();
        // One byte a second: the gateway cannot hand on the next piece.
        while client.0.read_u8().await.is_ok() && now() - start < GIVE_UP_AFTER {
            sleep(Duration::from_secs(1)).await;
            if door_is_shut(&mut client).await {
                break;
            }
        }
        assert!(now() - start < CUT_WITHIN, "{:?}", now() - start);

        // Over HTTP/2 the stream is ended, and the connection serves others.
        let mut get = GOOD;
        get[4].1 = b"Kinesis_20131202.GetRecords";
        let asks = frames::request(1, &get, GET.as_bytes());
        let slow = [head(1, 0, &get), frame(frames::DATA, 0, 1, b"{")].concat();
        for (what, first, bytes, ends_with) in [
            (
                "a window of 0",
                &[(frames::INITIAL_WINDOW, 0)][..],
                &asks,
                frames::RESET,
            ),
            ("a window that is not opened", &[], &asks, frames::RESET),
            ("a body that does not come", &[], &slow, frames::HEADERS),
        ] {
            let mut connection = frames::open(door.connect().await.0, &settings(first)).await;
            connection
                .write_all(bytes)
                .await
                .expect("the gateway reads");
            let (frame, after) = until_reset(connection).await;
            assert_eq!(frame.kind, ends_with, "{what}: {frame:?}");
            assert!(after <= CUT_WITHIN, "{what}: {after:?}");
        }
    })
    .await;
}

/// Whether the gateway has let go of the connection: what it had sent may still be read.
async fn door_is_shut(client: &mut RawClient<DuplexStream>) -> bool {
    client.0.write_all(b"x").await.is_err()
}

async fn connect(door: &Door, tasks: &Tasks) -> SendRequest<Full<Bytes>> {
    let stream = TokioIo::new(door.connect().await.0);
    let (client, connection) = http2::Builder::new(TokioExecutor::new())
        // As small as they may be: the client gives back the window all the time.
        .initial_stream_window_size(16_384)
        .initial_connection_window_size(65_535)
        .handshake(stream)
        .await
        .expect("HTTP/2");
    tasks.spawn(async move {
        match connection.await {
            Ok(()) | Err(_) => {}
        }
    });
    client
}

async fn call(client: &mut SendRequest<Full<Bytes>>, operation: &str, body: Bytes) -> Bytes {
    let request = Request::post("http://localhost:4567/")
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("content-type", "application/x-amz-json-1.1")
        .body(Full::new(body))
        .expect("a request");
    client.ready().await.expect("the connection goes on");
    let response = client.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), 200);
    response
        .into_body()
        .collect()
        .await
        .expect("a whole body")
        .to_bytes()
}

/// Large bodies both ways and many small requests, for two minutes on one connection.
#[tokio::test(start_paused = true)]
async fn those_who_work_are_not_cut() {
    scope(1, async {
        let door = door();
        let tasks = Tasks::new();
        let mut client = connect(&door, &tasks).await;
        let small = r#"{"StreamName":"clicks","Data":"aGVsbG8=","PartitionKey":"user-1"}"#;
        let large = small.replace("aGVsbG8=", &"aaaa".repeat(1_000_000));
        let start = now();
        while now() - start < Duration::from_secs(120) {
            for _ in 0..200 {
                call(
                    &mut client,
                    "PutRecord",
                    Bytes::from_static(small.as_bytes()),
                )
                .await;
            }
            call(&mut client, "PutRecord", Bytes::from(large.clone())).await;
            let records = call(
                &mut client,
                "GetRecords",
                Bytes::from_static(GET.as_bytes()),
            )
            .await;
            assert!(records.len() > 8 * 1024 * 1024);
            sleep(Duration::from_secs(8)).await;
        }
    })
    .await;
}
