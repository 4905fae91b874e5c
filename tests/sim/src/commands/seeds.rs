//! Many seeds, on all cores.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use ana_check::Verdict;
use anyhow::{Context as _, Result};
use clap::Args;

use super::{now_runs, verdict};
use crate::class::Class;
use crate::counters::{Counters, SEEDS_FOR_ALL};
use crate::output::{say, tell};
use crate::plan::Plan;
use crate::run::run;

/// Runs many seeds.
#[derive(Debug, Args)]
pub(super) struct Seeds {
    #[arg(long, default_value_t = 200)]
    count: u64,
    #[arg(long, default_value_t = 1)]
    first: u64,
    #[arg(long, default_value_t = 2)]
    workers: u64,
    /// Only seeds that cross this class of faults with another, such as bit-flip
    #[arg(long, value_name = "CLASS")]
    crossing: Option<Class>,
}

/// Runs every `step`-th seed in this process.
#[derive(Debug, Args)]
pub(super) struct Range {
    first: u64,
    count: u64,
    step: u64,
    /// Only seeds that cross this class of faults with another
    #[arg(long)]
    crossing: Option<Class>,
    /// Write what was counted to this file
    #[arg(long)]
    counters: Option<PathBuf>,
}

impl Seeds {
    /// Worker processes, because two runs in one process would share tokio's task counter.
    pub(super) fn run(self) -> Result<ExitCode> {
        let (count, first) = (self.count, self.first);
        let program = std::env::current_exe()?;
        let mut good = Command::new(&program)
            .arg("known")
            .stdin(Stdio::null())
            .status()
            .context("starting the written scenarios")?
            .success();
        let workers = self.workers.max(1);
        let mut children = Vec::new();
        for worker in 0..workers {
            let numbers = [
                first + worker,
                (count + workers - 1 - worker) / workers,
                workers,
            ]
            .map(|number| number.to_string());
            let file = counters_file(worker);
            let mut child = Command::new(&program);
            child
                .arg("range")
                .args(numbers)
                .arg("--counters")
                .arg(&file);
            if let Some(class) = self.crossing {
                child.args(["--crossing", class.name()]);
            }
            let child = child.stdin(Stdio::null()).spawn();
            children.push((child.context("starting a worker")?, file));
        }
        let mut counters = Counters::default();
        for (mut child, file) in children {
            good &= child.wait()?.success();
            counters.add(&take(&file)?);
        }
        say(&counters.table());
        good &= self.crossing.is_some() || is_complete(&counters, count);
        let failed = u8::from(!good);
        say(&format!(
            "simulation: {count} seeds from {first}, {}",
            if good {
                "all promises kept"
            } else {
                "PROMISES BROKEN, see above"
            }
        ));
        say(&format!("{} passed, {failed} failed", 1 - failed));
        Ok(verdict(good))
    }
}

fn counters_file(worker: u64) -> PathBuf {
    let name = format!("ana-sim-{}-{worker}.json", std::process::id());
    std::env::temp_dir().join(name)
}

/// What a worker counted. One that a panic ended has written nothing, and has said so.
fn take(file: &Path) -> Result<Counters> {
    let Ok(text) = fs::read_to_string(file) else {
        return Ok(Counters::default());
    };
    fs::remove_file(file)?;
    Ok(Counters::from_json(&serde_json::from_str(&text)?))
}

/// Whether every class hit something and every pair was met, which so many seeds have to bring.
fn is_complete(counters: &Counters, seeds: u64) -> bool {
    if seeds < SEEDS_FOR_ALL {
        return true;
    }
    let idle: Vec<&str> = counters.idle().map(Class::name).collect();
    if !idle.is_empty() {
        say(&format!(
            "IDLE: no fault of {} hit anything",
            idle.join(", ")
        ));
    }
    idle.is_empty()
}

impl Range {
    fn seeds(&self) -> Vec<u64> {
        let crosses = |seed: u64| {
            let (one, other) = Class::pair_of(seed);
            self.crossing.is_none_or(|it| it == one || it == other)
        };
        let all = (0..).map(|number| self.first + number * self.step);
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        all.filter(|seed| crosses(*seed)).take(count).collect()
    }

    pub(super) fn run(self) -> Result<ExitCode> {
        let (mut acknowledged, mut reshards, mut elections, mut simulated, mut red) =
            (0, 0, 0, Duration::ZERO, 0);
        let mut counters = Counters::default();
        let mut looked: Option<Verdict> = None;
        for seed in self.seeds() {
            now_runs(seed);
            let report = run(Plan::new(seed), false);
            acknowledged += report.acknowledged;
            reshards += report.reshards;
            elections += report.elections;
            simulated += report.simulated;
            counters.add(&report.counters);
            looked = Some(match looked {
                Some(looked) => looked.join(report.verdict.clone()),
                None => report.verdict.clone(),
            });
            if !report.broken.is_empty() {
                red += 1;
                tell(&report);
                say(&format!(
                    "  again: target/release/ana-sim seed {seed} --print"
                ));
            }
        }
        say(&format!(
            "worker: {} seeds, {red} red, {acknowledged} records acknowledged, {reshards} reshards, {elections} elections, {} simulated s",
            self.count,
            simulated.as_secs()
        ));
        if let Some(looked) = looked {
            say(&format!("worker: looked at {}", looked.coverage()));
        }
        match &self.counters {
            #[expect(
                clippy::disallowed_methods,
                reason = "a note for the process that started this one; it need not outlive a crash"
            )]
            Some(file) => fs::write(file, counters.to_json().to_string())?,
            None => say(&counters.table()),
        }
        Ok(verdict(red == 0))
    }
}
