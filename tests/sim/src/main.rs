//! `ana-sim`: runs seeds, repeats one, and proves that a seed gives one trace.

use std::process::ExitCode;

use ana_sim::commands::Arguments;
use clap::Parser as _;

fn main() -> anyhow::Result<ExitCode> {
    Arguments::parse().run()
}
