//! The two machines as a cluster uses them: one metadata machine, one shard set for each of its
//! groups, a driver between them that may stop after any step and begin again, and producers that
//! route by the metadata while splits and merges go on.
//!
//! Checked: both machines agree on when children begin; at every moment each hash key is taken by at
//! most one open shard of the groups and, once a reshard is through, by exactly one; numbers along
//! any line of descent only grow; a record is never acknowledged by a closed shard.

use ana_state::meta::{
    ClusterSecret, Member, ParentClosed, PendingKind, Reshard, ScalingCommand, StreamState,
};
use ana_state::shard::{ClosedAt, ShardSpec};
use ana_state::{
    AppendHeader, AppendOutcome, MetaCommand, MetaReply, Metadata, ShardCommand, ShardOutcome,
    ShardSet,
};
use ana_types::{
    GroupId, HashKey, HashRange, KinesisError, NodeId, Position, SequenceNumber, ShardIndex,
    ShardInfo, StreamMode, StreamName, Zone, limits,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Move {
    Put {
        key: u128,
        count: u32,
    },
    /// An append that was routed before what has happened since.
    PutLate {
        shard: u32,
    },
    Split {
        shard: usize,
    },
    Merge {
        shard: usize,
    },
    /// UpdateShardCount to this share of what is allowed.
    Resize {
        target: u32,
    },
    /// A stream that becomes on-demand or provisioned.
    Mode {
        mode: StreamMode,
    },
    /// A split or merge of the stream's own accord.
    Own {
        shard: usize,
        split: bool,
    },
    /// The driver takes up to this many steps; it forgets everything in between.
    Drive {
        steps: usize,
    },
    /// A command that a driver sent earlier arrives once more.
    Late {
        command: usize,
    },
    Expire,
    Wait {
        ms: u64,
    },
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => (any::<u128>(), 1..4u32).prop_map(|(key, count)| Move::Put { key, count }),
        2 => (0..20u32).prop_map(|shard| Move::PutLate { shard }),
        3 => any::<usize>().prop_map(|shard| Move::Split { shard }),
        3 => any::<usize>().prop_map(|shard| Move::Merge { shard }),
        1 => any::<u32>().prop_map(|target| Move::Resize { target }),
        1 => prop_oneof![Just(StreamMode::Provisioned), Just(StreamMode::OnDemand)]
            .prop_map(|mode| Move::Mode { mode }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(shard, split)| Move::Own { shard, split }),
        8 => (1..5usize).prop_map(|steps| Move::Drive { steps }),
        3 => any::<usize>().prop_map(|command| Move::Late { command }),
        1 => Just(Move::Expire),
        2 => (0..3_000u64).prop_map(|ms| Move::Wait { ms }),
    ]
}

/// A command of a driver, and to whom.
#[derive(Debug, Clone)]
enum Sent {
    Meta(MetaCommand),
    Shard(GroupId, ShardCommand),
}

struct Cluster {
    meta: Metadata,
    groups: BTreeMap<GroupId, ShardSet>,
    now_ms: u64,
    sent: Vec<Sent>,
    /// Every acknowledged number, with the hash key it was put under, in the order of the answers.
    acknowledged: Vec<(HashKey, SequenceNumber)>,
}

fn name() -> StreamName {
    StreamName::new("s").expect("valid")
}

impl Cluster {
    fn new(shards: u32) -> Self {
        let member = |(id, zone): (u64, &str)| Member {
            id: NodeId(id),
            zone: Zone::new(zone).expect("valid"),
            peer_addr: String::new(),
            api_addr: String::new(),
        };
        let mut cluster = Self {
            meta: Metadata::new(),
            groups: BTreeMap::new(),
            now_ms: 1_700_000_000_000,
            sent: Vec::new(),
            acknowledged: Vec::new(),
        };
        cluster
            .command(MetaCommand::InitCluster {
                cluster_id: "c".into(),
                secret: ClusterSecret([0; 32]),
                members: [(1, "a"), (2, "b"), (3, "c")].map(member).into(),
            })
            .expect("initialised");
        cluster
            .command(MetaCommand::CreateStream {
                name: name(),
                mode: Some(StreamMode::Provisioned),
                shard_count: Some(shards),
                retention_hours: limits::RETENTION_HOURS_MIN,
                max_record_kib: limits::MAX_RECORD_KIB_DEFAULT,
                tags: BTreeMap::new(),
                now_ms: cluster.now_ms,
                warm_throughput_mibps: None,
            })
            .expect("created");
        cluster
    }

