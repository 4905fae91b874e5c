//! What a step does: one enum, a family in each file below.
//!
//! Must stay true: each action has exactly one `Spec`, which says its name in a file, its parameters, how it
//! reverts and what it harms; an action's parameters print as texts that are read back as the same action.

mod process;
mod zone;
mod link;
mod disk;
mod clock;
mod api;
mod change;

pub use api::{ApiAction, ApiError};
pub use change::{ChangeAction, Reshape};
pub use clock::ClockAction;
pub use disk::{DiskAction, DiskFile};
pub use link::LinkAction;
pub use process::ProcessAction;
pub use zone::ZoneAction;

use crate::error::{DrillError, Fault};
use crate::fields::Fields;
use crate::near::nearest;
use crate::operation::Operation;
use crate::targets::{Nodes, Target};
use std::fmt;

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// To the program of a node.
    Process(ProcessAction),
    /// To everything in a zone.
    Zone(ZoneAction),
    /// To messages between nodes.
    Link(LinkAction),
    /// To what a node writes and reads.
    Disk(DiskAction),
    /// To what a node takes for the time.
    Clock(ClockAction),
    /// To answers to clients.
    Api(ApiAction),
    /// A change that an operator makes, under fire.
    Change(ChangeAction),
}

/// Everything about an action that does not depend on its parameters.
#[derive(Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name in a file.
    pub name: &'static str,
    /// One sentence for a list of actions.
    pub about: &'static str,
    /// Its parameters.
    pub parameters: &'static [Parameter],
    /// What it can be aimed at.
    pub takes: &'static [TargetKind],
    /// How it ends.
    pub revert: Revert,
    /// What it harms.
    pub harm: Harm,
}

/// A parameter of an action.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its key in a file.
    pub key: &'static str,
    /// One sentence for a list of actions, with the default where there is one.
    pub about: &'static str,
    /// A value, as it stands in a file.
    pub like: &'static str,
    /// Whether it must be there.
    pub required: bool,
}

/// What kind of thing a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// Whole zones.
    Zones,
    /// Nodes.
    Nodes,
    /// The network between nodes.
    Link,
    /// Requests of clients.
    Requests,
}

/// How an action ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revert {
    /// It lasts for its time, then the supervisor starts the node again.
    Started,
    /// It lasts for its time, then the process goes on where it stood.
    Continued,
    /// It lasts for its time, then the node that carries the fault drops it by itself.
    Dropped,
    /// It is done once; the cluster repairs it by its own means.
    Repaired,
    /// It is done once and is over when it is done.
    Done,
    /// It is done once and stays as the cluster's new shape.
    Stays,
}

/// What an action harms while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Replicas in every zone that the target reaches.
    Replicas,
    /// Replicas, one node after another.
    OneNodeAtATime,
    /// Requests of clients alone.
    Requests,
    /// Nothing: the cluster must take it in its stride.
    Nothing,
}

impl Revert {
    /// Whether the action lasts for a time and needs `for`.
    pub fn lasts(self) -> bool {
        match self {
            Revert::Started | Revert::Continued | Revert::Dropped => true,
            Revert::Repaired | Revert::Done | Revert::Stays => false,
        }
    }
}

