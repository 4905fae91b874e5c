//! Capacity: the number of shards, the mode, warm throughput.

use ana_router::{Router, ops};
use ana_types::KinesisError;
use ana_wire::{
    Response, UpdateShardCountInput, UpdateShardCountOutput, UpdateStreamModeInput,
    UpdateStreamWarmThroughputInput, UpdateStreamWarmThroughputOutput, WarmThroughput,
};

use super::streams::stream_ref;

pub(super) async fn update_shard_count(
    router: &Router,
    input: UpdateShardCountInput,
) -> Result<Response, KinesisError> {
    let request = ops::UpdateShardCount {
        stream: stream_ref(input.stream),
        target: input.target_shard_count,
    };
    let change = router.update_shard_count(request).await?;
    Ok(Response::UpdateShardCount(UpdateShardCountOutput {
        stream_name: change.name.to_string(),
        stream_arn: change.arn,
        current_shard_count: change.current,
        target_shard_count: change.target,
    }))
}

pub(super) async fn update_stream_mode(
    router: &Router,
    input: UpdateStreamModeInput,
) -> Result<Response, KinesisError> {
    let request = ops::UpdateStreamMode {
        stream: ops::StreamRef {
            name: None,
            arn: Some(input.stream_arn),
        },
        mode: input.mode,
        warm_throughput_mibps: input.warm_throughput_mibps,
    };
    router
        .update_stream_mode(request)
        .await
        .map(|()| Response::Empty)
}

pub(super) async fn update_stream_warm_throughput(
    router: &Router,
    input: UpdateStreamWarmThroughputInput,
) -> Result<Response, KinesisError> {
    let request = ops::UpdateWarmThroughput {
        stream: stream_ref(input.stream),
        mibps: input.warm_throughput_mibps,
    };
    let change = router.update_warm_throughput(request).await?;
    Ok(Response::UpdateStreamWarmThroughput(
        UpdateStreamWarmThroughputOutput {
            stream_arn: change.arn,
            stream_name: change.name.to_string(),
            warm_throughput: WarmThroughput {
                target_mibps: change.target_mibps,
                current_mibps: change.current_mibps,
            },
        },
    ))
}