    fn command(&mut self, command: MetaCommand) -> Result<MetaReply, KinesisError> {
        let by_client = matches!(
            command,
            MetaCommand::SplitShard { .. }
                | MetaCommand::MergeShards { .. }
                | MetaCommand::Scaling(_)
        );
        if !by_client {
            self.sent.push(Sent::Meta(command.clone()));
        }
        let outcome = self.meta.apply(self.meta.last_index() + 1, command);
        self.meta.check().expect("the metadata is sound");
        outcome
    }

    fn tell(&mut self, group: GroupId, command: ShardCommand) -> ShardOutcome {
        self.sent.push(Sent::Shard(group, command.clone()));
        let set = self.groups.entry(group).or_default();
        let outcome = set.command(set.last_index() + 1, command);
        set.check().expect("the shard set is sound");
        assert!(
            !matches!(outcome, ShardOutcome::Refused { .. }),
            "{outcome:?}"
        );
        outcome
    }

    fn stream(&self) -> StreamState {
        self.meta
            .stream(&name())
            .expect("it is never deleted here")
            .clone()
    }

    fn put(&mut self, shard: ShardIndex, group: GroupId, key: HashKey, count: u32) {
        let closed = self
            .stream()
            .shards
            .get(&shard)
            .is_some_and(|info| !info.is_open());
        let set = self.groups.entry(group).or_default();
        // The batcher's rule for stamps.
        let time_ms = self.now_ms.max(set.last_time_ms());
        let header = AppendHeader {
            shard,
            count,
            bytes: count,
            time_ms,
        };
        let outcomes = set.append(set.last_index() + 1, &[header]);
        set.check().expect("the shard set is sound");
        match outcomes[0] {
            AppendOutcome::Accepted {
                shard,
                first,
                created_s,
                time_ms,
            } => {
                assert!(!closed, "{shard} is listed as closed and accepts records");
                for ordinal in 0..count {
                    let position = Position::new(first.log_index(), ordinal);
                    let time_s = time_ms / 1000;
                    let number = SequenceNumber {
                        created_s,
                        shard,
                        position,
                        time_s,
                    };
                    self.acknowledged.push((key, number));
                }
            }
            AppendOutcome::Closed { .. } | AppendOutcome::Unknown { .. } => {}
            AppendOutcome::Refused { .. } => {
                unreachable!("the batcher keeps its rules: {outcomes:?}")
            }
        }
    }

    /// One step of the driver, from what the metadata says alone. False when nothing is to be done.
    fn step(&mut self) -> bool {
        let stream = self.stream();
        let (key, now_ms) = (stream.key, self.now_ms);
        if let Some(reshard) = stream.reshard() {
            self.step_reshard(&stream, reshard);
            return true;
        }
        match stream.pending.as_ref().map(|pending| &pending.kind) {
            Some(PendingKind::Create) => {
                for group in &stream.groups {
                    let shards = stream.shards.values().filter(|info| info.group == *group);
                    let shards = shards.map(spec).collect();
                    self.tell(*group, ShardCommand::Open { shards });
                }
                self.command(MetaCommand::ActivateStream { key, now_ms })
                    .expect("active");
            }
            Some(PendingKind::Resize(_) | PendingKind::Mode) => {
                self.command(MetaCommand::FinishUpdate { key })
                    .expect("gone on");
            }
            Some(
                PendingKind::Reshard(_)
                | PendingKind::Delete
                | PendingKind::Retention
                | PendingKind::Setting,
            )
            | None => return false,
        }
        true
    }

