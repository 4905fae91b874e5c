//! Whether the simulation finds a mistake that was planted.

use std::process::ExitCode;

use ana_types::planted::{self, Bug};
use anyhow::{Result, bail};
use clap::Args;

use super::child::Run;
use super::verdict;
use crate::output::say;

/// Plants a mistake and runs seeds until one finds it.
#[derive(Debug, Args)]
pub(super) struct Plant {
    /// The mistake; `all` for one after another, `list` for their names
    name: String,
    #[arg(long, default_value_t = 500)]
    count: u64,
    #[arg(long, default_value_t = 1)]
    first: u64,
}

/// The mistake of that name.
///
/// # Errors
/// When there is none, or this build cannot make any.
pub(super) fn find(name: &str) -> Result<Bug> {
    if !planted::COMPILED_IN {
        bail!(
            "this build makes no mistakes: cargo build --release --workspace --bin ana-sim --features ana-sim/planted"
        );
    }
    let known = || Bug::ALL.map(Bug::name).join(", ");
    match Bug::ALL.into_iter().find(|bug| bug.name() == name) {
        Some(bug) => Ok(bug),
        None => bail!("there is no mistake {name:?}; there are {}", known()),
    }
}

/// Makes the mistake from now on in this process.
///
/// # Errors
/// When there is none of that name, or this build cannot make any.
pub(super) fn make(name: &str) -> Result<()> {
    let _bug = find(name)?;
    #[cfg(feature = "planted")]
    planted::plant(_bug);
    Ok(())
}

impl Plant {
    pub(super) fn run(self) -> Result<ExitCode> {
        if self.name == "list" {
            Bug::ALL.into_iter().for_each(|bug| say(bug.name()));
            return Ok(verdict(true));
        }
        let bugs = if self.name == "all" {
            Bug::ALL.to_vec()
        } else {
            vec![find(&self.name)?]
        };
        let mut all = true;
        for bug in bugs {
            all &= self.hunt(bug)?;
        }
        Ok(verdict(all))
    }

    fn hunt(&self, bug: Bug) -> Result<bool> {
        for seed in self.first..self.first + self.count {
            let run = Run {
                seed,
                bug: Some(bug.name().to_owned()),
                ..Run::default()
            };
            if let Some(broken) = run.broken()? {
                let short: String = broken.chars().take(300).collect();
                say(&format!(
                    "{}: found at seed {seed}, run {} of {}: {short}",
                    bug.name(),
                    seed - self.first + 1,
                    self.count
                ));
                return Ok(true);
            }
        }
        say(&format!(
            "{}: NOT FOUND in {} seeds from {}",
            bug.name(),
            self.count,
            self.first
        ));
        Ok(false)
    }
}
