//! Runs in processes of their own: one that panics must not end the command that asked for it.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ana_node::drill::simulated::{BrokenCheck, NeededStep, SeedRun, Smaller};
use anyhow::{Context as _, Result};

use crate::fault::Fault;
use crate::minimise::minimise;
use crate::output::say;
use crate::plan::Plan;

/// Runs of one minimisation.
const TRIES_MAX: usize = 120;

/// A run to be made.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    pub(super) seed: u64,
    /// The mistake that is planted.
    pub(super) bug: Option<String>,
    /// The drill instead of the seed's own faults.
    pub(super) drill: Option<String>,
    /// Only these faults.
    pub(super) only: Option<Vec<usize>>,
    /// Nodes in each zone instead of the seed's.
    pub(super) nodes_per_zone: Option<usize>,
}

impl Run {
    /// The arguments that repeat it.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut all = vec!["seed".to_owned(), self.seed.to_string()];
        if let Some(bug) = &self.bug {
            all.extend(["--bug".to_owned(), bug.clone()]);
        }
        if let Some(drill) = &self.drill {
            all.extend(["--drill".to_owned(), drill.clone()]);
        }
        if let Some(nodes) = self.nodes_per_zone {
            all.extend(["--nodes-per-zone".to_owned(), nodes.to_string()]);
        }
        if let Some(only) = &self.only {
            let numbers: Vec<String> = only.iter().map(ToString::to_string).collect();
            all.extend(["--only".to_owned(), numbers.join(",")]);
        }
        all
    }

    /// The first promise that it breaks, with what broke it; none if it keeps all.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub(super) fn broken(&self) -> Result<Option<String>> {
        let output = self.output("--brief")?;
        Ok((!output.status.success()).then(|| first_broken(&output)))
    }

    fn output(&self, how: &str) -> Result<Output> {
        Command::new(std::env::current_exe()?)
            .args(self.arguments())
            .arg(how)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .context("starting a run")
    }

    /// Everything that a run of a drill came to. One that ended without telling it has broken a promise too.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub(super) fn told(&self) -> Result<SeedRun> {
        let output = self.output("--told")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default();
        Ok(serde_json::from_str(last).unwrap_or_else(|_none| SeedRun {
            seed: self.seed,
            broken: vec![BrokenCheck {
                check: "the run comes to its end".to_owned(),
                found: first_broken(&output),
                records: Vec::new(),
            }],
            ..SeedRun::default()
        }))
    }

    /// The steps of a drill without which `check` does not break.
    ///
    /// # Errors
    /// When a process cannot be started.
    pub(super) fn needed(&self, plan: &Plan, check: &str) -> Result<Smaller> {
        let smaller = minimise(plan.faults.len(), TRIES_MAX, |only| {
            let only = Some(only.to_vec());
            let run = Run {
                only,
                ..self.clone()
            };
            anyhow::Ok(run.told()?.broke(check))
        })?;
        let steps = smaller.left.iter().filter_map(|number| {
            let (at, fault) = plan.faults.get(*number)?;
            Some(needed_step(*at, fault))
        });
        let steps = steps.collect();
        let run = Run {
            only: Some(smaller.left),
            ..self.clone()
        };
        Ok(Smaller {
            of: plan.faults.len().try_into()?,
            tries: smaller.tries.try_into()?,
            steps,
            events: format!("ana-sim {} --print", run.arguments().join(" ")),
        })
    }

    /// Says which faults are needed to break the promise that `broken` names.
    ///
    /// # Errors
    /// When a process cannot be started.
    pub(super) fn tell_smaller(&self, plan: &Plan, broken: &str) -> Result<()> {
        let promise = promise_of(broken);
        let smaller = minimise(plan.faults.len(), TRIES_MAX, |only| {
            let run = Run {
                only: Some(only.to_vec()),
                ..self.clone()
            };
            let again = run.broken()?;
            anyhow::Ok(again.is_some_and(|again| promise_of(&again) == promise))
        })?;
        say(&format!(
            "  of {} faults {} are needed for it ({} runs):",
            plan.faults.len(),
            smaller.left.len(),
            smaller.tries
        ));
        for number in &smaller.left {
            let (at, fault) = &plan.faults[*number];
            say(&format!("  {number:>3}  {at:>10.3?}  {fault:?}"));
        }
        let run = Run {
            only: Some(smaller.left),
            ..self.clone()
        };
        say(&format!(
            "  again: ana-sim {} --print",
            run.arguments().join(" ")
        ));
        Ok(())
    }
}

fn first_broken(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().find_map(|line| {
        let (_, what) = line.split_once("BROKEN ")?;
        Some(what.to_owned())
    });
    first.unwrap_or_else(|| format!("by an end without a word ({})", output.status))
}

fn needed_step(at: Duration, fault: &Fault) -> NeededStep {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match fault {
        Fault::Drill(step) => NeededStep {
            number: u64::try_from(step.number).unwrap_or(u64::MAX),
            at_ms: ms(at),
            for_ms: ms(step.lasts),
            action: step.action.to_string(),
            on: step.on.to_string(),
        },
        other => NeededStep {
            number: 0,
            at_ms: ms(at),
            for_ms: 0,
            action: format!("{other:?}"),
            on: "whatever it hits".to_owned(),
        },
    }
}

fn promise_of(broken: &str) -> &str {
    broken.split(':').next().unwrap_or(broken)
}
