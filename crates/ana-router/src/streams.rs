//! The life of streams: create, delete, describe, list, retention. Rules and refusals are the metadata machine's;
//! here requests become commands, and states become answers.
//!
//! Must stay true: reads come after a barrier, so that what one node acknowledged another node shows.

use ana_state::meta::StreamState;
use ana_state::{MetaCommand, MetaReply, Metadata};
use ana_types::limits::{
    DESCRIBE_STREAM_PAGE, LIST_STREAMS_PAGE, MAX_RECORD_KIB_DEFAULT, ON_DEMAND_STREAMS_MAX,
    RETENTION_HOURS_MIN,
};
use ana_types::{KinesisError, ShardIndex, StreamName, StreamStatus, stream_arn};

use crate::config::RouterConfig;
use crate::context::Context;
use crate::list_shards::parse_shard;
use crate::ops::{
    AccountLimits, CreateStream, DeleteStream, DescribeStream, ListStreams, ListedStream,
    SetRetention, StreamPage, StreamRef, StreamSummary, StreamView, WarmThroughput,
};
use crate::router::Answer;
use crate::shard_map;

/// CreateStream.
pub(crate) async fn create(context: &Context, request: CreateStream) -> Answer<()> {
    let name = StreamName::new(&request.name).map_err(|error| KinesisError::Internal {
        why: format!("a stream name: {error}"),
    })?;
    let command = MetaCommand::CreateStream {
        name,
        mode: request.mode,
        shard_count: request.shard_count,
        retention_hours: RETENTION_HOURS_MIN,
        max_record_kib: request.max_record_kib.unwrap_or(MAX_RECORD_KIB_DEFAULT),
        tags: request.tags,
        now_ms: context.now_ms(),
        warm_throughput_mibps: request.warm_throughput_mibps,
    };
    carry_out(context, command).await
}

/// DeleteStream.
pub(crate) async fn delete(context: &Context, request: DeleteStream) -> Answer<()> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let enforce_consumer_deletion = request.enforce_consumer_deletion;
    let now_ms = context.now_ms();
    carry_out(
        context,
        MetaCommand::DeleteStream {
            name,
            enforce_consumer_deletion,
            now_ms,
        },
    )
    .await
}

/// IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.
pub(crate) async fn set_retention(context: &Context, request: SetRetention) -> Answer<()> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let SetRetention {
        stream: _,
        hours,
        increase,
    } = request;
    let now_ms = context.now_ms();
    carry_out(
        context,
        MetaCommand::SetRetention {
            name,
            hours,
            increase,
            now_ms,
        },
    )
    .await
}

/// Proposes a client's command whose success has nothing to tell.
pub(crate) async fn carry_out(context: &Context, command: MetaCommand) -> Answer<()> {
    match context.command(command, context.deadline()).await? {
        MetaReply::Done
        | MetaReply::Stream(_)
        | MetaReply::Consumer { .. }
        | MetaReply::Monitoring { .. }
        | MetaReply::Commitment(_)
        | MetaReply::Resize { .. } => Ok(()),
        MetaReply::Refused(why) => Err(KinesisError::Internal {
            why: why.to_string(),
        }),
    }
}

/// Looks at a stream as of now.
pub(crate) async fn look_at<R>(
    context: &Context,
    stream: &StreamRef,
    question: impl FnOnce(&StreamState) -> R,
) -> Answer<R> {
    let name = shard_map::resolve(&context.config, stream)?;
    context
        .look_now(context.deadline(), |meta| meta.stream(&name).map(question))
        .await?
        .ok_or(KinesisError::StreamNotFound { stream: name })
}

/// The stream of that name whose shards or consumers can be listed; with `created_ms` only one that was created in that
/// second, because clients tell times in seconds.
///
/// # Errors
/// `StreamNotFound`, or `StreamNotActive` while it is CREATING.
pub(crate) fn to_be_listed<'m>(
    meta: &'m Metadata,
    name: &StreamName,
    created_ms: Option<u64>,
) -> Answer<&'m StreamState> {
    let created_s = created_ms.map(|ms| ms / 1000);
    let stream = meta
        .stream(name)
        .filter(|stream| created_s.is_none_or(|s| s == stream.created_ms / 1000))
        .ok_or_else(|| KinesisError::StreamNotFound {
            stream: name.clone(),
        })?;
    if stream.status == StreamStatus::Creating {
        return Err(KinesisError::StreamNotActive {
            stream: name.clone(),
            status: stream.status,
        });
    }
    Ok(stream)
}

