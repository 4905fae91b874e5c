//! Tables of splits, merges and the end of shards.

use super::fixture::{World, check_shards, create, create_with, name};
use super::{MetaCommand, MetaRefusal, MetaReply, PendingKind};
use ana_types::{
    GroupId, HashKey, HashRange, KinesisError, ProvisionedOperation, ShardIndex, StreamStatus,
};
use expect_test::expect;

#[test]
fn a_split_is_listed_when_it_is_finished() {
    let mut world = World::new();
    let key = world.active("s", 2);
    assert_eq!(world.split("s", 0, 1 << 126), Ok(MetaReply::Stream(key)));
    check_shards(
        &world,
        "s",
        &expect![[r#"
        UPDATING next 4
        0 in 1 00..7f open
        1 in 2 80..ff open
    "#]],
    );
    let routed = |world: &World, key: u128| {
        let stream = world.machine.stream(&name("s")).expect("exists");
        stream.route(HashKey(key)).expect("routed").shard.0
    };
    assert_eq!(
        routed(&world, 5),
        0,
        "the parent takes records until it is closed"
    );
    let finish = world.finish(key);
    let refusal = MetaReply::Refused(MetaRefusal::ParentsOpen(key));
    assert_eq!(world.apply(finish.clone()), Ok(refusal));

    let closed = world.closings(key);
    let command = MetaCommand::ParentsClosed { key, closed };
    for _ in 0..2 {
        assert_eq!(world.apply(command.clone()), Ok(MetaReply::Done));
    }
    assert_eq!((routed(&world, 5), routed(&world, 1 << 126)), (2, 3));
    check_shards(
        &world,
        "s",
        &expect![[r#"
        UPDATING next 4
        0 in 1 00..7f open
        1 in 2 80..ff open
    "#]],
    );
    for _ in 0..2 {
        assert_eq!(world.apply(finish.clone()), Ok(MetaReply::Done));
    }
    check_shards(
        &world,
        "s",
        &expect![[r#"
        ACTIVE next 4
        0 in 1 00..7f closed
        1 in 2 80..ff open
        2 in 1 00..3f open <0
        3 in 1 40..7f open <0
    "#]],
    );
    assert_eq!(
        world.apply(command),
        Ok(MetaReply::Done),
        "a late repeat does nothing"
    );
}

#[test]
fn the_numbers_of_children_follow_those_of_their_parent() {
    let mut world = World::new();
    let key = world.active("s", 2);
    world.split("s", 0, 1 << 126).expect("split");
    world.finish_reshard(key);
    let stream = world.machine.stream_by_key(key).expect("exists");
    let (parent, child) = (
        &stream.shards[&ShardIndex(0)],
        &stream.shards[&ShardIndex(2)],
    );
    let closed = parent.closed.expect("closed");
    assert_eq!(child.created_ms, closed.closed_ms);
    assert!(
        child.starting_sequence() > closed.ending,
        "children come after their parent"
    );
    assert!(stream.pending.is_none());
}

#[test]
fn a_merge_joins_neighbours_in_order() {
    let mut world = World::new();
    let key = world.active("s", 3);
    let not_adjacent = |a, b| KinesisError::NotAdjacent {
        a: ShardIndex(a),
        b: ShardIndex(b),
        stream: name("s"),
    };
    for (a, b) in [(1, 0), (0, 2), (1, 1)] {
        assert_eq!(world.merge("s", a, b), Err(not_adjacent(a, b)));
    }
    world.merge("s", 1, 2).expect("merged");
    let mut closed = world.closings(key);
    closed[0].closed_ms += 70;
    world
        .apply(MetaCommand::ParentsClosed {
            key,
            closed: closed.clone(),
        })
        .expect("closed");
    world.apply(world.finish(key)).expect("finished");
    check_shards(
        &world,
        "s",
        &expect![[r#"
        ACTIVE next 4
        0 in 1 00..55 open
        1 in 2 55..aa closed
        2 in 3 aa..ff closed
        3 in 2 55..ff open <1 <2
    "#]],
    );
    let stream = world.machine.stream_by_key(key).expect("exists");
    for shard in [1, 2] {
        let end = stream.shards[&ShardIndex(shard)]
            .closed
            .expect("closed")
            .closed_ms;
        assert_eq!(
            end, closed[0].closed_ms,
            "parents are listed as closed together"
        );
    }
}

#[test]
fn reshards_are_checked_in_order() {
    let mut world = World::new();
    let full = HashRange::FULL;
    let shard = ShardIndex(0);
    let stream = || name("s");
    assert_eq!(
        world.split("s", 0, 5),
        Err(KinesisError::StreamNotFound { stream: stream() })
    );
    world.apply(create("s", 1, 0)).expect("created");
    let not_active = |status| KinesisError::StreamNotActive {
        stream: stream(),
        status,
    };
    assert_eq!(
        world.split("s", 9, 5),
        Err(not_active(StreamStatus::Creating))
    );
    assert_eq!(
        world.merge("s", 9, 8),
        Err(not_active(StreamStatus::Creating))
    );
    let key = world.key("s");
    world
        .apply(MetaCommand::ActivateStream { key, now_ms: 0 })
        .expect("activated");
    world
        .apply(MetaCommand::SetShardLimit { limit: 1 })
        .expect("set");
    let not_found = |shard| KinesisError::ShardNotFound {
        shard: ShardIndex(shard),
        stream: stream(),
    };
    assert_eq!(
        world.split("s", 1, 0),
        Err(not_found(1)),
        "before the limit"
    );
    assert_eq!(world.merge("s", 0, 1), Err(not_found(1)));
    let limit = KinesisError::ShardLimitExceeded {
        current: 1,
        limit: 1,
        additional: 1,
    };
    assert_eq!(world.split("s", 0, 0), Err(limit), "before the hash key");
    world
        .apply(MetaCommand::SetShardLimit { limit: 9 })
        .expect("set");
    for key in [0, 1, u128::MAX] {
        let out_of_range = KinesisError::SplitKeyOutOfRange {
            key: HashKey(key),
            shard,
            stream: stream(),
            start: full.start,
            end: full.end,
        };
        assert_eq!(world.split("s", 0, key), Err(out_of_range), "{key}");
    }
    world.split("s", 0, 2).expect("the lowest key allowed");
    let again = world.split("s", 0, 2);
    assert_eq!(again, Err(not_active(StreamStatus::Updating)));
}

#[test]
fn closed_shards_are_not_resharded_again() {
    let mut world = World::new();
    let stream = || name("s");
    let key = world.active("s", 1);
    world.split("s", 0, 2).expect("the lowest key allowed");
    world.finish_reshard(key);
    let closed = |shard| KinesisError::ShardClosedForReshard {
        shard: ShardIndex(shard),
        stream: stream(),
    };
    assert_eq!(world.split("s", 0, 5), Err(closed(0)));
    assert_eq!(world.merge("s", 0, 2), Err(closed(0)));
    let missing = KinesisError::ShardNotFound {
        shard: ShardIndex(9),
        stream: stream(),
    };
    assert_eq!(
        world.merge("s", 0, 9),
        Err(missing),
        "both must exist before either may be closed"
    );
    world
        .split("s", 2, u128::MAX - 1)
        .expect("the highest key allowed");
}

#[test]
fn only_provisioned_streams_are_resharded_by_hand() {
    let mut world = World::new();
    world
        .apply(create_with("s", None, None, 0))
        .expect("created");
    let key = world.key("s");
    world
        .apply(MetaCommand::ActivateStream { key, now_ms: 0 })
        .expect("activated");
    let refused = |operation| KinesisError::ProvisionedOnly {
        operation,
        stream: name("s"),
    };
    assert_eq!(
        world.split("s", 9, 5),
        Err(refused(ProvisionedOperation::SplitShard))
    );
    assert_eq!(
        world.merge("s", 9, 8),
        Err(refused(ProvisionedOperation::MergeShards))
    );
}

#[test]
fn closings_must_be_those_of_the_parents() {
    let mut world = World::new();
    let key = world.active("s", 2);
    world.merge("s", 0, 1).expect("merged");
    let right = world.closings(key);
    let other = MetaReply::Refused(MetaRefusal::OtherParents(key));
    let mut of_other_shard = right.clone();
    of_other_shard[0].ending.shard = ShardIndex(1);
    let mut of_other_time = right.clone();
    of_other_time[0].ending.created_s += 1;
    let wrong = [
        vec![],
        vec![right[0]],
        vec![right[0], right[0]],
        vec![right[0], right[1], right[1]],
        of_other_shard,
        of_other_time,
    ];
    for closed in wrong {
        let outcome = world.apply(MetaCommand::ParentsClosed {
            key,
            closed: closed.clone(),
        });
        assert_eq!(outcome, Ok(other.clone()), "{closed:?}");
    }
    let reversed = right.iter().rev().copied().collect();
    let outcome = world.apply(MetaCommand::ParentsClosed {
        key,
        closed: reversed,
    });
    assert_eq!(outcome, Ok(MetaReply::Done), "the order does not matter");
    let parents = &world
        .machine
        .stream_by_key(key)
        .and_then(|s| s.reshard())
        .expect("pending");
    let closed = parents.closed.as_ref().expect("closed");
    assert_eq!(
        closed.parents[0].0,
        ShardIndex(0),
        "kept in the order of the merge"
    );
}

#[test]
fn a_group_grows_to_its_bound_and_then_children_go_elsewhere() {
    let mut world = World::new();
    // 48 shards in three groups of 16.
    let key = world.active("s", 48);
    let group = GroupId(1);
    let in_group = |world: &World, group| {
        world
            .machine
            .stream_by_key(key)
            .expect("exists")
            .open_in_group(group)
    };
    let highest_start = |world: &World| {
        let stream = world.machine.stream_by_key(key).expect("exists");
        let in_group = stream
            .shards
            .values()
            .filter(|info| info.is_open() && info.group == group);
        let widest = in_group.max_by_key(|info| info.range.end.0 - info.range.start.0);
        let widest = widest.expect("the group has shards");
        (
            widest.shard.0,
            widest.range.start.0 + (widest.range.end.0 - widest.range.start.0) / 2,
        )
    };
    for open in 16..32 {
        assert_eq!(in_group(&world, group), open);
        let (shard, key_at) = highest_start(&world);
        world.split("s", shard, key_at).expect("split");
        world.finish_reshard(key);
    }
    assert_eq!(in_group(&world, group), 32);
    // Groups 2 and 3 hold 16 as dealt, so a new group takes the children.
    let (shard, key_at) = highest_start(&world);
    world.split("s", shard, key_at).expect("split");
    let reshard_group = world
        .machine
        .stream_by_key(key)
        .and_then(|s| s.reshard())
        .expect("pending")
        .group;
    assert_eq!(reshard_group, GroupId(4));
    let closed = MetaCommand::ExpireShards {
        key,
        shards: (0..80).map(ShardIndex).collect(),
    };
    world.apply(closed).expect("expired");
    assert!(
        world.machine.groups().contains_key(&GroupId(4)),
        "a group that waits for its first shards stays"
    );
    world.finish_reshard(key);
    assert_eq!(
        (in_group(&world, group), in_group(&world, GroupId(4))),
        (31, 2)
    );
    let (shard, key_at) = highest_start(&world);
    world.split("s", shard, key_at).expect("split");
    world.finish_reshard(key);
    assert_eq!(
        in_group(&world, group),
        32,
        "the group has room for one more again"
    );
    let (shard, key_at) = highest_start(&world);
    world.split("s", shard, key_at).expect("split");
    world.finish_reshard(key);
    assert_eq!(
        in_group(&world, GroupId(4)),
        4,
        "the emptiest other group takes them"
    );
}

#[test]
fn expired_shards_leave_and_take_an_empty_group_with_them() {
    let mut world = World::new();
    let key = world.active("s", 2);
    world.merge("s", 0, 1).expect("merged");
    let expire = |shards: &[u32]| MetaCommand::ExpireShards {
        key,
        shards: shards.iter().copied().map(ShardIndex).collect(),
    };
    world
        .apply(expire(&[0, 1]))
        .expect("nothing: the parents are not closed yet");
    world.finish_reshard(key);
    world
        .apply(expire(&[2, 9]))
        .expect("nothing: open, unknown");
    check_shards(
        &world,
        "s",
        &expect![[r#"
        ACTIVE next 3
        0 in 1 00..7f closed
        1 in 2 80..ff closed
        2 in 1 00..ff open <0 <1
    "#]],
    );
    for _ in 0..2 {
        world.apply(expire(&[1])).expect("expired");
    }
    check_shards(
        &world,
        "s",
        &expect![[r#"
        ACTIVE next 3
        0 in 1 00..7f closed
        2 in 1 00..ff open <0 <1
    "#]],
    );
    assert!(world.machine.deleted_groups().contains(GroupId(2)));
    assert!(!world.machine.groups().contains_key(&GroupId(2)));
    world.apply(expire(&[0])).expect("expired");
    assert!(
        world.machine.groups().contains_key(&GroupId(1)),
        "it carries an open shard"
    );
    let missing = KinesisError::ShardNotFound {
        shard: ShardIndex(0),
        stream: name("s"),
    };
    assert_eq!(
        world.split("s", 0, 5),
        Err(missing),
        "an expired shard is unknown"
    );
}

#[test]
fn pending_carries_what_the_driver_needs() {
    let mut world = World::new();
    let key = world.active("s", 2);
    world.split("s", 1, 3 << 126).expect("split");
    let pending = world
        .machine
        .stream_by_key(key)
        .and_then(|s| s.pending.clone())
        .expect("pending");
    assert_eq!(pending.since_ms, world.now_ms);
    let PendingKind::Reshard(reshard) = pending.kind else {
        panic!("a reshard is pending")
    };
    assert_eq!(reshard.parents, [ShardIndex(1)]);
    assert_eq!(reshard.group, GroupId(2), "the group of the parent");
    let children: Vec<_> = reshard.children.iter().map(|child| child.shard).collect();
    assert_eq!(children, [ShardIndex(2), ShardIndex(3)]);
}

#[test]
fn a_late_finish_does_not_finish_the_next_reshard() {
    let mut world = World::new();
    let key = world.active("s", 2);
    world.split("s", 0, 1 << 126).expect("split");
    let late = world.finish(key);
    world.finish_reshard(key);
    world.merge("s", 3, 1).expect("merged");
    let closed = world.closings(key);
    world
        .apply(MetaCommand::ParentsClosed { key, closed })
        .expect("closed");
    assert_eq!(world.apply(late), Ok(MetaReply::Done));
    let stream = world.machine.stream_by_key(key).expect("exists");
    assert_eq!(
        stream.status,
        StreamStatus::Updating,
        "its child may not be open yet"
    );
}
