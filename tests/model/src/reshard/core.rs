//! What is committed, and every order that some driver may have under way.
//!
//! The steps are those of `ana-router/src/driver.rs` and `reshard.rs`. An order may be committed when its driver can have
//! got that far: it looked at some version of the metadata (`look`), and every step before was answered. Answers cannot
//! be taken back (a shard that was closed stays closed, what was opened was opened), so what a driver may know follows from
//! what is committed now. Only sealing needs a memory: what was open when the leader looked.

use super::rules::{Rule, Rules};
use super::{Broken, Reshard};
use crate::log::{At, GroupEntry, Machine};
use crate::setup::BEGIN_MS;
use ana_state::meta::{ParentClosed, PendingKind, Reshard as Plan, StreamState};
use ana_state::shard::{ClosedAt, ShardSpec};
use ana_state::{MetaCommand, Metadata, ShardCommand, ShardSet};
use ana_types::{
    GroupId, HashRange, Position, SequenceNumber, ShardIndex, ShardInfo, StreamStatus,
};
use std::collections::BTreeMap;

/// Orders that a driver left alone may need: far more than any scope has steps.
const ALONE_STEPS_MAX: usize = 64;

/// How far the sealing of a group is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sealing {
    /// The leader looked which shards are open.
    Looked(Vec<ShardIndex>),
    /// They are closed, and the driver was told.
    Done,
}

/// What is committed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Core {
    /// The metadata.
    pub meta: At<Metadata>,
    /// The data groups that have entries.
    pub groups: BTreeMap<GroupId, At<ShardSet>>,
    /// The sealing of groups whose stream is being deleted.
    pub sealing: BTreeMap<GroupId, Sealing>,
}

/// What a driver sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// To the metadata group.
    Meta(MetaCommand),
    /// To a data group.
    Group(GroupId, ShardCommand),
    /// To a data group: look which shards are open.
    LookToSeal(GroupId),
    /// To a data group: close those.
    Seal(GroupId),
}

/// An order, and what it makes of what is committed.
#[derive(Debug)]
pub struct Effect {
    /// The order.
    pub order: Order,
    /// After it.
    pub core: Core,
    /// What it broke.
    pub rules: Rules,
    /// A driver that looks at the newest metadata would give it.
    is_due: bool,
}

/// What can happen to a [`Core`], and what is wrong with it.
#[derive(Debug)]
pub struct Joint {
    /// Every order that a driver may have under way, and whether one would give it that looks at the newest metadata.
    pub orders: Vec<(Order, bool)>,
    /// Those that would change something.
    pub effects: Vec<Effect>,
    /// The rules it breaks by itself.
    pub rules: Rules,
}

impl Core {
    /// A group's log.
    #[must_use]
    pub fn group(&self, group: GroupId) -> At<ShardSet> {
        self.groups.get(&group).cloned().unwrap_or_else(At::start)
    }

    fn closing(&self, group: GroupId, shard: ShardIndex) -> Option<ClosedAt> {
        let at = self.groups.get(&group)?;
        at.machine().shard(shard)?.closed.clone()
    }

    /// Whether a shard was opened in its group.
    fn was_opened(&self, group: GroupId, shard: ShardIndex) -> bool {
        let at = self.groups.get(&group);
        at.is_some_and(|at| at.back().any(|at| at.machine().shard(shard).is_some()))
    }
}

/// Collects orders, each once.
struct Orders<'a> {
    model: &'a Reshard,
    core: &'a Core,
    /// Those of drivers that look at the newest metadata come first.
    found: Vec<(Order, bool)>,
    is_newest: bool,
}

pub(super) fn look(model: &Reshard, core: &Core) -> Joint {
    let mut orders = Orders {
        model,
        core,
        found: Vec::new(),
        is_newest: true,
    };
    for version in core.meta.back() {
        for stream in version.machine().streams().values() {
            orders.of_stream(stream);
        }
        orders.is_newest = false;
    }
    let orders = orders.found;
    let effects = orders.iter().cloned();
    Joint {
        effects: effects
            .filter_map(|(order, is_due)| effect(model, core, order, is_due))
            .collect(),
        rules: judge(core),
        orders,
    }
}

