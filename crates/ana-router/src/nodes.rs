//! What an operator may ask about nodes: add, remove, replace, look.
//!
//! Each of them only records what is wanted; the moves that follow are carried out by `moves.rs`.

use ana_state::meta::{Member as MetaMember, MoveStep, NodeCommand, NodePhase};
use ana_state::{MetaCommand, MetaRefusal, MetaReply, Metadata};
use ana_types::{GroupId, KinesisError, NodeId};
use serde::{Deserialize, Serialize};

use crate::config::Member;
use crate::context::Context;

/// All nodes and all moves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MembersView {
    /// Every node of the metadata, ascending.
    pub nodes: Vec<MemberView>,
    /// Nodes that were removed; their ids are not used again.
    pub removed: Vec<NodeId>,
    /// Replicas on the move, by group.
    pub moves: Vec<MoveView>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// Identity.
    pub id: NodeId,
    /// Zone.
    pub zone: String,
    /// Where clients reach it.
    pub api: String,
    /// Where other nodes reach it.
    pub peer: String,
    /// `joining`, `active` or `draining`.
    pub phase: String,
    /// Groups it votes in, or has a replica on its way to it for; the metadata group is one.
    pub replicas: usize,
}

/// One replica on the move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveView {
    /// The group.
    pub group: GroupId,
    /// The node that loses it.
    pub from: Option<NodeId>,
    /// The node that gets it.
    pub to: Option<NodeId>,
    /// `join` (the new replica catches up), `switch` (the voters change) or `back` (it is taken back).
    pub step: String,
}

/// Why something about nodes was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodesError {
    /// The metadata says no.
    #[error("{0}")]
    Refused(MetaRefusal),
    /// No leader was reached, or it is not known what became of it. It may be asked for again.
    #[error("{0}")]
    NotReached(KinesisError),
}

impl NodesError {
    /// Whether it is about a node that there is not.
    #[must_use]
    pub fn is_unknown_node(&self) -> bool {
        matches!(self, Self::Refused(MetaRefusal::UnknownNode { .. }))
    }
}

impl From<KinesisError> for NodesError {
    fn from(error: KinesisError) -> Self {
        Self::NotReached(error)
    }
}

pub(crate) fn meta_member(member: &Member) -> MetaMember {
    MetaMember {
        id: member.id,
        zone: member.zone.clone(),
        peer_addr: member.peer_addr.clone(),
        api_addr: member.api_addr.clone(),
    }
}

pub(crate) async fn add(context: &Context, member: Member) -> Result<MembersView, NodesError> {
    let member = meta_member(&member);
    command(context, NodeCommand::Add(member)).await
}

pub(crate) async fn remove(
    context: &Context,
    node: NodeId,
    force: bool,
) -> Result<MembersView, NodesError> {
    command(context, NodeCommand::Remove { node, force }).await
}

pub(crate) async fn replace(
    context: &Context,
    node: NodeId,
    by: Member,
) -> Result<MembersView, NodesError> {
    let by = meta_member(&by);
    command(context, NodeCommand::Replace { node, by }).await
}

/// All of these say the same a second time, so they may be repeated.
async fn command(context: &Context, command: NodeCommand) -> Result<MembersView, NodesError> {
    let command = MetaCommand::Node(command);
    match context.command_again(command, context.deadline()).await? {
        MetaReply::Refused(why) => Err(NodesError::Refused(why)),
        _ => view(context).await,
    }
}

pub(crate) async fn view(context: &Context) -> Result<MembersView, NodesError> {
    Ok(context.look_now(context.deadline(), describe).await?)
}

pub(crate) fn describe(meta: &Metadata) -> MembersView {
    let nodes = meta.nodes().iter().map(|(id, node)| MemberView {
        id: *id,
        zone: node.zone.as_str().to_owned(),
        api: node.api_addr.clone(),
        peer: node.peer_addr.clone(),
        phase: meta.phase(*id).map_or("", phase_word).to_owned(),
        replicas: meta.replicas_of(*id),
    });
    let moves = meta.moves().iter().map(|(group, it)| MoveView {
        group: *group,
        from: it.from,
        to: it.to,
        step: step_word(it.step).to_owned(),
    });
    MembersView {
        nodes: nodes.collect(),
        removed: meta.removed_nodes().iter().copied().collect(),
        moves: moves.collect(),
    }
}

fn phase_word(phase: NodePhase) -> &'static str {
    match phase {
        NodePhase::Joining => "joining",
        NodePhase::Active => "active",
        NodePhase::Draining { .. } => "draining",
    }
}

fn step_word(step: MoveStep) -> &'static str {
    match step {
        MoveStep::Join => "join",
        MoveStep::Switch => "switch",
        MoveStep::Back => "back",
    }
}
