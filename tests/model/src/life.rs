//! The life of data groups on three nodes: opened, founded, written, deleted, by nodes that lag, restart and lose power.
//!
//! [`crate::reshard`] takes for granted that a group is there as long as the metadata has it. Here each node holds, or
//! does not hold, a replica, and does with it what `ana-router/src/reconcile.rs` does by the metadata *it* has applied:
//!
//! ```text
//!   none ──open──► empty ──found, or catch up──► a log ──delete──► none
//!    ▲ a restart keeps replicas, and takes the node's metadata back to where a checkpoint was
//! ```
//! A group commits with any two of its three replicas: the longer log of the two counts, as in an election, and both hold
//! the new entry afterwards. So what Raft promises is not assumed here but comes out, or does not, once replicas vanish.
//!
//! What must stay true: a node knows the metadata it has applied and nothing else, unless it asked (`ask`).

mod steps;

use crate::explore::Ends;
use crate::log::At;
use crate::reshard::core::{Core, Sealing};
use crate::reshard::scopes;
use crate::reshard::{Broken as Protocol, Reshard, Scope};
use crate::setup::{Ask, LOW, NODES};
use ana_state::{Metadata, ShardSet};
use ana_types::{GroupId, ShardIndex, StreamKey};
use stateright::{Model, Property};
use std::collections::{BTreeMap, BTreeSet};

/// How the life of groups is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Not at all.
    Nothing,
    /// A replica that is not there is made by whatever metadata the node has, however old.
    OpenUnasked,
    /// A replica is deleted when the node does not find its group.
    DeleteUnknown,
    /// A replica is deleted as soon as its stream is being deleted.
    DeleteEarly,
    /// A deletion that power cuts short leaves a part of the log where it can be opened.
    TornDelete,
    /// A stream is removed before its groups have closed every shard.
    UnsealedDelete,
    /// Once nodes have restarted, nobody looks for replicas of deleted groups any more.
    ForgetsAtRestart,
}

/// What a search looks at.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Its name.
    pub name: &'static str,
    /// What was asked, and carried out, before it begins.
    pub before: &'static [Ask],
    /// What is asked while it lasts.
    pub asks: &'static [Ask],
    /// Whether closed shards expire.
    pub expires: bool,
    /// How often a node restarts, all together.
    pub restarts: u8,
    /// How it is broken.
    pub broken: Broken,
}

/// A stream is made and deleted.
pub const DELETION: Bounds = Bounds {
    name: "a stream is made and deleted",
    before: &[],
    asks: &[Ask::Create(1), Ask::Delete],
    expires: false,
    restarts: 2,
    broken: Broken::Nothing,
};

/// A group loses its last shard, and is deleted while its stream goes on.
pub const EXPIRY: Bounds = Bounds {
    name: "a group loses its last shard",
    before: &[Ask::Create(2), Ask::Merge(0, 1)],
    asks: &[],
    expires: true,
    ..DELETION
};

/// What must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A replica is deleted only when the committed metadata says that its group is.
    Needed,
    /// A group is founded once.
    Once,
    /// What a group commits continues what it has committed.
    Continues,
    /// No record is acknowledged for a stream, or by a shard, that is gone.
    Gone,
    /// The machines' own invariants hold.
    Sound,
}

const RULES: [Rule; 5] = [
    Rule::Needed,
    Rule::Once,
    Rule::Continues,
    Rule::Gone,
    Rule::Sound,
];

impl Rule {
    /// The name of its property.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Needed => "a replica is deleted only when the metadata says so",
            Self::Once => "a group is founded once, and never comes back",
            Self::Continues => "what a group commits continues what it has committed",
            Self::Gone => "what is gone acknowledges nothing",
            Self::Sound => "the invariants of the machines hold",
        }
    }

    fn bit(self) -> u8 {
        RULES
            .iter()
            .zip(0..)
            .find(|(rule, _)| **rule == self)
            .map_or(0, |(_, at): (_, u32)| 1 << at)
    }
}

