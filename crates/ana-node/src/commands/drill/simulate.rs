//! `ana drill run --sim`: the same drill in the seeded simulator, which is a program of its own that lies beside this
//! one.
//!
//! Must stay true: no process of the simulator outlives the command; an end before all seeds were run is never a pass.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::exit_of;
use super::files::Files;
use super::source::{self, Source};
use crate::commands::Context;
use crate::drill::record::Outcome;
use crate::drill::simulated::{Asked, Hearing, Simulation, text};
use crate::error::{CliError, Exit};
use crate::output::{self, Format};
use crate::signals::EndSignals;

/// Seeds that are run when nobody says how many.
const SEEDS: u64 = 20;
/// The simulator's program.
const PROGRAM: &str = "ana-sim";

#[derive(Debug, clap::Args)]
pub(super) struct Simulate {
    /// Run it in the seeded simulator (the program ana-sim) instead of on a cluster.
    #[arg(long, conflicts_with_all = ["seed", "i_know", "stream", "real"])]
    sim: bool,
    /// With --sim: so many seeds; 20 without it.
    #[arg(long, value_name = "N", requires = "sim", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: Option<u64>,
    /// With --sim: the first seed; 1 without it.
    #[arg(long, value_name = "SEED", requires = "sim", value_parser = clap::value_parser!(u64).range(..=u64::MAX / 2))]
    first: Option<u64>,
    /// With --sim: nodes in each of the three zones; each seed draws 3 or 5 nodes without it.
    #[arg(long, value_name = "N", requires = "sim", value_parser = clap::value_parser!(u32).range(1..=3))]
    nodes_per_zone: Option<u32>,
}

impl Simulate {
    /// Whether it was asked for.
    pub(super) fn is_meant(&self) -> bool {
        self.sim
    }

    /// What the simulator is started with.
    fn arguments(&self, word: &str) -> Vec<String> {
        let (seeds, first) = (self.seeds(), self.first());
        let mut all = ["drill", word, "--minimise", "--events"]
            .map(str::to_owned)
            .to_vec();
        all.extend(["--seeds".to_owned(), seeds.to_string()]);
        all.extend(["--first".to_owned(), first.to_string()]);
        if let Some(nodes) = self.nodes_per_zone {
            all.extend(["--nodes-per-zone".to_owned(), nodes.to_string()]);
        }
        all
    }

    /// The command that repeats it, without its seeds.
    fn again(&self, word: &str) -> String {
        let nodes = self.nodes_per_zone;
        let nodes = nodes.map_or(String::new(), |nodes| format!(" --nodes-per-zone {nodes}"));
        format!("ana drill run {word} --sim{nodes}")
    }

    fn seeds(&self) -> u64 {
        self.seeds.unwrap_or(SEEDS)
    }

    fn first(&self) -> u64 {
        self.first.unwrap_or(1)
    }

    /// Runs it, and gives out the reports that were asked for.
    pub(super) async fn run(
        &self,
        context: &Context,
        word: &str,
        quiet: bool,
        files: &Files,
    ) -> Result<Exit, CliError> {
        files.check(context).await?;
        // The simulator reads it again; here what is wrong with it is told with its line.
        let source = source::read(context, word).await?;
        let name = source.import.drill.name.to_string();
        let simulated = self.simulate(context, word, quiet, &source).await;
        let (simulation, stopped) = match simulated.and_then(could_run) {
            Ok(done) => done,
            Err(error) => {
                let whole = error.to_string();
                let written = files.write_refusal(context, &name, error.what(), &whole);
                written.await?;
                return Err(error);
            }
        };
        match files.printed(&simulation) {
            Some(document) => output::data(&document)?,
            None => print(context, &simulation)?,
        }
        files.write(context, &simulation).await?;
        if stopped {
            return Ok(Exit::Interrupted);
        }
        Ok(exit_of(simulation.outcome))
    }

    /// What it came to, and whether a person ended it.
    async fn simulate(
        &self,
        context: &Context,
        word: &str,
        quiet: bool,
        source: &Source,
    ) -> Result<(Simulation, bool), CliError> {
        let mut signals = EndSignals::take_over().map_err(|error| {
            CliError::new(Exit::Usage, format!("cannot listen for Ctrl-C: {error}"))
        })?;
        let began = context.env.clock.elapsed();
        let mut hearing = Hearing::new(Asked {
            drill: source.import.drill.name.to_string(),
            about: source.import.drill.about.clone(),
            first: self.first(),
            seeds: self.seeds(),
            again: self.again(word),
        });
        let mut simulator = self.start(context, word)?;
        let heard = hear(&mut simulator, &mut hearing, &mut signals, quiet).await;
        let is_over = matches!(heard, Ok(false));
        let how = simulator.end(is_over).await;
        let how = how.map_or_else(|error| error.to_string(), |status| status.to_string());
        let broken = |why: String| {
            CliError::new(Exit::Usage, why)
                .context(format!("program {}", simulator.program.display()))
                .advice(BUILD)
        };
        let stopped = heard.map_err(broken)?;
        let took = context.env.clock.elapsed().saturating_sub(began);
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let simulation = hearing.end(took_ms, stopped, &how).map_err(broken)?;
        Ok((simulation, stopped))
    }

