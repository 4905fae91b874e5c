//! Templates that are carried over, and what is said about those that are not.

use super::import;
use crate::file::Drill;
use expect_test::expect;
use proptest::prelude::{prop_assert_eq, proptest};

/// A template with these targets and actions.
fn template(targets: &str, actions: &str) -> String {
    format!(
        r#"{{"description": "Kinesis stream experiment", "targets": {{{targets}}}, "actions": {{{actions}}},
        "stopConditions": [{{"source": "none"}}], "tags": {{}},
        "experimentOptions": {{"accountTargeting": "single-account", "emptyTargetResolutionMode": "fail"}}}}"#
    )
}

const ORDERS: &str = r#""t": {"resourceType": "aws:kinesis:stream", "selectionMode": "ALL",
    "resourceArns": ["arn:aws:kinesis:eu-west-1:111122223333:stream/orders"]}"#;

fn action(name: &str, more: &str, parameters: &str) -> String {
    format!(
        r#""{name}": {{"actionId": "aws:kinesis:stream-expired-iterator-exception", {more}
        "parameters": {{{parameters}}}, "targets": {{"KinesisStreams": "t"}}}}"#
    )
}

fn one(id: &str, parameters: &str, key: &str, targets: &str) -> String {
    let action = format!(
        r#""a": {{"actionId": "{id}", "parameters": {{{parameters}}}, "targets": {{"{key}": "t"}}}}"#
    );
    template(targets, &action)
}

