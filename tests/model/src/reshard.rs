//! Splits, merges, resizes and deletion, with the puts and the reader that race with them.
//!
//! ```text
//!   clients ── Ask ──► metadata log ◄── orders of drivers ──► logs of the data groups ◄── puts
//!                        │ each node applies it when it does                      │
//!                        └──► routes of puts, ends told to readers                └──► reads
//! ```
//!
//! A driver is not a process here but a right: at any time any order may be committed that some driver could have sent,
//! given what it may have seen at any earlier moment ([`core`]). That covers drivers that stall, die after any step,
//! believe to lead when they do not, are two or more, and messages that arrive late or again.
//!
//! What must stay true: nothing here decides what a command does; that is `ana-state`'s. Committed logs are linear (Raft
//! is assumed; [`crate::repair`] looks at the part of it that is ours).

pub mod clients;
pub mod core;
pub mod rules;
pub mod scopes;

use self::clients::{Put, Reader};
use self::core::{Core, Effect, Joint};
use self::rules::Rules;
use crate::explore::Ends;
use crate::log::{At, Machines};
use crate::setup::{self, Ask, NODES};
use ana_state::{Metadata, ShardSet};
use ana_types::{GroupId, HashKey, ShardIndex};
use stateright::{Model, Property};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Where a reader reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// At the leader of the shard's group, as GetRecords does.
    Leader,
    /// At the replica of its own node, as subscriptions do.
    Replica,
}

/// How a protocol is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Not at all.
    Nothing,
    /// Children in another group are opened before the parents are closed.
    OpenBeforeFence,
    /// The metadata is told that parents are closed before they are.
    MetadataBeforeFence,
    /// A reshard is finished before its children are open.
    FinishBeforeOpen,
    /// A driver tells the metadata its own time of closing, not the one that the group answered.
    OwnClosingTime,
    /// A driver tells the closing of the first parent only.
    OneClosing,
    /// FinishReshard does not say which reshard it means.
    UnnamedFinish,
    /// A stream is removed before its groups have closed every shard.
    UnsealedDelete,
    /// What a client asked may be given to the metadata a second time.
    ClientsRepeat,
    /// A put is acknowledged when its entry is committed, whatever the machine said to it.
    AckUnheard,
    /// The end of a shard is told as soon as its group says so.
    EndByGroupAlone,
    /// A shard that a node does not list is taken for one that has expired, though the node may only be behind.
    EndOfUnlisted,
    /// The end of a shard is told when the metadata says that it is closed and the replica has no more.
    EndByMetadataAlone,
}

/// What a search looks at.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Its name.
    pub name: &'static str,
    /// What was asked, and carried out, before it begins.
    pub before: &'static [Ask],
    /// What is asked while it lasts, in this order.
    pub asks: &'static [Ask],
    /// Puts: at which node, under which key.
    pub puts: &'static [(usize, HashKey)],
    /// The nodes that a reader asks, and where they read; no reader without nodes.
    pub reads: (&'static [usize], Source),
    /// What the clocks of drivers show when they close shards, milliseconds after the beginning.
    pub clocks_ms: &'static [u64],
    /// Whether closed shards expire.
    pub expires: bool,
    /// How the protocol is broken.
    pub broken: Broken,
}

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// What is committed.
    pub core: Core,
    /// What each node has applied of the metadata.
    pub seen: [At<Metadata>; NODES],
    /// What the reader's own node has applied of the groups, when it reads there.
    pub replica: BTreeMap<GroupId, At<ShardSet>>,
    /// The puts.
    pub puts: Vec<Put>,
    /// The reader.
    pub reader: Option<Reader>,
    /// How many of the asks were accepted.
    pub asked: usize,
    /// Rules that were broken on the way.
    pub rules: Rules,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The next ask is committed.
    Ask(Ask),
    /// Some driver's order is committed.
    Order(core::Order),
    /// A node applies the next entry of the metadata.
    Apply(usize),
    /// The reader's node applies the next entry of a group.
    Follow(GroupId),
    /// A node routes a put, or routes it anew.
    Route(usize),
    /// A put arrives at the leader of its group and is committed.
    Commit(usize),
    /// The reader reads a shard by way of a node.
    Read(ShardIndex, usize),
}

