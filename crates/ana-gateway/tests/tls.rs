//! TLS on the clients' port: both protocols by ALPN, plain HTTP beside it, and handshakes that go wrong.

use crate::common;

use std::sync::Arc;
use std::time::Duration;

use ana_env::runtime::{Tasks, scope};
use ana_env::time::now;
use ana_env::{Env, Stream};
use ana_gateway::{GatewayConfig, PlainHttp, Tls};
use bytes::Bytes;
use common::{Door, RawClient};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const PUT: &str = r#"{"StreamName": "clicks", "Data": "aGVsbG8=", "PartitionKey": "user-1"}"#;

/// A record of a handshake that says it is 512 bytes long, and its first bytes.
const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// A certificate for `localhost`, the gateway's side of it and what a client trusts.
fn certificate(plain: PlainHttp) -> (Tls, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let made = made.expect("a certificate");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes(), plain).expect("they match");
    (tls, made.cert.der().clone())
}

fn config(tls: Tls) -> GatewayConfig {
    GatewayConfig {
        tls: Some(tls),
        ..GatewayConfig::default()
    }
}

async fn handshake<S: ana_env::Io>(
    stream: S,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<S>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("known versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn put_over_http2(stream: impl ana_env::Io + 'static, tasks: &Tasks) {
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tasks.spawn(async move {
        match connection.await {
            Ok(()) | Err(_) => {}
        }
    });
    let request = Request::post("https://localhost:4567/")
        .header("x-amz-target", "Kinesis_20131202.PutRecord")
        .header("content-type", "application/x-amz-json-1.1")
        .body(Full::new(Bytes::from_static(PUT.as_bytes())))
        .expect("a request");
    let response = client.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.expect("a body");
    assert!(body.to_bytes().starts_with(br#"{"ShardId""#));
}

/// Over real sockets: what the SDKs do.
#[tokio::test]
async fn alpn_chooses_the_protocol_and_plain_http_is_served_beside_it() {
    scope(1, async {
        let net = Env::real().net;
        let listener = net.listen("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr();
        let (tls, trusted) = certificate(PlainHttp::Allow);
        let (stop, service, serving) = common::run(config(tls), listener);
        let tasks = Tasks::new();
        let connect = || async { net.connect(&address).await.expect("a connection") };

        for (offered, chosen) in [
            (vec!["h2", "http/1.1"], Some("h2")),
            (vec!["http/1.1", "h2"], Some("h2")),
            (vec!["h2"], Some("h2")),
            (vec!["http/1.1"], Some("http/1.1")),
            (vec![], None),
        ] {
            let stream = handshake(connect().await, &trusted, &offered).await;
            let stream = stream.expect("a handshake");
            let negotiated = stream.get_ref().1.alpn_protocol();
            assert_eq!(negotiated, chosen.map(str::as_bytes), "{offered:?}");
            if chosen == Some("h2") {
                put_over_http2(stream, &tasks).await;
            } else {
                let mut client = RawClient(stream);
                for _ in 0..2 {
                    assert_eq!(client.call("PutRecord", PUT).await.status, 200);
                }
            }
        }
        let plain: Stream = connect().await;
        assert_eq!(RawClient(plain).call("PutRecord", PUT).await.status, 200);
        put_over_http2(connect().await, &tasks).await;
        assert_eq!(service.seen.lock().expect("not poisoned").len(), 9);
        let none_known = handshake(connect().await, &trusted, &["spdy/3"]).await;
        assert!(none_known.is_err(), "no protocol in common");
        stop.send(()).expect("the gateway runs");
        serving.await.expect("no panic");
    })
    .await;
}

#[tokio::test]
async fn plain_http_can_be_refused_in_clear_words() {
    scope(1, async {
        let net = Env::real().net;
        let listener = net.listen("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr();
        let (tls, trusted) = certificate(PlainHttp::Refuse);
        let (_stop, service, _serving) = common::run(config(tls), listener);
        let mut plain = RawClient(net.connect(&address).await.expect("a connection"));
        plain.send(&common::boto3("PutRecord", PUT)).await;
        let reply = plain.reply().await;
        assert_eq!(reply.status, 400);
        assert!(reply.body.contains("https://"), "{}", reply.body);
        assert!(plain.is_closed().await);
        assert!(service.seen.lock().expect("not poisoned").is_empty());
        let stream = net.connect(&address).await.expect("a connection");
        let stream = handshake(stream, &trusted, &["http/1.1"]).await;
        let mut client = RawClient(stream.expect("a handshake"));
        assert_eq!(client.call("PutRecord", PUT).await.status, 200);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn handshakes_that_go_wrong_end_the_connection_and_nothing_else() {
    scope(1, async {
        let (tls, trusted) = certificate(PlainHttp::Allow);
        let door = Door::open(config(tls));
        let garbage: [&[u8]; 4] = [
            b"\x16garbage garbage garbage garbage",
            b"\x16\x03\x01\xff\xff\x00",
            b"\x16\x03\x01\x00\x05\x63\x00\x00\x01\x00",
            b"\x16\x00\x00\x00\x00\x00",
        ];
        for bytes in garbage {
            let mut client = door.connect().await.0;
            client.write_all(bytes).await.expect("it is read");
            let start = now();
            let mut answer = Vec::new();
            match client.read_to_end(&mut answer).await {
                Ok(_) | Err(_) => {}
            }
            assert!(now() - start <= Duration::from_secs(10), "{bytes:?}");
            // An alert at the most, never an answer in plain HTTP.
            assert!(
                answer.is_empty() || answer.first() == Some(&0x15),
                "{answer:?}"
            );
        }
        let (_, other) = certificate(PlainHttp::Allow);
        let distrusted = handshake(door.connect().await.0, &other, &["h2"]).await;
        assert!(distrusted.is_err());
        let stream = handshake(door.connect().await.0, &trusted, &["http/1.1"]).await;
        let mut client = RawClient(stream.expect("a handshake"));
        assert_eq!(client.call("PutRecord", PUT).await.status, 200);
        assert!(!door.serving.is_finished());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_handshake_is_cut_off_in_time() {
    scope(1, async {
        let (tls, _) = certificate(PlainHttp::Allow);
        let door = Door::open(config(tls));
        for bytes in [b"".as_slice(), b"\x16", HALF_A_HELLO] {
            let mut client = door.connect().await;
            let start = now();
            client.send(bytes).await;
            assert!(client.is_closed().await);
            assert_eq!((now() - start).as_secs(), 10, "{bytes:?}");
        }
        // A byte now and then does not help.
        let mut client = door.connect().await;
        let start = now();
        client.send(HALF_A_HELLO).await;
        while now() - start < Duration::from_secs(30) && client.0.write_all(b"x").await.is_ok() {
            ana_env::time::sleep(Duration::from_secs(1)).await;
        }
        assert!((9..=11).contains(&(now() - start).as_secs()));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn handshakes_count_as_connections_and_have_a_bound_of_their_own() {
    scope(1, async {
        let (tls, trusted) = certificate(PlainHttp::Allow);
        let door = Door::open(GatewayConfig {
            connections_max: 2,
            ..config(tls.clone())
        });
        let mut first = door.connect().await;
        first.send(HALF_A_HELLO).await;
        let mut second = door.connect().await;
        second.send(HALF_A_HELLO).await;
        assert!(door.connect().await.is_closed().await);
        assert!(first.is_closed().await && second.is_closed().await);
        let stream = handshake(door.connect().await.0, &trusted, &["http/1.1"]).await;
        let mut client = RawClient(stream.expect("there is room again"));
        assert_eq!(client.call("PutRecord", PUT).await.status, 200);

        let door = Door::open(GatewayConfig {
            handshakes_max: 1,
            ..config(tls)
        });
        let mut slow = door.connect().await;
        slow.send(HALF_A_HELLO).await;
        ana_env::time::sleep(Duration::from_secs(1)).await;
        let refused = handshake(door.connect().await.0, &trusted, &["http/1.1"]).await;
        assert!(refused.is_err());
        let plain = door.connect().await.call("PutRecord", PUT).await;
        assert_eq!(plain.status, 200, "it needs no handshake");
        assert!(slow.is_closed().await);
        let stream = handshake(door.connect().await.0, &trusted, &["http/1.1"]).await;
        assert!(stream.is_ok());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_handshakes() {
    scope(1, async {
        let (tls, _) = certificate(PlainHttp::Allow);
        let mut door = Door::open(config(tls));
        let mut client = door.connect().await;
        client.send(HALF_A_HELLO).await;
        ana_env::time::sleep(Duration::from_millis(10)).await;
        let start = now();
        door.stop();
        door.serving.await.expect("no panic");
        assert_eq!((now() - start).as_millis(), 0);
        assert!(client.is_closed().await);
    })
    .await;
}
