//! Settings of a router: who this node is, who founded the cluster, and the few times and bounds that tests and
//! operators change. Everything else is a named constant beside its use.

use std::time::Duration;

use ana_types::{AccountId, NodeId, Region, Zone};

/// A node as the configuration of every node lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Identity, never given to another machine.
    pub id: NodeId,
    /// Zone: voters of one group stand in different zones.
    pub zone: Zone,
    /// Where peers reach it, `host:port`.
    pub peer_addr: String,
    /// Where clients reach it, `host:port`.
    pub api_addr: String,
}

/// Whether the limits of AWS hold per shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// 1 MiB/s and 1,000 records/s in, 2 MiB/s and 5 reads/s out, account limits.
    Aws,
    /// None: as fast as the machines go.
    Off,
}

/// When a group marks points in its log, the only places a log is trimmed to.
#[derive(Debug, Clone, Copy)]
pub struct TrimSettings {
    /// A point after this many bytes of log.
    pub point_bytes: u64,
    /// A point after this time when anything was written since.
    pub point_every: Duration,
    /// How often a leader looks.
    pub check_every: Duration,
}

/// Settings of one router. There is no default: the program decides every field.
#[derive(Debug, Clone)]
pub struct RouterConfig {
    /// This node; must be among `members` of a new cluster, or registers itself with an old one.
    pub this: Member,
    /// Process id, for status only.
    pub pid: u32,
    /// Founding members, the same list on every node; it decides the first voters of the metadata group.
    pub members: Vec<Member>,
    /// Account in ARNs and messages.
    pub account: AccountId,
    /// Region in ARNs and messages.
    pub region: Region,
    /// Per-shard limits.
    pub limits: Limits,
    /// How long CREATING, UPDATING and DELETING are shown at least, milliseconds.
    pub transition_ms: u64,
    /// How long one request may look for a leader; below the 5 s after which a 503 must have been given.
    pub deadline: Duration,
    /// Points and trims.
    pub trim: TrimSettings,
    /// How often leaders look whether they stand where metadata prefers them.
    pub balance_every: Duration,
}

impl RouterConfig {
    /// Deadline of one request when nothing else is asked for: with answers and retries it stays under 5 s.
    pub const DEADLINE: Duration = Duration::from_secs(4);
    /// Marking points every 16 MiB keeps the part that outlives its retention small.
    pub const POINT_BYTES: u64 = 16 << 20;
    /// A quiet group is marked often enough that an hour's retention error never occurs.
    pub const POINT_EVERY: Duration = Duration::from_mins(10);
    /// Interval of the trimmer.
    pub const TRIM_CHECK_EVERY: Duration = Duration::from_secs(5);
    /// Interval of the balancer.
    pub const BALANCE_EVERY: Duration = Duration::from_secs(2);
}

impl Default for TrimSettings {
    fn default() -> Self {
        Self {
            point_bytes: RouterConfig::POINT_BYTES,
            point_every: RouterConfig::POINT_EVERY,
            check_every: RouterConfig::TRIM_CHECK_EVERY,
        }
    }
}
