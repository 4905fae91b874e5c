//! With authentication on: what each kind of request is answered, before and after the verifier.

use crate::common;

use std::sync::Arc;

use ana_env::Clock;
use ana_env::real::RealClock;
use ana_env::runtime::scope;
use ana_gateway::{Authentication, Credentials, GatewayConfig, Signer, Verifier};
use common::{Door, RawReply};
use http::Request;

const CREDENTIALS: &str =
    "[[credential]]\naccess_key = \"AKIAEXAMPLE\"\nsecret_key = \"a-secret-of-the-test\"\n";
const JSON: &str = "application/x-amz-json-1.1";
const CBOR: &str = "application/x-amz-cbor-1.1";

fn door() -> Door {
    let credentials = Credentials::from_toml(CREDENTIALS).expect("a good file");
    Door::open(GatewayConfig {
        authentication: Authentication::On(Arc::new(Verifier::new(credentials, "us-east-1"))),
        ..GatewayConfig::default()
    })
}

/// Sends a request, signed or not.
async fn send(
    door: &Door,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
    signer: Option<&Signer>,
) -> RawReply {
    send_bytes(door, (method, path), headers, body.as_bytes(), signer).await
}

async fn send_bytes(
    door: &Door,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
    signer: Option<&Signer>,
) -> RawReply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "h:1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut head, ()) = request.body(()).expect("a request").into_parts();
    if let Some(signer) = signer {
        let now_ms = RealClock::new().now_ms();
        signer.sign(&mut head, body, now_ms).expect("signed");
    }
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in &head.headers {
        let value = value.to_str().expect("ASCII");
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut client = door.connect().await;
    client.send(&[text.as_bytes(), body].concat()).await;
    client.reply().await
}

fn signer(secret: &str) -> Signer {
    Signer::new("AKIAEXAMPLE", secret, None, "us-east-1")
}

#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn the_verifier_stands_behind_the_form_and_before_the_content() {
    scope(1, async {
        let door = door();
        let good = signer("a-secret-of-the-test");
        let bad = signer("another-secret-of-it");
        let target = ("x-amz-target", "Kinesis_20131202.DeleteStream");
        let unknown = ("x-amz-target", "Kinesis_20131202.Nothing");
        let json = ("content-type", JSON);
        let table = [
            // signed by, headers, body -> status, what the answer contains
            (None, vec![json, target], "", 400, "SerializationException"),
            (
                None,
                vec![json, unknown],
                "{}",
                400,
                "UnknownOperationException",
            ),
            (
                None,
                vec![target],
                "{}",
                404,
                "<UnknownOperationException/>",
            ),
            (
                None,
                vec![json, target],
                "{}",
                400,
                "MissingAuthenticationTokenException",
            ),
            (
                Some(&bad),
                vec![json, target],
                "{}",
                400,
                "InvalidSignatureException",
            ),
            (
                Some(&bad),
                vec![json, target],
                "x",
                400,
                "SerializationException",
            ),
            (
                None,
                vec![json, target],
                "[]",
                400,
                "SerializationException",
            ),
            (
                Some(&bad),
                vec![json, target],
                r#"{"StreamName":5}"#,
                400,
                "InvalidSignatureException",
            ),
            (
                Some(&good),
                vec![json, target],
                "x",
                400,
                "SerializationException",
            ),
            (
                Some(&good),
                vec![json, target],
                r#"{"StreamName":""}"#,
                400,
                "ValidationException",
            ),
            (
                Some(&good),
                vec![json, target],
                r#"{"StreamName":"a"}"#,
                200,
                "",
            ),
        ];
        for (signer, headers, body, status, contains) in table {
            let reply = send(&door, ("POST", "/"), &headers, body, signer).await;
            assert_eq!(reply.status, status, "{headers:?} {body}: {reply:?}");
            assert!(
                reply.body.contains(contains),
                "{headers:?} {body}: {reply:?}"
            );
        }
        assert_eq!(door.service.seen.lock().expect("not poisoned").len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn refusals_are_in_the_format_of_the_request() {
    scope(1, async {
        let door = door();
        let target = ("x-amz-target", "Kinesis_20131202.ListStreams");
        let headers = [("content-type", CBOR), target];
        // As CBOR this is a text of 27 bytes, which is no structure.
        let text = "{not a structure but a text}";
        let reply = send(&door, ("POST", "/"), &headers, text, None).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (400, Some(CBOR))
        );
        assert_eq!(reply.bytes, b"\xbf\x66__type\x76SerializationException\xff");
        let reply = send_bytes(&door, ("POST", "/"), &headers, b"\xa0", None).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (400, Some(CBOR))
        );
        let wanted = b"\xbf\x66__type\x78\x23MissingAuthenticationTokenException";
        assert!(reply.bytes.starts_with(wanted), "{reply:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_post_is_judged_too_and_answered_in_xml() {
    scope(1, async {
        let door = door();
        let good = signer("a-secret-of-the-test");
        let bad = signer("another-secret-of-it");
        let missing = "<MissingAuthenticationTokenException>\n  <Message>Missing Authentication Token</Message>\n</MissingAuthenticationTokenException>\n";
        for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
            let reply = send(&door, (method, "/"), &[], "", None).await;
            assert_eq!((reply.status, reply.body.as_str()), (403, missing), "{method}");
            assert_eq!(reply.header("content-type"), None);
            let reply = send(&door, (method, "/"), &[], "", Some(&bad)).await;
            assert_eq!(reply.status, 403);
            assert!(reply.body.starts_with("<InvalidSignatureException>"), "{reply:?}");
            let reply = send(&door, (method, "/"), &[], "", Some(&good)).await;
            assert_eq!(reply.status, 403);
            assert!(reply.body.starts_with("<AccessDeniedException>"), "{reply:?}");
        }
        let asks = [
            ("origin", "https://example.com"),
            ("access-control-request-method", "POST"),
        ];
        let reply = send(&door, ("OPTIONS", "/"), &asks, "", None).await;
        assert_eq!(reply.status, 200, "browsers cannot sign what they ask first");
        assert_eq!(reply.header("x-amz-id-2"), None);
        assert_eq!(reply.header("access-control-allow-methods"), Some("POST"));
        let reply = send(&door, ("GET", "/"), &asks, "", None).await;
        assert_eq!(reply.status, 403);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn admin_paths_want_a_signature_but_for_health() {
    scope(1, async {
        let door = door();
        let good = signer("a-secret-of-the-test");
        let reply = send(&door, ("GET", "/_ana/health"), &[], "", None).await;
        assert_eq!(reply.status, 202, "load balancers cannot sign");
        for (method, path) in [
            ("GET", "/_ana/status"),
            ("GET", "/_ana/health/x"),
            ("POST", "/_ana/health"),
            ("POST", "/_ana/leader/transfer?group=1&to=2"),
        ] {
            let reply = send(&door, (method, path), &[], "", None).await;
            assert_eq!(reply.status, 403, "{method} {path}");
            assert!(
                reply.body.contains("Missing Authentication Token"),
                "{reply:?}"
            );
            let reply = send(&door, (method, path), &[], "", Some(&good)).await;
            assert_eq!(reply.status, 202, "{method} {path}: {reply:?}");
        }
    })
    .await;
}
