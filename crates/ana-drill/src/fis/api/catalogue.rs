//! The actions that are known here, as ListActions and GetAction tell them.
//!
//! Must stay true: each of them is carried over by `fis::import` with the parameters that stand here.

use super::identity::arn;
use serde_json::{Map, Value, json};

/// A parameter: its name, what it is, whether it must be there.
type Parameter = (&'static str, &'static str, bool);

/// An action.
#[derive(Debug)]
pub struct Known {
    /// Its id.
    pub id: &'static str,
    description: &'static str,
    parameters: &'static [Parameter],
    /// The key and the type of its target, if it has one.
    target: Option<(&'static str, &'static str)>,
}

const STREAMS: Option<(&str, &str)> = Some(("KinesisStreams", "aws:kinesis:stream"));
const ROLES: Option<(&str, &str)> = Some(("Roles", "aws:iam:role"));
const DURATION: Parameter = ("duration", "How long, from PT1M to PT12H", true);
const PERCENTAGE: Parameter = (
    "percentage",
    "Of the requests, from above 0 to 100; all without it",
    false,
);
const SERVICE: Parameter = ("service", "kinesis, the only service here", false);
const OPERATIONS: Parameter = (
    "operations",
    "Operations of Kinesis, with commas between them",
    true,
);
const SOME_OPERATIONS: Parameter = (
    "operations",
    "Operations of Kinesis, with commas between them; all without it",
    false,
);
const ON_STREAMS: &[Parameter] = &[DURATION, PERCENTAGE, SERVICE, SOME_OPERATIONS];
const ON_ROLES: &[Parameter] = &[DURATION, PERCENTAGE, SERVICE, OPERATIONS];

/// All of them, by id.
pub const ALL: &[Known] = &[
    Known {
        id: "aws:fis:inject-api-internal-error",
        description: "Requests of these roles are answered by InternalFailure",
        parameters: ON_ROLES,
        target: ROLES,
    },
    Known {
        id: "aws:fis:inject-api-throttle-error",
        description: "Requests of these roles are answered by ThrottlingException",
        parameters: ON_ROLES,
        target: ROLES,
    },
    Known {
        id: "aws:fis:inject-api-unavailable-error",
        description: "Requests of these roles are answered by ServiceUnavailable",
        parameters: ON_ROLES,
        target: ROLES,
    },
    Known {
        id: "aws:fis:wait",
        description: "Only waits, so that other actions start after it",
        parameters: &[DURATION],
        target: None,
    },
    Known {
        id: "aws:kinesis:inject-api-expired-iterator-exception",
        description: "GetRecords of these roles is answered by ExpiredIteratorException",
        parameters: ON_STREAMS,
        target: ROLES,
    },
    Known {
        id: "aws:kinesis:inject-api-provisioned-throughput-exception",
        description: "Data requests of these roles are answered by ProvisionedThroughputExceededException",
        parameters: ON_STREAMS,
        target: ROLES,
    },
    Known {
        id: "aws:kinesis:stream-expired-iterator-exception",
        description: "GetRecords on these streams is answered by ExpiredIteratorException",
        parameters: ON_STREAMS,
        target: STREAMS,
    },
    Known {
        id: "aws:kinesis:stream-provisioned-throughput-exception",
        description: "Data requests on these streams are answered by ProvisionedThroughputExceededException",
        parameters: ON_STREAMS,
        target: STREAMS,
    },
];

/// The action of an id.
pub fn find(id: &str) -> Option<&'static Known> {
    ALL.iter().find(|each| each.id == id)
}

impl Known {
    /// Its line in a list.
    pub fn summary(&self) -> Value {
        let mut targets = Map::new();
        if let Some((key, kind)) = self.target {
            targets.insert(key.to_owned(), json!({ "resourceType": kind }));
        }
        json!({
            "id": self.id,
            "arn": arn(&format!("action/{}", self.id)),
            "description": self.description,
            "targets": targets,
            "tags": {},
        })
    }

    /// The answer about it.
    pub fn answer(&self) -> Value {
        let mut action = self.summary();
        let parameters: Map<String, Value> = self
            .parameters
            .iter()
            .map(|(name, about, required)| {
                let parameter = json!({ "description": about, "required": required });
                ((*name).to_owned(), parameter)
            })
            .collect();
        if let Value::Object(action) = &mut action {
            action.insert("parameters".to_owned(), Value::Object(parameters));
        }
        json!({ "action": action })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fis::import;

    /// A template with this action alone, and a fault beside it where it only waits.
    fn template(known: &Known, without: Option<&str>) -> String {
        let value = |name: &str| match name {
            "duration" => "PT1M",
            "percentage" => "50",
            "service" => "kinesis",
            _ => "GetRecords",
        };
        let parameters = known.parameters.iter().map(|(name, ..)| *name);
        let parameters: Map<String, Value> = parameters
            .filter(|name| Some(*name) != without)
            .map(|name| (name.to_owned(), json!(value(name))))
            .collect();
        let aimed: Map<String, Value> = known
            .target
            .iter()
            .map(|(key, _)| ((*key).to_owned(), json!("t")))
            .collect();
        let resource = match known.target {
            Some((_, "aws:iam:role")) => ("aws:iam:role", "arn:aws:iam::111122223333:role/app"),
            _ => (
                "aws:kinesis:stream",
                "arn:aws:kinesis:us-east-1:000000000000:stream/orders",
            ),
        };
        let fault = json!({
            "actionId": "aws:kinesis:stream-expired-iterator-exception",
            "parameters": { "duration": "PT1M" },
            "targets": { "KinesisStreams": "u" },
        });
        let stream = json!({
            "resourceType": "aws:kinesis:stream", "selectionMode": "ALL",
            "resourceArns": ["arn:aws:kinesis:us-east-1:000000000000:stream/orders"],
        });
        let target = json!({
            "resourceType": resource.0, "selectionMode": "ALL", "resourceArns": [resource.1],
        });
        let action = json!({ "actionId": known.id, "parameters": parameters, "targets": aimed });
        json!({
            "targets": { "t": target, "u": stream },
            "actions": { "a": action, "b": fault },
        })
        .to_string()
    }

    #[test]
    fn each_is_carried_over_with_its_parameters() {
        assert!(ALL.is_sorted_by_key(|known| known.id));
        for known in ALL {
            import(&template(known, None)).expect(known.id);
            for (name, _, required) in known.parameters {
                let read = import(&template(known, Some(name)));
                assert_eq!(read.is_err(), *required, "{} without {name}", known.id);
            }
        }
        assert!(find("aws:ec2:stop-instances").is_none());
    }
}
