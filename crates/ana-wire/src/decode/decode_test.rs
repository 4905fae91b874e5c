//! Tables over every operation: good requests, wrong types, missing members, limits.

use ana_types::{IteratorKind, ShardFilterKind, StreamMode};
use serde_json::{Value as Json, json};

use super::samples::SAMPLES;
use super::{decode_by_model, decode_request, refuse_unknown_operation};
use crate::fault::{Fault, FaultKind};
use crate::format::Format;
use crate::model::{Kind, Model};
use crate::operation::Operation;
use crate::shapes::Request;

pub(super) fn refused(operation: Operation, body: &str) -> Fault {
    match decode_request(operation, Format::Json, body.as_bytes()) {
        Ok(request) => panic!("{body:.200} was accepted as {request:?}"),
        Err(fault) => fault,
    }
}

/// A good request of the operation, to be spoilt.
fn sample(operation: Operation) -> Json {
    let body = SAMPLES
        .iter()
        .find(|(of, _)| *of == operation)
        .expect("a sample per operation")
        .1;
    serde_json::from_str(body).expect("samples are JSON")
}

pub(super) fn with(operation: Operation, member: &str, value: Json) -> String {
    let mut body = sample(operation);
    body[member] = value;
    body.to_string()
}

fn check_validation(operation: Operation, body: &str, errors: &[&str]) {
    let fault = refused(operation, body);
    assert_eq!(fault.kind, FaultKind::Validation, "{body:.200}");
    let plural = if errors.len() == 1 { "" } else { "s" };
    let wanted = format!(
        "{} validation error{plural} detected: {}",
        errors.len(),
        errors.join("; ")
    );
    assert_eq!(
        fault.message.as_deref(),
        Some(wanted.as_str()),
        "{body:.200}"
    );
}

fn check_serialization(operation: Operation, body: &str, text: &str) {
    let fault = refused(operation, body);
    assert_eq!(fault.kind, FaultKind::Serialization, "{body:.200}");
    assert_eq!(fault.message.as_deref(), Some(text), "{body:.200}");
}

#[test]
fn good_requests_are_read_the_same_way_by_both_ways() {
    for (operation, body) in SAMPLES {
        let request = decode_request(*operation, Format::Json, body.as_bytes()).expect(body);
        assert_eq!(request.operation(), *operation);
        assert_eq!(
            decode_by_model(*operation, Format::Json, body.as_bytes()),
            Ok(request)
        );
    }
}

#[test]
fn every_offered_operation_has_a_sample_and_the_others_are_refused() {
    for operation in Operation::ALL {
        let has_sample = SAMPLES.iter().any(|(of, _)| *of == operation);
        assert_eq!(has_sample, operation.is_offered(), "{operation:?}");
        if !operation.is_offered() {
            assert_eq!(refused(operation, "{}"), Fault::not_offered(operation));
            assert_eq!(refused(operation, "[]"), Fault::not_an_object());
        }
    }
    assert_eq!(
        refuse_unknown_operation(Format::Json, b" {} "),
        Fault::unknown_operation()
    );
    for body in ["", "[]", "{", "{}x", "1", "null"] {
        assert_eq!(
            refuse_unknown_operation(Format::Json, body.as_bytes()),
            Fault::not_an_object()
        );
    }
}

