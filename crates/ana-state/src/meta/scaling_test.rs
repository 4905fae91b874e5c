//! Tables of shard counts, modes and warm throughput.

use super::fixture::{World, check_error, check_shards, create, create_with, name};
use super::{MetaCommand, MetaReply, PendingKind, ScalingCommand, SettingCommand};
use ana_types::{
    HashRange, KinesisError, LimitKind, ProvisionedOperation, ScalingError, ShardIndex, StreamKey,
    StreamMode, StreamStatus, limits,
};
use expect_test::expect;
use std::collections::BTreeSet;

fn set_count(world: &World, text: &str, target: u32) -> MetaCommand {
    MetaCommand::Scaling(ScalingCommand::SetShardCount {
        stream: name(text),
        target,
        now_ms: world.now_ms,
    })
}

pub(super) fn set_mode(world: &World, mode: StreamMode, warm: Option<u32>) -> MetaCommand {
    MetaCommand::Scaling(ScalingCommand::SetMode {
        stream: name("s"),
        mode,
        warm_throughput_mibps: warm,
        now_ms: world.now_ms,
    })
}

pub(super) fn set_warm(world: &World, mibps: u32) -> MetaCommand {
    MetaCommand::Scaling(ScalingCommand::SetWarmThroughput {
        stream: name("s"),
        mibps,
        now_ms: world.now_ms,
    })
}

pub(super) fn commit(world: &mut World) {
    let command = SettingCommand::SetCommitment {
        enabled: true,
        now_ms: world.now_ms,
    };
    world
        .apply(MetaCommand::Setting(command))
        .expect("the commitment can begin");
}

pub(super) fn on_demand(world: &mut World) -> StreamKey {
    world
        .apply(create_with("s", None, None, world.now_ms))
        .expect("created");
    let key = world.key("s");
    world.carry_out(key);
    key
}

pub(super) fn open(world: &World, key: StreamKey) -> u32 {
    let stream = world.machine.stream_by_key(key).expect("there");
    stream.open_shard_count()
}

fn open_ranges(world: &World, key: StreamKey) -> Vec<HashRange> {
    let stream = world.machine.stream_by_key(key).expect("there");
    let mut ranges: Vec<_> = stream.writable_shards().map(|info| info.range).collect();
    ranges.sort_unstable();
    ranges
}

/// The boundaries of these few shards are at most a few keys away from where CreateStream puts them.
fn check_even(world: &World, key: StreamKey, count: u32) {
    let (ranges, even) = (open_ranges(world, key), HashRange::split_even(count));
    assert_eq!(ranges.len(), even.len());
    for (range, even) in ranges.iter().zip(even) {
        assert!(range.start.0.abs_diff(even.start.0) <= u128::from(2 * count));
    }
}

