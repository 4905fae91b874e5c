//! Tables of settings.

use super::fixture::{World, check_error, name, tags};
use super::{Commitment, MetaCommand, MetaReply, SettingCommand, StreamState};
use ana_types::{
    CommitmentStatus, KinesisError, SettingError, ShardLevelMetric, StreamMode, StreamStatus,
    limits,
};
use std::collections::BTreeSet;

const IN: ShardLevelMetric = ShardLevelMetric::IncomingBytes;
const OUT: ShardLevelMetric = ShardLevelMetric::OutgoingBytes;

fn stream(world: &World) -> &StreamState {
    world.machine.stream(&name("s")).expect("exists")
}

fn set(world: &mut World, command: SettingCommand) -> Result<MetaReply, KinesisError> {
    world.apply(MetaCommand::Setting(command))
}

fn refuse(world: &mut World, command: SettingCommand, expect: SettingError) {
    let expect = KinesisError::Setting(expect);
    check_error(world, MetaCommand::Setting(command), &expect);
}

/// The stream shows UPDATING, and is then made ACTIVE again.
fn finish(world: &mut World) {
    assert_eq!(stream(world).status, StreamStatus::Updating);
    let key = world.key("s");
    world
        .apply(MetaCommand::FinishUpdate { key })
        .expect("finished");
    assert_eq!(stream(world).status, StreamStatus::Active);
}

fn every_setting(now_ms: u64) -> Vec<SettingCommand> {
    vec![
        SettingCommand::SetMonitoring {
            stream: name("s"),
            metrics: BTreeSet::from([IN]),
            enable: true,
            now_ms,
        },
        SettingCommand::SetEncryption {
            stream: name("s"),
            key: Some("alias/aws/kinesis".to_owned()),
            now_ms,
        },
        SettingCommand::SetPolicy {
            stream: name("s"),
            policy: Some("{}".to_owned()),
        },
        SettingCommand::SetMaxRecord {
            stream: name("s"),
            max_record_kib: 2048,
            now_ms,
        },
    ]
}

#[test]
fn settings_need_an_active_stream() {
    let mut world = World::new();
    let absent = KinesisError::StreamNotFound { stream: name("s") };
    for command in every_setting(world.now_ms) {
        check_error(&mut world, MetaCommand::Setting(command), &absent);
    }
    world.active("s", 2);
    world.split("s", 0, 1 << 126).expect("split");
    let updating = KinesisError::StreamNotActive {
        stream: name("s"),
        status: StreamStatus::Updating,
    };
    for command in every_setting(world.now_ms) {
        check_error(&mut world, MetaCommand::Setting(command), &updating);
    }
}

#[test]
fn metrics_are_joined_and_taken_away() {
    let mut world = World::new();
    world.active("s", 1);
    let now_ms = world.now_ms;
    let table: &[(bool, &[ShardLevelMetric], &[ShardLevelMetric])] = &[
        (true, &[IN], &[IN]),
        (true, &[IN], &[IN]),
        (true, &ShardLevelMetric::ALL, &ShardLevelMetric::ALL),
        (
            false,
            &ShardLevelMetric::ALL[2..],
            &[IN, ShardLevelMetric::ALL[1]],
        ),
        (false, &[OUT], &[IN, ShardLevelMetric::ALL[1]]),
        (false, &ShardLevelMetric::ALL, &[]),
    ];
    let set_of = |metrics: &[ShardLevelMetric]| metrics.iter().copied().collect::<BTreeSet<_>>();
    for (row, (enable, metrics, expect)) in table.iter().enumerate() {
        let before = stream(&world).settings.shard_level_metrics.clone();
        let after = set_of(expect);
        let command = SettingCommand::SetMonitoring {
            stream: name("s"),
            metrics: set_of(metrics),
            enable: *enable,
            now_ms,
        };
        let changes = before != after;
        let expect = MetaReply::Monitoring {
            before,
            after: after.clone(),
        };
        assert_eq!(set(&mut world, command), Ok(expect), "row {row}");
        assert_eq!(stream(&world).settings.shard_level_metrics, after);
        if changes {
            finish(&mut world);
        } else {
            assert_eq!(stream(&world).status, StreamStatus::Active, "row {row}");
        }
    }
}