    fn start(&self, context: &Context, word: &str) -> Result<Simulator, CliError> {
        let arguments = self.arguments(word);
        let candidates = candidates(
            context.environment.simulator.clone(),
            std::env::current_exe().ok(),
        );
        for program in &candidates {
            match Simulator::start(program.clone(), &arguments) {
                Ok(simulator) => return Ok(simulator),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let what = format!("the simulator cannot be started: {error}");
                    return Err(CliError::new(Exit::Usage, what)
                        .context(format!("program {}", program.display()))
                        .advice(BUILD));
                }
            }
        }
        let looked: Vec<String> = candidates
            .iter()
            .map(|program| program.display().to_string())
            .collect();
        Err(
            CliError::new(Exit::Usage, "the simulator, ana-sim, is not there")
                .context(format!("looked for {}", looked.join(", ")))
                .advice(BUILD),
        )
    }
}

/// What to do when there is none, or one that does not fit.
const BUILD: &str = "in the sources of this version: cargo build --release -p ana-sim; it is looked for beside this \
                     program, in PATH, and where ANA_SIM says";

/// Where the simulator may be: where the environment says and nowhere else, or beside this program, or in PATH.
fn candidates(named: Option<PathBuf>, this: Option<PathBuf>) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named];
    }
    let beside = this.and_then(|this| Some(this.parent()?.join(PROGRAM)));
    beside.into_iter().chain([PathBuf::from(PROGRAM)]).collect()
}

/// A simulator that runs, and the processes that it starts.
struct Simulator {
    program: PathBuf,
    child: Child,
    group: Option<Pid>,
    lines: tokio::io::Lines<BufReader<ChildStdout>>,
}

impl Simulator {
    fn start(program: PathBuf, arguments: &[String]) -> io::Result<Simulator> {
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A group of its own, so that it ends with everything that it started.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let stdout = child.stdout.take();
        let stdout = stdout.ok_or_else(|| io::Error::other("it has no standard output"))?;
        Ok(Simulator {
            program,
            child,
            group: id.and_then(Pid::from_raw),
            lines: BufReader::new(stdout).lines(),
        })
    }

    /// Waits for the end of one that is over, and ends any other with everything that it started.
    async fn end(&mut self, is_over: bool) -> io::Result<ExitStatus> {
        if let Some(group) = self.group
            && !is_over
            && kill_process_group(group, Signal::KILL).is_err()
        {
            // It has just ended by itself.
        }
        self.child.wait().await
    }
}

/// Hears the simulator to its end, or until a person ends it, which is told by `true`.
async fn hear(
    simulator: &mut Simulator,
    hearing: &mut Hearing,
    signals: &mut EndSignals,
    quiet: bool,
) -> Result<bool, String> {
    loop {
        let line = tokio::select! {
            biased;
            () = signals.next() => return Ok(true),
            line = simulator.lines.next_line() => line,
        };
        let line = line.map_err(|error| format!("the simulator cannot be heard: {error}"))?;
        let Some(line) = line else {
            return Ok(false);
        };
        let words = hearing.hear(&line)?;
        if let Some(words) = words.filter(|_| !quiet) {
            output::say(&words);
        }
    }
}

/// An error where the simulation cannot do what the drill says.
fn could_run((simulation, stopped): (Simulation, bool)) -> Result<(Simulation, bool), CliError> {
    if simulation.outcome != Outcome::CouldNotRun {
        return Ok((simulation, stopped));
    }
    let why = simulation.why.clone().unwrap_or_default();
    Err(CliError::new(Exit::Usage, why)
        .context(format!("drill {}", simulation.drill))
        .advice("run it on a cluster instead: ana up, then the same without --sim"))
}

fn print(context: &Context, simulation: &Simulation) -> Result<(), CliError> {
    match context.format {
        Format::Json => {
            let value = serde_json::to_value(simulation).map_err(|error| {
                CliError::new(Exit::Failed, format!("the document is not JSON: {error}"))
            })?;
            output::json(&value)
        }
        Format::Table => output::data(&text(simulation, context.paint())),
    }
}

#[cfg(test)]
mod simulate_test;
