//! What the tests of the metadata machine share: a cluster of three zones and a driver that carries
//! out what is pending as the real one would, except for the data groups.

use super::{
    ClusterSecret, ConsumerCommand, Member, MetaCommand, MetaOutcome, MetaReply, Metadata,
    ParentClosed, PendingKind,
};
use ana_types::{
    ConsumerName, ConsumerStatus, HashKey, KinesisError, NodeId, Position, SequenceNumber,
    ShardIndex, StreamKey, StreamMode, StreamName, Zone, limits,
};
use expect_test::Expect;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A machine and the index of its next command. Every command is followed by `check()`.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) machine: Metadata,
    pub(super) now_ms: u64,
}

pub(super) fn name(text: &str) -> StreamName {
    StreamName::new(text).expect("test names are valid")
}

pub(super) fn member(id: u64, zone: &str) -> Member {
    Member {
        id: NodeId(id),
        zone: Zone::new(zone).expect("test zones are valid"),
        peer_addr: format!("127.0.0.1:{}", 7000 + id),
        api_addr: format!("127.0.0.1:{}", 4000 + id),
    }
}

pub(super) fn init(members: Vec<Member>) -> MetaCommand {
    MetaCommand::InitCluster {
        cluster_id: "test".into(),
        secret: ClusterSecret([7; 32]),
        members,
    }
}

/// CreateStream of a provisioned stream with the usual settings.
pub(super) fn create(text: &str, shards: u32, now_ms: u64) -> MetaCommand {
    create_with(text, Some(StreamMode::Provisioned), Some(shards), now_ms)
}

pub(super) fn create_with(
    text: &str,
    mode: Option<StreamMode>,
    shard_count: Option<u32>,
    now_ms: u64,
) -> MetaCommand {
    MetaCommand::CreateStream {
        name: name(text),
        mode,
        shard_count,
        retention_hours: limits::RETENTION_HOURS_MIN,
        max_record_kib: limits::MAX_RECORD_KIB_DEFAULT,
        tags: BTreeMap::new(),
        now_ms,
        warm_throughput_mibps: None,
    }
}

impl World {
    /// Nodes 1, 2, 3 in zones a, b, c.
    pub(super) fn new() -> Self {
        Self::of(vec![member(1, "a"), member(2, "b"), member(3, "c")])
    }

    /// Deletes a stream that has no consumers, to the end.
    pub(super) fn delete(&mut self, text: &str) {
        let key = self.key(text);
        self.apply(MetaCommand::DeleteStream {
            name: name(text),
            enforce_consumer_deletion: false,
            now_ms: 0,
        })
        .expect("deleting");
        self.apply(MetaCommand::FinishDelete { key })
            .expect("deleted");
    }

    pub(super) fn of(members: Vec<Member>) -> Self {
        let mut world = Self {
            machine: Metadata::new(),
            now_ms: 1_700_000_000_500,
        };
        world
            .apply(init(members))
            .expect("a new cluster can be initialised");
        world
    }

    /// Applies a command and checks all invariants, also that nothing changes without a reason.
    pub(super) fn apply(&mut self, command: MetaCommand) -> MetaOutcome {
        let before = self.machine.clone();
        let index = before.last_index() + 1;
        let outcome = self.machine.apply(index, command);
        self.machine
            .check()
            .expect("every command keeps the invariants");
        let mut compared = self.machine.clone();
        compared.last_index = before.last_index;
        compared.version = before.version;
        let changed = compared != before;
        let version = before.version() + u64::from(changed);
        assert_eq!(
            self.machine.version(),
            version,
            "the version follows the changes"
        );
        if matches!(outcome, Err(_) | Ok(MetaReply::Refused(_))) {
            assert!(!changed, "a refused command changes nothing");
        }
        outcome
    }

    pub(super) fn active(&mut self, text: &str, shards: u32) -> StreamKey {
        self.apply(create(text, shards, self.now_ms))
            .expect("the stream can be created");
        let key = self.key(text);
        self.apply(MetaCommand::ActivateStream {
            key,
            now_ms: self.now_ms,
        })
        .expect("a new stream can be activated");
        key
    }

    pub(super) fn key(&self, text: &str) -> StreamKey {
        self.machine
            .stream(&name(text))
            .expect("the stream exists")
            .key
    }

    pub(super) fn split(&mut self, text: &str, shard: u32, new_start: u128) -> MetaOutcome {
        self.apply(MetaCommand::SplitShard {
            name: name(text),
            shard: ShardIndex(shard),
            new_start: HashKey(new_start),
            now_ms: self.now_ms,
        })
    }

    pub(super) fn merge(&mut self, text: &str, a: u32, b: u32) -> MetaOutcome {
        self.apply(MetaCommand::MergeShards {
            name: name(text),
            a: ShardIndex(a),
            b: ShardIndex(b),
            now_ms: self.now_ms,
        })
    }

