//! What passes for the id of a key.

use super::is_key_id;

const GUID: &str = "12345678-1234-abcd-EF00-123456789012";

#[test]
fn keys_are_named_as_kms_names_them() {
    let arn = |resource: &str| format!("arn:aws:kms:us-east-1:123456789012:{resource}");
    let good = [
        "alias/aws/kinesis".to_owned(),
        "alias/My_Alias-1".to_owned(),
        GUID.to_owned(),
        "mrk-1234567890abcdef1234567890abcdef".to_owned(),
        arn("alias/aws/kinesis"),
        arn(&format!("key/{GUID}")),
        arn("key/mrk-1234567890abcdef1234567890abcdef"),
        format!("arn:aws-cn:kms:cn-north-1:123456789012:key/{GUID}"),
    ];
    for text in good {
        assert!(is_key_id(&text), "{text}");
    }
    let bad = [
        String::new(),
        "my-key".to_owned(),
        "aws/kinesis".to_owned(),
        "alias/".to_owned(),
        "alias/a b".to_owned(),
        "12345678-1234-abcd-ef00-12345678901".to_owned(),
        "12345678-1234-abcd-ef00-12345678901g".to_owned(),
        "12345678-1234-abcd-ef00123456789012".to_owned(),
        format!("{GUID}-"),
        "mrk-1234567890abcdef".to_owned(),
        arn("key/my-key"),
        arn("alias/"),
        arn(GUID),
        format!("arn:aws:s3:us-east-1:123456789012:key/{GUID}"),
        format!("arn:other:kms:us-east-1:123456789012:key/{GUID}"),
        format!("arn:aws:kms:us-east-1:12345:key/{GUID}"),
        format!("arn:aws:kms::123456789012:key/{GUID}"),
        "arn:".to_owned(),
    ];
    for text in bad {
        assert!(!is_key_id(&text), "{text}");
    }
}