#[test]
fn a_template_by_tags_becomes_a_drill() {
    let text = one(
        "aws:kinesis:stream-provisioned-throughput-exception",
        r#""duration": "PT5M", "percentage": "100", "service": "kinesis""#,
        "KinesisStreams",
        r#""t": {"resourceType": "aws:kinesis:stream", "resourceTags": {"env": "prod"}, "selectionMode": "COUNT(5)"}"#,
    );
    let imported = import(&text).expect("a template");
    assert_eq!(imported.not_carried, []);
    expect![[r#"
        drill = "kinesis-stream-experiment"
        about = "Kinesis stream experiment"

        [[step]]
        name = "a"
        at = "0s"
        do = "api.throttle"
        on = "up to 5 of streams tagged env = prod"
        percent = "100%"
        for = "5m"
    "#]]
    .assert_eq(&imported.drill.to_string());
    assert_eq!(Drill::from_text(&text).expect("a template"), imported);
    let answer = format!(r#"{{"experimentTemplate": {text}}}"#);
    assert_eq!(Drill::from_text(&answer).expect("an answer"), imported);
}

#[test]
fn all_action_ids_are_carried_over() {
    let role = r#""t": {"resourceType": "aws:iam:role", "selectionMode": "ALL",
        "resourceArns": ["arn:aws:iam::111122223333:role/app"]}"#;
    let some = r#""duration": "PT1M", "percentage": "25", "service": "kinesis", "operations": "GetRecords""#;
    let by_role = "all streams op GetRecords principal arn:aws:iam::111122223333:role/app";
    for (id, key, target, does, on) in [
        (
            "aws:kinesis:stream-provisioned-throughput-exception",
            "KinesisStreams",
            ORDERS,
            "api.throttle percent 25%",
            "stream orders op GetRecords",
        ),
        (
            "aws:kinesis:stream-expired-iterator-exception",
            "KinesisStreams",
            ORDERS,
            "api.expired_iterator percent 25%",
            "stream orders op GetRecords",
        ),
        (
            "aws:kinesis:inject-api-provisioned-throughput-exception",
            "Roles",
            role,
            "api.throttle percent 25%",
            by_role,
        ),
        (
            "aws:kinesis:inject-api-expired-iterator-exception",
            "Roles",
            role,
            "api.expired_iterator percent 25%",
            by_role,
        ),
        (
            "aws:fis:inject-api-internal-error",
            "Roles",
            role,
            "api.error error InternalFailure percent 25%",
            by_role,
        ),
        (
            "aws:fis:inject-api-throttle-error",
            "Roles",
            role,
            "api.error error ThrottlingException percent 25%",
            by_role,
        ),
        (
            "aws:fis:inject-api-unavailable-error",
            "Roles",
            role,
            "api.error error ServiceUnavailable percent 25%",
            by_role,
        ),
    ] {
        let drill = import(&one(id, some, key, target)).expect(id).drill;
        let step = &drill.steps[0];
        assert_eq!(
            (step.action.to_string(), step.on.to_string()),
            (does.to_owned(), on.to_owned()),
            "{id}"
        );
    }
}

#[test]
fn start_after_becomes_moments() {
    let minute = r#""duration": "PT1M""#;
    let actions = [
        action("last", r#""startAfter": ["first", "wait"],"#, minute),
        action("first", "", r#""duration": "PT1M30S""#),
        r#""wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT2H"}}"#.to_owned(),
        action("second", r#""startAfter": ["first"],"#, minute),
    ];
    let drill = import(&template(ORDERS, &actions.join(",")))
        .expect("a template")
        .drill;
    let times: Vec<String> = drill
        .steps
        .iter()
        .map(|step| format!("{} at {}", step.name.as_deref().expect("a name"), step.at))
        .collect();
    assert_eq!(times, ["last at 2h", "first at 0s", "second at 1m30s"]);
}

#[test]
fn selection_modes() {
    let two = r#""resourceArns": ["arn:aws:kinesis:eu-west-1:111122223333:stream/a", "arn:aws:kinesis:eu-west-1:111122223333:stream/b"]"#;
    for (mode, on) in [
        ("ALL", Some("all streams a, b")),
        ("COUNT(1)", Some("up to 1 of streams a, b")),
        ("PERCENT(25)", Some("25% of streams a, b")),
        ("COUNT(0)", None),
        ("PERCENT(0)", None),
        ("PERCENT(101)", None),
        ("COUNT(1", None),
        ("SOME", None),
    ] {
        let target = format!(
            r#""t": {{"resourceType": "aws:kinesis:stream", {two}, "selectionMode": "{mode}"}}"#
        );
        let read = import(&template(
            &target,
            &action("a", "", r#""duration": "PT1M""#),
        ));
        assert_eq!(
            read.ok()
                .map(|read| read.drill.steps[0].on.to_string())
                .as_deref(),
            on,
            "{mode}"
        );
    }
}

#[test]
fn durations_of_iso_8601() {
    for (text, seconds) in [
        ("PT1M", Some("1m")),
        ("PT60S", Some("1m")),
        ("PT1H30M", Some("1h30m")),
        ("PT12H", Some("12h")),
        ("PT59S", None),
        ("PT12H1S", None),
        ("PT", None),
        ("P1D", None),
        ("PT1M1H", None),
        ("PT1.5M", None),
        ("5m", None),
        ("PT99999999999999999999H", None),
    ] {
        let read = super::duration::read(text)
            .ok()
            .map(|span| span.to_string());
        assert_eq!(read.as_deref(), seconds, "{text}");
    }
}

#[test]
fn what_names_other_services_is_listed() {
    let action = action("a", "", r#""duration": "PT1M""#);
    let text = format!(
        r#"{{"targets": {{{ORDERS}}}, "actions": {{{action}}}, "roleArn": "arn:aws:iam::1:role/fis",
        "stopConditions": [{{"source": "aws:cloudwatch:alarm", "value": "arn:alarm"}}],
        "logConfiguration": {{"logSchemaVersion": 2}}, "experimentReportConfiguration": {{}},
        "experimentOptions": {{"emptyTargetResolutionMode": "skip"}}, "tags": {{"Name": "Slow -- Readers!"}}, "id": "EXT1"}}"#
    );
    let imported = import(&text).expect("a template");
    assert_eq!(imported.drill.name.as_str(), "slow-readers");
    let said: Vec<String> = imported
        .not_carried
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(said.len(), 5);
    assert!(said[0].contains("arn:alarm"), "{said:?}");
    assert!(
        said[4].contains("emptyTargetResolutionMode = skip"),
        "{said:?}"
    );
}

/// Parameters of an expired-iterator action on a stream, and what is said.
const WRONG_PARAMETERS: &[(&str, &str)] = &[
    ("", "action \"a\": `duration` is missing"),
    (r#""duration": "1m""#, "\"1m\" is not a duration like PT5M"),
    (r#""duration": "PT30S""#, "30s is out of bounds"),
    (
        r#""duration": "PT1M", "percentage": "0""#,
        "`percentage` is nothing",
    ),
    (
        r#""duration": "PT1M", "percentage": "x""#,
        "is not a percentage",
    ),
    (
        r#""duration": "PT1M", "percent": "5""#,
        "did you mean `percentage`?",
    ),
    (
        r#""duration": "PT1M", "service": "s3""#,
        "service \"s3\" is not kinesis",
    ),
    (
        r#""duration": "PT1M", "operations": "GetRecord""#,
        "did you mean `GetRecords`?",
    ),
    (
        r#""duration": "PT1M", "operations": "PutRecord""#,
        "does not concern PutRecord",
    ),
];

/// What follows the resource type of a target, and what is said.
const WRONG_TARGETS: &[(&str, &str)] = &[
    (
        r#""aws:kinesis:stream""#,
        "either resourceArns or resourceTags",
    ),
    (
        r#""aws:kinesis:stream", "resourceArns": ["orders"]"#,
        "not the ARN of a Kinesis stream",
    ),
    (
        r#""aws:kinesis:stream", "resourceTags": {"a": "b"}, "filters": [{}]"#,
        "with filters cannot",
    ),
    (
        r#""aws:kinesis:stream", "resourceTags": {"a": "b"}, "parameters": {"x": "y"}"#,
        "with parameters cannot",
    ),
    (
        r#""aws:ec2:instance", "resourceTags": {"a": "b"}"#,
        "resource type \"aws:ec2:instance\"",
    ),
    (
        r#""aws:iam:role", "resourceArns": ["app"]"#,
        "\"app\" is not the ARN of a role",
    ),
    (
        r#""aws:iam:role", "resourceArns": ["arn:aws:iam::1:role/a"], "selectionMode": "COUNT(1)""#,
        "roles are taken by ARN",
    ),
    (
        r#""aws:iam:role", "resourceTags": {"a": "b"}"#,
        "roles are taken by ARN",
    ),
];

#[test]
fn what_cannot_be_carried_over_is_refused() {
    let minute = r#""duration": "PT1M""#;
    let kinesis = "aws:kinesis:stream-expired-iterator-exception";
    let streams = "KinesisStreams";
    let role =
        r#""t": {"resourceType": "aws:iam:role", "resourceArns": ["arn:aws:iam::1:role/a"]}"#;
    let mut wrong = vec![
        ("{".to_owned(), "the template: this is not JSON"),
        ("{}".to_owned(), "`actions` has 0 entries"),
        (r#"{"action": {}}"#.to_owned(), "did you mean `actions`?"),
        (
            one("aws:ec2:stop-instances", minute, streams, ORDERS),
            "is not an action on Kinesis",
        ),
        (
            one("aws:fis:inject-api-internal-error", minute, "Roles", role),
            "`operations` is missing",
        ),
        (
            one(kinesis, minute, "Roles", ORDERS),
            "and should under KinesisStreams",
        ),
        (
            one(kinesis, minute, streams, role),
            "and should under Roles",
        ),
        (
            one(kinesis, minute, streams, &ORDERS.replace("\"t\"", "\"u\"")),
            "no target \"t\"",
        ),
        (
            template(ORDERS, &action("a", r#""startAfter": ["b"],"#, minute)),
            "no such action",
        ),
        (
            template(ORDERS, &action("a", r#""startAfter": ["a"],"#, minute)),
            "circle through \"a\"",
        ),
        (
            template(
                "",
                r#""w": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"}}"#,
            ),
            "only wait",
        ),
        (
            template(ORDERS, &action("a", "", minute)).replace(r#"{"KinesisStreams": "t"}"#, "{}"),
            "exactly one target",
        ),
    ];
    for (parameters, message) in WRONG_PARAMETERS {
        wrong.push((one(kinesis, parameters, streams, ORDERS), message));
    }
    for (target, message) in WRONG_TARGETS {
        let target = format!(r#""t": {{"resourceType": {target}}}"#);
        wrong.push((one(kinesis, minute, streams, &target), message));
    }
    for (text, message) in wrong {
        let error = import(&text).expect_err(&text).to_string();
        assert!(error.contains(message), "{text}\n{error}");
    }
}

#[test]
fn a_chain_longer_than_a_drill_is_refused() {
    let hours = r#""duration": "PT12H""#;
    let chain = (0..20).map(|at| match at {
        0 => action("a0", "", hours),
        at => action(
            &format!("a{at}"),
            &format!(r#""startAfter": ["a{}"],"#, at - 1),
            hours,
        ),
    });
    let text = template(ORDERS, &chain.collect::<Vec<_>>().join(","));
    let error = import(&text).expect_err("too long").to_string();
    assert!(error.contains("longer than 168h"), "{error}");
}

proptest! {
    #[test]
    fn no_text_upsets_the_import(text in "\\PC*") {
        if let Ok(read) = import(&text) {
            prop_assert_eq!(Drill::from_toml(&read.drill.to_string()).ok(), Some(read.drill));
        }
    }

    #[test]
    fn damaged_templates_upset_nobody(from in 0..400_usize, put in "[\\[\\]{}\",:a0 ]{0,3}") {
        let whole = template(ORDERS, &action("a", "", r#""duration": "PT1M""#));
        let head: String = whole.chars().take(from).collect();
        let tail: String = whole.chars().skip(from + 1).collect();
        if let Ok(read) = import(&format!("{head}{put}{tail}")) {
            prop_assert_eq!(Drill::from_toml(&read.drill.to_string()).ok(), Some(read.drill));
        }
    }
}