#[test]
fn encryption_starts_and_stops_so_often_a_day() {
    let mut world = World::new();
    world.active("s", 1);
    let encrypt = |world: &World, key: Option<&str>| SettingCommand::SetEncryption {
        stream: name("s"),
        key: key.map(str::to_owned),
        now_ms: world.now_ms,
    };
    let command = encrypt(&world, None);
    set(&mut world, command).expect("it is off");
    assert_eq!(stream(&world).status, StreamStatus::Active);
    let limit = limits::ENCRYPTION_CHANGES_PER_DAY;
    for number in 0..limit {
        let command = encrypt(&world, Some(&format!("alias/{number}")));
        set(&mut world, command.clone()).expect("started");
        finish(&mut world);
        set(&mut world, command).expect("with that key already");
        assert_eq!(stream(&world).status, StreamStatus::Active);
        world.now_ms += 1000;
    }
    let changes = SettingError::EncryptionChanges {
        stream: name("s"),
        limit,
    };
    let command = encrypt(&world, Some("alias/more"));
    refuse(&mut world, command, changes.clone());
    // Stops are counted by themselves.
    let command = encrypt(&world, None);
    set(&mut world, command).expect("stopped");
    finish(&mut world);
    assert_eq!(stream(&world).settings.encryption_key, None);
    // The day rolls: when the first start is a day old, there is room for one.
    world.now_ms += limits::DAY_MS - u64::from(limit) * 1000 - 1;
    let command = encrypt(&world, Some("alias/more"));
    refuse(&mut world, command, changes.clone());
    world.now_ms += 1;
    let command = encrypt(&world, Some("alias/more"));
    set(&mut world, command).expect("started");
    finish(&mut world);
    let command = encrypt(&world, Some("alias/another"));
    refuse(&mut world, command, changes);
    // A clock that is behind forgives nothing and breaks nothing.
    world.now_ms -= 2 * limits::DAY_MS;
    let command = encrypt(&world, None);
    set(&mut world, command).expect("stopped");
}

#[test]
fn the_greatest_record_and_the_policy() {
    let mut world = World::new();
    world.active("s", 1);
    let now_ms = world.now_ms;
    let record = |max_record_kib| SettingCommand::SetMaxRecord {
        stream: name("s"),
        max_record_kib,
        now_ms,
    };
    for wrong in [1023, 10_241] {
        let error = set(&mut world, record(wrong)).expect_err("out of range");
        assert!(matches!(error, KinesisError::Internal { .. }), "{error}");
    }
    set(&mut world, record(10_240)).expect("set");
    assert_eq!(stream(&world).max_record_kib, 10_240);
    finish(&mut world);
    set(&mut world, record(10_240)).expect("as it is");
    assert_eq!(stream(&world).status, StreamStatus::Active);

    let policy = |text: Option<&str>| SettingCommand::SetPolicy {
        stream: name("s"),
        policy: text.map(str::to_owned),
    };
    let none = SettingError::NoPolicy {
        stream: name("s"),
        consumer: None,
    };
    refuse(&mut world, policy(None), none.clone());
    let bytes = limits::POLICY_BYTES_MAX + 1;
    let too_large = SettingError::PolicyTooLarge { bytes };
    refuse(&mut world, policy(Some(&"x".repeat(bytes))), too_large);
    set(&mut world, policy(Some(&"x".repeat(bytes - 1)))).expect("as long as may be");
    set(&mut world, policy(Some("{}"))).expect("replaced");
    assert_eq!(stream(&world).settings.policy.as_deref(), Some("{}"));
    assert_eq!(stream(&world).status, StreamStatus::Active);
    set(&mut world, policy(None)).expect("gone");
    refuse(&mut world, policy(None), none);
}

