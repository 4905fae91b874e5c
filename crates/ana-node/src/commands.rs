//! The command line: one file per command, each with its options, its help and its work.
//!
//! Must stay true: a command learns about the cluster only through the public endpoint, the admin
//! paths (`/_ana/status`, `/_ana/health`) and the supervisor's paths.

mod bench;
mod completion;
mod env;
mod node;
mod put;
mod server;
mod status;
mod stream;
mod tail;
mod up;
mod verify;
mod zone;

use std::sync::Arc;

use ana_env::Env;
use clap::{Parser, Subcommand};

use crate::client::Client;
use crate::client::endpoint::{DEFAULT, Endpoint};
use crate::client::error::ClientError;
use crate::config::Environment;
use crate::error::{CliError, Exit};
use crate::output::{Format, Paint};

/// Amazon Kinesis Data Streams on your own machines: three zones, real fail-over, your SDK
/// unchanged.
#[derive(Debug, Parser)]
#[command(
    name = "ana",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = FIRST_STEPS,
    arg_required_else_help = true
)]
pub struct Cli {
    /// The cluster's address.
    #[arg(
        long, global = true, env = "ANA_ENDPOINT", value_name = "URL",
        default_value = DEFAULT, hide_env_values = true
    )]
    endpoint: Endpoint,
    /// How answers are printed; words for people always go to standard error.
    #[arg(short, long, global = true, value_enum, default_value = "table")]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  ana up                                   start three zones on this machine (Ctrl-C stops them)
  eval $(ana env)                          point the AWS CLI and SDKs at them
  ana stream create orders --shards 4 --wait
  ana put orders -k alice 'hello'          write a record
  ana tail orders --from horizon           read all records, then wait for more
  ana zone kill b                          lose a zone; puts and tails go on
  ana verify                               is everything that was acknowledged still there?

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 already exists, 5 throttled, 6 unavailable,
7 timed out, 8 not allowed, 10 unhealthy, 11 an acknowledged record is lost, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Server(server::Server),
    Status(status::Status),
    #[command(subcommand)]
    Stream(stream::Stream),
    Put(put::Put),
    Tail(tail::Tail),
    Env(env::PrintEnv),
    #[command(subcommand)]
    Node(node::Node),
    #[command(subcommand)]
    Zone(zone::Zone),
    Verify(verify::Verify),
    #[command(subcommand)]
    Bench(bench::Bench),
    Completion(completion::Completion),
}

/// What every command is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// The seams.
    pub env: Env,
    /// The cluster's address.
    pub endpoint: Endpoint,
    /// How to print the answer.
    pub format: Format,
    /// Facts of the environment.
    pub environment: Environment,
}

impl Context {
    /// A client of the endpoint.
    pub fn client(&self) -> Client {
        Client::new(self.env.clone(), self.endpoint.clone())
    }

    /// The same, to be shared by tasks.
    pub fn shared_client(&self) -> Arc<Client> {
        Arc::new(self.client())
    }

    /// A client's error as a person should read it.
    pub fn explain(&self, error: ClientError) -> CliError {
        error.into_cli(&self.endpoint)
    }

    /// Colours for standard output.
    pub fn paint(&self) -> Paint {
        Paint::for_stdout(self.environment.no_color)
    }
}

/// Runs the command of a parsed command line.
///
/// # Errors
/// What the person should read; the exit code is in it.
pub async fn run(cli: Cli, env: Env) -> Result<Exit, CliError> {
    let Cli {
        endpoint,
        output,
        command,
    } = cli;
    let environment = Environment::read();
    let context = Context {
        env,
        endpoint,
        format: output,
        environment,
    };
    match command {
        Command::Up(up) => Box::pin(up.run(&context)).await,
        Command::Server(server) => Box::pin(server.run(&context)).await,
        Command::Status(status) => status.run(&context).await,
        Command::Stream(stream) => stream.run(&context).await,
        Command::Put(put) => put.run(&context).await,
        Command::Tail(tail) => tail.run(&context).await,
        Command::Env(env) => env.run(&context),
        Command::Node(node) => node.run(&context).await,
        Command::Zone(zone) => zone.run(&context).await,
        Command::Verify(verify) => Box::pin(verify.run(&context)).await,
        Command::Bench(bench) => bench.run(&context).await,
        Command::Completion(completion) => completion.run(),
    }
}

#[cfg(test)]
mod commands_test;
