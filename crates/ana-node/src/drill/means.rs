//! How a fault is carried out: from an action and its pick to what is asked of whom. Pure.
//!
//! ```text
//!   api.*, disk.*, clock.*, link.*, zone.isolate, zone.slow   leases at nodes (`/_ana/faults`), in stages
//!   node.*, zone.down, disk.power_cut and the like            orders to the supervisor
//!   change.*, zone.shift                                      the API, leader moves, restarts one by one
//! ```
//! Must stay true: what an action needs is known before anything is broken, and an action whose parameters cannot be
//! carried out here is refused then, never carried out a little differently.

mod api;
mod change;
mod link;
mod machine;
mod process;
pub mod real;

use std::collections::BTreeSet;
use std::fmt;

use ana_drill::action::{Action, LinkAction, Reshape, ZoneAction};
use ana_drill::chance::Chance;
use ana_drill::quantity::{Percent, Span};
use ana_drill::topology::ShardName;
use ana_drill::{Pick, Target, Topology};
use ana_types::{NodeId, StreamName, Zone};
use serde_json::{Value, json};

/// How a fault is carried out.
#[derive(Debug, Clone, PartialEq)]
pub enum Means {
    /// Faults that nodes hold on a lease, switched on and off in stages.
    Leases(Leases),
    /// An order to the supervisor, and one that takes it back.
    Process(Process),
    /// Leaders are moved out of zones and kept out.
    Shift {
        /// The zones' nodes.
        nodes: BTreeSet<NodeId>,
    },
    /// A shard is led from somewhere else.
    MoveLeader {
        /// The shard.
        shard: ShardName,
        /// By this node.
        to: NodeId,
    },
    /// A stream gets other shards.
    Reshard {
        /// The streams.
        streams: BTreeSet<StreamName>,
        /// How.
        reshape: Reshape,
    },
    /// Nodes are stopped and started one after another.
    RollingRestart {
        /// In this order.
        nodes: Vec<NodeId>,
        /// The time between two of them.
        pause: Span,
    },
}

/// Faults that nodes hold on a lease.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Leases {
    /// In stages.
    pub stages: Vec<Stage>,
    /// Nodes that are started at the end, because the fault makes them end.
    pub start_after: BTreeSet<NodeId>,
}

/// A part of a fault with its own beginning and end, counted from the moment the fault fires.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// When it begins.
    pub from: Span,
    /// When it ends.
    pub until: Span,
    /// What nodes hold meanwhile.
    pub faults: Vec<Leased>,
}

/// A fault of a node, without its id and its lease.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    /// Who holds it; every node that answers where absent.
    pub on: Option<NodeId>,
    /// What tells it from the other faults of its step.
    pub name: String,
    /// The body.
    pub body: Value,
}

/// The order that turns a bit over in a file of a node.
pub const FLIP_BIT: &str = "flip_bit";
/// The order that garbles the ends of a node's logs.
pub const TEAR_TAIL: &str = "tear_tail";

/// An order to the supervisor.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// The nodes.
    pub nodes: BTreeSet<NodeId>,
    /// What is done to each.
    pub verb: &'static str,
    /// Its parameters, but for the lease.
    pub body: Value,
    /// What takes it back at the end, where it is held by a lease until then; nothing for what is done once.
    pub back: Option<&'static str>,
}

impl Process {
    /// Killed, and held down.
    fn down(nodes: BTreeSet<NodeId>) -> Means {
        Means::Process(Process {
            nodes,
            verb: "down",
            body: json!({}),
            back: Some("start"),
        })
    }
}

/// What a fault needs of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Kinds of faults that nodes must know.
    pub kinds: BTreeSet<&'static str>,
    /// Orders that the supervisor must know.
    pub verbs: BTreeSet<&'static str>,
}

impl Needs {
    fn kind(kind: &'static str) -> Needs {
        Needs {
            kinds: BTreeSet::from([kind]),
            verbs: BTreeSet::new(),
        }
    }

    fn verbs<const N: usize>(verbs: [&'static str; N]) -> Needs {
        Needs {
            kinds: BTreeSet::new(),
            verbs: BTreeSet::from(verbs),
        }
    }

    /// Both.
    pub fn join(&mut self, other: Needs) {
        self.kinds.extend(other.kinds);
        self.verbs.extend(other.verbs);
    }
}

/// Why a fault cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unable {
    /// Nothing on a running cluster does this.
    #[error("{what} cannot be done on a running cluster: {why}")]
    NotOffered {
        /// What.
        what: String,
        /// Why not.
        why: &'static str,
    },
    /// The target became nothing that the action can work on.
    #[error("{action} found nothing to work on: {why}")]
    Nothing {
        /// The action.
        action: &'static str,
        /// Why.
        why: String,
    },
}

fn not_offered(what: impl fmt::Display, why: &'static str) -> Unable {
    Unable::NotOffered {
        what: what.to_string(),
        why,
    }
}

