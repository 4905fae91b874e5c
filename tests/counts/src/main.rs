//! `ana-counts`: how many instructions the hot paths take, counted by valgrind. Seconds differ from run to run; the count of
//! one build hardly does, whatever else the machine is doing.
//!
//! Must stay true:
//! - a case does the same work in every run: no clock, no thread, no randomness that is not seeded, but for the
//!   hash maps of libraries (some ten-thousandths);
//! - what it needs is made outside of [`measured`], what it measures is called inside, once.

use std::hint::black_box;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod cases;
mod valgrind;

use cases::Case;

/// How many instructions the hot paths take.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Counts every case, or those named, and fails where one takes more than it may.
    Check { cases: Vec<String> },
    /// Writes where the instructions of one case go into a file for callgrind_annotate.
    Profile { case: String },
    /// Runs one case without counting: what valgrind is given to run.
    Run { case: String },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Check { cases } => valgrind::check(&cases::named(&cases)?),
        Command::Profile { case } => valgrind::profile(cases::one(&case)?),
        Command::Run { case } => {
            (cases::one(&case)?.run)();
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Does what is to be counted. valgrind finds it by its name.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}