#[test]
fn two_shards_become_three() {
    let mut world = World::new();
    let key = world.active("s", 2);
    let reply = world.apply(set_count(&world, "s", 3)).expect("accepted");
    assert_eq!(reply, MetaReply::Resize { key, before: 2 });
    // FinishUpdate begins; three steps of two commands each.
    for _ in 0..7 {
        let stream = world.machine.stream_by_key(key).expect("there");
        assert_eq!(stream.status, StreamStatus::Updating);
        let step = world.next_step(key).expect("something is left");
        for _ in 0..2 {
            world.apply(step.clone()).expect("steps can be repeated");
        }
        world.now_ms += 10;
    }
    check_shards(
        &world,
        "s",
        &expect![[r#"
        ACTIVE next 7
        0 in 1 00..7f closed
        1 in 2 80..ff closed
        2 in 1 00..55 open <0
        3 in 1 55..7f closed <0
        4 in 2 80..aa closed <1
        5 in 2 aa..ff open <1
        6 in 1 55..aa open <3 <4
    "#]],
    );
    assert_eq!(open_ranges(&world, key), HashRange::split_even(3));
}

#[test]
fn a_stream_grows_over_groups_and_shrinks_again() {
    let mut world = World::new();
    let key = world.active("s", 1);
    for target in [2, 4, 3, 6, 12, 24, 48, 96, 192, 100, 50, 25] {
        // A day between two, or the tenth were the last.
        world.now_ms += limits::DAY_MS;
        world
            .apply(set_count(&world, "s", target))
            .expect("accepted");
        world.carry_out(key);
        assert_eq!(open(&world, key), target);
        let stream = world.machine.stream_by_key(key).expect("there");
        let fullest = stream.groups.iter().map(|it| stream.open_in_group(*it));
        let fullest = fullest.max().expect("there are groups");
        if (4..=192).contains(&target) && stream.open_shard_count() > 48 {
            assert!(fullest <= 32, "{fullest} of {target} in one group");
        }
        if target == 192 {
            assert!(stream.groups.len() >= 12, "{} groups", stream.groups.len());
        }
    }
}

#[test]
fn shard_counts_that_are_refused() {
    let mut world = World::new();
    let stream = || name("s");
    let command = set_count(&world, "s", 2);
    check_error(
        &mut world,
        command.clone(),
        &KinesisError::StreamNotFound { stream: stream() },
    );
    world.apply(create("s", 7, world.now_ms)).expect("created");
    check_error(
        &mut world,
        command,
        &KinesisError::StreamNotActive {
            stream: stream(),
            status: StreamStatus::Creating,
        },
    );
    let key = world.key("s");
    world.carry_out(key);
    for (target, allowed) in [
        (0, false),
        (2, false),
        (3, true),
        (14, true),
        (15, false),
        (u32::MAX, false),
    ] {
        let mut world = world.clone();
        let command = set_count(&world, "s", target);
        if allowed {
            world.apply(command).expect("accepted");
            world.carry_out(key);
            assert_eq!(open(&world, key), target);
        } else {
            let error = ScalingError::TargetOutOfRange {
                stream: stream(),
                target,
                current: 7,
                least: 3,
                greatest: 14,
            };
            check_error(&mut world, command, &error.into());
        }
    }
    // The same number is accepted and changes nothing.
    let same = set_count(&world, "s", 7);
    assert_eq!(world.apply(same), Ok(MetaReply::Done));
    world
        .apply(MetaCommand::SetShardLimit { limit: 8 })
        .expect("set");
    let command = set_count(&world, "s", 9);
    let error = KinesisError::ShardLimitExceeded {
        current: 7,
        limit: 8,
        additional: 2,
    };
    check_error(&mut world, command, &error);

    world
        .apply(create_with("auto", None, None, world.now_ms))
        .expect("created");
    let auto = world.key("auto");
    world.carry_out(auto);
    let command = set_count(&world, "auto", 8);
    let error = KinesisError::ProvisionedOnly {
        operation: ProvisionedOperation::UpdateShardCount,
        stream: name("auto"),
    };
    check_error(&mut world, command, &error);
}

#[test]
fn a_resize_under_way_is_charged_as_done() {
    let mut world = World::new();
    let key = world.active("s", 4);
    world.apply(set_count(&world, "s", 8)).expect("accepted");
    assert_eq!(world.machine.open_shard_count(), 8);
    while let Some(step) = world.next_step(key) {
        world.apply(step).expect("a step");
        assert!((8..=9).contains(&world.machine.open_shard_count()));
    }
    assert_eq!(world.machine.open_shard_count(), 8);
}

#[test]
fn ten_shard_counts_a_day() {
    let mut world = World::new();
    let key = world.active("s", 2);
    let first_ms = world.now_ms;
    for round in 0..10 {
        let target = [4, 2][round % 2];
        world
            .apply(set_count(&world, "s", target))
            .expect("accepted");
        world.carry_out(key);
    }
    let error = ScalingError::PerDay {
        operation: "UpdateShardCount".into(),
        stream: name("s"),
        limit: 10,
    };
    let error = KinesisError::from(error);
    world.now_ms = first_ms + limits::DAY_MS - 1;
    let command = set_count(&world, "s", 4);
    check_error(&mut world, command, &error);
    world.now_ms = first_ms + limits::DAY_MS;
    world
        .apply(set_count(&world, "s", 4))
        .expect("the first is a day ago");
    world.carry_out(key);
    world.now_ms = first_ms + limits::DAY_MS;
    let command = set_count(&world, "s", 2);
    check_error(&mut world, command, &error);
}

#[test]
fn a_mode_is_switched_twice_a_day_and_keeps_the_shards() {
    let mut world = World::new();
    let key = world.active("s", 3);
    let first_ms = world.now_ms;
    for mode in [StreamMode::OnDemand, StreamMode::Provisioned] {
        let same = if mode == StreamMode::OnDemand {
            StreamMode::Provisioned
        } else {
            StreamMode::OnDemand
        };
        let command = set_mode(&world, same, None);
        assert_eq!(world.apply(command), Ok(MetaReply::Done), "no switch");
        let command = set_mode(&world, mode, None);
        assert_eq!(world.apply(command), Ok(MetaReply::Stream(key)));
        let stream = world.machine.stream_by_key(key).expect("there");
        assert_eq!((stream.status, stream.mode), (StreamStatus::Updating, mode));
        assert_eq!(world.carry_out(key), 1);
        assert_eq!(open(&world, key), 3);
    }
    let error = ScalingError::PerDay {
        operation: "UpdateStreamMode".into(),
        stream: name("s"),
        limit: 2,
    };
    let command = set_mode(&world, StreamMode::OnDemand, None);
    check_error(&mut world, command, &error.into());
    world.now_ms = first_ms + limits::DAY_MS;
    world
        .apply(set_mode(&world, StreamMode::OnDemand, None))
        .expect("the first is a day ago");
}

#[test]
fn a_switch_meets_the_quotas_of_its_new_mode() {
    let mut world = World::new();
    let key = on_demand(&mut world);
    world
        .apply(MetaCommand::SetShardLimit { limit: 3 })
        .expect("set");
    let command = set_mode(&world, StreamMode::Provisioned, None);
    let error = KinesisError::ShardLimitExceeded {
        current: 0,
        limit: 3,
        additional: 4,
    };
    check_error(&mut world, command, &error);
    world
        .apply(MetaCommand::SetShardLimit { limit: 100 })
        .expect("set");
    world
        .apply(set_mode(&world, StreamMode::Provisioned, None))
        .expect("switched");
    world.carry_out(key);
    for other in 0..50 {
        let text = format!("other-{other}");
        world
            .apply(create_with(&text, None, None, world.now_ms))
            .expect("created");
        world.carry_out(world.key(&text));
    }
    let command = set_mode(&world, StreamMode::OnDemand, None);
    let error = KinesisError::LimitExceeded(LimitKind::OnDemandStreams { limit: 50 });
    check_error(&mut world, command, &error);
}

#[test]
fn warm_throughput_scales_up() {
    let mut world = World::new();
    let key = on_demand(&mut world);
    let command = set_warm(&world, 10);
    check_error(
        &mut world,
        command.clone(),
        &ScalingError::CommitmentNeeded.into(),
    );
    commit(&mut world);
    let limit = limits::WARM_THROUGHPUT_MIBPS_MAX;
    let mibps = limit + 1;
    let too_high = set_warm(&world, mibps);
    let error = ScalingError::WarmThroughputTooHigh { mibps, limit };
    check_error(&mut world, too_high, &error.into());

    world.apply(command).expect("accepted");
    let warm = |world: &World| {
        let scaling = &world.machine.stream_by_key(key).expect("there").scaling;
        (scaling.warm_target_mibps, scaling.warm_current_mibps)
    };
    assert_eq!(warm(&world), (Some(10), None));
    world.carry_out(key);
    assert_eq!(warm(&world), (Some(10), Some(10)));
    check_even(&world, key, 10);
    // Less needs no steps, and leaves the shards for the load to decide about.
    world.apply(set_warm(&world, 6)).expect("accepted");
    assert_eq!(warm(&world), (Some(6), Some(10)));
    assert_eq!(world.carry_out(key), 1);
    assert_eq!((warm(&world), open(&world, key)), ((Some(6), Some(6)), 10));
    world.apply(set_warm(&world, 0)).expect("taken away");
    world.carry_out(key);
    assert_eq!(warm(&world), (None, None));
    assert_eq!(world.apply(set_warm(&world, 0)), Ok(MetaReply::Done));

    world
        .apply(set_mode(&world, StreamMode::Provisioned, None))
        .expect("switched");
    world.carry_out(key);
    let command = set_warm(&world, 10);
    let error = ScalingError::OnDemandOnly {
        operation: "UpdateStreamWarmThroughput".into(),
        stream: name("s"),
    };
    check_error(&mut world, command, &error.into());
}

#[test]
fn warm_throughput_comes_with_a_switch_or_from_the_beginning() {
    let mut world = World::new();
    let key = world.active("s", 2);
    let command = set_mode(&world, StreamMode::OnDemand, Some(5));
    check_error(
        &mut world,
        command.clone(),
        &ScalingError::CommitmentNeeded.into(),
    );
    commit(&mut world);
    let not_taken = set_mode(&world, StreamMode::Provisioned, Some(5));
    let error = ScalingError::WarmThroughputNotTaken { stream: name("s") };
    check_error(&mut world, not_taken, &error.into());
    world.apply(command).expect("switched");
    world.carry_out(key);
    check_even(&world, key, 5);

    let warm = |mode, mibps| {
        let mut command = create_with("new", Some(mode), Some(1), 0);
        if let MetaCommand::CreateStream {
            warm_throughput_mibps,
            ..
        } = &mut command
        {
            *warm_throughput_mibps = Some(mibps);
        }
        command
    };
    let error = ScalingError::OnDemandOnly {
        operation: "WarmThroughputMiBps".into(),
        stream: name("new"),
    };
    check_error(&mut world, warm(StreamMode::Provisioned, 7), &error.into());
    world
        .apply(warm(StreamMode::OnDemand, 7))
        .expect("created warm");
    let new = world.key("new");
    world.carry_out(new);
    let stream = world.machine.stream_by_key(new).expect("there");
    assert_eq!(stream.scaling.warm_current_mibps, Some(7));
    assert_eq!(open(&world, new), 7);
}

#[test]
fn indexes_run_out_before_a_resize_begins() {
    let mut world = World::new();
    let key = world.active("s", 2);
    let stream = world.machine.streams.get_mut(&key).expect("there");
    stream.next_shard = ShardIndex(ShardIndex::MAX.0 - 10);
    let command = set_count(&world, "s", 4);
    let refused = world.apply(command);
    assert!(
        matches!(refused, Err(KinesisError::Internal { .. })),
        "{refused:?}"
    );
    let stream = world.machine.streams.get_mut(&key).expect("there");
    stream.next_shard = ShardIndex(ShardIndex::MAX.0 - 15);
    world.apply(set_count(&world, "s", 4)).expect("accepted");
    world.carry_out(key);
    assert_eq!(open(&world, key), 4);
}

#[test]
fn a_resize_can_be_left_between_any_two_steps() {
    // Whoever goes on has the bytes and nothing else.
    let mut world = World::new();
    let key = world.active("s", 5);
    world.apply(set_count(&world, "s", 7)).expect("accepted");
    let mut pending: BTreeSet<&str> = BTreeSet::new();
    while let Some(step) = world.next_step(key) {
        let decoded = super::Metadata::decode(&world.machine.encode()).expect("its own bytes");
        assert_eq!(decoded, world.machine);
        world.machine = decoded;
        let stream = world.machine.stream_by_key(key).expect("there");
        match stream.pending.as_ref().map(|it| &it.kind) {
            Some(PendingKind::Resize(resize)) if resize.step.is_some() => pending.insert("step"),
            Some(PendingKind::Resize(_)) => pending.insert("before"),
            other => panic!("{other:?}"),
        };
        world.apply(step).expect("a step");
    }
    assert_eq!(pending.len(), 2);
    assert_eq!(open_ranges(&world, key), HashRange::split_even(7));
}
