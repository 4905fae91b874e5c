//! What can happen to groups and nodes.

use super::{Broken, Event, Life, Node, Pair, Put, Rule, Step, World};
use crate::log::{At, GroupEntry, GroupOutcome};
use crate::reshard::core::{Core, Order, Sealing};
use crate::setup::{self, BEGIN_MS, HIGH, NODES};
use ana_state::shard::AppendHeader;
use ana_state::{AppendOutcome, ShardCommand, ShardSet};
use ana_types::{GroupId, StreamStatus};
use std::array;
use std::collections::BTreeSet;

/// Majorities of three.
const PAIRS: [Pair; 3] = [[0, 1], [0, 2], [1, 2]];
/// Entries of the metadata that every node has for certain: the founding of the cluster.
const CERTAIN: u64 = 1;
impl Life {
    pub(super) fn begin(&self) -> World {
        let begun = self.drivers.begin();
        let Core {
            meta,
            groups,
            sealing,
        } = begun.core;
        let node = |_| Node {
            seen: meta.clone(),
            is_current: true,
            replicas: groups.clone(),
        };
        World {
            nodes: array::from_fn::<_, NODES, _>(node),
            founded: groups.keys().copied().collect(),
            meta,
            committed: groups,
            sealing,
            put: Put::Unsent,
            asked: 0,
            restarts: self.bounds.restarts,
            rules: super::Rules::default(),
        }
    }

    /// What is committed.
    pub(super) fn committed_steps(&self, world: &World, steps: &mut Vec<Step>) {
        steps.extend(self.ask(world));
        for (order, _) in &self.drivers.joint(&world.core()).orders {
            steps.extend(self.order(world, order));
        }
        steps.extend(PAIRS.iter().filter_map(|pair| self.put(world, *pair)));
    }

    fn ask(&self, world: &World) -> Option<Step> {
        let ask = *self.bounds.asks.get(world.asked)?;
        let command = setup::command(ask, world.meta.machine());
        let step = self.drivers.meta.apply(&world.meta, &command);
        (step.at != world.meta).then(|| {
            let mut next = world.clone();
            next.meta = step.at.clone();
            next.asked += 1;
            next.rules.require(Rule::Sound, step.is_sound);
            let event = Event::Ask(ask);
            Step { event, next }
        })
    }

    fn order(&self, world: &World, order: &Order) -> Vec<Step> {
        let with = |group: GroupId, entry: &GroupEntry| {
            let commits = PAIRS.iter().filter_map(move |pair| {
                let (mut next, _) = self.commit(world, group, *pair, entry)?;
                next.note_seal(group, order);
                Some((Some(*pair), next))
            });
            commits.collect::<Vec<_>>()
        };
        let made: Vec<(Option<Pair>, World)> = match order {
            Order::Meta(command) => {
                let step = self.drivers.meta.apply(&world.meta, command);
                let mut next = world.clone();
                next.meta = step.at.clone();
                next.rules.require(Rule::Sound, step.is_sound);
                vec![(None, next)]
            }
            Order::Group(group, command) => with(*group, &GroupEntry::Command(command.clone())),
            Order::LookToSeal(group) => PAIRS
                .iter()
                .filter_map(|pair| {
                    let at = world.leader_log(*group, *pair)?;
                    let shards = at.machine().shards();
                    let open = shards.filter(|(_, state)| state.is_open());
                    let open = open.map(|(shard, _)| shard).collect();
                    let mut next = world.clone();
                    next.sealing.insert(*group, Sealing::Looked(open));
                    Some((Some(*pair), next))
                })
                .collect(),
            Order::Seal(group) => match world.sealing.get(group) {
                Some(Sealing::Looked(shards)) if !shards.is_empty() => {
                    let close = ShardCommand::Close {
                        shards: shards.clone(),
                        time_ms: BEGIN_MS,
                        children: Vec::new(),
                    };
                    with(*group, &GroupEntry::Command(close))
                }
                _ => {
                    let mut next = world.clone();
                    next.note_seal(*group, order);
                    vec![(None, next)]
                }
            },
        };
        made.into_iter()
            .filter(|(_, next)| next != world)
            .map(|(pair, next)| Step {
                event: Event::Order(order.clone(), pair),
                next,
            })
            .collect()
    }

    /// The put is routed by a node, however old its metadata is, or committed.
    fn put(&self, world: &World, pair: Pair) -> Option<Step> {
        let Put::Sent {
            stream,
            shard,
            group,
        } = world.put
        else {
            return None;
        };
        let header = AppendHeader {
            shard,
            count: 1,
            bytes: 1,
            time_ms: BEGIN_MS + 5000,
        };
        let entry = GroupEntry::Record { header, put: 0 };
        let (mut next, outcome) = self.commit(world, group, pair, &entry)?;
        let accepted = matches!(
            outcome,
            GroupOutcome::Record(Some(AppendOutcome::Accepted { .. }))
        );
        if accepted {
            let stream = world.meta.machine().stream_by_key(stream);
            let is_there = stream.is_some_and(|stream| {
                let mut writable = stream.writable_shards();
                writable.any(|info| info.shard == shard)
            });
            next.rules.require(Rule::Gone, is_there);
        }
        next.put = Put::Done;
        let event = Event::Put(pair);
        Some(Step { event, next })
    }