#[test]
fn tags_of_a_resource_know_the_colon() {
    let mut world = World::new();
    world.active("s", 1);
    let add = |pairs: &[(&str, &str)]| SettingCommand::AddTags {
        stream: name("s"),
        tags: tags(pairs),
    };
    let remove = |key: &str| SettingCommand::RemoveTags {
        stream: name("s"),
        keys: BTreeSet::from([key.to_owned()]),
    };
    let invalid = SettingError::TagsInvalidCharacters;
    refuse(&mut world, add(&[("a", "100%")]), invalid.clone());
    refuse(&mut world, remove("a,"), invalid);
    let key = "aws:x".to_owned();
    refuse(
        &mut world,
        add(&[("aws:x", "")]),
        SettingError::TagReserved { key },
    );
    set(&mut world, add(&[("a:b", "c:d"), ("e", "")])).expect("added");
    set(&mut world, remove("e")).expect("removed");
    assert_eq!(stream(&world).tags, tags(&[("a:b", "c:d")]));
    let version = world.machine.version();
    set(&mut world, add(&[("a:b", "c:d")])).expect("as it is");
    set(&mut world, remove("unknown")).expect("passed over");
    assert_eq!(world.machine.version(), version);
}

#[test]
fn the_commitment_holds_for_a_day_at_least() {
    let mut world = World::new();
    let start_ms = world.now_ms;
    let end_ms = start_ms + limits::DAY_MS;
    let commit = |enabled, now_ms| SettingCommand::SetCommitment { enabled, now_ms };
    let off = Commitment::default();
    let on = Commitment {
        status: CommitmentStatus::Enabled,
        started_ms: Some(start_ms),
        ended_ms: None,
        earliest_end_ms: Some(end_ms),
    };
    let ending = Commitment {
        status: CommitmentStatus::EnabledUntilEarliestAllowedEnd,
        ..on
    };
    let ended = |ended_ms| Commitment {
        status: CommitmentStatus::Disabled,
        ended_ms: Some(ended_ms),
        earliest_end_ms: None,
        ..on
    };
    let end = |now_ms| SettingCommand::EndCommitment { now_ms };
    let table = [
        (commit(false, start_ms), off),
        (commit(true, start_ms), on),
        (commit(true, start_ms + 5), on),
        (end(end_ms), on),
        (commit(false, end_ms - 1), ending),
        (commit(false, end_ms - 1), ending),
        (end(end_ms - 1), ending),
        (commit(true, end_ms - 1), on),
        (commit(false, end_ms - 1), ending),
        (end(end_ms + 7), ended(end_ms)),
        (end(end_ms + 7), ended(end_ms)),
        (
            commit(true, end_ms + 9),
            Commitment {
                started_ms: Some(end_ms + 9),
                earliest_end_ms: Some(end_ms + 9 + limits::DAY_MS),
                ..on
            },
        ),
        (
            commit(false, end_ms + 9 + limits::DAY_MS),
            Commitment {
                started_ms: Some(end_ms + 9),
                ..ended(end_ms + 9 + limits::DAY_MS)
            },
        ),
    ];
    for (row, (command, expect)) in table.into_iter().enumerate() {
        let asked = matches!(command, SettingCommand::SetCommitment { .. });
        let reply = set(&mut world, command).expect("carried out");
        assert_eq!(world.machine.commitment(), expect, "row {row}");
        if asked {
            assert_eq!(reply, MetaReply::Commitment(expect), "row {row}");
        }
    }
}

#[test]
fn the_commitment_does_not_end_under_warm_throughput() {
    let mut world = World::new();
    let key = world.active("s", 1);
    let commit = |enabled| SettingCommand::SetCommitment {
        enabled,
        now_ms: world.now_ms,
    };
    let (on, off) = (commit(true), commit(false));
    set(&mut world, on).expect("committed");
    let set_warm = |world: &mut World, mibps| {
        let stream = world.machine.streams.get_mut(&key).expect("exists");
        stream.mode = StreamMode::OnDemand;
        stream.scaling.warm_target_mibps = mibps;
    };
    set_warm(&mut world, Some(1));
    let in_use = SettingError::WarmThroughputInUse { stream: name("s") };
    refuse(&mut world, off.clone(), in_use);
    set_warm(&mut world, None);
    set(&mut world, off).expect("asked to end");
}
