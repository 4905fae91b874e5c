//! `ana server`: one node from a settings file, for real deployments; `ana up` starts these.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ana_env::real::Relayed;
use ana_env::runtime::Tasks;
use ana_env::{Listener, time};
use ana_raft::{SledCheckpoints, rebuild};
use ana_router::Expelled;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use super::{Context, explain_access};
use crate::access;
use crate::cluster::layout;
use crate::cluster::lock::DirLock;
use crate::cluster::meddle::SPARED;
use crate::config::{AuthMode, ConfigError, NodeConfig};
use crate::error::{CliError, Exit};
use crate::node::Node;
use crate::open_files;
use crate::output;
use crate::signals::EndSignals;

/// Run one node from a settings file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example files are in the folder cluster/ of the repository. The node ends in order on SIGTERM and
Ctrl-C. It writes its log to standard error.

Examples:
  ana server --config /etc/anabranch/node.toml
  ana server --config node.toml --auth on --credentials credentials.toml")]
pub(super) struct Server {
    /// The settings, TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Whether callers must sign, whatever the settings say; `on` needs --credentials or a file in the settings.
    #[arg(long, value_enum, value_name = "MODE")]
    auth: Option<AuthMode>,
    /// End at once when the parent process, which must have this id, ends; `ana up` uses it.
    #[arg(long, value_name = "PID")]
    die_with: Option<u32>,
    /// Serve the connections, too, that the parent process has accepted and gives away over standard input; `ana up`
    /// uses it.
    #[arg(long)]
    clients_on_stdin: bool,
    /// Read and check the settings, then end.
    #[arg(long)]
    check: bool,
}

/// Why a node ends that nobody has asked to.
#[derive(Debug)]
enum Ending {
    /// A log cannot be written.
    Failed(String),
    /// The cluster goes on without it.
    Expelled(Expelled),
}

impl Ending {
    /// What is said of it, and what to do.
    fn explain(self, dir: &Path) -> CliError {
        let (exit, what, advice) = match self {
            Self::Expelled(why) => (
                Exit::Expelled,
                why.to_string(),
                "its id is never used again: ana node replace, or ana node add, starts another one",
            ),
            Self::Failed(why) => (
                Exit::Failed,
                format!("a log cannot be written: {why}"),
                "look at the disk, then start the node again: it recovers by itself",
            ),
        };
        CliError::new(exit, what)
            .context(format!("directory {}", dir.display()))
            .advice(advice)
    }
}

/// Where the kernel cannot tell, the parent is looked for this often.
const PARENT_LOOK_EVERY: Duration = Duration::from_millis(500);