    /// Two replicas commit an entry; none when they cannot.
    fn commit(
        &self,
        world: &World,
        group: GroupId,
        pair: Pair,
        entry: &GroupEntry,
    ) -> Option<(World, GroupOutcome)> {
        let before = world.leader_log(group, pair)?;
        let step = self.drivers.shards.apply(&before, entry);
        let mut next = world.clone();
        next.rules.require(Rule::Sound, step.is_sound);
        if step.at != before {
            let continues = world.committed.get(&group) == Some(&before);
            next.rules.require(Rule::Continues, continues);
            for node in pair {
                next.nodes
                    .get_mut(node)?
                    .replicas
                    .insert(group, step.at.clone());
            }
            next.committed.insert(group, step.at.clone());
        }
        Some((next, step.outcome.clone()))
    }

    /// What nodes do.
    pub(super) fn node_steps(&self, world: &World, steps: &mut Vec<Step>) {
        let groups: BTreeSet<GroupId> = world.committed.keys().copied().collect();
        let meta = world.meta.machine().groups().keys().copied();
        let groups: BTreeSet<GroupId> = meta.chain(groups).chain(world.ever()).collect();
        for (at, node) in world.nodes.iter().enumerate() {
            let step = |event: Event, change: &dyn Fn(&mut Node)| {
                let mut next = world.clone();
                next.nodes.get_mut(at).map(change);
                Step { event, next }
            };
            if let Some(seen) = node.seen.next_towards(&world.meta) {
                steps.push(step(Event::Apply(at), &|it| it.seen = seen.clone()));
            }
            if !node.is_current {
                steps.push(step(Event::Barrier(at), &|it| {
                    it.seen = world.meta.clone();
                    it.is_current = true;
                }));
            }
            for group in &groups {
                self.replica_steps(world, at, *group, steps);
            }
            Self::restarts(world, at, steps);
            steps.extend(route(world, at));
        }
        for group in &groups {
            steps.extend(
                PAIRS
                    .iter()
                    .filter_map(|pair| self.found(world, *group, *pair)),
            );
        }
    }

    fn replica_steps(&self, world: &World, at: usize, group: GroupId, steps: &mut Vec<Step>) {
        let Some(node) = world.nodes.get(at) else {
            return;
        };
        let change = |event: Event, change: &dyn Fn(&mut World, &mut Node)| {
            let mut next = world.clone();
            let mut node = node.clone();
            change(&mut next, &mut node);
            if let Some(place) = next.nodes.get_mut(at) {
                *place = node;
            }
            Step { event, next }
        };
        let meta = node.seen.machine();
        let Some(replica) = node.replicas.get(&group) else {
            let may_open = node.is_current || self.bounds.broken == Broken::OpenUnasked;
            if may_open && meta.group(group).is_some() {
                let event = Event::Open(at, group);
                steps.push(change(event, &|_, node| {
                    node.replicas.insert(group, At::start());
                }));
            }
            return;
        };
        let others = world.nodes.iter().filter_map(|it| it.replicas.get(&group));
        let longer = others.filter(|it| *it != replica && replica.is_prefix_of(it));
        if let Some(longest) = longer.max_by_key(|it| it.index()) {
            let event = Event::CatchUp(at, group);
            steps.push(change(event, &|_, node| {
                node.replicas.insert(group, longest.clone());
            }));
        }
        let is_unwanted = match self.bounds.broken {
            Broken::DeleteUnknown => meta.group(group).is_none(),
            Broken::DeleteEarly => is_going(meta, group),
            Broken::ForgetsAtRestart if world.restarts < self.bounds.restarts => false,
            _ => meta.deleted_groups().contains(group),
        };
        if !is_unwanted {
            return;
        }
        let judge = |next: &mut World| {
            let is_deleted = world.meta.machine().deleted_groups().contains(group);
            next.rules.require(Rule::Needed, is_deleted);
        };
        steps.push(change(Event::Delete(at, group), &|next, node| {
            judge(next);
            node.replicas.remove(&group);
        }));
        if self.bounds.broken == Broken::TornDelete && world.restarts > 0 {
            for kept in 0..replica.index() {
                let event = Event::Torn(at, group, kept);
                steps.push(change(event, &|next, node| {
                    judge(next);
                    next.restarts -= 1;
                    node.is_current = false;
                    if let (Some(part), Some(first)) =
                        (replica.prefix(kept), world.meta.prefix(CERTAIN))
                    {
                        node.replicas.insert(group, part.clone());
                        node.seen = first.clone();
                    }
                }));
            }
        }
    }

