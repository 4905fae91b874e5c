//! References, and the way from a hash key to a shard.

use std::time::Duration;

use ana_types::{
    AccountId, GroupId, HashKey, HashRange, KinesisError, NodeId, Region, ShardIndex, StreamKey,
    StreamName, StreamStatus, Zone,
};

use super::{Route, Target, name_of_arn, resolve};
use crate::config::{Limits, Member, RouterConfig};
use crate::ops::StreamRef;

fn config() -> RouterConfig {
    RouterConfig {
        this: Member {
            id: NodeId(1),
            zone: Zone::new("a").expect("a zone"),
            peer_addr: String::new(),
            api_addr: String::new(),
        },
        pid: 1,
        members: Vec::new(),
        account: AccountId::default(),
        region: Region::default(),
        limits: Limits::Off,
        transition_ms: 0,
        on_demand: crate::config::OnDemandConfig::AWS,
        deadline: Duration::ZERO,
        retention_hour_ms: RouterConfig::RETENTION_HOUR_MS,
        trim_every: RouterConfig::TRIM_EVERY,
        balance_every: RouterConfig::BALANCE_EVERY,
        subscription_life: RouterConfig::SUBSCRIPTION_LIFE,
        subscription_takeover_after: RouterConfig::SUBSCRIPTION_TAKEOVER_AFTER,
    }
}

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";

#[test]
fn references() {
    let ask = |name: Option<&str>, arn: Option<&str>| {
        let (name, arn) = (name.map(str::to_owned), arn.map(str::to_owned));
        resolve(&config(), &StreamRef { name, arn }).map(|name| name.as_str().to_owned())
    };
    assert_eq!(ask(Some("s"), None), Ok("s".to_owned()));
    assert_eq!(ask(None, Some(ARN)), Ok("s".to_owned()));
    assert_eq!(ask(Some("s"), Some(ARN)), Ok("s".to_owned()));
    assert_eq!(ask(None, None), Err(KinesisError::NeitherNameNorArn));
    assert!(matches!(
        ask(Some("t"), Some(ARN)),
        Err(KinesisError::NameAndArnDiffer { .. })
    ));
}

#[test]
fn arns_of_others_name_nothing_here() {
    for arn in [
        "arn:aws:kinesis:eu-west-1:000000000000:stream/s",
        "arn:aws:kinesis:us-east-1:000000000001:stream/s",
        "arn:aws:sqs:us-east-1:000000000000:stream/s",
        "s",
    ] {
        let found = name_of_arn(&config(), arn);
        assert_eq!(
            found,
            Err(KinesisError::ArnNotFound {
                arn: arn.to_owned()
            })
        );
    }
    assert!(name_of_arn(&config(), ARN).is_ok());
}

#[test]
fn keys_find_their_shard() {
    let target = |shard: u32, range| Target {
        range,
        shard: ShardIndex(shard),
        group: GroupId(1),
    };
    let route = |targets| Route {
        key: StreamKey(1),
        name: StreamName::new("s").expect("a name"),
        status: StreamStatus::Active,
        record_bytes_max: 1,
        encrypted: false,
        version: 1,
        targets,
    };
    let ranges = HashRange::split_even(7);
    let route_of_seven = route((0..).zip(&ranges).map(|(i, it)| target(i, *it)).collect());
    for (i, range) in (0..).zip(&ranges) {
        for key in [range.start, range.end] {
            let found = route_of_seven.target(key).expect("a shard");
            assert_eq!(found.shard, ShardIndex(i), "{key}");
        }
    }
    let found = route_of_seven.target(HashKey::MAX).expect("a shard");
    assert_eq!(found.shard, ShardIndex(6));
    assert_eq!(route(Vec::new()).target(HashKey::MIN), None);
}
