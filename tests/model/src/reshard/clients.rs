//! Puts and readers, as the nodes of `ana-router` carry them out.
//!
//! A put is routed by what its node has applied (`shard_map.rs`), may lie in the network for as long as it likes, and is
//! judged by the machine of its group (`put.rs`). A reader follows lineage as KCL does: a child is read when all its
//! parents were read to their ends. What there is to read is found by `read_plan`, the end is told by `end_is_told`.

use super::rules::Rule;
use super::{Broken, Event, Reshard, Source, Step, World};
use crate::log::{At, GroupEntry, GroupOutcome};
use crate::setup::{self, BEGIN_MS, NODES};
use ana_state::meta::StreamState;
use ana_state::shard::{AppendHeader, ChildSpec};
use ana_state::{AppendOutcome, LogWindow, Metadata, ShardSet, ShardState, read_plan};
use ana_types::{GroupId, HashKey, Position, ShardIndex, StreamKey, StreamStatus};
use std::array;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of every record.
const RECORD_BYTES: u32 = 10;
/// One put.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Put {
    node: usize,
    key: HashKey,
    state: PutState,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum PutState {
    /// To be routed; not by this version of the metadata.
    Waiting { unlike: Option<u64> },
    /// On its way, by that version of the metadata.
    Sent { place: Place, version: u64 },
    /// Acknowledged.
    Acknowledged(Place),
    /// The client was told that there is no such stream.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    stream: StreamKey,
    shard: ShardIndex,
    group: GroupId,
}

/// A reader of the stream that was there at the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reader {
    stream: StreamKey,
    shards: BTreeMap<ShardIndex, Cursor>,
    /// Puts whose records it was given.
    given: BTreeSet<usize>,
}

/// Where it stands in one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Cursor {
    /// At this position.
    At(Position),
    /// It was told the end.
    Ended,
}

/// What a read finds.
struct Found {
    /// Records: whose they are, and where the last of them lies.
    puts: Vec<usize>,
    next: Position,
    /// The group says that this is the end.
    ended: bool,
    children: Vec<ChildSpec>,
}

impl Reshard {
    pub(crate) fn begin(&self) -> World {
        let mut core = super::core::Core {
            meta: setup::founded(&self.meta),
            groups: BTreeMap::new(),
            sealing: BTreeMap::new(),
        };
        for ask in self.scope.before {
            let command = setup::command(*ask, core.meta.machine());
            core.meta = self.meta.apply(&core.meta, &command).at.clone();
            core = self.driven_alone(&core).unwrap_or(core);
        }
        let stream = core.meta.machine().stream(&setup::name());
        let reader = stream
            .filter(|_| !self.scope.reads.0.is_empty())
            .map(|stream| {
                let open = stream.shards.values().filter(|info| info.is_open());
                Reader {
                    stream: stream.key,
                    shards: open
                        .map(|info| (info.shard, Cursor::At(Position::START)))
                        .collect(),
                    given: BTreeSet::new(),
                }
            });
        let put = |&(node, key): &(usize, HashKey)| Put {
            node,
            key,
            state: PutState::Waiting { unlike: None },
        };
        World {
            seen: array::from_fn::<_, NODES, _>(|_| core.meta.clone()),
            replica: self.begin_replica(&core),
            core,
            puts: self.scope.puts.iter().map(put).collect(),
            reader,
            asked: 0,
            rules: super::rules::Rules::default(),
        }
    }

    fn begin_replica(&self, core: &super::core::Core) -> BTreeMap<GroupId, At<ShardSet>> {
        match self.scope.reads.1 {
            Source::Leader => BTreeMap::new(),
            Source::Replica => core.groups.clone(),
        }
    }

    /// A node finds the shard that takes the key of a put.
    pub(super) fn route(&self, world: &World, put: usize) -> Option<Step> {
        let asked = world.puts.get(put)?;
        let PutState::Waiting { unlike } = asked.state else {
            return None;
        };
        let mut next = world.clone();
        let seen = next.seen.get_mut(asked.node)?;
        let state = match unlike {
            // `newer_route`: waits for another version, and takes what that says.
            Some(version) if version == seen.machine().version() => return None,
            Some(_) => route_by(seen.machine(), asked.key),
            // `route`: when there is no stream here, it looks again after a barrier.
            None => route_by(seen.machine(), asked.key).or_else(|| {
                *seen = world.core.meta.clone();
                route_by(seen.machine(), asked.key)
            }),
        };
        next.puts.get_mut(put)?.state = state.unwrap_or(PutState::Gone);
        Some(Step::new(Event::Route(put), next))
    }

