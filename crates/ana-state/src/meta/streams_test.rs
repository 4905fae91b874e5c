//! Tables of the life of a stream, its retention and the limits of the account.

use super::fixture::{World, check_error, check_shards, create, create_with, name, tags};
use super::{MetaCommand, MetaReply};
use ana_types::{GroupId, HashKey, KinesisError, LimitKind, ShardIndex, StreamMode, StreamStatus};
use expect_test::expect;
use std::collections::BTreeMap;

fn delete(text: &str) -> MetaCommand {
    MetaCommand::DeleteStream {
        name: name(text),
        enforce_consumer_deletion: false,
        now_ms: 1_700_000_001_000,
    }
}

fn retention(text: &str, hours: i64, increase: bool) -> MetaCommand {
    MetaCommand::SetRetention {
        name: name(text),
        hours,
        increase,
        now_ms: 1_700_000_001_000,
    }
}

fn many_tags(range: std::ops::Range<u32>) -> BTreeMap<String, String> {
    range
        .map(|number| (format!("key{number}"), String::new()))
        .collect()
}

#[test]
fn a_new_stream_is_creating_and_then_active() {
    let mut world = World::new();
    world.apply(create("s", 3, world.now_ms)).expect("created");
    check_shards(
        &world,
        "s",
        &expect![[r#"
        CREATING next 3
    "#]],
    );
    let key = world.key("s");
    for _ in 0..2 {
        let activate = MetaCommand::ActivateStream {
            key,
            now_ms: world.now_ms,
        };
        assert_eq!(world.apply(activate), Ok(MetaReply::Done));
    }
    check_shards(
        &world,
        "s",
        &expect![[r#"
        ACTIVE next 3
        0 in 1 00..55 open
        1 in 2 55..aa open
        2 in 3 aa..ff open
    "#]],
    );
    let stream = world.machine.stream_by_key(key).expect("exists");
    let first = stream.shard(ShardIndex(0)).expect("exists");
    assert_eq!(
        (first.created_ms, first.created_s),
        (1_700_000_000_500, 1_700_000_000)
    );
    assert_eq!(
        stream.route(HashKey::MAX).map(|info| info.shard),
        Some(ShardIndex(2))
    );
    assert_eq!(stream.retention_ms(), 86_400_000);
}

#[test]
fn mode_and_count_of_a_new_stream() {
    let (provisioned, on_demand) = (StreamMode::Provisioned, StreamMode::OnDemand);
    let table = [
        (None, None, Ok((on_demand, 4))),
        (None, Some(2), Ok((provisioned, 2))),
        (Some(provisioned), Some(2), Ok((provisioned, 2))),
        (
            Some(provisioned),
            None,
            Err(KinesisError::ShardCountRequired),
        ),
        (Some(on_demand), None, Ok((on_demand, 4))),
        (Some(on_demand), Some(9), Ok((on_demand, 4))),
    ];
    for (mode, count, expect) in table {
        let mut world = World::new();
        let outcome = world
            .apply(create_with("s", mode, count, world.now_ms))
            .map(|_| {
                let stream = world.machine.stream(&name("s")).expect("created");
                (stream.mode, stream.open_shard_count())
            });
        assert_eq!(outcome, expect, "{mode:?} {count:?}");
    }
}

#[test]
fn create_refuses_names_in_use_in_every_status() {
    let mut world = World::new();
    let exists = KinesisError::StreamExists { stream: name("s") };
    world.apply(create("s", 1, world.now_ms)).expect("created");
    check_error(&mut world, create("s", 1, 0), &exists);
    let key = world.key("s");
    world
        .apply(MetaCommand::ActivateStream { key, now_ms: 0 })
        .expect("activated");
    check_error(&mut world, create("s", 1, 0), &exists);
    world.apply(delete("s")).expect("deleting");
    check_error(&mut world, create("s", 1, 0), &exists);
    world
        .apply(MetaCommand::FinishDelete { key })
        .expect("deleted");
    world
        .apply(create("s", 1, 0))
        .expect("the name is free again");
    assert_ne!(
        world.key("s"),
        key,
        "a stream created again is another stream"
    );
}

#[test]
fn create_keeps_the_limits_of_the_account() {
    let mut world = World::new();
    world
        .apply(MetaCommand::SetShardLimit { limit: 5 })
        .expect("set");
    world.active("first", 3);
    let limit = KinesisError::ShardLimitExceeded {
        current: 3,
        limit: 5,
        additional: 3,
    };
    check_error(&mut world, create("second", 3, 0), &limit);
    world.active("second", 2);
    assert_eq!(world.machine.open_shard_count(), 5);
    // On-demand streams have their own limit, and a stream in DELETING counts no more.
    world
        .apply(create_with("third", None, None, 0))
        .expect("on-demand");
    world.apply(delete("first")).expect("deleting");
    assert_eq!(world.machine.open_shard_count(), 2);
    world
        .apply(create("fourth", 3, 0))
        .expect("within the limit again");

    // A split under way counts as done.
    let mut world = World::new();
    world
        .apply(MetaCommand::SetShardLimit { limit: 3 })
        .expect("set");
    world.active("s", 2);
    world.split("s", 0, 9).expect("split");
    let limit = KinesisError::ShardLimitExceeded {
        current: 3,
        limit: 3,
        additional: 1,
    };
    check_error(&mut world, create("t", 1, 0), &limit);
}

#[test]
fn few_streams_are_created_at_a_time_and_few_are_on_demand() {
    let mut world = World::new();
    for number in 0..5 {
        world
            .apply(create(&format!("s{number}"), 1, 0))
            .expect("created");
    }
    check_error(
        &mut world,
        create("s5", 1, 0),
        &KinesisError::CreatingLimitExceeded,
    );

    let mut world = World::new();
    for number in 0..50 {
        world
            .apply(create_with(&format!("s{number}"), None, None, 0))
            .expect("created");
        let key = world.key(&format!("s{number}"));
        world
            .apply(MetaCommand::ActivateStream { key, now_ms: 0 })
            .expect("activated");
    }
    let on_demand = KinesisError::LimitExceeded(LimitKind::OnDemandStreams { limit: 50 });
    check_error(&mut world, create_with("s50", None, None, 0), &on_demand);
    assert_eq!(world.machine.on_demand_stream_count(), 50);
}

#[test]
fn create_checks_its_settings() {
    let create_with_settings = |hours, kib, tags| MetaCommand::CreateStream {
        name: name("s"),
        mode: None,
        shard_count: Some(1),
        retention_hours: hours,
        max_record_kib: kib,
        tags,
        now_ms: 0,
        warm_throughput_mibps: None,
    };
    let none = BTreeMap::new;
    let mut world = World::new();
    let table = [
        (
            create_with_settings(23, 1024, none()),
            KinesisError::RetentionTooShort { requested: 23 },
        ),
        (
            create_with_settings(8761, 1024, none()),
            KinesisError::RetentionTooLong { requested: 8761 },
        ),
        (
            create_with_settings(24, 1024, many_tags(0..51)),
            KinesisError::TagLimit { stream: name("s") },
        ),
        (
            create_with_settings(24, 1024, tags(&[("a:b", "")])),
            KinesisError::TagsInvalidCharacters,
        ),
        (
            create_with_settings(24, 1024, tags(&[("a", "%")])),
            KinesisError::TagsIllegalCharacters {
                stream: name("s"),
                removing: false,
            },
        ),
    ];
    for (command, expect) in table {
        check_error(&mut world, command, &expect);
    }
    for kib in [1023, 10_241] {
        let outcome = world.apply(create_with_settings(24, kib, none()));
        assert!(
            matches!(outcome, Err(KinesisError::Internal { .. })),
            "{kib}"
        );
    }
    world
        .apply(create_with_settings(8760, 10_240, many_tags(0..50)))
        .expect("at the limits");
}

#[test]
fn deleting_a_stream_leaves_tombstones() {
    let mut world = World::new();
    let first = world.active("first", 3);
    let second = world.active("second", 3);
    assert_eq!(
        world.apply(MetaCommand::FinishDelete { key: first }),
        Ok(MetaReply::Done)
    );
    assert!(
        world.machine.stream_by_key(first).is_some(),
        "only a stream in DELETING goes"
    );
    world.apply(delete("first")).expect("deleting");
    check_shards(
        &world,
        "first",
        &expect![[r#"
        DELETING next 3
    "#]],
    );
    let not_active = |status| KinesisError::StreamNotActive {
        stream: name("first"),
        status,
    };
    check_error(
        &mut world,
        delete("first"),
        &not_active(StreamStatus::Deleting),
    );
    assert_eq!(
        world.machine.groups().len(),
        6,
        "groups live until the deletion is finished"
    );
    for _ in 0..2 {
        assert_eq!(
            world.apply(MetaCommand::FinishDelete { key: first }),
            Ok(MetaReply::Done)
        );
    }
    assert_eq!(world.machine.stream(&name("first")), None);
    let not_found = KinesisError::StreamNotFound {
        stream: name("first"),
    };
    check_error(&mut world, delete("first"), &not_found);
    world.apply(delete("second")).expect("deleting");
    world
        .apply(MetaCommand::FinishDelete { key: second })
        .expect("deleted");
    let ranges: Vec<_> = world.machine.deleted_groups().ranges().collect();
    assert_eq!(ranges, [(GroupId(1), GroupId(6))]);
    world.active("first", 1);
    assert!(
        world.machine.groups().contains_key(&GroupId(7)),
        "group ids are never used again"
    );
}

#[test]
fn a_stream_may_be_deleted_while_creating_but_not_while_updating() {
    let mut world = World::new();
    world.apply(create("s", 2, 0)).expect("created");
    world.apply(delete("s")).expect("deleting");
    let key = world.key("s");
    assert_eq!(
        world.apply(MetaCommand::ActivateStream { key, now_ms: 0 }),
        Ok(MetaReply::Done),
        "a late activation does nothing"
    );
    assert_eq!(
        world.machine.stream_by_key(key).map(|s| s.status),
        Some(StreamStatus::Deleting)
    );

    world.active("u", 1);
    world.split("u", 0, 1 << 127).expect("split");
    let updating = KinesisError::StreamNotActive {
        stream: name("u"),
        status: StreamStatus::Updating,
    };
    check_error(&mut world, delete("u"), &updating);
}

#[test]
fn retention_is_checked_for_range_and_direction() {
    let mut world = World::new();
    let stream = || name("s");
    check_error(
        &mut world,
        retention("s", 1, true),
        &KinesisError::StreamNotFound { stream: stream() },
    );
    world.active("s", 1);
    let table = [
        (
            retention("s", 23, false),
            KinesisError::RetentionTooShort { requested: 23 },
        ),
        (
            retention("s", -1, true),
            KinesisError::RetentionTooShort { requested: -1 },
        ),
        (
            retention("s", 8761, true),
            KinesisError::RetentionTooLong { requested: 8761 },
        ),
        (
            retention("s", i64::MAX, true),
            KinesisError::RetentionTooLong {
                requested: i64::MAX,
            },
        ),
        (
            retention("s", 48, false),
            KinesisError::RetentionNotShorter {
                stream: stream(),
                requested: 48,
                existing: 24,
            },
        ),
    ];
    for (command, expect) in table {
        check_error(&mut world, command, &expect);
    }
}

#[test]
fn a_new_retention_is_in_force_while_the_stream_is_updating() {
    let mut world = World::new();
    let stream = || name("s");
    let key = world.active("s", 1);
    let version = world.machine.version();
    assert_eq!(
        world.apply(retention("s", 24, true)),
        Ok(MetaReply::Done),
        "as it is"
    );
    assert_eq!(world.machine.version(), version);
    assert_eq!(
        world.apply(retention("s", 48, true)),
        Ok(MetaReply::Stream(key))
    );
    let state = world.machine.stream_by_key(key).expect("exists");
    assert_eq!(
        (state.status, state.retention_hours),
        (StreamStatus::Updating, 48)
    );
    let updating = KinesisError::StreamNotActive {
        stream: stream(),
        status: StreamStatus::Updating,
    };
    check_error(&mut world, retention("s", 72, true), &updating);
    for _ in 0..2 {
        assert_eq!(
            world.apply(MetaCommand::FinishUpdate { key }),
            Ok(MetaReply::Done)
        );
    }
    let shorter = KinesisError::RetentionNotLonger {
        stream: stream(),
        requested: 47,
        existing: 48,
    };
    check_error(&mut world, retention("s", 47, true), &shorter);
    world.apply(retention("s", 24, false)).expect("decreased");
}

#[test]
fn steps_for_streams_that_are_gone_do_nothing() {
    let mut world = World::new();
    let key = ana_types::StreamKey(99);
    let commands = [
        MetaCommand::ActivateStream { key, now_ms: 0 },
        MetaCommand::FinishDelete { key },
        MetaCommand::ParentsClosed {
            key,
            closed: vec![],
        },
        MetaCommand::FinishReshard {
            key,
            first_child: ShardIndex(0),
        },
        MetaCommand::FinishUpdate { key },
        MetaCommand::ExpireShards {
            key,
            shards: vec![ShardIndex(0)],
        },
    ];
    let version = world.machine.version();
    for command in commands {
        assert_eq!(world.apply(command), Ok(MetaReply::Done));
    }
    assert_eq!(world.machine.version(), version);
}

#[test]
fn streams_are_listed_by_name() {
    let mut world = World::new();
    for text in ["b", "B", "a.1", "a-1"] {
        world.active(text, 1);
    }
    let list = |after: Option<&str>| -> Vec<String> {
        let after = after.map(name);
        let streams = world.machine.streams_by_name(after.as_ref());
        streams.map(|stream| stream.name.to_string()).collect()
    };
    assert_eq!(list(None), ["B", "a-1", "a.1", "b"]);
    assert_eq!(list(Some("a-1")), ["a.1", "b"]);
    assert_eq!(list(Some("aa")), ["b"]);
}
