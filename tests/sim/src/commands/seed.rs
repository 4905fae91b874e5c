//! One seed, and the written scenarios.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use tracing::Level;

use super::{now_runs, trace, verdict};
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
}

impl Seed {
    pub(super) fn run(self) -> Result<ExitCode> {
        trace(self.level, self.print)?;
        now_runs(self.seed);
        let plan = Plan::new(self.seed);
        say(&format!("{plan:#?}"));
        let report = run(plan, false);
        tell(&report);
        say(&report.counters.table());
        Ok(verdict(report.broken.is_empty()))
    }
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