    /// A put reaches the leader of its group, and its entry is committed.
    pub(super) fn commit(&self, world: &World, put: usize) -> Option<Step> {
        let PutState::Sent { place, version } = world.puts.get(put)?.state else {
            return None;
        };
        let before = world.core.group(place.group);
        let time_ms = BEGIN_MS + self.scope.clocks_ms.iter().max().copied().unwrap_or(0);
        let header = AppendHeader {
            shard: place.shard,
            count: 1,
            bytes: RECORD_BYTES,
            time_ms: time_ms.max(before.machine().last_time_ms()),
        };
        let step = self
            .shards
            .apply(&before, &GroupEntry::Record { header, put });
        let mut next = world.clone();
        next.rules.note_step(&step);
        if step.at != before {
            next.core.groups.insert(place.group, step.at.clone());
        }
        let accepted = matches!(
            step.outcome,
            GroupOutcome::Record(Some(AppendOutcome::Accepted { .. }))
        );
        let state = if accepted || self.scope.broken == Broken::AckUnheard {
            judge_acknowledged(&mut next, place, before.machine());
            PutState::Acknowledged(place)
        } else {
            let unlike = Some(version);
            PutState::Waiting { unlike }
        };
        next.puts.get_mut(put)?.state = state;
        next.judge_ended();
        Some(Step::new(Event::Commit(put), next))
    }

    /// Everything that a reader could do next and that would tell it something.
    pub(super) fn reads(&self, world: &World) -> Vec<Step> {
        let mut steps: Vec<Step> = self.follows(world).collect();
        let Some(reader) = &world.reader else {
            return steps;
        };
        for (shard, cursor) in &reader.shards {
            if let Cursor::At(position) = cursor {
                let nodes = self.scope.reads.0.iter();
                steps.extend(nodes.filter_map(|node| self.read(world, *shard, *position, *node)));
            }
        }
        steps
    }

    fn follows(&self, world: &World) -> impl Iterator<Item = Step> {
        let follows = self.scope.reads.1 == Source::Replica;
        let groups = world.core.groups.iter().filter(move |_| follows);
        groups.filter_map(|(group, head)| {
            let at = world.replica.get(group).cloned().unwrap_or_else(At::start);
            let mut next = world.clone();
            next.replica.insert(*group, at.next_towards(head)?);
            Some(Step::new(Event::Follow(*group), next))
        })
    }

    /// `get.rs` and `subscribe.rs`.
    fn read(
        &self,
        world: &World,
        shard: ShardIndex,
        position: Position,
        node: usize,
    ) -> Option<Step> {
        let mut next = world.clone();
        let stream = next.reader.as_ref()?.stream;
        let seen = next.seen.get_mut(node)?;
        let find = |meta: &Metadata| Some(meta.stream_by_key(stream)?.shard(shard)?.group);
        let group = find(seen.machine()).or_else(|| {
            *seen = world.core.meta.clone();
            find(seen.machine())
        });
        let seen = seen.clone();
        let event = Event::Read(shard, node);
        let found = match self.scope.reads.1 {
            Source::Leader => {
                let found =
                    group.and_then(|group| found(&world.core.group(group), shard, position));
                if found.is_none() {
                    next.rules
                        .require(Rule::ChildThere, !is_served(world, stream));
                    return (next != *world).then(|| Step::new(event, next));
                }
                found
            }
            // A replica that has not come so far says so, and the subscription asks again.
            Source::Replica => world
                .replica
                .get(&group?)
                .and_then(|at| found(at, shard, position)),
        }?;
        let told = end_is_told(seen.machine(), (stream, shard), self.scope.broken);
        let ends = match self.scope.broken {
            Broken::EndByGroupAlone => found.ended,
            Broken::EndByMetadataAlone => told == Some(true),
            _ => found.ended && told == Some(true),
        };
        let children = self.children_of(&next, shard, &found);
        next.give(shard, &found);
        if ends && !children.is_empty() {
            next.end(shard, &children);
        }
        next.judge_ended();
        (next != *world).then(|| Step::new(event, next))
    }

