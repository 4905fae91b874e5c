//! AWS's order of checks, and its answers to what is no call of its protocol.

use ana_wire::{Format, Operation};
use http::request::Parts;
use http::{HeaderMap, Method, Request};

use super::{
    ACCESS_DENIED_XML, Call, call_of, format_by_head, no_fis, no_operation, open_to_browsers,
    preflight,
};
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
fn seen(reply: &Reply) -> (u16, Option<&str>, &[u8]) {
    let content_type = header(reply.headers(), "content-type");
    (reply.status().as_u16(), content_type, reply.body())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .map(|value| value.to_str().expect("ASCII"))
}

#[test]
fn calls_of_the_protocol_have_an_operation_and_a_format() {
    for (content_type, format) in [
        ("application/x-amz-json-1.1", Format::Json),
        (" application/x-amz-json-1.1 ", Format::Json),
        ("application/x-amz-json-1.1;charset=utf-8", Format::Json),
        ("application/x-amz-json-1.1 ; charset=utf-8", Format::Json),
        ("application/x-amz-cbor-1.1", Format::Cbor),
        (" application/x-amz-cbor-1.1 ; x=y", Format::Cbor),
    ] {
        let head = head(
            Method::POST,
            &[("content-type", content_type), ("x-amz-target", TARGET)],
        );
        assert!(preflight(&head).is_none());
        let operation = Operation::ListStreams;
        assert_eq!(
            call_of(&head, b"{}").ok(),
            Some(Call { operation, format }),
            "what the body is, is for the decoder to say"
        );
        assert_eq!(format_by_head(&head), format);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_no_call_gets_aws_s_odd_answers() {
    let json = Some("application/x-amz-json-1.1");
    let cbor = Some("application/x-amz-cbor-1.1");
    let plain = Some("application/json");
    let text = Some("text/plain");
    let serialization: &[u8] = br#"{"__type":"SerializationException"}"#;
    let unknown: &[u8] = br#"{"__type":"UnknownOperationException"}"#;
    let cbor_serialization: &[u8] = b"\xbf\x66__type\x76SerializationException\xff";
    let cbor_unknown: &[u8] = b"\xbf\x66__type\x78\x19UnknownOperationException\xff";
    let plain_serialization: &[u8] = br#"{"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}"#;
    let plain_unknown: &[u8] = br#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
    let denied: &[u8] = b"<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n</AccessDeniedException>\n";
    let xml_unknown: &[u8] = b"<UnknownOperationException/>\n";
    let no_strategy: &[u8] = b"<UnrecognizedClientException>\n  <Message>No authorization strategy was found for service: DynamoDB_20120810, operation: &lt;x&gt;</Message>\n</UnrecognizedClientException>\n";
    let bad = Some("Kinesis_20131202.Nothing");
    let good = Some(TARGET);
    let other = Some("DynamoDB_20120810.<x>");
    // Status, content type, body.
    type Answer<'a> = (u16, Option<&'a str>, &'a [u8]);
    let table: [(_, _, &[u8], Answer<'_>); 36] = [
        // content type, target, body -> status, content type, body
        (json, good, b"", (400, json, serialization)),
        (json, bad, b"", (400, json, unknown)),
        (json, None, b"", (400, json, unknown)),
        (json, other, b"", (400, json, unknown)),
        (cbor, good, b"", (400, cbor, cbor_serialization)),
        (cbor, bad, b"", (400, cbor, cbor_unknown)),
        (None, good, b"", (400, cbor, cbor_serialization)),
        (None, None, b"", (400, cbor, cbor_unknown)),
        (plain, good, b"", (400, cbor, cbor_serialization)),
        (text, bad, b"", (400, cbor, cbor_unknown)),
        (json, bad, b"{}", (400, json, unknown)),
        (json, None, b"{}", (400, json, unknown)),
        (
            json,
            Some("Kinesis_20131203.ListStreams"),
            b"{}",
            (400, json, unknown),
        ),
        (json, Some("Kinesis_20131202"), b"{}", (400, json, unknown)),
        (
            json,
            Some("Kinesis_20131202.liststreams"),
            b"{}",
            (400, json, unknown),
        ),
        (json, other, b"{}", (400, json, unknown)),
        (json, bad, b"[]", (400, json, serialization)),
        (json, bad, b"x", (400, json, serialization)),
        (json, None, b"x", (400, json, serialization)),
        (cbor, bad, b"\xa0", (400, cbor, cbor_unknown)),
        (cbor, None, b"\xbf\xff", (400, cbor, cbor_unknown)),
        (cbor, bad, b"\x80", (400, cbor, cbor_serialization)),
        (cbor, bad, b"{}", (400, cbor, cbor_serialization)),
        (None, None, b"{}", (403, None, denied)),
        (text, None, b"{}", (403, None, denied)),
        (text, None, b"x", (403, None, denied)),
        (None, good, b"{}", (404, None, xml_unknown)),
        (None, bad, b"{}", (404, None, xml_unknown)),
        (text, good, b"{}", (404, None, xml_unknown)),
        (text, other, b"{}", (404, None, xml_unknown)),
        (None, other, b"{}", (403, None, no_strategy)),
        (plain, good, b"{}", (404, plain, plain_unknown)),
        (plain, None, b"{}", (404, plain, plain_unknown)),
        (plain, bad, b"{}", (404, plain, plain_unknown)),
        (plain, good, b"x", (400, plain, plain_serialization)),
        (
            Some("application/json; charset=utf-8"),
            good,
            b"[]",
            (400, plain, plain_serialization),
        ),
    ];
    for (content_type, target, body, wanted) in table {
        let headers = [("content-type", content_type), ("x-amz-target", target)];
        let headers: Vec<(&str, &str)> = headers
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name, value)))
            .collect();
        let reply = call_of(&head(Method::POST, &headers), body).expect_err("no call");
        assert_eq!(seen(&reply), wanted, "{headers:?} {body:?}");
    }
}

