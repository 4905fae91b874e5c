//! What a data directory of `ana up` holds, and the plan of its nodes.
//!
//! ```text
//!   DIR/ana.lock        held while `ana up` runs
//!   DIR/cluster.toml    the plan: ids, zones, addresses; written anew when nodes are added or removed
//!   DIR/config/         the settings of each node, written anew at each start
//!   DIR/node-1/         everything node 1 keeps, and nothing else
//!   DIR/logs/           what each node says
//!   DIR/tls/            certificates and keys, with --tls
//!   DIR/real.toml, DIR/images/   names and file systems of the nodes, with --real
//! ```
//! A node's own directory may be a mount point: nothing of ours stays open in it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ana_env::{Disk, Env, Open, time};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::real::Names;
use super::{lock, ports};
use crate::config::{MemberConfig, read_text};
use crate::error::{CliError, Exit};

const ZONES: [&str; 3] = ["a", "b", "c"];
const VERSION: u32 = 1;
/// The ports of nodes that have addresses of their own.
const API_PORT: u16 = 4568;
const PEER_PORT: u16 = 4569;
const PLAN_FILE: &str = "cluster.toml";
/// How long nodes of an earlier `ana up` may take to end.
const FORMER_MAX: Duration = Duration::from_secs(15);
/// How long one may hold its ports when it has let go of its lock.
const LETTING_GO_MAX: Duration = Duration::from_millis(500);
/// How often it is looked whether they have.
const FORMER_LOOK: Duration = Duration::from_millis(20);

/// How many nodes a new cluster gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One node in one zone.
    Single,
    /// Three zones with so many nodes each.
    Zones {
        /// Nodes in each zone, at least 1.
        nodes_per_zone: u32,
    },
}

/// The plan as it lies in `cluster.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    version: u32,
    /// Greater than every id that was ever given out; 0 until a node was added or removed.
    #[serde(default, skip_serializing_if = "is_zero")]
    next_id: u64,
    nodes: Vec<MemberConfig>,
    /// Those that founded the cluster; empty while these are the nodes themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    founders: Vec<MemberConfig>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde gives it a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A data directory and its nodes.
#[derive(Debug, Clone)]
pub struct Layout {
    dir: PathBuf,
    plan: Plan,
}

