//! The program `ana`: makes a runtime, runs one command, tells its exit code.
//!
//! Everything runs inside one scope of seeded randomness, because openraft draws its timeouts from
//! the task it runs in.

use std::process::ExitCode;

use ana_env::{Env, runtime};
use ana_node::commands::{self, Cli};
use ana_node::error::{CliError, Exit};
use ana_node::output;
use clap::Parser;

/// Half of what a put costs in memory management with the system's allocator, and it gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if ana_types::planted::COMPILED_IN {
        output::say(
            "error: this build can make mistakes on purpose (feature `planted`) and serves nobody",
        );
        return Exit::Failed.into();
    }
    let cli = Cli::parse();
    let env = Env::real();
    let seed = env.rng.next_u64();
    let tokio = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(tokio) => tokio,
        Err(error) => {
            output::say(&format!("error: cannot start the runtime: {error}"));
            return Exit::Failed.into();
        }
    };
    let outcome = tokio.block_on(runtime::scope(seed, commands::run(cli, env)));
    // A read of standard input cannot be cancelled; do not wait for it.
    tokio.shutdown_background();
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            tell(&error);
            error.exit().into()
        }
    }
}

fn tell(error: &CliError) {
    if !error.is_silent() {
        output::say(&error.to_string());
    }
}
