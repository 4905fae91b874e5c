//! AWS's order of checks, and its answers to what is no call of its protocol.

use ana_wire::Operation;
use http::request::Parts;
use http::{HeaderMap, Method, Request};

use super::{answer_by_head, open_to_browsers, operation_of};
use crate::reply::Reply;

const TARGET: &str = "Kinesis_20131202.ListStreams";

fn head(method: Method, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request").into_parts().0
}

/// Status, content type and body.
fn seen(reply: &Reply) -> (u16, Option<&str>, &str) {
    let content_type = header(reply.headers(), "content-type");
    (
        reply.status().as_u16(),
        content_type,
        str::from_utf8(reply.body()).expect("UTF-8"),
    )
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .map(|value| value.to_str().expect("ASCII"))
}

#[test]
fn calls_of_the_protocol_have_an_operation() {
    for content_type in [
        "application/x-amz-json-1.1",
        " application/x-amz-json-1.1 ",
        "application/x-amz-json-1.1;charset=utf-8",
        "application/x-amz-json-1.1 ; charset=utf-8",
    ] {
        let head = head(
            Method::POST,
            &[("content-type", content_type), ("x-amz-target", TARGET)],
        );
        assert!(answer_by_head(&head).is_none());
        assert_eq!(
            operation_of(&head, b"{}").ok(),
            Some(Operation::ListStreams)
        );
    }
}

#[test]
fn what_is_no_call_gets_aws_s_odd_answers() {
    let json = Some("application/x-amz-json-1.1");
    let plain = Some("application/json");
    let (serialization, unknown) = (
        r#"{"__type":"SerializationException"}"#,
        r#"{"__type":"UnknownOperationException"}"#,
    );
    let plain_serialization = r#"{"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}"#;
    let plain_unknown = r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
    let denied = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n</AccessDeniedException>\n";
    let xml_unknown = "<UnknownOperationException/>\n";
    let bad = "Kinesis_20131202.Nothing";
    let table = [
        // content type, target, body -> status, content type, body
        (json, Some(TARGET), "", (400, json, serialization)),
        (json, Some(bad), "", (400, json, unknown)),
        (json, None, "", (400, json, unknown)),
        (None, Some(TARGET), "", (400, json, serialization)),
        (json, Some(bad), "{}", (400, json, unknown)),
        (json, None, "{}", (400, json, unknown)),
        (
            json,
            Some("Kinesis_20131203.ListStreams"),
            "{}",
            (400, json, unknown),
        ),
        (json, Some(bad), "[]", (400, json, serialization)),
        (json, Some(bad), "x", (400, json, serialization)),
        (None, None, "{}", (403, None, denied)),
        (Some("text/plain"), None, "{}", (403, None, denied)),
        (None, Some(TARGET), "{}", (404, None, xml_unknown)),
        (
            Some("text/plain"),
            Some(TARGET),
            "{}",
            (404, None, xml_unknown),
        ),
        (plain, Some(TARGET), "{}", (404, plain, plain_unknown)),
        (plain, None, "{}", (404, plain, plain_unknown)),
        (plain, Some(TARGET), "x", (400, plain, plain_serialization)),
    ];
    for (content_type, target, body, wanted) in table {
        let headers = [("content-type", content_type), ("x-amz-target", target)];
        let headers: Vec<(&str, &str)> = headers
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name, value)))
            .collect();
        let reply =
            operation_of(&head(Method::POST, &headers), body.as_bytes()).expect_err("no call");
        assert_eq!(seen(&reply), wanted, "{headers:?} {body:?}");
    }
}

#[test]
fn cbor_is_refused_in_clear_words() {
    let headers = [
        ("content-type", "application/x-amz-cbor-1.1"),
        ("x-amz-target", TARGET),
    ];
    let reply = operation_of(&head(Method::POST, &headers), b"\xa0").expect_err("not offered");
    let (status, _, body) = seen(&reply);
    assert_eq!(status, 415);
    assert!(body.contains("aws.cborEnabled=false"), "{body}");
}

#[test]
fn other_methods_are_denied() {
    for method in [
        Method::GET,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ] {
        let reply = answer_by_head(&head(method, &[("x-amz-target", TARGET)])).expect("an answer");
        assert_eq!((seen(&reply).0, seen(&reply).1), (403, None));
    }
}

#[test]
fn browsers_may_ask_and_read() {
    let asking = head(
        Method::OPTIONS,
        &[
            ("origin", "https://example.com"),
            (
                "access-control-request-headers",
                "x-amz-target,content-type",
            ),
            ("access-control-request-method", "POST"),
        ],
    );
    let reply = open_to_browsers(&asking, answer_by_head(&asking).expect("an answer"));
    assert_eq!(seen(&reply), (200, None, ""));
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-headers", "x-amz-target,content-type"),
        ("access-control-allow-methods", "POST"),
        ("access-control-max-age", "172800"),
    ] {
        assert_eq!(header(reply.headers(), name), Some(value));
    }
    assert_eq!(
        header(reply.headers(), "access-control-expose-headers"),
        None
    );

    let calling = head(Method::POST, &[("origin", "https://example.com")]);
    let reply = open_to_browsers(&calling, operation_of(&calling, b"").expect_err("no call"));
    assert_eq!(
        header(reply.headers(), "access-control-allow-origin"),
        Some("*")
    );
    let exposed =
        header(reply.headers(), "access-control-expose-headers").expect("exposed headers");
    assert!(
        exposed.starts_with("x-amzn-RequestId,x-amzn-ErrorType"),
        "{exposed}"
    );
    let quiet = head(Method::POST, &[]);
    let reply = open_to_browsers(&quiet, operation_of(&quiet, b"").expect_err("no call"));
    assert_eq!(header(reply.headers(), "access-control-allow-origin"), None);
}
