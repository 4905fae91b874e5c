//! What openraft is told about us: node ids, entries, answers, the runtime.
//!
//! Must stay true: the runtime is the seeded one of `ana-env`, so that a simulated node is
//! deterministic; a node carries no address here (`()`), because addresses live in the metadata
//! machine and change without a membership entry.

use bytes::Bytes;
use openraft::alias;
use openraft::impls::{InlineBatch, OneshotResponder};
use openraft::{EntryPayload, RaftTypeConfig};

use crate::entry::{Answer, Proposal};
use crate::state_machine::StateMachine;

/// The type configuration of every group, metadata and data alike.
#[derive(Debug, Clone, Copy, Default, Eq, PartialEq, Ord, PartialOrd)]
pub struct TC;

impl RaftTypeConfig for TC {
    type D = Proposal;
    type R = Answer;
    type NodeId = u64;
    type Node = ();
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = openraft::Vote<Self::LeaderId>;
    type Payload = EntryPayload<Proposal, u64, ()>;
    type Entry = alias::DefaultEntryOf<Self>;
    type Responder<T>
        = OneshotResponder<Self, T>
    where
        T: Send + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: Send + 'static;
    type AsyncRuntime = ana_env::runtime::Rt;
    type ErrorSource = openraft::AnyError;
}

/// Term and node: the identity of a leader. Two leaders may never share it.
pub type LeaderId = openraft::impls::leader_id_adv::LeaderId<u64, u64>;
/// Identity of an entry.
pub type LogId = alias::LogIdOf<TC>;
/// A vote, granted or not.
pub type Vote = alias::VoteOf<TC>;
/// One log entry.
pub type Entry = alias::EntryOf<TC>;
/// Voters and learners.
pub type Membership = openraft::Membership<u64, ()>;
/// A membership and the entry that carried it.
pub type StoredMembership = alias::StoredMembershipOf<TC>;
/// What identifies a snapshot.
pub type SnapshotMeta = alias::SnapshotMetaOf<TC>;
/// A snapshot is one small buffer: the machine, never records.
pub type SnapshotData = Bytes;
/// A snapshot with its identity.
pub type Snapshot = alias::SnapshotOf<TC, SnapshotData>;
/// The handle of one running replica.
pub type Raft = openraft::Raft<TC, StateMachine>;
