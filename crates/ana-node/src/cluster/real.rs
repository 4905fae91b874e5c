//! A local cluster whose faults are the kernel's own (`ana up --real`): each node has a network namespace with a cable to
//! the run's bridge, an ext4 file system of its own in an image file, and a cgroup that can be frozen.
//!
//! ```text
//!   this machine ── bridge 198.18.X.254 ──cable── namespace of node 1: eth0 198.18.X.1, its process in its cgroup
//!                        │                        DIR/node-1 <─ mounted ─ DIR/images/node-1.img
//!                        └──cable── namespace of node 2 ...
//! ```
//! `names` says what everything is called and is kept in the data directory; `faults` holds faults on leases.
//!
//! Must stay true:
//! - whatever is made outside the data directory has a name of `names`, and nothing else is ever removed;
//! - a file system is mounted once: a node runs in this machine's mount namespace, so that unmounting ends it;
//! - everything goes at the end, and what a dead `ana up` left goes before the next one begins.

mod disk;
mod faults;
mod freezer;
mod names;
mod network;
mod program;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ana_env::Env;

use self::disk::NodeDisk;
pub use self::faults::{KINDS, KernelFault, KernelFaults};
pub use self::freezer::Freezer;
pub use self::names::Names;

/// The programs that are needed.
const PROGRAMS: [&str; 8] = [
    "ip",
    "nft",
    "nsenter",
    "mkfs.ext4",
    "mount",
    "umount",
    "fallocate",
    "df",
];

/// Where the process of a node is started.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file of its network namespace.
    pub namespace: PathBuf,
    /// Its cgroup.
    pub freezer: Freezer,
}

/// What the nodes of one cluster live in.
#[derive(Debug)]
pub struct Real {
    names: Names,
    nodes: Vec<u64>,
    dir: PathBuf,
}

/// Why this machine cannot have such a cluster, if it cannot.
pub async fn missing() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("it is no Linux".to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root".to_owned());
    }
    let mut absent = Vec::new();
    for name in PROGRAMS {
        if !program::is_there(name).await {
            absent.push(name);
        }
    }
    if !absent.is_empty() {
        return Some(format!(
            "these programs are not installed: {}",
            absent.join(", ")
        ));
    }
    Freezer::root().err()
}

impl Real {
    /// What the nodes `nodes` of the cluster in `dir` are to live in; nothing is made yet.
    pub fn new(names: Names, dir: &Path, nodes: Vec<u64>) -> Real {
        let dir = dir.to_owned();
        Real { names, nodes, dir }
    }

    /// Removes what a dead `ana up` of this data directory left, then makes everything.
    ///
    /// # Errors
    /// In words for a person; what was made is removed again.
    pub async fn set_up(&self, env: &Env) -> Result<(), String> {
        self.take_away().await?;
        let made = self.make(env).await;
        if made.is_err()
            && let Err(left) = self.take_away().await
        {
            tracing::warn!(left, "not everything could be removed again");
        }
        made
    }

    async fn make(&self, env: &Env) -> Result<(), String> {
        network::make_bridge(&self.names).await?;
        for id in &self.nodes {
            network::connect(&self.names, *id).await?;
            self.freezer(*id)?.make()?;
            self.disk(*id).make(env).await?;
        }
        Ok(())
    }

    /// Removes everything but the images.
    ///
    /// # Errors
    /// What could not be removed.
    pub async fn take_away(&self) -> Result<(), String> {
        let mut troubles = Vec::new();
        for id in &self.nodes {
            let freezer = match self.freezer(*id) {
                Ok(freezer) => freezer.remove().await,
                Err(why) => Err(why),
            };
            troubles.extend(freezer.err());
            troubles.extend(network::disconnect(&self.names, *id).await.err());
            troubles.extend(self.disk(*id).unmount().await.err());
        }
        troubles.extend(network::remove_bridge(&self.names).await.err());
        if troubles.is_empty() {
            return Ok(());
        }
        Err(troubles.join("; "))
    }

    /// Where a node's process is started.
    ///
    /// # Errors
    /// When this machine has no cgroups that can be frozen.
    pub fn place(&self, id: u64) -> Result<Place, String> {
        Ok(Place {
            namespace: self.names.namespace_file(id),
            freezer: self.freezer(id)?,
        })
    }

    /// Mounts a node's file system, where it is not.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn mount(&self, id: u64) -> Result<(), String> {
        self.disk(id).mount().await
    }

    /// Unmounts it, where it is mounted.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn unmount(&self, id: u64) -> Result<(), String> {
        self.disk(id).unmount().await
    }

    /// Cuts a node's file system off: what was not synced is gone. One that is not mounted is off already.
    ///
    /// # Errors
    /// In words for a person.
    pub fn cut_power(&self, id: u64) -> Result<(), String> {
        self.disk(id).cut()
    }

    /// Who holds the faults of this cluster.
    pub fn faults(self: &Arc<Self>) -> (KernelFaults, impl Future<Output = ()> + Send + 'static) {
        faults::open(Arc::clone(self))
    }

    fn freezer(&self, id: u64) -> Result<Freezer, String> {
        Ok(Freezer::new(&Freezer::root()?, &self.names.of_node(id)))
    }

    fn disk(&self, id: u64) -> NodeDisk {
        NodeDisk::new(&self.dir, id)
    }

    fn has(&self, id: u64) -> bool {
        self.nodes.contains(&id)
    }
}
