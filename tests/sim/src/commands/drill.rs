//! A drill over many seeds.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::child::Run;
use super::verdict;
use crate::drill;
use crate::output::say;

/// Runs a drill over many seeds: its faults, with times of messages, disks and elections that each seed draws.
#[derive(Debug, Args)]
pub(super) struct Drill {
    /// A file, or the name of a built-in drill
    drill: String,
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// If a seed fails, find out which steps are needed for it
    #[arg(long)]
    minimise: bool,
}

impl Drill {
    pub(super) fn run(self) -> Result<ExitCode> {
        let drill = drill::load(&self.drill)?;
        // Before anything runs: what the simulation cannot do.
        drill::plan(&drill, self.first)?;
        for seed in self.first..self.first + self.seeds {
            let run = Run {
                seed,
                drill: Some(self.drill.clone()),
                ..Run::default()
            };
            let Some(broken) = run.broken()? else {
                continue;
            };
            say(&format!(
                "drill {}, seed {seed}: BROKEN {broken}",
                drill.name
            ));
            if self.minimise {
                run.tell_smaller(&drill::plan(&drill, seed)?, &broken)?;
            } else {
                say(&format!(
                    "  again: ana-sim {} --print",
                    run.arguments().join(" ")
                ));
            }
            return Ok(verdict(false));
        }
        say(&format!(
            "drill {}: {} seeds, all promises of the simulation kept (its own `expect` is for real clusters)",
            drill.name, self.seeds
        ));
        Ok(verdict(true))
    }
}