    /// The children that come with the end: those that the group knows.
    fn children_of(&self, world: &World, shard: ShardIndex, found: &Found) -> Vec<ChildSpec> {
        if self.scope.broken != Broken::EndByMetadataAlone || !found.children.is_empty() {
            return found.children.clone();
        }
        let groups = world.core.groups.values();
        let closed = groups.filter_map(|at| at.machine().shard(shard)?.closed.clone());
        closed.flat_map(|closed| closed.children).collect()
    }

    /// Whether, when nothing else goes wrong, what is under way comes to its end: drivers, puts and the reader.
    pub(super) fn finishes(&self, world: &World) -> bool {
        let Some(core) = self.driven_alone(&world.core) else {
            return false;
        };
        let mut world = world.clone();
        world.core = core;
        world.keep_up(self.scope.reads.1);
        self.ends.reaches(&world, World::is_settled, |world| {
            let mut puts = 0..world.puts.len();
            let step = puts
                .find_map(|put| self.commit(world, put).or_else(|| self.route(world, put)))
                .or_else(|| self.reads(world).into_iter().next());
            step.map(|mut step| {
                step.next.keep_up(self.scope.reads.1);
                step.next
            })
        })
    }
}

impl World {
    /// Every node applies everything.
    fn keep_up(&mut self, source: Source) {
        self.seen = array::from_fn(|_| self.core.meta.clone());
        if source == Source::Replica {
            self.replica.clone_from(&self.core.groups);
        }
    }

    /// The reader is given records.
    fn give(&mut self, shard: ShardIndex, found: &Found) {
        let Some(reader) = &mut self.reader else {
            return;
        };
        for put in &found.puts {
            let is_new = reader.given.insert(*put);
            self.rules.require(Rule::ReadOnce, is_new);
        }
        reader.shards.insert(shard, Cursor::At(found.next));
    }

    /// The reader is told the end of a shard, and begins with the children whose parents it has all read.
    fn end(&mut self, shard: ShardIndex, children: &[ChildSpec]) {
        let Some(reader) = &mut self.reader else {
            return;
        };
        reader.shards.insert(shard, Cursor::Ended);
        for child in children {
            let mut parents = child.parents.iter();
            let are_read = parents.all(|it| {
                reader
                    .shards
                    .get(it)
                    .is_none_or(|cursor| *cursor == Cursor::Ended)
            });
            if are_read {
                reader
                    .shards
                    .entry(child.shard)
                    .or_insert(Cursor::At(Position::START));
            }
        }
    }

    /// Every acknowledged record of a shard whose end was told was given before.
    fn judge_ended(&mut self) {
        let Some(reader) = &self.reader else {
            return;
        };
        let holds = self
            .puts
            .iter()
            .enumerate()
            .all(|(put, it)| match it.state {
                PutState::Acknowledged(place) if place.stream == reader.stream => {
                    reader.shards.get(&place.shard) != Some(&Cursor::Ended)
                        || reader.given.contains(&put)
                }
                _ => true,
            });
        self.rules.require(Rule::EndEarly, holds);
    }

    /// Every put has an answer, and the reader has everything and follows every open shard.
    fn is_settled(&self) -> bool {
        let answered = |put: &Put| matches!(put.state, PutState::Acknowledged(_) | PutState::Gone);
        if !self.puts.iter().all(answered) {
            return false;
        }
        let Some(reader) = &self.reader else {
            return true;
        };
        let Some(stream) = self.core.meta.machine().stream_by_key(reader.stream) else {
            return true;
        };
        let is_at_its_place = stream.shards.values().all(|info| {
            match (info.is_open(), reader.shards.get(&info.shard)) {
                (true, Some(Cursor::At(_))) | (false, Some(Cursor::Ended)) => true,
                // What ended before the reader began.
                (false, None) => true,
                _ => false,
            }
        });
        let given = self
            .puts
            .iter()
            .enumerate()
            .all(|(put, it)| match it.state {
                PutState::Acknowledged(place) if place.stream == reader.stream => {
                    reader.given.contains(&put)
                }
                _ => true,
            });
        is_at_its_place && given
    }
}

