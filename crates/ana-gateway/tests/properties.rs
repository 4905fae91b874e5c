//! Whatever a client sends, the gateway answers with a well-formed error of AWS or closes; it never
//! panics and goes on serving others.

use crate::common;

use ana_env::runtime::scope;
use ana_gateway::GatewayConfig;
use common::{BOTO3_HEAD, Door, RawReply};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const PUT: &str = r#"{"StreamName": "clicks", "Data": "aGVsbG8=", "PartitionKey": "user-1"}"#;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

/// Sends raw bytes, gathers the answers until the gateway closes (time is simulated), then sees that a proper request is served.
fn exchange(bytes: &[u8]) -> Vec<RawReply> {
    runtime().block_on(scope(1, async {
        let door = Door::open(GatewayConfig::default());
        let mut client = door.connect().await;
        client.send_what_is_taken(bytes).await;
        let mut replies = Vec::new();
        while let Some(reply) = client.try_reply().await {
            replies.push(reply);
        }
        let reply = door.connect().await.call("PutRecord", PUT).await;
        assert_eq!(reply.status, 200);
        assert!(!door.serving.is_finished());
        replies
    }))
}

fn check(reply: &RawReply) -> Result<(), TestCaseError> {
    prop_assert!(
        [200, 400, 403, 404, 413].contains(&reply.status),
        "{reply:?}"
    );
    prop_assert!(reply.headers.contains_key("x-amzn-requestid"));
    let is = |format| {
        reply
            .header("content-type")
            .is_some_and(|of| of.contains(format))
    };
    if reply.status == 400 && is("cbor") {
        prop_assert!(reply.bytes.starts_with(b"\xbf\x66__type"), "{reply:?}");
        prop_assert!(reply.body.contains("Exception"), "{reply:?}");
    }
    if reply.status == 400 && is("json") {
        let json: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
        let kind = json["__type"]
            .as_str()
            .or(json["Output"]["__type"].as_str())
            .expect("a type");
        prop_assert!(kind.ends_with("Exception"), "{kind}");
    }
    Ok(())
}

fn head(target: &str, content_type: &str, length: usize) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: {target}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_on_the_connection(bytes in vec(any::<u8>(), 0..2000)) {
        exchange(&bytes);
    }

    #[test]
    fn any_bytes_after_the_preface_of_http2(bytes in vec(any::<u8>(), 0..500)) {
        exchange(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &bytes].concat());
    }

    #[test]
    fn any_spoilt_request(place in any::<prop::sample::Index>(), with in vec(any::<u8>(), 0..3)) {
        let head = BOTO3_HEAD.replace("OPERATION", "PutRecord");
        let mut bytes = format!("{head}Content-Length: {}\r\n\r\n{PUT}", PUT.len()).into_bytes();
        let place = place.index(bytes.len());
        bytes.splice(place..=place, with);
        exchange(&bytes);
    }

    #[test]
    fn any_body_for_any_target(
        target in prop_oneof![
            select(&["PutRecord", "PutRecords", "GetRecords", "CreateStream", "ListShards", "CreateQueue"][..])
                .prop_map(|name| format!("Kinesis_20131202.{name}")),
            "[ -~]{0,40}",
        ],
        content_type in select(&[
            "application/x-amz-json-1.1", "application/x-amz-json-1.1; charset=utf-8", "application/json",
            "application/x-amz-cbor-1.1", "text/xml", "",
        ][..]),
        body in prop_oneof![vec(any::<u8>(), 0..100), "\\{\"[A-Za-z]{0,12}\":.{0,20}\\}".prop_map(String::into_bytes)],
    ) {
        let mut bytes = head(&target, content_type, body.len()).into_bytes();
        bytes.extend(&body);
        let replies = exchange(&bytes);
        prop_assert_eq!(replies.len(), 1);
        check(&replies[0])?;
    }
}