    /// The metadata of a node is applied anew from its checkpoint, which is as old as it happens to be.
    fn restarts(world: &World, at: usize, steps: &mut Vec<Step>) {
        let Some(node) = world.nodes.get(at) else {
            return;
        };
        if world.restarts == 0 {
            return;
        }
        for version in node.seen.back().filter(|it| it.index() >= CERTAIN) {
            let mut next = world.clone();
            next.restarts -= 1;
            if let Some(node) = next.nodes.get_mut(at) {
                node.seen = version.clone();
                node.is_current = false;
            }
            let event = Event::Restart(at, version.index());
            steps.push(Step { event, next });
        }
    }

    /// Two replicas that hold nothing found the group, for the node of one of them finds it in its metadata.
    fn found(&self, world: &World, group: GroupId, pair: Pair) -> Option<Step> {
        let nodes: Vec<&Node> = pair.iter().filter_map(|at| world.nodes.get(*at)).collect();
        let are_empty = nodes
            .iter()
            .all(|it| it.replicas.get(&group).is_some_and(|at| at.index() == 0));
        let by = pair.into_iter().find(|at| {
            let node = world.nodes.get(*at);
            node.is_some_and(|it| it.seen.machine().group(group).is_some())
        })?;
        if !are_empty {
            return None;
        }
        let step = self
            .drivers
            .shards
            .apply(&At::start(), &GroupEntry::Founded { by });
        let mut next = world.clone();
        let is_first = next.founded.insert(group);
        next.rules.require(Rule::Once, is_first);
        for node in pair {
            next.nodes
                .get_mut(node)?
                .replicas
                .insert(group, step.at.clone());
        }
        if is_first {
            next.committed.insert(group, step.at.clone());
        }
        let event = Event::Found(group, pair);
        Some(Step { event, next })
    }

    /// Whether nodes that are left alone come to hold what the metadata wants.
    pub(super) fn settles(&self, world: &World) -> bool {
        self.ends.reaches(world, World::is_settled, |world| {
            self.helpful(world).map(|step| step.next)
        })
    }

    /// A step towards rest: nodes do what they have to, then a driver does.
    fn helpful(&self, world: &World) -> Option<Step> {
        let mut steps = Vec::new();
        self.node_steps(world, &mut steps);
        let helps = |it: &Step| {
            !matches!(
                it.event,
                Event::Route(_) | Event::Restart(..) | Event::Torn(..)
            )
        };
        let of_nodes = steps.into_iter().find(helps);
        of_nodes.or_else(|| {
            let joint = self.drivers.joint(&world.core());
            let due = joint.orders.iter().filter(|(_, is_due)| *is_due);
            due.into_iter()
                .find_map(|(order, _)| self.order(world, order).into_iter().next())
        })
    }
}

impl World {
    /// Groups that there ever were.
    fn ever(&self) -> impl Iterator<Item = GroupId> {
        let deleted = self.meta.machine().deleted_groups().ranges();
        deleted.flat_map(|(first, last)| (first.0..=last.0).map(GroupId))
    }

    /// The log that counts when these two elect a leader; none without two replicas, or when neither was ever in the
    /// group.
    fn leader_log(&self, group: GroupId, pair: Pair) -> Option<At<ShardSet>> {
        let replica = |at: usize| self.nodes.get(at)?.replicas.get(&group);
        let [a, b] = pair;
        let longest = [replica(a)?, replica(b)?]
            .into_iter()
            .max_by_key(|it| it.index())?;
        (longest.index() > 0).then(|| longest.clone())
    }

    /// What a sealing that was answered leaves.
    fn note_seal(&mut self, group: GroupId, order: &Order) {
        if matches!(order, Order::Seal(_)) {
            self.sealing.insert(group, Sealing::Done);
        }
    }

    fn is_settled(&self) -> bool {
        let meta = self.meta.machine();
        let wanted = || meta.groups().keys();
        let is_quiet = !meta.streams().values().any(|it| it.is_changing());
        is_quiet
            && self.nodes.iter().all(|node| {
                node.seen == self.meta
                    && node.replicas.keys().eq(wanted())
                    && node
                        .replicas
                        .iter()
                        .all(|(group, at)| self.committed.get(group) == Some(at))
            })
    }
}

/// Whether the stream of a group is on its way out.
fn is_going(meta: &ana_state::Metadata, group: GroupId) -> bool {
    let stream = meta
        .group(group)
        .and_then(|it| meta.stream_by_key(it.stream));
    stream.is_none_or(|it| it.status == StreamStatus::Deleting)
        && (meta.group(group).is_some() || meta.deleted_groups().contains(group))
}

fn route(world: &World, at: usize) -> Option<Step> {
    if world.put != Put::Unsent {
        return None;
    }
    let meta = world.nodes.get(at)?.seen.machine();
    let stream = meta.stream(&setup::name())?;
    if !matches!(stream.status, StreamStatus::Active | StreamStatus::Updating) {
        return None;
    }
    let info = stream.route(HIGH)?;
    let mut next = world.clone();
    next.put = Put::Sent {
        stream: stream.key,
        shard: info.shard,
        group: info.group,
    };
    let event = Event::Route(at);
    Some(Step { event, next })
}
