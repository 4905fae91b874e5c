//! Random histories: after every command all invariants hold, what was refused changed nothing (both
//! checked by the fixture), ids never come back, and replicas agree byte for byte.

use super::fixture::{World, create_with, name};
use super::{
    ConsumerCommand, ConsumerState, MetaCommand, Metadata, ScalingCommand, SettingCommand,
};
use ana_types::{
    ConsumerName, ConsumerStatus, GroupId, HashKey, ShardIndex, ShardLevelMetric, StreamKey,
    StreamMode, StreamName,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

mod nodes;
mod reach;

use nodes::NodeMove;
use reach::reached_by;

/// One move. Numbers select among what is there when the move is made, so that histories get deep.
#[derive(Debug, Clone)]
enum Move {
    Create {
        stream: u8,
        mode: u8,
        shards: u8,
    },
    Delete {
        stream: u8,
    },
    Split {
        stream: u8,
        shard: u8,
        at: u128,
    },
    SplitMiddle {
        stream: u8,
        shard: u8,
    },
    Merge {
        stream: u8,
        shard: u8,
        b: Option<u8>,
    },
    /// The step a driver would take now.
    Step {
        stream: u8,
    },
    /// An earlier command once more.
    Repeat {
        command: u16,
    },
    Retention {
        stream: u8,
        hours: i64,
        increase: bool,
    },
    Tag {
        stream: u8,
        key: u8,
        value: u8,
    },
    Untag {
        stream: u8,
        key: u8,
    },
    Expire {
        stream: u8,
        shards: Vec<u8>,
    },
    Node {
        node: u8,
        what: NodeMove,
    },
    Limit {
        limit: u8,
    },
    Consumer {
        stream: u8,
        consumer: u8,
        what: ConsumerMove,
    },
    Setting {
        stream: u8,
        what: u8,
        on: bool,
    },
    Count {
        stream: u8,
        target: u8,
    },
    Capacity {
        stream: u8,
        mode: u8,
        warm: Option<u8>,
    },
    /// A step of the stream's own accord: a split, or a merge with the next.
    Own {
        stream: u8,
        shard: u8,
        split: bool,
    },
    Wait {
        ms: u16,
    },
}

/// What is done about a consumer.
#[derive(Debug, Clone, Copy)]
enum ConsumerMove {
    Register,
    Deregister,
    /// The step a driver would take now.
    Step,
    Tag,
    Policy,
}

fn moves() -> impl Strategy<Value = Move> {
    let s = 0..4u8;
    let (s_for_consumers, s_for_settings) = (s.clone(), s.clone());
    let (s_for_counts, s_for_capacity, s_for_own) = (s.clone(), s.clone(), s.clone());
    prop_oneof![
        3 => (s.clone(), 0..4u8, 0..40u8)
            .prop_map(|(stream, mode, shards)| Move::Create { stream, mode, shards }),
        1 => s.clone().prop_map(|stream| Move::Delete { stream }),
        1 => (s.clone(), 0..9u8, any::<u128>())
            .prop_map(|(stream, shard, at)| Move::Split { stream, shard, at }),
        5 => (s.clone(), any::<u8>())
            .prop_map(|(stream, shard)| Move::SplitMiddle { stream, shard }),
        5 => (s.clone(), any::<u8>(), proptest::option::weighted(0.2, 0..9u8))
            .prop_map(|(stream, shard, b)| Move::Merge { stream, shard, b }),
        20 => s.clone().prop_map(|stream| Move::Step { stream }),
        3 => any::<u16>().prop_map(|command| Move::Repeat { command }),
        1 => (s.clone(), 20..60i64, any::<bool>())
            .prop_map(|(stream, hours, increase)| Move::Retention { stream, hours, increase }),
        1 => (s.clone(), 0..60u8, 0..3u8)
            .prop_map(|(stream, key, value)| Move::Tag { stream, key, value }),
        1 => (s.clone(), 0..60u8).prop_map(|(stream, key)| Move::Untag { stream, key }),
        2 => (s, proptest::collection::vec(any::<u8>(), 0..4))
            .prop_map(|(stream, shards)| Move::Expire { stream, shards }),
        14 => (1..13u8, nodes::node_moves()).prop_map(|(node, what)| Move::Node { node, what }),
        1 => any::<u8>().prop_map(|limit| Move::Limit { limit }),
        5 => (s_for_consumers, 0..9u8, consumer_moves())
            .prop_map(|(stream, consumer, what)| Move::Consumer { stream, consumer, what }),
        2 => (s_for_settings, 0..9u8, any::<bool>())
            .prop_map(|(stream, what, on)| Move::Setting { stream, what, on }),
        3 => (s_for_counts, any::<u8>())
            .prop_map(|(stream, target)| Move::Count { stream, target }),
        2 => (s_for_capacity, 0..3u8, proptest::option::of(0..20u8))
            .prop_map(|(stream, mode, warm)| Move::Capacity { stream, mode, warm }),
        4 => (s_for_own, any::<u8>(), proptest::bool::weighted(0.7))
            .prop_map(|(stream, shard, split)| Move::Own { stream, shard, split }),
        1 => any::<u16>().prop_map(|ms| Move::Wait { ms }),
    ]
}

fn consumer_moves() -> impl Strategy<Value = ConsumerMove> {
    prop_oneof![
        2 => Just(ConsumerMove::Register),
        1 => Just(ConsumerMove::Deregister),
        2 => Just(ConsumerMove::Step),
        1 => Just(ConsumerMove::Tag),
        1 => Just(ConsumerMove::Policy),
    ]
}

fn text(stream: u8) -> String {
    format!("stream-{stream}")
}

/// The command of a move, if there is anything to command.
fn command(world: &World, done: &[MetaCommand], a_move: &Move) -> Option<MetaCommand> {
    let named = |stream: u8| name(&text(stream));
    let key = |stream: u8| {
        world
            .machine
            .stream(&named(stream))
            .map_or(StreamKey(0), |s| s.key)
    };
    let now_ms = world.now_ms;
    Some(match a_move.clone() {
        Move::Create {
            stream,
            mode,
            shards,
        } => {
            let provisioned = Some(StreamMode::Provisioned);
            let modes = [None, Some(StreamMode::OnDemand), provisioned, provisioned];
            let count = (shards > 0).then_some(u32::from(shards));
            create_with(&text(stream), modes[usize::from(mode)], count, now_ms)
        }
        Move::Delete { stream } => MetaCommand::DeleteStream {
            name: named(stream),
            enforce_consumer_deletion: now_ms.is_multiple_of(2),
            now_ms,
        },
        Move::Consumer {
            stream,
            consumer,
            what,
        } => consumer_command(world, &named(stream), consumer, what)?,
        Move::Setting { stream, what, on } => {
            MetaCommand::Setting(setting_command(world, named(stream), what, on))
        }
        Move::Count { .. } | Move::Capacity { .. } | Move::Own { .. } => {
            MetaCommand::Scaling(scaling_command(world, a_move)?)
        }
        Move::Step { stream } => world.next_step(key(stream))?,
        Move::Repeat { command } => {
            let count = done.len().max(1);
            done.get(usize::from(command) % count).cloned()?
        }
        Move::Retention { .. } | Move::Tag { .. } | Move::Untag { .. } => {
            return simple_command(world, a_move);
        }
        Move::Node { node, what } => nodes::command(world, node, what)?,
        Move::Limit { limit } => MetaCommand::SetShardLimit {
            limit: u32::from(limit) + 20,
        },
        Move::Wait { .. } => return None,
        Move::Split { .. }
        | Move::SplitMiddle { .. }
        | Move::Merge { .. }
        | Move::Expire { .. } => {
            return shard_command(world, a_move);
        }
    })
}

/// The command of a move that is about retention or tags.
fn simple_command(world: &World, a_move: &Move) -> Option<MetaCommand> {
    let named = |stream: u8| name(&text(stream));
    let now_ms = world.now_ms;
    Some(match a_move.clone() {
        Move::Retention {
            stream,
            hours,
            increase,
        } => MetaCommand::SetRetention {
            name: named(stream),
            hours,
            increase,
            now_ms,
        },
        Move::Tag { stream, key, value } => {
            let value = ["x", "y", "%"][usize::from(value)].to_owned();
            MetaCommand::AddTags {
                name: named(stream),
                tags: BTreeMap::from([(key.to_string(), value)]),
            }
        }
        Move::Untag { stream, key } => MetaCommand::RemoveTags {
            name: named(stream),
            keys: BTreeSet::from([key.to_string()]),
        },
        _ => return None,
    })
}

/// The command of a move that is about a consumer.
fn consumer_command(
    world: &World,
    stream: &StreamName,
    consumer: u8,
    what: ConsumerMove,
) -> Option<MetaCommand> {
    let now_ms = world.now_ms;
    let consumer = ConsumerName::new(&format!("c{consumer}")).expect("valid");
    let there = world.machine.stream(stream);
    let state = there.and_then(|there| there.consumers.get(&consumer));
    let (stream, created_s) = (stream.clone(), state.map_or(0, ConsumerState::created_s));
    Some(MetaCommand::Consumer(match what {
        ConsumerMove::Register => ConsumerCommand::Register {
            stream,
            consumer,
            tags: BTreeMap::from([("k:".to_owned(), "v".to_owned())]),
            now_ms,
        },
        ConsumerMove::Deregister => ConsumerCommand::Deregister {
            stream,
            consumer,
            created_s: now_ms.is_multiple_of(3).then_some(created_s),
            now_ms,
        },
        ConsumerMove::Step => world.next_consumer_step(there?.key, &consumer)?,
        ConsumerMove::Tag => ConsumerCommand::AddTags {
            stream,
            consumer,
            created_s,
            tags: BTreeMap::from([(now_ms.to_string(), String::new())]),
        },
        ConsumerMove::Policy => ConsumerCommand::SetPolicy {
            stream,
            consumer,
            created_s,
            policy: now_ms.is_multiple_of(2).then(|| "{}".to_owned()),
        },
    }))
}

/// The command of a move that is about settings.
fn setting_command(world: &World, stream: StreamName, what: u8, on: bool) -> SettingCommand {
    let now_ms = world.now_ms;
    match what {
        0 | 1 => SettingCommand::SetMonitoring {
            stream,
            metrics: ShardLevelMetric::ALL
                .into_iter()
                .take(usize::from(what) + 2)
                .collect(),
            enable: on,
            now_ms,
        },
        2 | 3 => SettingCommand::SetEncryption {
            stream,
            key: on.then(|| format!("alias/{now_ms}")),
            now_ms,
        },
        4 => SettingCommand::SetPolicy {
            stream,
            policy: on.then(|| "{}".to_owned()),
        },
        5 => SettingCommand::SetMaxRecord {
            stream,
            max_record_kib: if on { 10_240 } else { 1024 },
            now_ms,
        },
        6 => SettingCommand::AddTags {
            stream,
            tags: BTreeMap::from([(format!("{now_ms}:"), String::new())]),
        },
        7 => SettingCommand::SetCommitment {
            enabled: on,
            now_ms,
        },
        _ => SettingCommand::EndCommitment { now_ms },
    }
}

/// The command of a move that is about capacity.
fn scaling_command(world: &World, a_move: &Move) -> Option<ScalingCommand> {
    let there = |stream: u8| world.machine.stream(&name(&text(stream)));
    let now_ms = world.now_ms;
    Some(match *a_move {
        Move::Count { stream, target } => {
            let open = there(stream)?.open_shard_count();
            // Mostly what is allowed: from half to double.
            let target = (open / 2).max(1) + u32::from(target) % (open + open / 2 + 2);
            ScalingCommand::SetShardCount {
                stream: name(&text(stream)),
                target,
                now_ms,
            }
        }
        Move::Capacity {
            stream,
            mode: 0,
            warm,
        } => ScalingCommand::SetWarmThroughput {
            stream: name(&text(stream)),
            mibps: warm.unwrap_or(0).into(),
            now_ms,
        },
        Move::Capacity { stream, mode, warm } => ScalingCommand::SetMode {
            stream: name(&text(stream)),
            mode: [StreamMode::OnDemand, StreamMode::Provisioned][usize::from(mode) - 1],
            warm_throughput_mibps: warm.filter(|_| mode == 1).map(u32::from),
            now_ms,
        },
        Move::Own {
            stream,
            shard,
            split,
        } => {
            let stream = there(stream)?;
            let shards = &stream.shards;
            let lower = shards.values().nth(usize::from(shard) % shards.len())?;
            let key = stream.key;
            if split {
                let shard = lower.shard;
                return Some(ScalingCommand::SplitOwn { key, shard });
            }
            let mut open = shards.values().filter(|info| info.is_open());
            let upper = open.find(|info| lower.range.is_followed_by(&info.range))?;
            ScalingCommand::MergeOwn {
                key,
                a: lower.shard,
                b: upper.shard,
            }
        }
        _ => return None,
    })
}

/// The command of a move that is about shards.
fn shard_command(world: &World, a_move: &Move) -> Option<MetaCommand> {
    let stream = |stream: u8| world.machine.stream(&name(&text(stream)));
    let pick = |number: u8, at: u8| {
        let shards = &stream(number)?.shards;
        shards.values().nth(usize::from(at) % shards.len())
    };
    let now_ms = world.now_ms;
    let split = |stream: u8, shard, at| MetaCommand::SplitShard {
        name: name(&text(stream)),
        shard,
        new_start: HashKey(at),
        now_ms,
    };
    Some(match a_move {
        Move::Split { stream, shard, at } => split(*stream, ShardIndex(u32::from(*shard)), *at),
        Move::SplitMiddle { stream, shard } => {
            let info = pick(*stream, *shard)?;
            let middle = info.range.start.0 + (info.range.end.0 - info.range.start.0) / 2;
            split(*stream, info.shard, middle)
        }
        Move::Merge {
            stream: number,
            shard,
            b,
        } => {
            let lower = pick(*number, *shard)?;
            let mut shards = stream(*number)?.shards.values();
            let next =
                shards.find(|info| info.is_open() && lower.range.is_followed_by(&info.range));
            let given = b.map(|b| ShardIndex(u32::from(b)));
            MetaCommand::MergeShards {
                name: name(&text(*number)),
                a: lower.shard,
                b: given.or(next.map(|info| info.shard))?,
                now_ms,
            }
        }
        Move::Expire {
            stream: number,
            shards,
        } => MetaCommand::ExpireShards {
            key: stream(*number)?.key,
            shards: shards
                .iter()
                .filter_map(|at| Some(pick(*number, *at)?.shard))
                .collect(),
        },
        _ => return None,
    })
}

/// What must never come back once it was seen to go.
#[derive(Debug, Default)]
struct Seen {
    streams: BTreeSet<StreamKey>,
    groups: BTreeSet<GroupId>,
    shards: BTreeMap<StreamKey, BTreeSet<ShardIndex>>,
    /// What an ARN of a consumer names, and which registration it named.
    consumers: BTreeMap<(StreamName, ConsumerName, u64), (StreamKey, u64)>,
    nodes: nodes::SeenNodes,
}

impl Seen {
    /// Everything new is newer than everything seen; everything deleted stays deleted.
    fn look(&mut self, before: &Metadata, machine: &Metadata) {
        self.nodes.look(before, machine);
        for key in machine.streams().keys() {
            let newer = self.streams.last().is_none_or(|last| key > last);
            assert!(
                newer || before.streams().contains_key(key),
                "stream {key} came back"
            );
            self.streams.insert(*key);
        }
        for group in machine.groups().keys() {
            let newer = self.groups.last().is_none_or(|last| group > last);
            assert!(
                newer || before.groups().contains_key(group),
                "group {group} came back"
            );
            self.groups.insert(*group);
        }
        for group in before.groups().keys() {
            let known =
                machine.groups().contains_key(group) || machine.deleted_groups().contains(*group);
            assert!(known, "group {group} is neither live nor deleted");
        }
        for (key, stream) in machine.streams() {
            for (consumer, state) in &stream.consumers {
                let arn = (stream.name.clone(), consumer.clone(), state.created_s());
                let meant = (*key, state.created_ms);
                let known = self.consumers.entry(arn).or_insert(meant);
                assert_eq!(*known, meant, "the ARN of {consumer} came back");
                let there = before
                    .stream_by_key(*key)
                    .and_then(|it| it.consumers.get(consumer));
                let fresh = state.status == ConsumerStatus::Creating;
                assert!(there.is_some() || fresh, "{consumer} came back");
            }
            let seen = self.shards.entry(*key).or_default();
            let highest = seen.last().copied();
            for shard in stream
                .shards
                .keys()
                .chain(stream.writable_shards().map(|i| &i.shard))
            {
                let newer = highest.is_none_or(|highest| *shard > highest);
                let there = before
                    .stream_by_key(*key)
                    .is_some_and(|s| s.shard(*shard).is_some());
                assert!(newer || there, "{shard} of stream {key} came back");
            }
            seen.extend(stream.shards.keys().copied());
            seen.extend(stream.writable_shards().map(|info| info.shard));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_after_every_command(
        moves in proptest::collection::vec(moves(), 1..160),
        reload_at in 0..160usize,
    ) {
        let mut world = World::new();
        let mut replica = world.machine.clone();
        let mut done: Vec<MetaCommand> = Vec::new();
        let mut seen = Seen::default();
        for (at, a_move) in moves.iter().enumerate() {
            if let Move::Wait { ms } = a_move {
                world.now_ms += u64::from(*ms);
            }
            if at == reload_at {
                replica = Metadata::decode(&replica.encode()).expect("its own bytes");
            }
            let Some(command) = command(&world, &done, a_move) else { continue };
            let before = world.machine.clone();
            let outcome = world.apply(command.clone());
            seen.look(&before, &world.machine);
            let again = replica.apply(world.machine.last_index(), through_postcard(&command));
            prop_assert_eq!(&outcome, &again);
            prop_assert_eq!(through_postcard(&outcome), outcome);
            done.push(command);
        }
        prop_assert_eq!(world.machine.encode(), replica.encode());
        let decoded = Metadata::decode(&world.machine.encode()).expect("its own bytes");
        prop_assert_eq!(decoded, world.machine);
    }
}

fn through_postcard<T>(value: &T) -> T
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let bytes = postcard::to_stdvec(value).expect("encodes");
    let decoded = postcard::from_bytes(&bytes).expect("decodes");
    assert_eq!(&decoded, value);
    decoded
}

#[test]
fn the_moves_reach_what_matters() {
    // A history that is known to be deep: the property above is worth little if it never gets here.
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    for _ in 0..90 {
        let tree = proptest::collection::vec(moves(), 160).new_tree(&mut runner);
        let mut world = World::new();
        let mut done = Vec::new();
        for a_move in tree.expect("a tree").current() {
            let Some(command) = command(&world, &done, &a_move) else {
                continue;
            };
            drop(world.apply(command.clone()));
            done.push(command);
            for stream in world.machine.streams().values() {
                reached.extend(reached_by(stream));
            }
            reached.extend(nodes::reached_by(&world.machine));
            if world.machine.commitment().holds() {
                reached.insert("committed");
            }
            if world.machine.deleted_groups().count() > 3 {
                reached.insert("groups deleted");
            }
        }
    }
    assert_eq!(reached.len(), 21, "{reached:?}");
}