#[test]
fn values_arrive_as_they_were_meant() {
    let decode = |body: &str, operation| {
        decode_request(operation, Format::Json, body.as_bytes()).expect(body)
    };
    let Request::CreateStream(create) = decode(SAMPLES[0].1, Operation::CreateStream) else {
        panic!("CreateStream")
    };
    assert_eq!(
        (create.stream_name.as_str(), create.shard_count),
        ("clicks", Some(3))
    );
    assert_eq!(
        (create.mode, create.max_record_kib),
        (Some(StreamMode::Provisioned), Some(2048))
    );
    assert_eq!(create.tags.get("empty").map(String::as_str), Some(""));

    let body = r#"{"Records":[{"Data":"aGVsbG8=","PartitionKey":"a"},{"Data":"d29ybGQ=","PartitionKey":"\u00fc\n"}],"StreamName":"s","Other":{"x":[1]}}"#;
    let Request::PutRecords(put) = decode(body, Operation::PutRecords) else {
        panic!("PutRecords")
    };
    assert_eq!(put.records[0].data, "hello");
    assert_eq!(put.records[1].data, "world");
    assert_eq!(put.records[1].partition_key, "ü\n");

    let body = r#"{"ShardId":"s","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1.4597999264e9,"StreamName":null}"#;
    let Request::GetShardIterator(get) = decode(body, Operation::GetShardIterator) else {
        panic!("GetShardIterator")
    };
    assert_eq!(
        (get.kind, get.timestamp_ms),
        (IteratorKind::AtTimestamp, Some(1_459_799_926_400))
    );
    assert_eq!(get.stream.name, None);

    let body = r#"{"ShardFilter":{"Type":"FROM_TIMESTAMP","Timestamp":-5},"MaxResults":2.9,"NextToken":"t"}"#;
    let Request::ListShards(list) = decode(body, Operation::ListShards) else {
        panic!("ListShards")
    };
    let filter = list.shard_filter.expect("a filter");
    assert_eq!(
        (filter.kind, filter.timestamp_ms),
        (ShardFilterKind::FromTimestamp, Some(0))
    );
    assert_eq!(list.max_results, Some(2));

    let body = r#"{"RetentionPeriodHours":99999999999,"StreamName":"a","StreamName":"b"}"#;
    let Request::IncreaseStreamRetentionPeriod(increase) =
        decode(body, Operation::IncreaseStreamRetentionPeriod)
    else {
        panic!("IncreaseStreamRetentionPeriod")
    };
    assert_eq!(increase.retention_hours, i32::MAX);
    assert_eq!(
        increase.stream.name.as_deref(),
        Some("b"),
        "of a repeated member the last counts"
    );
}

/// Every member of every operation against every JSON type it is not.
#[test]
fn wrong_types_give_serialization_exceptions() {
    let number = "com.amazon.coral.value.json.numbers.TruncatingBigNumber";
    for (operation, _) in SAMPLES {
        for member in &Model::get().input(*operation).members {
            let kind = &Model::get().shape(member.shape).kind;
            for value in [json!(true), json!(5), json!("zz"), json!([]), json!({})] {
                let scalar = |class: &str| match kind {
                    Kind::Boolean => {
                        Some(format!("class {class} can not be converted to an Boolean"))
                    }
                    Kind::Integer => {
                        Some(format!("class {class} can not be converted to an Integer"))
                    }
                    Kind::Long => Some(format!("class {class} can not be converted to an Long")),
                    Kind::Timestamp => Some(format!(
                        "class {class} can not be converted to milliseconds since epoch"
                    )),
                    Kind::Text => Some(format!("class {class} can not be converted to an String")),
                    Kind::Blob => Some(format!("class {class} can not be converted to a Blob")),
                    Kind::List(_) => Some("Expected list or null".to_owned()),
                    Kind::Map(..) => Some("Expected map or null".to_owned()),
                    Kind::Structure(_) => Some("Expected null".to_owned()),
                };
                let text = match (&value, kind) {
                    (Json::Bool(_), Kind::Boolean)
                    | (Json::Number(_), Kind::Integer | Kind::Long | Kind::Timestamp)
                    | (Json::String(_), Kind::Text)
                    | (Json::Array(_), Kind::List(_))
                    | (Json::Object(_), Kind::Map(..) | Kind::Structure(_)) => None,
                    (Json::String(_), Kind::Boolean) => {
                        Some("'ZZ' can not be converted to an Boolean".to_owned())
                    }
                    (Json::String(_), Kind::Blob) => Some(
                        "'zz' can not be converted to a Blob: Base64 encoded length is expected a \
                         multiple of 4 bytes but found: 2"
                            .to_owned(),
                    ),
                    (Json::Bool(_), _) => scalar("java.lang.Boolean"),
                    (Json::Number(_), _) => scalar(number),
                    (Json::String(_), _) => scalar("java.lang.String"),
                    (Json::Array(_), _) => {
                        Some("Start of list found where not expected".to_owned())
                    }
                    (Json::Object(_), _) => {
                        Some("Start of structure or map found where not expected.".to_owned())
                    }
                    (Json::Null, _) => None,
                };
                if let Some(text) = text {
                    check_serialization(*operation, &with(*operation, &member.name, value), &text);
                }
            }
        }
    }
}

#[test]
fn missing_members_are_named() {
    for (operation, _) in SAMPLES {
        let required: Vec<_> = Model::get()
            .input(*operation)
            .members
            .iter()
            .filter(|m| m.required)
            .collect();
        for member in required {
            let error = format!(
                "Value null at '{}' failed to satisfy constraint: Member must not be null",
                member.path
            );
            let absent = with(*operation, &member.name, Json::Null);
            check_validation(*operation, &absent, &[&error]);
        }
    }
    check_validation(
        Operation::PutRecords,
        r#"{"Records":[{"Data":"","PartitionKey":"a"},{"ExplicitHashKey":"1"},null]}"#,
        &[
            "Value null at 'records.2.member.data' failed to satisfy constraint: Member must not be null",
            "Value null at 'records.2.member.partitionKey' failed to satisfy constraint: Member must not be null",
            "Value null at 'records.3.member' failed to satisfy constraint: Member must not be null",
        ],
    );
    check_validation(
        Operation::CreateStream,
        r#"{"StreamName":"a","StreamModeDetails":{}}"#,
        &[
            "Value null at 'streamModeDetails.streamMode' failed to satisfy constraint: Member must not be null",
        ],
    );
}

