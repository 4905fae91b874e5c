//! What everything of one cluster is called outside its data directory, kept in `DIR/real.toml`: written before anything
//! is made, so that what a dead `ana up` left can be found.
//!
//! Must stay true: names hold the tag that was drawn for this data directory, so that no name is anybody else's.

use std::io;
use std::path::{Path, PathBuf};

use ana_env::Env;
use serde::{Deserialize, Serialize};

use crate::cluster::layout;
use crate::config::read_text;

const FILE: &str = "real.toml";
const VERSION: u32 = 1;

/// Names and addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    version: u32,
    /// Six hexadecimal digits: names of network devices have no more than 15 characters.
    tag: String,
    /// The third and fourth part of addresses are this and the node: 198.18.X.N or 198.19.X.N.
    network: String,
}

impl Names {
    /// Those of a data directory, if it has some.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn read(env: &Env, dir: &Path) -> io::Result<Option<Names>> {
        let text = match read_text(env.disk.as_ref(), &dir.join(FILE)).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let names: Names = toml::from_str(&text).map_err(io::Error::other)?;
        let digits = names.tag.len() == 6 && names.tag.bytes().all(|it| it.is_ascii_hexdigit());
        if names.version != VERSION || !digits {
            return Err(io::Error::other(format!("{FILE} is not of this version")));
        }
        Ok(Some(names))
    }

    /// Draws new ones and keeps them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn draw(env: &Env, dir: &Path) -> io::Result<Names> {
        let names = Names::of(env.rng.next_u64());
        let text = toml::to_string(&names).map_err(io::Error::other)?;
        layout::save(env.disk.as_ref(), dir, FILE, text.into()).await?;
        Ok(names)
    }

    fn of(drawn: u64) -> Names {
        // Addresses for tests of networks (RFC 2544), which nobody has by accident.
        let (half, third) = (18 + (drawn >> 8) % 2, drawn % 256);
        Names {
            version: VERSION,
            tag: format!("{:06x}", (drawn >> 16) & 0xff_ffff),
            network: format!("198.{half}.{third}"),
        }
    }

    /// The bridge.
    pub(super) fn bridge(&self) -> String {
        format!("ana{}b", self.tag)
    }

    /// The bridge's address.
    pub(super) fn bridge_address(&self) -> String {
        format!("{}.254/24", self.network)
    }

    /// All addresses.
    pub(super) fn network(&self) -> String {
        format!("{}.0/24", self.network)
    }

    /// This machine's end of a node's cable.
    pub(super) fn cable(&self, id: u64) -> String {
        format!("ana{}v{id}", self.tag)
    }

    /// A node's namespace and its cgroup.
    pub(super) fn of_node(&self, id: u64) -> String {
        format!("ana-{}-{id}", self.tag)
    }

    /// Where `ip` keeps a node's namespace.
    pub(super) fn namespace_file(&self, id: u64) -> PathBuf {
        Path::new("/run/netns").join(self.of_node(id))
    }

    /// A node's address.
    pub fn address(&self, id: u64) -> String {
        format!("{}.{id}", self.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_where_they_are_used_and_are_this_cluster_s() {
        for drawn in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            let names = Names::of(drawn);
            for device in [names.bridge(), names.cable(96)] {
                assert!(
                    device.len() <= 15 && device.contains(&names.tag),
                    "{device}"
                );
            }
            assert!(names.of_node(1).contains(&names.tag));
            let address = names.address(96);
            let address: std::net::Ipv4Addr = address.parse().expect("an address");
            let [first, second, ..] = address.octets();
            assert!(first == 198 && (18..=19).contains(&second), "{address}");
        }
        assert_ne!(Names::of(1 << 16), Names::of(2 << 16));
    }
}