    fn step_reshard(&mut self, stream: &StreamState, reshard: &Reshard) {
        let key = stream.key;
        if let Some(closed) = &reshard.closed {
            let shards = closed.children.iter().map(spec).collect();
            self.tell(reshard.group, ShardCommand::Open { shards });
            let first_child = reshard.first_child().expect("a reshard has children");
            let finish = MetaCommand::FinishReshard { key, first_child };
            assert_eq!(self.command(finish), Ok(MetaReply::Done));
            return;
        }
        let closed = self
            .close_parents(stream, reshard)
            .into_iter()
            .map(|at| ParentClosed {
                shard: at.shard,
                closed_ms: at.time_ms,
                ending: at.ending,
                end: at.end,
            })
            .collect();
        let parents_closed = MetaCommand::ParentsClosed { key, closed };
        assert_eq!(self.command(parents_closed), Ok(MetaReply::Done));
    }

    fn close_parents(&mut self, stream: &StreamState, reshard: &Reshard) -> Vec<ClosedAt> {
        let (time_ms, children) = (self.now_ms, reshard.children.clone());
        let mut by_group: BTreeMap<GroupId, Vec<ShardIndex>> = BTreeMap::new();
        for parent in &reshard.parents {
            by_group
                .entry(stream.shards[parent].group)
                .or_default()
                .push(*parent);
        }
        let together = by_group.keys().eq([&reshard.group]);
        let mut closings = Vec::new();
        for (group, shards) in by_group {
            let children = children.clone();
            let outcome = if together {
                self.tell(
                    group,
                    ShardCommand::CloseAndOpen {
                        shards,
                        time_ms,
                        children,
                    },
                )
            } else {
                self.tell(
                    group,
                    ShardCommand::Close {
                        shards,
                        time_ms,
                        children,
                    },
                )
            };
            let ShardOutcome::Closed(closed) = outcome else {
                unreachable!("{outcome:?}")
            };
            closings.extend(closed);
        }
        closings
    }

    /// The ranges of all shards that are open in groups, by start.
    fn open_in_groups(&self) -> Vec<HashRange> {
        let states = self
            .groups
            .values()
            .flat_map(|set| set.shards().map(|(_, state)| state));
        let mut ranges: Vec<HashRange> = states
            .filter(|state| state.is_open())
            .map(|state| state.range)
            .collect();
        ranges.sort_by_key(|range| range.start);
        ranges
    }

    fn check(&self) {
        let open = self.open_in_groups();
        for pair in open.windows(2) {
            assert!(
                pair[0].end < pair[1].start,
                "a key has two open shards: {pair:?}"
            );
        }
        let stream = self.stream();
        if !stream.is_changing() {
            let whole = open
                .iter()
                .copied()
                .reduce(|union, next| union.merge(&next).expect("no key without an open shard"));
            assert_eq!(whole, Some(HashRange::FULL));
            for info in stream.shards.values() {
                let state = self
                    .groups
                    .get(&info.group)
                    .and_then(|set| set.shard(info.shard));
                let state = state.expect("what is listed is in its group");
                let facts = (state.range, state.created_ms, state.created_s);
                assert_eq!(facts, (info.range, info.created_ms, info.created_s));
                let ending = state.closed.as_ref().map(|closed| closed.ending);
                assert_eq!(ending, info.closed.map(|closed| closed.ending));
            }
        }
    }
}

fn spec(info: &ShardInfo) -> ShardSpec {
    ShardSpec {
        shard: info.shard,
        range: info.range,
        created_ms: info.created_ms,
        created_s: info.created_s,
    }
}

/// The command of a split or a merge.
fn reshard(open: &[ShardInfo], a_move: &Move, now_ms: u64) -> Option<MetaCommand> {
    Some(match *a_move {
        Move::Split { shard } => {
            let info = &open[shard % open.len()];
            let middle = info.range.start.0 + (info.range.end.0 - info.range.start.0) / 2;
            MetaCommand::SplitShard {
                name: name(),
                shard: info.shard,
                new_start: HashKey(middle),
                now_ms,
            }
        }
        Move::Merge { shard } => {
            let a = &open[shard % open.len()];
            let next = open.iter().find(|b| a.range.is_followed_by(&b.range))?;
            MetaCommand::MergeShards {
                name: name(),
                a: a.shard,
                b: next.shard,
                now_ms,
            }
        }
        _ => return None,
    })
}