    /// The closings of the parents of the reshard under way, one second later.
    pub(super) fn closings(&self, key: StreamKey) -> Vec<ParentClosed> {
        let closed_ms = self.now_ms + 1000;
        let Some(stream) = self.machine.stream_by_key(key) else {
            return Vec::new();
        };
        let Some(reshard) = stream.reshard() else {
            return Vec::new();
        };
        let closing = |parent: &ShardIndex| {
            let info = stream
                .shards
                .get(parent)
                .expect("parents of a reshard are listed");
            ParentClosed {
                shard: *parent,
                closed_ms,
                ending: SequenceNumber::end_of_shard(info.created_s, *parent, closed_ms / 1000),
                end: Position::new(77, 0),
            }
        };
        reshard.parents.iter().map(closing).collect()
    }

    /// The command that finishes the reshard under way.
    pub(super) fn finish(&self, key: StreamKey) -> MetaCommand {
        let stream = self.machine.stream_by_key(key);
        let reshard = stream.and_then(|stream| stream.reshard());
        let first_child = reshard.and_then(|reshard| reshard.first_child());
        MetaCommand::FinishReshard {
            key,
            first_child: first_child.expect("a reshard is under way"),
        }
    }

    /// Carries the reshard under way to its end.
    pub(super) fn finish_reshard(&mut self, key: StreamKey) {
        let closed = self.closings(key);
        self.apply(MetaCommand::ParentsClosed { key, closed })
            .expect("the parents can close");
        self.apply(self.finish(key))
            .expect("the reshard can finish");
        self.now_ms += 2000;
    }

    /// The next step that a driver would take on the stream, if something is pending.
    pub(super) fn next_step(&self, key: StreamKey) -> Option<MetaCommand> {
        let stream = self.machine.stream_by_key(key)?;
        if let Some(reshard) = stream.reshard() {
            return Some(if reshard.closed.is_none() {
                MetaCommand::ParentsClosed {
                    key,
                    closed: self.closings(key),
                }
            } else {
                self.finish(key)
            });
        }
        Some(match &stream.pending.as_ref()?.kind {
            PendingKind::Create => MetaCommand::ActivateStream {
                key,
                now_ms: self.now_ms,
            },
            PendingKind::Delete => MetaCommand::FinishDelete { key },
            PendingKind::Retention
            | PendingKind::Setting
            | PendingKind::Mode
            | PendingKind::Resize(_)
            | PendingKind::Reshard(_) => MetaCommand::FinishUpdate { key },
        })
    }

    /// Takes every step that is left on the stream; says how many there were.
    pub(super) fn carry_out(&mut self, key: StreamKey) -> usize {
        let mut steps = 0;
        while let Some(command) = self.next_step(key) {
            self.apply(command).expect("the driver's steps succeed");
            self.now_ms += 10;
            steps += 1;
        }
        steps
    }
}

impl World {
    /// The next step that a driver would take on a consumer, if something is pending.
    pub(super) fn next_consumer_step(
        &self,
        key: StreamKey,
        consumer: &ConsumerName,
    ) -> Option<ConsumerCommand> {
        let state = self.machine.stream_by_key(key)?.consumers.get(consumer)?;
        let (consumer, created_ms) = (consumer.clone(), state.created_ms);
        match state.status {
            ConsumerStatus::Creating => Some(ConsumerCommand::Activate {
                key,
                consumer,
                created_ms,
                now_ms: self.now_ms,
            }),
            ConsumerStatus::Deleting => Some(ConsumerCommand::Remove {
                key,
                consumer,
                created_ms,
            }),
            ConsumerStatus::Active => None,
        }
    }
}

pub(super) fn check_error(world: &mut World, command: MetaCommand, expect: &KinesisError) {
    assert_eq!(
        world.apply(command).expect_err("the command is refused"),
        *expect
    );
}

/// The shards of a stream in short: index, group, range in 1/256 of the hash space, open or closed.
pub(super) fn check_shards(world: &World, text: &str, expect: &Expect) {
    let stream = world
        .machine
        .stream(&name(text))
        .expect("the stream exists");
    let mut shown = format!("{} next {}\n", stream.status, stream.next_shard.0);
    for info in stream.listed_shards() {
        let (start, end) = (info.range.start.0 >> 120, info.range.end.0 >> 120);
        let state = if info.is_open() { "open" } else { "closed" };
        write!(
            shown,
            "{} in {} {start:02x}..{end:02x} {state}",
            info.shard.0, info.group
        )
        .expect("a String takes any text");
        for parent in [info.parent, info.adjacent_parent].into_iter().flatten() {
            write!(shown, " <{}", parent.0).expect("a String takes any text");
        }
        shown.push('\n');
    }
    expect.assert_eq(&shown);
}

pub(super) fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
