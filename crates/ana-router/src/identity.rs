//! What a data directory is: whose, which one, and whether what this node had promised is in it.
//!
//! A node's promises to the others (votes, confirmed entries) lie in its data directory. A node that comes back under
//! its id with another directory does not know them: it could vote a second time, and deny what it had confirmed. So
//! each directory is given a random number when it is first used; the node reports it, the cluster remembers the first
//! one and takes no other from that id. Until that has happened the node takes no part in any group:
//!
//! ```text
//!   new directory ─► not confirmed: it asks for no vote, gives none, and takes no entry
//!        ├─ a majority of the founders, itself counted in, has an empty metadata group ─► confirmed: it is a founding
//!        ├─ the cluster has taken its report ────────────────────────────────────────────► confirmed
//!        └─ the cluster knows another directory ─────────────────────────────────────────► the node ends
//! ```
//! (An entry confirmed by a node without memory would be as bad as a vote; and openraft ends a leader that sees a
//! follower go back.)
//!
//! Must stay true: "confirmed" is durable before the first vote or entry; it is never taken back.

use std::io;
use std::path::Path;

use ana_env::{Disk, Env, Open};
use ana_types::NodeId;

/// Name of the file in the data directory. Whoever empties the directory of a node that goes on under its id, in a way
/// that keeps its promises, leaves this file there.
pub const FILE: &str = "identity";
const FRESH_FILE: &str = "identity.new";

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) node: NodeId,
    /// Random, chosen with the directory.
    pub(crate) incarnation: u64,
    /// What this node had promised is in the directory.
    pub(crate) confirmed: bool,
}

impl Identity {
    fn to_text(self) -> String {
        let Self {
            node,
            incarnation,
            confirmed,
        } = self;
        format!("node = {node}\nincarnation = {incarnation}\nconfirmed = {confirmed}\n")
    }

    fn from_text(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let pairs = text.lines().filter_map(|line| line.split_once(" = "));
            pairs.filter(|(name, _)| *name == key).map(|it| it.1).next()
        };
        Some(Self {
            node: NodeId(value("node")?.parse().ok()?),
            incarnation: value("incarnation")?.parse().ok()?,
            confirmed: value("confirmed")?.parse().ok()?,
        })
    }
}

/// Reads the identity of a data directory that exists; one without is given one, durably.
///
/// # Errors
/// When it cannot be read or written, or the directory is another node's.
pub(crate) async fn load(env: &Env, dir: &Path, node: NodeId) -> io::Result<Identity> {
    let disk = env.disk.as_ref();
    if let Some(text) = read(disk, &dir.join(FILE)).await? {
        let broken = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let found = Identity::from_text(&text)
            .ok_or_else(|| broken(format!("{} is malformed", dir.join(FILE).display())))?;
        if found.node != node {
            let why = format!(
                "the data directory is that of node {}, not {node}",
                found.node
            );
            return Err(broken(why));
        }
        return Ok(found);
    }
    let fresh = Identity {
        node,
        incarnation: env.rng.next_u64(),
        // One that was in use before there was such a file holds what the node had promised.
        confirmed: has_groups(disk, dir).await?,
    };
    save(disk, dir, fresh).await?;
    Ok(fresh)
}

/// Notes, durably, that what the node had promised is in the directory.
pub(crate) async fn confirm(env: &Env, dir: &Path, identity: Identity) -> io::Result<()> {
    let confirmed = Identity {
        confirmed: true,
        ..identity
    };
    save(env.disk.as_ref(), dir, confirmed).await
}

async fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<String>> {
    let file = match disk.open(path, Open::READ).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.len().await?).map_err(io::Error::other)?;
    let bytes = file.read_at(0, len).await?;
    let text = String::from_utf8(bytes.to_vec());
    text.map(Some).map_err(io::Error::other)
}

/// The old file or the new one is there at every moment.
async fn save(disk: &dyn Disk, dir: &Path, identity: Identity) -> io::Result<()> {
    let fresh = dir.join(FRESH_FILE);
    let file = disk.open(&fresh, Open::CREATE).await?;
    file.truncate(0).await?;
    file.write_sync_at(0, vec![identity.to_text().into()])
        .await?;
    disk.rename(&fresh, &dir.join(FILE)).await?;
    disk.sync_dir(dir).await
}

async fn has_groups(disk: &dyn Disk, dir: &Path) -> io::Result<bool> {
    match disk.list(&dir.join("groups")).await {
        Ok(groups) => Ok(!groups.is_empty()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ana_env::memory::{MemoryDisk, MemoryDiskOptions};

    use super::*;
    use std::path::PathBuf;

    fn world() -> (Env, MemoryDisk) {
        let disk = MemoryDisk::new(1, MemoryDiskOptions::default());
        let env = Env {
            disk: Arc::new(disk.clone()),
            ..Env::real()
        };
        (env, disk)
    }

    async fn directory(disk: &MemoryDisk, path: &str) -> PathBuf {
        disk.create_dir_all(Path::new(path)).await.expect("room");
        disk.sync_dir(Path::new("/")).await.expect("room");
        path.into()
    }

    #[tokio::test]
    async fn a_directory_keeps_its_number_through_a_power_cut() {
        let (env, disk) = world();
        let dir = directory(&disk, "/one").await;
        let first = load(&env, &dir, NodeId(1)).await.expect("given");
        assert!(!first.confirmed);
        disk.crash();
        assert_eq!(load(&env, &dir, NodeId(1)).await.expect("kept"), first);
        confirm(&env, &dir, first).await.expect("room");
        disk.crash();
        let confirmed = load(&env, &dir, NodeId(1)).await.expect("kept");
        assert_eq!(confirmed.incarnation, first.incarnation);
        assert!(confirmed.confirmed);
        let other = directory(&disk, "/other").await;
        let other = load(&env, &other, NodeId(1)).await.expect("given");
        assert_ne!(other.incarnation, first.incarnation);
    }

    #[tokio::test]
    async fn a_directory_of_another_node_is_refused() {
        let (env, disk) = world();
        let dir = directory(&disk, "/one").await;
        load(&env, &dir, NodeId(1)).await.expect("given");
        let refused = load(&env, &dir, NodeId(2)).await.expect_err("not its own");
        assert!(refused.to_string().contains("node 1, not 2"), "{refused}");
    }

    #[tokio::test]
    async fn a_directory_that_was_in_use_before_is_confirmed() {
        let (env, disk) = world();
        let dir = directory(&disk, "/one").await;
        let group = dir.join("groups/0");
        disk.create_dir_all(&group).await.expect("room");
        let old = load(&env, &dir, NodeId(1)).await.expect("given");
        assert!(old.confirmed);
    }
}
