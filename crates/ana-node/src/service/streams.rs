//! Streams: create, delete, describe, list, limits, retention.

use ana_router::{Router, ops};
use ana_types::KinesisError;
use ana_wire::{
    CreateStreamInput, DecreaseStreamRetentionPeriodInput, DeleteStreamInput, DescribeLimitsOutput,
    DescribeStreamInput, DescribeStreamOutput, DescribeStreamSummaryInput,
    DescribeStreamSummaryOutput, IncreaseStreamRetentionPeriodInput, ListStreamsInput,
    ListStreamsOutput, Response, StreamFacts, StreamTarget, WarmThroughput,
};

use super::shards::shard;
use super::tokens::Tokens;

/// How a request names its stream.
pub(super) fn stream_ref(target: StreamTarget) -> ops::StreamRef {
    ops::StreamRef {
        name: target.name,
        arn: target.arn,
    }
}

pub(super) async fn create(
    router: &Router,
    input: CreateStreamInput,
) -> Result<Response, KinesisError> {
    let request = ops::CreateStream {
        name: input.stream_name,
        shard_count: input.shard_count,
        mode: input.mode,
        tags: input.tags,
        max_record_kib: input.max_record_kib,
        warm_throughput_mibps: input.warm_throughput_mibps,
    };
    router
        .create_stream(request)
        .await
        .map(|()| Response::Empty)
}

pub(super) async fn delete(
    router: &Router,
    input: DeleteStreamInput,
) -> Result<Response, KinesisError> {
    let request = ops::DeleteStream {
        stream: stream_ref(input.stream),
        enforce_consumer_deletion: input.enforce_consumer_deletion,
    };
    router
        .delete_stream(request)
        .await
        .map(|()| Response::Empty)
}

pub(super) async fn describe(
    router: &Router,
    input: DescribeStreamInput,
) -> Result<Response, KinesisError> {
    let request = ops::DescribeStream {
        stream: stream_ref(input.stream),
        exclusive_start_shard: input.exclusive_start_shard_id,
        limit: input.limit,
    };
    let view = router.describe_stream(request).await?;
    Ok(Response::DescribeStream(DescribeStreamOutput {
        stream: StreamFacts {
            name: view.name.to_string(),
            arn: view.arn,
            status: view.status,
            mode: view.mode,
            created_ms: view.created_ms,
        },
        retention_hours: view.retention_hours,
        shard_level_metrics: view.shard_level_metrics,
        encryption_key: view.encryption_key,
        shards: view.shards.iter().map(shard).collect(),
        has_more_shards: view.has_more_shards,
    }))
}

pub(super) async fn summary(
    router: &Router,
    input: DescribeStreamSummaryInput,
) -> Result<Response, KinesisError> {
    let summary = router.describe_summary(stream_ref(input.stream)).await?;
    Ok(Response::DescribeStreamSummary(
        DescribeStreamSummaryOutput {
            stream: StreamFacts {
                name: summary.name.to_string(),
                arn: summary.arn,
                status: summary.status,
                mode: summary.mode,
                created_ms: summary.created_ms,
            },
            retention_hours: summary.retention_hours,
            shard_level_metrics: summary.shard_level_metrics,
            encryption_key: summary.encryption_key,
            open_shard_count: summary.open_shards,
            consumer_count: summary.consumers,
            max_record_kib: summary.max_record_kib,
            warm_throughput: summary.warm_throughput.map(|warm| WarmThroughput {
                target_mibps: warm.target_mibps,
                current_mibps: warm.current_mibps,
            }),
        },
    ))
}

pub(super) async fn limits(router: &Router) -> Result<Response, KinesisError> {
    let limits = router.describe_limits().await?;
    Ok(Response::DescribeLimits(DescribeLimitsOutput {
        shard_limit: limits.shard_limit,
        open_shard_count: limits.open_shards,
        on_demand_stream_count: limits.on_demand_streams,
        on_demand_stream_count_limit: limits.on_demand_limit,
    }))
}

pub(super) async fn list(
    router: &Router,
    tokens: &Tokens,
    input: ListStreamsInput,
) -> Result<Response, KinesisError> {
    let exclusive_start = match &input.next_token {
        Some(token) => Some(tokens.open_streams(token)?.to_string()),
        None => input.exclusive_start_stream_name,
    };
    let page = router
        .list_streams(ops::ListStreams {
            exclusive_start,
            limit: input.limit,
        })
        .await?;
    let last = page
        .streams
        .last()
        .map(|stream| stream.name.clone())
        .filter(|_| page.has_more);
    let next_token = last.map(|name| tokens.seal_streams(name)).transpose()?;
    let streams = page.streams.into_iter().map(|stream| StreamFacts {
        name: stream.name.to_string(),
        arn: stream.arn,
        status: stream.status,
        mode: stream.mode,
        created_ms: stream.created_ms,
    });
    Ok(Response::ListStreams(ListStreamsOutput {
        streams: streams.collect(),
        has_more_streams: page.has_more,
        next_token,
    }))
}

pub(super) async fn increase_retention(
    router: &Router,
    input: IncreaseStreamRetentionPeriodInput,
) -> Result<Response, KinesisError> {
    let (stream, hours) = (stream_ref(input.stream), i64::from(input.retention_hours));
    let request = ops::SetRetention {
        stream,
        hours,
        increase: true,
    };
    router
        .set_retention(request)
        .await
        .map(|()| Response::Empty)
}

pub(super) async fn decrease_retention(
    router: &Router,
    input: DecreaseStreamRetentionPeriodInput,
) -> Result<Response, KinesisError> {
    let (stream, hours) = (stream_ref(input.stream), i64::from(input.retention_hours));
    let request = ops::SetRetention {
        stream,
        hours,
        increase: false,
    };
    router
        .set_retention(request)
        .await
        .map(|()| Response::Empty)
}