fn arn(config: &RouterConfig, name: &StreamName) -> String {
    stream_arn(&config.region, &config.account, name)
}

/// DescribeStream.
pub(crate) async fn describe(context: &Context, request: DescribeStream) -> Answer<StreamView> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let start = request.exclusive_start_shard.as_deref();
    let after = start.map(|text| parse_shard(text, &name)).transpose()?;
    let page_size = page_size(request.limit, DESCRIBE_STREAM_PAGE);
    look_at(context, &request.stream, |stream| {
        view(&context.config, stream, after, page_size)
    })
    .await
}

fn view(
    config: &RouterConfig,
    stream: &StreamState,
    after: Option<ShardIndex>,
    page_size: usize,
) -> StreamView {
    let mut shards = stream
        .listed_shards()
        .filter(|info| Some(info.shard) > after)
        .cloned();
    let page = shards.by_ref().take(page_size).collect();
    let has_more_shards = shards.next().is_some();
    StreamView {
        key: stream.key,
        name: stream.name.clone(),
        arn: arn(config, &stream.name),
        status: stream.status,
        mode: stream.mode,
        shards: page,
        has_more_shards,
        retention_hours: stream.retention_hours,
        created_ms: stream.created_ms,
        shard_level_metrics: stream.settings.shard_level_metrics.clone(),
        encryption_key: stream.settings.encryption_key.clone(),
    }
}

/// DescribeStreamSummary.
pub(crate) async fn summary(context: &Context, stream: StreamRef) -> Answer<StreamSummary> {
    look_at(context, &stream, |stream| StreamSummary {
        key: stream.key,
        name: stream.name.clone(),
        arn: arn(&context.config, &stream.name),
        status: stream.status,
        mode: stream.mode,
        retention_hours: stream.retention_hours,
        created_ms: stream.created_ms,
        open_shards: shown_open_shards(stream),
        consumers: stream.consumer_count(),
        shard_level_metrics: stream.settings.shard_level_metrics.clone(),
        encryption_key: stream.settings.encryption_key.clone(),
        max_record_kib: stream.max_record_kib,
        warm_throughput: warm_throughput(stream),
    })
    .await
}

fn warm_throughput(stream: &StreamState) -> Option<WarmThroughput> {
    let target_mibps = stream.scaling.warm_target_mibps?;
    Some(WarmThroughput {
        target_mibps,
        current_mibps: stream.scaling.warm_current_mibps.unwrap_or(0),
    })
}

/// Open shards as far as listings show shards at all.
fn shown_open_shards(stream: &StreamState) -> u32 {
    let open = stream.listed_shards().filter(|info| info.is_open()).count();
    u32::try_from(open).expect("a stream has at most 2^31 shards")
}

/// DescribeLimits.
pub(crate) async fn limits(context: &Context) -> Answer<AccountLimits> {
    context
        .look_now(context.deadline(), |meta| AccountLimits {
            shard_limit: meta.shard_limit(),
            open_shards: meta.open_shard_count(),
            on_demand_streams: meta.on_demand_stream_count(),
            on_demand_limit: ON_DEMAND_STREAMS_MAX,
        })
        .await
}

/// ListStreams.
pub(crate) async fn list(context: &Context, request: ListStreams) -> Answer<StreamPage> {
    let page_size = page_size(request.limit, LIST_STREAMS_PAGE);
    let after = match request.exclusive_start.as_deref() {
        None => None,
        Some(text) => Some(
            StreamName::new(text).map_err(|error| KinesisError::Internal {
                why: format!("a stream name: {error}"),
            })?,
        ),
    };
    context
        .look_now(context.deadline(), |meta| {
            let mut streams = meta.streams_by_name(after.as_ref());
            let page = streams.by_ref().take(page_size);
            let page = page.map(|stream| listed(&context.config, stream)).collect();
            StreamPage {
                streams: page,
                has_more: streams.next().is_some(),
            }
        })
        .await
}

fn listed(config: &RouterConfig, stream: &StreamState) -> ListedStream {
    ListedStream {
        name: stream.name.clone(),
        arn: arn(config, &stream.name),
        status: stream.status,
        mode: stream.mode,
        created_ms: stream.created_ms,
    }
}

/// What is asked, at least one and at most `cap`; `cap` when nothing is asked.
pub(crate) fn page_size(asked: Option<u32>, cap: usize) -> usize {
    asked
        .map_or(cap, |it| usize::try_from(it).unwrap_or(usize::MAX))
        .clamp(1, cap)
}