/// An event, and what it makes of the world.
pub type Step = crate::explore::Step<Event, World>;

/// The model.
#[derive(Debug)]
pub struct Reshard {
    pub(crate) scope: Scope,
    pub(crate) meta: Machines<Metadata>,
    pub(crate) shards: Machines<ShardSet>,
    joints: Mutex<BTreeMap<u64, Arc<Joint>>>,
    alone: Mutex<BTreeMap<u64, Option<Core>>>,
    ends: Ends,
}

impl Reshard {
    /// A model of that scope.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        let all = scope.broken == Broken::ClientsRepeat;
        Self {
            meta: Machines::new(if all { |_| true } else { |_| false }),
            shards: Machines::new(|_| false),
            scope,
            joints: Mutex::default(),
            alone: Mutex::default(),
            ends: Ends::default(),
        }
    }

    /// What can happen to what is committed, looked up.
    pub(crate) fn joint(&self, core: &Core) -> Arc<Joint> {
        let key = crate::log::digest_of(core);
        let lock = || self.joints.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&key).map(Arc::clone);
        known.unwrap_or_else(|| {
            let joint = Arc::new(core::look(self, core));
            lock().insert(key, Arc::clone(&joint));
            joint
        })
    }

    /// What a driver that is left alone makes of what is committed; none when it never comes to an end.
    pub(crate) fn driven_alone(&self, core: &Core) -> Option<Core> {
        let key = crate::log::digest_of(core);
        let lock = || self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&key).cloned();
        known.unwrap_or_else(|| {
            let end = core::drive(self, core);
            lock().insert(key, end.clone());
            end
        })
    }

    fn ask(&self, world: &World) -> Option<Step> {
        let ask = *self.scope.asks.get(world.asked)?;
        let command = setup::command(ask, world.core.meta.machine());
        let step = self.meta.apply(&world.core.meta, &command);
        if step.at == world.core.meta {
            // Refused for now, as clients are while a stream is UPDATING.
            return None;
        }
        let mut next = world.clone();
        next.core.meta = step.at.clone();
        next.asked += 1;
        next.rules.note_step(&step);
        next.rules.add(self.joint(&next.core).rules);
        Some(Step::new(Event::Ask(ask), next))
    }

    fn order(&self, world: &World, effect: &Effect) -> Step {
        let mut next = world.clone();
        next.core = effect.core.clone();
        next.rules.add(effect.rules);
        next.rules.add(self.joint(&next.core).rules);
        Step::new(Event::Order(effect.order.clone()), next)
    }

    /// Nodes that nobody asks are left out.
    fn applies(&self, world: &World) -> impl Iterator<Item = Step> {
        let is_asked = |node: usize| {
            let mut puts = self.scope.puts.iter().map(|(node, _)| node);
            puts.any(|it| *it == node) || self.scope.reads.0.contains(&node)
        };
        world
            .seen
            .iter()
            .enumerate()
            .filter_map(move |(node, seen)| {
                let at = is_asked(node)
                    .then_some(seen)?
                    .next_towards(&world.core.meta)?;
                let mut next = world.clone();
                *next.seen.get_mut(node)? = at;
                Some(Step::new(Event::Apply(node), next))
            })
    }
}

impl Model for Reshard {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![self.begin()]
    }

    fn actions(&self, state: &World, actions: &mut Vec<Step>) {
        actions.extend(self.ask(state));
        let joint = self.joint(&state.core);
        actions.extend(joint.effects.iter().map(|effect| self.order(state, effect)));
        actions.extend(self.applies(state));
        for put in 0..state.puts.len() {
            actions.extend(self.route(state, put));
            actions.extend(self.commit(state, put));
        }
        actions.extend(self.reads(state));
    }

    fn next_state(&self, _last_state: &World, action: Step) -> Option<World> {
        Some(action.next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        rules::properties()
    }
}