impl Server {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let disk = context.env.disk.as_ref();
        let change = |config: &mut NodeConfig| self.override_auth(config, context);
        let config = NodeConfig::read(disk, &self.config, change).await;
        let mut config = config.map_err(|error| self.explain_config(&error))?;
        if self.check {
            // The files that they name as well.
            if let Some(tls) = &config.tls {
                let tls = access::tls(disk, tls).await;
                tls.map_err(|error| explain_access(&error))?;
            }
            let checked = access::authentication(disk, &config.auth, &config.region).await;
            checked.map_err(|error| explain_access(&error))?;
            output::say("the settings are good");
            return Ok(Exit::Ok);
        }
        start_logging(&config.log_level)?;
        open_files::fit(&mut config);
        let mut signals = EndSignals::take_over().map_err(|error| {
            CliError::new(Exit::Failed, format!("cannot listen for SIGTERM: {error}"))
        })?;
        let orphaned = Tasks::new();
        let (parent_ended, mut parent_gone) = tokio::sync::oneshot::channel();
        if let Some(parent) = self.die_with {
            die_with(parent)?;
            orphaned.spawn(async move {
                while is_parent(parent) {
                    time::sleep(PARENT_LOOK_EVERY).await;
                }
                if parent_ended.send(()).is_err() {
                    // The node is ending already.
                }
            });
        }
        let dir = config.data_dir.clone();
        let made = layout::make_dir(context.env.disk.as_ref(), &dir).await;
        made.map_err(|error| CliError::file("create the data directory", &dir, &error))?;
        let _lock = DirLock::take(&dir).map_err(|error| {
            CliError::new(Exit::Failed, error.to_string())
                .advice("one process per data directory: stop the other one")
        })?;
        finish_wipe(context, &config).await?;
        let checkpoints = open_checkpoints(&dir).await?;
        let given = self.given()?;
        let node = Node::start_given(context.env.clone(), config, Arc::new(checkpoints), given);
        let node = node.await.map_err(|error| {
            CliError::new(Exit::Failed, format!("the node cannot start: {error}"))
                .context(format!("settings {}", self.config.display()))
        })?;
        let watch_parent = self.die_with.is_some();
        let failure = tokio::select! {
            () = signals.next() => {
                node.hand_over().await;
                None
            }
            _ = &mut parent_gone, if watch_parent => None,
            why = node.until_failed() => Some(Ending::Failed(why)),
            why = node.until_expelled() => Some(Ending::Expelled(why)),
        };
        tracing::info!(?failure, "ending");
        node.shutdown().await;
        failure.map_or(Ok(Exit::Ok), |why| Err(why.explain(&dir)))
    }

    /// Where connections come from besides the address listened at.
    fn given(&self) -> Result<Option<Box<dyn Listener>>, CliError> {
        if !self.clients_on_stdin {
            return Ok(None);
        }
        match Relayed::from_stdin() {
            Ok(relayed) => Ok(Some(Box::new(relayed))),
            Err(error) => {
                let problem = format!("standard input gives no connections: {error}");
                Err(CliError::new(Exit::Usage, problem)
                    .advice("leave --clients-on-stdin out: it is for `ana up`"))
            }
        }
    }

    /// What the command line says of authentication goes before what the file says.
    fn override_auth(&self, config: &mut NodeConfig, context: &Context) {
        if let Some(mode) = self.auth {
            config.auth.mode = mode;
            if mode == AuthMode::Off {
                config.auth.credentials = None;
            }
        }
        if let Some(credentials) = &context.credentials {
            config.auth.credentials = Some(credentials.clone());
        }
    }

    fn explain_config(&self, error: &ConfigError) -> CliError {
        CliError::new(Exit::Usage, error.to_string())
            .context(format!("settings {}", self.config.display()))
            .advice("each key is described in crates/ana-node/src/config.rs; examples: cluster/")
    }
}

/// Does what is left of a wipe that was cut off, before anything of the directory is opened.
async fn finish_wipe(context: &Context, config: &NodeConfig) -> Result<(), CliError> {
    let (disk, dir) = (context.env.disk.as_ref(), config.data_dir.as_path());
    let failed = |error| CliError::file("look for a wipe in", dir, &error);
    if !rebuild::is_marked(disk, dir).await.map_err(failed)? {
        return Ok(());
    }
    if !config.disposable {
        let what = "the directory is marked to be wiped, and the node is not disposable";
        return Err(CliError::new(Exit::Failed, what)
            .context(format!("directory {}", dir.display()))
            .advice("remove the file `wipe` there only if you know that nothing is missing"));
    }
    let wiped = rebuild::wipe(disk, dir, SPARED).await;
    let wiped = wiped.map_err(|error| CliError::file("wipe", dir, &error))?;
    tracing::warn!(wiped, "a wipe that was cut off is finished");
    Ok(())
}

async fn open_checkpoints(dir: &Path) -> Result<SledCheckpoints, CliError> {
    let dir = dir.join("checkpoints");
    let opened = SledCheckpoints::open(&dir).await;
    opened.map_err(|error| {
        let problem = format!("cannot open the checkpoints: {error}");
        CliError::new(Exit::Failed, problem)
            .context(format!("directory {}", dir.display()))
            .advice("it only makes starts fast: remove the directory and start again")
    })
}

/// Asks the kernel to kill us when the parent ends, and makes sure that it has not ended before.
fn die_with(parent: u32) -> Result<(), CliError> {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        tracing::warn!(%error, "the kernel does not tell of the parent's end; looking for it");
    }
    if is_parent(parent) {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Failed,
        format!("process {parent} is not the parent of this one"),
    )
    .advice("leave --die-with out unless the parent gives its own id"))
}

fn is_parent(parent: u32) -> bool {
    getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok()) == Some(parent)
}

fn start_logging(filter: &str) -> Result<(), CliError> {
    let wrong = |error: String| {
        CliError::new(Exit::Usage, format!("log_level: {error}"))
            .advice("use error, warn, info, debug, trace, or a filter such as info,ana_raft=debug")
    };
    let filter =
        tracing_subscriber::EnvFilter::try_new(filter).map_err(|e| wrong(e.to_string()))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init()
        .map_err(|error| wrong(error.to_string()))
}
