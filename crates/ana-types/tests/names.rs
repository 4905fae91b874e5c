//! Names, ARNs and ids: what is taken and what is refused.

use ana_types::names::NameError;
use ana_types::{
    AccountId, ArnError, GroupId, NodeId, Region, ShardIndex, StreamArn, StreamName, Zone,
};

#[test]
fn stream_names_follow_the_model() {
    let longest = "x".repeat(128);
    for good in ["a", "A-b_c.9", ".", &longest] {
        assert_eq!(StreamName::new(good).expect(good).as_str(), good);
    }
    let what = "stream name";
    let cases = [
        (String::new(), NameError::Empty { what }),
        (
            "a b".to_owned(),
            NameError::BadCharacter { what, found: ' ' },
        ),
        (
            "a/b".to_owned(),
            NameError::BadCharacter { what, found: '/' },
        ),
        (
            "\u{e9}".to_owned(),
            NameError::BadCharacter {
                what,
                found: '\u{e9}',
            },
        ),
        (
            "x".repeat(129),
            NameError::TooLong {
                what,
                len: 129,
                max: 128,
            },
        ),
    ];
    for (bad, error) in cases {
        assert_eq!(StreamName::new(&bad), Err(error), "{bad}");
    }
}

#[test]
fn other_names_are_checked_too() {
    assert_eq!(AccountId::default().as_str(), "000000000000");
    assert_eq!(Region::default().as_str(), "us-east-1");
    AccountId::new("123456789012").expect("12 digits");
    for bad in ["", "12345678901", "1234567890123", "12345678901a"] {
        assert_eq!(AccountId::new(bad), Err(NameError::NotAnAccount), "{bad}");
    }
    Zone::new("zone-a1").expect("a zone");
    for bad in ["", "Zone", "a_b", &"z".repeat(33)] {
        assert!(
            Zone::new(bad).is_err() && Region::new(bad).is_err(),
            "{bad}"
        );
    }
    assert_eq!(
        (NodeId(7).to_string(), GroupId::METADATA.to_string()),
        ("7".into(), "0".into())
    );
}

#[test]
fn arns_are_taken_apart_and_put_together() {
    let text = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders.v2";
    let arn: StreamArn = text.parse().expect("an ARN");
    assert_eq!(
        (arn.region.as_str(), arn.name.as_str()),
        ("eu-west-1", "orders.v2")
    );
    assert_eq!(arn.to_string(), text);
    text.replace("arn:aws:", "arn:aws-cn:")
        .parse::<StreamArn>()
        .expect("another partition");

    for bad in [
        "",
        "orders",
        "arn:aws:kinesis:eu-west-1:123456789012",
        "arn:aws:kinesis:eu-west-1:123456789012:orders",
        "arn:aws:sqs:eu-west-1:123456789012:stream/orders",
        "arn:gcp:kinesis:eu-west-1:123456789012:stream/orders",
        "urn:aws:kinesis:eu-west-1:123456789012:stream/orders",
    ] {
        assert_eq!(bad.parse::<StreamArn>(), Err(ArnError::NotAStream), "{bad}");
    }
    for bad in [
        "arn:aws:kinesis:eu-west-1:123456789012:stream/",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/orders/consumer/c:1",
        "arn:aws:kinesis:eu-west-1:1234:stream/orders",
        "arn:aws:kinesis::123456789012:stream/orders",
    ] {
        assert!(
            matches!(bad.parse::<StreamArn>(), Err(ArnError::Name(_))),
            "{bad}"
        );
    }
    let long = format!("{text}{}", "x".repeat(2048));
    assert_eq!(long.parse::<StreamArn>(), Err(ArnError::TooLong));
}

#[test]
fn shard_ids_are_read_as_tolerantly_as_aws_does() {
    let cases = [
        ("shardId-000000000000", Some(0)),
        ("shardId-000000000012", Some(12)),
        ("shardId-0", Some(0)),
        ("0", Some(0)),
        ("7", Some(7)),
        ("abc-00000000000", Some(0)),
        ("-3", Some(3)),
        ("shardId-2147483647", Some(2_147_483_647)),
        (
            "shardId-00000000000000000000000000000000002147483647",
            Some(2_147_483_647),
        ),
        ("shardId-2147483648", None),
        ("shardId-99999999999999999999", None),
        ("shardId-", None),
        ("shardId", None),
        ("", None),
        ("-", None),
        ("a-+1", None),
        ("a-1-2", None),
        ("a-1x", None),
    ];
    for (text, expected) in cases {
        assert_eq!(
            ShardIndex::parse_lenient(text),
            expected.map(ShardIndex),
            "{text}"
        );
    }
    assert_eq!(ShardIndex(12).to_string(), "shardId-000000000012");
    assert_eq!(ShardIndex(1).next(), Some(ShardIndex(2)));
    assert_eq!(ShardIndex::MAX.next(), None);
}