/// The command of a move about capacity.
fn scaling(
    stream: &StreamState,
    open: &[ShardInfo],
    a_move: &Move,
    now_ms: u64,
) -> Option<ScalingCommand> {
    Some(match *a_move {
        Move::Resize { target } => {
            let current = stream.open_shard_count();
            let (least, greatest) = ((current / 2).max(1), 2 * current);
            ScalingCommand::SetShardCount {
                stream: name(),
                target: least + target % (greatest - least + 1),
                now_ms,
            }
        }
        Move::Mode { mode } => ScalingCommand::SetMode {
            stream: name(),
            mode,
            warm_throughput_mibps: None,
            now_ms,
        },
        Move::Own { shard, split: true } => ScalingCommand::SplitOwn {
            key: stream.key,
            shard: open[shard % open.len()].shard,
        },
        Move::Own { shard, .. } => {
            let a = &open[shard % open.len()];
            let next = open.iter().find(|b| a.range.is_followed_by(&b.range))?;
            ScalingCommand::MergeOwn {
                key: stream.key,
                a: a.shard,
                b: next.shard,
            }
        }
        _ => return None,
    })
}

fn run(shards: u32, moves: &[Move]) -> Cluster {
    let mut cluster = Cluster::new(shards);
    for a_move in moves {
        let stream = cluster.stream();
        let open: Vec<ShardInfo> = stream
            .shards
            .values()
            .filter(|info| info.is_open())
            .cloned()
            .collect();
        let now_ms = cluster.now_ms;
        match *a_move {
            Move::Put { key, count } => {
                let to = stream.route(HashKey(key)).expect("every key has a shard");
                cluster.put(to.shard, to.group, HashKey(key), count);
            }
            Move::PutLate { shard } => {
                if let Some(info) = stream.shards.get(&ShardIndex(shard)) {
                    cluster.put(info.shard, info.group, info.range.start, 1);
                }
            }
            Move::Split { .. } | Move::Merge { .. } => {
                if let Some(command) = reshard(&open, a_move, now_ms) {
                    drop(cluster.command(command));
                }
            }
            Move::Resize { .. } | Move::Mode { .. } | Move::Own { .. } => {
                if let Some(command) = scaling(&stream, &open, a_move, now_ms) {
                    drop(cluster.command(MetaCommand::Scaling(command)));
                }
            }
            Move::Drive { steps } => {
                for _ in 0..steps {
                    if !cluster.step() {
                        break;
                    }
                }
            }
            Move::Late { command } => match cluster.sent[command % cluster.sent.len()].clone() {
                Sent::Meta(command) => drop(cluster.command(command)),
                Sent::Shard(group, command) => drop(cluster.tell(group, command)),
            },
            Move::Expire => {
                let closed = stream.shards.values().filter(|info| !info.is_open());
                let shards = closed.map(|info| info.shard).take(1).collect();
                let expire = MetaCommand::ExpireShards {
                    key: stream.key,
                    shards,
                };
                cluster.command(expire).expect("expired");
            }
            Move::Wait { ms } => cluster.now_ms += ms,
        }
        cluster.check();
    }
    cluster
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn shards_change_places_without_a_gap_or_an_overlap(
        shards in 1..6u32,
        moves in proptest::collection::vec(moves(), 1..100),
    ) {
        let mut cluster = run(shards, &moves);
        while cluster.step() {
            cluster.check();
        }
        // A record put later under the same key has the larger number, also in a child.
        let mut last: BTreeMap<HashKey, SequenceNumber> = BTreeMap::new();
        for (key, number) in &cluster.acknowledged {
            if let Some(before) = last.insert(*key, *number) {
                prop_assert!(before < *number, "{} is not after {}", number, before);
            }
        }
        // And so along every line of descent: the numbers of a child begin behind the parent's end.
        for info in cluster.stream().shards.values() {
            for parent in [info.parent, info.adjacent_parent].into_iter().flatten() {
                let stream = cluster.stream();
                let Some(parent) = stream.shards.get(&parent) else { continue };
                let ending = parent.closed.expect("parents are closed").ending;
                prop_assert!(ending < info.starting_sequence());
            }
        }
    }
}
