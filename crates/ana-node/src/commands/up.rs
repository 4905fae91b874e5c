//! `ana up`: a whole cluster on this machine, three zones of child processes and a front door.

mod real;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ana_env::real::Doorway;
use ana_env::runtime::Tasks;
use ana_env::time;
use ana_gateway::Authentication;
use ana_types::Region;
use serde_json::json;
use tokio::sync::watch;

use super::{Context, explain_access};
use crate::access;
use crate::cluster::certificates::{self, Certificates};
use crate::cluster::front_door::FrontDoor;
use crate::cluster::health::keep_checking;
use crate::cluster::layout::{self, Layout, Shape};
use crate::cluster::lock::{DirLock, LockError};
use crate::cluster::members::{self, Members};
use crate::cluster::real::Real;
use crate::cluster::roster::Roster;
use crate::cluster::supervisor::{Handle, NodeState, Supervisor};
use crate::cluster::supervisor_api::{About, SupervisorApi};
use crate::config::{
    AuthMode, AuthSettings, LimitsSetting, OnDemandSettings, PlainSetting, TlsSettings,
};
use crate::error::{CliError, Exit};
use crate::fis;
use crate::open_files;
use crate::output::{self, Format};
use crate::signals::EndSignals;

/// Start a whole cluster on this machine: three zones, one address; Ctrl-C stops it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The nodes are child processes on loopback; a node that dies stays down until `ana node start`.
The data directory holds everything: plan, settings, data and logs. Started again on it, the
cluster goes on with the same data. Without --data-dir it is $XDG_DATA_HOME/anabranch, or
~/.local/share/anabranch.

Examples:
  ana up
  ana up --data-dir /tmp/try --port 5000
  ana up --single --limits off           one node, no shard limits: for quick tests
  ana up --tls                           https on the same port, with a local certificate
  ana up --auth on --credentials FILE    only those in the file may call
  ana up --real                          as root: faults of drills by the kernel's own means (docs/DRILLS.md)")]
pub(super) struct Up {
    /// Nodes in each of the three zones.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    nodes_per_zone: Option<u32>,
    /// Where everything is kept.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The port of the front door; 0 takes a free one.
    #[arg(long, default_value = "4567")]
    port: u16,
    /// AWS's per-shard limits.
    #[arg(long, value_enum, default_value = "aws")]
    limits: LimitsSetting,
    /// One node in one zone.
    #[arg(long, conflicts_with = "nodes_per_zone")]
    single: bool,
    /// How long streams show CREATING, UPDATING and DELETING at least, milliseconds.
    #[arg(long, value_name = "MS", default_value = "200")]
    transition_ms: u64,
    /// Serve https on the same port as well, with a certificate made for this machine.
    #[arg(long)]
    tls: bool,
    /// Give each node a network namespace, an ext4 file system and a cgroup of its own, for `ana drill run --real`; Linux
    /// and root. All of it is removed at the end.
    #[arg(long, conflicts_with = "tls")]
    real: bool,
    /// Whether callers must sign; `on` needs --credentials.
    #[arg(long, value_enum, value_name = "MODE", default_value = "off")]
    auth: AuthMode,
    /// On-demand streams split a busy shard after so many seconds and merge idle ones after three times as many; 60
    /// seconds and a day without it, as on AWS.
    #[arg(
        long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=86_400)
    )]
    on_demand_seconds: Option<u32>,
    /// What the nodes write to their logs.
    #[arg(long, value_name = "FILTER", default_value = "info,openraft=warn")]
    log_level: String,
}

/// Nodes that were added later are waited for so long: one that the cluster does not know yet does not answer.
const ADDED_MAX: Duration = Duration::from_secs(15);
/// Nodes must answer within this after the start.
const READY_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Lines of a dead node's log that are shown.
const LOG_LINES: usize = 12;

