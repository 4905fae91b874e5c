//! Every kind is read and told again; every wrong field is named.

use super::super::document::FaultDocument;
use super::*;

fn others() -> OtherNodes {
    [(NodeId(2), "h:2".to_owned()), (NodeId(3), "h:3".to_owned())].into()
}

fn read(body: &str) -> Result<FaultRequest, String> {
    read_fault(body.as_bytes(), &others()).map_err(|wrong| wrong.to_string())
}

/// One body of each kind with every parameter it has.
const GOOD: [&str; 22] = [
    r#"{"id":"a","kind":"api.throttle","lease_ms":1,"stream":"orders","operation":"PutRecord","percent":50}"#,
    r#"{"id":"a","kind":"api.error","lease_ms":1,"operation":"ListStreams","percent":1,"error":"InternalFailure"}"#,
    r#"{"id":"a","kind":"api.latency","lease_ms":1,"stream":"orders","percent":100,"delay_ms":60000}"#,
    r#"{"id":"a","kind":"api.expired_iterator","lease_ms":1,"stream":"orders","percent":100}"#,
    r#"{"id":"a","kind":"api.partial_put","lease_ms":1,"percent":30}"#,
    r#"{"id":"a","kind":"api.drop_subscription","lease_ms":1,"percent":30,"after_ms":2000}"#,
    r#"{"id":"a","kind":"disk.slow","lease_ms":1,"delay_ms":200}"#,
    r#"{"id":"a","kind":"api.latency","lease_ms":1,"percent":100,"delay_ms":60000,"jitter_ms":50}"#,
    r#"{"id":"a","kind":"disk.slow","lease_ms":1,"fsync_ms":200,"read_ms":10000}"#,
    r#"{"id":"a","kind":"disk.fsync_error","lease_ms":1,"percent":10}"#,
    r#"{"id":"a","kind":"clock.drift","lease_ms":1,"drift_ppm":-500000}"#,
    r#"{"id":"a","kind":"disk.full","lease_ms":1}"#,
    r#"{"id":"a","kind":"disk.fsync_error","lease_ms":43200000}"#,
    r#"{"id":"a","kind":"clock.jump","lease_ms":1,"offset_ms":-600000}"#,
    r#"{"id":"a","kind":"link.cut","lease_ms":1,"node":2,"way":"out"}"#,
    r#"{"id":"a","kind":"link.cut","lease_ms":1,"node":3,"way":"both"}"#,
    r#"{"id":"a","kind":"link.delay","lease_ms":1,"node":3,"way":"in","delay_ms":50,"jitter_ms":20}"#,
    r#"{"id":"a","kind":"link.delay","lease_ms":1,"node":3,"way":"both","delay_ms":50}"#,
    r#"{"id":"a","kind":"link.loss","lease_ms":1,"node":3,"way":"out","percent":5}"#,
    r#"{"id":"a","kind":"link.thin","lease_ms":1,"node":3,"way":"both","bytes_per_second":65536}"#,
    r#"{"id":"a","kind":"link.reset","lease_ms":1,"node":2}"#,
    r#"{"id":"a","kind":"link.reset","lease_ms":1,"node":2,"every_ms":500}"#,
];

#[test]
fn what_is_told_is_what_was_asked_for() {
    for body in GOOD {
        let request = read(body).expect(body);
        let told = FaultDocument::new(&request.id, &request.effect, request.lease);
        let told = serde_json::to_value(&told).expect("JSON");
        let asked: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(told, asked);
    }
}

#[test]
fn every_kind_has_an_example_above() {
    for kind in Kind::ALL {
        let name = format!("\"{}\"", kind.name());
        assert!(GOOD.iter().any(|body| body.contains(&name)), "{name}");
    }
}

