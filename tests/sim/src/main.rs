//! `ana-sim`: runs seeds, repeats one, and proves that a seed gives one trace.

use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ana_check::Verdict;
use ana_sim::known::SCENARIOS;
use ana_sim::plan::Plan;
use ana_sim::run::{Report, run};
use ana_sim::trace::Fingerprint;
use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use tracing::Level;

/// Whole nodes in a seeded simulation.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "A red seed is repeated with: ana-sim seed SEED --print"
)]
struct Arguments {
    #[command(subcommand)]
    command: Mode,
}

#[derive(Debug, Subcommand)]
enum Mode {
    /// Runs many seeds, one worker process per core, and names each that broke a promise
    Seeds {
        #[arg(long, default_value_t = 200)]
        count: u64,
        #[arg(long, default_value_t = 1)]
        first: u64,
        #[arg(long, default_value_t = 2)]
        workers: u64,
    },
    /// Runs the written scenarios that once found something (`seeds` does it first)
    Known,
    /// Runs every `step`-th seed in this process (what a worker does)
    Range { first: u64, count: u64, step: u64 },
    /// Runs one seed
    Seed {
        seed: u64,
        /// Print every event with its simulated time
        #[arg(long)]
        print: bool,
        #[arg(long, default_value = "info")]
        level: Level,
    },
    /// Runs seeds twice each and compares every event
    Meta {
        #[arg(long, default_value_t = 10)]
        count: u64,
        #[arg(long, default_value_t = 1)]
        first: u64,
    },
}

/// The seed that runs now, for [`name_seed_of_panics`].
static SEED: AtomicU64 = AtomicU64::new(0);

/// A panic inside a node ends the whole process; it must not hide which seed it was.
fn name_seed_of_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let seed = SEED.load(Ordering::Relaxed);
        say(&format!(
            "seed {seed}: BROKEN by a panic\n  again: target/release/ana-sim seed {seed} --print"
        ));
        usual(info);
    }));
}

fn main() -> Result<ExitCode> {
    name_seed_of_panics();
    let arguments = Arguments::parse();
    match arguments.command {
        Mode::Seeds {
            count,
            first,
            workers,
        } => seeds(count, first, workers),
        Mode::Known => Ok(known()),
        Mode::Range { first, count, step } => Ok(range(first, count, step)),
        Mode::Seed { seed, print, level } => {
            tracing::subscriber::set_global_default(Fingerprint { level, print })?;
            SEED.store(seed, Ordering::Relaxed);
            let plan = Plan::new(seed);
            say(&format!("{plan:#?}"));
            let report = run(plan, false);
            tell(&report);
            say(&report.verdict.to_string());
            Ok(verdict(report.broken.is_empty()))
        }
        Mode::Meta { count, first } => meta(count, first),
    }
}

/// Worker processes, because two runs in one process would share tokio's task counter.
fn seeds(count: u64, first: u64, workers: u64) -> Result<ExitCode> {
    let program = std::env::current_exe()?;
    let mut good = Command::new(&program)
        .arg("known")
        .stdin(Stdio::null())
        .status()
        .context("starting the written scenarios")?
        .success();
    let mut children = Vec::new();
    for worker in 0..workers.max(1) {
        let numbers = [
            first + worker,
            (count + workers - 1 - worker) / workers,
            workers,
        ]
        .map(|number| number.to_string());
        let child = Command::new(&program)
            .arg("range")
            .args(numbers)
            .stdin(Stdio::null())
            .spawn();
        children.push(child.context("starting a worker")?);
    }
    for mut child in children {
        good &= child.wait()?.success();
    }
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

fn known() -> ExitCode {
    let mut good = true;
    for scenario in SCENARIOS {
        let plan = (scenario.plan)();
        SEED.store(plan.seed, Ordering::Relaxed);
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

fn range(first: u64, count: u64, step: u64) -> ExitCode {
    let (mut acknowledged, mut reshards, mut elections, mut simulated, mut red) =
        (0, 0, 0, Duration::ZERO, 0);
    let mut looked: Option<Verdict> = None;
    for seed in (0..count).map(|number| first + number * step) {
        SEED.store(seed, Ordering::Relaxed);
        let report = run(Plan::new(seed), false);
        acknowledged += report.acknowledged;
        reshards += report.reshards;
        elections += report.elections;
        simulated += report.simulated;
        looked = match looked {
            Some(looked) => Some(Verdict::join(looked, report.verdict.clone())),
            None => Some(report.verdict.clone()),
        };
        if !report.broken.is_empty() {
            red += 1;
            tell(&report);
        }
    }
    say(&format!(
        "worker: {count} seeds, {red} red, {acknowledged} records acknowledged, {reshards} reshards, {elections} elections, {} simulated s",
        simulated.as_secs()
    ));
    if let Some(looked) = looked {
        say(&format!("worker: looked at {}", looked.coverage()));
    }
    verdict(red == 0)
}

fn meta(count: u64, first: u64) -> Result<ExitCode> {
    tracing::subscriber::set_global_default(Fingerprint {
        level: Level::DEBUG,
        print: false,
    })?;
    let mut events = 0;
    for seed in first..first + count {
        SEED.store(seed, Ordering::Relaxed);
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
        "determinism: {count} seeds twice, {events} events each time, no difference"
    ));
    Ok(ExitCode::SUCCESS)
}

fn tell(report: &Report) {
    say(&format!(
        "seed {}: acknowledged {} unknown {} read {} reshards {} elections {} simulated {:?} events {} fingerprint {:016x}",
        report.seed,
        report.acknowledged,
        report.unknown,
        report.read,
        report.reshards,
        report.elections,
        report.simulated,
        report.events,
        report.fingerprint,
    ));
    for broken in &report.broken {
        say(&format!("  BROKEN {}: {}", broken.promise, broken.what));
    }
    if !report.broken.is_empty() {
        say(&format!(
            "  again: target/release/ana-sim seed {} --print",
            report.seed
        ));
    }
}

fn verdict(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

#[expect(
    clippy::print_stdout,
    reason = "what a run came to is this program's output"
)]
fn say(text: &str) {
    println!("{text}");
}
