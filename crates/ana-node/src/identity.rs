//! What a data directory is: whose, and which one.
//!
//! A node's promises to the others (votes, confirmed entries) lie in its data directory. A node that comes back under
//! its id with another directory would not know them. So each directory is given a random number when it is first
//! used; the node reports it, the cluster remembers the first one and takes no other from that id.

use std::io;
use std::path::Path;

use ana_env::{Disk, Env};
use serde::{Deserialize, Serialize};

use crate::cluster::layout::{make_dir, save};
use crate::config::read_text;

/// Its name. Whoever empties a data directory and goes on under the same id in a way that keeps its promises (no vote
/// before it is taken back) leaves this file there.
pub const FILE: &str = "identity.toml";

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    node_id: u64,
    incarnation: u64,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be read or written.
    #[error("{FILE} in the data directory: {0}")]
    Io(#[from] io::Error),
    /// Somebody has edited it.
    #[error("{FILE} in the data directory is malformed: {0}")]
    Malformed(#[from] toml::de::Error),
    /// Two settings files name one directory, or a node was given another id.
    #[error("the data directory belongs to node {found}, not to node {wanted}")]
    OtherNode {
        /// The node it belongs to.
        found: u64,
        /// The node that was started.
        wanted: u64,
    },
}

/// The number of a data directory; a directory without one is given one, durably.
///
/// # Errors
/// When it cannot be read or written, or belongs to another node.
pub async fn of_directory(env: &Env, dir: &Path, node_id: u64) -> Result<u64, IdentityError> {
    let disk: &dyn Disk = env.disk.as_ref();
    match read_text(disk, &dir.join(FILE)).await {
        Ok(text) => {
            let found: Identity = toml::from_str(&text)?;
            if found.node_id != node_id {
                return Err(IdentityError::OtherNode {
                    found: found.node_id,
                    wanted: node_id,
                });
            }
            return Ok(found.incarnation);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    make_dir(disk, dir).await?;
    let fresh = Identity {
        node_id,
        // TOML has no numbers beyond 63 bits.
        incarnation: env.rng.next_u64() >> 1,
    };
    let text = toml::to_string(&fresh).expect("two numbers are always TOML");
    save(disk, dir, FILE, text.into()).await?;
    Ok(fresh.incarnation)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ana_env::memory::{MemoryDisk, MemoryDiskOptions};

    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(work)
    }

    fn world() -> (Env, MemoryDisk) {
        let disk = MemoryDisk::new(1, MemoryDiskOptions::default());
        let env = Env {
            disk: Arc::new(disk.clone()),
            ..Env::real()
        };
        (env, disk)
    }

    #[test]
    fn a_directory_keeps_its_number_through_a_power_cut() {
        let (env, disk) = world();
        let dir = Path::new("/data/node-1");
        block_on(async {
            let first = of_directory(&env, dir, 1).await.expect("a number");
            disk.crash();
            let again = of_directory(&env, dir, 1).await.expect("a number");
            assert_eq!(first, again);
            let other = of_directory(&env, Path::new("/data/node-2"), 1).await;
            assert_ne!(other.expect("a number"), first, "another directory");
        });
    }

    #[test]
    fn a_directory_of_another_node_is_refused() {
        let (env, _disk) = world();
        let dir = Path::new("/data");
        block_on(async {
            of_directory(&env, dir, 1).await.expect("a number");
            let refused = of_directory(&env, dir, 2).await.expect_err("not its own");
            assert!(
                refused.to_string().contains("belongs to node 1"),
                "{refused}"
            );
        });
    }
}
