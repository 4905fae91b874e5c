//! A drill over many seeds, told to a person, or line by line to `ana drill run --sim`.

use std::process::ExitCode;

use ana_drill::Drill as File;
use ana_node::drill::simulated::{FORMAT, SeedRun, Smaller, Told};
use anyhow::Result;
use clap::Args;

use super::child::Run;
use super::{nodes_per_zone, verdict};
use crate::drill;
use crate::output::say;
use crate::plan::Plan;

/// The exit code of a drill that cannot be run.
const COULD_NOT_RUN: u8 = 2;

/// Runs a drill over many seeds: its faults, with times of messages, disks and elections that each seed draws.
#[derive(Debug, Args)]
pub(super) struct Drill {
    /// A file, or the name of a built-in drill
    drill: String,
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Nodes in each of the three zones; each seed draws 3 or 5 nodes without it
    #[arg(long, value_parser = nodes_per_zone)]
    nodes_per_zone: Option<usize>,
    /// If a seed fails, find out which steps are needed for it
    #[arg(long)]
    minimise: bool,
    /// Tell everything in lines of JSON
    #[arg(long)]
    events: bool,
}

impl Drill {
    pub(super) fn run(self) -> Result<ExitCode> {
        self.tell(&Told::Began {
            format: FORMAT,
            build: env!("CARGO_PKG_VERSION").to_owned(),
        })?;
        // Before anything runs: what the simulation cannot do.
        let ready = drill::load(&self.drill)
            .and_then(|drill| self.plan(&drill, self.first).map(|_plan| drill));
        let drill = match ready {
            Ok(drill) => drill,
            Err(error) => {
                let what = format!("{error:#}");
                self.tell(&Told::Refused { what })?;
                return Ok(ExitCode::from(COULD_NOT_RUN));
            }
        };
        for seed in self.first..self.first.saturating_add(self.seeds) {
            let run = Run {
                seed,
                drill: Some(self.drill.clone()),
                nodes_per_zone: self.nodes_per_zone,
                ..Run::default()
            };
            let told = run.told()?;
            let broken = told.first_broken();
            self.tell(&Told::Seed(told))?;
            let Some(broken) = broken else {
                continue;
            };
            if self.minimise {
                let plan = self.plan(&drill, seed)?;
                self.tell(&Told::Smaller(run.needed(&plan, &broken.check)?))?;
            } else if !self.events {
                let again = run.arguments().join(" ");
                say(&format!("  again: ana-sim {again} --print"));
            }
            return Ok(verdict(false));
        }
        if !self.events {
            say(&format!(
                "drill {}: {} seeds, all promises of the simulation kept, and all it expects that can be judged there",
                drill.name, self.seeds
            ));
        }
        Ok(verdict(true))
    }

    fn plan(&self, drill: &File, seed: u64) -> Result<Plan> {
        let mut plan = drill::plan(drill, seed)?;
        if let Some(nodes) = self.nodes_per_zone {
            plan.in_zones_of(nodes);
        }
        Ok(plan)
    }

    fn tell(&self, told: &Told) -> Result<()> {
        if self.events {
            say(&serde_json::to_string(told)?);
            return Ok(());
        }
        match told {
            Told::Began { .. } => {}
            Told::Refused { what } => say(&format!("cannot run: {what}")),
            Told::Seed(run) => self.tell_seed(run),
            Told::Smaller(smaller) => tell_smaller(smaller),
        }
        Ok(())
    }

    fn tell_seed(&self, run: &SeedRun) {
        if let Some(broken) = run.first_broken() {
            let (seed, check) = (run.seed, broken.check);
            say(&format!(
                "drill {}, seed {seed}: BROKEN {check}: {}",
                self.drill, broken.found
            ));
            for record in broken.records {
                say(&format!("  {record}"));
            }
        }
    }
}

fn tell_smaller(smaller: &Smaller) {
    say(&format!(
        "  of {} steps {} are needed for it ({} runs):",
        smaller.of,
        smaller.steps.len(),
        smaller.tries
    ));
    for step in &smaller.steps {
        say(&format!(
            "  step {:>3}  {:>6} ms  {} on {} for {} ms",
            step.number, step.at_ms, step.action, step.on, step.for_ms
        ));
    }
    say(&format!("  again: {}", smaller.events));
}
