//! Runs in processes of their own: one that panics must not end the command that asked for it.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

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
        let output = Command::new(std::env::current_exe()?)
            .args(self.arguments())
            .arg("--brief")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .context("starting a run")?;
        if output.status.success() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let first = text.lines().find_map(|line| {
            let (_, what) = line.split_once("BROKEN ")?;
            Some(what.to_owned())
        });
        Ok(Some(first.unwrap_or_else(|| {
            format!("by an end without a word ({})", output.status)
        })))
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

fn promise_of(broken: &str) -> &str {
    broken.split(':').next().unwrap_or(broken)
}