impl Layout {
    /// Opens the plan of `dir`, or makes one of `shape` (three zones of one node when not asked)
    /// with addresses near `port`, or those of `names` where nodes have addresses of their own.
    ///
    /// # Errors
    /// When the directory holds a cluster of another shape, or one of its ports is taken.
    pub async fn open(
        env: &Env,
        dir: &Path,
        shape: Option<Shape>,
        port: Option<u16>,
        names: Option<&Names>,
    ) -> Result<Layout, CliError> {
        let path = dir.join(PLAN_FILE);
        let text = match read_text(env.disk.as_ref(), &path).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut nodes = plan(shape, port, || env.rng.next_u64())?;
                if let Some(names) = names {
                    nodes.iter_mut().for_each(|node| move_to(node, names));
                }
                let layout = Layout::of_nodes(dir.to_owned(), nodes);
                layout
                    .save(env.disk.as_ref())
                    .await
                    .map_err(|error| CliError::file("write the cluster's plan", &path, &error))?;
                return Ok(layout);
            }
            Err(error) => return Err(CliError::file("read the cluster's plan", &path, &error)),
        };
        let layout = Layout {
            dir: dir.to_owned(),
            plan: read_plan(&path, &text)?,
        };
        layout.check_shape(shape)?;
        layout.wait_for_former().await?;
        if names.is_none() {
            layout.wait_for_ports().await?;
        }
        Ok(layout)
    }

    /// A layout of nodes that were planned elsewhere.
    pub fn of_nodes(dir: PathBuf, nodes: Vec<MemberConfig>) -> Layout {
        let plan = Plan {
            version: VERSION,
            next_id: 0,
            nodes,
            founders: Vec::new(),
        };
        Layout { dir, plan }
    }

    async fn save(&self, disk: &dyn Disk) -> io::Result<()> {
        let text = toml::to_string(&self.plan).expect("numbers and strings are always TOML");
        save(disk, &self.dir, PLAN_FILE, text.into()).await
    }

    /// Takes a node into the plan, durably.
    ///
    /// # Errors
    /// When the plan cannot be written; then it is as before.
    pub async fn add(&mut self, disk: &dyn Disk, node: MemberConfig) -> io::Result<()> {
        let mut next = self.clone();
        next.plan.next_id = self.next_id().max(node.id + 1);
        next.plan.founders = self.founders().to_vec();
        next.plan.nodes.push(node);
        next.save(disk).await?;
        *self = next;
        Ok(())
    }

    /// Takes a node out of the plan, durably. Its id is not given out again.
    ///
    /// # Errors
    /// When the plan cannot be written; then it is as before.
    pub async fn forget(&mut self, disk: &dyn Disk, id: u64) -> io::Result<()> {
        let mut next = self.clone();
        next.plan.next_id = self.next_id();
        next.plan.founders = self.founders().to_vec();
        next.plan.nodes.retain(|node| node.id != id);
        next.save(disk).await?;
        *self = next;
        Ok(())
    }

    /// The id for the next node: greater than every id before.
    pub fn next_id(&self) -> u64 {
        let known = self.plan.nodes.iter().chain(&self.plan.founders);
        let greatest = known.map(|node| node.id).max().unwrap_or(0);
        self.plan.next_id.max(greatest + 1)
    }

    /// The nodes that founded the cluster, ascending by id; some may be gone.
    pub fn founders(&self) -> &[MemberConfig] {
        if self.plan.founders.is_empty() {
            &self.plan.nodes
        } else {
            &self.plan.founders
        }
    }

    /// Whether a node founded the cluster, else it was added later.
    pub fn is_founder(&self, id: u64) -> bool {
        self.founders().iter().any(|node| node.id == id)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The nodes, ascending by id.
    pub fn nodes(&self) -> &[MemberConfig] {
        &self.plan.nodes
    }

    /// The directory of one node.
    pub fn node_dir(&self, id: u64) -> PathBuf {
        self.dir.join(format!("node-{id}"))
    }

    /// Where the settings of all nodes lie.
    pub fn config_dir(&self) -> PathBuf {
        self.dir.join("config")
    }

    /// The name of a node's settings file there.
    pub fn config_name(id: u64) -> String {
        format!("node-{id}.toml")
    }

    /// Where the nodes' logs lie.
    pub fn log_dir(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// Where certificates and keys lie.
    pub fn tls_dir(&self) -> PathBuf {
        self.dir.join("tls")
    }

    /// What one node says.
    pub fn log_file(&self, id: u64) -> PathBuf {
        self.log_dir().join(format!("node-{id}.log"))
    }

    fn check_shape(&self, shape: Option<Shape>) -> Result<(), CliError> {
        let wanted = match shape {
            None => return Ok(()),
            Some(Shape::Single) => 1,
            Some(Shape::Zones { nodes_per_zone }) => u64::from(nodes_per_zone) * 3,
        };
        // By its founding: nodes that came and went later are no other shape.
        let there = u64::try_from(self.founders().len()).unwrap_or(u64::MAX);
        if there == wanted {
            return Ok(());
        }
        Err(CliError::new(
            Exit::Usage,
            format!("this cluster was founded with {there} nodes, not {wanted}"),
        )
        .context(format!("data directory {}", self.dir.display()))
        .advice("try: the same options as at the first start, or another --data-dir"))
    }

    /// Waits for nodes of an earlier `ana up` that was killed: the kernel ends them with it, and that takes as long as the
    /// writes to the disk that they are in.
    async fn wait_for_former(&self) -> Result<(), CliError> {
        let until = time::now() + FORMER_MAX;
        for node in self.nodes() {
            let dir = self.node_dir(node.id);
            let failed = |e| CliError::file("look at the lock of", &dir, &e);
            while let Some(holder) = lock::holder(&dir).map_err(failed)? {
                if time::now() >= until {
                    let problem = format!("node {} runs already, as process {holder}", node.id);
                    return Err(CliError::new(Exit::Failed, problem)
                        .context(format!("data directory {}", dir.display()))
                        .advice("try: end that process"));
                }
                time::sleep(FORMER_LOOK).await;
            }
        }
        Ok(())
    }

    /// A process that ends lets go of its files one after another, of the lock before the ports.
    async fn wait_for_ports(&self) -> Result<(), CliError> {
        let until = time::now() + LETTING_GO_MAX;
        loop {
            match self.check_ports() {
                Err(_taken) if time::now() < until => time::sleep(FORMER_LOOK).await,
                checked => return checked,
            }
        }
    }

    fn check_ports(&self) -> Result<(), CliError> {
        for node in self.nodes() {
            for address in [&node.api, &node.peer] {
                let port = address
                    .rsplit_once(':')
                    .and_then(|(_, port)| port.parse().ok());
                if !port.is_some_and(ports::is_free) {
                    return Err(CliError::new(
                        Exit::Failed,
                        format!("{address} of node {} is taken by another process", node.id),
                    )
                    .context(format!("plan {}", self.dir.join(PLAN_FILE).display()))
                    .advice(
                        "try: stop that process (ss -ltnp), or change the address in the plan",
                    ));
                }
            }
        }
        Ok(())
    }
}

fn read_plan(path: &Path, text: &str) -> Result<Plan, CliError> {
    let broken = |why: String| {
        CliError::new(
            Exit::Failed,
            format!("the cluster's plan is not readable: {why}"),
        )
        .context(format!("file {}", path.display()))
        .advice("try: another --data-dir, or restore the file")
    };
    let plan: Plan = toml::from_str(text).map_err(|error| broken(error.to_string()))?;
    if plan.version != VERSION {
        return Err(broken(format!("version {} is not known", plan.version)));
    }
    if plan.nodes.is_empty() {
        return Err(broken("it has no nodes".to_owned()));
    }
    Ok(plan)
}

fn plan(
    shape: Option<Shape>,
    port: Option<u16>,
    random: impl Fn() -> u64,
) -> Result<Vec<MemberConfig>, CliError> {
    let (zones, per_zone): (&[&str], u32) = match shape {
        Some(Shape::Single) => (ZONES.get(..1).unwrap_or_default(), 1),
        Some(Shape::Zones { nodes_per_zone }) => (&ZONES, nodes_per_zone),
        None => (&ZONES, 1),
    };
    let per_zone = usize::try_from(per_zone).unwrap_or(usize::MAX);
    let count = zones.len().saturating_mul(per_zone);
    let ports = ports::choose(port, count * 2, random).ok_or_else(|| {
        CliError::new(Exit::Failed, "not enough free ports on this machine")
            .context(format!("{} are needed", count * 2))
            .advice("try: fewer --nodes-per-zone")
    })?;
    let (api, peer) = ports.split_at(count);
    // Zones take turns, so that neighbouring ids stand in different zones.
    Ok((1..)
        .zip(zones.iter().cycle())
        .zip(api.iter().zip(peer))
        .map(|((id, zone), (api, peer))| MemberConfig {
            id,
            zone: (*zone).to_owned(),
            api: format!("127.0.0.1:{api}"),
            peer: format!("127.0.0.1:{peer}"),
        })
        .collect())
}

/// Gives a node an address of its own.
fn move_to(node: &mut MemberConfig, names: &Names) {
    let address = names.address(node.id);
    node.api = format!("{address}:{API_PORT}");
    node.peer = format!("{address}:{PEER_PORT}");
}

/// Creates a directory so that it is still there after a power cut.
///
/// # Errors
/// When it cannot be created or made durable.
pub async fn make_dir(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let parent_of = |dir: &Path| match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    // The nearest parent always: an earlier process may have created the directory and then died.
    let mut to_sync = vec![parent_of(dir)];
    for ancestor in dir.ancestors().skip(1) {
        if ancestor.as_os_str().is_empty() {
            break;
        }
        match disk.list(ancestor).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                to_sync.push(parent_of(ancestor));
            }
            // It is there; whether we may list it does not matter.
            _ => break,
        }
    }
    disk.create_dir_all(dir).await?;
    for parent in to_sync {
        disk.sync_dir(&parent).await?;
    }
    Ok(())
}