/// What a driver that nobody disturbs makes of it.
pub(super) fn drive(model: &Reshard, core: &Core) -> Option<Core> {
    let mut core = core.clone();
    for _ in 0..ALONE_STEPS_MAX {
        let joint = model.joint(&core);
        let Some(effect) = joint.effects.iter().find(|it| it.is_due) else {
            let streams = core.meta.machine().streams();
            let is_done = !streams.values().any(StreamState::is_changing);
            return is_done.then_some(core);
        };
        core = effect.core.clone();
    }
    None
}

fn effect(model: &Reshard, core: &Core, order: Order, is_due: bool) -> Option<Effect> {
    let mut next = core.clone();
    let mut rules = Rules::default();
    match &order {
        Order::Meta(command) => {
            let step = model.meta.apply(&core.meta, command);
            rules.note_step(&step);
            next.meta = step.at.clone();
        }
        Order::Group(group, command) => {
            command_group(model, &mut next, *group, command.clone(), &mut rules);
        }
        Order::LookToSeal(group) => {
            let at = core.group(*group);
            let shards = at.machine().shards();
            let open = shards.filter(|(_, state)| state.is_open());
            let open = open.map(|(shard, _)| shard).collect();
            next.sealing.insert(*group, Sealing::Looked(open));
        }
        Order::Seal(group) => {
            if let Some(Sealing::Looked(shards)) = core.sealing.get(group)
                && !shards.is_empty()
            {
                let close = ShardCommand::Close {
                    shards: shards.clone(),
                    time_ms: BEGIN_MS + model.scope.clocks_ms.first().copied().unwrap_or(0),
                    children: Vec::new(),
                };
                command_group(model, &mut next, *group, close, &mut rules);
            }
            next.sealing.insert(*group, Sealing::Done);
        }
    }
    (next != *core).then_some(Effect {
        order,
        core: next,
        rules,
        is_due,
    })
}

fn command_group(
    model: &Reshard,
    core: &mut Core,
    group: GroupId,
    command: ShardCommand,
    rules: &mut Rules,
) {
    let before = core.group(group);
    let step = model.shards.apply(&before, &GroupEntry::Command(command));
    rules.note_step(&step);
    if step.at != before {
        core.groups.insert(group, step.at.clone());
    }
}

