//! Settings of a router: who this node is, who founded the cluster, and the few times and bounds that tests and
//! operators change. Everything else is a named constant beside its use.

use std::time::Duration;

use ana_state::meta::StreamState;
use ana_types::limits::{
    ON_DEMAND_MIBPS_DEFAULT, SUBSCRIPTION_LIFE_MS, SUBSCRIPTION_TAKEOVER_AFTER_MS,
};
use ana_types::planted::{self, Bug};
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
    /// 1 MiB/s and 1,000 records/s in, 2 MiB/s, 5 reads/s and 5 iterators/s out, account limits, and the rates of the
    /// control plane.
    Aws,
    /// None: as fast as the machines go.
    Off,
}

/// When on-demand streams split and merge their shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnDemandConfig {
    /// How often loads are collected.
    pub look_every: Duration,
    /// Loads are averaged over this time; a shard beyond half of its capacity for that long is split.
    pub split_after: Duration,
    /// Neighbours with next to no load for this long are merged; peaks are remembered for as long.
    pub merge_after: Duration,
    /// Writes that a stream grows to at most of its own accord, MiB/s: as many shards.
    pub mibps_max: u32,
}

impl OnDemandConfig {
    /// As AWS does it: split within minutes, merged after a day.
    pub const AWS: Self = Self {
        look_every: Duration::from_secs(15),
        split_after: Duration::from_secs(60),
        merge_after: Duration::from_secs(24 * 3600),
        mibps_max: ON_DEMAND_MIBPS_DEFAULT,
    };
}

/// Settings of one router. There is no default: the program decides every field.
#[derive(Debug, Clone)]
pub struct RouterConfig {
    /// This node; among `members` of a new cluster, or added to an old one by its operator.
    pub this: Member,
    /// Process id, for status only.
    pub pid: u32,
    /// Founding members, the same list on every node; it decides the first voters of the metadata group. A node that
    /// is to join a cluster that exists is not among them: what it has here are nodes that it may talk to.
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
    /// How long an "hour" of retention lasts, milliseconds: an hour, except where retention is to be seen in seconds.
    pub retention_hour_ms: u64,
    /// How often leaders look whether their logs hold what is past its retention.
    pub trim_every: Duration,
    /// How often leaders look whether they stand where metadata prefers them.
    pub balance_every: Duration,
    /// When on-demand streams follow their load.
    pub on_demand: OnDemandConfig,
    /// How long one subscription to a shard lasts; then it ends and the client subscribes again.
    pub subscription_life: Duration,
    /// How long a subscription is safe from a later one of the same consumer to the same shard.
    pub subscription_takeover_after: Duration,
}

impl RouterConfig {
    /// A real hour.
    pub const RETENTION_HOUR_MS: u64 = 3_600_000;
    /// Deadline of one request when nothing else is asked for: with answers and retries it stays under 5 s.
    pub const DEADLINE: Duration = Duration::from_secs(4);
    /// Interval of the trimmer.
    pub const TRIM_EVERY: Duration = Duration::from_secs(5);
    /// Interval of the balancer.
    pub const BALANCE_EVERY: Duration = Duration::from_secs(2);
    /// Life of a subscription.
    pub const SUBSCRIPTION_LIFE: Duration = Duration::from_millis(SUBSCRIPTION_LIFE_MS);
    /// Safety of a subscription.
    pub const SUBSCRIPTION_TAKEOVER_AFTER: Duration =
        Duration::from_millis(SUBSCRIPTION_TAKEOVER_AFTER_MS);

    /// How long records of a stream are served.
    pub(crate) fn retention_ms(&self, stream: &StreamState) -> u64 {
        u64::from(stream.retention_hours).saturating_mul(self.retention_hour_ms)
    }

    /// How much longer they are kept, against clocks that differ: a minute of each hour.
    pub(crate) fn keep_ms(&self, stream: &StreamState) -> u64 {
        if planted::is(Bug::RetentionTooEarly) {
            return self.retention_ms(stream) / 2;
        }
        self.retention_ms(stream)
            .saturating_add(self.retention_hour_ms / 60)
    }
}
