//! Whether a seed gives one trace.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use tracing::Level;

use super::{now_runs, trace};
use crate::output::say;
use crate::plan::Plan;
use crate::run::run;

/// Runs seeds twice each and compares every event.
#[derive(Debug, Args)]
pub(super) struct Meta {
    #[arg(long, default_value_t = 10)]
    count: u64,
    #[arg(long, default_value_t = 1)]
    first: u64,
}

impl Meta {
    pub(super) fn run(self) -> Result<ExitCode> {
        trace(Level::DEBUG, false)?;
        let mut events = 0;
        for seed in self.first..self.first + self.count {
            now_runs(seed);
            let (one, two) = (run(Plan::new(seed), true), run(Plan::new(seed), true));
            events += one.events;
            let part = one.lines.iter().zip(&two.lines).position(|(a, b)| a != b);
            if let Some(at) = part {
                say(&format!(
                    "seed {seed} parts at event {at}:\n  {}\n  {}",
                    one.lines[at], two.lines[at]
                ));
            }
            ensure!(
                part.is_none() && one.fingerprint == two.fingerprint,
                "seed {seed} gave two traces"
            );
        }
        say(&format!(
            "determinism: {} seeds twice, {events} events each time, no difference",
            self.count
        ));
        Ok(ExitCode::SUCCESS)
    }
}
