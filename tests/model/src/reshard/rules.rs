//! What must never happen, each rule with a name and a bit.
//!
//! Rules about a step are noted in the state that the step leads to, so that the search finds the shortest way there.

use super::{Reshard, World};
use crate::log::{Machine, Step};
use stateright::Property;

/// From every state, what was begun comes to its end when nothing else goes wrong.
pub const FINISHES: &str = "what was begun can always be finished";

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// In every version of the metadata, listed and writable shards tile the hash keys.
    Tiles,
    /// No key has two open shards in the groups of a stream.
    OneOpen,
    /// When nothing is under way, metadata and groups say the same of every shard.
    Agrees,
    /// No record of a child is acknowledged before its parents are closed in their groups.
    Fenced,
    /// No record is acknowledged by a shard that is closed.
    Closed,
    /// No record is acknowledged for a stream that is gone.
    Gone,
    /// The end of a shard is not told before every acknowledged record of it was read.
    EndEarly,
    /// A shard that a reader was told of is there.
    ChildThere,
    /// No record is read twice.
    ReadOnce,
    /// Whatever the cluster may repeat changes nothing when it is repeated, at any later time.
    Repeats,
    /// The machines' own invariants hold.
    Sound,
}

/// All of them.
pub const RULES: [Rule; 11] = [
    Rule::Tiles,
    Rule::OneOpen,
    Rule::Agrees,
    Rule::Fenced,
    Rule::Closed,
    Rule::Gone,
    Rule::EndEarly,
    Rule::ChildThere,
    Rule::ReadOnce,
    Rule::Repeats,
    Rule::Sound,
];

impl Rule {
    /// The name of its property.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiles => "the ranges of shards tile the hash keys at every moment",
            Self::OneOpen => "no hash key has two open shards",
            Self::Agrees => "metadata and groups agree on every shard when nothing is under way",
            Self::Fenced => "a child acknowledges nothing before its parents are closed",
            Self::Closed => "a closed shard acknowledges nothing",
            Self::Gone => "a stream that is gone acknowledges nothing",
            Self::EndEarly => "the end of a shard is told after its last acknowledged record",
            Self::ChildThere => "a shard that a reader was told of is there",
            Self::ReadOnce => "no record is read twice",
            Self::Repeats => "what may be repeated changes nothing when it is",
            Self::Sound => "the invariants of the machines hold",
        }
    }

    fn bit(self) -> u16 {
        RULES
            .iter()
            .zip(0..)
            .find(|(rule, _)| **rule == self)
            .map_or(0, |(_, at): (_, u32)| 1 << at)
    }
}

macro_rules! never_broken {
    ($($rule:ident),*) => {
        vec![$(Property::always(Rule::$rule.name(), |_: &Reshard, world: &World| {
            !world.rules.has(Rule::$rule)
        })),*]
    };
}

pub(super) fn properties() -> Vec<Property<Reshard>> {
    let mut properties = never_broken![
        Tiles, OneOpen, Agrees, Fenced, Closed, Gone, EndEarly, ChildThere, ReadOnce, Repeats,
        Sound
    ];
    properties.push(Property::always(FINISHES, Reshard::finishes));
    properties
}

/// Rules that were broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rules(u16);

impl Rules {
    /// Whether this one was.
    #[must_use]
    pub fn has(self, rule: Rule) -> bool {
        self.0 & rule.bit() != 0
    }

    /// Notes that a rule was broken, unless it holds.
    pub fn require(&mut self, rule: Rule, holds: bool) {
        if !holds {
            self.0 |= rule.bit();
        }
    }

    /// Notes what others noted.
    pub fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// Notes what an entry did to its log.
    pub fn note_step<M: Machine>(&mut self, step: &Step<M>) {
        self.require(Rule::Repeats, step.repeats_change_nothing);
        self.require(Rule::Sound, step.is_sound);
    }
}
