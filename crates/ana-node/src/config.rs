//! Settings: the TOML file of a node, and the few facts taken from the environment.
//!
//! The only place of the program that reads either (clap reads `ANA_ENDPOINT` and
//! `AWS_CA_BUNDLE` by itself). Each key
//! has a default unless it says otherwise; an unknown key is refused, so that a typing error is not
//! a silent default.
//!
//! ```toml
//! node_id = 1                     # required, unique for ever
//! zone = "a"                      # required
//! data_dir = "/var/lib/anabranch" # required
//! api = "0.0.0.0:4567"            # required: where this node listens for clients
//! peer = "0.0.0.0:4667"           # required: where this node listens for other nodes
//!
//! [auth]                          # required unless `api` is on loopback
//! mode = "on"
//! credentials = "/etc/anabranch/credentials.toml"
//!
//! [tls]                           # without it: plain HTTP only
//! certificate = "/etc/anabranch/certificate.pem"
//! key = "/etc/anabranch/key.pem"
//! plain = "refuse"
//!
//! join = true                     # only for a node that is added to a cluster that exists
//!
//! [[members]]                     # required: the founding nodes, the same list on every node; with `join`, some
//!                                 # nodes of the cluster
//! id = 1
//! zone = "a"
//! api = "10.0.1.10:4567"          # where clients reach it
//! peer = "10.0.1.10:4667"         # where other nodes reach it
//!
//! [[seeds]]                       # more nodes of the cluster, as above: a founding node that has lost its disk asks
//!                                 # them whether it may come back when all other founding nodes are gone
//! ```

mod access;
mod environment;
mod on_demand;

pub use access::{AuthMode, AuthSettings, PlainSetting, TlsSettings};
pub use environment::{AwsKeys, Environment};
pub use on_demand::OnDemandSettings;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use ana_env::{Disk, Open};
use ana_gateway::GatewayConfig;
use ana_types::{AccountId, NodeId, Region, Zone};
use serde::{Deserialize, Serialize};

/// The most that `connections_max` may say: some 20 GiB of idle connections.
const CONNECTIONS_MAX: usize = 1_000_000;

/// The settings of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Identity of the node, at least 1, never given to another machine.
    pub node_id: u64,
    /// Its zone: 1 to 32 characters of `a-z`, `0-9`, `-`.
    pub zone: String,
    /// Where it keeps everything; created when absent.
    pub data_dir: PathBuf,
    /// Where it listens for clients, `host:port`.
    pub api: String,
    /// Where it listens for other nodes, `host:port`.
    pub peer: String,
    /// Account in ARNs; twelve zeros.
    #[serde(default = "default_account")]
    pub account: String,
    /// Region in ARNs; `us-east-1`.
    #[serde(default = "default_region")]
    pub region: String,
    /// AWS's per-shard limits, on by default.
    #[serde(default)]
    pub limits: LimitsSetting,
    /// How long a stream shows CREATING, UPDATING or DELETING at least; 200 ms.
    #[serde(default = "default_transition_ms")]
    pub transition_ms: u64,
    /// How long one "hour" of retention lasts, milliseconds; 3,600,000. Shorter only in tests and
    /// drills, so that a record ages in seconds.
    #[serde(default = "default_retention_hour_ms")]
    pub retention_hour_ms: u64,
    /// Address of the supervisor that started the node, told in its status; none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<String>,
    /// What is written to standard error: `error`, `warn`, `info`, `debug`, `trace`, or a filter
    /// such as `info,ana_raft=debug`; `info,openraft=warn`.
    #[serde(default = "default_log_level")]
    pub log_level: String,
    /// Connections of clients at a time, a further one is closed at once; 16,384, and fewer where the kernel lets the
    /// process open too few files.
    #[serde(default = "default_connections_max")]
    pub connections_max: usize,
    /// Faults may be switched on while it runs (`ana fault`, docs/FAULTS.md), by everybody who may call; off. Only for
    /// clusters whose data nobody needs.
    #[serde(default)]
    pub disposable: bool,
    /// The address for clients lies in a network that ends in this machine, so that it is as good as loopback; off.
    /// `ana up --real` says so of its nodes.
    #[serde(default)]
    pub machine_only: bool,
    /// Who may call; everybody, which is allowed on loopback only.
    #[serde(default)]
    pub auth: AuthSettings,
    /// TLS at the address for clients; none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSettings>,
    /// Times of the consensus protocol.
    #[serde(default)]
    pub raft: RaftSettings,
    /// Sizes of the log.
    #[serde(default)]
    pub log: LogSettings,
    /// When logs are marked and trimmed.
    #[serde(default)]
    pub trim: TrimTimes,
    /// When on-demand streams follow their load.
    #[serde(default)]
    pub on_demand: OnDemandSettings,
    /// The node joins a cluster that exists: it founds none, and waits until it is added to one (`ana node add`); off.
    #[serde(default, skip_serializing_if = "is_off")]
    pub join: bool,
    /// The founding nodes, the same list on every node. With `join`, this node and some of the cluster.
    pub members: Vec<MemberConfig>,
    /// More nodes to ask while this one knows nothing of the cluster; none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<MemberConfig>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde gives it a reference"
)]
fn is_off(on: &bool) -> bool {
    !on
}