impl Action {
    /// The specs of all actions, family by family.
    pub fn specs() -> Vec<&'static Spec> {
        let families = [
            process::SPECS,
            zone::SPECS,
            link::SPECS,
            disk::SPECS,
            clock::SPECS,
            api::SPECS,
            change::SPECS,
        ];
        families.into_iter().flatten().copied().collect()
    }

    /// Reads the action `name` with its parameters from the fields of a step.
    pub(crate) fn read(name: &str, fields: &mut Fields) -> Result<Action, DrillError> {
        if let Some(action) = process::read(name) {
            return Ok(Action::Process(action));
        }
        if let Some(action) = zone::read(name, fields)? {
            return Ok(Action::Zone(action));
        }
        if let Some(action) = link::read(name, fields)? {
            return Ok(Action::Link(action));
        }
        if let Some(action) = disk::read(name, fields)? {
            return Ok(Action::Disk(action));
        }
        if let Some(action) = clock::read(name, fields)? {
            return Ok(Action::Clock(action));
        }
        if let Some(action) = api::read(name, fields)? {
            return Ok(Action::Api(action));
        }
        if let Some(action) = change::read(name, fields)? {
            return Ok(Action::Change(action));
        }
        let near = nearest(name, Action::specs().iter().map(|spec| spec.name));
        let name = name.to_owned();
        Err(Fault::NoSuchAction { name, near }.at(fields.place()))
    }

    /// What does not depend on the parameters.
    pub fn spec(&self) -> &'static Spec {
        match self {
            Action::Process(action) => action.spec(),
            Action::Zone(action) => action.spec(),
            Action::Link(action) => action.spec(),
            Action::Disk(action) => action.spec(),
            Action::Clock(action) => action.spec(),
            Action::Api(action) => action.spec(),
            Action::Change(action) => action.spec(),
        }
    }

    /// The parameters by key, as texts that are read back.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Action::Process(_) => Vec::new(),
            Action::Zone(action) => action.parameters(),
            Action::Link(action) => action.parameters(),
            Action::Disk(action) => action.parameters(),
            Action::Clock(action) => action.parameters(),
            Action::Api(action) => action.parameters(),
            Action::Change(action) => action.parameters(),
        }
    }

    /// The operations it concerns; all where empty.
    pub fn operations(&self) -> &'static [Operation] {
        match self {
            Action::Api(action) => action.operations(),
            Action::Process(_)
            | Action::Zone(_)
            | Action::Link(_)
            | Action::Disk(_)
            | Action::Clock(_)
            | Action::Change(_) => &[],
        }
    }

    /// Refuses a target that the action cannot be aimed at.
    pub(crate) fn check_target(&self, target: &Target) -> Result<(), Fault> {
        let (action, takes) = (self.spec().name, self.spec().takes);
        let found = TargetKind::of(target);
        if !takes.contains(&found) {
            return Err(Fault::WrongTarget {
                action,
                found,
                takes,
            });
        }
        match target {
            Target::Link(link) => match self {
                Action::Link(LinkAction::Drop) if !link.both_ways => Err(Fault::WrongWay {
                    action,
                    arrow: "<->",
                    other: link::ONEWAY_DROP.name,
                }),
                Action::Link(LinkAction::OnewayDrop) if link.both_ways => Err(Fault::WrongWay {
                    action,
                    arrow: "->",
                    other: link::DROP.name,
                }),
                _ => Ok(()),
            },
            Target::Requests(requests) => {
                let concerns = self.operations();
                let mut named = requests.operations.iter();
                match named.find(|each| !concerns.is_empty() && !concerns.contains(each)) {
                    Some(&operation) => Err(Fault::WrongOperation {
                        action,
                        operation,
                        concerns,
                    }),
                    None => Ok(()),
                }
            }
            Target::Nodes(nodes) => {
                let moves = matches!(self, Action::Change(ChangeAction::MoveLeader { .. }));
                if moves && !matches!(nodes, Nodes::Leader(_)) {
                    return Err(Fault::NotALeader { action });
                }
                Ok(())
            }
            Target::Zones(_) => Ok(()),
        }
    }
}

impl TargetKind {
    /// The kind of a target.
    pub fn of(target: &Target) -> TargetKind {
        match target {
            Target::Zones(_) => TargetKind::Zones,
            Target::Nodes(_) => TargetKind::Nodes,
            Target::Link(_) => TargetKind::Link,
            Target::Requests(_) => TargetKind::Requests,
        }
    }
}

/// The name and the parameters: `disk.slow fsync 200ms`.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.spec().name.to_owned();
        for (key, value) in self.parameters() {
            text += &format!(" {key} {value}");
        }
        f.pad(&text)
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TargetKind::Zones => "zones",
            TargetKind::Nodes => "nodes",
            TargetKind::Link => "a link",
            TargetKind::Requests => "requests of streams",
        })
    }
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Revert::Started => "started again",
            Revert::Continued => "goes on",
            Revert::Dropped => "dropped by itself",
            Revert::Repaired => "repaired by the cluster",
            Revert::Done => "over at once",
            Revert::Stays => "stays",
        })
    }
}

/// A parameter that must be there.
const fn required(key: &'static str, like: &'static str, about: &'static str) -> Parameter {
    Parameter {
        key,
        about,
        like,
        required: true,
    }
}

/// A parameter that may be left out.
const fn optional(key: &'static str, like: &'static str, about: &'static str) -> Parameter {
    Parameter {
        key,
        about,
        like,
        required: false,
    }
}

/// Adds a parameter that is there.
fn given<T: ToString>(into: &mut Vec<(&'static str, String)>, key: &'static str, value: Option<T>) {
    into.extend(value.map(|value| (key, value.to_string())));
}

/// A percentage that is not nothing.
fn share(fields: &mut Fields, key: &'static str) -> Result<crate::quantity::Percent, DrillError> {
    let share: crate::quantity::Percent = fields.required(key)?;
    not_nothing(fields, key, share.thousandths().into(), share)
}

/// A duration that is not nothing.
fn time(fields: &mut Fields, key: &'static str) -> Result<crate::quantity::Span, DrillError> {
    let time: crate::quantity::Span = fields.required(key)?;
    not_nothing(fields, key, time.micros(), time)
}

fn not_nothing<T>(fields: &Fields, key: &str, number: u64, value: T) -> Result<T, DrillError> {
    if number > 0 {
        return Ok(value);
    }
    Err(Fault::Nothing(key.to_owned()).at(fields.place()))
}

#[cfg(test)]
#[path = "action/action_test.rs"]
mod action_test;
