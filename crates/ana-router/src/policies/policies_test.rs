//! What a resource policy may say.

use ana_types::SettingError;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CONSUMER_ACTIONS, POLICY_BYTES_MAX, STREAM_ACTIONS, check, has_wildcard};

const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";

fn statement() -> Value {
    json!({
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": ["123456789012", "arn:aws:iam::123456789012:user/a/b"]},
        "Action": ["kinesis:PutRecord", "kinesis:putrecords"],
        "Resource": STREAM,
    })
}

fn policy(statement: &Value) -> Value {
    json!({"Version": "2012-10-17", "Id": "x", "Statement": [statement]})
}

/// The statement with one element set, or taken away by null.
fn with(element: &str, value: Value) -> Value {
    let mut statement = statement();
    let object = statement.as_object_mut().expect("an object");
    if value.is_null() {
        object.remove(element);
    } else {
        object.insert(element.to_owned(), value);
    }
    policy(&statement)
}

/// Why a policy is refused; nothing when it is not.
fn why(policy: &str, actions: &[&str]) -> String {
    match check(policy, actions) {
        Ok(()) => String::new(),
        Err(SettingError::InvalidPolicy { why }) => why,
        Err(other) => other.to_string(),
    }
}

#[test]
fn policies_that_may_be_attached() {
    let role = "arn:aws-us-gov:iam::123456789012:role/r";
    let consumer = json!("kinesis:SubscribeToShard");
    for (policy, actions) in [
        (policy(&statement()), STREAM_ACTIONS),
        (json!({"Statement": statement()}), STREAM_ACTIONS),
        (with("Sid", Value::Null), STREAM_ACTIONS),
        (with("Effect", json!("Deny")), STREAM_ACTIONS),
        (with("Action", json!(STREAM_ACTIONS)), STREAM_ACTIONS),
        (with("Action", consumer), CONSUMER_ACTIONS),
        (with("Action", json!(CONSUMER_ACTIONS)), CONSUMER_ACTIONS),
        (with("Principal", json!({"AWS": role})), STREAM_ACTIONS),
        (
            with(
                "Principal",
                json!({"AWS": "arn:aws:iam::123456789012:root"}),
            ),
            STREAM_ACTIONS,
        ),
        (
            with("Condition", json!({"StringEquals": {"aws:x": "y"}})),
            STREAM_ACTIONS,
        ),
    ] {
        let text = policy.to_string();
        assert_eq!(why(&text, actions), "", "{text}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn policies_that_may_not_be_attached() {
    let principal = |text: &str| with("Principal", json!({"AWS": text}));
    let table = [
        (json!([]), "Policy is not a JSON object."),
        (json!({}), "Policy has no Statement."),
        (json!({"Statement": []}), "Policy has no Statement."),
        (json!({"Statement": ["x"]}), "Statement is not an object."),
        (
            json!({"Statement": statement(), "Extra": 1}),
            "Extra is not supported in a resource policy.",
        ),
        (
            json!({"Statement": statement(), "Version": "2024-01-01"}),
            "Version is not a version of the policy language.",
        ),
        (
            json!({"Statement": statement(), "Version": 1}),
            "Version is not a version of the policy language.",
        ),
        (
            json!({"Statement": statement(), "Id": 1}),
            "Id is not a string.",
        ),
        (with("Sid", json!(1)), "Sid is not a string."),
        (
            with("Effect", Value::Null),
            "Effect is neither Allow nor Deny.",
        ),
        (
            with("Effect", json!("allow")),
            "Effect is neither Allow nor Deny.",
        ),
        (
            with("NotAction", json!("kinesis:PutRecord")),
            "NotAction is not supported in a resource policy.",
        ),
        (
            with("NotPrincipal", json!({"AWS": "123456789012"})),
            "NotPrincipal is not supported in a resource policy.",
        ),
        (
            with("Principal", Value::Null),
            "Principal is missing or not an object.",
        ),
        (
            with("Principal", json!({})),
            "Principal is missing, or is neither a string nor a list of strings.",
        ),
        (
            with("Principal", json!("*")),
            "Principal * is not supported.",
        ),
        (
            with("Principal", json!({"Service": "lambda.amazonaws.com"})),
            "Principal of type Service is not supported.",
        ),
        (
            with(
                "Principal",
                json!({"AWS": "123456789012", "Federated": "x"}),
            ),
            "Principal of type Federated is not supported.",
        ),
        (
            with("Principal", json!({"CanonicalUser": "x"})),
            "Principal of type CanonicalUser is not supported.",
        ),
        (
            with("Principal", json!({"AWS": ["123456789012", 7]})),
            "Principal is missing, or is neither a string nor a list of strings.",
        ),
        (principal("*"), "Principal * contains a wildcard."),
        (
            principal("arn:aws:iam::123456789012:user/*"),
            "Principal arn:aws:iam::123456789012:user/* contains a wildcard.",
        ),
        (
            principal("12345"),
            "Principal 12345 is neither an account nor a user or role.",
        ),
        (
            principal("arn:aws:iam::123456789012:group/g"),
            "Principal arn:aws:iam::123456789012:group/g is neither an account nor a user or role.",
        ),
        (
            principal("arn:aws:iam::123456789012:role/"),
            "Principal arn:aws:iam::123456789012:role/ is neither an account nor a user or role.",
        ),
        (
            with("Action", Value::Null),
            "Action is missing, or is neither a string nor a list of strings.",
        ),
        (
            with("Action", json!([])),
            "Action is missing, or is neither a string nor a list of strings.",
        ),
        (
            with("Action", json!("kinesis:*")),
            "Action kinesis:* contains a wildcard.",
        ),
        (
            with("Action", json!("kinesis:PutRecord?")),
            "Action kinesis:PutRecord? contains a wildcard.",
        ),
        (
            with("Action", json!("kinesis:DeleteStream")),
            "Action kinesis:DeleteStream cannot be shared by the policy of this resource.",
        ),
        (
            with("Action", json!("kinesis:SubscribeToShard")),
            "Action kinesis:SubscribeToShard cannot be shared by the policy of this resource.",
        ),
        (
            with("Resource", Value::Null),
            "Resource is missing, or is neither a string nor a list of strings.",
        ),
        (with("Resource", json!("s")), "Resource s is not an ARN."),
        (with("Condition", json!("x")), "Condition is not an object."),
    ];
    for (policy, expect) in table {
        let text = policy.to_string();
        assert_eq!(why(&text, STREAM_ACTIONS), expect, "{text}");
    }
    let of_stream = policy(&statement()).to_string();
    assert_eq!(
        why(&of_stream, CONSUMER_ACTIONS),
        "Action kinesis:PutRecord cannot be shared by the policy of this resource."
    );
    let deep = "[".repeat(POLICY_BYTES_MAX);
    for no_json in ["", "{", "{}x", deep.as_str()] {
        assert_eq!(why(no_json, STREAM_ACTIONS), "Policy is not valid JSON.");
    }
    let long = format!("{}{}", policy(&statement()), " ".repeat(POLICY_BYTES_MAX));
    let bytes = long.len();
    assert_eq!(
        check(&long, STREAM_ACTIONS),
        Err(SettingError::PolicyTooLarge { bytes })
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z0-9:*/_ -]{0,20}".prop_map(Value::from),
        Just(json!("kinesis:PutRecord")),
        Just(json!("123456789012")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![
            "(Statement|Effect|Principal|Action|Resource|AWS|Sid|Condition)",
            "[a-zA-Z]{0,8}",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", json in any_json()) {
        prop_assert!(check(&text, STREAM_ACTIONS).is_err());
        let _verdict = check(&json.to_string(), STREAM_ACTIONS);
    }

    /// Whatever one element is replaced by: what passes grants named actions to named principals.
    #[test]
    fn what_passes_names_actions_and_principals(
        element in "(Effect|Principal|Action|Resource)",
        value in any_json(),
    ) {
        let changed = with(&element, value);
        if check(&changed.to_string(), STREAM_ACTIONS).is_ok() {
            let statement = &changed["Statement"][0];
            prop_assert!(!has_wildcard(&statement["Action"].to_string()));
            prop_assert!(!has_wildcard(&statement["Principal"].to_string()));
            prop_assert!(statement["Principal"]["AWS"].is_string() || statement["Principal"]["AWS"].is_array());
        }
    }
}
