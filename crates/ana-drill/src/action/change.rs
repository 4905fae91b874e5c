//! Changes that an operator makes on a healthy day, made while faults are on.

use super::TargetKind::{Nodes, Requests, Zones};
use super::{Harm, Revert, Spec, given, optional};
use crate::error::{DrillError, Fault};
use crate::fields::{Fields, within_u32};
use crate::quantity::Span;
use ana_types::Zone;
use ana_types::limits::SHARDS_PER_STREAM_MAX;

/// A change of the cluster or a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeAction {
    /// Shards are split or merged.
    Reshard(Reshape),
    /// A node joins the zone.
    AddNode,
    /// A node leaves for good, its replicas moved away first.
    RemoveNode,
    /// Nodes are restarted in order, each when the one before it is well again.
    RollingRestart {
        /// The time between two of them, beyond being well again.
        pause: Option<Span>,
    },
    /// A shard is led from somewhere else.
    MoveLeader {
        /// The zone to lead from; where absent, another voter of the seed's choice.
        to: Option<Zone>,
    },
}

/// How shards change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reshape {
    /// To so many, of equal ranges.
    Shards(u32),
    /// Every open shard so many times in halves.
    Split(u32),
    /// Neighbours joined, so many times over.
    Merge(u32),
}

/// Halvings of one change: 2^10 shards of one is beyond what any cluster of a drill carries.
const ROUNDS_MAX: u32 = 10;

const RESHAPES: &[&str] = &["shards", "split", "merge"];

static RESHARD: Spec = Spec {
    name: "change.reshard",
    about: "splits or merges the stream's shards; exactly one of the three says how",
    parameters: &[
        optional("shards", "4", "to so many"),
        optional("split", "1", "each in halves, so many times"),
        optional("merge", "1", "neighbours joined, so many times"),
    ],
    takes: &[Requests],
    revert: Revert::Stays,
    harm: Harm::Nothing,
};
static ADD_NODE: Spec = Spec {
    name: "change.add_node",
    about: "adds a node to the zone",
    parameters: &[],
    takes: &[Zones],
    revert: Revert::Stays,
    harm: Harm::Nothing,
};
static REMOVE_NODE: Spec = Spec {
    name: "change.remove_node",
    about: "moves the node's replicas away and removes it",
    parameters: &[],
    takes: &[Nodes],
    revert: Revert::Stays,
    harm: Harm::OneNodeAtATime,
};
static ROLLING_RESTART: Spec = Spec {
    name: "change.rolling_restart",
    about: "restarts nodes one after another, each when the one before is well again",
    parameters: &[optional(
        "pause",
        "5s",
        "the time between two of them; none",
    )],
    takes: &[Nodes, Zones],
    revert: Revert::Done,
    harm: Harm::OneNodeAtATime,
};
static MOVE_LEADER: Spec = Spec {
    name: "change.move_leader",
    about: "lets another node lead the shard",
    parameters: &[optional(
        "to",
        "c",
        "the zone to lead from; the seed's choice",
    )],
    takes: &[Nodes],
    revert: Revert::Stays,
    harm: Harm::Nothing,
};

pub(super) static SPECS: &[&Spec] = &[
    &RESHARD,
    &ADD_NODE,
    &REMOVE_NODE,
    &ROLLING_RESTART,
    &MOVE_LEADER,
];

pub(super) fn read(name: &str, fields: &mut Fields) -> Result<Option<ChangeAction>, DrillError> {
    Ok(Some(match name {
        "change.reshard" => ChangeAction::Reshard(reshape(fields)?),
        "change.add_node" => ChangeAction::AddNode,
        "change.remove_node" => ChangeAction::RemoveNode,
        "change.rolling_restart" => ChangeAction::RollingRestart {
            pause: fields.optional("pause")?,
        },
        "change.move_leader" => ChangeAction::MoveLeader {
            to: fields.optional("to")?,
        },
        _ => return Ok(None),
    }))
}

fn reshape(fields: &mut Fields) -> Result<Reshape, DrillError> {
    let shards: Option<u64> = fields.optional("shards")?;
    let split: Option<u64> = fields.optional("split")?;
    let merge: Option<u64> = fields.optional("merge")?;
    let read = match (shards, split, merge) {
        (Some(shards), None, None) => {
            within_u32("shards", shards, 1, SHARDS_PER_STREAM_MAX).map(Reshape::Shards)
        }
        (None, Some(rounds), None) => {
            within_u32("split", rounds, 1, ROUNDS_MAX).map(Reshape::Split)
        }
        (None, None, Some(rounds)) => {
            within_u32("merge", rounds, 1, ROUNDS_MAX).map(Reshape::Merge)
        }
        (None, None, None) => return Err(fields.at_least_one(RESHAPES)),
        _ => Err(Fault::ExactlyOne(RESHAPES)),
    };
    read.map_err(|fault| fault.at(fields.place()))
}

impl ChangeAction {
    pub(super) fn spec(&self) -> &'static Spec {
        match self {
            ChangeAction::Reshard(_) => &RESHARD,
            ChangeAction::AddNode => &ADD_NODE,
            ChangeAction::RemoveNode => &REMOVE_NODE,
            ChangeAction::RollingRestart { .. } => &ROLLING_RESTART,
            ChangeAction::MoveLeader { .. } => &MOVE_LEADER,
        }
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        match self {
            ChangeAction::AddNode | ChangeAction::RemoveNode => {}
            ChangeAction::Reshard(Reshape::Shards(shards)) => {
                given(&mut all, "shards", Some(shards));
            }
            ChangeAction::Reshard(Reshape::Split(rounds)) => given(&mut all, "split", Some(rounds)),
            ChangeAction::Reshard(Reshape::Merge(rounds)) => given(&mut all, "merge", Some(rounds)),
            ChangeAction::RollingRestart { pause } => given(&mut all, "pause", *pause),
            ChangeAction::MoveLeader { to } => given(&mut all, "to", to.as_ref()),
        }
        all
    }
}