/// Writes a small file so that after a crash either the old or the new one is there.
pub async fn save(disk: &dyn Disk, dir: &Path, name: &str, bytes: Bytes) -> io::Result<()> {
    let fresh = dir.join(format!("{name}.new"));
    match disk.remove_file(&fresh).await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let file = disk.open(&fresh, Open::CREATE).await?;
    file.write_sync_at(0, vec![bytes]).await?;
    disk.rename(&fresh, &dir.join(name)).await?;
    disk.sync_dir(dir).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_take_turns_and_no_address_repeats() {
        let counter = std::cell::Cell::new(0);
        let random = || counter.replace(counter.get() + 13);
        let nodes =
            plan(Some(Shape::Zones { nodes_per_zone: 2 }), None, random).expect("free ports");
        let zones: Vec<&str> = nodes.iter().map(|node| node.zone.as_str()).collect();
        assert_eq!(zones, ["a", "b", "c", "a", "b", "c"]);
        let ids: Vec<u64> = nodes.iter().map(|node| node.id).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
        let addresses: std::collections::BTreeSet<&String> = nodes
            .iter()
            .flat_map(|node| [&node.api, &node.peer])
            .collect();
        assert_eq!(addresses.len(), 12);
        let single = plan(Some(Shape::Single), None, || 77).map(|nodes| nodes.len());
        assert_eq!(
            single.ok(),
            None,
            "one random number gives one port, and two are needed"
        );
    }

    #[test]
    fn a_new_directory_survives_a_power_cut() {
        let options = ana_env::memory::MemoryDiskOptions::default();
        let disk = ana_env::memory::MemoryDisk::new(1, options);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let dir = Path::new("/var/lib/anabranch/node-1");
            make_dir(&disk, dir).await.expect("room for directories");
            disk.crash();
            disk.list(dir).await.expect("still there");
        });
    }

    #[test]
    fn ids_are_given_out_once_and_founders_are_remembered() {
        let env = Env {
            disk: std::sync::Arc::new(ana_env::memory::MemoryDisk::new(
                1,
                ana_env::memory::MemoryDiskOptions::default(),
            )),
            ..Env::real()
        };
        let node = |id: u64| MemberConfig {
            id,
            zone: "a".to_owned(),
            api: format!("127.0.0.1:{id}"),
            peer: format!("127.0.0.1:1{id}"),
        };
        let ids = |nodes: &[MemberConfig]| nodes.iter().map(|it| it.id).collect::<Vec<_>>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let disk = env.disk.as_ref();
            let dir = Path::new("/cluster");
            make_dir(disk, dir).await.expect("room");
            let mut layout = Layout::of_nodes(dir.to_owned(), vec![node(1), node(2)]);
            assert_eq!(layout.next_id(), 3);
            layout.add(disk, node(3)).await.expect("room");
            layout.forget(disk, 3).await.expect("room");
            layout.forget(disk, 1).await.expect("room");
            assert_eq!(layout.next_id(), 4, "3 is used up");
            let text = read_text(disk, &dir.join(PLAN_FILE)).await.expect("there");
            let plan = read_plan(dir, &text).expect("its own text");
            assert_eq!(plan, layout.plan);
            assert_eq!(ids(layout.nodes()), [2]);
            assert_eq!(ids(layout.founders()), [1, 2]);
            assert!(layout.is_founder(2) && !layout.is_founder(3));
        });
    }

    #[tokio::test]
    async fn nodes_of_an_earlier_run_are_waited_for() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let env = Env::real();
        let open = || Layout::open(&env, dir.path(), Some(Shape::Single), None, None);
        let layout = open().await.expect("free ports");
        let node = layout.node_dir(1);
        std::fs::create_dir_all(&node).expect("room");
        open().await.expect("it never ran");
        let held = lock::DirLock::take(&node).expect("it runs");
        let ends = async {
            time::sleep(FORMER_LOOK * 5).await;
            let ended = time::now();
            drop(held);
            ended
        };
        let (opened, ended) = tokio::join!(async { open().await.map(|_| time::now()) }, ends);
        assert!(opened.expect("waited") >= ended);
    }

    #[test]
    fn a_plan_of_another_version_is_refused() {
        let error = read_plan(Path::new("cluster.toml"), "version = 2\nnodes = []\n");
        assert!(
            error
                .expect_err("unknown version")
                .to_string()
                .contains("version 2")
        );
    }
}
