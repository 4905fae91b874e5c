//! The questions about where leaders stand.

use ana_types::{GroupId, NodeId, Zone};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Body, Question, SMALL_BYTES_MAX, postcard_bytes};
use crate::error::Malformed;

/// Keep leaders out of a zone for a while.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeepOut {
    /// The zone.
    pub(crate) zone: Zone,
    /// For so long from now on, milliseconds; 0 lets them in again.
    pub(crate) lease_ms: u64,
}

/// Done; so many groups are still led there, at this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StillLed(pub(crate) u32);

/// Leave the leader of a group at this node for a while, when it comes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hold {
    /// The group.
    pub(crate) group: GroupId,
    /// For so long from now on, milliseconds; 0 is not at all.
    pub(crate) lease_ms: u64,
}

/// Done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IsHeld;

/// Hand a group that this node leads to another one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MoveLeader {
    /// The group.
    pub(crate) group: GroupId,
    /// The next leader.
    pub(crate) to: NodeId,
    /// How long it stays there, milliseconds.
    pub(crate) lease_ms: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Moved {
    /// It leads now; before, the node did that answers.
    Leads {
        /// The leader before.
        from: NodeId,
    },
    /// It does not, for this reason.
    NotTaken {
        /// For a person.
        why: String,
    },
}

postcard_body!(KeepOut, StillLed, Hold, IsHeld, MoveLeader, Moved);
question!(KeepOut, 40, SMALL_BYTES_MAX, StillLed);
question!(Hold, 41, SMALL_BYTES_MAX, IsHeld);
question!(MoveLeader, 42, SMALL_BYTES_MAX, Moved);