impl Up {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let mut signals = EndSignals::take_over().map_err(|error| {
            CliError::new(Exit::Failed, format!("cannot listen for Ctrl-C: {error}"))
        })?;
        // Two for each connection; the nodes inherit the limit.
        open_files::raise();
        let dir = self
            .data_dir
            .clone()
            .unwrap_or_else(|| context.environment.data_dir());
        let dir = std::path::absolute(&dir)
            .map_err(|error| CliError::file("find the data directory", &dir, &error))?;
        let made = layout::make_dir(context.env.disk.as_ref(), &dir).await;
        made.map_err(|error| CliError::file("create the data directory", &dir, &error))?;
        let _lock = DirLock::take(&dir).map_err(|error| explain_lock(&error))?;
        let (doorway, address) = self.open_doorway().await?;
        let near = address
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        let near = near.filter(|_| self.port != 0);
        let names = real::names(self.real, context, &dir).await?;
        let layout = Layout::open(&context.env, &dir, self.shape(), near, names.as_ref()).await?;
        let protection = self.protect(context, &layout).await?;
        self.write_configs(context, &layout, &address, &protection)
            .await?;
        let real = real::set_up(context, &layout, names).await?;
        let parts = ((doorway, address), protection, real.clone());
        let outcome = Box::pin(self.serve(context, layout, parts, &mut signals)).await;
        real::take_away(real.as_deref()).await;
        outcome
    }

    /// Makes certificates and reads credentials, so that what is wrong with them is told before anything starts.
    async fn protect(&self, context: &Context, layout: &Layout) -> Result<Protection, CliError> {
        let disk = context.env.disk.as_ref();
        let credentials = match &context.credentials {
            None => None,
            Some(path) => {
                let absolute = std::path::absolute(path);
                Some(absolute.map_err(|e| CliError::file("find the credentials file", path, &e))?)
            }
        };
        let auth = AuthSettings {
            mode: self.auth,
            credentials,
        };
        auth.check_options()
            .map_err(|why| CliError::new(Exit::Usage, why).advice("try: ana up --help"))?;
        let region = Region::default().to_string();
        let authentication = access::authentication(disk, &auth, &region).await;
        let authentication = authentication.map_err(|error| explain_access(&error))?;
        let certificates = if self.tls {
            let now_ms = context.env.clock.now_ms();
            let host_name = host_name(context);
            let dir = layout.tls_dir();
            let made = certificates::prepare(disk, &dir, now_ms, host_name.as_deref()).await;
            Some(made.map_err(|error| {
                CliError::new(Exit::Failed, format!("cannot make certificates: {error}"))
                    .context(format!("directory {}", dir.display()))
                    .advice("try: remove that directory (clients must then trust a new authority)")
            })?)
        } else {
            None
        };
        Ok(Protection {
            auth,
            authentication,
            certificates,
        })
    }

    fn shape(&self) -> Option<Shape> {
        if self.single {
            return Some(Shape::Single);
        }
        self.nodes_per_zone
            .map(|nodes_per_zone| Shape::Zones { nodes_per_zone })
    }

    /// The front door's socket, and its address.
    async fn open_doorway(&self) -> Result<(Doorway, String), CliError> {
        let address = format!("127.0.0.1:{}", self.port);
        let failed = |error| {
            CliError::new(Exit::Failed, format!("cannot listen at {address}: {error}"))
                .context("it is the address of the front door")
                .advice("try: ana status (is a cluster running already?), or another --port")
        };
        let doorway = Doorway::bind(&address).await.map_err(failed)?;
        let bound = doorway.local_addr().map_err(failed)?;
        Ok((doorway, bound))
    }

    async fn write_configs(
        &self,
        context: &Context,
        layout: &Layout,
        front_door: &str,
        protection: &Protection,
    ) -> Result<(), CliError> {
        let disk = context.env.disk.as_ref();
        let dir = layout.config_dir();
        let failed = |error| CliError::file("write the nodes' settings", &dir, &error);
        disk.create_dir_all(&dir).await.map_err(failed)?;
        disk.create_dir_all(&layout.log_dir())
            .await
            .map_err(failed)?;
        for node in layout.nodes() {
            let mut config = members::config(layout, node);
            config.limits = self.limits;
            config.transition_ms = self.transition_ms;
            config.log_level.clone_from(&self.log_level);
            config.supervisor = Some(front_door.to_owned());
            // A cluster for trying things out is one for trying faults out.
            config.disposable = true;
            config.machine_only = self.real;
            config.auth = protection.auth.clone();
            config.tls = protection.certificates.as_ref().map(|made| TlsSettings {
                certificate: made.certificate.clone(),
                key: made.key.clone(),
                // The supervisor asks for health over it, on loopback.
                plain: PlainSetting::Allow,
            });
            if let Some(seconds) = self.on_demand_seconds {
                config.on_demand = OnDemandSettings::within_seconds(seconds);
            }
            config.check().map_err(|error| {
                CliError::new(Exit::Usage, error.to_string()).advice("try: ana up --help")
            })?;
            let text = config.to_toml().into();
            layout::save(disk, &dir, &Layout::config_name(node.id), text)
                .await
                .map_err(failed)?;
        }
        Ok(())
    }

    /// Runs the cluster until a signal comes.
    ///
    /// The supervisor is polled here, on the main thread, because children die with the thread
    /// that started them.
    async fn serve(
        &self,
        context: &Context,
        layout: Layout,
        ((doorway, address), protection, real): ((Doorway, String), Protection, Option<Arc<Real>>),
        signals: &mut EndSignals,
    ) -> Result<Exit, CliError> {
        let exe = std::env::current_exe().map_err(|error| {
            CliError::new(
                Exit::Failed,
                format!("cannot find this program's file: {error}"),
            )
        })?;
        let ca = protection.certificates.map(|made| made.ca);
        let scheme = if ca.is_some() { "https" } else { "http" };
        let endpoint = format!("{scheme}://{address}");
        let opened = open_fis(context, &layout, &address, &protection.auth).await?;
        let roster = Arc::new(Roster::new(layout.nodes()));
        let disk = Arc::clone(&context.env.disk);
        let (supervisor, handle) = Supervisor::new(exe, disk, layout.clone(), Arc::clone(&roster));
        let supervisor = supervisor.in_places_of(real.clone());
        let about = About {
            endpoint,
            data_dir: layout.dir().display().to_string(),
            ca,
        };
        let env = context.env.clone();
        let members = Members::new(env, layout.clone(), handle.clone());
        let authentication = protection.authentication;
        let api = SupervisorApi::new(handle.clone(), members, about.clone(), authentication);
        let tasks = Tasks::new();
        let kernel = real.as_ref().map(|real| {
            let (kernel, keeping) = real.faults();
            tasks.spawn(keeping);
            kernel
        });
        let api = api.with_kernel(kernel);
        let door = FrontDoor::new(context.env.clone(), Arc::clone(&roster), api);
        let drills = opened.fis;
        tasks.spawn(door.with_fis(drills.clone()).serve(doorway));
        tasks.spawn(opened.service.run());
        tasks.spawn(keep_checking(context.env.clone(), roster));

        let (end, ended) = watch::channel(false);
        let processes = supervisor.run(until_true(ended));
        let life = self.live(context, &layout, &about, &handle, signals);
        let life = async {
            let outcome = life.await;
            if outcome.is_ok() {
                output::say("stopping");
            }
            drills.end().await;
            if end.send(true).is_err() {
                // The supervisor has ended by itself; its outcome tells why.
            }
            outcome
        };
        let (processes, life) = futures::join!(processes, life);
        tasks.shutdown().await;
        if let Err(why) = processes {
            return Err(CliError::new(Exit::Failed, why)
                .context(format!("data directory {}", layout.dir().display())));
        }
        life?;
        output::say("stopped; the data is kept");
        Ok(Exit::Ok)
    }

    async fn live(
        &self,
        context: &Context,
        layout: &Layout,
        about: &About,
        handle: &Handle,
        signals: &mut EndSignals,
    ) -> Result<(), CliError> {
        tokio::select! {
            biased;
            () = signals.next() => return Ok(()),
            ready = wait_until_ready(context, layout, handle) => ready?,
        }
        self.greet(context, layout, about, handle)?;
        signals.next().await;
        Ok(())
    }

    fn greet(
        &self,
        context: &Context,
        layout: &Layout,
        about: &About,
        handle: &Handle,
    ) -> Result<(), CliError> {
        let status = format!("{}/_ana/status", about.endpoint);
        if context.format == Format::Json {
            let document = json!({
                "endpoint": about.endpoint,
                "status": status,
                "data_dir": about.data_dir,
                "ca": about.ca,
                "pid": std::process::id(),
                "nodes": handle.nodes(),
            });
            return output::line(&document.to_string());
        }
        let zones: std::collections::BTreeSet<&str> = layout
            .nodes()
            .iter()
            .map(|node| node.zone.as_str())
            .collect();
        let ana = program_name();
        let mut at = if self.port == 4567 && about.ca.is_none() {
            String::new()
        } else {
            format!(" --endpoint {}", about.endpoint)
        };
        let mut trust = String::new();
        if let Some(ca) = &about.ca {
            let ca = ca.display();
            at.push_str(&format!(" --ca {ca}"));
            trust = format!(
                "  trust     {ca}\n\n\
                 Plain http is served there too. For https, tell your SDK whom to trust:\n\n\
                 \x20 export AWS_CA_BUNDLE={ca}        # AWS CLI, boto3, ana\n\
                 \x20 export NODE_EXTRA_CA_CERTS={ca}  # JavaScript\n"
            );
        }
        if let Some(credentials) = context.credentials.as_ref() {
            at.push_str(&format!(" --credentials {}", credentials.display()));
        }
        output::data(&format!(
            "Anabranch is up: {} nodes, zones {}.\n\n\
             \x20 endpoint  {}\n\
             \x20 status    {status}\n\
             \x20 data      {}\n{trust}\n\
             Try in another terminal:\n\n\
             \x20 {ana}{at} stream create orders --shards 4 --wait\n\
             \x20 {ana}{at} put orders -k alice 'hello'\n\
             \x20 eval $({ana}{at} env); aws kinesis list-streams\n\n\
             Ctrl-C stops everything; the data is kept.\n",
            layout.nodes().len(),
            zones.into_iter().collect::<Vec<_>>().join(", "),
            about.endpoint,
            about.data_dir,
        ))
    }
}

