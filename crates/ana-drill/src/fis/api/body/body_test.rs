//! Requests that stand, and those that do not: each refusal names what is wrong.

use super::fixture::request;
use super::*;
use serde_json::json;

#[test]
fn a_request_becomes_a_drill() {
    let options = json!({ "accountTargeting": "single-account" });
    let changes = json!({ "tags": { "Name": "t" }, "experimentOptions": options });
    let (token, body) = create(request(&changes).as_bytes()).expect("a template");
    assert_eq!(token, "token-1");
    assert_eq!(body.experiment_options, Options::default());
    let import = body.import().expect("a drill");
    assert_eq!(import.drill.name.as_str(), "t");
    assert_eq!(import.drill.steps.len(), 1);
    assert_eq!(import.not_carried.len(), 1, "the role");
}

/// Each of these changes is refused, and the refusal says this.
fn refuses(cases: &[(Value, &str)]) {
    for (changes, told) in cases {
        let refusal = create(request(changes).as_bytes()).expect_err(told);
        assert_eq!(refusal.error_type, "ValidationException", "{changes}");
        let message = refusal.message;
        assert!(message.contains(told), "{changes}: {message}");
    }
}

#[test]
fn members_that_cannot_stand_are_refused() {
    let many: Texts = (0..51).map(|n| (n.to_string(), String::new())).collect();
    let options = json!({ "accountTargeting": "all" });
    refuses(&[
        (json!({ "clientToken": null }), "clientToken is missing"),
        (json!({ "clientToken": "a b" }), "clientToken is a text"),
        (
            json!({ "clientToken": "x".repeat(1025) }),
            "clientToken is a text",
        ),
        (
            json!({ "description": null }),
            "missing field `description`",
        ),
        (json!({ "description": "" }), "description has 1 to 512"),
        (
            json!({ "description": "x".repeat(513) }),
            "description has 1 to 512",
        ),
        (json!({ "roleArn": "short" }), "roleArn is an ARN"),
        (
            json!({ "stopConditions": null }),
            "missing field `stopConditions`",
        ),
        (
            json!({ "stopConditions": [{ "source": "weather" }] }),
            "stopConditions",
        ),
        (
            json!({ "stopConditions": [{ "source": ALARM }] }),
            "stopConditions",
        ),
        (json!({ "surprise": 1 }), "unknown field `surprise`"),
        (
            json!({ "experimentOptions": options }),
            "unknown variant `all`",
        ),
        (json!({ "tags": many }), "at most 50 tags"),
        (json!({ "tags": { "": "x" } }), "the key of a tag"),
    ]);
    for text in ["", "[]", "{", "null"] {
        let refusal = create(text.as_bytes()).expect_err("no object");
        assert!(refusal.message.contains("not an object"), "{text}");
    }
}

#[test]
fn actions_that_cannot_stand_are_refused() {
    let throttle = "aws:kinesis:stream-provisioned-throughput-exception";
    let action = |id: &str, duration: Value, target: &str| {
        json!({ "actions": { "a": { "actionId": id, "parameters": { "duration": duration },
            "targets": { "KinesisStreams": target } } } })
    };
    let minute = || json!("PT1M");
    let wait = json!({ "actionId": "aws:fis:wait", "parameters": { "duration": "PT1M" } });
    refuses(&[
        (json!({ "actions": null }), "missing field `actions`"),
        (json!({ "actions": {} }), "actions"),
        (json!({ "actions": { "a": wait } }), "wait"),
        (
            action("aws:ec2:stop-instances", minute(), "orders"),
            "aws:ec2:stop-instances",
        ),
        (action(throttle, json!("PT1S"), "orders"), "1m"),
        (action(throttle, minute(), "nothing"), "nothing"),
        (action(throttle, json!(60), "orders"), "expected a string"),
    ]);
}

#[test]
fn an_update_replaces_what_it_has() {
    let options = json!({ "accountTargeting": "multi-account" });
    let created = request(&json!({ "tags": { "a": "b" }, "experimentOptions": options }));
    let (_, old) = create(created.as_bytes()).expect("a template");
    let changes = json!({ "description": "new", "experimentOptions": { "emptyTargetResolutionMode": "skip" } });
    let new = update(&old, changes.to_string().as_bytes()).expect("changed");
    let expected = Body {
        description: "new".to_owned(),
        experiment_options: Options {
            account_targeting: AccountTargeting::MultiAccount,
            empty_target_resolution_mode: EmptyTargets::Skip,
        },
        ..old.clone()
    };
    assert_eq!(new, expected);
    for changes in [
        json!({ "tags": {} }),
        json!({ "actions": {} }),
        json!({ "surprise": 1 }),
    ] {
        update(&old, changes.to_string().as_bytes()).expect_err("cannot stand");
    }
}