fn nothing(action: &'static str, why: impl Into<String>) -> Unable {
    Unable::Nothing {
        action,
        why: why.into(),
    }
}

/// What an action at a target needs of the cluster.
///
/// # Errors
/// When no cluster can do it.
pub fn needs(action: &Action, on: &Target) -> Result<Needs, Unable> {
    match action {
        Action::Process(action) => Ok(process::needs(*action)),
        Action::Zone(ZoneAction::Down) => Ok(Needs::verbs(["down", "start"])),
        Action::Zone(ZoneAction::Isolate) => Ok(Needs::kind(link::CUT)),
        Action::Zone(ZoneAction::Slow { .. }) => Ok(Needs::kind(link::DELAY)),
        Action::Zone(ZoneAction::Shift) => Ok(Needs::default()),
        Action::Link(action) => link::needs(*action),
        Action::Disk(action) => machine::disk_needs(*action),
        Action::Clock(action) => Ok(machine::clock_needs(*action)),
        Action::Api(action) => api::needs(*action, on),
        Action::Change(action) => change::needs(action),
    }
}

/// What is to be carried out.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The action.
    pub action: &'a Action,
    /// Its target as written.
    pub on: &'a Target,
    /// For how long; nothing for what is done once.
    pub lasts: Span,
}

/// How a task is carried out on what its target turned out to be.
///
/// # Errors
/// When it cannot be.
pub fn means(
    task: Task<'_>,
    pick: &Pick,
    topology: &Topology,
    chance: &mut Chance,
) -> Result<Means, Unable> {
    let Task { action, on, lasts } = task;
    match action {
        Action::Process(each) => Ok(process::means(*each, pick)),
        Action::Zone(each) => zone((action, *each), lasts, pick, topology),
        Action::Link(LinkAction::Swizzle { every }) => {
            link::swizzle((*every, lasts), pick, topology, chance)
        }
        Action::Link(LinkAction::Reset) => {
            let leases = link::leases(LinkAction::Reset, &link::wires(pick))?;
            Ok(once(leases))
        }
        Action::Link(each) => Ok(whole(lasts, link::leases(*each, &link::wires(pick))?)),
        Action::Disk(each) => machine::disk(*each, lasts, pick, chance),
        Action::Clock(each) => Ok(whole(lasts, machine::clock(*each, pick))),
        Action::Api(each) => api::means(*each, lasts, pick),
        Action::Change(each) => change::means((each, on), pick, topology, chance),
    }
}

/// One stage from beginning to end.
fn whole(lasts: Span, faults: Vec<Leased>) -> Means {
    staged(vec![Stage {
        from: Span::ZERO,
        until: lasts,
        faults,
    }])
}

/// What is done once is held for a moment, so that everything that is there meets it.
fn once(faults: Vec<Leased>) -> Means {
    whole(ONCE, faults)
}

const ONCE: Span = Span::from_millis(500);

fn staged(stages: Vec<Stage>) -> Means {
    Means::Leases(Leases {
        stages,
        start_after: BTreeSet::new(),
    })
}

fn zone(
    (action, each): (&Action, ZoneAction),
    lasts: Span,
    pick: &Pick,
    topology: &Topology,
) -> Result<Means, Unable> {
    let inside = pick.nodes();
    match each {
        ZoneAction::Down => return Ok(Process::down(inside)),
        ZoneAction::Shift => return Ok(Means::Shift { nodes: inside }),
        ZoneAction::Isolate | ZoneAction::Slow { .. } => {}
    }
    let wires = link::around(&zones_of(&inside, topology), topology);
    if wires.is_empty() {
        let name = action.spec().name;
        return Err(nothing(name, "there is no node in another zone"));
    }
    let leases = match each {
        ZoneAction::Slow { delay, jitter } => {
            link::leases(LinkAction::Delay { delay, jitter }, &wires)?
        }
        _ => link::leases(LinkAction::Drop, &wires)?,
    };
    Ok(whole(lasts, leases))
}

/// The nodes zone by zone.
fn zones_of(nodes: &BTreeSet<NodeId>, topology: &Topology) -> Vec<BTreeSet<NodeId>> {
    let zones: BTreeSet<&Zone> = nodes
        .iter()
        .filter_map(|node| topology.nodes.get(node))
        .collect();
    zones
        .into_iter()
        .map(|zone| topology.nodes_of(zone))
        .collect()
}

/// A share in the whole percents that nodes draw by.
fn whole_percent(percent: Percent) -> Result<u64, Unable> {
    let thousandths = u64::from(percent.thousandths());
    if thousandths % 1000 == 0 {
        return Ok(thousandths / 1000);
    }
    Err(not_offered(
        format!("a share of {percent}"),
        "nodes draw in whole percents; write 1% or more, without a fraction",
    ))
}

/// Milliseconds, rounded up so that nothing becomes nothing.
fn ms(span: Span) -> u64 {
    span.micros().div_ceil(1000)
}

#[cfg(test)]
mod means_test;
