//! UpdateShardCount, UpdateStreamMode and UpdateStreamWarmThroughput: requests become commands. The steps that follow
//! are the driver's.

use ana_state::meta::ScalingCommand;
use ana_state::{MetaCommand, MetaReply};
use ana_types::{KinesisError, StreamName, stream_arn};

use crate::context::Context;
use crate::ops::{
    ShardCountChange, UpdateShardCount, UpdateStreamMode, UpdateWarmThroughput,
    WarmThroughputChange,
};
use crate::router::Answer;
use crate::shard_map;
use crate::streams::{carry_out, look_at};

/// UpdateShardCount.
pub(crate) async fn update_shard_count(
    context: &Context,
    request: UpdateShardCount,
) -> Answer<ShardCountChange> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let target = request.target;
    let command = MetaCommand::Scaling(ScalingCommand::SetShardCount {
        stream: name.clone(),
        target,
        now_ms: context.now_ms(),
    });
    let current = match context.command(command, context.deadline()).await? {
        MetaReply::Resize { key: _, before } => before,
        // As many as there are already.
        MetaReply::Done => target,
        other => return Err(unexpected(&other)),
    };
    Ok(ShardCountChange {
        arn: arn(context, &name),
        name,
        current,
        target,
    })
}

fn arn(context: &Context, name: &StreamName) -> String {
    stream_arn(&context.config.region, &context.config.account, name)
}

fn unexpected(reply: &MetaReply) -> KinesisError {
    KinesisError::Internal {
        why: format!("the metadata answered {reply:?}"),
    }
}

/// UpdateStreamMode.
pub(crate) async fn update_stream_mode(context: &Context, request: UpdateStreamMode) -> Answer<()> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let command = ScalingCommand::SetMode {
        stream: name,
        mode: request.mode,
        warm_throughput_mibps: request.warm_throughput_mibps,
        now_ms: context.now_ms(),
    };
    carry_out(context, MetaCommand::Scaling(command)).await
}

/// UpdateStreamWarmThroughput.
pub(crate) async fn update_warm_throughput(
    context: &Context,
    request: UpdateWarmThroughput,
) -> Answer<WarmThroughputChange> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let command = ScalingCommand::SetWarmThroughput {
        stream: name.clone(),
        mibps: request.mibps,
        now_ms: context.now_ms(),
    };
    carry_out(context, MetaCommand::Scaling(command)).await?;
    let current_mibps = look_at(context, &request.stream, |stream| {
        stream.scaling.warm_current_mibps.unwrap_or(0)
    });
    Ok(WarmThroughputChange {
        arn: arn(context, &name),
        name,
        target_mibps: request.mibps,
        current_mibps: current_mibps.await?,
    })
}