impl Orders<'_> {
    fn add(&mut self, order: Order) {
        self.put(order, self.is_newest);
    }

    fn put(&mut self, order: Order, is_due: bool) {
        if !self.found.iter().any(|(found, _)| *found == order) {
            self.found.push((order, is_due));
        }
    }

    fn is(&self, broken: Broken) -> bool {
        self.model.scope.broken == broken
    }

    fn times_ms(&self) -> impl Iterator<Item = u64> + use<> {
        let clocks_ms = self.model.scope.clocks_ms;
        clocks_ms.iter().map(|clock_ms| BEGIN_MS + clock_ms)
    }

    /// `driver::job` and what follows from it.
    fn of_stream(&mut self, stream: &StreamState) {
        let key = stream.key;
        if let Some(plan) = stream.reshard() {
            self.of_reshard(stream, plan);
        } else {
            match stream.pending.as_ref().map(|pending| &pending.kind) {
                Some(PendingKind::Create) => self.of_creation(stream),
                Some(PendingKind::Delete) => self.of_deletion(stream),
                Some(_) => self.add(Order::Meta(MetaCommand::FinishUpdate { key })),
                None => {}
            }
        }
        if self.model.scope.expires && stream.status == StreamStatus::Active {
            self.of_expiry(stream);
        }
    }

    fn of_creation(&mut self, stream: &StreamState) {
        let mut by_group: BTreeMap<GroupId, Vec<ShardSpec>> = BTreeMap::new();
        for info in stream.shards.values() {
            by_group.entry(info.group).or_default().push(spec(info));
        }
        for (group, shards) in by_group {
            self.add(Order::Group(group, ShardCommand::Open { shards }));
        }
        let mut shards = stream.shards.values();
        if shards.all(|info| self.core.was_opened(info.group, info.shard)) {
            let (key, now_ms) = (stream.key, BEGIN_MS);
            self.add(Order::Meta(MetaCommand::ActivateStream { key, now_ms }));
        }
    }

    fn of_deletion(&mut self, stream: &StreamState) {
        for group in &stream.groups {
            match self.core.sealing.get(group) {
                None => self.add(Order::LookToSeal(*group)),
                Some(Sealing::Looked(_)) => {
                    self.add(Order::Seal(*group));
                    // Another driver's, or the same one's after its answer was lost.
                    self.put(Order::LookToSeal(*group), false);
                }
                Some(Sealing::Done) => {}
            }
        }
        let is_sealed = |group| self.core.sealing.get(group) == Some(&Sealing::Done);
        if stream.groups.iter().all(is_sealed) || self.is(Broken::UnsealedDelete) {
            let key = stream.key;
            self.add(Order::Meta(MetaCommand::FinishDelete { key }));
        }
    }

    fn of_reshard(&mut self, stream: &StreamState, plan: &Plan) {
        let key = stream.key;
        let mut parents: BTreeMap<GroupId, Vec<ShardIndex>> = BTreeMap::new();
        for parent in &plan.parents {
            if let Some(info) = stream.shards.get(parent) {
                parents.entry(info.group).or_default().push(*parent);
            }
        }
        let is_local = parents.keys().eq([&plan.group]);
        let Some(closed) = &plan.closed else {
            self.of_open_parents(stream, plan, &parents, is_local);
            return;
        };
        if !is_local {
            let shards = closed.children.iter().map(spec).collect();
            self.add(Order::Group(plan.group, ShardCommand::Open { shards }));
        }
        let mut children = plan.children.iter();
        let are_open = children.all(|child| self.core.was_opened(plan.group, child.shard));
        let named = if self.is(Broken::UnnamedFinish) {
            let now = self.core.meta.machine().stream_by_key(key);
            now.and_then(StreamState::reshard)
                .and_then(Plan::first_child)
        } else {
            plan.first_child()
        };
        if let Some(first_child) = named
            && (are_open || self.is(Broken::FinishBeforeOpen))
        {
            self.add(Order::Meta(MetaCommand::FinishReshard { key, first_child }));
        }
    }

    fn of_open_parents(
        &mut self,
        stream: &StreamState,
        plan: &Plan,
        parents: &BTreeMap<GroupId, Vec<ShardIndex>>,
        is_local: bool,
    ) {
        let mut before_is_closed = true;
        for (group, shards) in parents {
            if before_is_closed {
                for time_ms in self.times_ms() {
                    let (shards, children) = (shards.clone(), plan.children.clone());
                    let command = if is_local {
                        ShardCommand::CloseAndOpen {
                            shards,
                            time_ms,
                            children,
                        }
                    } else {
                        ShardCommand::Close {
                            shards,
                            time_ms,
                            children,
                        }
                    };
                    self.add(Order::Group(*group, command));
                }
            }
            let mut shards = shards.iter();
            before_is_closed &= shards.all(|it| self.core.closing(*group, *it).is_some());
        }
        if before_is_closed || self.is(Broken::MetadataBeforeFence) {
            let (key, closed) = (stream.key, self.closings(stream, plan));
            self.add(Order::Meta(MetaCommand::ParentsClosed { key, closed }));
        }
        if self.is(Broken::OpenBeforeFence) && !is_local {
            let created_ms = self.times_ms().max().unwrap_or(BEGIN_MS);
            let shard = |child: &ana_state::shard::ChildSpec| ShardSpec {
                shard: child.shard,
                range: child.range,
                created_ms,
                created_s: created_ms / 1000,
            };
            let shards = plan.children.iter().map(shard).collect();
            self.add(Order::Group(plan.group, ShardCommand::Open { shards }));
        }
    }

    /// What the groups answered; a protocol that does not wait for the answers has to guess.
    fn closings(&self, stream: &StreamState, plan: &Plan) -> Vec<ParentClosed> {
        let guess_ms = self.times_ms().max().unwrap_or(BEGIN_MS);
        let closing = |parent: &ShardIndex| {
            let info = stream.shards.get(parent)?;
            let answer = self.core.closing(info.group, *parent);
            Some(match answer {
                Some(at) if self.is(Broken::OwnClosingTime) => parent_closed(&ClosedAt {
                    time_ms: guess_ms + 1000,
                    ..at
                }),
                Some(at) => parent_closed(&at),
                None => ParentClosed {
                    shard: *parent,
                    closed_ms: guess_ms,
                    ending: SequenceNumber::end_of_shard(info.created_s, *parent, guess_ms / 1000),
                    end: Position::START,
                },
            })
        };
        let parents = plan.parents.iter().filter_map(closing);
        if self.is(Broken::OneClosing) {
            parents.take(1).collect()
        } else {
            parents.collect()
        }
    }

    /// `driver::expire_in`. Nobody needs it for anything to be finished.
    fn of_expiry(&mut self, stream: &StreamState) {
        let mut by_group: BTreeMap<GroupId, Vec<ShardIndex>> = BTreeMap::new();
        for info in stream.shards.values().filter(|info| !info.is_open()) {
            by_group.entry(info.group).or_default().push(info.shard);
        }
        if by_group.is_empty() {
            return;
        }
        let (key, shards) = (stream.key, by_group.values().flatten().copied().collect());
        let expire = MetaCommand::ExpireShards { key, shards };
        self.put(Order::Meta(expire), false);
        let now = self.core.meta.machine();
        for (group, shards) in by_group {
            let listed = |shard: &ShardIndex| {
                let stream = now.stream_by_key(key);
                stream.is_some_and(|stream| stream.shards.contains_key(shard))
            };
            if now.group(group).is_some() && !shards.iter().any(listed) {
                self.put(Order::Group(group, ShardCommand::Expire { shards }), false);
            }
        }
    }
}

