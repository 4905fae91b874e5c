//! Settings of the replicas of one node, and how they become openraft's.
//!
//! Must stay true: no queue without a bound, no wait without an end. The times are scaled together:
//! heartbeat < election minimum < election maximum.

use std::path::PathBuf;
use std::time::Duration;

use ana_log::LogConfig;
use ana_types::{GroupId, NodeId, Zone};
use openraft::SnapshotPolicy;

use crate::error::GroupError;

/// Name of the directory of all groups in that of a node.
pub(crate) const GROUPS_DIR: &str = "groups";

/// Time between heartbeats of a leader, milliseconds.
pub const HEARTBEAT_MS: u64 = 75;
/// Least time that a follower waits for its leader, milliseconds: three heartbeats.
pub const ELECTION_MIN_MS: u64 = 225;
/// Most time that a follower waits for its leader, and the length of a lease, milliseconds. Half a second
/// without writes after the loss of a leader leaves no more than this for the lease.
pub const ELECTION_MAX_MS: u64 = 300;
/// A group that was asked for nothing for so long rests, milliseconds.
pub const REST_AFTER_MS: u64 = 10_000;
/// Bytes after which the batcher closes a batch.
pub const BATCH_BYTES: usize = 512 * 1024;
/// How long a batch waits for more while others are in flight.
pub const BATCH_LINGER: Duration = Duration::from_millis(1);
/// Proposals of one group that may be in flight.
pub const BATCHES_IN_FLIGHT_MAX: usize = 8;
/// Appends that may wait in one group.
pub const BATCH_QUEUE_MAX: usize = 8192;
/// Bytes of one answer to a reader of the log, and so of one append to a follower.
pub const APPEND_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Entries of one append to a follower.
const APPEND_ENTRIES_MAX: u64 = 128;
/// Entries of one write to the log.
const WRITE_ENTRIES_MAX: u64 = 128;
/// Requests that may wait for the core of one replica.
const CORE_QUEUE_MAX: u64 = 1024;
/// Notices of finished work inside one replica. The core itself sends here, so it must not be
/// small: a full channel would make the core wait for itself.
const NOTICE_QUEUE_MAX: u64 = 8192;
/// Work that may wait for the state machine.
const MACHINE_QUEUE_MAX: u64 = 256;
/// How much of the time in which no other leader can be elected a leader reads by itself, percent.
const READ_LEASE_PERCENT: u64 = 90;
/// A leader may take itself to be confirmed by so much later a question than the one that was answered (`network/pipeline.rs`
/// sees to it). More than commit notices are behind their entries on a machine that is well.
pub(crate) const OVERSTATED_MAX: Duration = Duration::from_millis(20);
/// Time to send one snapshot and have it installed, milliseconds.
const SNAPSHOT_MS: u64 = 10_000;
/// Disk use, in thousandths, at which the log itself gives up. Above what a leader or a follower
/// refuses, so that the small entries that make room still fit.
const LOG_FULL_PERMILLE: u16 = 985;

/// Settings of the replicas of one node.
#[derive(Debug, Clone)]
pub struct RaftNodeConfig {
    /// This node.
    pub node: NodeId,
    /// Its zone.
    pub zone: Zone,
    /// Where the node keeps its files; groups lie in `groups/<id>` below.
    pub data_dir: PathBuf,
    /// Time between heartbeats of a leader, milliseconds.
    pub heartbeat_ms: u64,
    /// A follower waits at least this long for its leader, milliseconds.
    pub election_min_ms: u64,
    /// A follower waits at most this long for its leader, and votes for nobody else so long after it heard of one; milliseconds.
    pub election_max_ms: u64,
    /// Every proposal, command and barrier ends after this long, milliseconds.
    pub propose_deadline_ms: u64,
    /// Bytes of records that may wait or be in flight in one group.
    pub queued_bytes_max: usize,
    /// A leader proposes a point after this many bytes of log.
    pub point_bytes: u64,
    /// A leader proposes a point after this long, if the log has grown; milliseconds.
    pub point_ms: u64,
    /// A checkpoint is written after this many bytes of log.
    pub checkpoint_bytes: u64,
    /// A checkpoint is written after this long, if anything was applied; milliseconds.
    pub checkpoint_ms: u64,
    /// Fullness of the disk, in thousandths, above which a leader takes no records.
    pub refuse_records_permille: u16,
    /// Fullness of the disk, in thousandths, above which a follower takes no records and a leader no commands.
    pub refuse_entries_permille: u16,
    /// A group that was asked for nothing for so long stops its timers until it is asked again; 0: never. Milliseconds.
    pub rest_after_ms: u64,
    /// Settings of each log.
    pub log: LogConfig,
}

