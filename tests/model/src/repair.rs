//! Eviction and readmission of a damaged replica, on a Raft that is small enough to be searched whole.
//!
//! ```text
//!   sound ──damage──► corrupt ──evicted, empties itself──► rejoining (learner) ──voter again, as it has applied──► sound
//! ```
//! The steps are those of `ana-raft/src/repair.rs` and `members.rs`, members change as openraft changes them: to a joint
//! configuration that needs both majorities, then to the new one. Elections are one step: the candidate and those who vote
//! for it at that moment. A leader remembers what was confirmed to it, also by a replica that has lost it since: that is
//! what makes a damaged replica dangerous.
//!
//! What must stay true: a configuration counts from the moment it stands in a log, not from its commit.

mod raft;

use crate::explore::Ends;
use stateright::{Model, Property};

/// Replicas of the group.
pub const NODES: usize = 3;

/// A set of nodes, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Set(u8);

impl Set {
    pub(crate) const ALL: Self = Self(0b111);

    pub(crate) fn of(node: usize) -> Self {
        Self(1 << node)
    }

    pub(crate) fn has(self, node: usize) -> bool {
        self.0 & (1 << node) != 0
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, node: usize) -> Self {
        Self(self.0 & !(1 << node))
    }

    fn is_majority_of(self, voters: Self) -> bool {
        2 * (self.0 & voters.0).count_ones() > voters.0.count_ones()
    }
}

/// Who is in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Config {
    pub(crate) voters: Set,
    /// While voters change: those who come. Both sets have to agree.
    pub(crate) next: Option<Set>,
    pub(crate) learners: Set,
}

impl Config {
    pub(crate) fn agrees(self, who: Set) -> bool {
        who.is_majority_of(self.voters) && self.next.is_none_or(|next| who.is_majority_of(next))
    }

    pub(crate) fn is_voter(self, node: usize) -> bool {
        self.voters.has(node) || self.next.is_some_and(|next| next.has(node))
    }

    pub(crate) fn is_member(self, node: usize) -> bool {
        self.is_voter(node) || self.learners.has(node)
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Config(Config),
    Data,
    /// The first of a leader.
    Blank,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) term: u8,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Health {
    Sound,
    /// Its log cannot be read: it does nothing.
    Corrupt,
    /// It is empty, or was; closed to elections until it has applied, behind this entry, that it is a voter.
    Rejoining {
        evicted: usize,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) health: Health,
    /// The newest term it has voted in or heard of.
    pub(crate) term: u8,
    pub(crate) log: Vec<Entry>,
    pub(crate) committed: usize,
    /// Of a leader: how many entries each node has confirmed to it.
    pub(crate) confirmed: Option<[usize; NODES]>,
}

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub(crate) nodes: [Node; NODES],
    /// Everything that was ever committed.
    pub(crate) committed: Vec<Entry>,
    pub(crate) data: u8,
    pub(crate) damages: u8,
    pub(crate) has_conflict: bool,
    pub(crate) has_lost: bool,
}

/// How a repair is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Not at all.
    Nothing,
    /// A damaged replica empties itself and votes on, without being evicted.
    SelfEmptied,
    /// A damaged replica empties itself without being evicted, and keeps out of elections until it is a voter, which it
    /// has never ceased to be.
    NotEvicted,
    /// It empties itself as soon as its eviction stands in the leader's log, and votes at once.
    EvictionNotCommitted,
    /// A learner that has caught up is not made a voter.
    NeverPromoted,
}

/// What a search looks at.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Elections reach this term; the first leader has term 1.
    pub terms_max: u8,
    /// Records that are written.
    pub data_max: u8,
    /// Replicas that are damaged, one after the other or at once.
    pub damages_max: u8,
    /// How it is broken.
    pub broken: Broken,
}

/// The model.
#[derive(Debug)]
pub struct Repair {
    bounds: Bounds,
    ends: Ends,
}

impl Repair {
    /// A model within those bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ends: Ends::default(),
        }
    }
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A leader takes a record.
    Write(usize),
    /// A follower stores what the leader has, and confirms it.
    Replicate(usize, usize),
    /// A leader finds its log committed so far.
    Commit(usize, usize),
    /// A node is elected by itself and those, for this term.
    Elect(usize, Set, u8),
    /// A log is damaged.
    Damage(usize),
    /// A leader takes the next step to remove a node.
    Evict(usize, usize),
    /// A damaged node is told by a leader that it is out, and starts empty.
    Discard(usize, usize),
    /// A leader takes the next step to take a node back.
    Readmit(usize, usize),
    /// A node has applied that it is a voter again.
    VoterAgain(usize),
}

/// An event, and what it makes of the world.
pub type Step = crate::explore::Step<Event, World>;

/// The properties.
pub const ONE_ENTRY: &str = "no two entries are committed at one index";
/// See [`ONE_ENTRY`].
pub const KEPT: &str = "every new leader has every committed entry";
/// See [`ONE_ENTRY`].
pub const ONE_LEADER: &str = "a term has one leader";
/// See [`ONE_ENTRY`].
pub const RETURNS: &str = "a damaged replica becomes a voter again";

impl Model for Repair {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::begin()]
    }

    fn actions(&self, state: &World, actions: &mut Vec<Step>) {
        self.steps(state, true, actions);
    }

    fn next_state(&self, _last_state: &World, action: Step) -> Option<World> {
        Some(action.next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_ENTRY, |_, world: &World| !world.has_conflict),
            Property::always(KEPT, |_, world: &World| !world.has_lost),
            Property::always(ONE_LEADER, |_, world: &World| world.has_one_leader_a_term()),
            Property::always(RETURNS, Self::returns),
        ]
    }
}