#[test]
fn limits_of_strings() {
    let name = "a".repeat(129);
    let too_long = format!(
        "Value '{name}' at 'streamName' failed to satisfy constraint: Member must have length less than or equal to 128"
    );
    let pattern = |value: &str| {
        format!(
            "Value '{value}' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )
    };
    for (operation, _) in SAMPLES {
        if Model::get().input(*operation).place("StreamName").is_none() {
            continue;
        }
        check_validation(
            *operation,
            &with(*operation, "StreamName", json!(name)),
            &[&too_long],
        );
        for odd in ["a b", "a\n", "ä", "a/b"] {
            let body = with(*operation, "StreamName", json!(odd));
            check_validation(*operation, &body, &[&pattern(odd)]);
        }
        check_validation(
            *operation,
            &with(*operation, "StreamName", json!("")),
            &[
                "Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1",
                &pattern(""),
            ],
        );
    }
    let key = "ü".repeat(257);
    let error = format!(
        "Value '{key}' at 'partitionKey' failed to satisfy constraint: Member must have length less than or equal to 256"
    );
    check_validation(
        Operation::PutRecord,
        &with(Operation::PutRecord, "PartitionKey", json!(key)),
        &[&error],
    );
    let key = "ü".repeat(256);
    let body = with(Operation::PutRecord, "PartitionKey", json!(key));
    assert!(
        decode_request(Operation::PutRecord, Format::Json, body.as_bytes()).is_ok(),
        "256 characters, 512 bytes"
    );
    for odd in [
        "00",
        "-1",
        "1a",
        "",
        "1234567890123456789012345678901234567890",
    ] {
        check_validation(
            Operation::PutRecord,
            &with(Operation::PutRecord, "ExplicitHashKey", json!(odd)),
            &[&format!(
                "Value '{odd}' at 'explicitHashKey' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(0|([1-9]\\d{{0,38}}))$"
            )],
        );
    }
}

#[test]
fn limits_of_numbers_and_names() {
    let range = |path: &str, value: i64, rule: &str| {
        format!(
            "Value '{value}' at '{path}' failed to satisfy constraint: Member must have value {rule}"
        )
    };
    let table = [
        (
            Operation::GetRecords,
            "Limit",
            "limit",
            0,
            "greater than or equal to 1",
        ),
        (
            Operation::GetRecords,
            "Limit",
            "limit",
            10_001,
            "less than or equal to 10000",
        ),
        (
            Operation::ListShards,
            "MaxResults",
            "maxResults",
            10_001,
            "less than or equal to 10000",
        ),
        (
            Operation::ListTagsForStream,
            "Limit",
            "limit",
            51,
            "less than or equal to 50",
        ),
        (
            Operation::CreateStream,
            "ShardCount",
            "shardCount",
            0,
            "greater than or equal to 1",
        ),
        (
            Operation::CreateStream,
            "MaxRecordSizeInKiB",
            "maxRecordSizeInKiB",
            1023,
            "greater than or equal to 1024",
        ),
        (
            Operation::CreateStream,
            "WarmThroughputMiBps",
            "warmThroughputMiBps",
            -1,
            "greater than or equal to 0",
        ),
    ];
    for (operation, member, path, value, rule) in table {
        check_validation(
            operation,
            &with(operation, member, json!(value)),
            &[&range(path, value, rule)],
        );
    }
}

#[test]
fn clamped_numbers_and_enumerations() {
    check_validation(
        Operation::GetRecords,
        r#"{"ShardIterator":"a","Limit":1e400}"#,
        &[
            "Value '2147483647' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000",
        ],
    );
    check_validation(
        Operation::GetShardIterator,
        &with(
            Operation::GetShardIterator,
            "ShardIteratorType",
            json!("latest"),
        ),
        &[
            "Value 'latest' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
        ],
    );
}

#[test]
fn limits_of_lists_and_maps() {
    let records = |count: usize| {
        let record = r#"{"Data":"","PartitionKey":"a"}"#;
        format!(
            r#"{{"StreamName":"a","Records":[{}]}}"#,
            vec![record; count].join(",")
        )
    };
    assert!(decode_request(Operation::PutRecords, Format::Json, records(500).as_bytes()).is_ok());
    let fault = refused(Operation::PutRecords, &records(501));
    let text = fault.message.expect("a message");
    assert!(text.starts_with("1 validation error detected: Value '[com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@"));
    assert!(text.ends_with("at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"));
    assert!(text.len() < 5000, "an answer stays small");
    check_validation(
        Operation::PutRecords,
        &records(0),
        &[
            "Value '[]' at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ],
    );

    let rule = "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1]";
    check_validation(
        Operation::RemoveTagsFromStream,
        r#"{"StreamName":"a","TagKeys":["a","","b"]}"#,
        &[&format!(
            "Value '[a, , b]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: {rule}"
        )],
    );
    check_validation(
        Operation::AddTagsToStream,
        r#"{"StreamName":"a","Tags":{"":"x","b":null}}"#,
        &[
            &format!(
                "Value '{{=x, b=null}}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: {rule}"
            ),
            "Value null at 'tags.b.member' failed to satisfy constraint: Member must not be null",
        ],
    );
    let value = "v".repeat(257);
    check_validation(
        Operation::AddTagsToStream,
        &format!(r#"{{"StreamName":"a","Tags":{{"k":"{value}"}}}}"#),
        &[&format!(
            "Value '{{k={value}}}' at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 256, Member must have length greater than or equal to 0]"
        )],
    );
    let tags: Vec<String> = (0..201).map(|n| format!(r#""k{n}":"v""#)).collect();
    let fault = refused(
        Operation::AddTagsToStream,
        &format!(r#"{{"StreamName":"a","Tags":{{{}}}}}"#, tags.join(",")),
    );
    assert!(fault.message.expect("a message").ends_with(
        "at 'tags' failed to satisfy constraint: Member must have length less than or equal to 200"
    ));
}

#[test]
fn at_most_ten_errors_are_listed() {
    let record = r#"{"ExplicitHashKey":"x"}"#;
    // Three errors per record; an empty name has two, so the tenth may come in the middle of a member.
    for (records, name) in [(50, "a"), (3, "")] {
        let records = vec![record; records].join(",");
        let body = format!(r#"{{"Records":[{records}],"StreamName":"{name}"}}"#);
        let text = refused(Operation::PutRecords, &body)
            .message
            .expect("a message");
        assert!(
            text.starts_with("10 validation errors detected: "),
            "{text}"
        );
        assert_eq!(text.matches("failed to satisfy constraint").count(), 10);
    }
}

#[test]
fn blobs() {
    let fault = |data: &str, why: &str| {
        let text = format!("'{data}' can not be converted to a Blob: {why}");
        for body in [
            with(Operation::PutRecord, "Data", json!(data)),
            json!({"StreamName": "a", "Records": [{"Data": data, "PartitionKey": "k"}]})
                .to_string(),
        ] {
            let operation = if body.contains("Records") {
                Operation::PutRecords
            } else {
                Operation::PutRecord
            };
            check_serialization(operation, &body, &text);
        }
    };
    let length = "Base64 encoded length is expected a multiple of 4 bytes but found: ";
    fault("a", &format!("{length}1"));
    fault("aaaaa", &format!("{length}5"));
    fault("ääää", "Invalid Base64 character: 'ä'");
    fault("aa a", "Invalid Base64 character: ' '");
    fault("=aaa", "Invalid Base64 character: '='");
    fault("a=b=", "Invalid Base64 character: '='");
    fault("aa-_", "Invalid Base64 character: '-'");
    fault("aab=", "Invalid last non-pad Base64 character dectected");
    fault("ab==", "Invalid last non-pad Base64 character dectected");
    fault("a===", "Invalid last non-pad Base64 character dectected");
    let data = base64_simd::STANDARD.encode_to_string(vec![0_u8; 10_485_761]);
    let body = with(Operation::PutRecord, "Data", json!(data));
    check_validation(
        Operation::PutRecord,
        &body,
        &[
            "Value 'java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]' at 'data' failed to satisfy constraint: Member must have length less than or equal to 10485760",
        ],
    );
}

#[test]
fn faults_of_syntax_win_over_faults_of_type() {
    let body = r#"{"StreamName":5,"Records":[true],"x":}"#;
    assert_eq!(refused(Operation::PutRecords, body), Fault::not_an_object());
    check_serialization(
        Operation::PutRecords,
        r#"{"Records":[[]],"StreamName":5}"#,
        "Start of list found where not expected",
    );
}