/// Whether AWS's per-shard limits hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LimitsSetting {
    /// As on AWS: 1 MiB/s and 1,000 records/s in, 2 MiB/s and 5 reads/s out, per shard.
    #[default]
    Aws,
    /// None.
    Off,
}

/// A founding node as all others reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberConfig {
    /// Its identity.
    pub id: u64,
    /// Its zone.
    pub zone: String,
    /// Where clients reach it, `host:port`.
    pub api: String,
    /// Where other nodes reach it, `host:port`.
    pub peer: String,
}

/// Times of the consensus protocol, milliseconds: heartbeat < election minimum < maximum.
///
/// After the loss of a leader its followers let the lease (the maximum) run out. If its connections
/// broke, as they do when a process ends, they elect then; otherwise (it hangs, or its packets
/// vanish) they wait a random time between minimum and maximum besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RaftSettings {
    /// Between two heartbeats; 75.
    pub heartbeat_ms: u64,
    /// A follower waits at least this long for its leader; 225.
    pub election_min_ms: u64,
    /// A follower waits at most this long, and a lease lasts so long; 300.
    pub election_max_ms: u64,
    /// A group that was asked for nothing for so long stops its heartbeats and timers until it is asked; 0 never; 10,000.
    pub rest_after_ms: u64,
}

/// Sizes of each group's log, bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// A full-grown segment file, 64 KiB to 1 GiB; 64 MiB.
    pub segment_bytes: u64,
    /// Recent entries kept in memory per group; 16 MiB.
    pub cache_bytes: u64,
}

/// When a log is marked (only at a mark can it be trimmed), and how often it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrimTimes {
    /// A mark after so many bytes of log; 16 MiB.
    pub point_bytes: u64,
    /// A mark after this long when anything was written, milliseconds; 60,000.
    pub point_ms: u64,
    /// Between two looks for something to trim, milliseconds; 5,000.
    pub check_ms: u64,
}

impl Default for TrimTimes {
    fn default() -> TrimTimes {
        TrimTimes {
            point_bytes: 16 << 20,
            point_ms: 60_000,
            check_ms: 5000,
        }
    }
}

impl Default for RaftSettings {
    fn default() -> RaftSettings {
        RaftSettings {
            heartbeat_ms: ana_raft::config::HEARTBEAT_MS,
            election_min_ms: ana_raft::config::ELECTION_MIN_MS,
            election_max_ms: ana_raft::config::ELECTION_MAX_MS,
            rest_after_ms: ana_raft::config::REST_AFTER_MS,
        }
    }
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings {
            segment_bytes: 64 << 20,
            cache_bytes: 16 << 20,
        }
    }
}

fn default_account() -> String {
    AccountId::default().to_string()
}

fn default_region() -> String {
    Region::default().to_string()
}

fn default_transition_ms() -> u64 {
    200
}

fn default_retention_hour_ms() -> u64 {
    3_600_000
}

fn default_connections_max() -> usize {
    GatewayConfig::default().connections_max
}