#[test]
fn what_is_left_out_has_a_default() {
    let throttle = read(r#"{"id":"a","kind":"api.throttle","lease_ms":1}"#).expect("good");
    assert_eq!(
        throttle.effect,
        Effect::Api(ApiEffect {
            action: ApiAction::Throttle,
            stream: None,
            operation: None,
            percent: 100,
        })
    );
    let link = read(r#"{"id":"a","kind":"link.cut","lease_ms":1,"node":2,"way":null}"#);
    assert_eq!(
        link.expect("good").effect,
        Effect::Link(LinkEffect {
            action: LinkAction::Cut,
            node: NodeId(2),
            address: "h:2".to_owned(),
            way: Way::Both,
        })
    );
}

/// A wrong body, and how its refusal begins.
const WRONG: &[(&str, &str)] = &[
    ("", "body: not JSON"),
    ("[]", "body: has to be a JSON object"),
    (r#"{"kind":"disk.full","lease_ms":1}"#, "id: is missing"),
    (
        r#"{"id":7,"kind":"disk.full","lease_ms":1}"#,
        "id: has to be a string",
    ),
    (
        r#"{"id":"a b","kind":"disk.full","lease_ms":1}"#,
        "id: has to be 1 to 64",
    ),
    (
        r#"{"id":"a","lease_ms":1}"#,
        "kind: has to be one of api.throttle, ",
    ),
    (
        r#"{"id":"a","kind":"disk.fast","lease_ms":1}"#,
        "kind: has to be one of",
    ),
    (
        r#"{"id":"a","kind":"disk.full"}"#,
        "lease_ms: is missing: milliseconds, 1 to 43200000",
    ),
    (
        r#"{"id":"a","kind":"disk.full","lease_ms":0}"#,
        "lease_ms: has to be a whole number",
    ),
    (
        r#"{"id":"a","kind":"disk.full","lease_ms":43200001}"#,
        "lease_ms: has to be",
    ),
    (
        r#"{"id":"a","kind":"disk.full","lease_ms":"30s"}"#,
        "lease_ms: has to be",
    ),
    (
        r#"{"id":"a","kind":"disk.full","lease_ms":1.5}"#,
        "lease_ms: has to be",
    ),
    (
        r#"{"id":"a","kind":"disk.full","lease_ms":1,"delay_ms":3}"#,
        "delay_ms: is not a parameter of disk.full",
    ),
    (
        r#"{"id":"a","kind":"api.throttle","lease_ms":1,"percnt":3}"#,
        "percnt: is not a parameter of api.throttle",
    ),
    (
        r#"{"id":"a","kind":"api.throttle","lease_ms":1,"percent":0}"#,
        "percent: has to be",
    ),
    (
        r#"{"id":"a","kind":"api.throttle","lease_ms":1,"percent":101}"#,
        "percent: has to be",
    ),
    (
        r#"{"id":"a","kind":"api.throttle","lease_ms":1,"stream":"a b"}"#,
        "stream: a stream name",
    ),
    (
        r#"{"id":"a","kind":"api.throttle","lease_ms":1,"operation":"ListShards"}"#,
        "operation: api.throttle reaches only GetRecords, GetShardIterator",
    ),
    (
        r#"{"id":"a","kind":"api.latency","delay_ms":1,"lease_ms":1,"operation":"CreateQueue"}"#,
        "operation: CreateQueue is not offered",
    ),
    (
        r#"{"id":"a","kind":"api.latency","lease_ms":1}"#,
        "delay_ms: is missing",
    ),
    (
        r#"{"id":"a","kind":"api.error","lease_ms":1}"#,
        "error: has to be one of ResourceNotFound",
    ),
    (
        r#"{"id":"a","kind":"api.error","lease_ms":1,"error":"Oops"}"#,
        "error: has to be one of",
    ),
    (
        r#"{"id":"a","kind":"disk.slow","lease_ms":1,"delay_ms":10001}"#,
        "delay_ms: has to be",
    ),
    (
        r#"{"id":"a","kind":"clock.jump","lease_ms":1,"offset_ms":0}"#,
        "offset_ms: has to be",
    ),
    (
        r#"{"id":"a","kind":"disk.slow","lease_ms":1}"#,
        "delay_ms: is missing: milliseconds, 1 to 10000; or some of",
    ),
    (
        r#"{"id":"a","kind":"disk.slow","lease_ms":1,"delay_ms":1,"read_ms":1}"#,
        "read_ms: is not a parameter",
    ),
    (
        r#"{"id":"a","kind":"clock.drift","lease_ms":1,"drift_ppm":500001}"#,
        "drift_ppm: has to be",
    ),
    (
        r#"{"id":"a","kind":"clock.jump","lease_ms":1}"#,
        "offset_ms: has to be",
    ),
    (
        r#"{"id":"a","kind":"link.cut","lease_ms":1}"#,
        "node: has to be another node of the cluster: 2, 3",
    ),
    (
        r#"{"id":"a","kind":"link.cut","lease_ms":1,"node":1}"#,
        "node: has to be another",
    ),
    (
        r#"{"id":"a","kind":"link.cut","lease_ms":1,"node":2,"way":"up"}"#,
        "way: has to be out",
    ),
    (
        r#"{"id":"a","kind":"link.delay","lease_ms":1,"node":2}"#,
        "delay_ms: is missing",
    ),
    (
        r#"{"id":"a","kind":"link.delay","lease_ms":1,"node":2,"delay_ms":1,"jitter_ms":10001}"#,
        "jitter_ms: has to be",
    ),
    (
        r#"{"id":"a","kind":"link.loss","lease_ms":1,"node":2}"#,
        "percent: is missing",
    ),
    (
        r#"{"id":"a","kind":"link.thin","lease_ms":1,"node":2,"bytes_per_second":0}"#,
        "bytes_per_second: has to be",
    ),
    (
        r#"{"id":"a","kind":"link.thin","lease_ms":1,"node":2}"#,
        "bytes_per_second: is missing",
    ),
    (
        r#"{"id":"a","kind":"link.reset","lease_ms":1,"node":2,"way":"out"}"#,
        "way: is not a parameter of link.reset",
    ),
    (
        r#"{"id":"a","kind":"link.reset","lease_ms":1,"node":2,"every_ms":99}"#,
        "every_ms: has to be",
    ),
    (
        r#"{"id":"a","kind":"link.cut","lease_ms":1,"node":2,"delay_ms":5}"#,
        "delay_ms: is not a parameter of link.cut",
    ),
];

#[test]
fn the_wrong_field_is_named() {
    for (body, refusal) in WRONG {
        let error = read(body).expect_err(body);
        assert!(error.starts_with(refusal), "{body}: {error}");
    }
}

#[test]
fn one_fault_or_all_are_stopped_never_both_by_accident() {
    let stop = |body: &str| read_stop(body.as_bytes()).map_err(|wrong| wrong.field);
    let one = FaultId::new("a").expect("an id");
    let cases = [
        (r#"{"id":"a"}"#, Ok(StopRequest::One(one))),
        (r#"{"all":true}"#, Ok(StopRequest::All)),
        (r#"{"all":false}"#, Err("all".to_owned())),
        (r#"{"id":"a","all":true}"#, Err("all".to_owned())),
        (r#"{"ids":["a"]}"#, Err("ids".to_owned())),
        ("{}", Err("id".to_owned())),
        ("", Err("body".to_owned())),
    ];
    for (body, expected) in cases {
        assert_eq!(stop(body), expected, "{body}");
    }
}