/// Who may call the cluster, and its certificates.
struct Protection {
    auth: AuthSettings,
    authentication: Authentication,
    certificates: Option<Certificates>,
}

/// Opens the API of FIS, and tells what was kept for it and cannot be read.
async fn open_fis(
    context: &Context,
    layout: &Layout,
    front_door: &str,
    auth: &AuthSettings,
) -> Result<fis::Opened, CliError> {
    let place = fis::Place {
        data_dir: layout.dir(),
        front_door,
        auth,
    };
    let opened = fis::open(&context.env, &place).await.map_err(|error| {
        let what = format!("the API of FIS cannot be opened: {error}");
        CliError::new(Exit::Failed, what)
            .context(format!(
                "its files are kept in {}",
                layout.dir().join("fis").display()
            ))
            .advice("check the permissions of that directory")
    })?;
    for file in &opened.unreadable {
        output::say(&format!("left out, remove it: {file}"));
    }
    Ok(opened)
}

/// The name that other machines may call this one by.
fn host_name(context: &Context) -> Option<String> {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    told.or_else(|| context.environment.host_name.clone())
}

async fn until_true(mut value: watch::Receiver<bool>) {
    if value.wait_for(|value| *value).await.is_err() {
        // The sender has gone: that is an end too.
    }
}

