//! The command line: one file per command, each with its options, its help and its work.
//!
//! Must stay true: a command learns about the cluster only through the public endpoint, the admin
//! paths (`/_ana/status`, `/_ana/health`, `/_ana/faults`, `/_ana/leaders`) and the supervisor's paths; about runs of
//! drills through the files that they leave.

mod bench;
mod completion;
mod consumer;
mod drill;
mod env;
mod fault;
mod leader;
mod limits;
mod node;
mod put;
mod server;
mod status;
mod stream;
mod tail;
mod up;
mod verify;
mod zone;

use std::path::PathBuf;
use std::sync::Arc;

use ana_env::Env;
use ana_gateway::Signer;
use ana_types::Region;
use clap::{Parser, Subcommand};
use futures::future::LocalBoxFuture;

use crate::access::{AccessError, read_credentials};
use crate::client::Client;
use crate::client::access::Access;
use crate::client::endpoint::{DEFAULT, Endpoint};
use crate::client::error::ClientError;
use crate::config::{Environment, read_text};
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
    /// The certificates to trust at https endpoints, PEM.
    #[arg(
        long,
        global = true,
        env = "AWS_CA_BUNDLE",
        value_name = "FILE",
        hide_env_values = true
    )]
    ca: Option<PathBuf>,
    /// Who may call (`up`, `server` with --auth on); other commands sign with its first entry. Without it they sign
    /// with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where these are set.
    #[arg(long, global = true, value_name = "FILE")]
    credentials: Option<PathBuf>,
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
  ana drill run zone-loss                  lose a zone by a plan, and see what held
  ana verify                               is everything that was acknowledged still there?

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 already exists, 5 throttled, 6 unavailable,
7 timed out, 8 not allowed, 10 unhealthy, 11 an acknowledged record is lost, 12 a node that was
removed, 130 interrupted. Those of `ana drill run` are its own.";

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Server(server::Server),
    Status(status::Status),
    #[command(subcommand)]
    Stream(stream::Stream),
    #[command(subcommand)]
    Consumer(consumer::Consumer),
    Limits(limits::Limits),
    Put(put::Put),
    Tail(tail::Tail),
    Env(env::PrintEnv),
    #[command(subcommand)]
    Node(node::Node),
    #[command(subcommand)]
    Zone(zone::Zone),
    #[command(subcommand)]
    Leader(leader::Leader),
    #[command(subcommand)]
    Fault(fault::Fault),
    #[command(subcommand)]
    Drill(drill::Drill),
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
    /// Whom to trust there and what to sign with.
    pub access: Access,
    /// The CA file, as given.
    pub ca: Option<PathBuf>,
    /// The credentials file, as given.
    pub credentials: Option<PathBuf>,
    /// How to print the answer.
    pub format: Format,
    /// Facts of the environment.
    pub environment: Environment,
}

impl Context {
    /// A client of the endpoint.
    pub fn client(&self) -> Client {
        Client::new(self.env.clone(), self.endpoint.clone(), self.access.clone())
    }

    /// Reads the files that say whom to trust and what to sign with.
    async fn read_access(&self) -> Result<Access, CliError> {
        let disk = self.env.disk.as_ref();
        let mut access = Access::default();
        if let (Some(path), true) = (&self.ca, self.endpoint.is_tls()) {
            let pem = read_text(disk, path).await;
            let pem = pem.map_err(|error| CliError::file("read the CA file", path, &error))?;
            access = access.trusting(pem.as_bytes()).map_err(|error| {
                CliError::new(Exit::Usage, format!("the CA file cannot be used: {error}"))
                    .context(format!("file {}", path.display()))
                    .advice("try: the file that `ana up --tls` names")
            })?;
        }
        let region = self.environment.aws_region.as_deref();
        let region = region.map_or_else(|| Region::default().to_string(), str::to_owned);
        if let Some(path) = &self.credentials {
            let read = read_credentials(disk, path).await;
            let credentials = read.map_err(|error| explain_access(&error))?;
            return Ok(access.signing(Signer::first_of(&credentials, &region)));
        }
        Ok(match &self.environment.aws_keys {
            None => access,
            Some(keys) => {
                let token = keys.session_token.as_deref();
                let signer = Signer::new(&keys.access_key, &keys.secret_key, token, &region);
                access.signing(signer)
            }
        })
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

impl Command {
    /// Whether it talks to the endpoint; the others start something or only print.
    fn is_client(&self) -> bool {
        !matches!(
            self,
            Command::Up(_) | Command::Server(_) | Command::Env(_) | Command::Completion(_)
        )
    }
}

/// A credentials file or certificate that cannot be used, as a person should read it.
fn explain_access(error: &AccessError) -> CliError {
    CliError::new(Exit::Usage, error.to_string())
        .advice("the form of a credentials file is described in docs/OPERATING.md")
}

/// Runs the command of a parsed command line.
///
/// # Errors
/// What the person should read; the exit code is in it.
pub fn run(cli: Cli, env: Env) -> LocalBoxFuture<'static, Result<Exit, CliError>> {
    Box::pin(async move {
        let Cli {
            endpoint,
            ca,
            credentials,
            output,
            command,
        } = cli;
        let mut context = Context {
            env,
            endpoint,
            access: Access::default(),
            ca,
            credentials,
            format: output,
            environment: Environment::read(),
        };
        if command.is_client() {
            context.access = context.read_access().await?;
        }
        match command {
            Command::Up(up) => Box::pin(up.run(&context)).await,
            Command::Server(server) => Box::pin(server.run(&context)).await,
            Command::Status(status) => status.run(&context).await,
            Command::Stream(stream) => stream.run(&context).await,
            Command::Consumer(consumer) => consumer.run(&context).await,
            Command::Limits(limits) => limits.run(&context).await,
            Command::Put(put) => put.run(&context).await,
            Command::Tail(tail) => tail.run(&context).await,
            Command::Env(env) => env.run(&context),
            Command::Node(node) => node.run(&context).await,
            Command::Zone(zone) => zone.run(&context).await,
            Command::Leader(leader) => leader.run(&context).await,
            Command::Fault(fault) => Box::pin(fault.run(&context)).await,
            Command::Drill(drill) => Box::pin(drill.run(&context)).await,
            Command::Verify(verify) => Box::pin(verify.run(&context)).await,
            Command::Bench(bench) => bench.run(&context).await,
            Command::Completion(completion) => completion.run(),
        }
    })
}

#[cfg(test)]
mod commands_test;