fn route_by(meta: &Metadata, key: HashKey) -> Option<PutState> {
    let stream = meta.stream(&setup::name())?;
    if !matches!(stream.status, StreamStatus::Active | StreamStatus::Updating) {
        return None;
    }
    let info = stream.route(key)?;
    let place = Place {
        stream: stream.key,
        shard: info.shard,
        group: info.group,
    };
    let version = meta.version();
    Some(PutState::Sent { place, version })
}

/// The rules about a record that is acknowledged by the machine `group`.
fn judge_acknowledged(world: &mut World, place: Place, group: &ShardSet) {
    let is_open = group.shard(place.shard).is_some_and(ShardState::is_open);
    world.rules.require(Rule::Closed, is_open);
    let meta = world.core.meta.clone();
    let Some(stream) = meta.machine().stream_by_key(place.stream) else {
        world.rules.require(Rule::Gone, false);
        return;
    };
    let mut writable = stream.writable_shards();
    let is_writable = writable.any(|info| info.shard == place.shard);
    world.rules.require(Rule::Closed, is_writable);
    let parents = stream
        .shard(place.shard)
        .map(|info| [info.parent, info.adjacent_parent]);
    let fenced = parents.into_iter().flatten().flatten().all(|parent| {
        // One that has expired was closed.
        stream.shards.get(&parent).is_none_or(|info| {
            let at = world.core.group(info.group);
            let parent = at.machine().shard(parent);
            parent.is_none_or(|state| !state.is_open())
        })
    });
    world.rules.require(Rule::Fenced, fenced);
}

/// `read::collect`: what a replica has of a shard from a position on.
fn found(at: &At<ShardSet>, shard: ShardIndex, position: Position) -> Option<Found> {
    let state = at.machine().shard(shard)?;
    let window = LogWindow {
        purged_index: 0,
        applied_index: at.machine().last_index(),
    };
    let plan = read_plan(state, position, window);
    let mut records: Vec<(u64, usize)> = at
        .back()
        .filter_map(|version| match version.entry()? {
            GroupEntry::Record { header, put } if header.shard == shard => {
                Some((version.index(), *put))
            }
            _ => None,
        })
        .filter(|(index, _)| (plan.from_index..=plan.upto_index).contains(index))
        .filter(|(index, _)| *index != plan.from_index || plan.skip_ordinals == 0)
        .collect();
    records.sort_unstable();
    // Where a scan ends behind the last record, nothing is ever added: the position of the last record says as much.
    let last = records
        .last()
        .map(|(index, _)| Position::new(*index, 0).next());
    let next = last.unwrap_or(position);
    let ended = state.is_ended_at(next);
    let closed = state.closed.as_ref().filter(|_| ended);
    Some(Found {
        puts: records.into_iter().map(|(_, put)| put).collect(),
        next,
        ended,
        children: closed
            .map(|closed| closed.children.clone())
            .unwrap_or_default(),
    })
}

/// `get::end_is_told`.
fn end_is_told(
    meta: &Metadata,
    (stream, shard): (StreamKey, ShardIndex),
    broken: Broken,
) -> Option<bool> {
    let Some(stream) = meta.stream_by_key(stream) else {
        return Some(false);
    };
    if stream.status == StreamStatus::Deleting {
        return Some(false);
    }
    let is_to_come = |stream: &StreamState| {
        let mut children = stream.reshard().into_iter().flat_map(|it| &it.children);
        shard >= stream.next_shard || children.any(|child| child.shard == shard)
    };
    match stream.shards.get(&shard) {
        Some(info) if info.is_open() => None,
        Some(_) => Some(true),
        None if is_to_come(stream) && broken != Broken::EndOfUnlisted => None,
        None => Some(true),
    }
}

fn is_served(world: &World, stream: StreamKey) -> bool {
    let stream = world.core.meta.machine().stream_by_key(stream);
    stream
        .map(|stream: &StreamState| stream.status)
        .is_some_and(|status| status != StreamStatus::Deleting)
}