fn default_log_level() -> String {
    "info,openraft=warn".to_owned()
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the settings: {0}")]
    Unreadable(#[from] io::Error),
    /// It is not TOML, or a key is unknown, missing or of the wrong type.
    #[error("{0}")]
    Malformed(#[from] toml::de::Error),
    /// A value is not possible.
    #[error("{key}: {problem}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
}

fn invalid(key: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Invalid {
        key,
        problem: problem.into(),
    }
}

impl NodeConfig {
    /// Settings with defaults for one node, to be completed by the caller (tests, `ana up`).
    pub fn new(this: &MemberConfig, data_dir: PathBuf, members: Vec<MemberConfig>) -> NodeConfig {
        NodeConfig {
            node_id: this.id,
            zone: this.zone.clone(),
            data_dir,
            api: this.api.clone(),
            peer: this.peer.clone(),
            account: default_account(),
            region: default_region(),
            limits: LimitsSetting::default(),
            transition_ms: default_transition_ms(),
            retention_hour_ms: default_retention_hour_ms(),
            supervisor: None,
            log_level: default_log_level(),
            connections_max: default_connections_max(),
            disposable: false,
            machine_only: false,
            auth: AuthSettings::default(),
            tls: None,
            raft: RaftSettings::default(),
            log: LogSettings::default(),
            trim: TrimTimes::default(),
            on_demand: OnDemandSettings::default(),
            join: false,
            members,
            seeds: Vec::new(),
        }
    }

    /// Reads and checks settings.
    ///
    /// # Errors
    /// With the line for malformed text, with the key for an impossible value.
    pub fn parse(text: &str) -> Result<NodeConfig, ConfigError> {
        NodeConfig::parse_with(text, |_| {})
    }

    /// The same with changes made before the check, as the options of a command ask for them.
    ///
    /// # Errors
    /// As [`NodeConfig::parse`].
    pub fn parse_with(
        text: &str,
        change: impl FnOnce(&mut NodeConfig),
    ) -> Result<NodeConfig, ConfigError> {
        let mut config: NodeConfig = toml::from_str(text)?;
        change(&mut config);
        config.check()?;
        config.check_exposure()?;
        Ok(config)
    }

    /// Reads and checks a settings file, with changes made before the check.
    ///
    /// # Errors
    /// As [`NodeConfig::parse`], and when the file cannot be read.
    pub async fn read(
        disk: &dyn Disk,
        path: &Path,
        change: impl FnOnce(&mut NodeConfig),
    ) -> Result<NodeConfig, ConfigError> {
        NodeConfig::parse_with(&read_text(disk, path).await?, change)
    }

    /// The settings as a file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("numbers, strings and lists of them are always TOML")
    }

    /// This node as the others reach it: its line among the members, else its own addresses.
    pub fn this_member(&self) -> MemberConfig {
        let listed = self.members.iter().find(|member| member.id == self.node_id);
        listed.cloned().unwrap_or_else(|| MemberConfig {
            id: self.node_id,
            zone: self.zone.clone(),
            api: self.api.clone(),
            peer: self.peer.clone(),
        })
    }

    /// Checks every value and the relations between them.
    ///
    /// # Errors
    /// The first impossible value.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_node(self.node_id, &self.zone)?;
        check_address("api", &self.api)?;
        check_address("peer", &self.peer)?;
        AccountId::new(&self.account).map_err(|e| invalid("account", e.to_string()))?;
        Region::new(&self.region).map_err(|e| invalid("region", e.to_string()))?;
        if self.data_dir.as_os_str().is_empty() {
            return Err(invalid("data_dir", "must not be empty"));
        }
        if self.transition_ms > 60_000 {
            return Err(invalid("transition_ms", "at most 60000 (one minute)"));
        }
        if !(1..=3_600_000).contains(&self.retention_hour_ms) {
            return Err(invalid("retention_hour_ms", "1 to 3600000 (an hour)"));
        }
        if !(1..=CONNECTIONS_MAX).contains(&self.connections_max) {
            return Err(invalid("connections_max", "1 to 1000000"));
        }
        self.check_members()?;
        self.check_times()?;
        self.auth
            .check()
            .map_err(|(key, problem)| invalid(key, problem))?;
        self.on_demand
            .check()
            .map_err(|(key, problem)| invalid(key, problem))?;
        if !((64 << 10)..=(1 << 30)).contains(&self.log.segment_bytes) {
            return Err(invalid(
                "log.segment_bytes",
                "64 KiB (65536) to 1 GiB (1073741824)",
            ));
        }
        if self.log.cache_bytes > 4 << 30 {
            return Err(invalid("log.cache_bytes", "at most 4 GiB per group"));
        }
        Ok(())
    }

    fn check_members(&self) -> Result<(), ConfigError> {
        if self.members.is_empty() {
            return Err(invalid(
                "members",
                "list the founding nodes, this one included",
            ));
        }
        let mut ids = BTreeSet::new();
        let mut addresses = BTreeSet::new();
        for member in &self.members {
            member.check()?;
            if !ids.insert(member.id) {
                return Err(invalid(
                    "members.id",
                    format!("{} is there twice", member.id),
                ));
            }
            for (key, address) in [("members.api", &member.api), ("members.peer", &member.peer)] {
                if !addresses.insert(address) {
                    return Err(invalid(key, format!("{address} is there twice")));
                }
            }
        }
        for seed in &self.seeds {
            seed.check()?;
        }
        match self.members.iter().find(|member| member.id == self.node_id) {
            Some(this) if this.zone != self.zone => {
                let problem = format!("{} here, {} among the members", self.zone, this.zone);
                Err(invalid("zone", problem))
            }
            Some(_) => Ok(()),
            // A node that joins later is reached where it listens.
            None => {
                check_reachable("api", &self.api).and_then(|()| check_reachable("peer", &self.peer))
            }
        }
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let RaftSettings {
            heartbeat_ms,
            election_min_ms,
            election_max_ms,
            rest_after_ms: _,
        } = self.raft;
        if heartbeat_ms == 0 {
            return Err(invalid("raft.heartbeat_ms", "at least 1"));
        }
        if heartbeat_ms.saturating_mul(2) > election_min_ms {
            return Err(invalid(
                "raft.election_min_ms",
                "at least twice the heartbeat",
            ));
        }
        if election_min_ms >= election_max_ms || election_max_ms > 60_000 {
            return Err(invalid(
                "raft.election_max_ms",
                "more than the minimum, at most 60000 (one minute)",
            ));
        }
        let TrimTimes {
            point_bytes,
            point_ms,
            check_ms,
        } = self.trim;
        for (key, value) in [
            ("trim.point_bytes", point_bytes),
            ("trim.point_ms", point_ms),
            ("trim.check_ms", check_ms),
        ] {
            if value == 0 {
                return Err(invalid(key, "at least 1"));
            }
        }
        Ok(())
    }
}

