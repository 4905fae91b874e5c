//! The other end of `forward.rs`: what a node does when a peer, or its own front, asks it as the leader of a group.
//!
//! Must stay true: the same functions serve both, so a forwarded request differs from a local one in nothing but the
//! way; a node that does not lead says so before it does anything.

use std::future::Future;
use std::sync::Arc;

use ana_raft::{CallError, CallHandler, Command, Group, RemoteFault, Reply};
use ana_state::shard::ShardCommand;
use ana_types::GroupId;
use async_trait::async_trait;
use bytes::Bytes;

use crate::context::Context;
use crate::error::Decline;
use crate::messages::{
    Append, AskLoads, AskReport, AskTime, Claim, CommandMeta, CommandShards, Follow, Hold, KeepOut,
    MetaAnswer, MetaIndex, MoveLeader, Question, Read, ReadIndex, Renew, ReportNode, Seal, Sealed,
    Seek, ShardsAnswer, Spend, TimeOfDay, answer_to_body,
};
use crate::status::Report;
use crate::subscribe::{follow, sessions};
use crate::{append, membership, rates, read, scaler, status};

/// A question that this node can answer.
pub(crate) trait Work: Question {
    /// Answers it here.
    fn work(&self, context: &Context)
    -> impl Future<Output = Result<Self::Answer, Decline>> + Send;
}

/// The replica of `group` on this node.
pub(crate) fn replica(context: &Context, group: GroupId) -> Result<Group, Decline> {
    context.groups.get(group).ok_or(Decline::NoReplica)
}

impl Work for Append {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        append::append(context, self).await
    }
}

impl Work for Read {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        read::read(context, self).await
    }
}

impl Work for Seek {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        read::seek(context, self).await
    }
}

impl Work for CommandMeta {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        let group = replica(context, GroupId::METADATA)?;
        match group.command(Command::Meta(self.command.clone())).await? {
            Reply::Meta(outcome) => Ok(MetaAnswer(outcome)),
            Reply::Shard(_) => unreachable!("the metadata group holds the metadata machine"),
        }
    }
}

impl Work for MetaIndex {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        Ok(ReadIndex(
            replica(context, GroupId::METADATA)?.read_barrier().await?,
        ))
    }
}

impl Work for CommandShards {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        let group = replica(context, self.group)?;
        command_shards(&group, self.command.clone()).await
    }
}

async fn command_shards(group: &Group, command: ShardCommand) -> Result<ShardsAnswer, Decline> {
    match group.command(Command::Shard(command)).await? {
        Reply::Shard(outcome) => Ok(ShardsAnswer(outcome)),
        Reply::Meta(_) => unreachable!("a data group holds the shard machine"),
    }
}

impl Work for Seal {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        let group = replica(context, self.group)?;
        group.read_barrier().await?;
        let open: Vec<_> = group.shards(|set| {
            set.shards()
                .filter(|(_, state)| state.is_open())
                .map(|(shard, _)| shard)
                .collect()
        });
        if !open.is_empty() {
            let time_ms = context.now_ms();
            let close = ShardCommand::Close {
                shards: open,
                time_ms,
                children: Vec::new(),
            };
            command_shards(&group, close).await?;
        }
        Ok(Sealed)
    }
}

impl Work for Claim {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        sessions::claim(context, self).await
    }
}

impl Work for Renew {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        sessions::renew(context, self)
    }
}

impl Work for Follow {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        follow::follow(context, self).await
    }
}

impl Work for Spend {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        rates::spend(context, self)
    }
}

impl Work for AskReport {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        Ok::<Report, Decline>(status::report(context))
    }
}

impl Work for AskLoads {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        scaler::answer(context, self.group)
    }
}

impl Work for ReportNode {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        Ok(membership::report_for(context, self).await)
    }
}

impl Work for AskTime {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        Ok::<TimeOfDay, Decline>(TimeOfDay(context.now_ms()))
    }
}

/// Answers the calls of peers.
#[derive(Debug)]
struct Server {
    context: Arc<Context>,
}

/// The handler for `ana-raft`'s server.
pub(crate) fn handler(context: &Arc<Context>) -> Arc<dyn CallHandler> {
    Arc::new(Server {
        context: Arc::clone(context),
    })
}

#[async_trait]
impl CallHandler for Server {
    async fn call(&self, kind: u32, body: Bytes) -> Result<Bytes, CallError> {
        let context = &self.context;
        match kind {
            Append::KIND => serve::<Append>(context, body).await,
            Read::KIND => serve::<Read>(context, body).await,
            Seek::KIND => serve::<Seek>(context, body).await,
            CommandMeta::KIND => serve::<CommandMeta>(context, body).await,
            MetaIndex::KIND => serve::<MetaIndex>(context, body).await,
            CommandShards::KIND => serve::<CommandShards>(context, body).await,
            Seal::KIND => serve::<Seal>(context, body).await,
            Claim::KIND => serve::<Claim>(context, body).await,
            Renew::KIND => serve::<Renew>(context, body).await,
            Follow::KIND => serve::<Follow>(context, body).await,
            Spend::KIND => serve::<Spend>(context, body).await,
            AskReport::KIND => serve::<AskReport>(context, body).await,
            AskTime::KIND => serve::<AskTime>(context, body).await,
            AskLoads::KIND => serve::<AskLoads>(context, body).await,
            KeepOut::KIND => serve::<KeepOut>(context, body).await,
            Hold::KIND => serve::<Hold>(context, body).await,
            MoveLeader::KIND => serve::<MoveLeader>(context, body).await,
            ReportNode::KIND => serve::<ReportNode>(context, body).await,
            _ => Err(CallError::Remote(RemoteFault::UnknownKind)),
        }
    }
}

async fn serve<W: Work>(context: &Context, body: Bytes) -> Result<Bytes, CallError> {
    if body.len() > W::BYTES_MAX {
        tracing::error!(
            kind = W::KIND,
            bytes = body.len(),
            "a peer's message exceeds its bound"
        );
        return Err(CallError::Remote(RemoteFault::Malformed));
    }
    let work = W::from_body(body).map_err(|error| {
        tracing::error!(kind = W::KIND, %error, "a peer's message does not decode");
        CallError::Remote(RemoteFault::Malformed)
    })?;
    Ok(answer_to_body(&work.work(context).await))
}