/// Waits until every node answers; tells the progress.
async fn wait_until_ready(
    context: &Context,
    layout: &Layout,
    handle: &Handle,
) -> Result<(), CliError> {
    let began = context.env.clock.elapsed();
    let mut told = None;
    loop {
        let nodes = handle.nodes();
        let up = nodes
            .iter()
            .filter(|node| node.state == NodeState::Up)
            .count();
        if told != Some(up) {
            output::say(&format!("{up} of {} nodes up", nodes.len()));
            told = Some(up);
        }
        let waited = context.env.clock.elapsed().saturating_sub(began);
        let founders_up = nodes
            .iter()
            .filter(|node| layout.is_founder(node.id))
            .all(|node| node.state == NodeState::Up);
        if up == nodes.len() || (up > 0 && founders_up && waited > ADDED_MAX) {
            return Ok(());
        }
        let dead = nodes
            .iter()
            .find(|node| node.starts > 0 && node.state == NodeState::Down && !node.is_expelled());
        if let Some(node) = dead {
            let log = layout.log_file(node.id);
            let tail = last_lines(&log);
            return Err(
                CliError::new(Exit::Failed, format!("node {} {}", node.id, node.reason))
                    .context(format!("its log, {}, ends with:\n{tail}", log.display()))
                    .advice("try: another --data-dir, or mend what the log says"),
            );
        }
        if waited > READY_MAX {
            let what = format!(
                "{up} of {} nodes up after {} s",
                nodes.len(),
                READY_MAX.as_secs()
            );
            return Err(CliError::new(Exit::TimedOut, what)
                .context(format!("logs: {}", layout.log_dir().display())));
        }
        time::sleep(LOOK_EVERY).await;
    }
}

fn last_lines(path: &Path) -> String {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("    ({error})"),
    };
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(LOG_LINES);
    lines
        .iter()
        .skip(first)
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// How the person called us, when it was by a path; else the plain name.
fn program_name() -> String {
    std::env::args()
        .next()
        .filter(|name| name.contains('/'))
        .unwrap_or_else(|| "ana".to_owned())
}

fn explain_lock(error: &LockError) -> CliError {
    CliError::new(Exit::Failed, error.to_string())
        .context("a data directory is used by one `ana up` at a time")
        .advice("try: ana status (it is running already), or another --data-dir")
}