fn check_node(id: u64, zone: &str) -> Result<(), ConfigError> {
    if id == 0 {
        return Err(invalid("node_id", "at least 1"));
    }
    Zone::new(zone)
        .map(drop)
        .map_err(|e| invalid("zone", e.to_string()))
}

/// `host:port` with a port of at least 1.
fn check_address(key: &'static str, address: &str) -> Result<(), ConfigError> {
    let wrong = || invalid(key, format!("{address:?} is not host:port"));
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_not_a_port| wrong())?;
    if host.is_empty() || host.contains(char::is_whitespace) || port == 0 {
        return Err(wrong());
    }
    Ok(())
}

/// An address that others are told must not be "all interfaces".
fn check_reachable(key: &'static str, address: &str) -> Result<(), ConfigError> {
    if address.starts_with("0.0.0.0:") || address.starts_with("[::]:") {
        return Err(invalid(
            key,
            format!("{address} cannot be reached; give a host or an IP"),
        ));
    }
    Ok(())
}

impl MemberConfig {
    /// The identity as the rest of the program knows it.
    pub fn node_id(&self) -> NodeId {
        NodeId(self.id)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first impossible value.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_node(self.id, &self.zone)?;
        for (key, address) in [("members.api", &self.api), ("members.peer", &self.peer)] {
            check_address(key, address)?;
            check_reachable(key, address)?;
        }
        Ok(())
    }
}

/// The text of a file.
///
/// # Errors
/// When it cannot be read or is not UTF-8.
pub async fn read_text(disk: &dyn Disk, path: &Path) -> io::Result<String> {
    let file = disk.open(path, Open::READ).await?;
    let len = usize::try_from(file.len().await?)
        .map_err(|too_large| io::Error::new(io::ErrorKind::InvalidData, too_large))?;
    let bytes = file.read_at(0, len).await?;
    String::from_utf8(bytes.to_vec()).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

#[cfg(test)]
mod config_test;
