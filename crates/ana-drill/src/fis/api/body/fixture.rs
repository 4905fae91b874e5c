//! A request of CreateExperimentTemplate for tests.

use serde_json::{Value, json};

/// A request that stands, with these members changed; null takes one away.
pub(in crate::fis::api) fn request(changes: &Value) -> String {
    let mut request = json!({
        "clientToken": "token-1",
        "description": "Orders are throttled",
        "roleArn": "arn:aws:iam::000000000000:role/fis",
        "stopConditions": [{ "source": "none" }],
        "targets": { "orders": {
            "resourceType": "aws:kinesis:stream", "selectionMode": "ALL",
            "resourceArns": ["arn:aws:kinesis:us-east-1:000000000000:stream/orders"],
        } },
        "actions": { "throttle": {
            "actionId": "aws:kinesis:stream-provisioned-throughput-exception",
            "parameters": { "duration": "PT1M", "percentage": "50" },
            "targets": { "KinesisStreams": "orders" },
        } },
    });
    let changes = changes.as_object().expect("an object");
    let members = request.as_object_mut().expect("an object");
    for (key, value) in changes {
        members.insert(key.clone(), value.clone());
    }
    request.to_string()
}