fn parent_closed(at: &ClosedAt) -> ParentClosed {
    ParentClosed {
        shard: at.shard,
        closed_ms: at.time_ms,
        ending: at.ending,
        end: at.end,
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

fn judge(core: &Core) -> Rules {
    let mut rules = Rules::default();
    let meta = core.meta.machine();
    rules.require(Rule::Sound, meta.is_sound());
    for stream in meta.streams().values() {
        let listed = stream.shards.values().filter(|info| info.is_open());
        rules.require(Rule::Tiles, tile(listed.map(|info| info.range)));
        rules.require(
            Rule::Tiles,
            tile(stream.writable_shards().map(|info| info.range)),
        );
        let open = open_in_groups(core, stream);
        rules.require(Rule::OneOpen, !overlaps(&open));
        if stream.status == StreamStatus::Active && !stream.is_changing() {
            rules.require(
                Rule::Agrees,
                tile(open.iter().copied()) && agrees(core, stream),
            );
        }
    }
    rules
}

/// Ranges of the shards of a stream that are open in its groups.
fn open_in_groups(core: &Core, stream: &StreamState) -> Vec<HashRange> {
    let groups = stream
        .groups
        .iter()
        .filter_map(|group| core.groups.get(group));
    let mut open: Vec<HashRange> = groups
        .flat_map(|at| at.machine().shards())
        .filter(|(_, state)| state.is_open())
        .map(|(_, state)| state.range)
        .collect();
    open.sort_unstable_by_key(|range| range.start);
    open
}

fn agrees(core: &Core, stream: &StreamState) -> bool {
    stream.shards.values().all(|info| {
        let at = core.group(info.group);
        let Some(state) = at.machine().shard(info.shard) else {
            return false;
        };
        let ending = state.closed.as_ref().map(|closed| closed.ending);
        state.range == info.range
            && (state.created_ms, state.created_s) == (info.created_ms, info.created_s)
            && ending == info.closed.map(|closed| closed.ending)
    })
}

fn overlaps(sorted: &[HashRange]) -> bool {
    sorted
        .windows(2)
        .any(|pair| matches!(pair, [below, above] if below.end >= above.start))
}

fn union(ranges: impl Iterator<Item = HashRange>) -> Option<HashRange> {
    let mut sorted: Vec<HashRange> = ranges.collect();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut sorted = sorted.into_iter();
    let first = sorted.next()?;
    sorted.try_fold(first, |union, next| union.merge(&next))
}

/// Whether ranges cover every hash key once.
fn tile(ranges: impl Iterator<Item = HashRange>) -> bool {
    union(ranges) == Some(HashRange::FULL)
}