#[test]
fn the_format_of_an_unread_body_is_told_by_the_head() {
    for content_type in ["", "text/plain", "application/json"] {
        let head = head(Method::POST, &[("content-type", content_type)]);
        assert_eq!(format_by_head(&head), Format::Json);
    }
    assert_eq!(format_by_head(&head(Method::POST, &[])), Format::Json);
}

#[test]
fn only_options_with_an_origin_is_a_preflight() {
    let origin = ("origin", "https://example.com");
    for (method, headers, is_preflight) in [
        (Method::OPTIONS, vec![origin], true),
        (Method::OPTIONS, vec![], false),
        (Method::POST, vec![origin], false),
        (Method::GET, vec![origin], false),
    ] {
        let reply = preflight(&head(method, &headers));
        assert_eq!(reply.is_some(), is_preflight, "{headers:?}");
    }
    let (status, content_type, body) = (403, None, ACCESS_DENIED_XML.as_bytes());
    assert_eq!(seen(&no_operation()), (status, content_type, body));
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
    let reply = open_to_browsers(&asking, preflight(&asking).expect("an answer"));
    assert_eq!(seen(&reply), (200, None, b"".as_slice()));
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
    let reply = open_to_browsers(&calling, call_of(&calling, b"").expect_err("no call"));
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
    let reply = open_to_browsers(&quiet, call_of(&quiet, b"").expect_err("no call"));
    assert_eq!(header(reply.headers(), "access-control-allow-origin"), None);
}

#[test]
fn clients_of_fis_are_told_where_it_is() {
    for (path, is_fis) in [
        ("/", false),
        ("/x", false),
        ("/experiments", true),
        ("/experimentTemplates/EXT1", true),
        ("/actions?maxResults=1", true),
    ] {
        let mut head = head(Method::POST, &[("x-amz-target", TARGET)]);
        head.uri = path.parse().expect("a path");
        let reply = no_fis(&head);
        assert_eq!(reply.is_some(), is_fis, "{path}");
        let Some(reply) = reply else { continue };
        let (status, content_type, body) = seen(&reply);
        assert_eq!((status, content_type), (400, Some("application/json")));
        let error_type = header(reply.headers(), "x-amzn-errortype");
        assert_eq!(error_type, Some("ValidationException"));
        assert!(body.starts_with(b"{\"message\":"), "{body:?}");
    }
}
