//! What nodes ask of each other for subscriptions: leases, and waiting for records at a replica.

use ana_types::{GroupId, NodeId, ShardIndex};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Body, Question, RECORDS_BYTES_MAX, Read, Reading, SMALL_BYTES_MAX, postcard_bytes};
use crate::error::Malformed;
use crate::subscribe::leases::{Claimed, ConsumerKey, SessionId};

/// A session asks the leader of the shard's group for the lease. Asking again for the same session is the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// The group.
    pub(crate) group: GroupId,
    /// The shard.
    pub(crate) shard: ShardIndex,
    /// Who reads.
    pub(crate) consumer: ConsumerKey,
    /// The session.
    pub(crate) session: SessionId,
}

/// All sessions of one node on the shards of one group say that they are still there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Renew {
    /// The group.
    pub(crate) group: GroupId,
    /// The sessions; as many as one node serves at most, see `subscribe::sessions`.
    pub(crate) sessions: Vec<Renewal>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Renewal {
    /// The shard.
    pub(crate) shard: ShardIndex,
    /// Who reads.
    pub(crate) consumer: ConsumerKey,
    /// The session.
    pub(crate) session: SessionId,
    /// How long ago it began, milliseconds: nodes do not share a clock.
    pub(crate) age_ms: u64,
}

/// What the leader says to that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Renewed {
    /// Those that have lost their lease.
    pub(crate) lost: Vec<SessionId>,
    /// What the leader has applied: a replica that stays behind this is not read from.
    pub(crate) applied: u64,
}

/// Read at this replica, whether or not it leads; when there is nothing, wait for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Follow {
    /// Which records.
    pub(crate) read: Read,
    /// A replica that has applied less than this declines.
    pub(crate) applied_min: u64,
    /// How long to wait, milliseconds.
    pub(crate) wait_ms: u64,
    /// The node that asks.
    pub(crate) asker: NodeId,
}

postcard_body!(Claim, Claimed, Renew, Renewed, Follow);
question!(Claim, 20, SMALL_BYTES_MAX, Claimed);
question!(Renew, 21, SMALL_BYTES_MAX, Renewed);
question!(Follow, 22, RECORDS_BYTES_MAX, Reading);
