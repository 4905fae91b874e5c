//! Drills of `ana-drill` in the simulation: each step becomes acts on simulated machines, over many seeds.
//!
//! Of what a drill expects, what needs no time of a machine is judged (`expected`), beside the simulation's own promises;
//! `stop` and `steady` are not. The load is the simulation's, on a stream that stands for whatever stream the drill names.
//!
//! Must stay true: a step that the simulation cannot do as its words say is refused by name before anything runs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ana_drill::action::{
    Action, ChangeAction, ClockAction, DiskAction, DiskFile, LinkAction, ProcessAction, ZoneAction,
};
use ana_drill::{Drill, Target, library};
use anyhow::{Context as _, Result, anyhow, bail};

use crate::fault::Fault;
use crate::plan::Plan;

mod acts;
mod expected;
mod places;

pub use expected::{expected, told};
pub use places::Places;

/// Clients work at least so long.
const SAFETY_MIN: Duration = Duration::from_secs(6);
/// And so long after the last fault was taken away.
const SAFETY_AFTER: Duration = Duration::from_secs(1);

/// One step of a drill, as a plan carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number in the file, from one.
    pub number: usize,
    /// The drill's seed, which decides what a target like `one of zones` means.
    pub seed: u64,
    pub action: Action,
    pub on: Target,
    /// How long it lasts; nothing for what is done once.
    pub lasts: Duration,
}

/// The drill of a file, or the built-in one of that name.
///
/// # Errors
/// When there is neither, or it does not read.
pub fn load(name: &str) -> Result<Drill> {
    if let Some(entry) = library::find(name) {
        return Ok(entry.drill()?);
    }
    if !Path::new(name).try_exists()? {
        let near = library::nearest(name).map(|entry| entry.name);
        let meant = near.map(|near| format!(", did you mean {near}?"));
        bail!(
            "there is no file and no built-in drill {name:?}{}",
            meant.unwrap_or_default()
        );
    }
    let text = fs::read_to_string(name).with_context(|| format!("reading {name}"))?;
    Ok(Drill::from_text(&text)?.drill)
}

/// The plan of a seed with the faults of a drill.
///
/// # Errors
/// Names the steps that the simulation cannot do.
pub fn plan(drill: &Drill, seed: u64) -> Result<Plan> {
    let mut plan = Plan {
        pair: None,
        reshard: false,
        faults: Vec::new(),
        ..Plan::new(seed)
    };
    let mut refused = Vec::new();
    let mut last = Duration::ZERO;
    for (number, step) in (1..).zip(&drill.steps) {
        if matches!(step.action, Action::Change(ChangeAction::Reshard(_))) {
            // The simulation's own client splits and merges all the time.
            plan.reshard = true;
            continue;
        }
        if let Err(why) = can(&step.action) {
            refused.push(format!(
                "step {number} ({}): {why}",
                step.action.spec().name
            ));
            continue;
        }
        let lasts = step.lasts.map_or(Duration::ZERO, Duration::from);
        let at = Duration::from(step.at);
        last = last.max(at + lasts);
        let step = Step {
            number,
            seed: drill.seed.unwrap_or(seed),
            action: step.action.clone(),
            on: step.on.clone(),
            lasts,
        };
        plan.faults.push((at, Fault::Drill(Box::new(step))));
    }
    if !refused.is_empty() {
        return Err(anyhow!(
            "the simulation cannot run this drill:\n  {}",
            refused.join("\n  ")
        ));
    }
    plan.faults.sort_by_key(|(at, _)| *at);
    plan.safety = SAFETY_MIN.max(last + SAFETY_AFTER);
    Ok(plan)
}

/// Whether the simulation does what the action says; why not.
fn can(action: &Action) -> Result<(), &'static str> {
    match action {
        Action::Process(ProcessAction::Restart)
        | Action::Change(ChangeAction::RollingRestart { .. }) => {
            Err("nodes end here by a crash, not in order")
        }
        Action::Zone(ZoneAction::Shift) => Err("nobody keeps leaders out of a zone here"),
        Action::Link(LinkAction::Loss { .. } | LinkAction::Thin { .. } | LinkAction::Reset) => {
            Err("simulated connections lose nothing by halves: a link is cut, slow or whole")
        }
        Action::Disk(DiskAction::Slow { fsync: None, .. }) => Err("only syncs are slow here"),
        Action::Disk(DiskAction::BitFlip {
            file: DiskFile::Vote | DiskFile::Checkpoint,
        }) => Err("bits flip in logs and snapshots here; votes lie in the log"),
        Action::Change(ChangeAction::AddNode | ChangeAction::RemoveNode) => {
            Err("the nodes of a simulation stay the same")
        }
        Action::Api(_) => Err("faults of answers are for clients that are to be tested"),
        Action::Process(ProcessAction::Kill | ProcessAction::Pause | ProcessAction::WipeDisk)
        | Action::Zone(ZoneAction::Down | ZoneAction::Isolate | ZoneAction::Slow { .. })
        | Action::Link(
            LinkAction::Drop
            | LinkAction::OnewayDrop
            | LinkAction::Delay { .. }
            | LinkAction::Swizzle { .. },
        )
        | Action::Disk(
            DiskAction::Slow { .. }
            | DiskAction::Full { .. }
            | DiskAction::FsyncError { .. }
            | DiskAction::PowerCut
            | DiskAction::BitFlip { .. }
            | DiskAction::TornTail { .. },
        )
        | Action::Clock(ClockAction::Jump { .. } | ClockAction::Drift { .. })
        | Action::Change(ChangeAction::MoveLeader { .. } | ChangeAction::Reshard(_)) => Ok(()),
    }
}

#[cfg(test)]
#[path = "drill/drill_test.rs"]
mod drill_test;