/// From every state, the nodes come to hold exactly the replicas that the metadata wants, without further restarts.
pub const SETTLES: &str = "the nodes come to hold what the metadata wants";

/// Rules that were broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rules(u8);

impl Rules {
    fn has(self, rule: Rule) -> bool {
        self.0 & rule.bit() != 0
    }

    fn require(&mut self, rule: Rule, holds: bool) {
        if !holds {
            self.0 |= rule.bit();
        }
    }
}

/// One put: it may lie in the network for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Put {
    Unsent,
    Sent {
        stream: StreamKey,
        shard: ShardIndex,
        group: GroupId,
    },
    Done,
}

/// What a node has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// The metadata it has applied.
    seen: At<Metadata>,
    /// Since it started, it has asked what the metadata is and has applied that.
    is_current: bool,
    /// Its replicas.
    replicas: BTreeMap<GroupId, At<ShardSet>>,
}

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    meta: At<Metadata>,
    /// What each group has committed.
    committed: BTreeMap<GroupId, At<ShardSet>>,
    sealing: BTreeMap<GroupId, Sealing>,
    nodes: [Node; NODES],
    founded: BTreeSet<GroupId>,
    put: Put,
    asked: usize,
    restarts: u8,
    rules: Rules,
}

/// Two of the three nodes.
pub type Pair = [usize; 2];

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The next ask is committed.
    Ask(Ask),
    /// Some driver's order is committed; in a data group by these two.
    Order(crate::reshard::core::Order, Option<Pair>),
    /// A node applies the next entry of the metadata.
    Apply(usize),
    /// A node asks for the metadata as of now, and applies it.
    Barrier(usize),
    /// A node makes an empty replica.
    Open(usize, GroupId),
    /// Two empty replicas found a group.
    Found(GroupId, Pair),
    /// A replica is brought to what another one has.
    CatchUp(usize, GroupId),
    /// A node deletes a replica.
    Delete(usize, GroupId),
    /// Power fails while a node deletes a replica: so many entries stay.
    Torn(usize, GroupId, u64),
    /// A node restarts, with its metadata as of so many entries.
    Restart(usize, u64),
    /// A node routes the put.
    Route(usize),
    /// The put is committed by these two.
    Put(Pair),
}

/// An event, and what it makes of the world.
pub type Step = crate::explore::Step<Event, World>;

/// The model.
#[derive(Debug)]
pub struct Life {
    bounds: Bounds,
    /// Knows what orders there are.
    drivers: Reshard,
    ends: Ends,
}

impl Life {
    /// A model within those bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let broken = if bounds.broken == Broken::UnsealedDelete {
            Protocol::UnsealedDelete
        } else {
            Protocol::Nothing
        };
        let drivers = Reshard::new(Scope {
            before: bounds.before,
            asks: bounds.asks,
            puts: &[(0, LOW)],
            clocks_ms: &[3_500],
            expires: bounds.expires,
            broken,
            ..scopes::EARLY_DELETE
        });
        Self {
            bounds,
            drivers,
            ends: Ends::default(),
        }
    }
}

impl World {
    fn core(&self) -> Core {
        Core {
            meta: self.meta.clone(),
            groups: self.committed.clone(),
            sealing: self.sealing.clone(),
        }
    }
}

macro_rules! never_broken {
    ($($rule:ident),*) => {
        vec![$(Property::always(Rule::$rule.name(), |_: &Life, world: &World| {
            !world.rules.has(Rule::$rule)
        })),*]
    };
}

impl Model for Life {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![self.begin()]
    }

    fn actions(&self, state: &World, actions: &mut Vec<Step>) {
        self.committed_steps(state, actions);
        self.node_steps(state, actions);
    }

    fn next_state(&self, _last_state: &World, action: Step) -> Option<World> {
        Some(action.next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = never_broken![Needed, Once, Continues, Gone, Sound];
        properties.push(Property::always(SETTLES, Self::settles));
        properties
    }
}
