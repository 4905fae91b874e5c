//! Every operation there is, called by everybody who may not call: nothing reaches the service behind the door.

use crate::common;

use std::sync::Arc;

use ana_env::Clock;
use ana_env::real::RealClock;
use ana_env::runtime::scope;
use ana_gateway::{Authentication, Credentials, GatewayConfig, Signer, Verifier};
use ana_wire::Operation;
use common::Door;
use http::Request;

const REGION: &str = "us-east-1";
const SECRET: &str = "a-secret-of-the-test";
const FILE: &str = r#"
    [[credential]]
    access_key = "AKIAGOOD"
    secret_key = "a-secret-of-the-test"

    [[credential]]
    access_key = "ASIAPAST"
    secret_key = "a-secret-of-the-test"
    expires = "2020-01-01T00:00:00Z"

    [[credential]]
    access_key = "ASIATOKEN"
    secret_key = "a-secret-of-the-test"
    session_token = "the-token"
"#;
/// Accepted by every operation that takes no more than a stream, so that only the verifier stands in the way.
const BODY: &str =
    r#"{"StreamName":"clicks","StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/clicks"}"#;
const DAY_MS: u64 = 86_400_000;

/// One who may not call, and the error he gets.
struct Stranger {
    what: &'static str,
    signer: Option<Signer>,
    /// How long ago he signed.
    ago_ms: u64,
    error: &'static str,
}

fn stranger(
    what: &'static str,
    (key, secret, token): (&str, &str, Option<&str>),
    region: &str,
    error: &'static str,
) -> Stranger {
    Stranger {
        what,
        signer: Some(Signer::new(key, secret, token, region)),
        ago_ms: 0,
        error,
    }
}

fn strangers() -> Vec<Stranger> {
    let invalid = "InvalidSignatureException";
    let unknown = "UnrecognizedClientException";
    vec![
        Stranger {
            what: "nobody",
            signer: None,
            ago_ms: 0,
            error: "MissingAuthenticationTokenException",
        },
        Stranger {
            what: "one who signed yesterday",
            signer: Some(Signer::new("AKIAGOOD", SECRET, None, REGION)),
            ago_ms: DAY_MS,
            error: invalid,
        },
        stranger(
            "a wrong secret",
            ("AKIAGOOD", "another-secret-of-it", None),
            REGION,
            invalid,
        ),
        stranger(
            "another account",
            ("AKIAOTHER", SECRET, None),
            REGION,
            unknown,
        ),
        stranger(
            "a key in lower case",
            ("akiagood", SECRET, None),
            REGION,
            unknown,
        ),
        stranger(
            "another region",
            ("AKIAGOOD", SECRET, None),
            "eu-west-1",
            invalid,
        ),
        stranger(
            "one whose time is over",
            ("ASIAPAST", SECRET, None),
            REGION,
            "ExpiredTokenException",
        ),
        stranger(
            "one without his token",
            ("ASIATOKEN", SECRET, None),
            REGION,
            unknown,
        ),
        stranger(
            "one with a wrong token",
            ("ASIATOKEN", SECRET, Some("a-token")),
            REGION,
            unknown,
        ),
    ]
}

/// The request of one operation as it goes over the wire.
fn request(operation: Operation, stranger: &Stranger) -> String {
    let target = format!("Kinesis_20131202.{}", operation.name());
    let request = Request::builder()
        .method("POST")
        .uri("/")
        .header("host", "localhost:4567")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target);
    let (mut head, ()) = request.body(()).expect("a request").into_parts();
    if let Some(signer) = &stranger.signer {
        let now_ms = RealClock::new().now_ms() - stranger.ago_ms;
        signer
            .sign(&mut head, BODY.as_bytes(), now_ms)
            .expect("signed");
    }
    let mut text = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", BODY.len());
    for (name, value) in &head.headers {
        let value = value.to_str().expect("ASCII");
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n" + BODY
}

#[tokio::test]
async fn no_operation_is_reached_by_a_stranger() {
    scope(1, async {
        let credentials = Credentials::from_toml(FILE).expect("a good file");
        let door = Door::open(GatewayConfig {
            authentication: Authentication::On(Arc::new(Verifier::new(credentials, REGION))),
            ..GatewayConfig::default()
        });
        let mut client = door.connect().await;
        for operation in Operation::ALL {
            for stranger in strangers() {
                let name = operation.name();
                client.send(request(operation, &stranger).as_bytes()).await;
                let reply = client.reply().await;
                assert_eq!(reply.status, 400, "{name} by {}: {reply:?}", stranger.what);
                let error = format!(r#"{{"__type":"{}""#, stranger.error);
                assert!(
                    reply.body.starts_with(&error),
                    "{name} by {}: {reply:?}",
                    stranger.what
                );
            }
        }
        let seen = door.service.seen.lock().expect("not poisoned").clone();
        assert!(seen.is_empty(), "{seen:?}");
        // The way in is there: the same requests by one who may.
        let mut reached = 0;
        for key in [("AKIAGOOD", None), ("ASIATOKEN", Some("the-token"))] {
            let friend = stranger("a friend", (key.0, SECRET, key.1), REGION, "");
            client
                .send(request(Operation::DeleteStream, &friend).as_bytes())
                .await;
            assert_eq!(client.reply().await.status, 200);
            reached += 1;
            let seen = door.service.seen.lock().expect("not poisoned").len();
            assert_eq!(seen, reached);
        }
    })
    .await;
}
