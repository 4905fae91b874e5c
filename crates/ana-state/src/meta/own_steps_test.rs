//! What on-demand streams do of their own accord, also while clients want something else.

use super::fixture::{World, check_shards, name};
use super::scaling_test::{commit, on_demand, open, set_mode, set_warm};
use super::{MetaCommand, MetaReply, ScalingCommand};
use ana_types::{ShardIndex, StreamKey, StreamMode, StreamStatus};
use expect_test::expect;

fn split_own(key: StreamKey, shard: u32) -> MetaCommand {
    MetaCommand::Scaling(ScalingCommand::SplitOwn {
        key,
        shard: ShardIndex(shard),
    })
}

fn merge_own(key: StreamKey, a: u32, b: u32) -> MetaCommand {
    MetaCommand::Scaling(ScalingCommand::MergeOwn {
        key,
        a: ShardIndex(a),
        b: ShardIndex(b),
    })
}

#[test]
fn a_stream_reshards_of_its_own_accord_and_stays_active() {
    let mut world = World::new();
    let key = on_demand(&mut world);
    assert_eq!(
        world.apply(split_own(key, 1)),
        Ok(MetaReply::Stream(key)),
        "begun"
    );
    for late in [split_own(key, 2), split_own(key, 1), merge_own(key, 2, 3)] {
        assert_eq!(world.apply(late), Ok(MetaReply::Done), "one at a time");
    }
    let stream = world.machine.stream_by_key(key).expect("there");
    assert_eq!(
        (stream.status, stream.is_changing()),
        (StreamStatus::Active, true)
    );
    world.carry_out(key);
    check_shards(
        &world,
        "s",
        &expect![[r#"
        ACTIVE next 6
        0 in 1 00..3f open
        1 in 1 40..7f closed
        2 in 2 80..bf open
        3 in 3 c0..ff open
        4 in 1 40..5f open <1
        5 in 1 60..7f open <1
    "#]],
    );
    assert_eq!(
        world.apply(merge_own(key, 4, 5)),
        Ok(MetaReply::Stream(key))
    );
    world.carry_out(key);
    assert_eq!(open(&world, key), 4);
    // Not below what a new stream has; nor what is not there, not adjacent or closed.
    for refused in [
        merge_own(key, 2, 3),
        merge_own(key, 0, 2),
        split_own(key, 1),
        split_own(key, 99),
        split_own(StreamKey(99), 0),
    ] {
        assert_eq!(world.apply(refused), Ok(MetaReply::Done));
    }
    assert_eq!(world.next_step(key), None);
    let provisioned = world.active("p", 4);
    assert_eq!(world.apply(split_own(provisioned, 0)), Ok(MetaReply::Done));
}

/// What it is, its command, and how many shards there are in the end.
type Row = (&'static str, fn(&World) -> MetaCommand, u32);

/// Operations of clients that come while a step of its own accord is under way.
#[test]
fn a_step_of_its_own_accord_refuses_nobody() {
    let retention = |world: &World| MetaCommand::SetRetention {
        name: name("s"),
        hours: 48,
        increase: true,
        now_ms: world.now_ms,
    };
    let table: [Row; 3] = [
        (
            "switched",
            |world| set_mode(world, StreamMode::Provisioned, None),
            5,
        ),
        ("warm", |world| set_warm(world, 8), 8),
        ("retention", retention, 5),
    ];
    for closed in [false, true] {
        for (what, command, shards) in table {
            let mut world = World::new();
            commit(&mut world);
            let key = on_demand(&mut world);
            world.apply(split_own(key, 0)).expect("begun");
            if closed {
                let step = world.next_step(key).expect("the parent closes");
                world.apply(step).expect("closed");
            }
            let command = command(&world);
            world.apply(command).expect(what);
            let update = MetaCommand::FinishUpdate { key };
            if what != "retention" {
                world.apply(update).expect("nothing yet");
                let stream = world.machine.stream_by_key(key).expect("there");
                assert_eq!(stream.status, StreamStatus::Updating, "{what}");
            }
            world.carry_out(key);
            assert_eq!(open(&world, key), shards, "{what}");
            let stream = world.machine.stream_by_key(key).expect("there");
            assert!(!stream.is_changing(), "{what}");
        }
    }
}

#[test]
fn a_deletion_waits_for_a_step_of_its_own_accord() {
    for closed in [false, true] {
        let mut world = World::new();
        let key = on_demand(&mut world);
        world.apply(split_own(key, 0)).expect("begun");
        if closed {
            let step = world.next_step(key).expect("the parent closes");
            world.apply(step).expect("closed");
        }
        let delete = MetaCommand::DeleteStream {
            name: name("s"),
            enforce_consumer_deletion: false,
            now_ms: world.now_ms,
        };
        world.apply(delete).expect("deleting");
        world
            .apply(MetaCommand::FinishDelete { key })
            .expect("not yet");
        assert!(world.machine.stream_by_key(key).is_some());
        world.carry_out(key);
        assert!(world.machine.stream_by_key(key).is_none());
        assert!(world.machine.groups().is_empty());
    }
}
