//! The commands of `ana-sim`.
//!
//! Must stay true: runs of one process come one after another; what runs beside is another process.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use clap::{Parser, Subcommand};
use tracing::Level;

use crate::output::say;
use crate::trace::Fingerprint;

mod child;
mod drill;
mod meta;
mod plant;
mod seed;
mod seeds;

/// Whole nodes in a seeded simulation.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "A red seed is repeated with: ana-sim seed SEED --print"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Mode,
}

#[derive(Debug, Subcommand)]
enum Mode {
    /// Runs many seeds, one worker process per core, and names each that broke a promise
    Seeds(seeds::Seeds),
    /// Runs the written scenarios that once found something (`seeds` does it first)
    Known,
    /// Runs every `step`-th seed in this process (what a worker does)
    Range(seeds::Range),
    /// Runs one seed
    Seed(seed::Seed),
    /// Runs seeds twice each and compares every event
    Meta(meta::Meta),
    /// Plants a mistake and runs seeds until one finds it (a build of its own; `plant list`)
    Plant(plant::Plant),
    /// Runs a drill, a file or a built-in one, over many seeds
    Drill(drill::Drill),
}

impl Arguments {
    /// Carries out the command.
    ///
    /// # Errors
    /// When something beside the simulation fails: a process, a file.
    pub fn run(self) -> Result<ExitCode> {
        name_seed_of_panics();
        match self.command {
            Mode::Seeds(seeds) => seeds.run(),
            Mode::Known => Ok(seed::known()),
            Mode::Range(range) => range.run(),
            Mode::Seed(seed) => seed.run(),
            Mode::Meta(meta) => meta.run(),
            Mode::Plant(plant) => plant.run(),
            Mode::Drill(drill) => drill.run(),
        }
    }
}

/// Nodes in each of the three zones: so many as a simulation can have.
fn nodes_per_zone(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(nodes @ 1..=3) => Ok(nodes),
        _ => Err("1 to 3 nodes in a zone".to_owned()),
    }
}

/// The seed that runs now, for [`name_seed_of_panics`].
static SEED: AtomicU64 = AtomicU64::new(0);

fn now_runs(seed: u64) {
    SEED.store(seed, Ordering::Relaxed);
}

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

fn trace(level: Level, print: bool) -> Result<()> {
    Ok(tracing::subscriber::set_global_default(Fingerprint {
        level,
        print,
    })?)
}

fn verdict(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}