impl RaftNodeConfig {
    /// The settings of decision 9 for a node.
    #[must_use]
    pub fn new(node: NodeId, zone: Zone, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            node,
            zone,
            data_dir: data_dir.into(),
            heartbeat_ms: HEARTBEAT_MS,
            election_min_ms: ELECTION_MIN_MS,
            election_max_ms: ELECTION_MAX_MS,
            propose_deadline_ms: 4000,
            queued_bytes_max: 64 * 1024 * 1024,
            point_bytes: 32 * 1024 * 1024,
            point_ms: 60_000,
            checkpoint_bytes: 64 * 1024 * 1024,
            checkpoint_ms: 5000,
            refuse_records_permille: 900,
            refuse_entries_permille: 960,
            rest_after_ms: REST_AFTER_MS,
            log: LogConfig {
                full_at_permille: LOG_FULL_PERMILLE,
                ..LogConfig::default()
            },
        }
    }

    /// Multiplies every time of the protocol: for slow networks and slow test machines.
    #[must_use]
    pub fn scaled(mut self, percent: u64) -> Self {
        for time in [
            &mut self.heartbeat_ms,
            &mut self.election_min_ms,
            &mut self.election_max_ms,
        ] {
            *time = time.saturating_mul(percent) / 100;
        }
        self
    }

    /// How long a replica that may have acknowledged a leader keeps out of elections after it
    /// starts: a lease it no longer remembers may last so long.
    #[must_use]
    pub fn silence(&self) -> Duration {
        Duration::from_millis(self.election_max_ms)
    }

    /// How long a leader reads by itself after a majority has confirmed it, counted from its question. Those who confirmed
    /// it elect nobody else for the whole of `election_max_ms`, by their own clocks: what lies between is for clocks that
    /// do not run equally fast, and for [`OVERSTATED_MAX`].
    #[must_use]
    pub fn read_lease(&self) -> Duration {
        Duration::from_millis(self.election_max_ms.saturating_mul(READ_LEASE_PERCENT) / 100)
            .saturating_sub(OVERSTATED_MAX)
    }

    /// The end of every proposal.
    #[must_use]
    pub fn propose_deadline(&self) -> Duration {
        Duration::from_millis(self.propose_deadline_ms)
    }

    /// Directory of one group.
    #[must_use]
    pub fn group_dir(&self, group: GroupId) -> PathBuf {
        self.groups_dir().join(group.0.to_string())
    }

    /// Directory of all groups.
    #[must_use]
    pub fn groups_dir(&self) -> PathBuf {
        self.data_dir.join(GROUPS_DIR)
    }

    /// openraft's settings.
    ///
    /// # Errors
    /// When the times contradict each other.
    pub fn raft(&self, group: GroupId) -> Result<openraft::Config, GroupError> {
        openraft::Config {
            cluster_name: format!("group-{group}"),
            heartbeat_interval: self.heartbeat_ms,
            election_timeout_min: self.election_min_ms,
            election_timeout_max: self.election_max_ms,
            install_snapshot_timeout: SNAPSHOT_MS,
            max_payload_entries: APPEND_ENTRIES_MAX,
            max_append_entries: Some(WRITE_ENTRIES_MAX),
            snapshot_policy: SnapshotPolicy::Never,
            // The log is the stream: only a committed trim may shorten it.
            max_in_snapshot_log_to_keep: u64::MAX,
            purge_batch_size: 1,
            api_channel_size: Some(CORE_QUEUE_MAX),
            notification_channel_size: Some(NOTICE_QUEUE_MAX),
            state_machine_channel_size: Some(MACHINE_QUEUE_MAX),
            quorum_loss_probe_interval: Some(self.election_max_ms.saturating_mul(2)),
            enable_pre_vote: Some(true),
            // With a machine that is only checkpointed, resuming a term without a vote is unsafe.
            enable_leader_restore: Some(false),
            ..openraft::Config::default()
        }
        .validate()
        .map_err(|error| GroupError::Config {
            why: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> RaftNodeConfig {
        RaftNodeConfig::new(NodeId(1), Zone::new("a").expect("a valid zone"), "/data")
    }

    #[test]
    fn openraft_accepts_the_settings_at_every_scale() {
        for percent in [20, 100, 400] {
            let raft = config()
                .scaled(percent)
                .raft(GroupId(7))
                .expect("settings agree");
            assert_eq!(raft.enable_leader_restore, Some(false));
            assert_eq!(raft.enable_pre_vote, Some(true));
        }
    }

    #[test]
    fn times_that_contradict_are_refused() {
        let mut config = config();
        config.election_min_ms = config.heartbeat_ms;
        let error = config
            .raft(GroupId(7))
            .expect_err("election before heartbeat");
        assert!(matches!(error, GroupError::Config { .. }), "{error}");
    }
}
