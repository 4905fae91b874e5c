//! One seed, and the written scenarios.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Args;
use tracing::Level;

use super::child::Run;
use super::{nodes_per_zone, now_runs, plant, trace, verdict};
use crate::drill;
use crate::known::SCENARIOS;
use crate::output::{say, tell};
use crate::plan::Plan;
use crate::run::run;

/// Runs one seed.
#[derive(Debug, Args)]
pub(super) struct Seed {
    seed: u64,
    /// Print every event with its simulated time
    #[arg(long)]
    print: bool,
    #[arg(long, default_value = "info")]
    level: Level,
    /// Only these faults of the plan, by their numbers from 0
    #[arg(long, value_delimiter = ',')]
    only: Option<Vec<usize>>,
    /// If it fails, find out which faults are needed for it
    #[arg(long, conflicts_with = "only")]
    minimise: bool,
    /// The faults of this drill, a file or a built-in one, instead of the seed's own
    #[arg(long)]
    drill: Option<String>,
    /// Plant a mistake (a build of its own; `plant list`)
    #[arg(long)]
    bug: Option<String>,
    #[command(flatten)]
    terse: Terse,
    /// Nodes in each of the three zones instead of the seed's
    #[arg(long, requires = "drill", value_parser = nodes_per_zone)]
    nodes_per_zone: Option<usize>,
}

/// What whoever started this process wants to read.
#[derive(Debug, Args)]
struct Terse {
    /// Print what was broken and nothing else
    #[arg(long, conflicts_with_all = ["print", "minimise"])]
    brief: bool,
    /// Print what the run of a drill came to as one line of JSON and nothing else
    #[arg(long, requires = "drill", conflicts_with_all = ["print", "minimise", "brief"])]
    told: bool,
}

impl Seed {
    pub(super) fn run(self) -> Result<ExitCode> {
        if let Some(bug) = &self.bug {
            plant::make(bug)?;
        }
        now_runs(self.seed);
        let drill = self.drill.as_deref().map(drill::load).transpose()?;
        let mut plan = match &drill {
            Some(drill) => drill::plan(drill, self.seed)?,
            None => Plan::new(self.seed),
        };
        if let Some(nodes) = self.nodes_per_zone {
            plan.in_zones_of(nodes);
        }
        if let Some(only) = &self.only {
            let many = plan.faults.len();
            plan.keep(only)
                .map_err(|none| anyhow!("there is no fault {none}: the plan has {many}"))?;
        }
        if let (true, Some(drill)) = (self.terse.told, &drill) {
            let told = drill::told(drill, &run(plan, false));
            say(&serde_json::to_string(&told)?);
            return Ok(verdict(told.first_broken().is_none()));
        }
        if self.terse.brief {
            let report = run(plan, false);
            tell(&report);
            return Ok(verdict(report.broken.is_empty()));
        }
        trace(self.level, self.print)?;
        let again = Run {
            seed: self.seed,
            bug: self.bug,
            drill: self.drill,
            only: self.only,
            nodes_per_zone: self.nodes_per_zone,
        };
        if self.minimise {
            return minimise(&again, &plan);
        }
        say(&format!("{plan:#?}"));
        let report = run(plan, false);
        tell(&report);
        for each in drill
            .iter()
            .flat_map(|drill| drill::expected(drill, &report))
        {
            if let Some(found) = each.broken {
                say(&format!("  BROKEN {}: {found}", each.check));
            }
        }
        say(&report.verdict.to_string());
        say(&report.counters.table());
        Ok(verdict(report.broken.is_empty()))
    }
}

fn minimise(run: &Run, plan: &Plan) -> Result<ExitCode> {
    let Some(broken) = run.broken()? else {
        say(&format!("seed {} keeps all promises", run.seed));
        return Ok(verdict(true));
    };
    say(&format!("seed {}: BROKEN {broken}", run.seed));
    run.tell_smaller(plan, &broken)?;
    Ok(verdict(false))
}

/// Runs the written scenarios.
pub(super) fn known() -> ExitCode {
    let mut good = true;
    for scenario in SCENARIOS {
        let plan = (scenario.plan)();
        now_runs(plan.seed);
        let report = run(plan, false);
        if !report.broken.is_empty() {
            good = false;
            say(&format!(
                "scenario {:?} ({})",
                scenario.name, scenario.found
            ));
            tell(&report);
        }
    }
    say(&format!("scenarios: {} run", SCENARIOS.len()));
    verdict(good)
}
