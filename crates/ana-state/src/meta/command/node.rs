//! Commands about the nodes of the cluster and about where replicas stand.

use super::Member;
use ana_types::{GroupId, NodeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is asked about nodes. Those that carry the number of a move come from whoever drives it, are
/// idempotent, and do nothing when that move is not where they take it to be. New variants go to
/// the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeCommand {
    /// From an operator: a node may join. It is JOINING until it reports itself.
    Add(Member),
    /// From an operator: a node is drained of its replicas, then it is removed for good.
    Remove {
        /// The node.
        node: NodeId,
        /// Also when its zone is left without a node: its groups then have fewer voters.
        force: bool,
    },
    /// From an operator: a node is drained, another one joins in its zone, in one step.
    Replace {
        /// The node that goes.
        node: NodeId,
        /// The node that comes.
        by: Member,
    },
    /// From the node itself: it follows the metadata, and this is where it is reached.
    Report {
        /// The node.
        member: Member,
        /// Random, chosen with its data directory: another one means that the directory is another.
        incarnation: u64,
    },
    /// Begins as many moves of replicas as are needed and may be under way at once.
    BeginMoves {
        /// Nodes that do not answer now: no replica is moved to these.
        unreachable: BTreeSet<NodeId>,
    },
    /// The new replica has caught up: from here on the move only goes forward.
    SwitchMove {
        /// The group.
        group: GroupId,
        /// The number of the move.
        id: u64,
    },
    /// The group has its new voters, and the change is committed there.
    FinishMove {
        /// The group.
        group: GroupId,
        /// The number of the move.
        id: u64,
    },
    /// A move that is taken back has left the group as it was before.
    UndoneMove {
        /// The group.
        group: GroupId,
        /// The number of the move.
        id: u64,
    },
    /// From the node itself: the replica that a move left on it is deleted.
    ReplicaDeleted {
        /// The group.
        group: GroupId,
        /// The node.
        node: NodeId,
    },
    /// A drained node holds nothing any more: it is removed, and its id is never used again.
    FinishRemove {
        /// The node.
        node: NodeId,
    },
}
